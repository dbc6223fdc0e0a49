"""Real CityJSON read with nothing but ``json``: the faces of buildings with their parts, as an oracle and as input of the tile engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.columns import Representations, offsets_of
from twin.representation import Faces, SurfaceType, encode_unpacked

_KINDS = {
    "RoofSurface": SurfaceType.ROOF,
    "WallSurface": SurfaceType.WALL,
    "GroundSurface": SurfaceType.GROUND,
    "OuterCeilingSurface": SurfaceType.OUTER_CEILING,
    "OuterFloorSurface": SurfaceType.OUTER_FLOOR,
}


@dataclass(frozen=True)
class Building:
    """One building at its highest level, and the attributes of its object."""

    name: str
    lod: str
    faces: Faces
    attributes: dict[str, Any]


def buildings(path: Path) -> list[Building]:
    """Return the buildings of a CityJSON 1.1 or 2.0 file that have a body, parts included."""
    document = json.loads(path.read_text())
    transform, objects = document["transform"], document["CityObjects"]
    vertices = np.array(document["vertices"]) * transform["scale"] + transform["translate"]
    found = []
    for name, thing in objects.items():
        if thing["type"] != "Building":
            continue
        bodies = [(0, g) for g in thing.get("geometry", [])]
        bodies += [(i, g) for i, part in enumerate(thing.get("children", []), 1) for g in objects[part].get("geometry", [])]
        lod = max((g["lod"] for _, g in bodies if float(g["lod"]) >= 1), default=None)
        if lod is not None:
            faces = _faces([(part, g) for part, g in bodies if g["lod"] == lod], vertices)
            found.append(Building(name, lod, faces, thing.get("attributes", {})))
    return found


def encoded(faces: Sequence[Faces], lods: Sequence[str] | None = None) -> Representations:
    """Return ``faces`` as the database holds them, one place each."""
    each = [encode_unpacked(f) for f in faces]
    tenths = [round(10 * float(lod)) for lod in lods or ["2"] * len(each)]
    lengths = np.array([len(b) for b in each], np.int64)
    return Representations(np.frombuffer(b"".join(each), np.uint8), offsets_of(lengths), np.array(tenths, np.uint8))


def rings_of(faces: Faces) -> Iterator[list[NDArray[np.float64]]]:
    """Yield the rings of each face, the exterior first, as (n, 3) coordinates."""
    starts = [0, *faces.ring_ends.tolist()]
    first = 0
    for last in faces.face_ends.tolist():
        yield [faces.vertices[faces.indices[starts[r] : starts[r + 1]]] for r in range(first, last)]
        first = last


def area_of(rings: list[NDArray[np.float64]]) -> float:
    """Area of a polygon in space: shapely's in the plane of its first ring, by a basis from its singular vectors."""
    _, _, axes = np.linalg.svd(rings[0] - rings[0].mean(axis=0))
    flat = [(r - rings[0][0]) @ axes[:2].T for r in rings]
    return float(shapely.Polygon(flat[0], flat[1:]).area)


class _Builder:
    def __init__(self) -> None:
        self.indices: list[int] = []
        self.ring_ends: list[int] = []
        self.face_ends: list[int] = []
        self.kinds: list[int] = []
        self.parts: list[int] = []

    def add(self, face: list[list[int]], kind: int, part: int) -> None:
        for ring in face:
            self.indices += ring
            self.ring_ends.append(len(self.indices))
        self.face_ends.append(len(self.ring_ends))
        self.kinds.append(kind)
        self.parts.append(part)


def _faces(bodies: list[tuple[int, dict[str, Any]]], vertices: NDArray[np.float64]) -> Faces:
    builder, shell_ends, solid_ends = _Builder(), list[int](), list[int]()
    for part, body in bodies:
        if body["type"] == "Solid":
            for number, shell in enumerate(body["boundaries"]):
                _add(builder, shell, body, body.get("semantics", {}).get("values", [None] * 9)[number], part)
                shell_ends.append(len(builder.face_ends))
            solid_ends.append(len(shell_ends))
    for part, body in bodies:
        if body["type"] != "Solid":
            _add(builder, body["boundaries"], body, body.get("semantics", {}).get("values"), part)
    used, indices = np.unique(np.array(builder.indices), return_inverse=True)
    ends = [np.array(e, np.uint32) for e in (builder.ring_ends, builder.face_ends, shell_ends, solid_ends)]
    kinds, parts = np.array(builder.kinds, np.uint8), np.array(builder.parts, np.uint16)
    return Faces(vertices[used], indices.astype(np.uint32), ends[0], ends[1], kinds, parts, ends[2], ends[3])


def _add(builder: _Builder, boundaries: list[Any], body: dict[str, Any], values: list[int | None] | None, part: int) -> None:
    for number, face in enumerate(boundaries):
        value = None if values is None else values[number]
        kind = None if value is None else _KINDS.get(body["semantics"]["surfaces"][value]["type"], SurfaceType.OTHER)
        builder.add(face, SurfaceType.UNKNOWN if kind is None else kind, part)
