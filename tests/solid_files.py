"""Readers of val3dity's plain test files (.poly, .off, .obj) → `Faces`: nothing is repaired, one shell a solid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from twin.representation import Faces

Polygon = list[list[int]]
"""Rings of vertex numbers, the exterior first."""
Points = list[tuple[float, float, float]]
_MOST_BYTES = 1 << 20


class EmptyPrimitiveError(ValueError):
    """The file has no face (val3dity 901, 902)."""


def bodies_in(path: Path, inner_shells: Sequence[Path] = (), *, closed: bool = True) -> list[Faces]:
    """Return the bodies of a file, each one solid (or, not ``closed``, loose faces); ``inner_shells`` become cavities of the first."""
    bodies = [body_of([[body, *(next(_objects(p)) for p in inner_shells)]], closed=closed) for body in _objects(path)]
    if not bodies:
        raise EmptyPrimitiveError(path.name)
    return bodies


def _objects(path: Path) -> Iterator[tuple[Points, list[Polygon]]]:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name} is larger than any of the corpus")
    lines = [line.split("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines()]
    read = {".poly": _poly, ".off": _off, ".obj": _obj}[path.suffix]
    yield from ((points, polygons) for points, polygons in read([line for line in lines if line]) if polygons)


def _poly(lines: list[list[str]]) -> Iterator[tuple[Points, list[Polygon]]]:
    """TetGen's facets: a count of polygons and of holes, the polygons (here rings), then the points in the holes."""
    count = int(lines[0][0])
    points = [_point(line[1:4]) for line in lines[1 : 1 + count]]
    at, polygons = 2 + count, list[Polygon]()
    for _ in range(int(lines[1 + count][0])):
        rings, holes = int(lines[at][0]), int(lines[at][1])
        polygons.append([[int(v) for v in line[1 : 1 + int(line[0])]] for line in lines[at + 1 : at + 1 + rings]])
        at += 1 + rings + holes
    yield points, polygons


def _off(lines: list[list[str]]) -> Iterator[tuple[Points, list[Polygon]]]:
    if not lines:
        return
    vertices, faces = int(lines[1][0]), int(lines[1][1])
    points = [_point(line) for line in lines[2 : 2 + vertices]]
    yield points, [[[int(v) for v in line[1 : 1 + int(line[0])]]] for line in lines[2 + vertices : 2 + vertices + faces]]


def _obj(lines: list[list[str]]) -> Iterator[tuple[Points, list[Polygon]]]:
    points: Points = []
    polygons: list[Polygon] = []
    for keyword, *values in lines:
        if keyword == "v":
            points.append(_point(values))
        elif keyword == "f":
            polygons.append([[int(v.split("/")[0]) - 1 for v in values]])
        elif keyword == "o" and polygons:
            yield points, polygons
            polygons = []
    yield points, polygons


def _point(values: Sequence[str]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values[:3])
    return x, y, z


def body_of(solids: Sequence[Sequence[tuple[Points, list[Polygon]]]], *, closed: bool = True) -> Faces:
    """Return a body of solids, each a sequence of shells with their own vertices; not ``closed``: of loose faces."""
    shells = [shell for solid in solids for shell in solid]
    offsets = np.cumsum([0, *(len(points) for points, _ in shells)])
    polygons = [[[v + int(o) for v in ring] for ring in p] for (_, ps), o in zip(shells, offsets, strict=False) for p in ps]
    rings = [ring for polygon in polygons for ring in polygon]
    return Faces(
        vertices=np.array([p for points, _ in shells for p in points], dtype=np.float64),
        indices=_uint32([v for ring in rings for v in ring]),
        ring_ends=_uint32(np.cumsum([len(r) for r in rings])),
        face_ends=_uint32(np.cumsum([len(p) for p in polygons])),
        surface_type=np.zeros(len(polygons), dtype=np.uint8),
        part=np.zeros(len(polygons), dtype=np.uint16),
        shell_ends=_uint32(np.cumsum([len(ps) for _, ps in shells]) if closed else []),
        solid_ends=_uint32(np.cumsum([len(solid) for solid in solids]) if closed else []),
    )


def _uint32(values: object) -> np.ndarray:
    return np.array(values, dtype=np.uint32)
