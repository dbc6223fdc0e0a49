"""The ArcGIS FeatureServer at the door: GDAL's ESRIJSON driver reads what the items say, queries mean what they mean in CQL2."""

from __future__ import annotations

import collections
import datetime as dt
import json
import statistics as stats
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import ogc_server
import pytest
import query_city as city
import shapely
from google.protobuf.internal import decoder, wire_format

from ogc.arcgis import protobuf
from tests import tile_readers
from tests.gdal_reading import read, read_by
from twin.catalogue import Catalogue

Json = dict[str, Any]
Ask = Callable[..., Json]
N, E = city.NORTH, city.EAST
COUNT = '[{"statisticType":"count","onStatisticField":"objectid","outStatisticFieldName":"n"}]'


@pytest.fixture(scope="module")
def rest(base: str) -> Ask:
    def ask(path: str = "buildings/FeatureServer/0/query", **parameters: object) -> Json:
        answer = ogc_server.client().get(f"{base}/arcgis/rest/services/{path}", params={"f": "json", **parameters})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return ask


def items(base: str, collection: str, **parameters: object) -> dict[int, Json]:
    answer = ogc_server.client().get(f"{base}/collections/{collection}/items", params={"limit": 1000, **parameters})
    return {int(f["id"].rpartition(".")[2]): f for f in answer.json()["features"]}


def ids(answer: Json) -> list[int]:
    return [f["attributes"]["objectid"] for f in answer["features"]]


@pytest.mark.parametrize("whose", ["wheel", "debian"])
def test_gdal_reads_the_same_features_page_by_page(base: str, tmp_path: Path, whose: str) -> None:
    asked = "where=1%3D1&outFields=*&f=json&orderByFields=objectid&resultRecordCount=7&outSR=4326"
    address = f"ESRIJSON:{base}/arcgis/rest/services/buildings/FeatureServer/0/query?{asked}"
    got = read_by(whose, tmp_path, address, FEATURE_SERVER_PAGING="YES")
    place = {fid: number for number, fid in enumerate(got["columns"]["objectid"])}
    expected = items(base, "buildings", crs="http://www.opengis.net/def/crs/OGC/1.3/CRS84")
    assert place.keys() == expected.keys()
    for fid, feature in expected.items():
        row = {name: values[place[fid]] for name, values in got["columns"].items()}
        assert row["oid"] == feature["id"]
        for name in ("building_id", "name", "floors_above", "height_m"):
            assert row[name] == feature["properties"][name]
        there, here = shapely.from_wkt(got["geometry"][place[fid]]), shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shapely.symmetric_difference(there, here).area < 1e-15


def test_attributes_are_those_of_the_items_in_esris_types(rest: Ask, base: str) -> None:
    answer = rest(where="objectid IN (2,4,6,8)", outFields="*", returnGeometry="false")
    kinds = {f["name"]: f["type"] for f in answer["fields"]}
    assert kinds["objectid"] == "esriFieldTypeOID"
    assert kinds["valid_from"] == "esriFieldTypeDate"
    expected = items(base, "buildings")
    assert ids(answer) == [2, 4, 6, 8]
    for feature in answer["features"]:
        assert "geometry" not in feature
        properties = expected[feature["attributes"]["objectid"]]["properties"]
        for name, value in properties.items():
            written = feature["attributes"][name]
            if kinds[name] == "esriFieldTypeDate" and value is not None:
                written = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=written)).date().isoformat()
            assert written == value, name


def test_geometries_are_exact_in_every_reference_and_east_first(rest: Ask, base: str) -> None:
    for wkid, uri in ((4549, "EPSG/0/4549"), (4490, "EPSG/0/4490"), (102100, "EPSG/0/3857"), (4528, "EPSG/0/4528")):
        answer = rest("pipes/FeatureServer/0/query", where="1=1", outSR=wkid, returnZ="true")
        assert answer["hasZ"]
        expected = items(base, "pipes", crs=f"http://www.opengis.net/def/crs/{uri}")
        flipped = wkid != 102100
        for feature in answer["features"]:
            path = feature["geometry"]["paths"][0]
            given = expected[feature["attributes"]["objectid"]]["geometry"]["coordinates"]
            assert [p[:2] for p in path] == [p[1::-1] if flipped else p[:2] for p in given]
    assert rest("pipes/FeatureServer/0/query", where="1=1")["features"][0]["geometry"]["paths"][0][0] == [E + 20, N]
    assert rest("pipes/FeatureServer/0/query", where="1=1", returnZ="true")["features"][0]["geometry"]["paths"][0][0] == [E + 20, N, 3.5]


