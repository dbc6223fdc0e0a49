"""Records, DCAT, STAC, styles, map tiles, WMTS and GeoVolumes over HTTP, read by those who know them."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import ogc_server
import pyproj
import pytest
import query_city
import rasterio
import rdflib
import shapely
import stac_pydantic
from lxml import etree
from owslib.wmts import WebMapTileService
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds
from rasterio.windows import from_bounds
from stac_pydantic import api

from ogc.image_grid import pixel_grid
from tests.whole_city import COLOURS, EAST, NORTH, whole_city
from twin.embedded import EmbeddedCluster
from twin.server.app import create_app
from twin.server.city import City

Get = Callable[..., httpx.Response]
TILE = "SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&STYLE=default&FORMAT=image/png&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=1&TILECOL=0"


@pytest.fixture(scope="module")
def city(cluster: EmbeddedCluster, template: str, tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[City]:
    files, data = tmp_path_factory.mktemp("files"), run_folder / f"other-apis-{os.getpid()}"  # each worker of a run has one
    data.mkdir(mode=0o711)
    with query_city.clone_of(template, cluster.dsn) as url, whole_city(url, files, data) as opened:
        yield opened


@pytest.fixture(scope="module")
def base(city: City) -> Iterator[str]:
    with ogc_server.running(create_app(city)) as address:
        yield f"{address}/ogc"


@pytest.fixture(scope="module")
def get(base: str) -> Iterator[Get]:
    with httpx.Client(timeout=60) as client:
        yield lambda path="", **kwargs: client.get(path if path.startswith("http") else f"{base}{path}", **kwargs)


def pixels(content: bytes) -> np.ndarray:
    """Return the bands of a picture as Pillow reads it: (bands, rows, columns)."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.moveaxis(np.asarray(picture), -1, 0)


# -- maps ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("matrix_set", "crs", "flip"), [("WebMercatorQuad", 3857, False), ("WorldCRS84Quad", 4326, False),
                                                         ("CGCS2000Quad", 4490, True)])  # fmt: skip
