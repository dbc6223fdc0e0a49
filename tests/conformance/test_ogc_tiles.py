"""OGC API - Tiles over HTTP: grids, metadata by the official schemas, what tiles show, how large they are and how long they are kept."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import mapbox_vector_tile
import ogc_server
import pmtiles.reader
import pyproj
import pytest
import query_city as city
import shapely
from starlette.requests import Request

from ogc.tile_door import _question
from tests.official_schemas import official
from twin.catalogue import Catalogue
from twin.model import Principal
from twin.server.vector_tile_archive import export_vector_tiles
from twin.tile_cache import KeptTile, TileCache
from twin.tile_matrix_sets import MATRIX_SETS, TileMatrixSet

Get = Callable[..., httpx.Response]
CENTRE = (city.EAST + 150, city.NORTH + 60)


@pytest.fixture(scope="module")
def get(catalogue: Catalogue, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Get]:
    cache = TileCache(tmp_path_factory.mktemp("tiles"), 1 << 24)
    with ogc_server.served(catalogue, database, tile_cache=cache) as base, httpx.Client(timeout=30) as client:
        yield lambda path="", **kwargs: client.get(path if path.startswith("http") else f"{base}{path}", **kwargs)


def _address(grid: TileMatrixSet, level: int, place: tuple[float, float] = CENTRE) -> str:
    x, y = pyproj.Transformer.from_crs(4549, grid.srid, always_xy=True).transform(*place)
    column, row = math.floor((x - grid.west) / grid.side(level)), math.floor((grid.north - y) / grid.side(level))
    return f"{grid.id}/{level}/{row}/{column}"


def _layers(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return mapbox_vector_tile.decode(response.content, default_options={"y_coord_down": True})


def _features(response: httpx.Response, layer: str = "buildings") -> list[Mapping[str, Any]]:
    return list(_layers(response)[layer]["features"])


# -- grids and metadata ----------------------------------------------------------------------------------------------------------


def _official(name: str, document: object) -> None:
    schemas = official("ogcapi-tiles", "ogcapi-tiles-1.bundled.json")
    schema = json.loads(schemas.read_text(encoding="utf-8")) | {"$ref": f"#/components/schemas/{name}"}
    jsonschema.Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_documents_meet_the_official_schemas(get: Get, language: str) -> None:
    asked = {"lang": language}
    for item in get("/tileMatrixSets", params=asked).json()["tileMatrixSets"]:
        _official("tileMatrixSet-item", item)
        _official("tileMatrixSet", get(f"/tileMatrixSets/{item['id']}", params=asked).json())
    for own in ("/tiles", "/collections/pipes/tiles"):
        listed = get(own, params=asked).json()
        assert len(listed["tilesets"]) == len(MATRIX_SETS)
        for item in listed["tilesets"]:
            _official("tileSet-item", item)
            scheme = next(entry for entry in item["links"] if entry["rel"].endswith("/tiling-scheme"))
            assert get(scheme["href"]).json()["crs"] == item["crs"]
        for name in MATRIX_SETS:
            _official("tileSet", get(f"{own}/{name}", params=asked).json())
    # of the bundle's other schemas those of collections can be met by nobody: extent-uad wants an interval of "spatial", too
    for schema, path in (
        ("landingPage", ""),
        ("confClasses", "/conformance"),
        ("exception", "/collections/pipes/tiles/WebMercatorQuad/99/0/0"),
    ):
        _official(schema, get(path, params=asked).json())


def test_grids_are_those_of_the_standard(get: Get) -> None:
    # 17-083r4, annexes D.1 and D.2 (table of WorldCRS84Quad), and the levels of Tianditu's "c" sets: 2 x 1 tiles at level 1.
    web, world, chinese = (get(f"/tileMatrixSets/{name}").json() for name in ("WebMercatorQuad", "WorldCRS84Quad", "CGCS2000Quad"))
    assert web["tileMatrices"][0]["scaleDenominator"] == pytest.approx(559082264.028717, rel=1e-12)
    assert web["tileMatrices"][10]["cellSize"] == pytest.approx(152.8740565703525, rel=1e-12)
    assert world["tileMatrices"][0]["scaleDenominator"] == pytest.approx(279541132.0143589, rel=1e-12)
    assert world["tileMatrices"][17]["cellSize"] == pytest.approx(0.00000536441802978515, rel=1e-12)
    assert (world["orderedAxes"], world["tileMatrices"][0]["pointOfOrigin"]) == (["Lon", "Lat"], [-180, 90])
    assert (chinese["orderedAxes"], chinese["tileMatrices"][0]["pointOfOrigin"]) == (["Lat", "Lon"], [90, -180])
    first = chinese["tileMatrices"][0]
    assert (first["id"], first["matrixWidth"], first["matrixHeight"], first["cellSize"]) == ("1", 2, 1, 0.703125)


@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=MATRIX_SETS)
def test_features_lie_in_each_grid_where_they_are(get: Get, grid: TileMatrixSet) -> None:
    level = 15
    address = _address(grid, level)
    _, row, column = map(int, address.split("/")[1:])
    features = {f["id"]: f for f in _features(get(f"/collections/buildings/tiles/{address}"))}
    unit = grid.side(level) / 4096
    west, north = grid.west + column * grid.side(level), grid.north - row * grid.side(level)
    transformer = pyproj.Transformer.from_crs(4549, grid.srid, always_xy=True)
    for fid in (3, 31):
        middle = shapely.Point((fid % 10) * 30 + 5 + city.EAST, (fid // 10) * 30 + 5 + city.NORTH)
        x, y = transformer.transform(middle.x, middle.y)
        drawn = shapely.geometry.shape(features[fid]["geometry"]).centroid
        assert (drawn.x, drawn.y) == pytest.approx(((x - west) / unit, (north - y) / unit), abs=1.0)


def test_the_grid_of_cgcs2000_holds_the_tiles_of_crs84_a_level_on(get: Get) -> None:
    level, row, column = _address(MATRIX_SETS["WorldCRS84Quad"], 14).split("/")[1:]
    world = get(f"/collections/buildings/tiles/WorldCRS84Quad/{level}/{row}/{column}")
    chinese = get(f"/collections/buildings/tiles/CGCS2000Quad/{int(level) + 1}/{row}/{column}")
    assert world.content == chinese.content != b""


def test_limits_name_every_tile_that_holds_something(get: Get) -> None:
    limits = get("/collections/buildings/tiles/WebMercatorQuad").json()["tileMatrixSetLimits"]
    assert [m["tileMatrix"] for m in limits] == [str(z) for z in range(23)]
    z, row, column = map(int, _address(MATRIX_SETS["WebMercatorQuad"], 16).split("/")[1:])
    own = limits[z]
    assert own["minTileRow"] <= row <= own["maxTileRow"]
    assert own["minTileCol"] <= column <= own["maxTileCol"]
    assert get(f"/collections/buildings/tiles/WebMercatorQuad/16/{own['maxTileRow'] + 2}/{column}").status_code == 204


# -- what tiles show -------------------------------------------------------------------------------------------------------------


def test_filters_dates_and_properties_choose_what_a_tile_shows(get: Get) -> None:
    own = f"/collections/buildings/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 16)}"
    assert {f["id"] for f in _features(get(own, params={"filter": "floors_above>28"}))} == {3, 29, 30, 31}
    items = get("/collections/buildings/items", params={"datetime": "2010-05-01"}).json()["features"]
    assert {f["id"] for f in _features(get(own, params={"datetime": "2010-05-01"}))} == {int(f["id"].rsplit(".", 1)[1]) for f in items}
    assert {tuple(f["properties"]) for f in _features(get(own, params={"properties": "name"}))} == {("name",)}
    assert {f["id"] for f in _features(get(own, params={"as-of": "1"}))} == set(range(1, 31))
    assert get(own, params={"filter": "floors_above>900"}).status_code == 204
    for state in ({}, {"as-of": "1"}):  # what is no time is refused also where as-of goes before it
        assert get(own, params=state, headers={"Accept-Datetime": "yesterday"}).json()["code"] == "bad-accept-datetime"
    for wrong in (
        {"filter": "nonsense"},
        {"properties": "no"},
        {"color-by": "no"},
        {"limit": "3"},
        {"datetime": "yesterday"},
        {"collections": "pipes"},
    ):
        assert get(own, params=wrong).status_code == 400


def test_a_tile_of_several_collections_has_a_layer_of_each_and_none_of_what_is_hidden(get: Get) -> None:
    own = f"/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 14)}"
    assert set(_layers(get(own))) == {"buildings", "pipes", "plots"}
    chosen = _layers(get(own, params={"collections": "plots,pipes"}))
    assert set(chosen) == {"plots", "pipes"}
    one = get(f"/collections/pipes/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 14)}")
    assert chosen["pipes"] == _layers(one)["pipes"]
    for other, status in (("secret", 404), ("", 400), ("pipes,", 400)):
        assert get(own, params={"collections": other}).status_code == status
    assert "secret" not in get("/tiles/WebMercatorQuad").text


@pytest.mark.parametrize(("collection", "count"), [("buildings", 29), ("pipes", 12)])
def test_from_afar_features_are_summed_up(get: Get, collection: str, count: int) -> None:
    grid = MATRIX_SETS["WebMercatorQuad"]
    features = _features(get(f"/collections/{collection}/tiles/{_address(grid, 9)}"), collection)
    assert 0 < len(features) < count
    if collection == "buildings":
        assert sum(f["properties"]["count"] for f in features) == count
    assert all("count" in f["properties"] for f in features)
    if collection == "buildings":
        other = _features(get(f"/collections/buildings/tiles/{_address(grid, 9)}", params={"color-by": "floors_above"}), collection)
        assert sum(f["properties"]["count"] for f in other) == count
        assert all("usage" not in f["properties"] and f["properties"]["floors_above"] >= 1 for f in other)


def test_a_tile_is_negotiated_in_time(get: Get) -> None:
    own = f"/collections/buildings/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 16)}"
    now = get(own)
    assert "Accept-Datetime" in now.headers["vary"]
    assert "memento-datetime" not in now.headers
    first = get(own, headers={"Accept-Datetime": "Thu, 31 May 2007 20:35:00 GMT"})
    assert {f["id"] for f in _features(first)} == set(range(1, 31))
    assert first.headers["content-location"].endswith(f"{own}?as-of=1")
    memento = get(own, params={"as-of": "1"})
    assert (memento.content, memento.headers["memento-datetime"]) == (first.content, first.headers["memento-datetime"])
    assert memento.headers["link"].count(own) == 1
    assert "/collections/buildings/versions" in memento.headers["link"]
    later = {"Accept-Datetime": "Thu, 31 May 2095 20:35:00 GMT"}
    assert get(own, headers=later).content == now.content
    several = own.replace("/collections/buildings", "")
    assert {f["id"] for f in _features(get(several, headers=later))} == {f["id"] for f in _features(now)}


def test_a_tile_of_several_collections_is_negotiated_in_time_as_each_is(get: Get) -> None:
    own = f"/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 16)}"
    early = {"Accept-Datetime": "Thu, 31 May 2007 20:35:00 GMT"}
    one = get(own.replace("/tiles", "/collections/buildings/tiles", 1), headers=early)
    assert _features(get(own, params={"collections": "buildings"}, headers=early)) == _features(one)
    whole = get(own, headers=early)
    assert {f["id"] for f in _features(whole)} == set(range(1, 31))
    # of the newest change that it shows, under an address that stays; of all collections together no list of states is kept
    assert whole.headers["memento-datetime"] == get(own, params={"as-of": "1"}).headers["memento-datetime"]
    assert whole.headers["content-location"].endswith(f"{own}?as-of=1")
    assert whole.headers["link"].endswith(f'{own}>; rel="original timegate"')
    held = get(own, headers=early | {"If-None-Match": whole.headers["etag"]})
    assert (held.status_code, held.headers["memento-datetime"]) == (304, whole.headers["memento-datetime"])
    assert not {"memento-datetime", "link"} & get(own).headers.keys()
    # before the first commit nothing was, whatever time is accepted
    assert get(own, params={"as-of": "0"}).status_code == 204
    assert get(own, params={"as-of": "0"}, headers={"Accept-Datetime": "Thu, 31 May 2095 20:35:00 GMT"}).status_code == 204


# -- size and age ----------------------------------------------------------------------------------------------------------------


def test_a_publish_is_seen_at_once_and_what_stays_is_not_sent_again(get: Get, catalogue: Catalogue, database: str) -> None:
    own = f"/collections/plots/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 13, (city.EAST + 150, city.NORTH + 550))}"
    before = get(own)
    assert get(own).content == before.content
    assert get(own, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
    values = {"plot_id": "A-9", "land_use_code": "0901", "plan_state": "approved"}
    city.publish_change(catalogue, "plots", [city.Row(9, city.square(50, 600, 90), values)])
    deadline = time.monotonic() + 10
    while get(own).content == before.content and time.monotonic() < deadline:
        time.sleep(0.05)
    after = get(own, headers={"If-None-Match": before.headers["etag"]})
    assert {f["id"] for f in _features(after, "plots")} == {1, 2, 3, 4, 5, 9}
    assert after.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_tile_that_was_sent_is_sent_again_alike(get: Get, monkeypatch: pytest.MonkeyPatch, coding: str) -> None:
    own = f"/collections/buildings/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 14)}"
    plain = get(own, headers={"Accept-Encoding": "identity"}).content
    answers = [get(own, headers={"Accept-Encoding": coding}) for _ in range(2)]
    with monkeypatch.context() as undrawn:
        if coding == "gzip":  # which it is kept as: neither drawn nor looked for, the short cut alone answers
            undrawn.delattr("ogc.tile_door.TileDoor._layer")
        answers.append(get(own, headers={"Accept-Encoding": coding}))
    assert [a.content for a in answers] == [plain] * 3
    told = [{name: value for name, value in a.headers.items() if name != "date"} for a in answers]
    assert told[0] == told[1] == told[2]
    assert get(own, headers={"If-None-Match": answers[2].headers["etag"]}).status_code == 304


def test_what_an_answer_depends_on_is_in_its_question_and_long_ones_are_not_remembered() -> None:
    def question(query: str = "", principal: Principal | None = None, **headers: str) -> object:
        sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "path": "/collections/a/tiles/b/1/2/3", "query_string": query.encode(), "headers": sent}
        return _question(Request(scope), principal or Principal.anonymous())

    assert question() == question(accept_encoding="gzip;q=0") == question(accept_encoding="br, gzip; q=0.0")
    assert len({question(), question("f=mvt"), question(principal=Principal.system()), question(accept_encoding="gzip, br")}) == 4
    assert question("filter=" + "a" * 400) is question(if_none_match='"1"') is question(accept_datetime="x") is None


def test_who_takes_no_gzip_gets_none(get: Get) -> None:
    own = f"/collections/buildings/tiles/{_address(MATRIX_SETS['WebMercatorQuad'], 14)}"
    assert get(own, headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in get(own, headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_an_archive_holds_the_tiles_the_door_serves(get: Get, catalogue: Catalogue, database: str, tmp_path: Path) -> None:
    file = tmp_path / "pipes.pmtiles"
    written = export_vector_tiles(catalogue, database, "pipes", None, file, 14, lambda *_: None)
    with file.open("rb") as opened:
        source = pmtiles.reader.MmapSource(opened)
        reader = pmtiles.reader.Reader(source)
        found = list(pmtiles.reader.all_tiles(source))
        assert (reader.header()["min_zoom"], reader.header()["max_zoom"], len(found)) == (min(a[0] for a, _ in found), 14, written.tiles)
        assert [layer["id"] for layer in reader.metadata()["vector_layers"]] == ["pipes"]
        assert (written.reduced, reader.metadata()["reduced_tiles"]) == (0, {})
        for (z, x, y), content in found:
            served = get(f"/collections/pipes/tiles/WebMercatorQuad/{z}/{y}/{x}")
            assert KeptTile(0, content, is_packed=True, reduced=None).unpacked() == served.content
    # The same file over HTTP, whole and by ranges, of any revision.
    own = "/collections/pipes/tiles/WebMercatorQuad/export.pmtiles"
    whole = get(own)
    assert list(pmtiles.reader.all_tiles(pmtiles.reader.MemorySource(whole.content))) == found
    assert any(link["href"].endswith(own) for link in get("/collections/pipes/tiles/WebMercatorQuad").json()["links"])
    part = get(own, headers={"Range": "bytes=0-126"})
    assert (part.status_code, part.content, part.headers["etag"]) == (206, whole.content[:127], whole.headers["etag"])
    assert get(own, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    first = get("/collections/buildings/tiles/WebMercatorQuad/export.pmtiles", params={"as-of": "1"})
    assert first.headers["cache-control"] == "public, max-age=86400"
    early = get(own.replace("pipes", "buildings"), headers={"Accept-Datetime": "Thu, 31 May 2007 20:35:00 GMT"})
    assert (early.content, early.headers["cache-control"]) == (first.content, "no-cache")
    assert early.headers["content-location"] == str(first.request.url)
    deepest = [content for address, content in pmtiles.reader.all_tiles(pmtiles.reader.MemorySource(first.content)) if address[0] == 14]
    drawn = [mapbox_vector_tile.decode(KeptTile(1, content, is_packed=True, reduced=None).unpacked()) for content in deepest]
    assert {f["id"] for tile in drawn for f in tile["buildings"]["features"]} == set(range(1, 31))
    assert get(own, params={"crs": "x"}).json()["code"] == "unknown-parameter"
    assert get(own, params={"as-of": "2"}).status_code == 200
    assert get(own.replace("pipes", "secret")).status_code == 404