@pytest.mark.parametrize(
    ("where", "cql2"),
    [
        ("floors_above >= 28", "floors_above >= 28"),
        ("NAME LIKE '学府%1_幢' AND NOT (height_m > 45)", "name LIKE '学府%1_幢' AND NOT (height_m > 45)"),
        ("lower(building_id) = 'B12'", "building_id = 'B12'"),
        ("height_m IS NULL OR valid_from IS NULL", "height_m IS NULL OR valid_from IS NULL"),
        ("valid_from BETWEEN DATE '2004-01-01' AND '2006-12-31'", "valid_from BETWEEN DATE('2004-01-01') AND DATE('2006-12-31')"),
        ("floors_above * 3 <> height_m", "floors_above * 3 <> height_m"),
        (f"name = '{city.HOSTILE_TEXT}'", f"name = '{city.HOSTILE_TEXT}'".replace("\\", "\\")),
    ],
)
def test_conditions_mean_what_they_mean_in_cql2(rest: Ask, base: str, where: str, cql2: str) -> None:
    expected = list(items(base, "buildings", filter=cql2))
    assert 0 < len(expected) < 29
    assert ids(rest(where=where)) == expected
    assert rest(where=where, returnCountOnly="true") == {"count": len(expected)}
    assert rest(where=where, returnIdsOnly="true") == {"objectIdFieldName": "objectid", "objectIds": expected}


def test_geometries_of_queries_mean_what_they_mean_in_cql2(rest: Ask, base: str) -> None:
    box = {"xmin": E - 5, "ymin": N - 5, "xmax": E + 65, "ymax": N + 25, "spatialReference": {"wkid": 4549}}
    grid = {"filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4549"}
    inside = list(items(base, "buildings", filter=f"S_INTERSECTS(geometry,BBOX({N - 5},{E - 5},{N + 25},{E + 65}))", **grid))
    assert 0 < len(inside) < 29
    assert ids(rest(geometry=json.dumps(box), geometryType="esriGeometryEnvelope")) == inside
    assert ids(rest(geometry=f"{E - 5},{N - 5},{E + 65},{N + 25}", inSR=4549)) == inside
    ring = [[E - 5, N - 5], [E - 5, N + 25], [E + 65, N + 25], [E + 65, N - 5], [E - 5, N - 5]]
    polygon = {"geometry": json.dumps({"rings": [ring]}), "geometryType": "esriGeometryPolygon", "inSR": '{"wkid":4549}'}
    assert ids(rest(**polygon)) == inside
    assert ids(rest(**polygon, where="floors_above > 3")) == [fid for fid in inside if fid > 3]
    within = list(items(base, "buildings", filter=f"S_WITHIN(geometry,BBOX({N - 5},{E - 5},{N + 25},{E + 65}))", **grid))
    assert ids(rest(**polygon, spatialRel="esriSpatialRelContains")) == within
    point = rest(geometry=f"{E + 35},{N + 5}", geometryType="esriGeometryPoint", spatialRel="esriSpatialRelWithin")
    assert ids(point) == list(items(base, "buildings", filter=f"S_INTERSECTS(geometry,POINT({N + 5} {E + 35}))", **grid)) != []


