"""One query core behind two doors: the native routes and pygeoapi's handlers with our provider answer alike (decision 58)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import odd_values
import ogc_server
import pytest
import query_city as city
from hypothesis import given, settings
from hypothesis import strategies as st

from ogc.provider import Source
from ogc.resources import pygeoapi_config
from ogc.shell import new_api
from twin.catalogue import Catalogue
from twin.crs import output_crs
from twin.embedded import EmbeddedCluster
from twin.model import Principal
from twin.query.collection import collections_of, may_see

Ask = Callable[..., dict[str, Any]]
ITEMS = "collections/buildings/items"


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def catalogue(database: str) -> Iterator[Catalogue]:
    made = city.small_city(database)
    odd_values.publish(made)
    yield made
    made.pool.close()


@pytest.fixture(scope="module")
def native(catalogue: Catalogue, database: str) -> Iterator[Ask]:
    with ogc_server.served(catalogue, database) as base, httpx.Client(timeout=30) as client:

        def ask(path: str, parameters: dict[str, str]) -> dict[str, Any]:
            response = client.get(path if path.startswith("http") else f"{base}/{path}", params=parameters or None)
            return {"status": response.status_code, **response.json()}

        yield ask


class _Asked:
    """A request as pygeoapi's handlers read it."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self.query_params = parameters | {"f": "json"}
        self.headers: dict[str, str] = {}
        self.path_info = ""


@pytest.fixture(scope="module")
def second(catalogue: Catalogue) -> Ask:
    from pygeoapi.api import APIRequest, itemtypes

    everybody = Principal.anonymous()
    seen = {slug: c for slug, c in collections_of(catalogue).items() if may_see(c, everybody)}
    api = new_api(pygeoapi_config(catalogue.deployment, seen, "http://second", Source(catalogue, everybody)))

    def ask(path: str, parameters: dict[str, str], body: object = None) -> dict[str, Any]:
        request = APIRequest(_Asked(parameters), api.locales)
        if body is not None:
            request._data = json.dumps(body).encode()
        _, slug, _, *item = path.split("/")
        handler = itemtypes.get_collection_item if item else itemtypes.get_collection_items
        _, status, content = handler(api, request, slug, *item)
        return {"status": int(status), **json.loads(content)}

    return ask


@pytest.fixture(scope="module")
def offered(catalogue: Catalogue) -> tuple[Any, ...]:
    return collections_of(catalogue)["buildings"].crs


# -- what is asked -----------------------------------------------------------------------------------------------------------

