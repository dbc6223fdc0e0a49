"""Writing through the door: the abstract tests of OGC API - Features - Part 4 (20-002r1), transactions, and what was recorded before.

Each test of the standard's annex A is named by its conformance test; what they leave open is tested beside them.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pyogrio
import pyproj
import pytest
import query_city
import shapely

from ogc.capabilities import Capabilities
from ogc.conformance import classes
from tests.in_process import load
from tests.opened_city import request
from tests.written_city import WrittenCity, building, city_folder, node, pipe, poi, written_city
from twin.embedded import EmbeddedCluster

BUILDINGS = "/collections/buildings/items"
PATCH = {"Content-Type": "application/merge-patch+json"}
JSON_FG = {"Content-Type": "application/vnd.ogc.fg+json"}
ANY = {"If-Match": "*"}
EPSG4549 = "http://www.opengis.net/def/crs/EPSG/0/4549"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
EPSG4490 = "http://www.opengis.net/def/crs/EPSG/0/4490"


@pytest.fixture(scope="module")
def written(cluster: EmbeddedCluster, template: str, run_folder: Path) -> Iterator[WrittenCity]:
    with query_city.clone_of(template, cluster.dsn) as url, city_folder(run_folder) as folder, written_city(url, folder) as made:
        yield made


@pytest.fixture(scope="module")
def writer(written: WrittenCity) -> httpx.Client:
    return written.writer


@pytest.fixture(scope="module")
def reader(written: WrittenCity) -> httpx.Client:
    return written.reader


_NUMBERS = iter(range(100, 1000))


@pytest.fixture(scope="module")
def tower(written: WrittenCity, run_folder: Path) -> str:
    """The collection of a building with a solid, read from CityJSON."""
    corners = [[x, y, z] for z in (3000, 15000) for x, y in ((0, 0), (8000, 0), (8000, 8000), (0, 8000))]
    faces = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    solid = {"type": "Solid", "lod": "2", "boundaries": [[[list(face)] for face in faces]]}
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"},
        "transform": {"scale": [0.001] * 3, "translate": [query_city.EAST, query_city.NORTH, 0.0]},
        "CityObjects": {"T1": {"type": "Building", "attributes": {"building_id": "T1"}, "geometry": [solid]}},
        "vertices": corners,
    }
    with city_folder(run_folder) as folder:
        file = folder / "towers.city.json"
        file.write_text(json.dumps(document), "utf-8")
        load(written.city, request(file, (None, "building", "towers")))
    return "towers"


@pytest.fixture(scope="module")
def buildings(writer: httpx.Client) -> Iterator[str]:
    """The addresses of buildings that no test has touched, written in one commit."""
    made = writer.post(BUILDINGS, json={"type": "FeatureCollection", "features": [building(next(_NUMBERS)) for _ in range(40)]})
    assert made.status_code == 201, made.text
    return iter([link["href"] for link in made.json()["links"]])


@pytest.fixture
def feature(buildings: Iterator[str]) -> str:
    """The address of a building of this test's own."""
    return next(buildings)


def _get(client: httpx.Client, address: str, **more: Any) -> dict[str, Any]:
    found = client.get(address, **more)
    assert found.status_code == 200, found.text
    return found.json()