def test_pages_and_orders(rest: Ask, base: str) -> None:
    every = list(items(base, "buildings"))
    walked: list[int] = []
    while True:
        page = rest(where="1=1", resultOffset=len(walked), resultRecordCount=9)
        walked += ids(page)
        if not page.get("exceededTransferLimit"):
            break
    assert walked == every
    assert ids(rest(where="1=1", orderByFields="objectid DESC")) == every[::-1]
    down = ids(rest(where="1=1", orderByFields="floors_above DESC, objectid ASC"))
    assert (down[0], down[1:]) == (3, sorted(set(every) - {3}, reverse=True))
    assert ids(rest(objectIds="9, 3,99999")) == [3, 9]
    assert ids(rest(where="1=1", resultOffset=1000)) == []


def test_the_extent_is_that_of_the_features(rest: Ask) -> None:
    found = rest(where="objectid IN (1,2)", returnExtentOnly="true", outSR=4549)
    assert found["count"] == 2
    assert [found["extent"][k] for k in ("xmin", "ymin", "xmax", "ymax")] == pytest.approx([E + 30, N, E + 70, N + 10])
    none = rest(where="1=0", returnExtentOnly="true")
    assert (none["count"], none["extent"]["xmin"]) == (0, None)


def test_a_moment_of_the_past_shows_the_state_of_then(rest: Ask, base: str, catalogue: Catalogue) -> None:
    first = min(catalogue.commits(), key=lambda c: c.number)
    then = int(first.time.timestamp() * 1000) + 1
    expected = items(base, "buildings", **{"as-of": first.number})
    found = rest(where="1=1", historicMoment=then, outFields="floors_above")
    assert {f["attributes"]["objectid"]: f["attributes"]["floors_above"] for f in found["features"]} == {
        fid: f["properties"]["floors_above"] for fid, f in expected.items()
    }


def statistics(**asked: str) -> str:
    """Return outStatistics: name of a column → type and field."""
    kinds = [(name, *text.split()) for name, text in asked.items()]
    return json.dumps([{"statisticType": kind, "onStatisticField": field, "outStatisticFieldName": name} for name, kind, field in kinds])


def test_statistics_are_those_of_the_items(rest: Ask, base: str) -> None:
    asked = {
        "n": "count objectid", "with_height": "COUNT height_m", "floors": "sum floors_above", "low": "min height_m", "high": "max HEIGHT_M",
        "mean": "avg height_m", "spread": "stddev height_m", "square": "var height_m", "first": "min valid_from", "last": "max building_id",
    }  # fmt: skip
    properties = [f["properties"] for f in items(base, "buildings", filter="floors_above > 4").values()]
    heights = [p["height_m"] for p in properties if p["height_m"] is not None]
    answer = rest(where="floors_above > 4", outStatistics=statistics(**asked))
    (row,) = [f["attributes"] for f in answer["features"]]
    assert "geometry" not in answer["features"][0]
    assert row["n"] == len(properties)
    assert row["with_height"] == len(heights)
    assert row["floors"] == sum(p["floors_above"] for p in properties)
    assert (row["low"], row["high"], row["last"]) == (min(heights), max(heights), max(p["building_id"] for p in properties))
    assert row["mean"] == pytest.approx(stats.mean(heights))
    assert (row["spread"], row["square"]) == (pytest.approx(stats.stdev(heights)), pytest.approx(stats.variance(heights)))
    day = dt.date.fromisoformat(min(p["valid_from"] for p in properties if p["valid_from"]))
    assert row["first"] == (day - dt.date(1970, 1, 1)).days * 86_400_000
    kinds = {f["name"]: f["type"] for f in answer["fields"]}
    assert list(kinds) == list(asked)
    assert (kinds["n"], kinds["mean"], kinds["first"], kinds["last"]) == (
        "esriFieldTypeInteger", "esriFieldTypeDouble", "esriFieldTypeDate", "esriFieldTypeString",
    )  # fmt: skip
    (none,) = [f["attributes"] for f in rest(where="1=0", outStatistics=statistics(n="count objectid", high="max height_m"))["features"]]
    assert none == {"n": 0, "high": None}