_NUMBERS = st.sampled_from(("floors_above", "height_m"))
_TEXTS = st.sampled_from(("name", "building_id"))
_COMPARISON = st.sampled_from(("=", "<>", "<", ">", "<=", ">="))
_LEAVES = st.one_of(
    st.builds("{} {} {}".format, _NUMBERS, _COMPARISON, st.integers(0, 40)),
    st.builds("{} + 3 {} {} * 2".format, _NUMBERS, _COMPARISON, _NUMBERS),
    st.builds("{} {} '{}'".format, _TEXTS, _COMPARISON, st.sampled_from(("B12", "学府花园9幢", "B3"))),
    st.builds("{} {}BETWEEN {} AND {}".format, _NUMBERS, st.sampled_from(("", "NOT ")), st.integers(0, 20), st.integers(10, 40)),
    st.builds("{} {}LIKE '{}'".format, _TEXTS, st.sampled_from(("", "NOT ")), st.sampled_from(("B1%", "%花园1_幢", "%"))),
    st.builds("{} {}IN (1, 5, 12, 99)".format, _NUMBERS, st.sampled_from(("", "NOT "))),
    st.builds("{} IS {}NULL".format, st.sampled_from(("height_m", "valid_to", "name")), st.sampled_from(("", "NOT "))),
    st.builds("valid_from {} DATE('{}-01-01')".format, _COMPARISON, st.integers(1998, 2022)),
    st.just("CASEI(building_id) = CASEI('b7')"),
    st.just("S_INTERSECTS(geometry, POLYGON((119.989 31.802, 119.991 31.802, 119.991 31.8034, 119.989 31.8034, 119.989 31.802)))"),
    st.just("S_DISJOINT(geometry, POINT(119.99 31.803))"),
)  # fmt: skip
FILTERS = st.recursive(
    # pygeoapi's grammar gives AND and OR the same rank, and knows NOT of one predicate only: what is meant is said by parentheses
    st.builds("{}({})".format, st.sampled_from(("", "NOT ")), _LEAVES),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(("AND", "OR")), inner),
    max_leaves=4,
)
DAYS = st.sampled_from(("1999-06-01", "2005-01-01", "2010-06-30", "2024-05-31", "2024-06-01", "2030-01-01"))
DATETIMES = DAYS | st.builds("{}/..".format, DAYS) | st.builds("../{}".format, DAYS)
# houses stand every 30 m and are 10 m wide: a box whose edges lie between them means the same whatever CRS it is bent in
EDGES = st.lists(st.integers(-1, 11), min_size=2, max_size=2, unique=True).map(lambda pair: tuple(20.0 + 30 * n for n in sorted(pair)))


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    asked: dict[str, Any] = {"limit": str(draw(st.integers(1, 40)))}
    optional = {
        "datetime": DATETIMES, "filter": FILTERS, "box": st.tuples(EDGES, EDGES), "crs": st.integers(0, 9), "bbox-crs": st.integers(0, 9),
        "properties": st.lists(st.sampled_from(("name", "floors_above", "height_m")), min_size=1, unique=True).map(",".join),
        "skipGeometry": st.sampled_from(("true", "false")), "floors_above": st.integers(1, 31).map(str),
    }  # fmt: skip
    for name in draw(st.sets(st.sampled_from(sorted(optional)), max_size=4)):
        asked[name] = draw(optional[name])
    return asked


def parameters(asked: dict[str, Any], offered: tuple[Any, ...]) -> dict[str, str]:
    """Return a question's parameters; the box, in metres from the city's corner, in the CRS that is asked for."""
    import pyproj

    made = {name: value for name, value in asked.items() if name not in {"box", "crs", "bbox-crs"}}
    if "crs" in asked:
        made["crs"] = offered[asked["crs"] % len(offered)].uri
    if "box" in asked:
        crs = output_crs("EPSG:4549", offered)
        if "bbox-crs" in asked:
            plane = [c for c in offered if c.height != "ellipsoidal"]
            crs = plane[asked["bbox-crs"] % len(plane)]
        (west, east), (south, north) = asked["box"]
        x = [city.EAST + west, city.EAST + east]
        y = [city.NORTH + south, city.NORTH + north]
        turned = pyproj.Transformer.from_crs(4549, crs.srid, always_xy=True).transform(x, y)
        first, then = turned if crs.xy else turned[::-1]
        made |= {"bbox": ",".join(map(repr, (first[0], then[0], first[1], then[1]))), "bbox-crs": crs.uri}
    return made


# -- both answer -------------------------------------------------------------------------------------------------------------


def _same(native: Ask, second: Ask, offered: tuple[Any, ...], asked: dict[str, Any]) -> None:
    made = parameters(asked, offered)
    ours, theirs = native(ITEMS, made), second(ITEMS, made)
    assert (ours["status"], theirs["status"]) == (200, 200), (made, ours, theirs)
    assert theirs["features"] == ours["features"], made
    assert theirs["numberReturned"] == ours["numberReturned"]


@settings(max_examples=8)
@given(asked=questions())
def test_both_doors_give_the_same_features(native: Ask, second: Ask, offered: tuple[Any, ...], asked: dict[str, Any]) -> None:
    _same(native, second, offered, asked)


@pytest.mark.slow
@settings(max_examples=200)
@given(asked=questions())
def test_both_doors_give_the_same_features_to_many_questions(
    native: Ask, second: Ask, offered: tuple[Any, ...], asked: dict[str, Any]
) -> None:
    _same(native, second, offered, asked)


