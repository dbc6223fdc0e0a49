"""The codec of representations: what goes in comes out within half a millimetre, and nothing malformed comes out at all."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.representation import Faces, SurfaceType, decode, encode, encode_unpacked

_HEAD_BYTES = 4 + 24 + 24


def cube() -> Faces:
    """Return a cube of 10 m as a solid: floor, roof, four walls; the roof has a hole."""
    low = [(0, 0, 0), (10, 0, 0), (10, 10, 0), (0, 10, 0)]
    high = [(x, y, 10) for x, y, _ in low]
    hole = [(4, 4, 10), (4, 6, 10), (6, 6, 10), (6, 4, 10)]
    vertices = np.array([*low, *high, *hole], dtype=np.float64) + np.array([40_400_000.1234, 3_500_000.5678, -12.3])
    rings = [[3, 2, 1, 0], [4, 5, 6, 7], [8, 9, 10, 11], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
    return Faces(
        vertices=vertices,
        indices=np.array([i for ring in rings for i in ring], dtype=np.uint32),
        ring_ends=np.cumsum([len(r) for r in rings]).astype(np.uint32),
        face_ends=np.array([1, 3, 4, 5, 6, 7], dtype=np.uint32),
        surface_type=np.array([3, 1, 2, 2, 2, 2], dtype=np.uint8),
        part=np.array([0, 0, 0, 0, 1, 1], dtype=np.uint16),
        shell_ends=np.array([6], dtype=np.uint32),
        solid_ends=np.array([1], dtype=np.uint32),
    )


@st.composite
def any_faces(draw: st.DrawFn) -> Faces:
    """Draw faces of any shape: vertices anywhere in a city, faces with holes, some of them in solids."""
    count = draw(st.integers(3, 20))
    place = st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(-500, 9000))
    vertices = np.array(draw(st.lists(place, min_size=count, max_size=count))) + np.array([5e5, 3.5e6, 0])
    rings = draw(st.lists(st.lists(st.integers(0, count - 1), min_size=3, max_size=6), min_size=1, max_size=12))
    faces = _ends(draw, len(rings))
    shells = _ends(draw, draw(st.integers(1, len(faces)))) if draw(st.booleans()) else []
    solids = _ends(draw, len(shells)) if shells else []
    kinds, parts = st.integers(0, max(SurfaceType)), st.integers(0, 65535)
    return Faces(
        vertices=vertices,
        indices=np.array([i for ring in rings for i in ring], dtype=np.uint32),
        ring_ends=np.cumsum([len(r) for r in rings]).astype(np.uint32),
        face_ends=np.array(faces, dtype=np.uint32),
        surface_type=np.array([draw(kinds) for _ in faces], dtype=np.uint8),
        part=np.array([draw(parts) for _ in faces], dtype=np.uint16),
        shell_ends=np.array(shells, dtype=np.uint32),
        solid_ends=np.array(solids, dtype=np.uint32),
    )


def _ends(draw: st.DrawFn, total: int) -> list[int]:
    """Draw rising ends of which the last is ``total``."""
    return [*sorted(draw(st.sets(st.integers(1, total - 1)))), total] if total > 1 else [total]


SIZES = ((200, 0.2), (300, 40.0), (300, 9000.0), (70_000, 2e6))


def many_faces(count: int, extent_m: float) -> Faces:
    """Return so many faces over so many vertices within an extent: of `SIZES`, numbers of one to four bytes."""
    rng = np.random.default_rng(5)
    rings = rng.integers(3, 9, count)
    return Faces(
        vertices=rng.random((count, 3)) * extent_m,
        indices=rng.integers(0, count, rings.sum()).astype(np.uint32),
        ring_ends=np.cumsum(rings).astype(np.uint32),
        face_ends=np.arange(1, count + 1, dtype=np.uint32),
        surface_type=rng.integers(0, 15, count).astype(np.uint8),
        part=np.full(count, 300, np.uint16),
        shell_ends=np.array([count // 2], np.uint32),
        solid_ends=np.array([1], np.uint32),
    )


@given(any_faces())
def test_round_trip(faces: Faces) -> None:
    data = encode(faces)
    back = decode(data)
    assert np.abs(back.vertices - faces.vertices).max() <= 0.000_501
    for f in fields(Faces):
        if f.name != "vertices":
            np.testing.assert_array_equal(getattr(back, f.name), getattr(faces, f.name))
    assert encode(back) == data
    before = decode(encode_unpacked(faces))
    assert encode(before) == data
    assert all(np.array_equal(getattr(before, f.name), getattr(back, f.name)) for f in fields(Faces) if f.name != "textures")


def test_packed_layout_is_the_documented_one() -> None:
    """Read the bytes with struct alone, as another program would."""
    data = encode(cube())
    assert struct.unpack_from("<4sI8B", data) == (b"TWR3", 74, 1, 1, 0, 1, 1, 1, 1, 1)
    assert struct.unpack_from("<6B", data, 16) == (12, 28, 7, 6, 1, 1)
    assert data[22:50] == bytes(cube().indices.tolist())
    assert struct.unpack_from("<I", data, 50) == (4,)  # each ring
    assert data[54:62] == bytes([1, 2, 1, 1, 1, 1, 6, 1])  # faces, the shell, the solid
    assert data[62:74] == bytes([0, 0, 0, 0, 1, 1, 3, 1, 2, 2, 2, 2])
    assert struct.unpack_from("<3d3B", data, 74) == (40_400_000, 3_500_000, -13, 2, 2, 2)
    x, y, z = (struct.unpack_from("<12H", data, 101 + 24 * axis) for axis in range(3))
    assert (x[0], y[0], z[0]) == (123, 568, 700)
    assert (x[8], y[8], z[8]) == (4123, 4568, 10_700)
    assert len(data) == 173


@pytest.mark.parametrize("factor", [1.0, 2.0, 100.0, 100_000.0], ids=["byte", "two", "three", "four"])
def test_places_are_as_wide_as_they_have_to_be(factor: float) -> None:
    small = replace(cube(), vertices=(cube().vertices - cube().vertices.min(axis=0)) * 0.02 * factor)
    data = encode(small)
    width = {1.0: 1, 2.0: 2, 100.0: 2, 100_000.0: 4}[factor]
    assert data[98:101] == bytes([width] * 3)
    assert encode_unpacked(decode(data)) == encode_unpacked(small)


def test_nobody_promises_more_than_he_brings() -> None:
    """A few bytes that speak of four thousand million faces are refused before room is asked for."""
    counts = struct.pack("<6I", 3, 3, *[2**32 - 1] * 4)
    widths = bytes([4, 1, 0, 0, 0, 0, 0, 0])
    topology = counts + bytes(3) + struct.pack("<6I", 1, 1, 1, 1, 1, 1)
    data = struct.pack("<4sI", b"TWR3", 16 + len(topology)) + widths + topology + struct.pack("<3d3B", 0, 0, 0, 1, 1, 1) + bytes(9)
    with pytest.raises(ValueError, match="counts"):
        decode(data)


def test_layout_is_the_documented_one() -> None:
    """Read the bytes with struct alone, as another program would."""
    data = encode_unpacked(cube())
    magic, v, i, r, f, s, k, x, y, z = struct.unpack_from("<4s6I3d", data)
    assert (magic, v, i, r, f, s, k) == (b"TWR1", 12, 28, 7, 6, 1, 1)
    assert (x, y, z) == (40_400_000, 3_500_000, -13)
    first = struct.unpack_from("<3i", data, _HEAD_BYTES)
    assert first == (123, 568, 700)
    assert struct.unpack_from("<4I", data, _HEAD_BYTES + 12 * v) == (3, 2, 1, 0)
    assert data[-6:] == bytes([3, 1, 2, 2, 2, 2])
    assert struct.unpack_from("<6H", data, len(data) - 18) == (0, 0, 0, 0, 1, 1)


@given(st.binary(max_size=300) | st.tuples(st.sampled_from([b"TWR1", b"TWR3"]), st.binary(max_size=300)).map(b"".join))
def test_no_foreign_bytes_are_taken(data: bytes) -> None:
    try:
        faces = decode(data)
    except ValueError:
        return
    assert decode(encode(faces)).indices.tolist() == faces.indices.tolist()


@given(st.data(), st.sampled_from([encode, encode_unpacked]))
def test_a_damaged_representation_is_refused_or_sound(data: st.DataObject, written: Callable[[Faces], bytes]) -> None:
    """Whatever byte is changed, nothing comes out whose indices or ends lead outside."""
    content = bytearray(written(cube()))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    try:
        faces = decode(bytes(content))
    except ValueError:
        return
    assert faces.indices.max() < len(faces.vertices)
    assert all(a < b for a, b in pairwise([0, *faces.ring_ends.tolist()]))
    assert faces.ring_ends[-1] == len(faces.indices)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("indices", np.full(28, 12, np.uint32)),
        ("ring_ends", np.array([4, 8, 10, 16, 20, 24, 28], np.uint32)),
        ("ring_ends", np.array([4, 8, 12, 16, 20, 24, 27], np.uint32)),
        ("face_ends", np.array([1, 3, 3, 5, 6, 7], np.uint32)),
        ("shell_ends", np.array([7], np.uint32)),
        ("solid_ends", np.array([], np.uint32)),
        ("surface_type", np.full(6, 15, np.uint8)),
        ("part", np.zeros(5, np.uint16)),
        ("vertices", np.full((12, 3), np.nan)),
        ("vertices", np.linspace(0, 3e6, 36).reshape(12, 3)),
    ],
)
def test_malformed_faces_are_not_encoded(member: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        encode(replace(cube(), **{member: value}))