def test_groups_are_those_of_the_items_page_by_page(rest: Ask, base: str, catalogue: Catalogue) -> None:
    def groups(values: Iterable[str]) -> dict[str, int]:
        return dict(sorted(collections.Counter(values).items()))

    every = items(base, "buildings")
    expected = groups(f["properties"]["valid_from"] for f in every.values() if f["properties"]["valid_from"])
    asked = {"outStatistics": statistics(n="count objectid"), "groupByFieldsForStatistics": "valid_from", "where": "valid_from IS NOT NULL"}
    found: list[Json] = []
    while True:
        page = rest(**asked, orderByFields="n DESC, valid_from ASC", resultOffset=len(found), resultRecordCount=2)
        found += [f["attributes"] for f in page["features"]]
        if not page.get("exceededTransferLimit"):
            break
    epoch = dt.date(1970, 1, 1)
    said = {(epoch + dt.timedelta(milliseconds=row["valid_from"])).isoformat(): row["n"] for row in found}
    assert said == expected
    assert [row["n"] for row in found] == sorted(expected.values(), reverse=True)
    assert rest(**asked, returnCountOnly="true") == {"count": len(expected)}
    first = min(catalogue.commits(), key=lambda c: c.number)
    then = rest(**asked, historicMoment=int(first.time.timestamp() * 1000) + 1)
    before = items(base, "buildings", **{"as-of": first.number})
    assert sum(f["attributes"]["n"] for f in then["features"]) == sum(1 for f in before.values() if f["properties"]["valid_from"])
    geojson = rest(**asked, f="geojson")["features"]
    assert {f["properties"]["n"] for f in geojson} == set(expected.values())
    assert geojson[0]["geometry"] is None


def test_distinct_values_are_those_of_the_items(rest: Ask, base: str) -> None:
    asked = {"where": "1=1", "returnDistinctValues": "true", "outFields": "land_use_code", "returnGeometry": "false"}
    answer = rest("plots/FeatureServer/0/query", **asked)
    expected = sorted({f["properties"]["land_use_code"] for f in items(base, "plots").values()})
    assert [f["attributes"] for f in answer["features"]] == [{"land_use_code": code} for code in expected]
    assert answer["fields"][0]["domain"]["type"] == "codedValue"
    assert rest("plots/FeatureServer/0/query", **asked, returnCountOnly="true") == {"count": len(expected)}
    descending = rest("plots/FeatureServer/0/query", **asked, orderByFields="LAND_USE_CODE DESC")
    assert [f["attributes"]["land_use_code"] for f in descending["features"]] == expected[::-1]


def test_gdal_reads_statistics_as_a_table(base: str) -> None:
    asked = {"where": "1=1", "f": "json", "outStatistics": statistics(n="count objectid", high="max height_m")}
    address = f"{base}/arcgis/rest/services/buildings/FeatureServer/0/query?{urlencode(asked)}"
    heights = [f["properties"]["height_m"] for f in items(base, "buildings").values() if f["properties"]["height_m"] is not None]
    got = read(f"ESRIJSON:{address}")["columns"]
    assert (got["n"], got["high"]) == ([29], [max(heights)])


def test_geojson_is_in_degrees(rest: Ask, base: str) -> None:
    found = rest(where="1=1", outFields="name", f="geojson")
    expected = items(base, "buildings", crs="http://www.opengis.net/def/crs/OGC/1.3/CRS84")
    assert {f["id"]: f["geometry"] for f in found["features"]} == {fid: f["geometry"] for fid, f in expected.items()}
    assert found["features"][1]["properties"] == {"objectid": 2, "name": city.HOSTILE_TEXT}


def pbf(base: str, tmp_path: Path, service: str = "buildings", **parameters: object) -> Json:
    """Return what arcgis-pbf-parser, which is nobody of ours, reads in an answer; it knows no heights."""
    address = f"{base}/arcgis/rest/services/{service}/FeatureServer/0/query"
    answer = ogc_server.client().get(address, params={"f": "pbf", "where": "1=1", "outFields": "*", **parameters})
    assert answer.headers["content-type"] == "application/x-protobuf", answer.text
    (tmp_path / "answer.pbf").write_bytes(answer.content)
    return tile_readers.run("esri_pbf.mjs", [tmp_path / "answer.pbf"])[0]


