"""Requests that once hung or broke the door, each refused or answered as it should be."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import ogc_server
import pytest
import query_city as city
from event_loop import run_alone
from lxml import etree
from starlette.types import Message

import ogc.taken
import ogc.wfs.feature_answers
import ogc.wfs.request
import ogc.windows
from ogc.formats import Formats
from ogc.ows import OwsError
from ogc.processes.export_area import export_area
from ogc.taken import TakenResponse
from ogc.wfs import gml_input
from ogc.wfs.names import FES, GML, WFS
from ogc.windows import Windows, _Place
from ogc.writing.items import MOST_FAULTS, require_receivable
from ogc.writing.writer import WriteRefusedError
from twin.catalogue import Catalogue
from twin.errors import BadRequestError
from twin.query.collection import collections_of
from twin.query.feature_query import Boundary

LAYER = "arcgis/rest/services/buildings/FeatureServer/0/query"
PIPES_LAYER = LAYER.replace("buildings", "pipes")
GET_BUILDINGS = {"service": "WFS", "request": "GetFeature", "typeNames": "buildings", "outputFormat": "application/geo+json"}
GET_PIPES = {**GET_BUILDINGS, "typeNames": "pipes"}


@pytest.fixture(scope="module")
def door(catalogue: Catalogue, database: str) -> Iterator[httpx.Client]:
    with ogc_server.served(catalogue, database) as base, httpx.Client(base_url=f"{base}/", timeout=30) as client:
        yield client


@pytest.mark.parametrize("year", ["99999999999", "10000"])
def test_a_year_that_no_clock_knows_is_no_time(door: httpx.Client, year: str) -> None:
    answer = door.get("collections/buildings/items", headers={"Accept-Datetime": f"Thu, 31 May {year} 20:35:00 GMT"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-accept-datetime")


@pytest.mark.parametrize("form", ["fgb", "gpkg", "parquet", "csv"])
def test_a_file_whose_rows_cannot_be_read_says_why(door: httpx.Client, form: str) -> None:
    page = door.get("collections/buildings/items", params={"filter": "10^400 > 1"})
    file = door.get("collections/buildings/items", params={"filter": "10^400 > 1", "f": form})
    assert page.status_code == 400
    assert (file.status_code, file.json()["code"]) == (400, page.json()["code"])


def test_a_field_to_order_by_may_be_named_again(door: httpx.Client) -> None:
    once = door.get(LAYER, params={"f": "json", "orderByFields": "floors_above DESC"}).json()
    again = door.get(LAYER, params={"f": "json", "orderByFields": "floors_above DESC,FLOORS_ABOVE,floors_above ASC"}).json()
    assert once == again
    assert len(once["features"]) > 1


def test_a_form_of_too_many_fields_is_refused(door: httpx.Client) -> None:
    fields = {f"field{i}": "" for i in range(150)}
    assert door.post(LAYER, data=fields).json()["error"]["details"] == ["bad-parameter"]


@pytest.mark.parametrize("shape", [{"points": [[0, 0]] * 1001}, {"paths": [[[0, 0]] * 501] * 2}, {"rings": [[[0, 0]] * 1001]}])
def test_a_large_geometry_is_refused_before_it_is_read(door: httpx.Client, shape: dict[str, object]) -> None:
    answer = door.post(LAYER, data={"f": "json", "geometry": json.dumps(shape), "geometryType": "esriGeometryPolygon"})
    assert answer.json()["error"]["details"] == ["filter-too-complex"]


def test_an_area_of_too_many_vertices_is_refused_however_they_are_nested(catalogue: Catalogue) -> None:
    visible = collections_of(catalogue)
    ring = [[114.0 + i * 1e-9, 22.5] for i in range(10_001)]
    for coordinates in ([ring], [[], ring], [[ring[:5000]], [ring[5000:]]]):
        area = {"type": "Polygon", "coordinates": coordinates}
        with pytest.raises(BadRequestError, match="more than 10000 vertices"):
            export_area({"area": area, "collections": ["buildings"]}, visible, Formats())


def test_the_form_of_a_wfs_has_bounded_fields(door: httpx.Client) -> None:
    answer = door.post("wfs", data={f"field{i}": "" for i in range(150)})
    assert (answer.status_code, exception_code(answer)) == (400, "InvalidParameterValue")


def test_a_property_to_sort_by_may_be_named_again(door: httpx.Client) -> None:
    once = door.get("wfs", params={**GET_BUILDINGS, "sortBy": "floors_above D"}).json()["features"]
    again = door.get("wfs", params={**GET_BUILDINGS, "sortBy": "floors_above D,floors_above,city:floors_above A"}).json()["features"]
    assert once == again != []


def test_xml_of_very_many_elements_is_refused(door: httpx.Client) -> None:
    corners = "<gml:pos>1 2</gml:pos>" * 5_000
    wrong = f"<fes:BBOX><gml:Envelope>{corners}</gml:Envelope></fes:BBOX>"
    answer = door.post("wfs", content=filtered(wrong), headers={"Content-Type": "text/xml"})
    assert (answer.status_code, exception_code(answer)) == (400, "OperationParsingFailed")


def test_what_an_envelope_consists_of_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(gml_input, "_dimension", lambda element: looked.append(element) or 2)
    envelope = etree.fromstring(f"<Envelope>{'<pos>1 2</pos>' * 500}</Envelope>")
    with pytest.raises(OwsError, match="two corners"):
        gml_input.bounds(envelope)
    assert len(looked) == 1


def test_polygons_within_polygons_are_read_once() -> None:
    ring = "<LinearRing><posList>0 0 1 0 1 1 0 0</posList></LinearRing>"
    part = f"<exterior>{ring}</exterior>"
    for _ in range(5):
        part = f"<Polygon><exterior>{ring}{part}</exterior></Polygon>"
    read = gml_input.geometry(etree.fromstring(f"<MultiSurface><surfaceMember>{part}</surfaceMember></MultiSurface>"))
    assert len(read["coordinates"]) == 1
    assert len(read["coordinates"][0]) == 1


def test_an_answer_has_no_more_features_than_the_capabilities_say(door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogc.wfs.request, "DEFAULT_COUNT", 12)
    monkeypatch.setattr(ogc.windows, "PIECE", 5)
    monkeypatch.setattr(ogc.wfs.feature_answers, "PIECE", 5)
    asked = {**GET_BUILDINGS, "count": "999999999999"}
    whole = [f["id"] for f in door.get("collections/buildings/items?limit=1000").json()["features"]]
    walked, sizes, address = [], [], str(door.build_request("GET", "wfs", params=asked).url)
    while address:
        page = door.get(address).json()
        walked += [f["id"] for f in page["features"]]
        sizes.append((page["numberReturned"], len(page["features"])))
        address = next((link["href"] for link in page.get("links", ())), None)
    assert walked == whole
    assert sizes == [(12, 12), (12, 12), (len(whole) - 24,) * 2]


def test_a_walk_is_of_one_commit_in_every_process_and_a_bare_start_is_of_now(
    door: httpx.Client, catalogue: Catalogue, database: str
) -> None:
    first = door.get("wfs", params={**GET_PIPES, "count": "4"}).json()
    bare = {**GET_PIPES, "count": "4", "startIndex": "4"}
    esri = {"f": "geojson", "resultOffset": "4", "resultRecordCount": "4"}
    old = fids(door.get("wfs", params=bare).json())
    assert fids(door.get(PIPES_LAYER, params=esri).json()) == old
    commit = city.publish_change(catalogue, "pipes", deleted=[2])
    onward = door.get(first["links"][0]["href"]).json()
    assert (fids(onward), onward["commit"]) == (old, first["commit"])
    now = door.get("wfs", params=bare).json()
    assert (fids(now), now["commit"]) == ([n + 1 for n in old], commit)
    assert fids(door.get(PIPES_LAYER, params=esri).json()) == fids(now)
    hits = door.get("wfs", params={**GET_PIPES, "resultType": "hits", "as-of": str(first["commit"])}).json()
    assert (hits["numberMatched"], hits["commit"]) == (12, first["commit"])
    with ogc_server.served(catalogue, database) as other:
        query = first["links"][0]["href"].partition("?")[2]
        assert httpx.get(f"{other}/wfs?{query}", timeout=60).json()["features"] == onward["features"]


def test_what_is_remembered_of_a_walk_is_small_however_it_was_asked_for() -> None:
    windows = Windows(None)  # type: ignore[arg-type]  # nothing is read
    for start in range(3_000):
        windows._remember(_Place(b"0" * 16, 1, start), Boundary(start, ("x" * 1_000,)))
    windows._remember(_Place(b"1" * 16, 1, 1), Boundary(1, ("x" * 1_000_000,)))
    assert len(windows._ends) == 2_000
    assert not any(place.walk == b"1" * 16 for place in windows._ends)


def test_a_caller_who_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogc.taken, "TAKEN_WITHIN_S", 0.05)
    sent: list[bytes] = []
    ended: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            await asyncio.sleep(0.1)  # what takes long to make is not the caller's fault
            yield b"first"
            yield b"second"
        finally:
            ended.append("pieces")

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if sent[-1]:
            await asyncio.Event().wait()

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def answered() -> None:
        await TakenResponse(pieces(), "text/plain", {})({"type": "http"}, never, send)

    run_alone(answered())
    assert (sent, ended) == ([b"", b"first"], ["pieces"])


def fids(document: dict[str, Any]) -> list[int]:
    """Return the sequence numbers of a document's features."""
    return [int(str(feature["id"]).rpartition(".")[2]) for feature in document["features"]]


