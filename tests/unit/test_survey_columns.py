"""What rules over a pipe survey are asked of: vertices out of EWKB, columns, names and repeats, held against shapely and plain Python."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ewkb import encode_ewkb
from ingest.ewkb_vertices import vertices_of
from ingest.set_rules.codes import NONE, Names, Vocabulary
from ingest.set_rules.grouping import like_in, millimetres, repeats, suspects
from ingest.set_rules.survey_columns import survey_columns

SRID = 4549
METRES = st.floats(-1e6, 1e6, allow_nan=False).map(lambda m: round(m, 4))
PLACES = st.tuples(METRES, METRES, METRES)
FEW = settings(max_examples=30)


def encoded(geometries: list[shapely.Geometry], kind: str, *, flat: bool = False) -> pa.Array:
    array = np.array(geometries, dtype=object)
    z_m = None if flat else shapely.get_coordinates(array, include_z=True)[:, 2]
    return encode_ewkb(array, z_m, SRID, kind)  # type: ignore[arg-type]


@FEW
@given(st.lists(st.lists(PLACES, min_size=2, max_size=5), min_size=1, max_size=8), st.booleans(), st.integers(0, 2))
def test_vertices_of_lines_are_those_of_shapely(rows: list[list[tuple[float, float, float]]], flat: bool, skipped: int) -> None:
    lines = [shapely.LineString(row) for row in rows]
    found = vertices_of(encoded(lines, "LineString", flat=flat)[skipped:], "LineString")
    expected = shapely.get_coordinates(np.array(lines[skipped:], dtype=object), include_z=True)
    assert np.array_equal(found.places[:, :2], expected[:, :2])
    assert np.isnan(found.places[:, 2]).all() if flat else np.array_equal(found.places[:, 2], expected[:, 2])
    assert np.diff(found.first).tolist() == [len(row) for row in rows[skipped:]]


@FEW
@given(st.lists(PLACES, max_size=8))
def test_vertices_of_points_are_those_of_shapely(rows: list[tuple[float, float, float]]) -> None:
    found = vertices_of(encoded([shapely.Point(row) for row in rows], "Point"), "Point")
    assert found.places.tolist() == [list(row) for row in rows]


LINE = shapely.to_wkb(shapely.set_srid(shapely.LineString([(0, 0), (1, 1)]), SRID), include_srid=True)


@pytest.mark.parametrize(
    "content",
    [
        [shapely.to_wkb(shapely.set_srid(shapely.Point(0, 0), SRID), include_srid=True)],
        [shapely.to_wkb(shapely.set_srid(shapely.LineString([(0, 0), (1, 1)]), SRID), include_srid=True, byte_order=0)],
        [shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))],
        [LINE, shapely.to_wkb(shapely.set_srid(shapely.LineString([(0, 0, 0), (1, 1, 1)]), SRID), include_srid=True)],
        [LINE[:-1]],
        [LINE + b"\0" * 16],
        [LINE[:9] + b"\0\0\0\0"],
        [LINE[:5]],
        [LINE, None],
    ],
    ids=["another type", "big-endian", "no SRID", "mixed dimensions", "cut off", "too long", "no vertex", "no head", "missing"],
)
def test_bytes_of_another_layout_are_refused(content: list[bytes | None]) -> None:
    with pytest.raises(ValueError, match=r"of a geometry|a geometry is|not a column"):
        vertices_of(pa.array(content, pa.binary()), "LineString")


@FEW
@given(st.lists(st.lists(PLACES, min_size=2, max_size=5), min_size=1, max_size=6))
def test_lengths_ends_and_azimuths_of_lines(rows: list[list[tuple[float, float, float]]]) -> None:
    lines = [shapely.LineString(row) for row in rows]
    batch = pa.RecordBatch.from_arrays([pa.array(range(1, len(rows) + 1), pa.int64()), encoded(lines, "LineString")], ["row", "geom"])
    columns = survey_columns(batch, "LineString").to_pydict()
    for k, row in enumerate(rows):
        assert columns["length_m"][k] == pytest.approx(lines[k].length, abs=1e-6)
        assert columns["length_3d_m"][k] == pytest.approx(sum(math.dist(a, b) for a, b in itertools.pairwise(row)), abs=1e-6)
        assert tuple(columns[f"start_{axis}"][k] for axis in "xyz") == row[0]
        assert tuple(columns[f"end_{axis}"][k] for axis in "xyz") == row[-1]
        for name, here, there in (("start", row[0], row[1]), ("end", row[-1], row[-2])):
            azimuth, east, north = columns[f"{name}_azimuth"][k], there[0] - here[0], there[1] - here[1]
            assert math.isnan(azimuth) == (east == north == 0)
            assert math.isnan(azimuth) or math.cos(azimuth - math.atan2(east, north)) == pytest.approx(1.0)


def test_columns_that_are_not_there_are_null() -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([7]), encoded([shapely.Point(1, 2, 3)], "Point"), pa.array(["A"])], ["row", "geom", "node_id"]
    )
    columns = survey_columns(batch, "Point")
    assert (columns["node_id"].to_pylist(), columns["kind"].to_pylist(), columns["row"].to_pylist()) == (["A"], [None], [7])
    assert math.isnan(columns["ground_elevation_m"][0].as_py())


@FEW
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 2), st.sampled_from([0, 2**40])), max_size=40))
def test_repeats_are_the_rows_an_earlier_one_is_like(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[i] for row in rows], np.int64) for i in range(3)]
    blocks = np.split(np.arange(len(rows)), [len(rows) // 3])
    likeness = like_in(lambda of: [column[of] for column in columns])
    expected = [(k, rows.index(row)) for k, row in enumerate(rows) if rows.index(row) < k]
    assert list(repeats(lambda: blocks, likeness)) == expected
    meeting = replace(likeness, hashes=lambda of: columns[0][of] % 2)
    assert list(repeats(lambda: blocks, meeting)) == expected, "rows of one hash that are not alike are told apart"
    assert {row for block in suspects(lambda: blocks, likeness.hashes)() for row in block.tolist()} == {
        k for pair in expected for k in pair
    }


def test_heights_that_are_missing_are_alike() -> None:
    assert millimetres(np.array([1.0004, math.nan, -1.0006, math.nan])).tolist()[::2] == [1000, -1001]
    assert len(set(millimetres(np.array([math.nan, math.nan])).tolist())) == 1


TEXTS = st.lists(st.one_of(st.none(), st.sampled_from(["", "A", "B", "a", "A ", "甲"])), max_size=12)


@FEW
@given(TEXTS, TEXTS, TEXTS, st.sampled_from([1, 3]))
def test_names_have_one_code_each_and_keep_it(
    first: list[str | None], second: list[str | None], third: list[str | None], shares: int
) -> None:
    names = Names(shares=shares)
    codes = names.encode([pa.chunked_array([first], pa.string()), pa.chunked_array([second], pa.string())])
    codes += names.encode([pa.chunked_array([third], pa.string())])
    for texts, found in zip((first, second, third), codes, strict=True):
        assert [NONE if code == NONE else names.at(code) for code in found] == [text or NONE for text in texts]
        assert names.texts(found).to_pylist() == [text or None for text in texts]
        assert (found < names.end).all()


def test_names_that_all_end_alike_are_spread_over_the_shares() -> None:
    """They were told by their last four characters, and a survey whose numbers all end in the map sheet took the memory of all at once."""
    names, count = Names(shares=4), 4000
    (codes,) = names.encode([pa.chunked_array([[f"{i}-3512" for i in range(count)]], pa.string())])
    assert np.bincount(codes % 4, minlength=4).tolist() == pytest.approx([count / 4] * 4, rel=0.2)


def test_words_of_several_batches_have_one_code_each() -> None:
    vocabulary = Vocabulary()
    chunks = [pa.array(words).dictionary_encode() for words in (["WS", None, "YS"], ["YS", "WS"], ["RQ"])]
    codes = np.concatenate(list(vocabulary.encoded(pa.chunked_array(chunks))))
    assert [None if code == NONE else vocabulary.at(code) for code in codes] == ["WS", None, "YS", "YS", "WS", "RQ"]
    assert vocabulary.among(codes, ["YS", "unheard of"]).tolist() == [False, False, True, True, False, False]
    assert not vocabulary.among(codes, []).any()
