"""Representations of many features in version 1: the kernel that unpacks them against the plain codec, and bytes of strangers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_representation import SIZES, any_faces, cube, many_faces
from twin.packed_faces import unpack
from twin.representation import Faces, decode, encode, encode_unpacked
from twin.unpacked_faces import all_unpacked, unpacked


@given(st.lists(any_faces(), max_size=4), st.data())
@settings(max_examples=60)
def test_all_become_version_1(some: list[Faces], data: st.DataObject) -> None:
    stored = [data.draw(st.sampled_from([encode, encode_unpacked]))(faces) for faces in some]
    assert all_unpacked(stored) == [encode_unpacked(faces) for faces in some]


@pytest.mark.parametrize(("count", "extent_m"), SIZES)
def test_wide_bodies_are_unpacked_too(count: int, extent_m: float) -> None:
    body = many_faces(count, extent_m)
    packed = encode(body)
    assert all_unpacked([packed, encode(cube())]) == [encode_unpacked(body), encode_unpacked(cube())]
    assert encode_unpacked(decode(packed)) == encode_unpacked(body)
    assert len(packed) < 0.7 * len(encode_unpacked(body))


def test_what_is_not_packed_is_left_alone() -> None:
    data = np.frombuffer(bytearray(encode_unpacked(cube()) + b"TWR9 something else"), np.uint8)
    offsets = np.array([0, 0, len(data) - 19, len(data)], np.int64)
    assert unpacked(data, offsets) == (data, offsets)


@given(st.data())
@settings(max_examples=400)
def test_damaged_bytes_are_unpacked_as_the_plain_codec_has_them_or_stay_refused(data: st.DataObject) -> None:
    content = bytearray(encode(cube()))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.sampled_from([len(content), len(content), data.draw(st.integers(0, len(content)))]))])
    sound = encode(cube())
    before, found, after = all_unpacked([sound, damaged, sound])
    assert before == after == encode_unpacked(cube())
    try:
        numbers = unpack(damaged)
    except ValueError:
        assert not found.startswith((b"TWR1", b"TWR2"))
        return
    assert found.startswith(b"TWR1")
    assert np.array_equal(np.frombuffer(found, "<i4", 3 * len(numbers.millimetres), 52).reshape(-1, 3), numbers.millimetres)
    columns = (numbers.indices, *numbers.ends, numbers.part, numbers.surface_type)
    rest = b"".join(column.tobytes() for column in columns)
    assert found[52 + 12 * len(numbers.millimetres) :] == rest


@given(st.binary(max_size=120).map(lambda tail: b"TWR3" + tail))
@settings(max_examples=200)
def test_foreign_bytes_do_no_harm(content: bytes) -> None:
    found = all_unpacked([content, content])
    assert found[0] == found[1]
    assert len(found[0]) <= 52 + 11 * len(content)


def test_offsets_need_not_begin_at_nought() -> None:
    """A stretch of a larger array is read where it is."""
    packed = encode(cube())
    data = np.frombuffer(bytearray(packed * 3), np.uint8)
    ends = len(packed) * np.arange(1, 4)
    content, offsets = unpacked(data, ends)
    assert [content[a:b].tobytes() for a, b in pairwise(offsets.tolist())] == [encode_unpacked(cube())] * 2
