"""Bodies and rings that kernels tell sound are so when they are looked at exactly."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.body_arrays import laid_out
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.validity import validity_faults
from ingest.compiled_bodies import compiled
from ingest.readers.source import Representation
from twin.representation import Faces

Cell = tuple[int, int, int]
Points = npt.NDArray[np.float64]
_SIDES = [(axis, way) for axis in range(3) for way in (0, 1)]


def is_told_sound(faces: Faces) -> bool:
    """Return whether nothing is left of a body to look at exactly."""
    return not compiled(laid_out([Representation(0, "2", faces, None)])).doubts(Tolerances()).bodies.any()


def body_of(points: Points, rings: list[list[int]], *, is_closed: bool) -> Faces:
    """Return one face for each ring, and a shell of them all where it ``is_closed``."""
    count, u32 = len(rings), np.uint32
    ends = np.cumsum([len(r) for r in rings]).astype(u32), np.arange(1, count + 1, dtype=u32)
    shells = (np.array([count], u32), np.array([1], u32)) if is_closed else (np.empty(0, u32), np.empty(0, u32))
    return Faces(points, np.concatenate(rings).astype(u32), *ends, np.zeros(count, np.uint8), np.zeros(count, np.uint16), *shells)


def blocks(cells: set[Cell], planes_m: Points, moved_m: Points | None = None) -> Faces:
    """Return the surface of cubes side by side: walls in one plane, edges and corners where cubes touch.

    All that is in one plane of the grid is moved by ``planes_m`` (3, 4), so faces stay even, and vertices by ``moved_m`` beside it.
    """
    names: dict[Cell, int] = {}
    rings = []
    for cell, (axis, way) in itertools.product(sorted(cells), _SIDES):
        beyond = tuple(c + (2 * way - 1) * (k == axis) for k, c in enumerate(cell))
        if beyond in cells:
            continue
        u, v = (axis + 1) % 3, (axis + 2) % 3
        around = [(0, 0), (1, 0), (1, 1), (0, 1)][:: 2 * way - 1]
        corners = []
        for p, q in around:
            at = list(cell)
            at[axis], at[u], at[v] = at[axis] + way, at[u] + p, at[v] + q
            corners.append(names.setdefault((at[0], at[1], at[2]), len(names)))
        rings.append(corners)
    grid = np.array(list(names))
    points = grid * 3.0 + planes_m[np.arange(3), grid]
    return body_of(points if moved_m is None else points + np.resize(moved_m, points.shape), rings, is_closed=True)


cells = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=8)
move = st.sampled_from([0.0, 0.0, 0.0, 1e-6, 0.001, -0.004, 0.3, -0.6, 1.4, 2.9, -3.0])


@settings(max_examples=400, deadline=None)
@given(cells, st.lists(move, min_size=12, max_size=12), st.one_of(st.none(), st.lists(move, min_size=3, max_size=50)))
def test_blocks_that_are_told_sound_are_sound(some: set[Cell], planes: list[float], moved: list[float] | None) -> None:
    body = blocks(some, np.reshape(planes, (3, 4)), None if moved is None else np.array(moved))
    if is_told_sound(body):
        assert validity_faults([body]) == []


def test_of_blocks_many_are_told_sound_and_many_are_not() -> None:
    """So many that kernels fail which tell all of them sound, or none."""
    drawn, sound, told = np.random.default_rng(3), 0, 0
    for _ in range(150):
        some = {(int(x), int(y), int(z)) for x, y, z in drawn.integers(0, (3, 3, 2), (int(drawn.integers(1, 7)), 3))}
        body = blocks(some, np.where(drawn.random((3, 4)) < 0.5, drawn.normal(0, 1.5, (3, 4)), 0.0))
        is_sound, is_told = not validity_faults([body]), is_told_sound(body)
        assert is_sound or not is_told
        sound, told = sound + is_sound, told + is_told
    assert 20 < told <= sound < 130


def around(turns: list[int], steps: list[int], off_mm: list[int], lift_mm: list[int]) -> Points:
    """Return a ring that goes around once or more, its corners off it by millimetres."""
    angle = np.cumsum(turns) * 2 * np.pi / max(sum(turns), 1)
    points = np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]) * np.resize(steps, len(turns))[:, None] / 10, axis=0)
    across = np.column_stack([-np.sin(angle), np.cos(angle)]) * np.resize(off_mm, len(turns))[:, None] / 1000
    return np.column_stack([points + across, np.resize(lift_mm, len(turns)) / 1000])


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from([0, 0, 1, 1, 2, 3, 7]), min_size=4, max_size=12),
    st.lists(st.integers(1, 90), min_size=1, max_size=12),
    st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    st.lists(st.integers(-6, 6), min_size=1, max_size=5),
)
def test_rings_that_are_told_sound_are_sound(turns: list[int], steps: list[int], off_mm: list[int], lift_mm: list[int]) -> None:
    ring = around(turns, steps, off_mm, lift_mm)
    face = body_of(ring, [list(range(len(ring)))], is_closed=False)
    if is_told_sound(face):
        assert validity_faults([face]) == []


@pytest.mark.parametrize("off_m", [0.0, 0.001, -0.001])
@pytest.mark.parametrize("lift_m", [0.0, 0.0004])
def test_a_wall_with_corners_within_its_sides_is_told_sound(off_m: float, lift_m: float) -> None:
    wall = np.array([(0, 0, 0), (2, off_m, lift_m), (5, off_m, 0), (9, 0, 0), (9, 3, lift_m), (9, 6, 0), (4, 6 + off_m, 0), (0, 6, 0)])
    assert is_told_sound(body_of(wall, [list(range(8))], is_closed=False))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), move), min_size=4, max_size=4))
def test_quadrilaterals_that_are_told_sound_are_sound(corners: list[tuple[int, int, float]]) -> None:
    face = body_of(np.array(corners, dtype=np.float64), [[0, 1, 2, 3]], is_closed=False)
    if is_told_sound(face):
        assert validity_faults([face]) == []


def comb(teeth: int, extra: int) -> Points:
    """Return a ring of so many teeth a metre wide, and ``extra`` corners along its back."""
    x = np.arange(2 * teeth)
    front = np.column_stack([np.repeat(x, 2)[1:-1], np.resize([5.0, 5.0, 0.0, 0.0], 4 * teeth - 2)])
    back = np.column_stack([np.linspace(x[-1], 0, extra + 2), np.resize([6.0, 6.5], extra + 2)])
    ring = np.concatenate([back, front])
    return np.column_stack([ring, np.zeros(len(ring))])[::-1]


@pytest.mark.parametrize("teeth", [2, 3, 15, 16, 17, 40])
@pytest.mark.parametrize("extra", range(4))
def test_a_comb_is_told_sound_and_none_is_whose_corner_is_on_another_edge(teeth: int, extra: int) -> None:
    """Rings of any number of corners beside eights and words of them."""
    ring = comb(teeth, extra)
    count = len(ring)
    assert is_told_sound(body_of(ring, [list(range(count))], is_closed=False))
    for corner in range(0, count, max(1, count // 12)):
        for other in range(0, count, max(1, count // 12)):
            if other not in ((corner - 2) % count, (corner - 1) % count, corner, (corner + 1) % count):
                moved = ring.copy()
                moved[corner] = (ring[other] + ring[(other + 1) % count]) / 2
                assert not is_told_sound(body_of(moved, [list(range(count))], is_closed=False))


@settings(max_examples=300, deadline=None)
@given(st.integers(2, 24), st.integers(0, 9), st.integers(0, 200), st.integers(-40, 40), st.integers(-70, 70))
def test_combs_with_a_corner_elsewhere_that_are_told_sound_are_sound(teeth: int, extra: int, corner: int, east: int, north: int) -> None:
    ring = comb(teeth, extra)
    ring[corner % len(ring), :2] += [east / 10, north / 10]
    face = body_of(ring, [list(range(len(ring)))], is_closed=False)
    if is_told_sound(face):
        assert validity_faults([face]) == []


@pytest.mark.parametrize("steep", [0.0, 0.7])
def test_a_long_face_that_is_even_by_its_fitted_plane_alone_is_told_sound(steep: float) -> None:
    """So many corners are half a centimetre off that the squares of their distances do not tell it of the plane of the area."""
    x = np.linspace(0, 30, 16)
    points = np.concatenate([np.column_stack([x, 0 * x]), np.column_stack([x[::-1], 0 * x + 4])])
    height = np.resize([0.006, -0.006], 32)
    face = body_of(np.column_stack([points, height + steep * points[:, 0]]), [list(range(32))], is_closed=False)
    assert validity_faults([face]) == []
    assert is_told_sound(face)


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from([0, 0, 1, 1, 2, 3]), min_size=4, max_size=16),
    st.lists(st.integers(5, 90), min_size=1, max_size=12),
    st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    st.lists(st.integers(-16, 16), min_size=1, max_size=16),
)
def test_rings_of_a_fitted_plane_that_are_told_sound_are_sound(
    turns: list[int], steps: list[int], off_mm: list[int], lift_mm: list[int]
) -> None:
    ring = around(turns, steps, off_mm, lift_mm)
    face = body_of(ring, [list(range(len(ring)))], is_closed=False)
    if is_told_sound(face):
        assert validity_faults([face]) == []


def test_a_corner_that_names_no_vertex_is_left_to_the_exact_look() -> None:
    body = blocks({(0, 0, 0)}, np.zeros((3, 4)))
    body.indices[5] = 8
    assert not is_told_sound(body)


NO_POINTS = np.empty((0, 3))
ENDS = {
    "faces without rings or vertices": ({}, [], [0, 0, 0, 0], [4]),
    "rings without corners or vertices": ({}, [0, 0], [1, 2], []),
    "more corners than there are": ({"points": np.eye(3), "indices": [0, 1, 2]}, [400_000_000], [1], []),
    "rings that end before they begin": ({"points": np.eye(3), "indices": [0, 1, 2]}, [3, 0, 3], [3], []),
    "more rings than there are": ({"points": np.eye(3), "indices": [0, 1, 2]}, [3], [400_000_000], []),
    "faces that end before they begin": ({"points": np.eye(3), "indices": [0, 1, 2]}, [3, 3, 3], [3, 1, 3], []),
    "a shell of more faces than there are": ({"points": np.eye(3), "indices": [0, 1, 2]}, [3], [1], [400_000_000]),
    "a shell of nothing": ({}, [], [], [400_000_000]),
    "shells that end before they begin": ({"points": np.eye(3), "indices": [0, 1, 2]}, [3], [1], [1, 0]),
    "corners that are nowhere": ({"points": np.full((4, 3), np.nan), "indices": [0, 1, 2, 3]}, [4], [1], []),
    "corners that are endlessly far": (
        {"points": np.array([[0, 0, 0], [np.inf, 0, 0], [np.inf, 1, 0], [0, 1, 0]]), "indices": [0, 1, 2, 3]},
        [4],
        [1],
        [],
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends_that_no_reader_makes_lead_nowhere(name: str) -> None:
    """Beside them sound bodies are told as ever."""
    corners, rings, faces, shells = ENDS[name]
    u32, count = np.uint32, len(faces)
    bad = Faces(
        np.asarray(corners.get("points", NO_POINTS)), np.array(corners.get("indices", []), u32), np.array(rings, u32), np.array(faces, u32),
        np.zeros(count, np.uint8), np.zeros(count, np.uint16), np.array(shells, u32), np.arange(1, len(shells) + 1, dtype=u32),
    )  # fmt: skip
    block = blocks({(0, 0, 0)}, np.zeros((3, 4)))
    for bodies in ([bad], [bad, block, bad], [block, bad, block]):
        arrays = laid_out([Representation(row, "2", body, None) for row, body in enumerate(bodies)])
        assert compiled(arrays).doubts(Tolerances()).bodies.tolist() == [body is bad for body in bodies]
