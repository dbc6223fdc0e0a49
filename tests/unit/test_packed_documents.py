"""Documents as they are kept: what is packed reads back as the text that it was, what is broken is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents import compressed
from ingest.readers.cityjson_packing import packing_of
from ingest.readers.json_arrays import cut_lines
from twin.packed_documents import MAGIC, unpacked

VERTICES = [[85_000_123, -446_000_456, 0], [0, -1, 12], [999_999_999_999_999, -999_999_999_999_999, 7]]
SOLID = [[[[0, 1, 2, 300], [4, 5, 6]], [[70_000, 0, 9]]], [[[7, 8, 9]], [[1, 2, 3]]]]
small = st.integers(0, 300) | st.integers(0, 10**15 - 1)
ring = st.lists(small, min_size=1, max_size=6)
meaning = st.lists(st.none() | small, min_size=1, max_size=9)
arrays = {1: ring, 2: st.lists(ring, min_size=1, max_size=4)}
for deep in (3, 4, 5):
    arrays[deep] = st.lists(arrays[deep - 1], min_size=1, max_size=3)
whole = st.integers(-(10**15) + 1, 10**15 - 1)
places = st.lists(st.tuples(whole | st.integers(-99, 99), whole, st.integers(-99, 99)).map(list), max_size=30)
said = st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False) | st.lists(st.integers(), max_size=3) | st.none()


def feature(vertices: Any, boundaries: Any, values: Any, more: Any = None) -> dict[str, Any]:
    """Return a feature with one solid."""
    geometry = {
        "type": "Solid",
        "lod": "2",
        "boundaries": boundaries,
        "semantics": {"surfaces": [{"type": "RoofSurface"}], "values": values},
    }
    building = {"type": "Building", "attributes": {"more": more}, "geometry": [geometry, geometry]}
    return {"type": "CityJSONFeature", "id": "b", "CityObjects": {"b": building}, "vertices": vertices}


def kept(lines: list[bytes]) -> list[bytes]:
    """Return lines as they are kept when a reader has cut them."""
    found: list[bytes] = compressed(lines, packing_of(cut_lines(lines, cuts_attributes=True))).to_pylist()
    return found


@given(st.lists(st.tuples(places, st.integers(1, 5).flatmap(arrays.__getitem__), meaning, said), min_size=1, max_size=4), st.booleans())
def test_whatever_is_kept_reads_back(features: list[tuple[Any, Any, Any, Any]], with_space: bool) -> None:
    texts = [feature(*f) for f in features]
    lines = [json.dumps(t).encode() if with_space else json.dumps(t, separators=(",", ":"), ensure_ascii=False).encode() for t in texts]
    read = [unpacked(d) for d in kept(lines)]
    assert [json.loads(text) for text in read] == texts
    if not with_space:
        assert read == lines


def test_a_feature_takes_a_byte_for_an_index_and_is_told_by_its_first_bytes() -> None:
    lines = [orjson.dumps(feature(VERTICES, [SOLID[0]] * 100, [[0, None, 2]])), b"none of it", orjson.dumps(feature(VERTICES, SOLID, [0]))]
    first, other, last = kept(lines)
    assert first.startswith(MAGIC)
    assert last.startswith(MAGIC)
    assert len(first) < 3500 < len(lines[0]) / 2  # 2,000 indices and 600 rings, some of two bytes or three
    assert other == pa.Codec("zstd").compress(lines[1], asbytes=True)
    assert [unpacked(d) for d in (first, other, last)] == lines


@pytest.mark.parametrize(
    "line",
    [
        feature(VERTICES, [SOLID], [0]),  # a composite
        feature(VERTICES, SOLID, [-1]),
        feature([[1, 2], [3, 4, 5, 6]], SOLID, [0]),
        feature([[1, None, 2]], SOLID, [0]),
        feature([[[1, 2, 3]]], SOLID, [0]),
        feature([1, 2, 3], SOLID, [0]),
    ],
)
def test_what_has_no_packed_form_stays_a_zstd_frame(line: dict[str, Any]) -> None:
    text = orjson.dumps(line)
    (document,) = kept([text])
    assert document == compressed([text])[0].as_py()
    assert unpacked(document) == text


NUMBERS = (
    "0.00 00.00 007.50 1.2 9.182000160217283 12345678901234567.25 123456789.1234567 0.1234567890123456 0.12345678901234567 1.2e5 3.14.1"
)


def test_digits_about_a_point_stay_as_they_are_written() -> None:
    """Wherever they stand: taken out is what comes back digit for digit."""
    (document,) = kept([text := orjson.dumps(feature(VERTICES, SOLID, [0], f"{NUMBERS} -{NUMBERS}"))])
    assert document.startswith(MAGIC)
    assert b"9.18" not in document
    assert unpacked(document) == text


@given(st.lists(st.text("0123456789.-e,", max_size=40), max_size=5))
def test_any_digits_and_points_stay_as_they_are_written(said: list[str]) -> None:
    text = orjson.dumps(feature(VERTICES, SOLID, [0], said))
    assert unpacked(kept([text])[0]) == text


def test_minus_nought_is_nought() -> None:
    (document,) = kept([orjson.dumps(feature([[0, 1, 2]], [[0, 1, 1]], [0])).replace(b"[[0,1,2]]", b"[[-0,1,2]]")])
    assert json.loads(unpacked(document)) == feature([[0, 1, 2]], [[0, 1, 1]], [0])


@pytest.mark.parametrize("name", ["cityjson-vienna-seq/vienna.city.jsonl", "cityjson-3dbag-delft/delft.city.jsonl"])
def test_lines_of_real_cities_are_all_packed_and_read_back_to_the_byte(name: str, real_data: Path) -> None:
    lines = [line for line in (real_data / name).read_bytes().split(b"\n")[1:] if line]
    documents = kept(lines)
    assert all(d.startswith(MAGIC) for d in documents)
    assert sum(map(len, documents)) < 0.45 * sum(map(len, lines))
    assert [unpacked(d) for d in documents] == lines


def test_what_ends_too_early_or_goes_on_is_refused() -> None:
    (packed,) = kept([orjson.dumps(feature(VERTICES, SOLID, [[0, None]], [1.25, 9.182000160217283]))])
    for end in range(len(packed)):
        with pytest.raises(ValueError, match=r"."):
            unpacked(packed[:end])
    with pytest.raises(ValueError, match="read back"):
        unpacked(packed + b"\0")
    with pytest.raises(ValueError, match=r"."):
        unpacked(b'{"type":"CityJSONFeature"}')


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_broken_bytes_are_refused_or_are_some_other_text(changes: list[tuple[int, int]]) -> None:
    (packed,) = kept([orjson.dumps(feature(VERTICES, SOLID, [[0, None]], [1.25, 9.182000160217283, "x" * 300]))])
    broken = bytearray(packed)
    for place, byte in changes:
        broken[len(MAGIC) + place % (len(broken) - len(MAGIC))] = byte
    try:
        text = unpacked(bytes(broken))
    except ValueError:
        return
    assert len(text) < 1 << 28


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_some_text(behind: bytes) -> None:
    try:
        assert len(unpacked(MAGIC + behind)) < 1 << 28
    except ValueError:
        return
