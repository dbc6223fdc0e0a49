"""Links between departments' features on real PostGIS: made, moved and ended with the rows, at every commit, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.rollback import rollback
from tests.integration.surveys import ORIGIN, Row, Surveys, square
from twin.errors import GoneError, NotFoundError
from twin.model import Principal, SharingClass
from twin.query.collection import collections_of
from twin.query.links import links_of
from twin.query.objects import find_object

ANYBODY = Principal.anonymous()
Ends = set[tuple[str, str]]


def buildings(*keys: str) -> dict[str, tuple[str, list[Row]]]:
    return {"buildings": ("building", [Row(square(20.0 * ord(k[0]), 0.0), {"building_id": k, "height_m": 9.0}) for k in keys])}


def addresses(named: Mapping[str, str | None]) -> dict[str, tuple[str, list[Row]]]:
    point = shapely.Point(*ORIGIN)
    return {"addresses": ("address", [Row(point, {"address_id": a, "building_id": b}) for a, b in named.items()])}


def links(surveys: Surveys, as_of: int | None = None) -> Ends:
    """Return (address, building) of every link, asked from the addresses; asked from the buildings it must be the same."""
    collections = tuple(collections_of(surveys.catalogue).values())
    ends: dict[str, Ends] = {"out": set(), "in": set()}
    for collection in collections:
        with surveys.catalogue.pool.connection() as connection:
            table = f"{collection.feature_type.name}_d{collection.dataset.id}"
            rows = connection.execute(
                f"SELECT fid, natural_key FROM city.{table} UNION SELECT fid, natural_key FROM history.{table}"  # type: ignore[arg-type]
            ).fetchall()
        for fid, key in rows:
            for link in links_of(surveys.catalogue.pool, collection, fid, collections, ANYBODY, as_of):
                assert link.reference.type == "building"
                ends[link.direction].add((key, str(link.key)) if link.direction == "out" else (str(link.key), key))
    assert ends["out"] == ends["in"]
    return ends["out"]


def test_a_link_is_made_by_whichever_end_comes_last(surveys: Surveys) -> None:
    surveys.load(addresses({"1": "a", "2": "b", "3": None}))
    assert links(surveys) == set()
    surveys.load(buildings("a"))
    assert links(surveys) == {("1", "a")}
    surveys.load(buildings("a", "b"))
    assert links(surveys) == {("1", "a"), ("2", "b")}
    assert [links(surveys, as_of) for as_of in (1, 2, 3)] == [set(), {("1", "a")}, {("1", "a"), ("2", "b")}]


def test_ends_of_one_commit_are_linked_in_it(surveys: Surveys) -> None:
    result = surveys.load(addresses({"1": "a"}) | buildings("a"))
    assert result.commit == 1
    assert links(surveys) == links(surveys, 1) == {("1", "a")}


def test_no_link_outlives_an_end_and_rollback_brings_it_back(surveys: Surveys) -> None:
    surveys.load(addresses({"1": "a", "2": "b"}) | buildings("a", "b"))
    surveys.load(buildings("b"), allow_deletes=True)
    assert links(surveys) == {("2", "b")}
    surveys.load(addresses({"1": "a"}), allow_deletes=True)
    assert links(surveys) == set()
    rollback(surveys.catalogue, 1, "tester", "", lambda extent: extent)
    assert links(surveys) == {("1", "a"), ("2", "b")}
    assert [len(links(surveys, commit)) for commit in (1, 2, 3, 4)] == [2, 1, 0, 2]


def test_an_unchanged_link_keeps_its_row(surveys: Surveys) -> None:
    surveys.load(addresses({"1": "a"}) | buildings("a"))
    changed = buildings("a")
    changed["buildings"][1][0] = replace(changed["buildings"][1][0], fields={"building_id": "a", "height_m": 12.0})
    surveys.load(changed)
    with surveys.catalogue.pool.connection() as connection:
        assert connection.execute("SELECT commit_from FROM city.object_link").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM history.object_link").fetchone() == (0,)


def test_a_link_is_shown_only_to_who_may_see_both_ends(surveys: Surveys) -> None:
    surveys.load(buildings("a"))
    surveys.load(addresses({"1": "a"}), sharing=SharingClass.RESTRICTED)
    assert links_from_building(surveys, ANYBODY) == 0
    assert links_from_building(surveys, Principal.system()) == 1


def links_from_building(surveys: Surveys, principal: Principal) -> int:
    collections = collections_of(surveys.catalogue)
    fid = int(str(surveys.state("buildings")["a"][0]))
    return len(links_of(surveys.catalogue.pool, collections["buildings"], fid, tuple(collections.values()), principal))


def test_an_object_is_found_by_its_oid_and_remembered_when_it_is_gone(surveys: Surveys) -> None:
    surveys.load(buildings("a", "b"))
    collections = tuple(collections_of(surveys.catalogue).values())
    oid = f"{collections[0].oid_prefix}{surveys.state('buildings')['a'][0]}"
    pool = surveys.catalogue.pool
    assert find_object(pool, collections, oid, ANYBODY).key == "a"
    surveys.load(buildings("b"), allow_deletes=True)
    assert find_object(pool, collections, oid, ANYBODY, as_of=1).commit_to == 2
    with pytest.raises(GoneError) as gone:
        find_object(pool, collections, oid, ANYBODY)
    assert gone.value.extra == {"dataset": "buildings", "key": "a", "commit_from": 1, "commit_to": 2}
    surveys.load(buildings("b", "c"))
    late = f"{collections[0].oid_prefix}{surveys.state('buildings')['c'][0]}"
    with pytest.raises(NotFoundError):
        find_object(pool, collections, late, ANYBODY, as_of=2)  # it came later
    for stranger in (oid + "999", oid[:-1] + "x", "2.25.1.2.1.1"):
        with pytest.raises(NotFoundError):
            find_object(pool, collections, stranger, ANYBODY)


KEYS = st.sets(st.sampled_from("abcd"), min_size=1)
Load = tuple[set[str] | None, dict[str, str | None] | None]
NAMED = st.dictionaries(st.sampled_from("1234"), st.sampled_from(["a", "b", "c", "d", "z", None]), min_size=1)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.none() | KEYS, st.none() | NAMED).filter(any), min_size=1, max_size=4))
def test_after_any_loads_the_links_are_those_the_values_name(
    surveys: Surveys, loads: list[tuple[set[str] | None, dict[str, str | None] | None]]
) -> None:
    """Whatever was loaded before, the links are the pairs that a join of the published values gives, then and at every commit since."""
    remembered: dict[int, Ends] = {}
    for keys, named in loads:
        parts = (buildings(*sorted(keys)) if keys else {}) | (addresses(named) if named else {})
        surveys.load(parts, allow_deletes=True)
        published = {d.slug for d in surveys.catalogue.datasets()}
        have = set(surveys.state("buildings")) if "buildings" in published else set()
        says = surveys.state("addresses", "building_id") if "addresses" in published else {}
        remembered[surveys.catalogue.last_commit()] = {(a, str(row[2])) for a, row in says.items() if row[2] in have}
        assert links(surveys) == remembered[surveys.catalogue.last_commit()]
    for commit, then in remembered.items():
        assert links(surveys, commit) == then
