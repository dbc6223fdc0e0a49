"""What compiled kernels make of bodies is what is made of them one at a time: the same bytes, the same findings."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from solid_files import Points, Polygon, body_of

from ingest.body_arrays import laid_out
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.findings import look_at_solids, solid_findings
from ingest.checks.solids.looks import LooksOfFile
from ingest.compiled_bodies import compiled
from ingest.readers.source import Makeup, Mended, Representation
from tests.unit.test_representation import SIZES, any_faces, cube, many_faces
from twin.featuretypes.loader import load_feature_types
from twin.model import Finding
from twin.representation import Faces, encode

BUILDING = load_feature_types()["building"]
MOVES_M = (0.0, 1e-4, 0.0005, 0.001, 0.004, 0.012, 0.3, 1.0, 2.0, 6.0)
"""Below, at and above every tolerance, and from one corner of a body to the next."""


def prism(
    outline: list[tuple[float, float]], *holes: list[tuple[float, float]], base_m: float = 0.0, top_m: float = 3.0
) -> tuple[Points, list[Polygon]]:
    """Return vertices and faces of an upright prism; outline counterclockwise, holes clockwise."""
    rings = [outline, *holes]
    count = sum(map(len, rings))
    points = [(x, y, z) for z in (base_m, top_m) for ring in rings for x, y in ring]
    starts = np.cumsum([0, *map(len, rings)]).tolist()
    numbers = [list(range(a, b)) for a, b in itertools.pairwise(starts)]
    walls = [[[a, b, b + count, a + count]] for ring in numbers for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)]
    return points, [[ring[::-1] for ring in numbers], [[v + count for v in ring] for ring in numbers], *walls]


BOX = [(0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (0.0, 4.0)]
ELL = [(0.0, 0.0), (6.0, 0.0), (6.0, 2.0), (2.0, 2.0), (2.0, 5.0), (0.0, 5.0)]
YARD = [(1.0, 1.0), (1.0, 3.0), (3.0, 3.0), (3.0, 1.0)]
CROSS = [
    (1.0, 0.0),
    (2.0, 0.0),
    (2.0, 1.0),
    (3.0, 1.0),
    (3.0, 2.0),
    (2.0, 2.0),
    (2.0, 3.0),
    (1.0, 3.0),
    (1.0, 2.0),
    (0.0, 2.0),
    (0.0, 1.0),
    (1.0, 1.0),
]
GABLE: tuple[Points, list[Polygon]] = (
    [(0, 0, 0), (6, 0, 0), (6, 4, 0), (0, 4, 0), (0, 0, 3), (6, 0, 3), (6, 4, 3), (0, 4, 3), (0, 2, 5), (6, 2, 5)],
    [[[0, 3, 2, 1]], [[0, 1, 5, 4]], [[2, 3, 7, 6]], [[1, 2, 6, 9, 5]], [[3, 0, 4, 8, 7]], [[4, 5, 9, 8]], [[6, 7, 8, 9]]],
)
TEETH = [(float(2 * k + x), y) for k in range(4, -1, -1) for x, y in ((1, 3.0), (0, 3.0), (-0.5, 1.0))]
COMB = [(0.0, 0.0), (9.0, 0.0), *TEETH[:-1]]
"""So many corners that edges are swept."""
SLAT = [(0.0, 0.0), (6.0, 0.0), (6.0, 0.006), (0.0, 0.006)]
OFFSET = [(0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (3.0, 4.0), (3.0, 4.008), (0.0, 4.008)]
"""With faces so thin that their planes are fitted."""
SHAPES = (prism(BOX), prism(ELL), prism(BOX, YARD), prism(CROSS), prism(COMB), prism(SLAT), prism(OFFSET), GABLE)
CORNER = [(0.0, 0.0), (1.0, 3.0), (2.0, 1.0)]
"""A hole that touches the outline in a corner: the faces are sound, and the upright edge there is one of four of them."""


@st.composite
def bodies(draw: st.DrawFn) -> Faces:
    """A body, or one with parts of its kind, somewhat moved, turned, torn, doubled or pierced."""
    points, faces = draw(st.sampled_from((*SHAPES, prism(BOX, CORNER))))
    solids = [[(points, faces)]]
    if draw(st.booleans()):
        away = draw(st.sampled_from([3.0, 5.0, 6.0, 6.0000005, 7.0]))
        solids.append([([(x + away, y, z) for x, y, z in points], faces)])
    changed = [[(p, change(draw, f)) for p, f in solid] for solid in solids]
    body = body_of(changed, closed=draw(st.integers(0, 9)) > 0)
    vertices = body.vertices.copy()
    for _ in range(draw(st.integers(0, 3))):
        vertex, axis = draw(st.integers(0, len(vertices) - 1)), draw(st.integers(0, 2))
        vertices[vertex, axis] += draw(st.sampled_from(MOVES_M)) * draw(st.sampled_from([-1, 1]))
    angle = draw(st.sampled_from([0.0, 0.3, 1.2]))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return replace(body, vertices=np.round(vertices @ turn.T + draw(st.sampled_from([0.0, 85_000.0])), draw(st.sampled_from([3, 9]))))


def change(draw: st.DrawFn, faces: list[Polygon]) -> list[Polygon]:
    """Return faces of which one is turned, left out, doubled, or names a vertex of another."""
    changed = [[list(ring) for ring in face] for face in faces]
    at = draw(st.integers(0, len(faces) - 1))
    kind = draw(st.sampled_from(["none", "none", "none", "turned", "out", "doubled", "strange", "hole turned"]))
    if kind == "turned":
        changed[at] = [ring[::-1] for ring in changed[at]]
    elif kind == "hole turned":
        changed[at][1:] = [ring[::-1] for ring in changed[at][1:]]
    elif kind == "out":
        del changed[at]
    elif kind == "doubled":
        changed.append(changed[at])
    elif kind == "strange":
        other = draw(st.integers(0, len(faces) - 1))
        changed[at][0][0] = changed[other][0][-1]
    return changed


def found(given_bodies: list[Faces], *, kernels: bool, makeup: Makeup | None = None) -> tuple[Finding, ...]:
    arrays = laid_out([Representation(i, "2", faces, None, makeup or Makeup()) for i, faces in enumerate(given_bodies)])
    arrays = compiled(arrays) if kernels else arrays
    return solid_findings(
        look_at_solids(arrays, BUILDING, LooksOfFile()), arrays, np.arange(len(given_bodies)) + 1, BUILDING, lambda x, y: (x, y), "layer"
    )


@given(st.lists(bodies(), min_size=1, max_size=3))
@settings(max_examples=120, deadline=None)
def test_kernels_lead_to_the_findings_of_the_exact_look(some: list[Faces]) -> None:
    assert found(some, kernels=True) == found(some, kernels=False)


@given(bodies())
@settings(max_examples=30, deadline=None)
def test_so_they_do_where_rings_were_mended(body: Faces) -> None:
    makeup = Makeup(mended=(Mended(102, (1.0, 2.0)),))
    assert found([body], kernels=True, makeup=makeup) == found([body], kernels=False, makeup=makeup)


@pytest.mark.parametrize("shape", SHAPES, ids=["box", "ell", "yard", "cross", "comb", "slat", "offset", "gable"])
def test_sound_bodies_need_no_exact_look(shape: tuple[Points, list[Polygon]]) -> None:
    """Else the kernels would be right, and for nothing."""
    arrays = compiled(laid_out([Representation(0, "2", body_of([[shape]]), None)]))
    doubts = arrays.doubts(Tolerances())
    assert not doubts.bodies.any()
    assert not doubts.faces.any()


@given(st.lists(bodies(), max_size=3))
@example([replace(body_of([[prism(BOX)]]), vertices=-body_of([[prism(BOX)]]).vertices)])  # 0.0 and −0.0
@settings(max_examples=30, deadline=None)
def test_kernels_encode_as_it_is_done_for_one_body(some: list[Faces]) -> None:
    arrays = laid_out([Representation(i, "2", faces, None) for i, faces in enumerate(some)])
    assert compiled(arrays).encoded().to_pylist() == [encode(faces) for faces in some]
    assert [encode(r.faces) for r in arrays] == [encode(faces) for faces in some]


@given(st.lists(any_faces(), max_size=3))
@settings(max_examples=30, deadline=None)
def test_kernels_encode_holes_parts_and_far_places_alike(some: list[Faces]) -> None:
    assert compiled(laid_out([Representation(0, "2", f, None) for f in some])).encoded().to_pylist() == [encode(f) for f in some]


def test_kernels_encode_wide_and_empty_bodies_alike() -> None:
    nothing = Faces(np.empty((0, 3)), *(getattr(cube(), f.name)[:0] for f in fields(Faces)[1:8]))
    some = [nothing, *(many_faces(*size) for size in SIZES), nothing, cube()]
    assert compiled(laid_out([Representation(0, "2", f, None) for f in some])).encoded().to_pylist() == [encode(f) for f in some]


@pytest.mark.parametrize(
    "broken",
    [
        {"indices": np.full(24, 8, dtype=np.uint32)},
        {"ring_ends": np.array([2, 8, 12, 16, 20, 24], dtype=np.uint32)},
        {"face_ends": np.array([1, 1, 3, 4, 5, 6], dtype=np.uint32)},
        {"shell_ends": np.array([7], dtype=np.uint32)},
        {"solid_ends": np.array([2], dtype=np.uint32)},
        {"surface_type": np.full(6, 99, dtype=np.uint8)},
        {"vertices": np.full((8, 3), np.nan)},
        {"vertices": np.arange(24.0).reshape(8, 3) * 1e9},
    ],
    ids=lambda b: next(iter(b)),
)
def test_malformed_bodies_are_not_encoded(broken: dict[str, np.ndarray]) -> None:
    box = body_of([[SHAPES[0]]])
    arrays = compiled(laid_out([Representation(0, "2", box, None), Representation(1, "2", replace(box, **broken), None)]))
    with pytest.raises(ValueError, match=r"malformed|apart"):
        arrays.encoded()
