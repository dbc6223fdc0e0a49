"""The official examples and schema of CQL2 against our reader and our SQL, and the `cql2` wheel as a second judge of filters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cql2
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.official_schemas import FOLDER
from twin.catalogue import Catalogue
from twin.errors import BadRequestError, Text
from twin.model import Field, FieldType, Principal
from twin.query.collection import Collection, collections_of
from twin.query.execute import fetch_row_blocking
from twin.query.feature_query import FeatureQuery
from twin.query.filter_build import build_filter
from twin.query.filter_sql import filter_sql
from twin.query.filter_text import parse_text
from twin.query.items import items_page, items_statement
from twin.query.parameters import Parameters

CQL2 = FOLDER / "ogcapi-features" / "cql2" / "standard" / "schema"
EXAMPLES = sorted((CQL2 / "examples" / "json").glob("*.json"))
_NOT_OURS = {
    "clause6_01": "a function of no condition",
    "clause6_02b": "avg is no function of ours",
    "clause7_18": "Buffer is no function of ours",
    "example68": "Foo is no function",
    "example69": "Bar is no function",
    "example81": "a list of mixed types",
    "example82": "a list of times",
}
_NOT_GEOMETRIES = {
    "example46": "a polygon that crosses itself",
    "example49": "a hole outside of its ring",
}
_COLUMNS: Mapping[FieldType, str] = {"string": "text", "number": "float8", "boolean": "boolean", "datetime": "timestamptz", "date": "date"}


@pytest.fixture(scope="module")
def features(catalogue: Catalogue) -> list[dict[str, Any]]:
    return _features(catalogue, None)


def _features(catalogue: Catalogue, text: str | None) -> list[dict[str, Any]]:
    collection = collections_of(catalogue)["buildings"]
    query = FeatureQuery(collection, collection.crs[1], limit=100)
    if text is not None:
        query = dataclasses.replace(query, filter=build_filter(text, "cql2-text", collection.crs[1], collection))
    page = items_page(fetch_row_blocking(catalogue.pool, items_statement(query, Principal.anonymous())), query)
    found: list[dict[str, Any]] = json.loads(b"[" + page.features + b"]")
    return found


# -- the official examples -------------------------------------------------------------------------------------------------------


def _like_ours(tree: object, operator: str = "") -> object:
    """Return an example with its geometries and lists by the names they have here."""
    match tree:
        case {"op": str(op), "args": list(args)}:
            return {"op": op, "args": [_like_ours(a, op) for a in args]}
        case {"property": str(name)}:
            if operator.startswith("s_"):
                return {"property": "geometry"}
            return {"property": "admin_codes" if operator.startswith("a_") else name}
        case {"interval": list(ends)}:
            return {"interval": [_like_ours(end, "t_") for end in ends]}
    return tree


def _types(tree: object, found: dict[str, FieldType]) -> dict[str, FieldType]:
    """Return what type an example takes each of its properties to have, by what it compares it with."""
    match tree:
        case {"op": str(op), "args": list(args)} if op[:2] not in {"s_", "a_"}:
            flat = [m for a in args for m in (a if isinstance(a, list) else [a])]
            kind = "datetime" if op.startswith("t_") else next((_kind(m, op) for m in flat if _kind(m, op)), "string")
            for argument in flat:
                match argument:
                    case {"property": str(name)} if name != "geometry" and found.get(name, "string") == "string":
                        found[name] = kind
                _types(argument, found)
        case {"interval": list(ends)}:
            for end in ends:
                match end:
                    case {"property": str(name)}:
                        found[name] = "datetime"
    return found


def _kind(tree: object, operator: str) -> FieldType | None:
    match tree:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case {"date": _} | {"timestamp": _}:
            return "datetime"
        case {"op": "casei" | "accenti"}:
            return "string"
        case {"op": str(op)} if op in {"+", "-", "*", "/", "^", "%", "div"}:
            return "number"
    return "number" if operator in {"+", "-", "*", "/", "^", "%", "div"} else None


def _collection(catalogue: Catalogue, types: Mapping[str, FieldType]) -> Collection:
    known = collections_of(catalogue)["buildings"]
    fields = tuple(Field(name=name, type=kind, title=Text(name, name)) for name, kind in types.items())
    return dataclasses.replace(known, feature_type=dataclasses.replace(known.feature_type, fields=fields))


@pytest.mark.skipif(not EXAMPLES, reason="the official examples are not at hand")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_official_examples_become_statements(catalogue: Catalogue, path: Path) -> None:
    tree = _like_ours(json.loads(path.read_text("utf-8")))
    types = _types(tree, {})
    collection = _collection(catalogue, types)
    crs84 = collection.crs[1]
    if path.stem in _NOT_OURS or path.stem in _NOT_GEOMETRIES:
        with pytest.raises(BadRequestError) as caught:
            build_filter(json.dumps(tree), "cql2-json", crs84, collection)
        assert caught.value.code == ("bad-filter" if path.stem in _NOT_OURS else "filter-too-complex")
        return
    parameters = Parameters()
    condition = filter_sql(build_filter(json.dumps(tree), "cql2-json", crs84, collection), parameters, 4549)
    columns = sql.SQL(", ").join([sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(_COLUMNS[t])) for n, t in types.items()])
    with catalogue.pool.connection() as connection, connection.transaction(force_rollback=True):
        head = sql.SQL("CREATE TEMP TABLE example (geom geometry, admin_codes text[]{}{})")
        connection.execute(head.format(sql.SQL(", " if types else ""), columns))
        connection.execute(sql.SQL("SELECT * FROM example WHERE {}").format(condition), parameters.values)


@pytest.mark.skipif(not EXAMPLES, reason="the official examples are not at hand")
def test_official_examples_are_read_from_text_as_the_standard_writes_them() -> None:
    schema = jsonschema_rs.validator_for(json.loads((CQL2 / "cql2.json").read_text("utf-8")))
    read = 0
    for path in EXAMPLES:
        tree = json.loads(path.read_text("utf-8"))
        text = cql2.parse_json(json.dumps(tree)).to_text()
        found = parse_text(text)
        assert _plain(found) == _plain(json.loads(json.dumps(cql2.parse_text(text).to_json()))), path.stem
        assert schema.is_valid(json.loads(json.dumps(found))), path.stem
        read += 1
    assert read == len(EXAMPLES)


def _plain(tree: object) -> object:
    match tree:
        case bool() | str():
            return tree
        case int() | float():
            return float(tree)
        case list() | tuple():
            return [_plain(part) for part in tree]
        case dict():
            return {key: _plain(value) for key, value in tree.items()}
    raise TypeError(tree)


# -- the wheel as a judge ----------------------------------------------------------------------------------------------------------

_NUMBERS = st.integers(0, 40).map(str) | st.sampled_from(["floors_above", "floors_above + 2", "2 * floors_above - 3", "floors_above / 2"])
_TEXTS = st.sampled_from(["'B1'", "'B12'", "'b9'", "CASEI('b9')"])
_CONDITIONS = st.one_of(
    st.tuples(_NUMBERS, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), _NUMBERS).map(" ".join),
    st.tuples(st.sampled_from(["building_id", "CASEI(building_id)"]), st.sampled_from(["=", "<>"]), _TEXTS).map(" ".join),
    st.tuples(st.integers(0, 20), st.integers(5, 40)).map(lambda t: f"floors_above BETWEEN {t[0]} AND {t[1]}"),
    st.lists(st.integers(0, 35), min_size=1, max_size=4).map(lambda n: f"floors_above IN ({', '.join(map(str, n))})"),
    st.tuples(st.floats(119.98, 120), st.floats(31.8, 31.81)).map(
        lambda p: f"S_INTERSECTS(geometry, POLYGON(({p[0]} {p[1]}, 120.01 {p[1]}, 120.01 31.82, {p[0]} 31.82, {p[0]} {p[1]})))"
    ),
)
_FILTERS = st.recursive(
    _CONDITIONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), inner.map(lambda t: f"NOT ({t})")
    ),
    max_leaves=5,
)


@settings(max_examples=30, deadline=None)
@given(_FILTERS)
def test_filters_select_what_the_wheel_selects(catalogue: Catalogue, features: list[dict[str, Any]], text: str) -> None:
    judge = cql2.parse_text(text)
    expected = [f["id"] for f in features if judge.matches(f | {"properties": {k: v for k, v in f["properties"].items() if v is not None}})]
    assert [f["id"] for f in _features(catalogue, text)] == expected
