"""The OGC door over HTTP: the standards' requirements, hostile input, and clients that others wrote."""

from __future__ import annotations

import gzip
import json
import math
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Callable

import httpx
import jsonschema
import numpy as np
import ogc_server
import pyproj
import pytest
import query_city as city
import shapely
from owslib.ogcapi.features import Features

from ogc.provider import CityFeatureProvider, Source
from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster
from twin.model import Principal

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
Get = Callable[..., httpx.Response]


def _ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [f["id"] for f in response.json()["features"]]


# -- documents -------------------------------------------------------------------------------------------------------------------


def test_every_link_of_every_document_leads_somewhere(get: Get, base: str) -> None:
    todo, seen = [f"{base}?f=json"], set()
    while todo:
        address = todo.pop()
        # one of a kind: what is there for each collection of features, and in each tiling, is the same
        kind = re.sub("/(buildings|pipes|plots)", "/*", re.sub("WebMercatorQuad|WorldCRS84Quad|CGCS2000Quad", "*", address))
        if kind in seen:
            continue
        seen.add(kind)
        response = get(address)
        assert response.status_code == 200, address
        if "json" not in response.headers["content-type"]:
            continue
        todo += [href for href in re.findall(r'"href": ?"(http://127[^"{]+)"', response.text) if "/items/" not in href]
    assert len(seen) > 30


