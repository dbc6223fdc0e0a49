"""Cases of the rules about three-dimensional bodies: each a change of a cube of 10 m with one corner at the origin."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rules.case import Case
from rules.rows import ORIGIN, TYPES
from solid_files import Points, Polygon, body_of

from ingest.body_arrays import laid_out
from ingest.checks.solids.findings import look_at_solids, solid_findings
from ingest.checks.solids.looks import LooksOfFile
from ingest.readers.source import Makeup, Mended, Representation
from twin.model import Finding

Shell = tuple[Points, list[Polygon]]
ROOF = 1


def box(x: float = 0, y: float = 0, z: float = 0, *, side: float = 10, inwards: bool = False) -> Shell:
    """Return a cube: ground, roof, and four walls, seen counterclockwise from outside."""
    points = [(x + i * side, y + j * side, z + k * side) for k in (0, 1) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    faces = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
    return points, [[face[::-1] if inwards else face] for face in faces]


def with_roof(*rings: list[int], more: Points = ()) -> Shell:
    """Return the cube with another roof; further points are numbered from 8."""
    points, faces = box()
    return [*points, *more], [face if n != ROOF else list(rings) for n, face in enumerate(faces)]


def with_holes(*holes: Points) -> Shell:
    """Return the cube with holes in its roof, given clockwise; they leave the shell open."""
    more = [(x, y, 10.0) for hole in holes for x, y, *_ in hole]
    ends = np.cumsum([8, *(len(hole) for hole in holes)]).tolist()
    return with_roof([4, 5, 6, 7], *(list(range(a, z)) for a, z in itertools.pairwise(ends)), more=more)


def moved(vertex: int, x: float, y: float, z: float) -> Shell:
    """Return the cube with one corner elsewhere, all faces that have it divided into triangles."""
    points, faces = box()
    points[vertex] = (x, y, z)
    turned = [(f[f.index(vertex) :] + f[: f.index(vertex)]) if vertex in f else f for (f,) in faces]
    return points, [t for f in turned for t in ([[f[:3]], [[f[0], f[2], f[3]]]] if vertex in f else [[f]])]


def square(x: float, y: float, side: float) -> Points:
    return [(x, y, 0), (x, y + side, 0), (x + side, y + side, 0), (x + side, y, 0)]


def kite(x: float) -> Points:
    """Return a hole from x to a corner on the edge of the roof."""
    return [(x, 5, 0), (5, 7, 0), (10, 5, 0), (5, 3, 0)]


def five_sided(*fifth: float) -> Shell:
    """Return the cube with another corner in its roof, between two of the edge at x = 10."""
    return with_roof([4, 5, 8, 6, 7], more=[fifth])


def notched(*fifth: float) -> Shell:
    """Return the cube with another corner in its roof, between two of the edge at y = 10."""
    return with_roof([4, 5, 6, 8, 7], more=[fifth])


def split(z: float) -> Shell:
    """Return the cube whose roof has a corner of its own, at (10, 10, z)."""
    return with_roof([4, 5, 8, 7], more=[(10, 10, z)])


def ridge(height: float, width: float) -> Shell:
    """Return a roof with a wrinkle across it: up by ``height`` and down within ``width``."""
    more = [(10, 5 - width, 10 + height), (10, 5 + width, 10 - height), (0, 5 + width, 10 - height), (0, 5 - width, 10 + height)]
    return with_roof([4, 5, 8, 9, 6, 7, 10, 11], more=more)


def turned(*faces: int) -> Shell:
    points, polygons = box()
    return points, [[p[0][::-1]] if n in faces else p for n, p in enumerate(polygons)]


def without(*faces: int) -> Shell:
    points, polygons = box()
    return points, [p for n, p in enumerate(polygons) if n not in faces]


def joined(*shells: Shell) -> Shell:
    """Return several shells as one, vertices at one place as one."""
    points = list(dict.fromkeys(p for s, _ in shells for p in s))
    return points, [[[points.index(s[v]) for v in ring] for ring in face] for s, faces in shells for face in faces]


def prism(z: float) -> Shell:
    """Return a cavity as broad as the cube itself: a pyramid on its whole section."""
    points: Points = [(0, 0, z), (0, 10, z), (10, 10, z), (10, 0, z), (5, 5, z + 4)]
    return points, [[[0, 3, 2, 1]], [[0, 4, 3]], [[3, 4, 2]], [[2, 4, 1]], [[1, 4, 0]]]


def solid(*shells: Shell) -> Representation:
    return solids(shells)


def solids(*each: Sequence[Shell], makeup: Makeup | None = None) -> Representation:
    faces = body_of([list(shells) for shells in each])
    return Representation(0, "2", replace(faces, vertices=faces.vertices + np.array([*ORIGIN, 5.0])), None, makeup or Makeup())


def composite(*shells: Shell) -> Representation:
    return solids(*([s] for s in shells), makeup=Makeup((0,) * len(shells), frozenset([0])))


def cavity(x: float, y: float, z: float, side: float) -> Shell:
    return box(x, y, z, side=side, inwards=True)


def wave(k: int) -> Shell:
    """Return a thin sheet in zigzag, above the one before: 188 triangles, and no plane between two."""
    line = [(float(i), 4.0 * (i % 2) + 0.3 * k) for i in range(24)]
    rows = [[(x, y, z + up) for x, z in line] for y in (0.0, 5.0) for up in (0.0, 0.1)]
    below, above, behind, over = (range(n * 24, n * 24 + 24) for n in range(4))
    steps = list(itertools.pairwise(range(24)))
    sheets = [[[below[i], behind[i], behind[j], below[j]]] for i, j in steps] + [[[above[i], above[j], over[j], over[i]]] for i, j in steps]
    ends = [[[below[0], above[0], over[0], behind[0]]], [[below[-1], behind[-1], over[-1], above[-1]]]]
    sides = [[[*below, *reversed(above)]], [[*over, *reversed(behind)]]]
    return [p for row in rows for p in row], [*sheets, *ends, *sides]


CUBE = solid(box())
LEFT_OUT = replace(CUBE, makeup=Makeup(mended=(Mended(101, ORIGIN),)))
NOTHING = replace(CUBE, makeup=Makeup(mended=(Mended(902, None),)))
NESTED = ([box()], [box(2, 2, 2, side=3)])
ROOM = solid(box(), cavity(2, 2, 2, 3))
CASES = (
    Case("val3dity-101", solid(with_roof([4, 6])), CUBE),
    Case("val3dity-101", LEFT_OUT, CUBE, "left out in reading"),
    Case("val3dity-102", solid(notched(10, 10.0009, 10)), solid(notched(10, 10.0011, 10))),
    Case("val3dity-104", solid(with_roof([4, 6, 5, 7])), CUBE),
    Case("val3dity-104", solid(notched(3, 0, 10)), solid(notched(3, 0.01, 10)), "touching itself"),
    Case("val3dity-201", solid(with_holes(square(8, 8, 4))), solid(with_holes(square(5, 5, 4)))),
    Case("val3dity-201", solid(with_holes(square(6, 6, 4))), solid(with_holes(kite(1))), "a line in common, not a point"),
    Case("val3dity-202", solid(with_holes(square(2, 2, 3), square(2, 2, 3))), solid(with_holes(square(2, 2, 3), square(6, 2, 3)))),
    Case("val3dity-203", solid(five_sided(10, 5, 10.05)), solid(five_sided(10, 5, 10.01))),
    Case("val3dity-204", solid(ridge(0.002, 0.002)), solid(ridge(0.002, 0.05))),
    Case("val3dity-205", solid(with_holes(kite(0))), solid(with_holes(kite(1)))),
    Case("val3dity-206", solid(with_holes(square(12, 2, 3))), solid(with_holes(square(6, 2, 3)))),
    Case("val3dity-207", solid(with_holes(square(2, 2, 6), square(3, 3, 2))), solid(with_holes(square(2, 2, 3), square(6, 3, 2)))),
    Case("val3dity-208", solid(with_holes(square(2, 2, 3)[::-1])), solid(with_holes(square(2, 2, 3)))),
    Case("val3dity-301", solid(without(1, 2, 3)), CUBE),
    Case("val3dity-302", solid(without(1)), CUBE),
    Case("val3dity-302", solid(split(10.002)), solid(split(10.0009)), "vertices that are one"),
    Case("val3dity-303", solid(joined(box(), box(10, 10, 0))), CUBE),
    Case("val3dity-303", solid(joined(box(), box(10, 10, 10))), CUBE, "one vertex"),
    Case("val3dity-305", solid(joined(box(), box(20, 0, 0))), solids([box()], [box(20, 0, 0)])),
    Case("val3dity-306", solid(moved(6, 3, 3, -4)), solid(moved(6, 9, 9, 4))),
    Case("val3dity-307", solid(turned(2)), CUBE),
    Case("val3dity-401", solid(box(), cavity(8, 2, 2, 4)), ROOM),
    Case("val3dity-401", solid(box(), cavity(2, 2, 0, 3)), ROOM, "a face in common"),
    Case("val3dity-402", solid(box(), cavity(2, 2, 2, 3), cavity(2, 2, 2, 3)), ROOM),
    Case("val3dity-403", solid(box(), cavity(12, 2, 2, 3)), ROOM),
    Case("val3dity-404", solid(box(), prism(2)), ROOM),
    Case("val3dity-405", solid(turned(0, 1, 2, 3, 4, 5)), CUBE),
    Case("val3dity-405", solid(box(), box(2, 2, 2, side=3)), ROOM, "of a cavity"),
    Case("val3dity-501", composite(box(), box(9, 0, 0)), composite(box(), box(10, 0, 0))),
    Case("val3dity-502", composite(box(), box()), composite(box(), box(10, 0, 0))),
    Case("val3dity-503", composite(box(), box(20, 0, 0)), composite(box(), box(10, 0, 0))),
    Case("val3dity-503", composite(box(), box(10, 10, 0)), composite(box(), box(10, 4, 4)), "an edge is not enough"),
    Case("val3dity-601", solids([box()], [box(9.5, 2, 2)]), solids([box()], [box(10, 2, 2)])),
    Case("val3dity-601", solids(*NESTED), solids(*NESTED, makeup=Makeup((0, 0))), "but not in a multi-solid"),
    Case("val3dity-902", NOTHING, CUBE),
    Case("solids-unfinished", solids(*([wave(k)] for k in range(20))), solids(*([wave(k)] for k in range(8)))),
)  # fmt: skip


def findings(_rule: str, given: Representation, _city: object) -> Sequence[Finding]:
    """Look at one body."""
    bodies = laid_out([given])
    found = look_at_solids(bodies, TYPES["building"], LooksOfFile())
    return solid_findings(found, bodies, np.array([1]), TYPES["building"], lambda x, y: (x, y), "layer")
