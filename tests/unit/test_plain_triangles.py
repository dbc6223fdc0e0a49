"""Polygons that the kernel tells flat by their Delaunay triangles are so by those of GEOS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.solids.boundaries import Boundaries, boundaries_of
from ingest.checks.solids.delaunay import make_workroom
from ingest.checks.solids.plain_faces import look_at_faces, make_face_room
from ingest.checks.solids.plain_triangles import leave_flat_out, make_found_room
from ingest.checks.solids.planes import planes_of
from ingest.checks.solids.triangles import triangles_of
from ingest.checks.solids.vectors import cross, dot, length
from twin.representation import Faces

_COSINE = float(np.cos(np.radians(10.0)))
Floats = npt.NDArray[np.float64]


def polygon(*rings: Floats) -> Faces:
    """Return one face: an exterior, and holes turned the other way."""
    points, none = np.concatenate(rings), np.empty(0, dtype=np.uint32)
    ends, faces = np.cumsum([len(r) for r in rings]).astype(np.uint32), np.array([len(rings)], dtype=np.uint32)
    return Faces(points, np.arange(len(points), dtype=np.uint32), ends, faces, np.zeros(1, np.uint8), np.zeros(1, np.uint16), none, none)


def is_told_flat(*rings: Floats) -> bool | None:
    """Return what the kernel tells of one polygon; None where it is not sound for other reasons."""
    b = boundaries_of([polygon(*rings)])
    sound, wanted = np.zeros(1, dtype=bool), np.zeros(1, dtype=bool)
    normal, axes, low, high = (np.zeros((1, width)) for width in (3, 6, 3, 3))
    look_at_faces(
        b.xyz, b.corner, b.after, b.ring_start, b.face_start, 1, 0.001, 10.0, _COSINE, make_face_room(), sound, wanted, normal,
        np.zeros(1), np.zeros(1), axes, low, high,
    )  # fmt: skip
    wanted = np.ones(1, dtype=bool)
    rooms = make_workroom(), make_found_room()
    leave_flat_out(b.xyz, b.corner, b.ring_start, b.face_start, 1, normal, axes, _COSINE, *rooms, wanted)
    return not wanted[0] if sound[0] else None


def is_flat_by_geos(*rings: Floats) -> bool:
    b: Boundaries = boundaries_of([polygon(*rings)])
    planes = planes_of(b, np.ones(1, dtype=bool), 10.0)
    vertices, _ = triangles_of(b, planes, np.zeros(1, dtype=np.int64))
    corners = b.xyz[vertices]
    normal = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return bool((dot(normal, planes.normal[np.zeros(len(normal), int)]) >= _COSINE * length(normal)).all())


def star(radii: list[int], heights_mm: list[int]) -> Floats:
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    around = np.column_stack([np.cos(angle), np.sin(angle)]) * np.array(radii)[:, None]
    return np.column_stack([np.round(around, 3), np.resize(heights_mm, len(radii)) / 1000])


def stairs(steps: list[tuple[int, int]], heights_mm: list[int]) -> Floats:
    """Right angles in whole units of 5 cm: four corners on a circle are the rule there, and some millimetres bend."""
    corners = [(0, 0)]
    for right, up in steps:
        x, y = corners[-1]
        corners += [(x + right, y), (x + right, y + up)]
    plan = np.array([*corners, (0, corners[-1][1])], dtype=np.float64) * 0.05
    return np.column_stack([plan, np.resize(heights_mm, len(plan)) / 1000])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=4, max_size=24), st.lists(st.integers(-200, 200), min_size=4, max_size=24))
def test_what_is_told_flat_is_flat_by_the_triangles_of_geos(radii: list[int], heights_mm: list[int]) -> None:
    points = star(radii, heights_mm)
    if is_told_flat(points):
        assert is_flat_by_geos(points)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=8),
    st.lists(st.integers(-7, 7), min_size=4, max_size=12),
)
def test_stairs_with_corners_on_circles_are_flat_by_the_triangles_of_geos(steps: list[tuple[int, int]], heights_mm: list[int]) -> None:
    points = stairs(steps, heights_mm)
    if is_told_flat(points):
        assert is_flat_by_geos(points)


def test_of_stairs_some_bend_by_the_triangles_of_geos_and_none_of_these_is_told_flat() -> None:
    """So many bend that a kernel fails which tells all of them flat."""
    drawn = np.random.default_rng(6)
    bent = told = 0
    for _ in range(400):
        count = int(drawn.integers(1, 9))
        points = stairs(drawn.integers(1, 10, (count, 2)).tolist(), drawn.integers(-7, 8, int(drawn.integers(4, 13))).tolist())
        is_flat, is_told = is_flat_by_geos(points), is_told_flat(points)
        assert is_flat or not is_told, points.tolist()
        bent, told = bent + (not is_flat), told + (is_told is True)
    assert bent > 40
    assert told > 40


def test_stairs_whose_ears_are_flat_are_left_where_triangles_of_geos_bend() -> None:
    """A kernel that cuts ears and flips nothing tells these flat."""
    points = np.array([(0, 0, -7), (1, 0, 3), (1, 7, -6), (10, 7, -5), (10, 8, -5), (0, 8, -2)]) * [0.05, 0.05, 0.001]
    assert not is_flat_by_geos(points)
    assert is_told_flat(points) is False


@pytest.mark.parametrize("bend_m", [0.0, 0.009])
def test_a_roof_with_a_corner_nearly_on_its_edge_is_told_flat(bend_m: float) -> None:
    """Ears fold at such a corner where Delaunay's triangles do not."""
    points = np.array([(0, 0, 0), (5, 0.02, bend_m), (10, 0, 0), (10, 7, bend_m), (0, 8, 0)], dtype=np.float64)
    assert is_told_flat(points)
    assert is_flat_by_geos(points)