def filtered(condition: str) -> bytes:
    """Return a GetFeature in XML."""
    names = " ".join(f"xmlns:{prefix}='{uri}'" for prefix, uri in (("wfs", WFS), ("fes", FES), ("gml", GML)))
    query = f"<wfs:Query typeNames='buildings'><fes:Filter>{condition}</fes:Filter></wfs:Query>"
    return f"<wfs:GetFeature service='WFS' version='2.0.0' {names}>{query}</wfs:GetFeature>".encode()


def exception_code(answer: httpx.Response) -> str | None:
    """Return the code of an exception report."""
    return etree.fromstring(answer.content)[0].get("exceptionCode")


def test_a_power_of_powers_costs_what_it_says(door: httpx.Client) -> None:
    def matched(text: str) -> int:
        answer = door.get("collections/buildings/items", params={"filter": text, "resulttype": "hits"})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["numberMatched"])

    high = matched("floors_above > 1")
    assert matched(f"floors_above{'^1' * 17} > 1") == matched("(0-floors_above)^2 > 1") == high > 0
    # what has no real power has no value
    assert matched("(0-floors_above)^0.5 > 0") == matched("(floors_above*0)^(0-1) > 0") == 0
    assert matched("0^0 = 1") == matched("true")


@pytest.mark.parametrize(
    "tree",
    [
        r'{"op":"=","args":[{"property":"building_id"},"\ud800"]}',
        '{"op":"isNull","args":[{"property":{}}]}',
        '{"op":"isNull","args":[{"property":[]}]}',
        '{"op":"s_intersects","args":[{"property":{}},{"property":"geometry"}]}',
    ],
)
def test_a_tree_that_no_database_takes_is_refused(door: httpx.Client, tree: str) -> None:
    answer = door.get("collections/buildings/items", params={"filter": tree, "filter-lang": "cql2-json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-filter")


def test_the_code_of_a_crs_may_have_any_number_of_digits(door: httpx.Client) -> None:
    for name in ("http://www.opengis.net/def/crs/EPSG/0/", "EPSG:", "http://www.opengis.net/def/crs/EPSG/"):
        answer = door.get("collections/buildings/items", params={"crs": name + "9" * 5_000})
        assert (answer.status_code, answer.json()["code"]) == (400, "crs-unknown")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("collections/buildings/items?bbox=1_0,0,20,20", "bad-bbox"),
        ("collections/buildings/items?bbox=１,2,3,4", "bad-bbox"),
        ("collections?bbox=1_0,0,20,20", "bad-bbox"),
        ("collections/buildings/items?floors_above=1_0", "bad-filter"),
        ("collections/buildings/items?valid_from=2020-W01-1", "bad-filter"),
        ("collections/buildings/items?filter=valid_from>DATE('20200101')", "bad-filter"),
        ("collections/buildings/items?datetime=2020-01-01T10", "bad-datetime"),
        ("collections/buildings/items?datetime=2020-01-01T10:00:00,5Z", "bad-datetime"),
        ("collections/buildings/items?as-of=2020-W01-1T00:00:00Z", "bad-as-of"),
    ],
)
def test_what_only_python_calls_a_number_or_a_day_is_none(door: httpx.Client, address: str, code: str) -> None:
    answer = door.get(address)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_parameters_of_other_operations_are_refused_where_they_are_wrong(door: httpx.Client) -> None:
    for wrong in ({"count": "true"}, {"startIndex": "-1"}, {"resultType": "all"}):
        answer = door.get("wfs", params={"service": "WFS", "request": "ListStoredQueries", **wrong})
        assert (answer.status_code, exception_code(answer)) == (400, "InvalidParameterValue")


