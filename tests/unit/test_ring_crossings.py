"""Faces of several rings of very many corners: one pair of edges that cross is seen in whichever ring and wherever it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ingest.body_arrays import laid_out
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.validity import validity_faults
from ingest.compiled_bodies import compiled
from ingest.readers.source import Representation
from twin.representation import Faces

Points = npt.NDArray[np.float64]


def is_told_sound(face: Faces) -> bool:
    """Return whether nothing is left of a face to look at exactly."""
    return not compiled(laid_out([Representation(0, "2", face, None)])).doubts(Tolerances()).bodies.any()


def strip(columns: int, low: float, crossings: tuple[int, ...] = ()) -> Points:
    """Return a ring along a strip a metre high, from west to east and back, each side a little uneven.

    Behind each of the columns ``crossings`` its sides change places: there one pair of its edges crosses, and no other.
    """
    x = np.arange(columns, dtype=np.float64)
    sides = np.stack([np.column_stack([x, low + 0.1 * (x % 2)]), np.column_stack([x, low + 1 + 0.1 * (x % 3)])])
    turned = sum((x > k).astype(int) for k in crossings) % 2 if crossings else np.zeros(columns, dtype=int)
    there, back = sides[turned, np.arange(columns)], sides[1 - turned, np.arange(columns)]
    return np.concatenate([there, back[::-1]])


def face(columns: list[int], crossings: dict[int, tuple[int, ...]]) -> Faces:
    """Return a face whose ring number 0 is a strip below of so many columns and whose holes are the others.

    The first one's second side is moved up so that all others are within.
    """
    rings = [strip(n, 2.0 * number, crossings.get(number, ())) for number, n in enumerate(columns)]
    if len(columns) > 1:
        most = max(columns) + 1.0
        outline = np.array([(-1.0, 1.5), (most, 1.5), (most, 2.0 * len(columns)), (-1.0, 2.0 * len(columns))])
        rings[0] = np.concatenate([outline[:1], strip(columns[0], -5.0, crossings.get(0, ()))[: columns[0]], outline[1:]])
    rings = [rings[0], *(ring[::-1] for ring in rings[1:])]
    points, u32 = np.concatenate(rings), np.uint32
    ends = np.cumsum([len(ring) for ring in rings]).astype(u32)
    none, types = np.empty(0, u32), (np.zeros(1, np.uint8), np.zeros(1, np.uint16))
    xyz = np.column_stack([points, np.zeros(len(points))])
    return Faces(xyz, np.arange(len(points), dtype=u32), ends, np.array([len(rings)], u32), *types, none, none)


COLUMNS = [[4, 4], [30, 33, 5], [65, 2, 64, 63], [7, 130, 260], [4, 350, 3, 17, 40]]


@pytest.mark.parametrize("columns", [[4], [33], [64], [129], [450], *COLUMNS])
def test_rings_that_nowhere_cross_are_told_sound(columns: list[int]) -> None:
    sound = face(columns, {})
    assert is_told_sound(sound)
    assert validity_faults([sound]) == []


@pytest.mark.parametrize("columns", [3, 4, 8, 9, 31, 32, 33, 63, 64, 65, 100, 257, 490])
def test_one_crossing_is_seen_wherever_it_is_in_a_ring(columns: int) -> None:
    for k in sorted({*range(0, columns - 1, max(1, columns // 40)), columns - 2}):
        crossed = face([columns], {0: (k,)})
        assert not is_told_sound(crossed)
    assert [fault.code for fault in validity_faults([crossed])] == [104]


@pytest.mark.parametrize("columns", COLUMNS)
def test_one_crossing_is_seen_in_whichever_hole(columns: list[int]) -> None:
    for number in range(1, len(columns)):
        n = columns[number]
        for k in sorted({*range(0, n - 1, max(1, n // 12)), n - 2}):
            crossed = face(columns, {number: (k,)})
            assert not is_told_sound(crossed)
        assert 104 in {fault.code for fault in validity_faults([crossed])}


def test_several_crossings_in_several_rings_are_seen() -> None:
    drawn = np.random.default_rng(5)
    for columns in COLUMNS:
        for _ in range(15):
            drawn_in = [n for n in range(1, len(columns)) if drawn.random() < 0.7]
            some = {n: tuple(sorted(set(drawn.integers(0, columns[n] - 1, 3).tolist()))) for n in drawn_in}
            crossed = face(columns, some)
            assert is_told_sound(crossed) == (not some)
            assert bool(validity_faults([crossed])) == bool(some)