def test_a_map_tile_lies_where_its_matrix_set_says(get: Get, matrix_set: str, crs: int, flip: bool) -> None:
    """The set's own definition says which ground a tile covers; the colour of an image is there and nowhere else."""
    grid = get(f"/tileMatrixSets/{matrix_set}").json()
    matrix = next(m for m in grid["tileMatrices"] if m["id"] == "18")
    origin = matrix["pointOfOrigin"][::-1] if flip else matrix["pointOfOrigin"]
    to_grid = transform(4549, crs)
    x, y = to_grid(EAST + 16, NORTH + 32)
    side = matrix["cellSize"] * 256
    column, row = int((x - origin[0]) // side), int((origin[1] - y) // side)
    content = get(f"/collections/imagery/map/tiles/{matrix_set}/18/{row}/{column}", params={"f": "png"})
    assert (content.status_code, content.headers["content-type"]) == (200, "image/png")
    drawn = pixels(content.content)
    pixel_x = int((x - origin[0] - column * side) / side * 256)
    pixel_y = int((origin[1] - row * side - y) / side * 256)
    assert tuple(drawn[:, pixel_y, pixel_x]) == (*COLOURS["dom_20200401"], 255)
    far = get(f"/collections/imagery/map/tiles/{matrix_set}/18/{row}/{column + 9}")
    assert (far.status_code, far.content) == (204, b"")


def transform(source: int, target: int) -> Callable[[float, float], tuple[float, float]]:
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    return transformer.transform


def mercator_place(x: float, y: float, level: int) -> tuple[int, int]:
    east, north = transform(4549, 3857)(x, y)
    half = 20037508.342789244
    side = 2 * half / 2**level
    return int((north - half) // -side), int((east + half) // side)


def test_the_day_picks_the_image_and_the_newest_is_on_top(get: Get) -> None:
    row, column = mercator_place(EAST + 48, NORTH + 32, 20)
    path = f"/collections/imagery/map/tiles/WebMercatorQuad/20/{row}/{column}"

    def colours(**given: str) -> set[tuple[int, ...]]:
        answer = get(path, params=given)
        assert answer.status_code == 200, answer.text
        drawn = pixels(answer.content)
        return {tuple(c) for c in drawn[:3, drawn[3] == 255].T.tolist()}

    new, old = COLOURS["dom_20240301"], COLOURS["dom_20200401"]
    assert new in colours()
    assert new not in colours(datetime="2023-01-01")
    assert old in colours(datetime="2023-01-01")
    assert colours(datetime="2024-01-01/..") == {new}
    assert colours(**{"as-of": "1"}) == {old}
    assert get(path, params={"datetime": "2019-01-01"}).status_code == 204
    for wrong in ({"datetime": "gestern"}, {"f": "bmp"}, {"bgcolor": "red"}):
        assert get(path, params=wrong).status_code == 400
    assert get("/collections/houses/map/tiles").status_code == 404


WMTS_TILE = (
    "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&STYLE=default&LAYER=imagery&FORMAT=image/png&TILEMATRIXSET=WebMercatorQuad"
    "&TILEMATRIX=20&TILECOL={column}&TILEROW={row}"
)


@pytest.mark.parametrize(
    "pattern",
    [
        "/collections/imagery/map/tiles/WebMercatorQuad/20/{row}/{column}", WMTS_TILE,
        "/wmts/1.0.0/imagery/default/WebMercatorQuad/20/{row}/{column}.png",
    ],
)  # fmt: skip
def test_a_picture_tile_is_negotiated_in_time_as_items_are(get: Get, pattern: str) -> None:
    """The second image was published after the first: the state before shows the first alone, on whatever day it was taken."""
    row, column = mercator_place(EAST + 48, NORTH + 32, 20)
    address = pattern.format(row=row, column=column)

    def of_state(commit: str) -> str:
        return f"{address}{'&' if '?' in address else '?'}as-of={commit}"

    early, late = ({"Accept-Datetime": time} for time in ("Thu, 31 May 2007 20:35:00 GMT", "Tue, 31 May 2095 20:35:00 GMT"))
    now, first, fixed, newest = get(address), get(address, headers=early), get(of_state("1")), get(address, headers=late)
    assert first.content == fixed.content != now.content == newest.content
    drawn = pixels(first.content)
    assert {tuple(c) for c in drawn[:3, drawn[3] == 255].T.tolist()} == {COLOURS["dom_20200401"]}
    items = get("/collections/imagery/items", headers=early).headers
    assert first.headers["memento-datetime"] == fixed.headers["memento-datetime"] == items["memento-datetime"]
    assert {a.headers["vary"] for a in (now, first, fixed, newest)} == {items["vary"]}
    assert first.headers["content-location"].endswith(of_state("1"))
    assert get(newest.headers["content-location"]).content == now.content
    assert '/collections/imagery/versions>; rel="timemap"' in fixed.headers["link"]
    assert not {"memento-datetime", "content-location", "link"} & now.headers.keys()
    assert "content-location" not in fixed.headers
    for time, wrong in ((early, "x"), ({"Accept-Datetime": "yesterday"}, "1"), ({}, "999999")):
        assert get(of_state(wrong), headers=time).status_code == 400
    before = get(of_state("0"), headers=late)  # as-of means what it says
    assert (before.status_code, before.content) == (204, b"") if "/map/" in address else not pixels(before.content)[3].any()


def test_a_state_is_named_in_wmts_as_any_parameter_is(get: Get) -> None:
    row, column = mercator_place(EAST + 48, NORTH + 32, 20)
    address = WMTS_TILE.format(row=row, column=column)
    named = get(f"{address}&AS-OF=1")
    assert named.content == get(f"{address}&as-of=1").content
    assert named.headers["memento-datetime"] == get("/collections/imagery/items?as-of=1").headers["memento-datetime"]
    assert "as-of" not in named.headers["link"].lower()
    for wrong, headers, locator in (
        (f"{address}&as-of=x", {}, "as-of"), (address, {"Accept-Datetime": "x"}, "Accept-Datetime"), (f"{address}&time=x", {}, "time"),
        ("/wmts?service=WMTS&request=GetCapabilities&as-of=1", {}, "as-of"),
        ("/wmts?service=WMTS&request=GetCapabilities", {"Accept-Datetime": "x"}, "Accept-Datetime"),
    ):  # fmt: skip
        assert etree.fromstring(get(wrong, headers=headers).content)[0].get("locator") == locator


def test_the_definition_names_the_time_of_pictures_too(get: Get) -> None:
    of_time, as_of = ({"$ref": f"#/components/parameters/{name}"} for name in ("Accept-Datetime", "as-of"))
    read = {path: item["get"] for path, item in get("/openapi").json()["paths"].items() if "get" in item}
    timed = {path for path, described in read.items() if of_time in described["parameters"]}
    named = {path for path, described in read.items() if as_of in described["parameters"]}
    assert timed == named
    assert len([path for path in timed if "wmts" in path or "/map/" in path]) == 4


def test_jpeg_and_webp_are_what_they_say(get: Get) -> None:
    row, column = mercator_place(EAST + 16, NORTH + 32, 18)
    path = f"/collections/imagery/map/tiles/WebMercatorQuad/18/{row}/{column}"
    for form, bands in (("jpeg", 3), ("webp", 4)):
        answer = get(path, params={"f": form})
        assert answer.headers["content-type"] == f"image/{form}"
        assert pixels(answer.content).shape == (bands, 256, 256)
        assert get(path, params={"f": form}, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("matrix_set", "address"),
    [
        ("WebMercatorQuad", "wmts/1.0.0/WMTSCapabilities.xml"),
        ("WorldCRS84Quad", "wmts?service=WMTS&request=GetCapabilities"),
        ("CGCS2000Quad", "wmts/1.0.0/WMTSCapabilities.xml"),
    ],
)
def test_gdal_reads_the_images_through_wmts(base: str, matrix_set: str, address: str, tmp_path: Path) -> None:
    """GDAL's WMTS driver shows an image where it lies; its own arithmetic places the tiles."""
    lonlat = transform(4549, 4326)
    bounds = (*lonlat(EAST + 4, NORTH + 4), *lonlat(EAST + 28, NORTH + 60))
    with (
        rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)),
        rasterio.open(f"WMTS:{base}/{address},layer=imagery,tilematrixset={matrix_set}") as service,
    ):
        window = from_bounds(*transform_bounds("EPSG:4326", service.crs, *bounds), service.transform)
        seen = service.read([1, 2, 3], window=window, out_shape=(3, 16, 16))
    assert {tuple(c) for c in seen.reshape(3, -1).T.tolist()} == {COLOURS["dom_20200401"]}