@pytest.mark.parametrize(
    "tree",
    [
        {"op": "and", "args": [{"op": ">", "args": [{"property": "floors_above"}, 20]},
                               {"op": "like", "args": [{"property": "name"}, "学府%"]}]},
        {"op": "not", "args": [{"op": "in", "args": [{"property": "building_id"}, ["B1", "B2"]]}]},
        {"op": "isNull", "args": [{"property": "height_m"}]},
        {"op": "t_after", "args": [{"property": "valid_from"}, {"date": "2010-01-01"}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [119.98949, 31.803242]}]},
        {"op": "casei", "args": ["x"]},
    ],
)  # fmt: skip
def test_filters_as_json_mean_the_same(native: Ask, second: Ask, tree: object) -> None:
    ours = native(ITEMS, {"filter": json.dumps(tree), "filter-lang": "cql2-json", "limit": "50"})
    theirs = second(ITEMS, {"limit": "50"}, tree)
    assert (ours["status"], ours.get("features")) == (theirs["status"], theirs.get("features"))


@pytest.mark.parametrize("uri", ["http://www.opengis.net/def/crs/EPSG/0/4490", "http://www.opengis.net/def/crs/EPSG/0/4549"])
def test_filter_crs_means_the_same(native: Ask, second: Ask, uri: str) -> None:
    place = "POINT(31.803242 119.98949)" if uri.endswith("4490") else f"POINT({city.NORTH + 35} {city.EAST + 5})"
    asked = {"filter": f"S_INTERSECTS(geometry, {place})", "filter-crs": uri}
    ours, theirs = native(ITEMS, asked), second(ITEMS, asked)
    assert len(ours["features"]) == 1
    assert theirs["features"] == ours["features"]


def test_what_pygeofilter_makes_ambiguous_is_refused_and_not_answered_wrongly(second: Ask) -> None:
    for text in ("valid_from T_INTERSECTS DATE('2010-01-01')", "S_INTERSECTS(geometry, ENVELOPE(119 31 120 32))"):
        assert second(ITEMS, {"filter": text})["status"] == 400, text


@pytest.mark.parametrize("step", [1, 7, 29, 40])
def test_following_next_gives_what_offset_gives(native: Ask, second: Ask, step: int) -> None:
    page, offset = native(ITEMS, {"limit": str(step)}), 0
    while True:
        theirs = second(ITEMS, {"limit": str(step), "offset": str(offset)})
        assert theirs["features"] == page["features"]
        onward = [entry["href"] for entry in page["links"] if entry["rel"] == "next"]
        if not onward:
            break
        page, offset = native(onward[0], {}), offset + step
    assert second(ITEMS, {"limit": str(step), "offset": str(offset + step)})["features"] == []


def test_single_features_and_odd_values_are_the_same(native: Ask, second: Ask) -> None:
    path = f"collections/{odd_values.SLUG}/items"
    ours, theirs = native(path, {}), second(path, {})
    assert theirs["features"] == ours["features"]
    assert [f["properties"]["name"] for f in ours["features"]] == [*odd_values.TEXTS, None]
    assert ours["features"][0]["properties"]["floors_above"] == odd_values.BEYOND_DOUBLE + 2
    for feature in ours["features"]:
        one = second(f"{path}/{feature['id']}", {})
        assert {name: one[name] for name in feature} == feature


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"bbox": "1,2,3"}, 400), ({"datetime": "garbage"}, 400), ({"filter": "nope = 1"}, 400), ({"filter": "floors_above = 'x'"}, 400),
     ({"limit": "0"}, 400), ({"floors_above": "abc"}, 400), ({"properties": "nope"}, 400),
     ({"crs": "http://www.opengis.net/def/crs/EPSG/0/2154"}, 400)],
)  # fmt: skip
def test_both_refuse_what_makes_no_sense(native: Ask, second: Ask, asked: dict[str, str], status: int) -> None:
    assert (native(ITEMS, asked)["status"], second(ITEMS, asked)["status"]) == (status, status)
