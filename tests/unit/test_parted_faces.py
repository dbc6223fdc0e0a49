"""Two faces that a kernel tells apart on the line in both their planes do not meet when they are compared triangle by triangle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.solids.boundaries import Boundaries, boundaries_of
from ingest.checks.solids.plain_faces import look_at_faces, make_face_room
from ingest.checks.solids.plain_pairs import MOST_STRETCHES, PairRoom, parted_otherwise
from ingest.checks.solids.plain_sides import side_of
from ingest.checks.solids.planes import planes_of
from ingest.checks.solids.self_crossing import meeting_pairs
from ingest.checks.solids.surfaces import Surfaces
from twin.representation import Faces

Points = npt.NDArray[np.float64]
ONE, OTHER = np.array([0]), np.array([1])


def polygon(random: np.random.Generator, unevenness_m: float) -> Points:
    """Return a star-shaped polygon with notches around the origin, in some plane but for its unevenness."""
    count = int(random.integers(4, 14))
    angle, radius_m = np.sort(random.random(count)) * 2 * np.pi, random.uniform(1, 6, count)
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    flat = np.stack([radius_m * np.cos(angle), radius_m * np.sin(angle), random.normal(0, unevenness_m, count)], axis=1)
    points: Points = np.round(flat @ axes.T, 3)
    return points


def two_faces(seed: int) -> Faces:
    """Return two polygons near each other, or with a vertex in common."""
    random = np.random.default_rng(seed)
    unevenness_m = random.choice([0, 0.0003, 0.001, 0.003])
    one, other = polygon(random, unevenness_m), polygon(random, unevenness_m)
    count = len(one)
    corners = np.arange(count + len(other))
    if random.random() < 0.5:
        mine, theirs = int(random.integers(count)), int(random.integers(len(other)))
        other = np.round(other + one[mine] - other[theirs], 3)
        corners[count + theirs] = mine
    else:
        other = np.round(other + random.normal(0, 3, 3), 3)
    return faces_of(np.concatenate([one, other]), corners, count)


def faces_of(vertices: Points, corners: npt.NDArray[np.int64], first: int) -> Faces:
    """Return two loose faces, the first of so many corners."""
    ends, none = np.array([first, len(corners)], dtype=np.uint32), np.empty(0, dtype=np.uint32)
    whole = np.array([1, 2], dtype=np.uint32)
    return Faces(vertices, corners.astype(np.uint32), ends, whole, np.zeros(2, np.uint8), np.zeros(2, np.uint16), none, none)


def parted_both_ways(b: Boundaries) -> tuple[bool, bool] | None:
    """Return whether the kernels tell the faces apart, either first; None where one is not sound by itself."""
    sound, to_triangulate, offset, deviation_m = np.zeros(2, dtype=bool), np.zeros(2, dtype=bool), np.zeros(2), np.zeros(2)
    normal, axes, low, high = (np.zeros((2, width)) for width in (3, 6, 3, 3))
    planes = (normal, offset, deviation_m, axes, low, high)
    least_cosine = float(np.cos(np.radians(10)))
    rings = (b.xyz, b.corner, b.after, b.ring_start, b.face_start)
    look_at_faces(*rings, 2, 0.001, 0.01, least_cosine, make_face_room(), sound, to_triangulate, *planes)
    if not sound.all():
        return None
    elsewhere = np.full(len(b.corner), len(b.corner))
    face_of_corner = np.append(b.face_of_corner, 2)  # beyond every edge is a third face
    starts = (b.ring_start, b.face_start, b.first_corner())
    surfaces = Surfaces(b.xyz, b.corner, b.after, b.before, *starts, face_of_corner, *planes, elsewhere)
    count, stretches = len(b.corner), np.empty((2, MOST_STRETCHES, 2))
    room = PairRoom(np.empty(count, np.int8), np.empty(count), np.empty(2 * MOST_STRETCHES), stretches[0], stretches[1])
    to_one, to_other = side_of_plane(b, surfaces, 0, 1, room), side_of_plane(b, surfaces, 1, 0, room)
    return parted_otherwise(surfaces, 0, 1, to_one, to_other, room), parted_otherwise(surfaces, 1, 0, to_other, to_one, room)


def side_of_plane(b: Boundaries, s: Surfaces, face: int, other: int, room: PairRoom) -> int:
    """Return what ``other`` is to the plane of ``face``."""
    begin, stop = s.face_start[other], s.face_start[other + 1]
    planes = (s.normal, s.offset, s.deviation_m)
    return side_of(
        b.points(), begin, stop, 0, *planes, s.corner, s.after, s.before, s.face_start, s.twin, s.face_of_corner, face, room.level
    )


@given(st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4, unique=True))
@settings(max_examples=30, deadline=None)
def test_parted_faces_do_not_meet(seeds: list[int]) -> None:
    for b in (boundaries_of([two_faces(seed)]) for seed in seeds):
        parted = parted_both_ways(b)
        if parted is not None and any(parted):
            assert not list(meeting_pairs(b, planes_of(b, np.ones(2, dtype=bool), 0.01), ONE, OTHER))


def test_uneven_faces_that_meet_at_a_common_vertex_are_not_parted() -> None:
    """One is bent by 0.6 mm and the other by 2 mm: their triangles cross beside the vertex, though one is beyond the other's plane."""
    one = [(0, 0, 0), (0.437, -0.032, -0.412), (-0.488, 0.255, 1.334), (-0.484, 0.252, 1.32), (-0.172, 0.087, 0.455)]
    other = [(-1.441, 1.859, 1.233), (-1.566, 0.88, 1.268), (0.625, 0.469, 1.337), (-0.409, 1.3, 1.28), (0.099, 1.895, 1.268)]
    other.append((-0.771, 2.822, 1.215))
    b = boundaries_of([faces_of(np.array([*one, *other]), np.array([0, 1, 2, 3, 4, 5, 6, 3, 7, 8, 9, 10]), len(one))])
    assert list(meeting_pairs(b, planes_of(b, np.ones(2, dtype=bool), 0.01), ONE, OTHER))
    assert parted_both_ways(b) == (False, False)


def test_beyond_the_edges_of_loose_faces_is_neither() -> None:
    """Without a face beyond them, all edges of one were taken for edges of the other, and these faces for parted."""
    assert not any(parted_both_ways(boundaries_of([two_faces(7_006_147)])) or ())


def test_faces_that_take_turns_on_their_line_are_parted() -> None:
    """A comb and a wall that passes between its teeth: no plane of either parts them, and neither reaches around the other."""
    comb = [(0, 0, 0), (9, 0, 0), (9, 5, 0), (6, 5, 0), (6, 1, 0), (3, 1, 0), (3, 5, 0), (0, 5, 0)]
    wall = [(4, 3, -2), (5, 3, -2), (5, 3, 2), (4, 3, 2)]
    for moved, expected in ((0.0, True), (3.0, False)):
        vertices = np.array([*comb, *((x + moved, y, z) for x, y, z in wall)], dtype=np.float64)
        faces = faces_of(vertices, np.arange(12), len(comb))
        assert parted_both_ways(boundaries_of([faces])) == (expected, expected)