def test_owslib_finds_layers_days_and_tiles(base: str) -> None:
    service = WebMapTileService(f"{base}/wmts")
    layer = service["imagery"]
    assert layer.dimensions["Time"]["values"] == ["2020-04-01", "2024-03-01"]
    assert layer.dimensions["Time"]["default"] == "2024-03-01"
    assert set(service.tilematrixsets) == {"WebMercatorQuad", "WorldCRS84Quad", "CGCS2000Quad"}
    row, column = mercator_place(EAST + 48, NORTH + 32, 20)
    tile = service.gettile(layer="imagery", tilematrixset="WebMercatorQuad", tilematrix="20", row=row, column=column,
                           format="image/png", time="2021-01-01")  # fmt: skip
    drawn = pixels(tile.read())
    assert {tuple(c) for c in drawn[:3, drawn[3] == 255].T.tolist()} == {COLOURS["dom_20200401"]}


@pytest.mark.parametrize(
    ("query", "code", "locator"),
    [
        ("", "MissingParameterValue", "service"),
        ("service=WMS&request=GetMap", "InvalidParameterValue", "service"),
        (
            f"{TILE.replace('GetTile', 'GetFeatureInfo')}&TILEROW=0&LAYER=imagery&I=1&J=1&INFOFORMAT=text/html",
            "OperationNotSupported",
            "GetFeatureInfo",
        ),
        ("service=WMTS&request=GetCapabilities&acceptversions=2.0.0", "VersionNegotiationFailed", "acceptversions"),
        ("service=WMTS&request=GetTile&version=1.0.0", "MissingParameterValue", "layer"),
        ("service=WMTS&request=GetCapabilities&foo=1", "InvalidParameterValue", "foo"),
        (f"{TILE}&LAYER=secret&TILEROW=0", "InvalidParameterValue", "layer"),
        (f"{TILE}&LAYER=imagery&TILEROW=9", "TileOutOfRange", "tilerow"),
        (f"{TILE}&LAYER=imagery&TILEROW=0".replace("TILECOL=0", "TILECOL=2"), "TileOutOfRange", "tilecol"),
        (f"{TILE}&LAYER=imagery&TILEROW=x", "InvalidParameterValue", "tilerow"),
        (f"{TILE}&LAYER=imagery&TILEROW=9".replace("TILEMATRIX=1", "TILEMATRIX=99"), "InvalidParameterValue", "tilematrix"),
        (f"{TILE}&LAYER=imagery&TILEROW=0&TIME=%01", "InvalidParameterValue", "time"),
    ],
)
def test_wmts_says_what_is_wrong_as_its_clients_know_it(get: Get, query: str, code: str, locator: str) -> None:
    answer = get(f"/wmts?{query}")
    assert answer.status_code == (404 if code == "TileOutOfRange" else 400)
    exception = etree.fromstring(answer.content)[0]
    assert (exception.get("exceptionCode"), exception.get("locator")) == (code, locator)
    assert etree.fromstring(answer.content).get("{http://www.w3.org/XML/1998/namespace}lang") == "zh-Hans"
    assert get(f"/wmts?{query}", headers={"Accept-Language": "en"}).headers["content-language"] == "en"


