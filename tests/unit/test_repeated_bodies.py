"""A body that is the one before once more is told as it would be alone, and one that differs in anything is looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prisms import prism, steps
from solid_files import body_of

from ingest.body_arrays import Doubts, laid_out
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.plain_bodies import doubts_about
from ingest.readers.source import Makeup, Mended, Representation
from twin.representation import Faces

Body = tuple[Faces, Makeup]


def beside(one: Faces, other: Faces) -> Faces:
    """Return a body of the solids of both."""
    joined = {
        name: np.concatenate([getattr(one, name), getattr(other, name) + np.uint32(shift)]).astype(np.uint32)
        for name, shift in (
            ("indices", len(one.vertices)),
            ("ring_ends", len(one.indices)),
            ("face_ends", len(one.ring_ends)),
            ("shell_ends", len(one.face_ends)),
            ("solid_ends", len(one.shell_ends)),
        )
    }
    vertices = np.concatenate([one.vertices, other.vertices])
    types = np.zeros(len(joined["face_ends"]), np.uint8), np.zeros(len(joined["face_ends"]), np.uint16)
    return replace(one, vertices=vertices, surface_type=types[0], part=types[1], **joined)


def lifted(body: Faces, vertex: int, up_m: float) -> Faces:
    vertices = body.vertices.copy()
    vertices[vertex, 2] += up_m
    return replace(body, vertices=vertices)


STAIR = prism(steps(4), 0.0, 5.0)
TWO = beside(STAIR, prism(steps(4) + 100, 0.0, 5.0))
PYRAMID = body_of([[([(0, 0, 0), (4, 0, 0), (0, 4, 0), (0, 0, 4)], [[[0, 2, 1]], [[0, 1, 3]], [[1, 2, 3]], [[2, 0, 3]]])]])
POOL: dict[str, Body] = {
    "sound": (STAIR, Makeup()),
    "sound, no prism": (PYRAMID, Makeup()),
    "two solids apart": (TWO, Makeup()),
    "two of a multi-solid": (TWO, Makeup((0, 0))),
    "two of a composite": (TWO, Makeup((0, 0), frozenset({0}))),
    "a vertex a metre off": (lifted(STAIR, 3, 1.0), Makeup()),
    "a vertex millimetres off": (lifted(STAIR, 3, 0.003), Makeup()),
    "last vertex off": (lifted(STAIR, -1, 0.5), Makeup()),
    "last corner elsewhere": (replace(STAIR, indices=np.append(STAIR.indices[:-1], STAIR.indices[0])), Makeup()),
    "open": (replace(STAIR, shell_ends=STAIR.shell_ends[:0], solid_ends=STAIR.solid_ends[:0]), Makeup()),
    "a shell less": (replace(TWO, shell_ends=TWO.shell_ends[1:], solid_ends=np.array([1], np.uint32)), Makeup()),
    "elsewhere": (replace(STAIR, vertices=STAIR.vertices + 1000.0), Makeup()),
}


def doubts(bodies: list[Body]) -> Doubts:
    arrays = laid_out([Representation(row, "1", faces, None, makeup) for row, (faces, makeup) in enumerate(bodies)])
    return doubts_about(arrays, Tolerances())


ALONE = {name: doubts([body]) for name, body in POOL.items()}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(POOL)), st.integers(1, 3)), min_size=1, max_size=12))
def test_bodies_in_a_row_are_told_as_each_alone(row: list[tuple[str, int]]) -> None:
    names = [name for name, times in row for _ in range(times)]
    together = doubts([POOL[name] for name in names])
    assert together.bodies.tolist() == [bool(ALONE[name].bodies[0]) for name in names]
    assert together.faces.tolist() == [is_doubtful for name in names for is_doubtful in ALONE[name].faces.tolist()]


def test_of_those_in_a_row_some_are_sound_and_some_are_not() -> None:
    sound = {name for name in POOL if not ALONE[name].bodies[0]}
    assert {"sound", "sound, no prism", "two solids apart", "elsewhere"} <= sound
    assert not sound & {"a vertex a metre off", "two of a composite", "last corner elsewhere", "last vertex off"}


@pytest.mark.parametrize("column", ["vertices", "indices", "ring_ends", "face_ends", "shell_ends"])
def test_what_differs_from_the_sound_one_before_by_one_number_is_looked_at(column: str) -> None:
    """By each number at the end of a column, so that everything else is the same."""
    changed = getattr(TWO, column).copy()
    if column == "vertices":
        changed[-1, 2] += 0.5
    elif column == "indices":
        changed[-1] = 0
    else:
        changed[-1 if column == "shell_ends" else -2] -= 1
    other = (replace(TWO, **{column: changed}), Makeup())
    for first in (other, POOL["two solids apart"], POOL["sound"]):
        assert doubts([first, other, POOL["two solids apart"]]).bodies.tolist()[1:] == [True, False]


def test_a_body_whose_rings_were_mended_makes_none_known() -> None:
    """Its shells are not looked at: that of the same faces after it is."""
    is_open = replace(STAIR, face_ends=STAIR.face_ends[:-1], ring_ends=STAIR.ring_ends[:-1])
    size = int(is_open.ring_ends[-1])
    is_open = replace(
        is_open,
        indices=STAIR.indices[:size],
        surface_type=STAIR.surface_type[:-1],
        part=STAIR.part[:-1],
        shell_ends=STAIR.shell_ends - np.uint32(1),
    )
    mended = Makeup(mended=(Mended(101, None),))
    assert doubts([(is_open, mended), (is_open, Makeup())]).bodies.tolist() == [False, True]