def test_a_form_that_is_not_utf_8_is_refused(door: httpx.Client) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    written = b"where=building_id='" + "常州".encode("gbk") + b"'"
    assert door.post(LAYER, content=written, headers=kind).json()["error"]["details"] == ["bad-encoding"]
    assert exception_code(door.post("wfs", content=b"request=%B3%A3", headers=kind)) == "InvalidParameterValue"


def test_what_ended_before_the_first_day_is_written_all_the_same(door: httpx.Client, catalogue: Catalogue) -> None:
    ended = city.Row(6, city.square(700, 500, 90), {"plot_id": "A-6", "valid_to": dt.date(1, 1, 1)})
    city.publish_change(catalogue, "plots", [ended])
    page = door.get("collections/plots/items?f=jsonfg").json()
    assert [f["time"] for f in page["features"] if f["time"]] == [{"interval": ["..", "0001-01-01"]}]
    assert door.get("collections/plots").status_code == 200
    assert door.get("collections/catalogue/items?datetime=2020-01-01").status_code == 200
    assert door.get("collections/plots/items?datetime=0001-01-01").json()["numberReturned"] == 5


def test_json_is_nested_within_sense_and_holds_whole_characters(door: httpx.Client) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"op": "not", "args": [deep]}
    answer = door.post("search", json={"filter": deep})
    assert (answer.status_code, answer.json()["code"]) == (400, "filter-too-complex")
    named = r'[{"statisticType":"count","onStatisticField":"objectid","outStatisticFieldName":"\ud800"}]'
    answer = door.get(LAYER, params={"f": "json", "outStatistics": named})
    assert answer.json()["error"]["details"] == ["bad-parameter"]