def test_a_polygon_that_bends_is_left() -> None:
    points = np.array([(0, 0, 0), (4, 0, 0), (4, 4, 3), (0, 4, 0)], dtype=np.float64)
    assert is_told_flat(points) is False


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(8, 20), min_size=5, max_size=16),
    st.lists(st.tuples(st.integers(-2, 1), st.integers(-2, 1), st.integers(2, 9)), min_size=1, max_size=5, unique_by=lambda h: h[:2]),
    st.lists(st.integers(-40, 40), min_size=4, max_size=12),
)
def test_holes_are_flat_by_the_triangles_of_geos(radii: list[int], holes: list[tuple[int, int, int]], heights_mm: list[int]) -> None:
    rings = [star(radii, heights_mm)]
    for x, y, size in holes:
        low_x, low_y, wide = 1.7 * x + 0.013 * size, 1.7 * y + 0.029 * y, size / 7
        square = np.array([(low_x, low_y), (low_x, low_y + wide), (low_x + wide, low_y + wide * 1.05), (low_x + wide, low_y)])
        rings.append(np.column_stack([square, np.resize(heights_mm[::-1], 4) / 1000]))
    if is_told_flat(*rings):
        assert is_flat_by_geos(*rings)


def test_a_roof_with_two_courtyards_is_told_flat() -> None:
    outline = star([10, 11, 12, 10, 9, 11], [0, 4, -3, 5])
    yards = [np.array([(x, 0, 0.002), (x, 2, 0), (x + 2.5, 2.1, 0.004), (x + 2, 0, 0)]) for x in (-3.0, 1.0)]
    assert is_told_flat(outline, *yards)
    assert is_flat_by_geos(outline, *yards)


def test_a_roof_of_which_two_yards_are_reached_from_one_corner_is_told_flat() -> None:
    """A corner with two bridges is passed three times; from the wrong one the second bridge would cross the first yard."""
    outline = np.array([(-40.0, 13.6), (-32.4, 1), (-32.5, 0.9), (-32.3, 0.8), (-20.3, 7.7), (-27, 18.7), (-28.3, 20.7), (-33.8, 17.4)])
    yards = [
        np.array([(-28.9, 9.4), (-32.4, 15.1), (-30.6, 16.2), (-26.9, 10.3)]),
        np.array([(-36.3, 12.9), (-34.2, 13.7), (-29.1, 4.9), (-30.8, 3.8)]),
    ]
    rings = [np.column_stack([ring, np.resize([0, 0.002, -0.003], len(ring))]) for ring in (outline, *yards)]
    assert is_told_flat(*rings)
    assert is_flat_by_geos(*rings)


@pytest.mark.parametrize("corners", [4, 6, 8])
def test_a_roof_with_its_corners_on_a_circle_is_told_flat_whatever_triangles_it_has(corners: int) -> None:
    turned = np.linspace(0, 2 * np.pi, corners, endpoint=False) + 0.1
    outline = np.column_stack([5 * np.cos(turned), 5 * np.sin(turned), np.resize([0, 0.004, -0.003], corners)])
    assert is_told_flat(outline)
    assert is_flat_by_geos(outline)


def test_a_polygon_with_more_holes_than_are_worth_a_kernel_is_left() -> None:
    """What bridges and ears cost grows with the cube of the corners."""
    off = np.random.default_rng(0).uniform(-0.15, 0.15, (40, 3, 3)) * [1, 1, 0]
    places = [(x, y) for x in np.arange(-4.0, 4.0) for y in np.arange(-2.0, 3.0)]
    yards = [np.array([(x, y, 0), (x, y + 0.5, 0), (x + 0.5, y, 0)]) + o for (x, y), o in zip(places, off, strict=True)]
    outline = np.array([(-9, -9, 0), (9, -9, 0), (9, 9, 0.01), (-9, 9, 0)], dtype=np.float64)
    assert is_told_flat(outline, *yards) is False