# -- styles ----------------------------------------------------------------------------------------------------------------------


def test_every_style_sheet_is_had_in_the_form_its_link_says(get: Get) -> None:
    listed = [get("/styles").json(), *(get(f"/collections/{slug}/styles").json() for slug in ("houses", "imagery"))]
    assert all(document["default"] in {style["id"] for style in document["styles"]} for document in listed)
    seen = set()
    for style in (style for document in listed for style in document["styles"]):
        for link in style["links"]:
            answer = get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0]
            seen.add((link["rel"], link["type"]))
            if link["type"] == "image/svg+xml":
                assert etree.fromstring(answer.content).tag == "{http://www.w3.org/2000/svg}svg"
            if link["rel"] == "stylesheet" and "sld" in link["type"]:
                assert etree.fromstring(answer.content).get("version")[:3] == link["type"][-3:]
    assert len([pair for pair in seen if pair[0] == "stylesheet"]) == 4
    assert get("/collections/houses/styles/usage?f=qml").status_code == 400
    assert get("/collections/houses/styles/nosuch").status_code == 404
    assert get("/collections/secret/styles").status_code == 404


def test_maplibre_sources_are_our_tiles(get: Get) -> None:
    style = get("/styles/city?f=mbs").json()
    assert set(style["sources"]) == {"houses", "imagery"}
    assert "glyphs" not in style
    assert "sprite" not in style
    for source in style["sources"].values():
        assert get(source["tiles"][0].format(z=18, y=0, x=0)).status_code == 204
    tiles = get("/collections/houses/tiles/WebMercatorQuad?f=tilejson").json()
    assert {source["maxzoom"] for source in style["sources"].values()} == {tiles["maxzoom"]}
    assert style["layers"][0]["type"] == "raster", "what is drawn first lies below"


def test_gdal_and_the_page_agree_on_the_legend(get: Get) -> None:
    """Rules of the descriptor, conditions of the 3D style and the map's expression give one colour to one value."""
    sheet = etree.fromstring(get("/collections/houses/styles/usage?f=sld10").content)
    names = {"sld": "http://www.opengis.net/sld", "ogc": "http://www.opengis.net/ogc"}
    rules = {
        rule.findtext("ogc:Filter/ogc:PropertyIsEqualTo/ogc:Literal", namespaces=names): rule.findtext(
            ".//sld:Fill/sld:CssParameter", namespaces=names
        )
        for rule in sheet.iterfind(".//sld:Rule", names)
    }
    conditions = get("/collections/houses/styles/usage?f=3dtiles").json()["color"]["conditions"]
    in_3d = {c.split("'")[1] if "'" in c else None: colour.split("'")[1] for c, colour in conditions}
    fill = next(layer for layer in get("/collections/houses/styles/usage?f=mbs").json()["layers"] if layer["type"] == "fill")
    match = fill["paint"]["fill-color"]
    on_map = dict(zip(match[2:-1:2], match[3:-1:2], strict=True)) | {None: match[-1]}
    assert rules == in_3d == on_map
    assert rules["residential"] == "#123456", "the deployment's own style file is over the type's"


# -- records ---------------------------------------------------------------------------------------------------------------------


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


def test_a_record_says_who_how_new_how_good_and_from_where(get: Get) -> None:
    record = get("/collections/catalogue/items/houses").json()
    said = record["properties"]
    assert (said["owner_department"], said["steward"], said["license"]) == ("自然资源局", "测绘科", "CC-BY-4.0")
    assert (said["source_platform"], said["update_cycle"], said["update_cycle_title"]) == ("不动产登记平台", "monthly", "每月")
    assert (said["sharing"], said["sharing_title"], said["freshness"]) == ("open", "无条件共享", "current")
    assert said["count"] == 3
    assert said["quality"]["rejected_rows"] == 0
    assert said["lineage"]["files"][0]["name"] == "houses.geojson"
    assert len(said["lineage"]["files"][0]["sha256"]) == 64
    assert shapely.geometry.shape(record["geometry"]).covers(shapely.Point(119.9894, 31.8029).buffer(0.0001)) is False
    due = dt.datetime.fromisoformat(said["next_due"]) - dt.datetime.fromisoformat(said["updated"])
    assert due == dt.timedelta(days=31)
    assert get("/collections/catalogue/items/secret").status_code == 404