@pytest.mark.parametrize(
    "path",
    ["", "/conformance", "/openapi", "/collections", "/collections/buildings", "/collections/buildings/schema",
    "/collections/buildings/queryables",
     "/collections/buildings/items", "/collections/buildings/items/2.25.7.2.1.2", "/collections/pipes/items",
     "/collections/buildings/tiles",
     "/collections/buildings/tiles/WebMercatorQuad", "/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["zh", "en"])
def test_html_pages_need_nothing_from_elsewhere_and_escape_what_they_show(get: Get, base: str, path: str, language: str) -> None:
    response = get(path, params={"f": "html", "lang": language})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "<script" not in response.text
    assert city.HOSTILE_TEXT not in response.text
    for address in re.findall(r'<(?:link|img|script|iframe)[^>]+(?:href|src)="([^"]+)"', response.text):
        assert address.startswith((base, "data:")), address


def test_openapi_is_valid_and_names_every_route_that_is_served(get: Get, base: str) -> None:
    document = get("/openapi").json()
    pytest.importorskip("openapi_spec_validator").validate(document)
    shared = document["components"]["parameters"]
    for path, entry in document["paths"].items():
        if "get" not in entry:
            continue
        assert entry["get"]["operationId"]
        listed = [shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in entry["get"]["parameters"]]
        values = {p["name"]: _some_value(p["schema"]) for p in listed if p["in"] == "path" or p["required"]}
        queried = {p["name"]: values[p["name"]] for p in listed if p["in"] == "query" and p["required"]}
        answer = get(path.format(**values), params=queried, headers={"Accept-Language": "en"})
        assert answer.status_code < 500, path
        assert "there is nothing at" not in answer.text, path
    assert "/collections/secret" not in document["paths"]


def _some_value(schema: dict[str, object]) -> object:
    """Return a value that fits a parameter: the first of a list, the number 1, or the id of a feature."""
    listed = schema.get("enum")
    return listed[0] if isinstance(listed, list) else 1 if schema.get("type") == "integer" else "2.25.7.2.1.2"


def test_conformance_lists_what_clients_need_to_push_filters_down(get: Get) -> None:
    classes = set(get("/conformance").json()["conformsTo"])
    for needed in ("ogcapi-features-3/1.0/conf/filter", "ogcapi-features-3/1.0/conf/features-filter", "cql2/1.0/conf/basic-cql2",
                   "cql2/1.0/conf/cql2-text", "cql2/1.0/conf/basic-spatial-functions", "ogcapi-features-1/1.0/conf/core"):  # fmt: skip
        assert f"http://www.opengis.net/spec/{needed}" in classes
    assert not any("features-4" in c for c in classes)


def test_collection_states_its_crs_list_and_storage_crs(get: Get) -> None:
    document = get("/collections/pipes").json()
    assert document["storageCrs"] == "http://www.opengis.net/def/crs/EPSG/0/4549"
    assert document["storageCrs"] in document["crs"]
    assert document["crs"][0] == "http://www.opengis.net/def/crs/OGC/0/CRS84h"
    assert document["title"] == "中文 pipes"
    assert get("/collections/pipes", params={"lang": "en"}).json()["title"] == "pipes"
    assert [c["id"] for c in get("/collections").json()["collections"]] == ["buildings", "pipes", "plots", "findings", "catalogue"]


def test_schema_describes_the_features_that_are_served(get: Get) -> None:
    schema = get("/collections/buildings/schema").json()
    for feature in get("/collections/buildings/items").json()["features"]:
        values = {name: v for name, v in feature["properties"].items() if v is not None}
        jsonschema.validate(values | {"id": feature["id"]}, schema | {"required": []})
        assert set(feature["properties"]) <= set(schema["properties"])
    assert schema["properties"]["height_m"]["x-ogc-unit"] == "m"


# -- features --------------------------------------------------------------------------------------------------------------------


def test_pages_follow_next_to_the_end(get: Get) -> None:
    seen, address = [], "/collections/buildings/items?limit=7"
    while address:
        response = get(address)
        seen += _ids(response)
        address = next((entry["href"] for entry in response.json()["links"] if entry["rel"] == "next"), None)
    assert seen == _ids(get("/collections/buildings/items"))
    assert len(seen) == 29


def test_values_come_back_byte_exact(get: Get) -> None:
    for response in (get("/collections/buildings/items?limit=2"), get("/collections/buildings/items/2.25.7.2.1.2")):
        assert response.headers["content-type"] == "application/geo+json"
        document = response.json()
        feature = document["features"][1] if "features" in document else document
        assert feature["properties"]["name"] == city.HOSTILE_TEXT


def test_as_of_a_commit_and_a_time(get: Get, catalogue: Catalogue) -> None:
    first = catalogue.revisions("buildings")[0].commit
    time = next(c.time for c in catalogue.commits() if c.number == first).isoformat()
    assert len(_ids(get("/collections/buildings/items", params={"as-of": first}))) == 30
    assert _ids(get("/collections/buildings/items", params={"as-of": time})) == _ids(
        get("/collections/buildings/items", params={"as-of": first})
    )
    assert get("/collections/buildings/items/2.25.7.2.1.5", params={"as-of": first}).status_code == 200
    assert get("/collections/buildings/items/2.25.7.2.1.5").status_code == 404
    assert _ids(get("/collections/buildings/items", params={"as-of": "2001-01-01T00:00:00Z"})) == []


def test_datetime_filters_real_world_validity(get: Get) -> None:
    def fids(value: str) -> set[int]:
        return {int(i.rsplit(".", 1)[1]) for i in _ids(get("/collections/buildings/items", params={"datetime": value}))}

    assert fids("1999-12-31") == {6}
    assert fids("../2000-06-01") == {6, 20}
    assert 8 not in fids("2024-06-01")
    assert 8 in fids("2024-05-31T23:00:00Z/2030-01-01")


def test_property_parameters_and_filter_agree(get: Get) -> None:
    by_parameter = _ids(get("/collections/buildings/items", params={"floors_above": "12", "building_id": "B12"}))
    text = _ids(get("/collections/buildings/items", params={"filter": "floors_above=12 AND building_id='B12'"}))
    tree = {
        "op": "and",
        "args": [{"op": "=", "args": [{"property": "floors_above"}, 12]}, {"op": "=", "args": [{"property": "building_id"}, "B12"]}],
    }
    json_ = _ids(get("/collections/buildings/items", params={"filter": json.dumps(tree), "filter-lang": "cql2-json"}))
    assert by_parameter == text == json_ == ["2.25.7.2.1.12"]


def test_content_crs_and_axis_order(get: Get) -> None:
    uri = "http://www.opengis.net/def/crs/EPSG/0/4490"
    response = get("/collections/plots/items", params={"crs": uri, "limit": 1})
    assert response.headers["content-crs"] == f"<{uri}>"
    ring = np.array(response.json()["features"][0]["geometry"]["coordinates"][0][0])
    to_degrees = pyproj.Transformer.from_crs(4549, 4326, always_xy=True)
    truth = shapely.transform(city.square(100, 500, 90), lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    assert shapely.hausdorff_distance(shapely.Polygon(ring[:, ::-1]), truth) < 1e-8


CHANGED_BY_A_PUBLISH = (
    "/search?limit=2",  # first: it is of the state as of now, and what is asked after it may not be of an older one
    "/search?limit=2&f=html",
    "/collections/buildings/items?limit=5",
    "/collections/buildings/items/2.25.7.2.1.1/versions",
    "/collections/buildings/tiles/WebMercatorQuad/0/0/0",
    "/collections/buildings/versions",
    "/collections/buildings/versions?f=html",
    "/collections/buildings/versions?f=link",
)
UNCHANGED_BY_A_PUBLISH = (
    "/collections/buildings/items/2.25.7.2.1.2",
    "/collections/buildings/items/2.25.7.2.1.2/versions",
    "/collections/buildings/schema",
    "/collections/findings/items",
    "/collections/findings/items?f=html",
    "/conformance",
    "/queryables",
)


def test_revalidation_costs_no_body_and_ends_with_a_publish(cluster: EmbeddedCluster, template: str) -> None:
    with city.clone_of(template, cluster.dsn) as url:
        own = city.small_city(url)
        with ogc_server.served(own, url) as address, httpx.Client(timeout=30) as client:
            tags = {}
            for path in (*CHANGED_BY_A_PUBLISH, *UNCHANGED_BY_A_PUBLISH):
                first = client.get(address + path)
                tags[path] = tag = first.headers["etag"]
                again = client.get(address + path, headers={"If-None-Match": f'"other", {tag}'})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
                assert (again.headers["cache-control"], again.headers["vary"]) == (first.headers["cache-control"], first.headers["vary"])
            searched = client.post(f"{address}/search", json={"limit": 2}, headers={"If-None-Match": "*"})
            assert (searched.status_code, len(_ids(searched)), "etag" in searched.headers) == (200, 2, False)
            city.publish_change(own, "buildings", deleted=[1])
            for path, tag in tags.items():
                answer = client.get(address + path, headers={"If-None-Match": tag})
                assert (answer.status_code == 200) == (path in CHANGED_BY_A_PUBLISH), path
            assert "2.25.7.2.1.1" not in _ids(client.get(f"{address}/collections/buildings/items?limit=5"))
            city.publish_first(own, "brand_new", "building", [])
            assert client.get(f"{address}/collections/brand_new/items").status_code == 200
            assert "brand_new" in client.get(f"{address}/collections").text
        own.pool.close()


def test_gzip_when_asked(base: str) -> None:
    with httpx.stream("GET", f"{base}/collections/buildings/items", headers={"Accept-Encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(packed))["features"]) == 29


def test_tiles_and_their_metadata(get: Get) -> None:
    lon, lat = 119.9905, 31.8032
    tile = get("/collections/buildings/tiles/WebMercatorQuad?f=tilejson").json()
    assert tile["tilejson"] == "3.0.0"
    z = 16
    x = int((lon + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
    response = get(tile["tiles"][0].format(z=z, y=y, x=x))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert len(response.content) > 100
    empty = get("/collections/buildings/tiles/WebMercatorQuad/16/0/0")
    assert (empty.status_code, empty.content) == (204, b"")
    matrix = get("/tileMatrixSets/WebMercatorQuad").json()["tileMatrices"][3]
    assert matrix["scaleDenominator"] == pytest.approx(69885283.00358972)


# -- hostile and mistaken input ----------------------------------------------------------------------------------------------------

_ITEMS = "/collections/buildings/items"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{_ITEMS}?limit=0", "bad-limit"), (f"{_ITEMS}?limit=-1", "bad-limit"), (f"{_ITEMS}?limit=abc", "bad-limit"),
        (f"{_ITEMS}?limit=1e9", "bad-limit"), (f"{_ITEMS}?limit={'9' * 30}", "bad-limit"), (f"{_ITEMS}?limit=٣", "bad-limit"),
        (f"{_ITEMS}?unknown=1", "unknown-parameter"), (f"{_ITEMS}?q=x", "unknown-parameter"), (f"{_ITEMS}?offset=10", "unknown-parameter"),
        (f"{_ITEMS}?limit=1&limit=2", "bad-parameter"), (f"{_ITEMS}?name=%00", "bad-parameter"),
        (f"{_ITEMS}?skipGeometry=maybe", "bad-parameter"), (f"{_ITEMS}?floors_above=abc", "bad-filter"),
        (f"{_ITEMS}?bbox=nan,0,1,1", "bad-bbox"), (f"{_ITEMS}?bbox=1,2,3", "bad-bbox"), (f"{_ITEMS}?bbox=inf,0,1,1", "bad-bbox"),
        (f"{_ITEMS}?bbox=0,-1e400,1,1", "bad-bbox"), (f"{_ITEMS}?bbox=0,91,1,92", "bad-bbox"), (f"{_ITEMS}?bbox=0,2,1,1", "bad-bbox"),
        (f"{_ITEMS}?bbox=a,b,c,d", "bad-bbox"), (f"{_ITEMS}?bbox-crs={CRS84}", "bad-bbox"),
        (f"{_ITEMS}?bbox=0,0,1,1&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/2154", "crs-not-offered"),
        (f"{_ITEMS}?crs=nonsense", "crs-unknown"), (f"{_ITEMS}?crs=http://www.opengis.net/def/crs/EPSG/0/99999999", "crs-not-offered"),
        (f"{_ITEMS}?datetime=garbage", "bad-datetime"), (f"{_ITEMS}?datetime=2020-13-45/..", "bad-datetime"),
        (f"{_ITEMS}?datetime=2020-01-02/2020-01-01", "bad-datetime"), (f"{_ITEMS}?datetime=../..", "bad-datetime"),
        (f"{_ITEMS}?datetime=2020-01-01T00:00:00", "bad-datetime"), (f"{_ITEMS}?datetime=1/2/3", "bad-datetime"),
        (f"{_ITEMS}?as-of=yesterday", "bad-as-of"), (f"{_ITEMS}?as-of=2020-01-01", "bad-as-of"), (f"{_ITEMS}?as-of=-1", "bad-as-of"),
        (f"{_ITEMS}?cursor=x", "bad-cursor"), (f"{_ITEMS}?cursor=1.2&as-of=1", "bad-cursor"),
        (f"{_ITEMS}?properties=nope", "unknown-property"), (f"{_ITEMS}?filter=nope=1", "unknown-property"),
        (f"{_ITEMS}?filter=pg_sleep(5)=1", "bad-filter"), (f"{_ITEMS}?filter=floors_above='abc'", "bad-filter"),
        (f"{_ITEMS}?filter=floors_above LIKE 'a'", "bad-filter"), (f"{_ITEMS}?filter=name>3", "bad-filter"),
        (f"{_ITEMS}?filter=geom=3", "unknown-property"), (f"{_ITEMS}?filter=name LIKE 'a\\'", "bad-filter"),
        (f"{_ITEMS}?filter=name='%00'", "bad-parameter"), (f"{_ITEMS}?filter=(", "bad-filter"), (f"{_ITEMS}?filter=", "bad-filter"),
        (f"{_ITEMS}?filter=1=1;DROP TABLE x", "bad-filter"), (f"{_ITEMS}?filter=name=1 --", "bad-filter"),
        (f"{_ITEMS}?filter=floors_above=-1e400", "bad-filter"), (f"{_ITEMS}?filter=TRUE&filter-lang=ecql", "bad-filter"),
        (f"{_ITEMS}?filter-lang=cql2-text", "bad-filter"), (f"{_ITEMS}?filter={{&filter-lang=cql2-json", "bad-filter"),
        (f"{_ITEMS}?filter=S_INTERSECTS(geometry,POINT(1e400 1))", "bad-filter"),
        (f"{_ITEMS}?filter=S_DWITHIN(geometry,POINT(1 1),3)", "bad-filter"),
        (f"{_ITEMS}?filter=S_INTERSECTS(geometry,POLYGON((0 0,1 1,0 1,1 0,0 0)))", "filter-too-complex"),
        (f"{_ITEMS}?filter=T_AFTER(valid_from,DATE('2020-02-31'))", "bad-filter"),
        (f"{_ITEMS}?f=xml", "bad-format"), (f"{_ITEMS}?lang=xx", "bad-language"), ("?f=jsonld", "bad-format"),
        ("/collections?limit=1", "unknown-parameter"),
        (f"{_ITEMS}/abc", "not-found"), (f"{_ITEMS}/1.5", "not-found"), (f"{_ITEMS}/1 OR 1=1", "not-found"),
        (f"{_ITEMS}/{'9' * 40}", "not-found"),
        (f"{_ITEMS}/1%00", "not-found"), (f"{_ITEMS}/2.25.7.2.2.1", "not-found"), (f"{_ITEMS}/0", "not-found"),
        ("/collections/nope", "not-found"), ("/collections/secret", "not-found"), ("/collections/secret/items", "not-found"),
        ("/collections/secret/items/1000", "not-found"), ("/collections/secret/schema", "not-found"),
        ("/collections/%00/items", "not-found"),
        ("/collections/secret/tiles/WebMercatorQuad/0/0/0", "not-found"), ("/collections/..%2f..%2fetc", "not-found"),
        ("/collections/buildings/tiles/WebMercatorQuad/30/0/0", "not-found"),
        ("/collections/buildings/tiles/WebMercatorQuad/abc/0/0", "not-found"),
        ("/collections/buildings/tiles/WebMercatorQuad/1/0/-1", "not-found"),
        ("/collections/buildings/tiles/WebMercatorQuad/1/2/0", "not-found"),
        ("/collections/buildings/tiles/WorldMercator/0/0/0", "not-found"),
        ("/collections/buildings/tiles/WebMercatorQuad/0/0/0?f=png", "bad-format"),
        ("/static/../router.py", "not-found"), ("/static/router.py", "not-found"),
    ],
)  # fmt: skip
def test_bad_input_is_a_problem_document_of_the_callers_making(get: Get, path: str, code: str) -> None:
    response = get(urllib.parse.quote(path, safe="/?&=%(),:'-.;{}"))
    assert response.status_code in {400, 404}, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["code"], problem["status"]) == (code, response.status_code)
    assert not re.search(r"SELECT|psycopg|Traceback|/work|city\.", problem["detail"])


@pytest.mark.parametrize(
    "text",
    [
        "(" * 21 + "TRUE" + ")" * 21, "(" * 4000, "NOT " * 1600 + "TRUE", " AND ".join(["floors_above=1"] * 400), "-" * 5000 + "1=1",
        "+".join(["floors_above"] * 600) + "=1", "casei(" * 1000 + "'a'" + ")" * 1000 + "='a'", f"name='{'x' * 9000}'",
        f"S_INTERSECTS(geometry,LINESTRING({','.join('1 2' for _ in range(1500))}))",
        "S_INTERSECTS(geometry," + "GEOMETRYCOLLECTION(" * 300,
        f"floors_above IN ({','.join(map(str, range(1700)))})",
    ],
    ids=range(11),
)  # fmt: skip
def test_filters_beyond_the_limits_are_refused_at_once(get: Get, text: str) -> None:
    response = get(_ITEMS, params={"filter": text})
    assert (response.status_code, response.json()["code"]) == (400, "filter-too-complex")


def test_deep_json_filters_are_refused(get: Get) -> None:
    tree: object = True
    for _ in range(300):
        tree = {"op": "not", "args": [tree]}
    response = get(_ITEMS, params={"filter": json.dumps(tree), "filter-lang": "cql2-json"})
    assert (response.status_code, response.json()["code"]) == (400, "filter-too-complex")


@pytest.mark.parametrize("header", ["*", "zh-TW", "de", "x" * 5000, "en;q=banana", "zh-CN,zh;q=0.9,en;q=0.8", ";;;,,,"])
def test_no_accept_language_breaks_anything(get: Get, header: str) -> None:
    for path in ("", "/collections", "/collections/buildings", _ITEMS):
        assert get(path, headers={"Accept-Language": header, "Accept": header}).status_code == 200


def test_problems_speak_the_callers_language(get: Get) -> None:
    assert "没有" in get("/collections/nope", headers={"Accept-Language": "zh-CN"}).json()["detail"]
    for path in ("/collections/nope", "/nothing"):
        plain, english = get(path), get(path, headers={"Accept-Language": "en"})
        assert (plain.headers["content-language"], english.headers["content-language"]) == ("zh-Hans", "en")
        assert plain.json()["title"] == "不存在" != english.json()["title"]
    assert get("/collections", params={"lang": "fr"}).headers["content-language"] == get("/collections").headers["content-language"]
    assert "no collection" in get("/collections/nope", headers={"Accept-Language": "en"}).json()["detail"]


# -- the second door and other people's clients -------------------------------------------------------------------------------------


def test_pygeoapis_provider_gives_the_same_features(get: Get, catalogue: Catalogue) -> None:
    provider = CityFeatureProvider(
        {
            "type": "feature",
            "name": "ogc.provider.CityFeatureProvider",
            "data": Source(catalogue, Principal.anonymous()),
            "table": "buildings",
            "storage_crs": CRS84,
        }
    )
    box = (119.9895, 31.8, 119.9915, 31.8035)
    for native, own in (
        ({}, {"limit": 100}),
        ({"limit": 7}, {"limit": 7}),
        ({"bbox": ",".join(map(str, box))}, {"limit": 100, "bbox": box}),
        ({"datetime": "2001-06-01"}, {"limit": 100, "datetime_": "2001-06-01"}),
        ({"floors_above": "12"}, {"limit": 100, "properties": [("floors_above", "12")]}),
        ({"properties": "name", "skipGeometry": "true"}, {"limit": 100, "select_properties": ["name"], "skip_geometry": True}),
    ):
        assert provider.query(**own)["features"] == get(_ITEMS, params=native).json()["features"]
    assert provider.query(offset=5, limit=3)["features"] == get(_ITEMS).json()["features"][5:8]
    assert provider.query(resulttype="hits")["numberMatched"] == 29
    one = get(f"{_ITEMS}/2.25.7.2.1.2").json()
    del one["links"]
    assert provider.get("2.25.7.2.1.2") == one


def test_pygeoapis_filters_reach_the_query_core(get: Get, catalogue: Catalogue) -> None:
    parse = pytest.importorskip("pygeofilter.parsers.cql2_text").parse
    provider = CityFeatureProvider(
        {
            "type": "feature",
            "name": "ogc.provider.CityFeatureProvider",
            "data": Source(catalogue, Principal.anonymous()),
            "table": "buildings",
            "storage_crs": CRS84,
        }
    )
    for text in ("floors_above > 20 AND name LIKE '学府%'", "building_id IN ('B1','B2')", "NOT (floors_above < 30)"):
        assert provider.query(limit=100, filterq=parse(text))["features"] == get(_ITEMS, params={"filter": text}).json()["features"]


_READ = """
import json, sys
import pyogrio, shapely
source, layer, options = sys.argv[1], sys.argv[2], {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(sys.argv[3]).items()}
meta, _, wkb, fields = pyogrio.raw.read(source, layer=layer, **options)
columns = {name: [v if isinstance(v, str) else None if v is None or v != v else float(v) for v in column.tolist()]
           for name, column in zip(meta["fields"], fields) if column.dtype.kind in "OUif"}
print(json.dumps({"wkt": [shapely.to_wkt(g, rounding_precision=-1) for g in shapely.from_wkb(wkb)], "columns": columns}))
"""


def _gdal(base: str, layer: str, **options: object) -> dict:
    # A process of its own: GDAL keeps the interpreter locked while it waits for the server in this one.
    command = [sys.executable, "-c", _READ, f"OAPIF:{base}", layer, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_gdal_reads_features_boxes_and_attributes(base: str) -> None:
    read = _gdal(base, "plots")
    assert sorted(read["columns"]["plot_id"]) == [f"A-{i}" for i in range(1, 6)]
    truth = city.square(100, 500, 90)  # GDAL asks for the storage CRS and turns its northing, easting around
    first = shapely.from_wkt(read["wkt"][read["columns"]["plot_id"].index("A-1")])
    assert shapely.hausdorff_distance(first, truth) < 1e-3
    assert len(_gdal(base, "plots", bbox=truth.buffer(-1).bounds)["wkt"]) == 1
    assert len(_gdal(base, "buildings", where="floors_above > 28")["wkt"]) == 4
    assert len(_gdal(base, "pipes")["wkt"]) == 12


def test_owslib_reads_the_api(base: str) -> None:
    client = Features(f"{base}/")
    assert sorted(client.feature_collections()) == ["buildings", "findings", "pipes", "plots"]
    assert client.collection_queryables("buildings")["properties"]["floors_above"]["type"] == "integer"
    found = client.collection_items("buildings", limit=3, bbox=[119.98, 31.8, 120.0, 31.82])
    assert len(found["features"]) == 3
    assert client.collection_item("buildings", found["features"][0]["id"])["id"] == found["features"][0]["id"]
