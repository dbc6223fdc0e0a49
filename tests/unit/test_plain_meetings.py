"""Pairs of faces that the kernel tells clear of each other are so by the triangles of GEOS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.solids.boundaries import boundaries_of
from ingest.checks.solids.delaunay import make_workroom
from ingest.checks.solids.plain_faces import look_at_faces, make_face_room
from ingest.checks.solids.plain_meetings import leave_clear_out, make_meeting_room
from ingest.checks.solids.planes import planes_of
from ingest.checks.solids.self_crossing import meeting_pairs
from twin.representation import Faces

Floats = npt.NDArray[np.float64]
FOLDS = (0.0, 1e-6, 1e-4, 0.01, 0.3, 1.2, 1.6, 2.5, 3.1, 3.1415, float(np.pi))
"""Angles between two faces, from one plane to back to back."""


def two_faces(one: Floats, other: Floats, common: int) -> Faces:
    """Return two faces of one ring each, of which the second takes its first corners from the first."""
    indices = np.concatenate([np.arange(len(one)), [1, 0][:common], np.arange(len(one) + common, len(one) + len(other))]).astype(np.uint32)
    none = np.empty(0, dtype=np.uint32)
    ends = np.array([len(one), len(one) + len(other)], dtype=np.uint32)
    numbers = np.array([1, 2], dtype=np.uint32)
    return Faces(np.concatenate([one, other]), indices, ends, numbers, np.zeros(2, np.uint8), np.zeros(2, np.uint16), none, none)


def is_told_clear(faces: Faces) -> bool | None:
    """Return what the kernel tells of two faces; None where one is not plainly sound."""
    b = boundaries_of([faces])
    sound, wanted, pairs = np.zeros(2, dtype=bool), np.zeros(2, dtype=bool), np.array([[0, 1]])
    normal, axes, low, high = (np.zeros((2, width)) for width in (3, 6, 3, 3))
    look_at_faces(
        b.xyz, b.corner, b.after, b.ring_start, b.face_start, 2, 0.001, 0.05, 0.98, make_face_room(), sound, wanted, normal, np.zeros(2),
        np.zeros(2), axes, low, high,
    )  # fmt: skip
    if not sound.all():
        return None
    rooms = make_workroom(), make_meeting_room()
    return leave_clear_out(b.xyz, b.corner, b.ring_start, b.face_start, normal, axes, *rooms, pairs, 0, 1) == 0


def meet_by_geos(faces: Faces) -> bool:
    b = boundaries_of([faces])
    planes = planes_of(b, np.ones(2, dtype=bool), 0.05)
    return bool(list(meeting_pairs(b, planes, np.array([0]), np.array([1]))))


def star(radii: list[int], heights_mm: list[int]) -> Floats:
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    around = np.column_stack([np.cos(angle), np.sin(angle)]) * np.array(radii)[:, None]
    return np.column_stack([around, np.resize(heights_mm, len(radii)) / 1000])


def stairs(steps: list[tuple[int, int]]) -> Floats:
    """Right angles in whole metres: corners on circles, in line, and on the edges of the other face are the rule there."""
    corners = [(0, 0)]
    for right, up in steps:
        x, y = corners[-1]
        corners += [(x + right, y), (x + right, y + up)]
    return np.array([(*corner, 0) for corner in (*corners, (0, corners[-1][1]))], dtype=np.float64)


def beside(one: Floats, other: Floats, fold: float, along: float) -> Floats:
    """Return ``other`` with its first edge on that of ``one`` the other way, turned about it by an angle, and moved along it."""
    start, edge = one[1], one[0] - one[1]
    given = other[1] - other[0]
    u, v = edge / np.linalg.norm(edge), given / np.linalg.norm(given)
    frames = []
    for direction in (u, v):
        across = np.cross([0.0, 0.0, 1.0], direction)
        across /= np.linalg.norm(across)
        frames.append(np.stack([direction, across, np.cross(direction, across)]))
    local = (other - other[0]) @ frames[1].T
    local[:, 0] *= np.linalg.norm(edge) / np.linalg.norm(given)
    turn = np.array([[1, 0, 0], [0, np.cos(fold), -np.sin(fold)], [0, np.sin(fold), np.cos(fold)]])
    placed: Floats = start + (local @ turn.T) @ frames[0] + along * u
    return placed


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.integers(2, 9), min_size=3, max_size=12),
    st.lists(st.integers(2, 9), min_size=3, max_size=12),
    st.lists(st.integers(-5, 5), min_size=2, max_size=8),
    st.sampled_from(FOLDS),
    st.sampled_from([0.0, 0.0, 1e-6, 3e-6, 0.001, 0.5, -2.0, 7.0]),
    st.integers(0, 2),
    st.sampled_from([3, 9]),
)
def test_what_is_told_clear_does_not_meet(
    radii: list[int], others: list[int], heights_mm: list[int], fold: float, along: float, common: int, digits: int
) -> None:
    one = star(radii, heights_mm)
    other = beside(one, star(others, heights_mm[::-1]), fold, 0.0 if common == 2 else along)
    faces = two_faces(np.round(one, digits), np.round(other, digits), common)
    if is_told_clear(faces):
        assert not meet_by_geos(faces)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=5),
    st.tuples(st.integers(-6, 12), st.integers(-6, 12), st.integers(0, 2)),
    st.sampled_from([(0, 1, 2), (0, 2, 1), (2, 0, 1)]),
)
def test_right_angles_that_are_told_clear_do_not_meet(
    steps: list[tuple[int, int]], others: list[tuple[int, int]], away: tuple[int, int, int], axes: tuple[int, int, int]
) -> None:
    faces = two_faces(stairs(steps), stairs(others)[:, axes] + away, 0)
    if is_told_clear(faces):
        assert not meet_by_geos(faces)


def test_of_such_pairs_many_meet_and_many_are_told_clear() -> None:
    """So many that kernels fail which tell all of them clear, or none."""
    drawn = np.random.default_rng(4)
    meeting = told = clear = 0
    for _ in range(600):
        one = star(drawn.integers(2, 10, int(drawn.integers(4, 12))).tolist(), drawn.integers(-5, 6, 5).tolist())
        other = star(drawn.integers(2, 10, int(drawn.integers(4, 12))).tolist(), drawn.integers(-5, 6, 5).tolist())
        common = int(drawn.integers(0, 3))
        along = 0.0 if common == 2 else float(drawn.choice([0.0, 0.3, 3.0]))
        faces = two_faces(np.round(one, 3), np.round(beside(one, other, float(drawn.choice(FOLDS)), along), 3), common)
        found = is_told_clear(faces)
        if found is None:
            continue
        meets = meet_by_geos(faces)
        assert not (found and meets)
        meeting, told, clear = meeting + meets, told + found, clear + (not meets)
    assert meeting > 100
    assert told > 100
    assert told > 0.8 * clear


@pytest.mark.parametrize(("lift_m", "is_clear"), [(0.0, None), (0.5e-6, None), (1.5e-6, None), (2.5e-6, True), (0.001, True)])
def test_what_comes_nearer_than_the_margin_is_left(lift_m: float, is_clear: bool | None) -> None:
    """A triangle whose tip stands over the middle of another."""
    one = np.array([(0, 0, 0), (6, 0, 0), (0, 6, 0)], dtype=np.float64)
    other = np.array([(1, 1, lift_m), (2, 1, 3), (1, 2, 3)])
    assert is_told_clear(two_faces(one, other, 0)) is bool(is_clear)
