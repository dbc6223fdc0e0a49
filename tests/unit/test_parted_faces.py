"""Two faces that a kernel tells apart on the line in both their planes do not meet when they are compared triangle by triangle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.checks.solids.boundaries import Boundaries, boundaries_of
from ingest.checks.solids.plain_faces import look_at_faces
from ingest.checks.solids.plain_pairs import parted_otherwise
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
    look_at_faces(b.xyz, b.corner, b.after, b.ring_start, b.face_start, 0.001, 0.01, least_cosine, sound, to_triangulate, *planes)
    if not sound.all():
        return None
    no_twins = np.full(len(b.corner), -1)
    surfaces = Surfaces(b.xyz, b.corner, b.after, b.before, b.first_corner(), b.face_of_corner, *planes, no_twins)
    return parted_otherwise(surfaces, 0, 1), parted_otherwise(surfaces, 1, 0)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4, unique=True))
@settings(max_examples=30, deadline=None)
def test_parted_faces_do_not_meet(seeds: list[int]) -> None:
    for b in (boundaries_of([two_faces(seed)]) for seed in seeds):
        parted = parted_both_ways(b)
        if parted is not None and any(parted):
            assert not list(meeting_pairs(b, planes_of(b, np.ones(2, dtype=bool), 0.01), ONE, OTHER))


def test_faces_that_take_turns_on_their_line_are_parted() -> None:
    """A comb and a wall that passes between its teeth: no plane of either parts them, and neither reaches around the other."""
    comb = [(0, 0, 0), (9, 0, 0), (9, 5, 0), (6, 5, 0), (6, 1, 0), (3, 1, 0), (3, 5, 0), (0, 5, 0)]
    wall = [(4, 3, -2), (5, 3, -2), (5, 3, 2), (4, 3, 2)]
    for moved, expected in ((0.0, True), (3.0, False)):
        vertices = np.array([*comb, *((x + moved, y, z) for x, y, z in wall)], dtype=np.float64)
        faces = faces_of(vertices, np.arange(12), len(comb))
        assert parted_both_ways(boundaries_of([faces])) == (expected, expected)