def test_a_record_says_of_which_time_the_data_are_and_how_they_are_had(get: Get) -> None:
    houses, imagery = (get(f"/collections/catalogue/items/{name}").json() for name in ("houses", "imagery"))
    assert (houses["time"], imagery["time"]) == (None, {"interval": ["2020-04-01", "2024-03-01"]})
    had = {entry["mediaType"] for entry in houses["properties"]["formats"]}
    of_items = {e["type"] for e in get("/collections/houses").json()["links"] if e["rel"] == "items"} - {"text/html"}
    assert had == of_items | {"application/vnd.mapbox-vector-tile", "application/3dtiles+json"}
    files = [e for e in houses["links"] if e["rel"] == "enclosure"]
    assert {e["href"] for e in files} == {e["href"] for e in get("/collections/houses").json()["links"] if e["rel"] == "enclosure"}
    assert files


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["houses", "imagery"]),
        ({"q": "房屋"}, ["houses"]),
        ({"q": "nothing of it,ORTHO"}, ["imagery"]),
        ({"q": "测绘科"}, ["houses"]),
        ({"type": "dataset"}, ["houses", "imagery"]),
        ({"type": "service"}, []),
        ({"ids": "imagery,nosuch"}, ["imagery"]),
        ({"bbox": "119,31,121,32"}, ["houses", "imagery"]),
        ({"bbox": "0,0,1,1"}, []),
        ({"datetime": "2000-01-01/2001-01-01"}, ["houses"]),  # houses say nothing of when they stand
        ({"datetime": "2024-03-01/.."}, ["houses", "imagery"]),
        ({"datetime": "2024-03-02/.."}, ["houses"]),
        ({"filter": "owner_department='自然资源局' AND count >= 3"}, ["houses"]),
        ({"filter": "update_cycle IS NULL"}, ["imagery"]),
        ({"filter": "S_INTERSECTS(geometry, BBOX(0,0,1,1))"}, []),
        ({"filter": "updated > TIMESTAMP('2001-01-01T00:00:00Z') AND CASEI(title) = CASEI('房屋')"}, ["houses"]),
        ({"owner_department": "自然资源局"}, ["houses"]),
        ({"sortby": "-count"}, ["houses", "imagery"]),
        ({"sortby": "count"}, ["imagery", "houses"]),
        ({"sortby": "-id", "limit": "1"}, ["imagery"]),
    ],
)
def test_records_are_found(get: Get, query: dict[str, str], found: list[str]) -> None:
    assert ids(get("/collections/catalogue/items", params=query)) == found


