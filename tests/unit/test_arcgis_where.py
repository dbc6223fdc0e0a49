"""``where`` of ArcGIS clients: what it means in CQL2, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogc.arcgis.esri_geometry import esri_geometry, input_geometry, wkid_of
from ogc.arcgis.where import parse_where
from twin.errors import BadRequestError
from twin.query.filter_ast import ValueType
from twin.query.filter_text import parse_text

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
TYPES: dict[str, ValueType] = {
    "name": "text", "height_m": "number", "floors": "number", "valid_from": "date", "seen": "timestamp", "lit": "boolean",
    "objectid": "number",
}  # fmt: skip


@pytest.mark.parametrize(
    ("where", "cql2"),
    [
        ("1=1", "1=1"),
        ("OBJECTID > 5 AND OBJECTID <= 7", "objectid > 5 AND objectid <= 7"),
        ("NAME = 'O''Hara \\ %'", "name = 'O''Hara \\ %'"),
        ("\"Name\" <> 'a' or not (floors != 3)", "name <> 'a' OR NOT (floors <> 3)"),
        ("name LIKE '学%'", "name LIKE '学%'"),
        ("name NOT LIKE 'a_b'", "NOT (name LIKE 'a_b')"),
        ("floors IN (1, -2, 3)", "floors IN (1, -2, 3)"),
        ("floors BETWEEN 1 AND 2 AND name IS NOT NULL", "floors BETWEEN 1 AND 2 AND NOT (name IS NULL)"),
        ("height_m * 2 + 1 > floors / 3", "height_m * 2 + 1 > floors / 3"),
        ("UPPER(name) LIKE 'ABC%'", "CASEI(name) LIKE CASEI('ABC%')"),
        ("valid_from >= DATE '2020-01-31'", "valid_from >= DATE('2020-01-31')"),
        ("valid_from >= '2020-01-31'", "valid_from >= DATE('2020-01-31')"),
        ("seen < TIMESTAMP '2020-01-31 10:20:30'", "seen < TIMESTAMP('2020-01-31T10:20:30Z')"),
        ("lit = 1 AND lit <> 0", "lit = TRUE AND lit <> FALSE"),
        ("floors = 9223372036854775807", "floors = 9223372036854775807"),
        ("city.buildings.floors = 1", "floors = 1"),
        ("name = N'中'", "name = '中'"),
    ],
)
def test_a_condition_means_what_it_means_in_cql2(where: str, cql2: str) -> None:
    assert parse_where(where, TYPES, NOW) == parse_text(cql2)


def test_patterns_escape_as_they_say_and_else_not_at_all() -> None:
    tree = {"op": "like", "args": [{"property": "name"}, "50\\%"]}
    assert parse_where("name LIKE '50!%' ESCAPE '!'", TYPES, NOW) == tree
    assert parse_where("name LIKE 'a\\b%'", TYPES, NOW) == {"op": "like", "args": [{"property": "name"}, "a\\\\b%"]}
    assert parse_where("valid_from < CURRENT_DATE", TYPES, NOW)["args"][1] == {"date": "2026-11-21"}  # type: ignore[index]


@pytest.mark.parametrize(
    "where",
    ["", "name =", "name = 'a", "floors = 1; DROP TABLE x", "sleep(5) = 1", "((((", "name NOT 'x'", "a b", "1 = = 1",
     "(SELECT 1)", "floors IN ()", "\x00", "name LIKE", "x' OR '1'='1", "name LIKE 'a' ESCAPE b"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(where: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        parse_where(where, TYPES, NOW)
    assert refused.value.code == "bad-filter"


@pytest.mark.parametrize("where", ["(" * 30 + "1=1" + ")" * 30, "floors = 1 OR " * 2000 + "1=1"])
def test_what_is_too_deep_or_too_long_is_refused(where: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        parse_where(where, TYPES, NOW)
    assert refused.value.code == "filter-too-complex"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="floorsname'\"()=<>!%,+-*/ 0123456789ANDORINLIKEBETWN_.", max_size=60))
def test_any_text_is_a_tree_of_its_own_words_or_refused(where: str) -> None:
    refused, found = None, None
    try:
        found = parse_where(where, TYPES, NOW)
    except BadRequestError as error:
        refused = error.code
    assert refused in {None, "bad-filter", "filter-too-complex", "unknown-property"}
    assert [name for name in _properties(found) if name not in TYPES and name not in where] == []
    assert json.loads(json.dumps(found)) == found


def _properties(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from [tree["property"]] if "property" in tree else []
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _properties(part)


@given(st.integers(3, 12), st.booleans())
def test_rings_are_turned_as_esri_has_them(corners: int, hole: bool) -> None:
    outer = [[math.cos(i), math.sin(i)] for i in [2 * math.pi * k / corners for k in range(corners)]]
    rings = [[*outer, outer[0]]] + ([[[x / 2, y / 2] for x, y in [*outer, outer[0]]]] if hole else [])
    found = esri_geometry({"type": "MultiPolygon", "coordinates": [rings]})
    assert found is not None
    turns = [sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in pairwise(ring)) for ring in found["rings"]]  # type: ignore[attr-defined]
    assert turns[0] > 0
    assert all(turn < 0 for turn in turns[1:])
    back = input_geometry(json.dumps(found), "esriGeometryPolygon").shape
    assert back is not None
    assert len(back["coordinates"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["x", "1,2,3", "{", "[]", '{"rings": 1}', '{"rings": [[]]}', '{"x": 1}', '{"x": "NaN", "y": 1}', '{"xmin": 1}', "{}"]
)
def test_geometries_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        input_geometry(text, "esriGeometryEnvelope")


def test_web_mercator_has_many_names() -> None:
    for name in ("102100", 3857, 900913, {"wkid": 102100, "latestWkid": 3857}):
        assert wkid_of(name) == 3857
    assert (wkid_of(None), wkid_of("4549")) == (None, 4549)
