"""What a kernel tells of faulty faces is what the exact look finds in them; holes that touch their outline in a corner are no doubt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.body_arrays import laid_out
from ingest.checks.solids.fault import SolidFault, Tolerances
from ingest.checks.solids.validity import validity_faults
from ingest.compiled_bodies import compiled
from ingest.readers.source import Representation
from twin.representation import Faces

Ring = list[tuple[float, float]]
OUTLINE: Ring = [(0.0, 0.0), (9.0, 0.0), (9.0, 7.0), (4.0, 8.0), (0.0, 7.0)]


def loose(*polygons: list[Ring], tilt: float = 0.0, bend_m: float = 0.0) -> Faces:
    """Return faces that bound nothing, side by side; corners at one place are one vertex."""
    names: dict[tuple[float, float, int], int] = {}
    indices, ring_ends, face_ends = [], [], []
    for number, rings in enumerate(polygons):
        for ring in rings:
            indices += [names.setdefault((x, y, number), len(names)) for x, y in ring]
            ring_ends.append(len(indices))
        face_ends.append(len(ring_ends))
    points = np.array([(x + 20 * n, y, tilt * x + bend_m * (x * y % 3)) for x, y, n in names])
    u32, count, none = np.uint32, len(face_ends), np.empty(0, dtype=np.uint32)
    ends = np.array(indices, u32), np.array(ring_ends, u32), np.array(face_ends, u32)
    return Faces(points, *ends, np.zeros(count, np.uint8), np.zeros(count, np.uint16), none, none)


def told(faces: Faces) -> list[SolidFault] | None:
    """Return the faults that the kernel tells of all faces, None where it leaves any."""
    arrays = compiled(laid_out([Representation(0, "2", faces, None)]))
    doubts = arrays.doubts(Tolerances())
    return list(doubts.told.get(0, ())) or None if doubts.faces.any() else []


coordinate = st.integers(0, 8).map(float)
near = st.sampled_from([0.0, 4e-7, 1e-6, 3e-6, 0.0005, 0.001, 0.0010005, 0.004])
corners = st.tuples(coordinate, coordinate, near).map(lambda c: (c[0] + c[2], c[1]))
rings = st.lists(corners, min_size=3, max_size=9)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.lists(rings, min_size=1, max_size=2), min_size=1, max_size=3), st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.001])
)
def test_what_is_told_of_faces_is_what_the_exact_look_finds(polygons: list[list[Ring]], tilt: float, bend_m: float) -> None:
    faces = loose(*polygons, tilt=tilt, bend_m=bend_m)
    found = told(faces)
    if found is not None:
        assert found == validity_faults([faces])


def test_most_rings_that_meet_themselves_are_told() -> None:
    drawn, faulty, known = np.random.default_rng(2), 0, 0
    for _ in range(200):
        faces = loose([[(float(x), float(y)) for x, y in drawn.integers(0, 9, (int(drawn.integers(4, 9)), 2))]])
        exact = validity_faults([faces])
        found = told(faces)
        assert found is None or found == exact
        faulty += [f.code for f in exact] in ([102], [104])
        known += bool(found)
    assert faulty > 100
    assert known > 0.8 * faulty


@pytest.mark.parametrize("hole", [[(0, 0), (2, 5), (4, 2)], [(4, 8), (5, 5), (3, 5)], [(0, 7), (3, 6), (1, 3)]])
@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_a_hole_that_touches_its_outline_in_one_corner_is_no_doubt(hole: Ring, tilt: float) -> None:
    faces = loose([OUTLINE, [(float(x), float(y)) for x, y in hole]], tilt=tilt)
    assert told(faces) == []
    assert validity_faults([faces]) == []


@pytest.mark.parametrize(
    "hole",
    [
        [(0, 0), (4, 2), (2, 5)],  # turned as the outline is
        [(0, 0), (0, 7), (4, 4)],  # touches twice, along an edge
        [(0, 0), (4, 8), (5, 3)],  # touches twice: two pieces
        [(0, 0), (3, 4), (12, 3)],  # leaves
        [(0, 0), (-3, -4), (-1, -5)],  # outside
        [(0, 0), (4, 0.02), (8, 0.01)],  # along the edge, nearly
    ],
)
def test_other_holes_that_touch_are_left_to_the_exact_look(hole: Ring) -> None:
    assert told(loose([OUTLINE, [(float(x), float(y)) for x, y in hole]])) != []


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(OUTLINE), st.lists(st.tuples(st.integers(-3, 11), st.integers(-3, 10)), min_size=2, max_size=4), near)
def test_holes_that_are_told_sound_are_sound(at: tuple[float, float], others: list[tuple[int, int]], move_m: float) -> None:
    faces = loose([OUTLINE, [(at[0] + move_m, at[1]), *((float(x), float(y)) for x, y in others)]])
    if told(faces) == []:
        assert validity_faults([faces]) == []