@pytest.mark.parametrize(
    "query",
    [{"q": ","}, {"bbox": "1,2,3"}, {"datetime": "../.."}, {"filter": "geom = 1"}, {"filter": "nosuch = 1"}, {"sortby": "colour"},
     {"filter": "valid_from IS NULL"}, {"offset": "-1"}, {"facets": "colour"}, {"facets": "sharing:x"}, {"limit": "0"}, {"colour": "red"}],
)  # fmt: skip
def test_what_makes_no_sense_to_the_catalogue_is_a_400(get: Get, query: dict[str, str]) -> None:
    answer = get("/collections/catalogue/items", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_pages_and_facets_of_records(get: Get) -> None:
    first = get("/collections/catalogue/items", params={"limit": 1, "facets": "owner_department,sharing:1:value_asc"}).json()
    assert (first["numberMatched"], first["numberReturned"]) == (2, 1)
    assert first["facets"]["owner_department"]["buckets"] == [{"value": "自然资源局", "title": "自然资源局", "count": 1}]
    assert first["facets"]["sharing"]["buckets"] == [{"value": "open", "title": "无条件共享", "count": 2}]
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    assert ids(get(following)) == ["imagery"]
    assert not [link for link in get(following).json()["links"] if link["rel"] == "next"]
    page = get("/collections/catalogue/items", params={"f": "html", "lang": "en"}).text
    assert "<th>Owner department</th>" in page
    assert '/collections/catalogue?f=html">Catalogue</a>' in page


def test_dcat_is_read_by_rdflib(get: Get) -> None:
    graph = rdflib.Graph().parse(data=get("/dcat").text, format="json-ld")
    dcat, dct = rdflib.Namespace("http://www.w3.org/ns/dcat#"), rdflib.Namespace("http://purl.org/dc/terms/")
    datasets = {str(graph.value(d, dct.identifier)): d for d in graph.objects(None, dcat.dataset)}
    assert set(datasets) == {"houses", "imagery"}
    house = datasets["houses"]
    assert {str(t) for t in graph.objects(house, dct.title)} == {"房屋", "Houses"}
    assert str(graph.value(house, dct.accrualPeriodicity)).endswith("/frequency/MONTHLY")
    assert str(graph.value(house, dct.accessRights)).endswith("/access-right/PUBLIC")
    for distribution in graph.objects(house, dcat.distribution):
        assert get(str(graph.value(distribution, dcat.accessURL))).status_code == 200
    forms = {slug: {str(graph.value(d, dct.title)) for d in graph.objects(node, dcat.distribution)} for slug, node in datasets.items()}
    assert forms == {"houses": {"GeoJSON", "Mapbox Vector Tiles", "3D Tiles"}, "imagery": {"GeoJSON", "WMTS", "STAC"}}
    assert get("/dcat/secret").status_code == 404


# -- STAC ------------------------------------------------------------------------------------------------------------------------


def test_stac_documents_are_valid(get: Get) -> None:
    stac_pydantic.Catalog.model_validate(get("/stac").json())
    api.LandingPage.model_validate(get("/stac").json())
    (listed,) = get("/stac/collections").json()["collections"]
    stac_pydantic.Collection.model_validate(listed)
    assert listed["extent"]["temporal"]["interval"] == [["2020-04-01T00:00:00Z", "2024-03-01T00:00:00Z"]]
    api.ItemCollection.model_validate(get("/stac/search").json())
    for item in get("/stac/collections/imagery/items").json()["features"]:
        stac_pydantic.Item.model_validate(get(next(e["href"] for e in item["links"] if e["rel"] == "self")).json())


def _body(query: dict[str, object]) -> dict[str, object]:
    """Return what a search by parameters is as a body: lists and numbers as JSON has them."""
    readers = {"intersects": json.loads, "bbox": lambda text: json.loads(f"[{text}]")}
    readers |= dict.fromkeys(("collections", "ids"), lambda text: text.split(","))
    return {name: readers.get(name, lambda value: value)(value) for name, value in query.items()}


def test_every_date_is_in_the_stac_with_its_image(get: Get, base: str) -> None:
    def posted(body: dict[str, object]) -> tuple[list[str], dict[str, object]]:
        answer = httpx.post(f"{base}/stac/search", json=body)
        return ids(answer), next((e["body"] for e in answer.json()["links"] if e["rel"] == "next"), {})

    root = base.removesuffix("/ogc")
    found = get("/stac/search").json()["features"]
    assert [f["properties"]["datetime"] for f in found] == ["2020-04-01T00:00:00Z", "2024-03-01T00:00:00Z"]
    for item in found:
        asset = item["assets"]["image"]
        assert asset["href"].startswith(root)
        with MemoryFile(get(asset["href"]).content) as memory, memory.open() as picture:
            assert tuple(picture.read([1, 2, 3])[:, 30, 30]) == COLOURS[item["properties"]["title"]]
            assert item["properties"]["proj:shape"] == list(picture.shape)
            grid = rasterio.Affine(*item["properties"]["proj:transform"])
            for corner in ((0, 0), (picture.width, picture.height)):
                assert grid @ corner == pytest.approx(picture.transform @ corner, rel=0, abs=2e-3)
    inside, outside = "119.98,31.8,119.999,31.81", "0,0,1,1"
    area = json.dumps(shapely.geometry.mapping(shapely.box(119.98, 31.8, 119.999, 31.81)))
    for query, count in (
        ({"datetime": "2021-01-01/.."}, 1), ({"datetime": "2020-04-01"}, 1), ({"bbox": inside}, 2), ({"bbox": outside}, 0),
        ({"collections": "nosuch"}, 0), ({"collections": "imagery"}, 2), ({"ids": found[0]["id"]}, 1), ({"ids": "x"}, 0),
        ({"intersects": area}, 2), ({"limit": 1}, 1),
    ):  # fmt: skip
        assert len(get("/stac/search", params=query).json()["features"]) == count, query
        assert posted(_body(query))[0] == [f["id"] for f in get("/stac/search", params=query).json()["features"]]
    first, following = posted({"limit": 1})
    assert first + posted({"limit": 1} | following)[0] == [f["id"] for f in found]
    by_method = {e["method"] for e in get("/stac").json()["links"] if e["rel"] == "search"}
    assert by_method == {"GET", "POST"}
    seen, address = [], f"{base}/stac/search?limit=1"
    while address:
        page = get(address).json()
        seen += [f["id"] for f in page["features"]]
        address = next((entry["href"] for entry in page["links"] if entry["rel"] == "next"), None)
    assert seen == [f["id"] for f in found]
    for wrong in ({"intersects": "{"}, {"token": "x"}, {"colour": "red"}, {"bbox": "1,2,3,4,5"}, {"datetime": "x"}):
        assert get("/stac/search", params=wrong).status_code == 400
    for body in (
        {"ids": "", "collections": True},
        {"collections": "imagery"},
        {"ids": [1]},
        {"bbox": "0,0,1,1"},
        {"limit": True},
        {"datetime": 1},
    ):
        assert httpx.post(f"{base}/stac/search", json=body).status_code == 400, body
    for wrong in ({"intersects": "{"}, {"bbox": "1,2,3,4,5"}, {"datetime": "x"}):  # though no collection is asked with it
        assert get("/stac/search", params={"collections": "none"} | wrong).status_code == 400
    assert get("/stac/collections/houses").status_code == 404


@pytest.mark.parametrize(("srid", "size"), [(4549, 0.2), (4490, 2e-6), (32650, 0.5)])
def test_the_grid_of_an_image_is_that_of_its_footprint(srid: int, size: float) -> None:
    """The grid comes back to a millimetre at its far corner, and of an image that lies turned none is told."""
    east, north = pyproj.Transformer.from_crs(4326, srid, always_xy=True).transform(119.99, 31.81)
    for turned in (0.0, 30.0):
        grid = (
            rasterio.Affine.translation(round(east, 6), round(north, 6))
            @ rasterio.Affine.rotation(turned)
            @ rasterio.Affine.scale(size, -size)
        )
        ring = shapely.segmentize(shapely.Polygon([grid @ corner for corner in ((0, 0), (0, 3000), (5000, 3000), (5000, 0))]), 500 * size)
        footprint = shapely.transform(ring, pyproj.Transformer.from_crs(srid, 4326, always_xy=True).transform, interleaved=False)
        told = pixel_grid(shapely.geometry.mapping(shapely.set_precision(footprint, 1e-9)), srid, 5000, 3000)
        assert (told is None) == (turned != 0)
        if told is not None:
            assert rasterio.Affine(*told) @ (5000, 3000) == pytest.approx(grid @ (5000, 3000), rel=0, abs=1.5e-3 if size > 1e-3 else 2e-8)
    assert pixel_grid(shapely.geometry.mapping(shapely.box(119, 31, 120, 32)), 999_999, 10, 10) is None


# -- GeoVolumes ------------------------------------------------------------------------------------------------------------------


def test_a_collection_in_3d_links_to_its_tileset_with_a_volume(get: Get) -> None:
    document = get("/collections/houses").json()
    (bbox,) = document["extent"]["spatial"]["bbox"]
    assert document["extent"]["spatial"]["crs"].endswith("CRS84h")
    assert 26 < bbox[5] - bbox[2] < 28, "the highest house has 27 m"
    tilesets = [e for e in document["links"] if e["rel"].endswith("3d-geovolumes")]
    assert {e["type"] for e in tilesets} == {"application/3dtiles+json", "application/json+3dtiles"}
    for entry in tilesets:
        assert get(entry["href"]).json()["asset"]["version"] == "1.1"
    template = document["linkTemplates"][0]["uriTemplate"]
    filtered = template.replace("{filter}", urllib.parse.quote("floors_above > 3"))
    assert get(filtered).json()["root"]
    assert "contentExtent" not in get("/collections/imagery").json()


def test_containers_by_volume(get: Get) -> None:
    whole = get("/geovolumes").json()
    assert [child["id"] for child in whole["children"]] == ["houses"]
    for entry in whole["children"][0]["content"]:
        assert get(entry["href"]).status_code == 200, entry
    west, south, low, east, north, high = whole["extent"]["spatial"]["bbox"][0]
    for box, count in (
        ((west, south, east, north), 1), ((0, 0, 1, 1), 0), ((west, south, high + 1, east, north, high + 9), 0),
        ((west, south, low, east, north, high), 1),
    ):  # fmt: skip
        assert len(get("/geovolumes", params={"bbox": ",".join(map(str, box))}).json()["children"]) == count
    assert get("/geovolumes/houses").json()["contentExtent"]["region"][4] == low
    assert get("/geovolumes/imagery").status_code == 404
    assert get("/geovolumes", params={"bbox": "9"}).status_code == 400
    slugs = [c["id"] for c in get("/collections", params={"bbox": "0,0,1,1"}).json()["collections"]]
    assert "houses" not in slugs


@pytest.mark.parametrize(
    "path",
    ["", "/styles", "/styles/city", "/collections/houses/styles", "/collections/houses/styles/usage", "/collections/catalogue",
     "/collections/catalogue/items", "/collections/catalogue/items/houses", "/collections/catalogue/queryables", "/geovolumes",
     "/collections/houses", "/collections/imagery/map/tiles", "/stac"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_have_no_script_and_load_nothing_from_elsewhere(get: Get, base: str, path: str, language: str) -> None:
    answer = get(path, params={"f": "html", "lang": language})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), answer.text
    assert "<script" not in answer.text
    for element in etree.HTML(answer.text).iter("link", "img", "iframe"):
        assert (element.get("src") or element.get("href")).startswith((base, "data:"))


# -- problems --------------------------------------------------------------------------------------------------------------------

CHINESE = re.compile("[\u4e00-\u9fff]")
BESIDE = [
    *("/tiles/no/tileset.json", "/tiles/no/1/layer.json", "/tiles/houses/1/i/9/0/0.subtree", "/tiles/houses/tileset.json?filter=x"),
    *("/tiles/no/export.3tz", "/tiles/imagery/1/0/0/0.webp?on=x", "/scene.json/no", "/no", "/ogc/no"),
]
"""Addresses that no definition has."""


def told(answer: httpx.Response) -> tuple[str, str]:
    """Return what an answer says went wrong, as its door's clients read it, and in which language it says to be."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "text/xml":
        return etree.fromstring(answer.content)[0][0].text or "", answer.headers["content-language"]
    document = answer.json()
    if kind == "application/json" and "arcgis" in answer.url.path:
        message = document["error"]["message"]
        return message, "zh-Hans" if CHINESE.search(message) else "en"
    assert kind == "application/problem+json", answer.url
    reasons = [fault.get("reason", "") for fault in document.get("errors", ())]
    assert all(CHINESE.search(text) is not None for text in reasons) or answer.headers["content-language"] == "en", reasons
    return f"{document['title']} {document['detail']}", answer.headers["content-language"]


def wrong_requests(get: Get, root: str) -> Iterator[tuple[str, str]]:
    """Yield a request to every operation of the definitions that cannot be answered: an unknown parameter, names of nothing."""
    for prefix, definition in (("/ogc", get("/openapi").json()), ("", get(f"{root}/api/openapi").json())):
        for path, operations in definition["paths"].items():
            if not prefix and "{" not in path:
                continue  # what /api is not asked for by name it takes as it comes
            for method in operations:
                yield method.upper(), prefix + re.sub(r"\{[^}]+\}", "no-such", path) + "?no-such=1"
    yield from (("GET", path) for path in BESIDE)
    yield from (("PUT", path) for path in ("/", "/scene.json", "/api/commits", "/ogc/search", "/tiles/houses/tileset.json"))


def test_every_door_says_what_is_wrong_in_the_callers_language(get: Get, base: str) -> None:
    root, seen = base.removesuffix("/ogc"), set()
    with httpx.Client(base_url=root, timeout=60) as client:
        for method, address in wrong_requests(get, root):
            for language, accepted in (("zh-Hans", "zh-CN,zh;q=0.9"), ("en", "en-GB, en;q=0.8, zh;q=0.5")):
                answer = client.request(method, address, headers={"Accept-Language": accepted})
                text, said = told(answer)
                assert said == language, (method, address)
                assert (CHINESE.search(text) is not None) == (language == "zh-Hans"), (method, address, text)
                assert answer.status_code < 500, (method, address)
                if answer.status_code == 405:
                    assert answer.headers["allow"], (method, address)
            seen.add(answer.headers["content-type"].partition(";")[0])
    assert seen == {"application/problem+json", "text/xml", "application/json"}


@pytest.mark.parametrize("path", ["/", "/livez", "/scene.json", "/api/commits", "/api/openapi", "/ogc", "/ogc/collections/houses/items"])
def test_head_says_what_get_says(base: str, path: str) -> None:
    with httpx.Client(base_url=base.removesuffix("/ogc"), headers={"Accept-Encoding": "identity"}, timeout=60) as client:
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert {name: head.headers.get(name) for name in ("content-length", "content-type", "etag")} == {
            name: whole.headers.get(name) for name in ("content-length", "content-type", "etag")
        }
        if (tag := whole.headers.get("etag")) is not None:
            in_lines = [['"other"', tag]] if path != "/" else []  # the framework's files look at the first line alone
            for held in ([f'"other", {tag}'], ["*"], *in_lines):
                assert client.get(path, headers=[("If-None-Match", line) for line in held]).status_code == 304