def _patch(client: httpx.Client, address: str, change: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    return client.patch(address, content=json.dumps(change), headers=PATCH | (headers or ANY))


def _errors(response: httpx.Response) -> list[tuple[str, str]]:
    assert response.headers["content-type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def test_what_is_said_of_the_door_is_what_it_does(reader: httpx.Client, written: WrittenCity) -> None:
    part_4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
    assert f"{part_4}create-replace-delete" in _get(reader, "/conformance")["conformsTo"]
    assert not any(part_4 in declared for declared in classes(Capabilities()))
    paths = _get(reader, "/openapi")["paths"]
    for address, path in paths.items():
        for method in {"post", "put", "patch", "delete", "options"} & set(path):
            place = address.replace("{item}", "1")
            answer = reader.request(method.upper(), place, content=b"{}", headers={"Content-Type": "application/json"})
            assert str(answer.status_code) in path[method]["responses"], (method, address, answer.text)


@pytest.mark.parametrize("value", [b"*", b"\xff\xfe", b'"', b'W/"1-1"', b'"99999999999999999999-1"', b"," * 5000])
@pytest.mark.parametrize("name", ["If-Match", "Content-Crs", "Commit-Reason", "Prefer", "Accept-Datetime", "Accept-Language"])
def test_no_header_breaks_the_door(writer: httpx.Client, name: str, value: bytes) -> None:
    nobody = f"{BUILDINGS}/987654321"
    for method in ("PUT", "GET"):
        answer = writer.request(method, nobody, content=b'{"type":"Feature"}', headers={name: value, b"Content-Type": b"application/json"})
        assert answer.status_code in {400, 404}


# -- create-replace-delete ---------------------------------------------------------------------------------------------------------


def test_options_tell_each_caller_what_may_be_done_to_each_resource(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    offered = {(c is writer, a): c.options(a) for c in (writer, reader) for a in (BUILDINGS, feature, f"{BUILDINGS}/unknown_id")}
    assert all(response.status_code == 200 for response in offered.values())
    allowed = {key: set(response.headers["allow"].split(", ")) for key, response in offered.items()}
    assert allowed[True, BUILDINGS] == {"GET", "HEAD", "OPTIONS", "POST"}
    assert allowed[True, feature] == allowed[True, f"{BUILDINGS}/unknown_id"] == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}
    assert all(allowed[False, address] == {"GET", "HEAD", "OPTIONS"} for address in (BUILDINGS, feature))
    assert "application/geo+json" in offered[True, BUILDINGS].headers["accept-post"]
    assert offered[True, feature].headers["accept-patch"].split(", ")[0] == "application/merge-patch+json"
    for nobodys in ("findings", "catalogue"):
        assert reader.options(f"/collections/{nobodys}/items").headers["allow"] == "GET, HEAD, OPTIONS"
        assert writer.put(f"/collections/{nobodys}/items", content=b"{}").status_code == 405


def test_create_gives_the_feature_an_address_of_its_own_and_takes_no_id(writer: httpx.Client, reader: httpx.Client) -> None:
    before = {f["id"] for f in _get(reader, BUILDINGS)["features"]}
    given = building(50, usage="residential") | {"id": "2.25.1.2.1.99"}
    made = writer.post(BUILDINGS, content=json.dumps(given), headers={"Content-Type": "application/geo+json"})
    assert (made.status_code, made.content) == (201, b"")
    found = _get(reader, made.headers["location"])
    assert found["id"] == made.headers["location"].rsplit("/", 1)[1] not in before
    assert b"Location" in [name for name, _ in made.headers.raw]  # QGIS knows it by this spelling only
    assert {name: found["properties"][name] for name in given["properties"]} == given["properties"]
    assert np.allclose([p[:2] for p in found["geometry"]["coordinates"][0][0]], given["geometry"]["coordinates"][0][0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_must_say_what_it_is(writer: httpx.Client, feature: str, method: str) -> None:
    address = BUILDINGS if method == "POST" else feature
    body = json.dumps(building(51)).encode()
    plain = writer.build_request(method, address, content=body, headers=ANY)
    assert "content-type" not in plain.headers
    assert writer.send(plain).json()["code"] == "content-type-missing"
    assert writer.send(plain).status_code == 400
    assert writer.request(method, address, content=body, headers=ANY | {"Content-Type": "text/csv"}).status_code == 415


def test_replace_is_of_the_whole_feature_at_the_address_and_of_no_other(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    key = _get(reader, feature)["properties"]["building_id"]
    other = _get(reader, BUILDINGS, params={"limit": 1})["features"][0]
    new = building(52, building_id=key, name="改建", year_built=1999)
    assert writer.put(feature, json=new | {"id": other["id"]}, headers=ANY).json()["code"] == "other-id"
    assert writer.put(feature, json=new, headers=ANY).status_code == 204
    found = _get(reader, feature)["properties"]
    assert (found["name"], found["year_built"], found["usage"]) == ("改建", 1999, None)
    assert _get(reader, f"{BUILDINGS}/{other['id']}")["properties"] == other["properties"]


def test_replace_never_creates(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    nobody = feature.rsplit(".", 1)[0] + ".987654"
    for headers in ({}, {"If-Match": '"xyz"'}, ANY):
        assert writer.put(nobody, json=building(53), headers=headers).status_code == 404
    assert reader.get(nobody).status_code == 404


def test_delete_ends_a_feature_whose_past_stays(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    before = _get(reader, feature)
    assert writer.delete(feature, headers=ANY).status_code == 204
    gone = reader.get(feature)
    assert gone.status_code == 404
    assert writer.delete(feature, headers=ANY).status_code == 404
    versions = _get(reader, gone.json()["versions"])
    assert versions["deleted"]["actor"] == "测绘院"
    (memento,) = [link["href"] for link in versions["versions"][0]["links"] if link["rel"] == "memento"]
    assert _get(reader, memento)["properties"] == before["properties"]


def test_what_is_not_for_writing_says_so(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    for address, method in ((BUILDINGS, "DELETE"), (feature, "POST"), ("/collections/findings/items", "POST"), ("/transactions", "GET")):
        refused = writer.request(method, address, json=building(54))
        assert refused.status_code == 405
        assert method not in refused.headers["allow"].split(", ")
    for method, address in (("POST", BUILDINGS), ("PUT", feature), ("PATCH", feature), ("DELETE", feature), ("POST", "/transactions")):
        unknown = reader.request(method, address, json=building(54), headers=ANY)
        assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")
    assert writer.post(BUILDINGS, params={"upsert": "true"}, json=building(54)).json()["code"] == "unknown-parameter"


# -- update --------------------------------------------------------------------------------------------------------------------------


def test_update_changes_what_it_names_and_nothing_else(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    before = _get(reader, feature)
    assert _patch(writer, feature, {"properties": {"name": "更名", "height_m": None, "usage": "residential"}}).status_code == 204
    found = _get(reader, feature)
    assert found["geometry"] == before["geometry"]
    changed = {name for name, value in found["properties"].items() if value != before["properties"][name]}
    assert changed == {"name", "usage", "height_source"}  # without a measured height it follows from the storeys, and says so
    assert _patch(writer, feature, {"id": "2.25.1.2.1.7", "properties": {"name": "x"}}).status_code == 400


def test_a_height_that_is_written_has_been_measured_and_an_unchanged_one_stays_derived(writer: httpx.Client, reader: httpx.Client) -> None:
    given = building(next(_NUMBERS), floors_above=4)
    del given["properties"]["height_m"]
    address = writer.post(BUILDINGS, json=given).headers["location"]
    assert _get(reader, address)["properties"]["height_source"] == "floors"
    _patch(writer, address, {"properties": {"name": "一"}})
    kept = _get(reader, address)
    assert (kept["properties"]["height_m"], kept["properties"]["height_source"]) == (12.0, "floors")
    kept["properties"] |= {"height_m": 13.5}
    assert writer.put(address, json=kept, headers=ANY).status_code == 204
    found = _get(reader, address)["properties"]
    assert (found["height_m"], found["height_source"], found["base_height_source"]) == (13.5, "field", "default")


# -- optimistic-locking-etags ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_write_says_which_state_it_has_seen(writer: httpx.Client, reader: httpx.Client, feature: str, method: str) -> None:
    seen = reader.get(feature)
    body = json.dumps(seen.json() | {"properties": seen.json()["properties"] | {"name": f"由 {method}"}})
    headers = PATCH if method == "PATCH" else {"Content-Type": "application/geo+json"}

    def write(**more: str) -> httpx.Response:
        return writer.request(method, feature, content=body, headers=headers | {name.replace("_", "-"): v for name, v in more.items()})

    assert not seen.headers["etag"].startswith("W/")
    assert write().status_code == 428
    assert write(if_match='"0"').status_code == write(if_match=f"W/{seen.headers['etag']}").status_code == 412
    assert _get(reader, feature)["properties"] == seen.json()["properties"]
    page = reader.get(feature, params={"f": "html", "lang": "en"})  # another representation of the same state has been seen, too
    assert page.headers["etag"] != seen.headers["etag"]
    done = write(if_match=f'"other", {page.headers["etag"]}')
    assert done.status_code == 204
    assert write(if_match=seen.headers["etag"]).status_code == (404 if method == "DELETE" else 412)
    if method != "DELETE":
        assert done.headers["etag"] not in (seen.headers["etag"], None)
        assert write(if_match=done.headers["etag"]).headers["etag"] == done.headers["etag"]  # nothing differs: no commit


def test_of_two_writers_of_one_feature_one_is_told_and_of_two_features_neither(writer: httpx.Client, reader: httpx.Client) -> None:
    one, other = (writer.post(BUILDINGS, json=building(next(_NUMBERS))).headers["location"] for _ in range(2))
    tag = {"If-Match": reader.get(one).headers["etag"]}
    answers: list[int] = []

    def write(address: str, name: str, headers: dict[str, str]) -> None:
        answers.append(_patch(writer, address, {"properties": {"name": name}}, headers).status_code)

    for writes in (((one, "甲", tag), (one, "乙", tag)), ((one, "丙", ANY), (other, "丁", ANY))):
        threads = [threading.Thread(target=write, args=arguments) for arguments in writes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers[:2]) == [204, 412]
    assert answers[2:] == [204, 204]


# -- features ----------------------------------------------------------------------------------------------------------------------------


def test_positions_are_in_the_crs_that_is_declared(writer: httpx.Client, reader: httpx.Client) -> None:
    """Computed with pyproj: EPSG:4490 has the latitude first, EPSG:4549 the northing, with the height above the geoid."""
    lon, lat, height = 119.9761, 31.8119, 4.25
    easting, northing = pyproj.Transformer.from_crs(4326, 4549, always_xy=True).transform(lon, lat)
    nodes = "/collections/nodes/items"
    places = {EPSG4490: [lat, lon], EPSG4549: [northing, easting, height]}
    for crs, position in places.items():
        given = node(next(_NUMBERS), ground_elevation_m=height) | {"geometry": {"type": "Point", "coordinates": position}}
        made = writer.post(nodes, json=given, headers={"Content-Crs": f"<{crs}>"})
        assert made.status_code == 201, made.text
        stored = _get(reader, made.headers["location"], params={"crs": EPSG4549})["geometry"]["coordinates"]
        assert stored == pytest.approx([northing, easting, height], abs=1e-3)
        back = _get(reader, made.headers["location"], params={"crs": crs})["geometry"]["coordinates"]
        assert back == pytest.approx(position, abs=1e-3)
    flat = node(next(_NUMBERS)) | {"geometry": {"type": "Point", "coordinates": [lon, lat, height]}}
    crs84 = writer.post(nodes, json=flat, headers={"Content-Crs": "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"})
    assert _errors(crs84) == [("/geometry", "geometry-type")]
    assert writer.post(nodes, json=flat, headers={"Content-Crs": "<http://www.opengis.net/def/crs/EPSG/0/25832>"}).status_code == 400


@pytest.mark.parametrize("crs", [None, EPSG4490, EPSG4549])
def test_a_feature_written_back_as_it_was_read_is_no_change(writer: httpx.Client, reader: httpx.Client, crs: str | None) -> None:
    for collection in ("buildings", "pipes", "nodes"):
        address = f"/collections/{collection}/items/{_get(reader, f'/collections/{collection}/items')['features'][0]['id']}"
        seen = reader.get(address, params={"crs": crs} if crs else {})
        headers = {"If-Match": seen.headers["etag"]} | ({"Content-Crs": f"<{crs}>"} if crs else {})
        body = seen.json()
        done = writer.put(address, json=body, headers=headers)
        assert done.status_code == 204, done.text
        assert reader.get(address).headers["etag"].split("-")[:2] == seen.headers["etag"].split("-")[:2], collection


def test_positions_without_heights_leave_a_feature_its_heights(writer: httpx.Client, reader: httpx.Client) -> None:
    """Heights that follow from no property are no less there for a reader in longitude and latitude."""
    pipes, crs84 = "/collections/pipes/items", "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    one, other = (f["id"] for f in _get(reader, pipes)["features"][:2])
    heights = [p[2] for p in _get(reader, f"{pipes}/{one}", params={"crs": EPSG4549})["geometry"]["coordinates"]]
    flat = _get(reader, f"{pipes}/{one}", params={"crs": crs84})
    flat["properties"]["material"] = "PVC"
    for headers in ({"Content-Crs": f"<{crs84}>"}, {}):
        assert writer.put(f"{pipes}/{one}", json=flat, headers=ANY | headers).status_code == 204
        assert _patch(writer, f"{pipes}/{one}", {"properties": {"material": "PE"}}, ANY | headers).status_code == 204
        stands = _get(reader, f"{pipes}/{one}", params={"crs": EPSG4549})["geometry"]["coordinates"]
        assert [p[2] for p in stands] == pytest.approx(heights, abs=1e-3)
    high = {"geometry": {"type": "LineString", "coordinates": [[*p, 9.0] for p in flat["geometry"]["coordinates"]]}}
    update = {"action": "update", "collection": "pipes", "ifMatch": "*"}
    actions = [update | {"id": one, "feature": {"properties": {"material": "PVC"}}}, update | {"id": other, "feature": high}]
    refused = writer.post("/transactions", json={"actions": actions}, headers={"Content-Crs": f"<{crs84}>"})
    assert _errors(refused) == [("/actions/1/feature/geometry", "geometry-type")]


# -- JSON-FG ---------------------------------------------------------------------------------------------------------------------


def _fg(method: str, client: httpx.Client, address: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return client.request(method, address, content=json.dumps(body), headers=JSON_FG | ANY | headers)


def _states(client: httpx.Client, address: str) -> list[str]:
    return client.get(address).headers["etag"].split("-")[:2]


@pytest.mark.parametrize(
    ("collection", "crs", "place"),
    [
        ("addresses", None, None),
        ("addresses", EPSG4549, "Point"),
        ("buildings", None, "Prism"),
        ("buildings", EPSG4490, "MultiPolygon"),
        ("buildings", EPSG4549, "Prism"),
        ("nodes", None, None),
        ("nodes", EPSG4549, "Point"),
        ("pipes", None, None),
        ("pipes", EPSG4490, "LineString"),
        ("pipes", EPSG4549, "LineString"),
        ("towers", None, "Polyhedron"),
        ("towers", EPSG4490, "MultiPolygon"),
        ("towers", EPSG4549, "Polyhedron"),
    ],
)
def test_a_feature_of_json_fg_written_back_is_no_change(
    writer: httpx.Client, reader: httpx.Client, tower: str, collection: str, crs: str | None, place: str | None
) -> None:
    """By PUT and by PATCH, declared by its media type and by what it conforms to, and in a transaction."""
    address = f"/collections/{collection}/items/{_get(reader, f'/collections/{collection}/items')['features'][0]['id']}"
    seen = _get(reader, address, params={"profile": "jsonfg"} | ({"crs": crs} if crs else {}))
    assert (seen["place"] or {}).get("type") == place
    before = _states(reader, address)
    for method, said in (("PUT", {}), ("PUT", {"Content-Type": "application/geo+json"}), ("PATCH", {})):
        done = _fg(method, writer, address, seen, **said)
        assert done.status_code == 204, done.text
    action = {"collection": collection, "id": seen["id"], "ifMatch": "*", "feature": seen}
    for kind in ("replace", "update"):
        done = writer.post("/transactions", json={"actions": [action | {"action": kind}]})
        assert (done.status_code, done.json()["commit"]) == (200, None), done.text
    assert _states(reader, address) == before
    if place == "Polyhedron":
        seen["place"]["coordinates"][0][0][0][0][2] += 1
        for answer, pointer in (
            (_fg("PUT", writer, address, seen), "/place"),
            (writer.post("/transactions", json={"actions": [action | {"action": "replace"}]}), "/actions/0/feature/place"),
        ):
            assert _errors(answer) == [(pointer, "unsupported-geometry")]


@pytest.mark.parametrize("crs", [CRS84H, EPSG4549])
def test_a_prism_is_a_footprint_its_base_and_its_height(writer: httpx.Client, reader: httpx.Client, crs: str) -> None:
    """Heights above the ellipsoid in CRS84h by pyproj's EGM96, above the geoid in the grid."""
    number = next(_NUMBERS)
    given = building(number)
    ring = np.array(given["geometry"]["coordinates"][0][0])
    rise_m = 0.0
    if crs == CRS84H:
        rise_m = pyproj.Transformer.from_crs("EPSG:4326+5773", 4979, always_xy=True).transform(*ring[0], 0.0)[2]
        assert 5 < rise_m < 6
    else:
        ring = np.column_stack(pyproj.Transformer.from_crs(4326, 4549, always_xy=True).transform(*ring.T)[::-1])
    base = {"type": "MultiPolygon", "coordinates": [[ring.tolist()]]}
    place = {"type": "Prism", "base": base, "lower": 4.5 + rise_m, "upper": 16.5 + rise_m}
    body = given | {
        "geometry": None,
        "place": place,
        "coordRefSys": crs,
        "conformsTo": ["http://www.opengis.net/spec/json-fg-1/1.0/conf/core"],
    }
    wrong = body | {"properties": given["properties"] | {"height_m": 13.0}}
    insert = {"action": "insert", "collection": "buildings"}
    assert _errors(_fg("POST", writer, BUILDINGS, wrong)) == [("/place", "contradicts")]
    refused = writer.post("/transactions", json={"actions": [insert | {"feature": wrong}]})
    assert _errors(refused) == [("/actions/0/feature/place", "contradicts")]
    del given["properties"]["height_m"]
    done = writer.post("/transactions", json={"actions": [insert | {"feature": body}]})
    assert done.status_code == 200, done.text
    address = done.json()["results"][0]["href"]
    found = _get(reader, address)["properties"]
    assert (found["base_height_m"], found["height_m"]) == pytest.approx((4.5, 12.0), abs=2e-3)
    seen = _get(reader, address, params={"profile": "jsonfg", "crs": crs})
    assert (seen["place"]["lower"], seen["place"]["upper"]) == pytest.approx((place["lower"], place["upper"]), abs=2e-3)
    higher = {"place": seen["place"] | {"upper": seen["place"]["upper"] + 3}, "coordRefSys": crs, "properties": {"height_m": None}}
    assert _fg("PATCH", writer, address, higher).status_code == 204
    assert _get(reader, address)["properties"]["height_m"] == pytest.approx(15.0, abs=2e-3)
    for part in (
        {"upper": 1},
        {"lower": None},
        {"lower": "0"},
        {"base": {"type": "Point", "coordinates": [0, 0]}},
        {"base": {"type": "Polygon"}},
    ):
        answer = _fg("PATCH", writer, address, higher | {"place": place | part})
        assert _errors(answer) == [("/place", "unsupported-geometry")], part
    for far in ([[[[1e300, -1e300], [0, 1], [1, 1], [1e300, -1e300]]]], [[[[0, 0], ["a", 1], None]]]):
        answer = _fg("PATCH", writer, address, higher | {"place": place | {"base": base | {"coordinates": far}}})
        assert answer.status_code in {400, 422}, answer.text


def test_positions_on_one_collection_of_a_transaction_are_in_one_crs(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    grid = _get(reader, feature, params={"f": "jsonfg", "crs": EPSG4549})
    place = grid["place"]["base"]["coordinates"]
    place[0][0] = [[x + 1, y] for x, y in place[0][0]]
    moved = {"action": "replace", "collection": "buildings", "id": grid["id"], "ifMatch": "*", "feature": grid}
    plain = {"action": "insert", "collection": "buildings", "feature": building(next(_NUMBERS))}
    refused = writer.post("/transactions", json={"actions": [plain, moved]})
    assert (refused.status_code, _errors(refused)) == (400, [("/actions/1", "crs-contradicts")])
    insert = {"action": "insert", "collection": "addresses", "feature": poi(next(_NUMBERS))}
    named = writer.post(BUILDINGS, json=building(next(_NUMBERS))).headers["location"].rsplit("/", 1)[1]
    update = {"action": "update", "collection": "buildings", "id": named, "ifMatch": "*", "feature": {"properties": {"name": "只改名"}}}
    done = writer.post("/transactions", json={"actions": [insert, update, moved]})
    assert done.status_code == 200, done.text
    ring = _get(reader, feature, params={"crs": EPSG4549})["geometry"]["coordinates"][0][0]
    assert np.allclose([p[:2] for p in ring], place[0][0], rtol=0, atol=1e-3)
    assert _get(reader, f"{BUILDINGS}/{named}")["properties"]["name"] == "只改名"


def test_place_and_time_of_json_fg_are_position_and_validity(writer: httpx.Client, reader: httpx.Client) -> None:
    lon, lat, height = 119.9772, 31.8121, 4.25
    easting, northing = pyproj.Transformer.from_crs(4326, 4549, always_xy=True).transform(lon, lat)
    number = next(_NUMBERS)
    given = node(number, ground_elevation_m=height) | {
        "geometry": {"type": "Point", "coordinates": [0, 0]},  # for readers that know no place
        "place": {"type": "Point", "coordinates": [northing, easting, height]},
        "coordRefSys": [EPSG4549, "http://www.opengis.net/def/crs/EPSG/0/5773"],
        "featureType": "pipe_node",
        "time": {"interval": ["2020-03-01", "2021-02-28"]},
    }
    made = _fg("POST", writer, "/collections/nodes/items", given)
    assert made.status_code == 201, made.text
    address = made.headers["location"]
    found = _get(reader, address, params={"crs": EPSG4549})
    assert found["geometry"]["coordinates"] == pytest.approx([northing, easting, height], abs=1e-3)
    assert (found["properties"]["valid_from"], found["properties"]["valid_to"]) == ("2020-03-01", "2021-03-01")
    assert _fg("PATCH", writer, address, {"time": {"interval": ["2020-03-01", ".."]}}).status_code == 204
    assert _get(reader, address, params={"f": "jsonfg"})["time"] == {"interval": ["2020-03-01", ".."]}
    within = {"date": "2020-05-01", "interval": ["2020-03-01", "2021-02-28"]}
    for time, kept in ((None, None), (within, {"interval": ["2020-03-01", "2021-02-28"]}), *[({"interval": ["2020-03-01", ".."]},) * 2]):
        assert _fg("PATCH", writer, address, {"time": time}).status_code == 204
        assert _get(reader, address, params={"f": "jsonfg"})["time"] == kept
    moved = {"place": {"type": "Point", "coordinates": [northing + 5, easting, height]}}
    done = _fg("PATCH", writer, address, moved, **{"Content-Crs": f"<{EPSG4549}>"})
    assert done.status_code == 204, done.text
    found = _get(reader, address, params={"crs": EPSG4549})
    assert found["geometry"]["coordinates"] == pytest.approx([northing + 5, easting, height], abs=1e-3)
    assert (found["properties"]["valid_from"], found["properties"]["node_id"]) == ("2020-03-01", f"N{number}")


def test_what_json_fg_says_that_cannot_be_is_refused(writer: httpx.Client, feature: str) -> None:
    place = {"type": "Point", "coordinates": [3_521_000.0, 499_000.0]}
    solid = {"type": "Prism", "base": {"type": "Polygon", "coordinates": []}, "upper": 3}
    for body, errors in (
        ({"place": solid}, [("/place", "unsupported-geometry")]),
        ({"time": {"timestamp": "2020-01-01T00:00:00Z"}}, [("/time", "bad-time")]),
        ({"time": {"interval": ["20200101", ".."]}}, [("/time", "bad-time")]),
        ({"time": {"interval": ["2020-1-1", ".."]}}, [("/time", "bad-time")]),
        ({"time": {"interval": ["2020-01-01"]}}, [("/time", "bad-time")]),
        ({"time": {"date": "9999-12-31"}}, [("/time", "bad-time")]),
        ({"time": {"date": "2020-01-01"}, "properties": {"valid_from": "2019-01-01"}}, [("/time", "contradicts")]),
        ({"time": None, "properties": {"valid_to": "2019-01-01"}}, [("/time", "contradicts")]),
        ({"time": {"date": "1999-01-01", "interval": ["2020-01-01", "2020-12-31"]}}, [("/time", "bad-time")]),
        ({"time": {"date": None, "interval": ["2020-01-01", ".."]}}, [("/time", "bad-time")]),
        ({"place": None}, [("/place", "unsupported-geometry")]),
    ):
        answer = _fg("PATCH", writer, feature, body)
        assert (answer.status_code, _errors(answer)) == (422, errors), body
    for member, value in (("time", {"date": "2020-01-01"}), ("place", place)):
        assert _errors(_patch(writer, feature, {member: value})) == [(f"/{member}", "unknown-property")]
    for body, code in (
        ({"place": place, "coordRefSys": "http://www.opengis.net/def/crs/EPSG/0/25832"}, "crs-not-offered"),
        ({"place": place, "coordRefSys": [EPSG4490, "http://www.opengis.net/def/crs/EPSG/0/5773"]}, "crs-not-offered"),
        ({"place": place, "coordRefSys": {"type": "Reference", "href": EPSG4549, "epoch": 2020.5}}, "crs-not-offered"),
        ({"place": place, "coordRefSys": 4549}, "crs-not-offered"),
        ({"place": place, "coordRefSys": functools.reduce(lambda inner, _: [inner, EPSG4549], range(400), EPSG4549)}, "crs-not-offered"),
        ({"place": place, "coordRefSys": []}, "crs-not-offered"),
        ({"featureType": "pipe"}, "other-type"),
    ):
        answer = _fg("PATCH", writer, feature, body)
        assert (answer.status_code, answer.json()["code"]) == (400, code), body
    answer = _fg("PATCH", writer, feature, {"place": place, "coordRefSys": EPSG4549}, **{"Content-Crs": f"<{EPSG4490}>"})
    assert answer.json()["code"] == "crs-contradicts"
    two = [building(1), building(2) | {"place": place, "coordRefSys": EPSG4549}]
    answer = _fg("POST", writer, BUILDINGS, {"type": "FeatureCollection", "features": two})
    assert (answer.status_code, answer.json()["code"]) == (400, "crs-contradicts")


def test_what_gdal_writes_as_json_fg_is_taken(writer: httpx.Client, reader: httpx.Client, tmp_path: Path) -> None:
    """GDAL says the grid, whose axes it writes in their own order, and a place in it beside the geometry in degrees."""
    easting, northing = 498_000.25, 3_521_000.5
    number, path = next(_NUMBERS), tmp_path / "nodes.json"
    row = {name: np.array([value]) for name, value in node(number, ground_elevation_m=4.0)["properties"].items()}
    shape = np.array([shapely.to_wkb(shapely.Point(easting, northing, 4.0))], dtype=object)
    pyogrio.raw.write(path, shape, list(row.values()), list(row), geometry_type="Point Z", crs="EPSG:4549", driver="JSONFG")
    given = json.loads(path.read_bytes())
    assert given["features"][0]["place"]["coordinates"][0] == pytest.approx(northing)
    made = _fg("POST", writer, "/collections/nodes/items", given)
    assert made.status_code == 201, made.text
    found = _get(reader, made.headers["location"], params={"crs": EPSG4549})
    assert found["geometry"]["coordinates"] == pytest.approx([northing, easting, 4.0], abs=1e-3)
    assert found["properties"]["node_id"] == f"N{number}"


# -- what is refused ---------------------------------------------------------------------------------------------------------------


def test_what_the_schema_does_not_know_is_refused_by_name(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    given = {"colour": "red", "height_m": "high", "floors_above": 2.5, "name": ["a"], "height_source": "dem", "a/b~c": 1}
    refused = _patch(writer, feature, {"properties": given})
    assert refused.status_code == 422
    assert sorted(_errors(refused)) == [
        ("/properties/a~1b~0c", "unknown-property"),
        ("/properties/colour", "unknown-property"),
        ("/properties/floors_above", "type"),
        ("/properties/height_m", "type"),
        ("/properties/height_source", "read-only"),
        ("/properties/name", "type"),
    ]
    schema = _get(reader, "/collections/buildings/schema")
    assert schema["additionalProperties"] is False
    assert schema["properties"]["height_source"]["readOnly"] is True


@pytest.mark.parametrize(("language", "said"), [("zh-CN", "超出范围"), ("en", "is outside")])
def test_a_rule_that_rejects_a_row_of_a_file_refuses_the_write(
    writer: httpx.Client, reader: httpx.Client, feature: str, language: str, said: str
) -> None:
    before = reader.get(feature).headers["etag"]
    wrong = {"type": "Polygon", "coordinates": [[[119.98, 31.81], [119.99, 31.82], [119.99, 31.81], [119.98, 31.82], [119.98, 31.81]]]}
    refused = _patch(
        writer,
        feature,
        {"geometry": wrong, "properties": {"height_m": -3}},
        ANY | {"Accept-Language": language, "Prefer": "handling=strict"},
    )
    assert refused.status_code == 422
    assert sorted(_errors(refused)) == [("/geometry", "geometry-valid"), ("/properties/height_m", "range")]
    assert any(said in error["reason"] for error in refused.json()["errors"])
    assert refused.headers["preference-applied"] == "handling=strict"
    assert reader.get(feature).headers["etag"] == before


def test_no_geometry_breaks_the_door(writer: httpx.Client) -> None:
    shapes: list[object] = [
        None,
        {},
        {"type": "Point"},
        {"type": "Polygon", "coordinates": [[[1, 2]]]},
        {"type": "GeometryCollection", "geometries": []},
        {"type": "Point", "coordinates": [120, 1e308]},
        {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
        {"type": "MultiPolygon", "coordinates": "x"},
        {"type": "MultiPolygon", "coordinates": [[[[[[[[[[[[[[]]]]]]]]]]]]]]},
    ]
    features = [building(next(_NUMBERS)) | {"geometry": shape} for shape in shapes]
    refused = writer.post(BUILDINGS, json={"type": "FeatureCollection", "features": features})
    assert refused.status_code == 422
    assert {pointer for pointer, _ in _errors(refused)} == {f"/features/{n}/geometry" for n in range(len(shapes))}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type":"Feature","properties":[]}', b'{"type":"FeatureCollection","features":[]}',
    b'{"type":"FeatureCollection","features":[1]}', b'{"type":"Topology"}', b"\xff", b'{"type":"Feature","geometry":3}'])  # fmt: skip
def test_no_body_breaks_the_door(writer: httpx.Client, body: bytes) -> None:
    assert writer.post(BUILDINGS, content=body, headers={"Content-Type": "application/geo+json"}).status_code == 400


def test_a_key_belongs_to_one_feature(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    taken = _get(reader, feature)["properties"]["building_id"]
    assert _errors(writer.post(BUILDINGS, json=building(61, building_id=taken))) == [("/properties/building_id", "unique")]
    other = writer.post(BUILDINGS, json=building(next(_NUMBERS))).headers["location"]
    assert _errors(_patch(writer, other, {"properties": {"building_id": taken}})) == [("/properties/building_id", "unique")]
    assert _patch(writer, feature, {"properties": {"building_id": "新编号"}}).status_code == 204  # the feature is the same, its key another
    assert _patch(writer, other, {"properties": {"building_id": taken}}).status_code == 204


def test_a_feature_collection_comes_whole_or_not_at_all(writer: httpx.Client, reader: httpx.Client) -> None:
    good, bad = [building(next(_NUMBERS)) for _ in range(2)], building(next(_NUMBERS), height_m=-1)
    refused = writer.post(BUILDINGS, json={"type": "FeatureCollection", "features": [*good, bad]})
    assert _errors(refused) == [("/features/2/properties/height_m", "range")]
    made = writer.post(BUILDINGS, json={"type": "FeatureCollection", "features": good})
    assert made.status_code == 201
    addresses = [link["href"] for link in made.json()["links"]]
    assert [_get(reader, a)["properties"]["building_id"] for a in addresses] == [f["properties"]["building_id"] for f in good]


# -- return-resource-representation-in-response, handling ------------------------------------------------------------------------------


def test_the_feature_comes_back_where_it_is_preferred(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    wanted = {"Prefer": "return=representation", "Accept": "application/geo+json"}
    done = _patch(writer, feature, {"properties": {"name": "回显"}}, ANY | wanted | {"Content-Crs": f"<{EPSG4549}>"})
    assert (done.status_code, done.headers["preference-applied"]) == (200, "return=representation")
    assert done.headers["content-type"].startswith("application/geo+json")
    assert done.json()["properties"]["name"] == "回显"
    assert done.json()["geometry"] == _get(reader, feature, params={"crs": EPSG4549})["geometry"]
    given = reader.get(done.headers["content-location"], headers={"Accept": "application/geo+json"})
    assert (given.content, given.headers["etag"]) == (done.content, done.headers["etag"])
    created = writer.post(BUILDINGS, json=building(next(_NUMBERS)), headers=wanted)
    given = reader.get(created.headers["location"], headers={"If-None-Match": created.headers["etag"]})
    assert (created.status_code, given.status_code) == (201, 304)
    assert reader.get(created.headers["content-location"]).content == created.content
    for preference in ("return=minimal", "handling=lenient", "handling=strict"):
        made = writer.post(BUILDINGS, json=building(next(_NUMBERS)), headers={"Prefer": preference})
        assert (made.status_code, made.content) == (201, b"")
        assert reader.get(made.headers["location"], headers={"If-None-Match": made.headers["etag"]}).status_code == 304
    done = _patch(writer, feature, {"properties": {"name": "再改"}}, {"If-Match": done.headers["etag"]})
    assert reader.get(feature, headers={"If-None-Match": done.headers["etag"]}).status_code == 304
    fresh = reader.get(feature, params={"f": "jsonfg"})
    assert reader.get(feature, params={"f": "jsonfg"}, headers={"If-None-Match": fresh.headers["etag"]}).status_code == 304
    assert fresh.headers["etag"] != reader.get(feature, params={"f": "jsonfg", "profile": "jsonfg"}).headers["etag"]
    assert _patch(writer, feature, {"properties": {"name": "三改"}}, {"If-Match": fresh.headers["etag"]}).status_code == 204


# -- revisions like any other ----------------------------------------------------------------------------------------------------------


def test_a_write_is_a_commit_with_its_actor_and_reason(written: WrittenCity, feature: str) -> None:
    reason = {"Commit-Reason": "%E7%8E%B0%E5%9C%BA%E5%A4%8D%E6%B5%8B 复测".encode()}  # percent-encoded, and plain UTF-8
    headers = [*((name, value.encode()) for name, value in (PATCH | ANY).items()), *((n, v) for n, v in reason.items())]
    done = written.writer.patch(feature, content=json.dumps({"properties": {"name": "复测"}}), headers=headers)
    assert done.status_code == 204
    newest = written.city.catalogue.commits()[-1]
    assert (newest.actor, newest.reason, newest.kind) == ("测绘院", "现场复测 复测", "publish")
    revision = written.city.catalogue.revisions("buildings")[-1]
    assert (revision.commit, revision.inserted, revision.updated, revision.deleted) == (newest.number, 0, 1, 0)
    assert revision.lineage["edits"] == {"insert": 0, "replace": 0, "update": 1, "delete": 0}
    assert _patch(written.writer, feature, {"properties": {"name": "又测"}}).status_code == 204
    assert written.city.catalogue.commits()[-1].reason == "修改 buildings 1 项 · update 1 of buildings"


def test_a_network_is_judged_as_it_will_be(writer: httpx.Client, reader: httpx.Client) -> None:
    """A pipe needs its manholes; both may come in one transaction, and the manhole's bottom follows from the pipe."""
    first, second = next(_NUMBERS), next(_NUMBERS)
    line = pipe(first, start_node=f"N{first}", end_node=f"N{second}")
    assert _errors(writer.post("/collections/pipes/items", json=line)) == [
        ("/properties/end_node", "node-exists"),
        ("/properties/start_node", "node-exists"),
    ]
    actions = [{"action": "insert", "collection": "pipes", "feature": line}]
    actions += [{"action": "insert", "collection": "nodes", "feature": node(number)} for number in (first, second)]
    done = writer.post("/transactions", json={"reason": "新建", "actions": actions})
    assert done.status_code == 200, done.text
    assert [result["status"] for result in done.json()["results"]] == [201, 201, 201]
    assert all(reader.get(result["href"]).headers["etag"] == result["etag"] for result in done.json()["results"])


# -- transactions ------------------------------------------------------------------------------------------------------------------------


def test_a_transaction_is_one_commit_or_none(writer: httpx.Client, reader: httpx.Client, written: WrittenCity, feature: str) -> None:
    other = writer.post(BUILDINGS, json=building(next(_NUMBERS))).headers["location"]
    third = writer.post(BUILDINGS, json=building(next(_NUMBERS))).headers["location"]
    tags = {address: reader.get(address).headers["etag"] for address in (feature, other, third)}

    def said(action: str, address: str, **more: Any) -> dict[str, Any]:
        return {"action": action, "collection": "buildings", "id": address.rsplit("/", 1)[1], "ifMatch": tags[address], **more}

    new = {"action": "insert", "collection": "buildings", "feature": building(next(_NUMBERS))}
    update = said("update", feature, feature={"properties": {"name": "一"}})
    replacement = said("replace", other, feature=_get(reader, other) | {"id": None})
    replacement["feature"]["properties"]["name"] = "二"
    actions = [new, update, replacement, said("delete", third)]
    before = written.city.catalogue.last_commit()
    wrong = said("update", feature, feature={"properties": {"height_m": -1}})
    refused = writer.post("/transactions", json={"actions": [new, wrong, replacement, said("delete", third)]})
    assert (refused.status_code, _errors(refused)) == (422, [("/actions/1/feature/properties/height_m", "range")])
    stale = writer.post("/transactions", json={"actions": [new, update | {"ifMatch": '"1-1"'}, said("delete", third) | {"ifMatch": '"0"'}]})
    assert (stale.status_code, [p for p, _ in _errors(stale)]) == (412, ["/actions/1", "/actions/2"])
    unsaid = writer.post("/transactions", json={"actions": [{k: v for k, v in update.items() if k != "ifMatch"}]})
    assert (unsaid.status_code, _errors(unsaid)) == (428, [("/actions/0", "if-match-missing")])
    twice = writer.post("/transactions", json={"actions": [update, said("delete", feature)]})
    assert (twice.status_code, _errors(twice)) == (400, [("/actions/1", "repeated")])
    assert written.city.catalogue.last_commit() == before
    done = writer.post("/transactions", json={"reason": "四事", "actions": actions}).json()
    assert [r["status"] for r in done["results"]] == [201, 200, 200, 204]
    assert done["commit"] == written.city.catalogue.last_commit() == before + 1
    assert _get(reader, feature)["properties"]["name"] == "一"
    assert _get(reader, other)["properties"]["name"] == "二"
    assert reader.get(third).status_code == 404
    assert reader.get(done["results"][0]["href"]).status_code == 200


_INSERT = {"action": "insert", "collection": "buildings", "feature": {}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"actions": []},
        {"actions": [1]},
        {"actions": [{"action": "merge"}]},
        {"actions": [{"action": "insert"}]},
        {"actions": [_INSERT | {"collection": 5}]},
        {"actions": [{"action": "delete", "collection": "buildings", "id": "x", "feature": {}}]},
        {"actions": [_INSERT], "atomic": False},
    ],
)
def test_no_transaction_breaks_the_door(writer: httpx.Client, body: dict[str, Any]) -> None:
    assert writer.post("/transactions", json=body).status_code == 400


# -- what was recorded before ----------------------------------------------------------------------------------------------------------


def test_every_state_is_listed_and_read_again(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    names = ["一", "二", "三"]
    for name in names:
        done = _patch(writer, feature, {"properties": {"name": name}}, ANY | {"Commit-Reason": quote(name)})
        assert done.status_code == 204
    versions = _get(reader, f"{feature}/versions")
    assert [version["reason"] for version in versions["versions"]][:3] == names[::-1]
    assert versions["deleted"] is None
    mementos = [link["href"] for version in versions["versions"] for link in version["links"]]
    assert [_get(reader, href)["properties"]["name"] for href in mementos][:3] == names[::-1]
    listed = reader.get("/collections/buildings/versions", params={"limit": 3})
    assert [v["updated"] for v in listed.json()["versions"]] == [1, 1, 1]
    following = next(link["href"] for link in listed.json()["links"] if link["rel"] == "next")
    assert _get(reader, following)["versions"][0]["commit"] < listed.json()["versions"][-1]["commit"]
    for page in (f"{feature}/versions", "/collections/buildings/versions"):
        assert "<table>" in reader.get(page, params={"f": "html"}).text
    time_map = reader.get(f"{feature}/versions", headers={"Accept": "application/link-format"})
    assert time_map.headers["content-type"].startswith("application/link-format")
    assert time_map.text.count('rel="memento"; datetime=') == len(mementos)


def test_time_is_negotiated_as_rfc_7089_says(writer: httpx.Client, reader: httpx.Client, feature: str) -> None:
    _patch(writer, feature, {"properties": {"name": "后来"}})
    first = _get(reader, f"{feature}/versions")["versions"][-1]
    memento = reader.get(first["links"][0]["href"])
    assert memento.headers["memento-datetime"] == first["links"][0]["title"]
    for past in ("Sat, 01 Jan 2000 00:00:00 GMT", memento.headers["memento-datetime"].replace(" GMT", " +0000")):
        answer = reader.get(feature, headers={"Accept-Datetime": past})
        assert answer.status_code == 200
        assert "memento-datetime" in answer.headers
        assert "accept-datetime" in answer.headers["vary"].lower()
    early = reader.get(feature, headers={"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"})
    assert early.json()["properties"] == memento.json()["properties"]
    assert early.headers["content-location"] == first["links"][0]["href"]
    for address in (feature, BUILDINGS):  # what a time to come will mean is not said yet
        assert "memento-datetime" not in reader.get(address, params={"as-of": "2100-01-01T00:00:00Z"}).headers
        assert reader.get(address, params={"as-of": "999999"}).json()["code"] == "bad-as-of"
    late = reader.get(feature, headers={"Accept-Datetime": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert late.json()["properties"]["name"] == "后来"
    assert reader.get(late.headers["content-location"]).headers["memento-datetime"] == late.headers["memento-datetime"]
    assert f'<{feature}>; rel="original timegate"' in late.headers["link"]
    assert f'<{feature}/versions>; rel="timemap"; type="application/link-format"' in late.headers["link"]
    items = reader.get(BUILDINGS, headers={"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"})
    assert len(items.json()["features"]) == 6
    assert "as-of=1" in items.headers["content-location"]
    for wrong in ("yesterday", "2007-05-31", "Thu, 31 May 2007 20:35:00 +0800"):
        assert reader.get(feature, headers={"Accept-Datetime": wrong}).json()["code"] == "bad-accept-datetime"
