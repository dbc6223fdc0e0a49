"""Tile metadata derives from the FeatureType alone; nothing a column holds is silently changed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, cast

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.tile_features import BUILDING, USAGE, feature_type, features, field, numbers, texts
from tiles import metadata
from tiles.binary_chunk import BinaryChunk
from tiles.columns import Column, NumberColumn
from tiles.glb import structural_metadata
from tiles.metadata import NO_DATA_FLOAT64, MetadataError, encode_table, index_texts, metadata_class, property_table
from tiles.statistics import merge, statistics_json, statistics_of
from twin.errors import Text
from twin.model import Field

METADATA = metadata_class(BUILDING)
POINT = shapely.Point(0, 0, 0)


def encoded(columns: dict[str, Column], count: int):
    return encode_table(METADATA, features([POINT] * count, columns))


def stored(columns: dict[str, Column], count: int) -> dict[str, bytes]:
    return {c.id: c.values for c in property_table(encoded(columns, count), np.arange(count)).columns}


def test_schema_depends_on_nothing_but_the_feature_type() -> None:
    assert metadata_class(BUILDING).schema == METADATA.schema
    assert METADATA.schema["id"] == "building_v1"
    properties = METADATA.schema["classes"]["building"]["properties"]  # type: ignore[index]
    assert list(properties) == ["fid", *BUILDING.field_names]
    assert properties["height_m"] == {
        "name": "建筑高度",
        "description": "height_m [m]",
        "type": "SCALAR",
        "componentType": "FLOAT64",
        "noData": -1.7976931348623157e308,
    }


def test_codes_are_enum_names_and_their_chinese_titles_descriptions() -> None:
    enum = METADATA.schema["enums"]["building_usage"]  # type: ignore[index]
    assert [(v["name"], v["value"]) for v in enum["values"]] == [("noData", 0), ("residential", 1), ("office", 2), ("industry", 3)]
    assert enum["values"][1]["description"] == "住宅"


def test_a_true_zero_and_an_unknown_are_told_apart() -> None:
    """noData = 0 makes a true 0 read as missing: the defect of a well-known tiler."""
    values = stored({"height_m": numbers([0.0, None, -1.5])}, 3)["height_m"]
    assert np.frombuffer(values, "<f8").tolist() == [0.0, -1.7976931348623157e308, -1.5]


@given(st.lists(st.sampled_from(["", None, "a", "aa", "ab", "b", "住宅", "住", "c" * 40]), max_size=30), st.integers(1, 5))
def test_a_text_is_found_among_names_by_all_of_its_bytes(given_texts: list[str | None], count: int) -> None:
    names = ("aa", "住宅", "b", "c" * 40, "x")[:count]
    expected = [names.index(text) + 1 if text in names else 0 for text in given_texts]
    assert index_texts(texts(given_texts), names).tolist() == expected


@given(st.lists(st.text("ab0住", max_size=5), max_size=400), st.randoms(use_true_random=False))
def test_a_text_is_found_among_many_names_in_any_order_at_the_first_of_its_places(names: list[str], rng: Random) -> None:
    asked = [rng.choice([*names, "", "a", "bb", None]) for _ in range(200)]
    expected = [names.index(text) + 1 if text and text in names else 0 for text in asked]
    assert index_texts(texts(asked), tuple(names)).tolist() == expected


def test_few_of_many_names_are_looked_at_for_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """50,000 codes of a list of 3,000 took 0.6 s a column, in every chunk and edit."""
    looked_at = 0
    compared = _py(metadata, "_compared")

    def counted(*values: object) -> object:
        nonlocal looked_at
        looked_at += 1
        return compared(*values)

    monkeypatch.setattr(metadata, "_compared", counted)
    monkeypatch.setattr(metadata, "_find_texts", _py(metadata, "_find_texts"))
    names = tuple(f"3204{k:06}" for k in range(3_000))
    asked = list(names[::-61])
    assert index_texts(texts(asked), names).tolist() == [names.index(text) + 1 for text in asked]
    assert looked_at <= len(asked) * 15


def _py(module: object, name: str) -> Callable[..., object]:
    """Return a kernel of ``module`` as it is written, not compiled."""
    return cast("Callable[..., object]", getattr(module, name).py_func)


def test_numbers_of_a_table_are_held_once() -> None:
    table = encoded({"height_m": numbers([1.0, None]), "floors_above": NumberColumn(np.array([3, 4]), np.array([True, True]))}, 2)
    held = {k: values for which, block in table.blocks for k, values in zip(which, block, strict=True)}
    assert len(held) == 3
    for k, values in held.items():
        column = table.columns[k].values
        assert column is not None
        assert np.shares_memory(column, values)
        assert column.dtype == table.columns[k].prop.dtype


def test_columns_without_any_value_are_stored_where_they_are_numbers_or_enums() -> None:
    """The schema lets all be omitted, but the published validator (0.6.1) ends with an error of its own where these are."""
    given = stored({"height_m": numbers([1.0, 2.0]), "name": texts([None, None])}, 2)
    assert set(given) == {p.id for p in metadata_class(BUILDING).properties if p.kind != "string"}
    assert np.frombuffer(given["base_height_m"], "<f8").tolist() == [NO_DATA_FLOAT64] * 2
    assert given["usage"] == b"\0\0"


def test_columns_that_are_equal_are_stored_once() -> None:
    table = property_table(encoded({"height_m": numbers([3.0, 3.0]), "base_height_m": numbers([3.0, 3.0])}, 2), np.arange(2))
    binary = BinaryChunk(compress=True)
    [written] = cast("list[dict[str, Any]]", structural_metadata(binary, METADATA, table, has_surfaces=False)["propertyTables"])
    properties = written["properties"]
    assert properties["height_m"]["values"] == properties["base_height_m"]["values"] != properties["fid"]["values"]
    assert properties["usage"]["values"] == properties["listed"]["values"]
    assert len(binary.views) == len({entry["values"] for entry in properties.values()})


def test_codes_are_found_in_any_order_and_unknown_ones_counted() -> None:
    table = encoded({"usage": texts(["office", None, "castle", "residential", "", "residentialx"])}, 6)
    usage = next(c for c in table.columns if c.prop.id == "usage")
    assert usage.values is not None
    assert usage.values.tolist() == [2, 0, 0, 1, 0, 0]
    assert table.unrepresentable["usage"] >= 2


def test_integers_beyond_32_bits_are_counted_as_unrepresentable() -> None:
    table = encoded({"floors_above": NumberColumn(np.array([5, 2**31, -(2**31), 7]), np.array([True, True, True, False]))}, 4)
    assert table.unrepresentable == {"floors_above": 2}
    floors = np.frombuffer({c.id: c.values for c in property_table(table, np.arange(4)).columns}["floors_above"], "<i4")
    assert floors.tolist() == [5, -(2**31), -(2**31), -(2**31)]


def test_strings_keep_their_characters_and_take_the_narrowest_offsets() -> None:
    table = property_table(encoded({"name": texts(["常州", None, "𠮷野", "a" * 300])}, 4), np.array([3, 2, 1, 0]))
    column = next(c for c in table.columns if c.id == "name")
    assert column.offset_type == "UINT16"
    assert column.offsets is not None
    bounds = np.frombuffer(column.offsets, "<u2").tolist()
    assert [column.values[a:b].decode() for a, b in itertools.pairwise(bounds)] == ["a" * 300, "𠮷野", "", "常州"]


def test_dates_are_iso_texts_and_booleans_have_a_third_state() -> None:
    columns: dict[str, Column] = {
        "built_on": NumberColumn(np.array(["2001-02-03", "NaT"], "M8[D]"), np.array([True, False])),
        "listed": NumberColumn(np.array([True, False, False]), np.array([True, True, False])),
    }
    values = stored({"built_on": columns["built_on"]}, 2)
    assert values["built_on"] == b"2001-02-03"
    assert stored({"listed": columns["listed"]}, 3)["listed"] == bytes([2, 1, 0])


def test_property_ids_are_ascii_also_for_chinese_field_names() -> None:
    kind = feature_type("道路", "LineString", "none", {}, (field("名称", "string", "名称"), field("2d", "number", "二维")))
    ids = [p.id for p in metadata_class(kind).properties]
    assert all(i.isascii() and i.isidentifier() for i in ids)
    assert len(set(ids)) == 3


def test_text_in_a_number_field_is_our_error() -> None:
    with pytest.raises(MetadataError):
        encoded({"height_m": texts(["12"])}, 1)


def test_merged_statistics_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(3)
    columns: dict[str, Column] = {
        "height_m": numbers([None if i % 5 == 0 else float(v) for i, v in enumerate(rng.uniform(-5, 90, 200))]),
        "usage": texts([None if i % 9 == 0 else USAGE.codes[i % 3].code for i in range(200)]),
    }
    table = encoded(columns, 200)
    parts = [statistics_of(table, rows) for rows in np.array_split(rng.permutation(200), 7)]
    whole, merged = statistics_of(table, np.arange(200)), merge(parts)
    assert merged.occurrences == {k: dict(v) for k, v in whole.occurrences.items()}
    height = columns["height_m"]
    assert isinstance(height, NumberColumn)
    values = height.values[height.valid].astype(float)
    found = statistics_json(METADATA, merged)["classes"]["building"]["properties"]["height_m"]  # type: ignore[index]
    assert (found["min"], found["max"]) == (values.min(), values.max())
    assert found["mean"] == pytest.approx(values.mean())


def test_features_without_a_number_or_an_enum_value_have_no_statistics() -> None:
    """The published validator refuses statistics of a class without properties (its StatisticsClassValidator)."""
    columns: dict[str, Column] = {"name": texts(["A", "B"]), "usage": texts([None, None]), "height_m": numbers([None, None])}
    assert statistics_json(METADATA, statistics_of(encoded(columns, 2), np.arange(2))) is None


def test_a_value_that_no_enumeration_has_is_an_error_and_no_count_of_something_else() -> None:
    table = encoded({"usage": texts(["office", "industry"])}, 2)
    columns = [replace(c, values=np.array([1, 200], np.uint8)) if c.prop.id == "usage" else c for c in table.columns]
    with pytest.raises(IndexError):
        statistics_of(replace(table, columns=tuple(columns)), np.arange(2))


@pytest.mark.parametrize(("maximum", "bits", "largest"), [(20, 8, 127), (127, 8, 127), (128, 16, 32_767), (2100, 16, 32_767)])
def test_integers_whose_field_says_so_take_8_or_16_bits(maximum: float, bits: int, largest: int) -> None:
    """A value beyond them in spite of the field's range is noData and counted, as one beyond 32 bits is."""
    ranged = Field("year", "integer", Text(zh="年", en="year"), minimum=0, maximum=maximum)
    kind = feature_type("b", "MultiPolygon", "extrude", {}, (ranged,))
    columns = {"year": NumberColumn(np.array([3, largest, largest + 1, 0]), np.array([True, True, True, False]))}
    table = encode_table(metadata_class(kind), features([b""] * 4, columns))
    assert table.unrepresentable == {"year": 1}
    year = property_table(table, np.arange(4)).columns[1]
    assert np.frombuffer(year.values, f"<i{bits // 8}").tolist() == [3, largest, -largest - 1, -largest - 1]
    assert f'"componentType":"INT{bits}"'.encode() in orjson.dumps(metadata_class(kind).schema)
