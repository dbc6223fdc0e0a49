"""Edges of more than two faces that a kernel tells are those that the exact look finds, and all that it finds."""

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
from tests.unit.test_plain_bodies import Cell, blocks
from twin.representation import Faces

LEVEL = np.zeros((3, 4))
APART: set[Cell] = {(0, 0, 0), (1, 1, 0)}


def told(*bodies: Faces) -> list[list[SolidFault] | None]:
    """Return for each body the faults that the kernel tells of it, None where it leaves them."""
    doubts = compiled(laid_out([Representation(k, "2", faces, None) for k, faces in enumerate(bodies)])).doubts(Tolerances())
    return [list(doubts.told[k]) if k in doubts.told else None for k in range(len(bodies))]


def test_cubes_along_one_edge_are_told_by_that_edge() -> None:
    body = blocks(APART, LEVEL)
    assert told(body) == [validity_faults([body])]
    assert [(fault.code, fault.place) for fault in validity_faults([body])] == [(303, (3.0, 3.0, 1.5))]


def test_several_such_edges_and_bodies_are_told_in_their_order() -> None:
    cells: set[Cell] = {(0, 0, 0), (1, 1, 0), (2, 2, 0), (2, 0, 0), (0, 0, 1), (1, 1, 1)}
    several, sound, one = bodies = [blocks(cells, LEVEL), blocks({(0, 0, 0)}, LEVEL), blocks(APART, LEVEL)]
    found = told(*bodies)
    assert found[:2] == [validity_faults([several]), None]
    assert validity_faults([sound]) == []
    assert [(f.code, f.place, f.face) for f in found[2] or ()] == [(f.code, f.place, f.face) for f in validity_faults([one])]
    assert len(found[0] or ()) > 3


@pytest.mark.parametrize("step_m", [0.0, 0.0005, 0.001])
def test_where_vertices_can_be_welded_it_is_left(step_m: float) -> None:
    body = blocks(APART, LEVEL)
    body.vertices[-1] = body.vertices[0] + [step_m, 0, 0]
    assert told(body) == [None]


def test_where_some_face_is_doubtful_it_is_left() -> None:
    body = blocks(APART, LEVEL)
    body.vertices[0] -= [0, 0, 2.9]
    assert told(body) == [None]


cells = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), min_size=2, max_size=6)
move = st.sampled_from([0.0, 0.0, 0.0, 1e-6, 0.001, 0.3, 1.4, 2.9, -2.999])


@settings(max_examples=300, deadline=None)
@given(st.lists(cells, min_size=1, max_size=3), st.lists(move, min_size=12, max_size=12))
def test_what_is_told_is_what_the_exact_look_finds(several: list[set[Cell]], planes: list[float]) -> None:
    bodies = [blocks(some, np.reshape(planes, (3, 4))) for some in several]
    for found, body in zip(told(*bodies), bodies, strict=True):
        if found is not None:
            assert [(f.code, f.place, f.face) for f in found] == [(f.code, f.place, f.face) for f in validity_faults([body])]


def test_most_bodies_with_such_edges_are_told() -> None:
    drawn, faulty, known = np.random.default_rng(5), 0, 0
    for _ in range(100):
        some = {(int(x), int(y), int(z)) for x, y, z in drawn.integers(0, (3, 3, 2), (int(drawn.integers(2, 6)), 3))}
        body = blocks(some, np.where(drawn.random((3, 4)) < 0.5, drawn.normal(0, 0.4, (3, 4)), 0.0))
        exact = validity_faults([body])
        faulty += any(f.code == 303 for f in exact)
        known += told(body)[0] is not None
    assert known <= faulty
    assert known > 20