@pytest.mark.parametrize(("service", "wkid"), [("buildings", 4549), ("buildings", 4490), ("pipes", 102100), ("buildings", 4528)])
def test_protocol_buffers_hold_what_the_json_holds(rest: Ask, base: str, tmp_path: Path, service: str, wkid: int) -> None:
    read_back = pbf(base, tmp_path, service, outSR=wkid)
    expected = rest(f"{service}/FeatureServer/0/query", where="1=1", outFields="*", outSR=wkid)["features"]
    assert not read_back["exceededTransferLimit"]
    assert len(read_back["featureCollection"]["features"]) == len(expected)
    for found, feature in zip(read_back["featureCollection"]["features"], expected, strict=True):
        assert found["properties"] == feature["attributes"]
        (parts,) = [shape for name, shape in feature["geometry"].items() if name in {"rings", "paths"}]
        there = [found["geometry"]["coordinates"]] if found["geometry"]["type"] == "LineString" else found["geometry"]["coordinates"]
        assert shapely.equals_exact(shapely.MultiLineString(there), shapely.MultiLineString(parts), 2e-10 if wkid == 4490 else 2e-5)


def test_protocol_buffers_lie_on_the_grid_that_is_asked_for(rest: Ask, base: str, tmp_path: Path) -> None:
    extent = {"xmin": E - 100, "ymin": N - 100, "xmax": E + 2000, "ymax": N + 100}
    grid = json.dumps({"mode": "view", "originPosition": "upperLeft", "tolerance": 0.25, "extent": extent})
    page = pbf(base, tmp_path, quantizationParameters=grid, resultRecordCount=3, outFields="name")
    assert page["exceededTransferLimit"]
    exact = rest(where="1=1", resultRecordCount=3)["features"]
    for found, feature in zip(page["featureCollection"]["features"], exact, strict=True):
        places = np.array(found["geometry"]["coordinates"][0])
        assert np.array_equal((places - (E - 100, N + 100)) / 0.25, np.rint((places - (E - 100, N + 100)) / 0.25))
        assert np.abs(places - np.array(feature["geometry"]["rings"][0])).max() <= 0.125


def fields_of(content: bytes) -> dict[int, list[Any]]:
    """Return the fields of a message by number: whole numbers, doubles and bytes, read by Google's decoder."""
    found: dict[int, list[Any]] = collections.defaultdict(list)
    at = 0
    while at < len(content):
        tag, at = decoder._DecodeVarint(content, at)
        number, kind = wire_format.UnpackTag(tag)
        if kind == wire_format.WIRETYPE_FIXED64:
            value, at = struct.unpack_from("<d", content, at)[0], at + 8
        else:
            value, at = decoder._DecodeVarint(content, at)
        if kind == wire_format.WIRETYPE_LENGTH_DELIMITED:
            value, at = content[at : at + value], at + value
        found[number].append(value)
    return found


def signed_numbers(content: bytes) -> list[int]:
    made, at = [], 0
    while at < len(content):
        value, at = decoder._DecodeVarint(content, at)
        made.append(wire_format.ZigZagDecode(value))
    return made


def test_numbers_are_written_as_protocol_buffers_have_them() -> None:
    numbers = [0, 1, -1, 63, 64, -64, -65, 2**31, -(2**31), 2**53, -(2**53), 2**62, -(2**62)]
    assert signed_numbers(fields_of(protobuf.packed_signed(3, np.array(numbers, np.int64)))[3][0]) == numbers