def test_what_is_wrong_with_a_feature_is_told_within_bounds(catalogue: Catalogue) -> None:
    collection = collections_of(catalogue)["buildings"]
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    for properties, most in (({"name": deep}, 1), ({f"k{n}": n for n in range(20_000)}, MOST_FAULTS)):
        with pytest.raises(WriteRefusedError) as refused:
            require_receivable([(collection, {"properties": properties}, {})])
        assert len(refused.value.faults) == most


def test_what_would_be_half_a_million_points_in_the_citys_grid_is_refused(door: httpx.Client) -> None:
    def crossing(vertices: int) -> str:
        zigzag = ",".join(f"{118 + 4 * (i % 2)}.{i % 10} {22 + i / 40:.2f}" for i in range(vertices))
        return f"S_CROSSES(geometry,LINESTRING({zigzag}))"

    def asked(text: str) -> httpx.Response:
        return door.get("collections/buildings/items", params={"filter": text})

    assert asked(crossing(2)).status_code == 200
    for text in (crossing(900), " OR ".join([crossing(150)] * 3)):
        answer = asked(text)
        assert (answer.status_code, answer.json()["code"]) == (400, "filter-too-complex")


def test_a_search_for_ids_of_nothing_is_read_whole(door: httpx.Client) -> None:
    assert door.get("search", params={"ids": "nothing"}).json()["numberReturned"] == 0
    for wrong, code in ({"bbox": "9e15,0,1,1"}, "bad-bbox"), ({"filter": "("}, "bad-filter"), ({"q": "x" * 999}, "bad-parameter"):
        answer = door.get("search", params={"ids": "nothing", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
