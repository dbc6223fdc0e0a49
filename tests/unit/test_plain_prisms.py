"""Prisms that are told by their ring alone are sound when they are looked at exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prisms import Points, prism, steps

from ingest.body_arrays import laid_out
from ingest.checks.solids.plain_faces import make_face_room
from ingest.checks.solids.plain_prisms import is_plain_prism
from ingest.checks.solids.surfaces import lay_out, make_surfaces
from ingest.checks.solids.validity import validity_faults
from ingest.readers.source import Representation
from twin.representation import Faces


def turned_inwards(body: Faces) -> Faces:
    """Return the body with all rings the other way around, and faces in the other order."""
    sizes = np.diff(body.ring_ends, prepend=0)[::-1]
    return replace(body, indices=body.indices[::-1].copy(), ring_ends=np.cumsum(sizes).astype(np.uint32))


def is_told(body: Faces) -> bool:
    """Return whether a body is told to be a sound prism."""
    b = laid_out([Representation(0, "1.2", body, None)])
    s = make_surfaces(*np.diff(b.start, axis=0)[0, :4].tolist())
    assert lay_out(s, b.start, 0, b.vertices, b.indices, b.ring_ends, b.face_ends)
    room, least_cosine = make_face_room(), float(np.cos(np.radians(10)))
    place, used = np.empty(len(b.vertices), dtype=np.int64), np.empty(len(b.indices), dtype=bool)
    return bool(is_plain_prism(s, len(b.face_ends), 0.001, 0.01, least_cosine, room.at, room.box, room.around, place, used))


def star(radii: list[float]) -> Points:
    """Return a ring that is seen whole from its middle, counterclockwise."""
    angle = np.arange(len(radii)) * 2 * np.pi / len(radii)
    return np.column_stack([np.cos(angle) * radii, np.sin(angle) * radii])


RADII = st.lists(st.sampled_from([2.0, 3.0, 5.0, 5.001, 8.0, 20.0]), min_size=3, max_size=40)


@pytest.mark.parametrize("ring", [star([4.0] * n) for n in (3, 4, 5, 60, 70, 500)] + [steps(n) for n in (2, 7, 30, 33, 100)])
def test_prisms_are_told_wherever_their_faces_begin(ring: Points) -> None:
    for turn, order in ((0, 0), (1, 2), (3, 1)):
        body = prism(ring + 1000, 3.0, 9.0, turn=turn, order=order)
        assert is_told(body)
        assert not is_told(turned_inwards(body))
    assert validity_faults([body]) == []


@given(RADII, st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0005, 0.0011, 0.02, 3.0, 400.0]))
@settings(max_examples=200, deadline=None)
def test_what_is_told_of_a_star_is_so(radii: list[float], turn: int, order: int, height: float) -> None:
    body = prism(star(radii), 1.0, 1.0 + height, turn=turn, order=order)
    if is_told(body):
        assert validity_faults([body]) == []


NEAR = st.sampled_from([0.0, 1e-7, 1e-6, 3e-6, 1.1e-5, 1.3e-5, 1e-4, 0.0011, 0.3, 1.0, -1e-6, -1.3e-5, -0.002, -0.7])


@given(st.integers(2, 9), st.integers(0, 99), st.integers(0, 99), NEAR, NEAR, st.sampled_from([0.01, 2.0, 300.0]))
@settings(max_examples=600, deadline=None)
def test_what_is_told_of_a_stair_with_a_corner_near_another_edge_is_so(
    count: int, corner: int, other: int, along: float, beside: float, height: float
) -> None:
    ring = steps(count)
    start, end = ring[other % len(ring)], ring[(other + 1) % len(ring)]
    edge = (end - start) / np.linalg.norm(end - start)
    moved = ring.copy()
    moved[corner % len(ring)] = start + along * edge + beside * np.array([-edge[1], edge[0]])
    body = prism(moved, 0.0, height)
    if is_told(body):
        assert validity_faults([body]) == []


@given(st.integers(0, 99), st.sampled_from([0, 1, 2]), st.sampled_from([1e-9, 1e-6, 0.001, 0.5, -2.0]))
@settings(max_examples=60, deadline=None)
def test_a_prism_with_a_corner_elsewhere_is_none(corner: int, axis: int, by: float) -> None:
    body = prism(steps(4), 0.0, 5.0)
    vertices = body.vertices.copy()
    vertices[corner % len(vertices), axis] += by
    assert not is_told(replace(body, vertices=vertices))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=2))
@settings(max_examples=150, deadline=None)
def test_faces_that_name_other_corners_are_told_only_where_they_are_sound(changes: list[tuple[int, int]]) -> None:
    body = prism(steps(3), 0.0, 5.0, turn=1)
    indices = body.indices.copy()
    for k, vertex in changes:
        indices[k % len(indices)] = vertex % len(body.vertices)
    changed = replace(body, indices=indices)
    assert is_told(changed) == (indices == body.indices).all() or validity_faults([changed]) == []