def test_protocol_buffers_have_heights_counts_and_ids(rest: Ask, base: str) -> None:
    """By the numbers of Esri's FeatureCollection.proto, read with Google's decoder; arcgis-pbf-parser knows none of these."""

    def result(**parameters: object) -> dict[int, list[Any]]:
        asked = {"f": "pbf", "where": "1=1", **parameters}
        answer = ogc_server.client().get(f"{base}/arcgis/rest/services/pipes/FeatureServer/0/query", params=asked)
        return fields_of(fields_of(answer.content)[2][0])

    ids_expected = rest("pipes/FeatureServer/0/query", where="1=1", returnIdsOnly="true")["objectIds"]
    assert fields_of(result(returnCountOnly="true")[2][0])[1] == [len(ids_expected)]
    packed = fields_of(result(returnIdsOnly="true")[3][0])
    assert packed[1] == [b"objectid"]
    assert [decoder._DecodeVarint(bytes([one]), 0)[0] for one in packed[3][0]] == ids_expected
    table = fields_of(result(outStatistics=COUNT)[1][0])
    assert (table[7], [fields_of(f)[1] for f in table[13]]) == ([127], [[b"n"]])
    found = fields_of(result(returnZ="true")[1][0])
    scale, corner = (fields_of(fields_of(found[12][0])[number][0]) for number in (2, 3))
    assert (found[10], scale[4]) == ([1], [1e-4])
    expected = rest("pipes/FeatureServer/0/query", where="1=1", returnZ="true")["features"]
    for feature, there in zip(found[15], expected, strict=True):
        geometry = fields_of(fields_of(feature)[2][0])
        steps = np.cumsum(np.array(signed_numbers(geometry[3][0])).reshape(-1, 3), axis=0)
        assert list(geometry[2][0]) == [len(steps)]
        places = steps * (scale[1][0], -scale[2][0], scale[4][0]) + (corner[1][0], corner[2][0], 0)
        assert np.allclose(places, there["geometry"]["paths"][0], rtol=0, atol=6e-5)


def test_documents_describe_layers_with_domains_and_hide_what_is_closed(rest: Ask, base: str) -> None:
    assert {s["name"] for s in rest("../services")["services"]} == {"buildings", "pipes", "plots"}
    service, layer = rest("buildings/FeatureServer"), rest("plots/FeatureServer/0", lang="en")
    assert service["layers"][0]["id"] == 0
    assert service["spatialReference"]["wkid"] == 4549
    assert layer["geometryType"] == "esriGeometryPolygon"
    use = next(f for f in layer["fields"] if f["name"] == "land_use_code")
    assert use["domain"]["type"] == "codedValue"
    assert {"code": "0701"}.items() <= next(c for c in use["domain"]["codedValues"] if c["code"] == "0701").items()
    west = layer["extent"]["xmin"]
    assert E - 2000 < west < E + 2000
    assert rest("plots/FeatureServer/layers")["layers"][0]["id"] == 0
    assert ogc_server.client().get(f"{base}/arcgis/rest/info").json()["currentVersion"] >= 10
    for path in ("secret/FeatureServer", "secret/FeatureServer/0/query", "buildings/FeatureServer/1", "nothing/FeatureServer"):
        assert rest(path)["error"]["code"] == 404


