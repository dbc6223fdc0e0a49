"""WFS 2.0.0 at the door: what its clients read is what the items say, and what is hostile or wrong is an exception report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import ogc_server
import pytest
import query_city as city
import shapely
from lxml import etree
from owslib.wfs import WebFeatureService

from ogc.wfs.fes import like_pattern
from tests.gdal_reading import debian, read, read_by
from twin.catalogue import Catalogue

NAMES = {
    "wfs": "http://www.opengis.net/wfs/2.0",
    "gml": "http://www.opengis.net/gml/3.2",
    "ows": "http://www.opengis.net/ows/1.1",
    "xsd": "http://www.w3.org/2001/XMLSchema",
    "fes": "http://www.opengis.net/fes/2.0",
    "city": f"urn:oid:{city.OID_ROOT}",
}
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
N, E = city.NORTH, city.EAST
Wfs = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def wfs(base: str) -> Wfs:
    def ask(request: str = "GetFeature", **parameters: object) -> httpx.Response:
        return ogc_server.client().get(f"{base}/wfs", params={"service": "WFS", "version": "2.0.0", "request": request, **parameters})

    return ask


def xml_of(answer: httpx.Response) -> etree._Element:
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content)


def members(answer: httpx.Response) -> list[etree._Element]:
    return [member[0] for member in xml_of(answer).iterfind("wfs:member", NAMES)]


def fids(answer: httpx.Response) -> list[int]:
    return [int(m.get(f"{{{NAMES['gml']}}}id").rpartition(".")[2]) for m in members(answer)]


def items(base: str, collection: str, **parameters: object) -> dict[str, dict[str, Any]]:
    answer = ogc_server.client().get(f"{base}/collections/{collection}/items", params={"limit": 1000, **parameters})
    return {f["id"]: f for f in answer.json()["features"]}


def values(member: etree._Element) -> dict[str, str | None]:
    return {etree.QName(p).localname: p.text or "" for p in member if etree.QName(p).localname != "geometry"}


def positions(member: etree._Element) -> list[list[float]]:
    found = []
    for part in member.iter(f"{{{NAMES['gml']}}}posList", f"{{{NAMES['gml']}}}pos"):
        dimension = int(next(a.get("srsDimension") for a in part.iterancestors() if a.get("srsDimension")))
        numbers = [float(word) for word in part.text.split()]
        found += [numbers[i : i + dimension] for i in range(0, len(numbers), dimension)]
    return found


def code_of(answer: httpx.Response) -> str:
    report = etree.fromstring(answer.content)
    assert report.tag == f"{{{NAMES['ows']}}}ExceptionReport", answer.text
    assert report.get("version") == "2.0.0"
    return str(report.find("ows:Exception", NAMES).get("exceptionCode"))


@pytest.mark.parametrize("code", [4549, 4326, 4490, 3857, 4528])
@pytest.mark.parametrize("collection", ["buildings", "pipes"])
def test_features_have_the_ids_values_and_positions_of_the_items(wfs: Wfs, base: str, collection: str, code: int) -> None:
    expected = items(base, collection, crs=f"{EPSG}{code}")
    found = members(wfs(typeNames=f"city:{collection}", srsName=f"urn:ogc:def:crs:EPSG::{code}"))
    assert [m.get(f"{{{NAMES['gml']}}}id") for m in found] == [f"{collection}.{oid}" for oid in expected]
    for member, feature in zip(found, expected.values(), strict=True):
        assert member.tag == f"{{{NAMES['city']}}}{collection}"
        written = {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in feature["properties"].items() if v is not None}
        assert values(member) == written
        assert (
            positions(member)
            == shapely.get_coordinates(
                shapely.from_geojson(json.dumps(feature["geometry"])), include_z=len(positions(member)[0]) == 3
            ).tolist()
        )


def test_the_axis_order_goes_with_the_way_the_crs_is_written(wfs: Wfs) -> None:
    def first(srs: str) -> list[float]:
        return positions(members(wfs(typeNames="plots", srsName=srs, count=1))[0])[0][:2]

    for northing_first in ("urn:ogc:def:crs:EPSG::4326", f"{EPSG}4326"):
        assert 31 < first(northing_first)[0] < 32
    for easting_first in ("EPSG:4326", "http://www.opengis.net/gml/srs/epsg.xml#4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "CRS:84"):
        assert 119 < first(easting_first)[0] < 121
    box = "119.9,31.7,120.1,31.9,CRS:84"
    assert fids(wfs(typeNames="plots", bbox=box)) == fids(wfs(typeNames="plots"))
    assert first("urn:ogc:def:crs:EPSG::4549") == first("EPSG:4549")[::-1]
    assert code_of(wfs(typeNames="plots", srsName="urn:ogc:def:crs:EPSG::32650")) == "InvalidParameterValue"


@pytest.mark.parametrize("whose", ["wheel", "debian"])
def test_gdal_reads_the_same_features_page_by_page(base: str, tmp_path: Path, whose: str) -> None:
    paging = {"OGR_WFS_PAGING_ALLOWED": "ON", "OGR_WFS_PAGE_SIZE": "7"}
    got = read_by(whose, tmp_path, f"WFS:{base}/wfs?SRSNAME=urn:ogc:def:crs:EPSG::4326", "city:buildings", paging)
    place = {name: number for number, name in enumerate(got["columns"]["gml_id"])}
    expected = items(base, "buildings")
    assert place.keys() == {f"buildings.{oid}" for oid in expected}
    for oid, feature in expected.items():
        number = place[f"buildings.{oid}"]
        for name, value in feature["properties"].items():
            read_back = got["columns"][name][number] if name in got["columns"] else None
            if name == "admin_codes":  # a list in a text of its own
                continue
            assert str(read_back) == str(value), name
        there, here = shapely.from_wkt(got["geometry"][number]), shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shapely.hausdorff_distance(shapely.force_2d(there), shapely.force_2d(here)) < 1e-8


def test_gdal_pushes_filters_down(base: str, tmp_path: Path) -> None:
    log = tmp_path / "gdal.log"
    noting = {"CPL_DEBUG": "WFS", "CPL_LOG": str(log), "CPL_TIMESTAMP": "NO"}
    got = read(f"WFS:{base}/wfs", "city:buildings", noting, where="floors_above >= 28 AND name LIKE '学府%'")
    assert len(got["geometry"]) == 5
    assert "PropertyIsGreaterThanOrEqualTo" in log.read_text("utf-8")


def test_debians_gdal_pushes_filters_down(base: str) -> None:
    said = debian("ogrinfo", "-ro", "-q", f"WFS:{base}/wfs", "city:buildings", "-where", "floors_above >= 28 AND name LIKE '学府%'")
    assert said.count("OGRFeature") == 5


def test_owslib_lists_and_reads(base: str) -> None:
    service = WebFeatureService(f"{base}/wfs", version="2.0.0")
    assert set(service.contents) == {"city:buildings", "city:pipes", "city:plots"}
    assert service.contents["city:buildings"].crsOptions[0].code == 4549
    assert service.get_schema("city:buildings")["properties"]["floors_above"] == "long"
    document = service.getfeature(typename=["city:pipes"], outputFormat="application/json", propertyname=None).read()
    assert [f["id"] for f in json.loads(document)["features"]] == list(items(base, "pipes"))


def compared(operator: str, name: str, value: str, attributes: str = "") -> str:
    inner = f"<fes:ValueReference>{name}</fes:ValueReference><fes:Literal>{value}</fes:Literal>"
    return f"<fes:{operator}{attributes}>{inner}</fes:{operator}>"


def placed(operator: str, shape: str, more: str = "") -> str:
    return f"<fes:{operator}><fes:ValueReference>city:geometry</fes:ValueReference>{shape}{more}</fes:{operator}>"


_GRID = "srsName='urn:ogc:def:crs:EPSG::4549'"
_ENVELOPE = (
    f"<gml:Envelope {_GRID}><gml:lowerCorner>{N} {E}</gml:lowerCorner><gml:upperCorner>{N + 25} {E + 100}</gml:upperCorner></gml:Envelope>"
)
_RING = f"<gml:LinearRing><gml:posList>{E} {N} {E + 70} {N} {E + 70} {N + 70} {E} {N}</gml:posList></gml:LinearRing>"
_TRIANGLE = f"<gml:Polygon srsName='EPSG:4549'><gml:exterior>{_RING}</gml:exterior></gml:Polygon>"
_POINT = f"<gml:Point {_GRID}><gml:pos>{N} {E}</gml:pos></gml:Point>"
_ENDS = (
    "<fes:LowerBoundary><fes:Literal>8</fes:Literal></fes:LowerBoundary>"
    "<fes:UpperBoundary><fes:Literal>11</fes:Literal></fes:UpperBoundary>"
)
_PERIOD = "<gml:beginPosition>2004-06-01</gml:beginPosition><gml:endPosition>2009-06-01</gml:endPosition>"
_LOW, _HIGH = compared("PropertyIsLessThan", "height_m", "7.5"), compared("PropertyIsGreaterThan", "floors_above", "29")
CONDITIONS = {
    compared("PropertyIsEqualTo", "city:floors_above", "9"): "floors_above=9",
    compared("PropertyIsEqualTo", "building_id", "b9", " matchCase='false'"): "CASEI(building_id)=CASEI('b9')",
    f"<fes:Or>{_LOW}{_HIGH}</fes:Or>": "height_m<7.5 OR floors_above>29",
    "<fes:Not><fes:PropertyIsNull><fes:ValueReference>height_m</fes:ValueReference></fes:PropertyIsNull></fes:Not>": "height_m IS NOT NULL",
    f"<fes:PropertyIsBetween><fes:ValueReference>floors_above</fes:ValueReference>{_ENDS}</fes:PropertyIsBetween>": (
        "floors_above BETWEEN 8 AND 11"
    ),
    compared("PropertyIsLike", "name", "学府*1.幢", " wildCard='*' singleChar='.' escapeChar='!'"): "name LIKE '学府%1_幢'",
    compared("PropertyIsGreaterThanOrEqualTo", "valid_from", "2015-01-01"): "valid_from >= DATE('2015-01-01')",
    placed("BBOX", _ENVELOPE): f"S_INTERSECTS(geometry,BBOX({N},{E},{N + 25},{E + 100}))",
    placed("Intersects", _TRIANGLE): f"S_INTERSECTS(geometry,POLYGON(({N} {E},{N} {E + 70},{N + 70} {E + 70},{N} {E})))",
    placed("DWithin", _POINT, "<fes:Distance uom='m'>60</fes:Distance>"): f"distance(geometry,POINT({N} {E})) <= 60",
    f"<fes:During><fes:ValueReference>valid_from</fes:ValueReference><gml:TimePeriod>{_PERIOD}</gml:TimePeriod></fes:During>": (
        "T_DURING(valid_from,INTERVAL('2004-06-01','2009-06-01'))"
    ),
}


def filter_xml(condition: str) -> str:
    spaces = "".join(f" xmlns:{name}='{uri}'" for name, uri in NAMES.items())
    return f"<fes:Filter{spaces}>{condition}</fes:Filter>"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_filters_mean_what_they_mean_in_cql2_by_parameter_and_by_xml(wfs: Wfs, base: str, condition: str) -> None:
    expected = items(base, "buildings", filter=CONDITIONS[condition], **{"filter-crs": f"{EPSG}4549"})
    numbers = [int(oid.rpartition(".")[2]) for oid in expected]
    assert 0 < len(numbers) < 29
    assert fids(wfs(typeNames="city:buildings", filter=filter_xml(condition))) == numbers
    spaces = "".join(f" xmlns:{name}='{uri}'" for name, uri in NAMES.items())
    query = f"<wfs:Query typeNames='city:buildings'>{filter_xml(condition)}</wfs:Query>"
    body = f"<wfs:GetFeature service='WFS' version='2.0.0'{spaces}>{query}</wfs:GetFeature>"
    posted = ogc_server.client().post(f"{base}/wfs", content=body.encode(), headers={"Content-Type": "application/xml"})
    assert fids(posted) == numbers


def test_pages_hits_projection_and_order(wfs: Wfs, base: str) -> None:
    whole = fids(wfs(typeNames="buildings"))
    assert [f for start in range(0, len(whole), 8) for f in fids(wfs(typeNames="buildings", count=8, startIndex=start))] == whole
    page = xml_of(wfs(typeNames="buildings", count=8, startIndex=8))
    assert (page.get("numberReturned"), page.get("numberMatched")) == ("8", str(len(whole)))
    walked, address = [], f"{base}/wfs?service=WFS&version=2.0.0&request=GetFeature&typeNames=buildings&count=11"
    while address:
        document = ogc_server.client().get(address)
        walked += fids(document)
        address = xml_of(document).get("next")
    assert walked == whole
    hits = xml_of(wfs(typeNames="buildings", resultType="hits"))
    assert (hits.get("numberMatched"), hits.get("numberReturned"), len(hits)) == (str(len(whole)), "0", 0)
    assert set(values(members(wfs(typeNames="buildings", propertyName="city:name,floors_above", count=1))[0])) == {"name", "floors_above"}
    descending = fids(wfs(typeNames="buildings", sortBy="floors_above DESC"))
    assert descending[0] == 3
    assert descending[1:] == sorted(set(whole) - {3}, reverse=True)
    pages = [
        f for start in range(0, len(whole), 9) for f in fids(wfs(typeNames="buildings", sortBy="floors_above D", count=9, startIndex=start))
    ]
    assert pages == descending
    for form in ("application/gml+xml; version=3.2", "application/json"):
        beyond = wfs(typeNames="buildings", startIndex=1000, outputFormat=form)
        said = beyond.json() if "json" in form else xml_of(beyond).attrib
        assert (str(said["numberMatched"]), str(said["numberReturned"])) == (str(len(whole)), "0")
    assert fids(wfs(typeNames="buildings", bbox=f"{N},{E},{N + 25},{E + 100},urn:ogc:def:crs:EPSG::4549")) == fids(
        wfs(typeNames="buildings", bbox=f"{E},{N},{E + 100},{N + 25},EPSG:4549")
    )


def posted(base: str, content: str, attributes: str = "", operation: str = "GetFeature") -> httpx.Response:
    spaces = "".join(f" xmlns:{name}='{uri}'" for name, uri in NAMES.items())
    body = f"<wfs:{operation} service='WFS' version='2.0.0'{spaces} {attributes}>{content}</wfs:{operation}>"
    return ogc_server.client().post(f"{base}/wfs", content=body.encode(), headers={"Content-Type": "application/xml"})


def walk(answer: httpx.Response) -> list[int]:
    """Return the features of an answer and of those that its links lead to."""
    walked = fids(answer)
    while address := xml_of(answer).get("next"):
        answer = ogc_server.client().get(address)
        walked += fids(answer)
    return walked


def test_what_was_asked_in_xml_goes_on_by_its_links(wfs: Wfs, base: str) -> None:
    literal = "x)(y &amp; &lt;z"
    condition = f"<fes:Not>{compared('PropertyIsEqualTo', 'city:name', literal)}</fes:Not>"
    sorting = (
        "<fes:SortProperty><fes:ValueReference>city:floors_above</fes:ValueReference><fes:SortOrder>DESC</fes:SortOrder></fes:SortProperty>"
    )
    query = (
        "<wfs:Query typeNames='city:buildings' srsName='urn:ogc:def:crs:EPSG::4490'><wfs:PropertyName>city:floors_above</wfs:PropertyName>"
        f"{filter_xml(condition)}<fes:SortBy>{sorting}</fes:SortBy></wfs:Query>"
    )
    whole = fids(wfs(typeNames="buildings", sortBy="floors_above DESC", filter=filter_xml(condition)))
    first = posted(base, query, "count='7'")
    assert len(whole) > 20
    assert walk(first) == whole
    onward = members(ogc_server.client().get(xml_of(first).get("next")))[0]
    assert list(values(onward)) == ["floors_above"]
    values_read = [m.text for m in members(posted(base, query, "count='3' valueReference='city:floors_above'", "GetPropertyValue"))]
    values_next = xml_of(posted(base, query, "count='3' valueReference='city:floors_above'", "GetPropertyValue")).get("next")
    values_read += [m.text for m in members(ogc_server.client().get(values_next))]
    assert values_read == [m.text for m in members(wfs("GetPropertyValue", typeNames="buildings", valueReference="floors_above",
                                                       sortBy="floors_above DESC", count=6, filter=filter_xml(condition)))]  # fmt: skip
    long = compared("PropertyIsEqualTo", "name", "x" * 9_000)
    assert xml_of(posted(base, query.replace(condition, f"<fes:Not>{long}</fes:Not>"), "count='7'")).get("next") is not None
    longer = filter_xml(f"<fes:Not>{long}</fes:Not>").replace("<fes:Filter", f"<fes:Filter xmlns:p='urn:{'x' * 40_000}'")
    assert xml_of(posted(base, query.replace(filter_xml(condition), longer), "count='7'")).get("next") is None


def collections_of(answer: httpx.Response) -> list[list[int]]:
    """Return the features of each collection in an answer to several queries; its numbers say how many they are."""
    root, found = xml_of(answer), []
    for inner in root.iterfind("wfs:member/wfs:FeatureCollection", NAMES):
        ids = [m[0].get(f"{{{NAMES['gml']}}}id") if len(m) else m.get("{http://www.w3.org/1999/xlink}href").lstrip("#")
               for m in inner.iterfind("wfs:member", NAMES)]  # fmt: skip
        assert int(inner.get("numberReturned")) == len(ids)
        found.append([int(identifier.rpartition(".")[2]) for identifier in ids])
    assert int(root.get("numberReturned")) == sum(map(len, found))
    return found


def test_several_queries_are_a_collection_of_their_collections(wfs: Wfs, base: str) -> None:
    high = filter_xml(compared("PropertyIsGreaterThan", "floors_above", "25"))
    buildings, pipes = fids(wfs(typeNames="buildings", filter=high)), fids(wfs(typeNames="pipes"))
    asked = {"typeNames": "(city:buildings)(city:pipes)", "filter": f"({high})()"}
    assert collections_of(wfs(**asked)) == [buildings, pipes]
    assert xml_of(wfs(**asked)).get("numberMatched") == str(len(buildings) + len(pipes))
    queries = f"<wfs:Query typeNames='buildings'>{high}</wfs:Query><wfs:Query typeNames='pipes' srsName='EPSG:4326'/>"
    assert collections_of(posted(base, queries)) == [buildings, pipes]
    pages, answer = [], posted(base, queries, "count='2'")
    while True:
        pages.append(collections_of(answer))
        address = xml_of(answer).get("next")
        if address is None:
            break
        answer = ogc_server.client().get(address)
    assert [f for page in pages for f in page[0]] == buildings
    assert [f for page in pages for f in page[1]] == pipes
    assert all(sum(map(len, page)) == 2 for page in pages[:-1])
    hits = xml_of(posted(base, queries, "resultType='hits'"))
    assert (hits.get("numberMatched"), len(hits)) == (str(len(buildings) + len(pipes)), 0)
    both = wfs(typeNames="(buildings)(pipes)", filter=f"({high})()", outputFormat="application/json").json()
    assert [f["id"].partition(".")[0] for f in both["features"]] == ["2"] * (len(buildings) + len(pipes))
    assert (both["numberMatched"], both["numberReturned"]) == (len(buildings) + len(pipes),) * 2
    twice = wfs(typeNames="(buildings)(buildings)", filter=f"({high})({high})")
    assert collections_of(twice) == [buildings, buildings]
    assert len(set(xml_of(twice).xpath("//@gml:id", namespaces=NAMES))) == len(xml_of(twice).xpath("//@gml:id", namespaces=NAMES))


def test_a_feature_that_is_asked_for_again_in_another_form_is_there_in_that_form(wfs: Wfs) -> None:
    forms = {"propertyName": "(name)(floors_above)(name)()", "srsName": "(EPSG:4549)(EPSG:4549)(EPSG:4549)(EPSG:4326)"}
    root = xml_of(wfs(typeNames="(buildings)" * 4, count=29 * 4, **forms))
    given = [inner.findall("wfs:member", NAMES) for inner in root.iterfind("wfs:member/wfs:FeatureCollection", NAMES)]
    for first, second, third, fourth in zip(*given, strict=True):
        own = first[0].get(f"{{{NAMES['gml']}}}id")
        assert (list(values(first[0])), list(values(second[0]))) == (["name"], ["floors_above"])
        assert third.get("{http://www.w3.org/1999/xlink}href") == f"#{own}"
        assert positions(fourth[0])[0][0] < 180
        assert [m[0].get(f"{{{NAMES['gml']}}}id") for m in (second, fourth)] == [f"{own}-2", f"{own}-3"]
    identifiers = root.xpath("//@gml:id", namespaces=NAMES)
    assert len(set(identifiers)) == len(identifiers)


def test_several_queries_have_the_limits_and_the_time_of_one(wfs: Wfs, monkeypatch: pytest.MonkeyPatch) -> None:
    one = compared("PropertyIsGreaterThan", "floors_above", "0")
    sixty = filter_xml(f"<fes:And>{one * 60}</fes:And>")
    assert wfs(typeNames="buildings", filter=sixty).status_code == 200
    answer = wfs(typeNames="(buildings)(buildings)", filter=f"({sixty})({sixty})")
    assert (answer.status_code, code_of(answer)) == (400, "InvalidParameterValue")
    monkeypatch.setattr("ogc.wfs.feature_answers.COUNTED_WITHIN_S", 0)
    answer = wfs(typeNames="(buildings)(pipes)")
    assert (answer.status_code, code_of(answer)) == (503, "OperationProcessingFailed")


def test_several_queries_are_of_one_commit(wfs: Wfs, base: str, catalogue: Catalogue) -> None:
    first = min(c.number for c in catalogue.commits())
    then = wfs(typeNames="(buildings)(pipes)", **{"as-of": first})
    assert len(collections_of(then)[0]) == len(items(base, "buildings", **{"as-of": first}))
    assert collections_of(wfs(typeNames="(buildings)(pipes)", **{"as-of": 0})) == [[], []]  # 0 is a commit, too


def test_several_queries_see_what_another_process_has_just_published(wfs: Wfs, catalogue: Catalogue) -> None:
    there, (before, _) = Catalogue(catalogue.pool), collections_of(wfs(typeNames="(plots)(pipes)"))
    row = city.Row(6, city.square(600, 500, 90), {"plot_id": "A-6", "land_use_code": "0701", "plan_state": "approved"})
    catalogue.refresh()
    commit = city.publish_change(there, "plots", [row])
    assert collections_of(wfs(typeNames="(plots)(pipes)"))[0] == [*before, 6]
    city.publish_change(there, "plots", deleted=[6])
    assert collections_of(wfs(typeNames="(plots)(pipes)"))[0] == before
    assert collections_of(wfs(typeNames="(plots)(pipes)", **{"as-of": commit}))[0] == [*before, 6]


def test_stored_queries_among_several_go_on_by_their_links(wfs: Wfs, base: str) -> None:
    first, second = (m.get(f"{{{NAMES['gml']}}}id") for m in members(wfs(typeNames="pipes", count=2)))
    stored = "<wfs:StoredQuery id='urn:ogc:def:query:OGC-WFS::GetFeatureById'><wfs:Parameter name='id'>{}</wfs:Parameter></wfs:StoredQuery>"
    by_id = [stored.format(name) for name in (second, f"{first},{second})(", first)]  # the one between is no feature's
    for queries in ("".join(by_id), f"{by_id[0]}<wfs:Query typeNames='plots'/>{by_id[2]}"):
        whole, paged, answer = collections_of(posted(base, queries)), [], posted(base, queries, "count='1'")
        while True:
            paged.append(collections_of(answer))
            address = xml_of(answer).get("next")
            if address is None:
                break
            answer = ogc_server.client().get(address)
        assert [[f for page in paged for f in page[place]] for place in range(3)] == whole
    assert whole[0] + whole[2] == fids(wfs(resourceId=f"{first},{second}"))[::-1]


def test_features_come_by_their_ids(wfs: Wfs) -> None:
    first, second = (m.get(f"{{{NAMES['gml']}}}id") for m in members(wfs(typeNames="pipes", count=2)))
    assert len(members(wfs(resourceId=f"{first},{second}"))) == 2
    alone = xml_of(wfs(storedQuery_Id="urn:ogc:def:query:OGC-WFS::GetFeatureById", id=second))
    assert (etree.QName(alone).localname, alone.get(f"{{{NAMES['gml']}}}id")) == ("pipes", second)
    for identifier in ("pipes.2.25.7.2.1.99999", "secret.1", "x", "pipes.x"):
        answer = wfs(storedQuery_Id="urn:ogc:def:query:OGC-WFS::GetFeatureById", id=identifier)
        assert (answer.status_code, code_of(answer)) == (404, "NotFound")
    assert members(wfs(typeNames="pipes", filter=filter_xml(f"<fes:ResourceId rid='{first}'/>")))[0].get(f"{{{NAMES['gml']}}}id") == first
    listed = xml_of(wfs("ListStoredQueries"))
    described = xml_of(wfs("DescribeStoredQueries"))
    assert listed[0].get("id") == described[0].get("id") == "urn:ogc:def:query:OGC-WFS::GetFeatureById"


def test_a_property_comes_alone(wfs: Wfs, base: str) -> None:
    found = members(wfs("GetPropertyValue", typeNames="buildings", valueReference="city:name"))
    assert [m.text for m in found] == [f["properties"]["name"] for f in items(base, "buildings").values()]


def test_geojson_is_that_of_the_items(wfs: Wfs, base: str) -> None:
    plain = wfs(typeNames="pipes", outputFormat="application/json").json()
    expected = items(base, "pipes", crs="http://www.opengis.net/def/crs/OGC/1.3/CRS84")
    assert {f["id"]: f for f in plain["features"]} == expected
    grid = wfs(typeNames="pipes", outputFormat="application/geo+json", srsName="urn:ogc:def:crs:EPSG::4549").json()
    assert grid["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::4549"
    assert grid["features"][0]["geometry"]["coordinates"][0][0] == pytest.approx(E + 20)


def test_schemas_describe_every_type_and_hide_what_is_closed(wfs: Wfs) -> None:
    document = xml_of(wfs("DescribeFeatureType"))
    elements = {e.get("name") for e in document.iterfind("xsd:element", NAMES)}
    assert elements == {"buildings", "pipes", "plots"}
    assert "secret" not in wfs("GetCapabilities").text
    assert code_of(wfs(typeNames="secret")) == code_of(wfs("DescribeFeatureType", typeNames="secret")) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"request": ""}, "MissingParameterValue"),
        ({"request": "Transaction"}, "OperationNotSupported"),
        ({"typeNames": "buildings", "colour": "red"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "count": "-1"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "startIndex": "9" * 40}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "startIndex": "1" + "0" * 12}, "InvalidParameterValue"),  # one above what /openapi says is the most
        ({"typeNames": "buildings", "bbox": "1,2,3"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "bbox": "nan,nan,nan,nan"}, "InvalidParameterValue"),
        ({"typeNames": "buildings,pipes"}, "OptionNotSupported"),
        ({"typeNames": "(buildings)(pipes)", "propertyName": "(name)(name)(name)"}, "InvalidParameterValue"),
        ({"typeNames": "(plots)" * 21}, "InvalidParameterValue"),
        ({"typeNames": "(buildings)(pipes)", "srsName": "(EPSG:4326)(EPSG:4549)", "outputFormat": "json"}, "OptionNotSupported"),
        ({"request": "GetPropertyValue", "typeNames": "(buildings)(pipes)", "valueReference": "name"}, "OptionNotSupported"),
        ({"typeNames": "buildings", "resolve": "all"}, "OptionNotSupported"),
        ({"typeNames": "buildings", "resolve": "remote", "resolveDepth": "*"}, "OptionNotSupported"),
        ({"typeNames": "buildings", "resolve": "far"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "resolve": "local", "resolveTimeout": "soon"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "outputFormat": "shape-zip"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "sortBy": "colour"}, "InvalidParameterValue"),
        ({"typeNames": "buildings", "filter": "<fes:Filter"}, "OperationParsingFailed"),
        ({"typeNames": "buildings", "version": "1.1.0"}, "InvalidParameterValue"),
        ({"request": "GetCapabilities", "acceptversions": "1.1.0"}, "VersionNegotiationFailed"),
        ({}, "MissingParameterValue"),
    ],
)
def test_what_is_wrong_is_an_exception_report(wfs: Wfs, parameters: dict[str, str], code: str) -> None:
    answer = wfs(**parameters)
    assert (answer.status_code, code_of(answer)) == (400, code)


@pytest.mark.parametrize(("accepted", "tag"), [(None, "zh-Hans"), ("en", "en"), ("de, zh-CN;q=0.5, en;q=0.4", "zh-Hans")])
def test_reports_speak_the_callers_language(base: str, accepted: str | None, tag: str) -> None:
    with httpx.Client(timeout=60, headers={} if accepted is None else {"Accept-Language": accepted}) as caller:
        for path in ("wfs?request=GetFeature&typeNames=colour", "wfs?request=GetFeature&typeNames=plots&bbox=1,2,3,nan",
                     "wfs?request=GetFeature&typeNames=plots&srsName=EPSG:1"):  # fmt: skip
            answer = caller.get(f"{base}/{path}")
            report = etree.fromstring(answer.content)
            assert (report.get("{http://www.w3.org/XML/1998/namespace}lang"), answer.headers["Content-Language"]) == (tag, tag)
            text = report.findtext("ows:Exception/ows:ExceptionText", None, NAMES)
            assert any("\u4e00" <= c <= "\u9fff" for c in text) == (tag != "en"), text


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><GetFeature service='WFS'>&e;</GetFeature>",
        b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><x>&b;</x>",
        '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode("utf-16"),
        b"<a>" * 20_000,
        b"<a>" * 100 + b"</a>" * 100,
        b"x" * 300_000,
        b"",
        b"\x00\xff",
    ],
)
def test_hostile_xml_is_refused(base: str, body: bytes) -> None:
    answer = ogc_server.client().post(f"{base}/wfs", content=body, headers={"Content-Type": "text/xml"}, timeout=20)
    assert (answer.status_code, code_of(answer)) == (400, "OperationParsingFailed")


def test_filters_are_bounded_like_those_of_cql2(wfs: Wfs) -> None:
    one = "<fes:PropertyIsEqualTo><fes:ValueReference>name</fes:ValueReference><fes:Literal>x</fes:Literal></fes:PropertyIsEqualTo>"
    for condition in (f"<fes:Or>{one * 101}</fes:Or>", "<fes:Not>" * 22 + one + "</fes:Not>" * 22, one.replace("name", "colour"),
                      "<fes:PropertyIsEqualTo/>", "<fes:Function name='f'/>", one + one):  # fmt: skip
        answer = ogc_server.client().post(
            str(wfs("GetCapabilities").url).partition("?")[0],
            data={"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": "buildings", "filter": filter_xml(condition)},
        )
        assert answer.status_code == 400
        assert code_of(answer) in {"InvalidParameterValue", "OperationParsingFailed", "OptionNotSupported"}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a*b", "a%b"), ("a?b", "a_b"), ("a!*b", "a*b"), ("100%", "100\\%"), ("a_b", "a\\_b"), ("a\\b", "a\\\\b"), ("!", "!"), ("!!", "!")],
)
def test_patterns_keep_their_meaning(pattern: str, expected: str) -> None:
    assert like_pattern(pattern, "*", "?", "!") == expected