def test_a_query_comes_as_a_form_too(base: str) -> None:
    address = f"{base}/arcgis/rest/services/buildings/FeatureServer/0/query"
    answer = ogc_server.client().post(
        address, data={"where": "floors_above = 9", "f": "json", "geometryPrecision": "3", "returnM": "false"}
    )
    assert ids(answer.json()) == [9]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"where": "colour = 1"}, "unknown-property"),
        ({"where": "floors_above = 'x'"}, "bad-filter"),
        ({"where": "1=1; DROP TABLE x"}, "bad-filter"),
        ({"where": "pg_sleep(5) = 1"}, "bad-filter"),
        ({"where": "(" * 30 + "1=1" + ")" * 30}, "filter-too-complex"),
        ({"where": "1=1", "colour": "red"}, "unknown-parameter"),
        ({"where": "1=1", "outFields": "colour"}, "unknown-property"),
        ({"where": "1=1", "outSR": "32650"}, "crs-not-offered"),
        ({"where": "1=1", "outSR": "x"}, "bad-geometry"),
        ({"where": "1=1", "resultOffset": "-1"}, "bad-parameter"),
        ({"where": "1=1", "orderByFields": "colour"}, "bad-parameter"),
        ({"outStatistics": "[{}]"}, "not-supported"),
        ({"outStatistics": '[{"statisticType":"percentile_cont","onStatisticField":"height_m"}]'}, "not-supported"),
        ({"outStatistics": '[{"statisticType":"sum","onStatisticField":"name"}]'}, "bad-parameter"),
        ({"outStatistics": '[{"statisticType":"sum","onStatisticField":"colour"}]'}, "unknown-property"),
        ({"outStatistics": "[[", "groupByFieldsForStatistics": "name"}, "bad-parameter"),
        ({"outStatistics": COUNT, "groupByFieldsForStatistics": "colour"}, "unknown-property"),
        ({"outStatistics": COUNT, "returnExtentOnly": "true"}, "not-supported"),
        ({"outStatistics": COUNT, "returnDistinctValues": "true"}, "bad-parameter"),
        ({"outStatistics": COUNT, "having": "count(*) > 1"}, "not-supported"),
        ({"outStatistics": COUNT, "groupByFieldsForStatistics": "name", "orderByFields": "height_m"}, "bad-parameter"),
        ({"groupByFieldsForStatistics": "name"}, "bad-parameter"),
        ({"returnDistinctValues": "true"}, "bad-parameter"),
        ({"where": "1=1", "time": "1,2,3"}, "bad-datetime"),
        ({"where": "1=1", "time": "9,1e3"}, "bad-datetime"),
        ({"where": "1=1", "time": "999999999999999999"}, "bad-datetime"),
        ({"where": "1=1", "time": "172800000,0"}, "bad-datetime"),
        ({"objectIds": "x"}, "bad-parameter"),
        ({"geometry": "1,2,3"}, "bad-geometry"),
        ({"geometry": '{"rings":[[[0,0],[1,1],[0,1],[1,0],[0,0]]]}', "geometryType": "esriGeometryPolygon"}, "filter-too-complex"),
        ({"geometry": "1,2,0,0"}, "bad-bbox"),
        ({"historicMoment": "9" * 30}, "bad-as-of"),
        ({"f": "amf"}, "bad-format"),
        ({"f": "pbf", "returnExtentOnly": "true"}, "not-supported"),
        ({"f": "pbf", "quantizationParameters": '{"extent":{"xmin":0,"ymax":1e999},"tolerance":1}'}, "bad-parameter"),
        ({"f": "pbf", "quantizationParameters": "[]"}, "bad-parameter"),
        ({"f": "pbf", "quantizationParameters": '{"extent":{"xmin":1' + "0" * 400 + ',"ymax":0},"tolerance":1}'}, "bad-parameter"),
        ({"f": "pbf", "quantizationParameters": '{"extent":{"xmin":0,"ymax":0},"tolerance":1' + "0" * 400 + "}"}, "bad-parameter"),
        ({"f": "pbf", "quantizationParameters": '{"extent":{"xmin":0,"ymax":0},"tolerance":true}'}, "bad-parameter"),
        ({"f": "pbf", "quantizationParameters": '{"extent":{"xmin":0,"ymax":1e300},"tolerance":1e-300}'}, "bad-parameter"),
        ({"lang": "fr"}, "bad-language"),
    ],
)
def test_what_is_wrong_is_said_as_arcgis_says_it(rest: Ask, parameters: dict[str, str], code: str) -> None:
    error = rest(**parameters)["error"]
    assert (error["code"], error["details"]) == (400, [code])
    assert error["message"]


def test_what_clients_send_along_changes_nothing(rest: Ask) -> None:
    plain = rest(where="objectid < 4", outFields="*")
    sent = {"defaultSR": "4326", "lod": "3", "collation": "", "returnEnvelope": "true", "rollbackOnFailure": "true", "callback": "dojo.x"}
    assert rest(where="objectid < 4", outFields="*", _="1700000000", dt="1", **sent) == plain


def test_time_is_validity(rest: Ask, base: str) -> None:
    day = 86_400_000
    for time, datetime in (
        (f"{10_000 * day}", "1997-05-19"),
        (f"null,{10_000 * day}", "../1997-05-19"),
        (f"{10_000 * day},null", "1997-05-19/.."),
    ):
        assert rest(where="1=1", time=time, returnCountOnly="true")["count"] == len(items(base, "buildings", datetime=datetime))
    assert rest(where="1=1", time="null,null", returnCountOnly="true") == rest(where="1=1", returnCountOnly="true")
