"""The shapes of IFC products as faces in the coordinates of the model, in metres: made by IfcOpenShell's kernel, never by us."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import numpy.typing as npt
import shapely

from twin.representation import Faces, SurfaceType

_SETTINGS: Mapping[str, object] = {
    "use-world-coords": True,
    "disable-opening-subtractions": True,
    "triangulation-type": ifcopenshell.ifcopenshell_wrapper.POLYHEDRON_WITH_HOLES,
}
_NEARLY_UP = 0.7
"""A face of a slab or roof whose normal rises more steeply than this looks up, or down."""
_GAP_M = 0.5
"""Rooms and slabs nearer than the thickness of a wall make one outline."""
_LEAST_M2 = 0.5
"""Parts and holes of an outline that are smaller are of no building."""
_MITRE = 2.0
_UPPER = (SurfaceType.ROOF, SurfaceType.FLOOR)
_MOST_HELD_BYTES = 96 << 20
_HEAD_BYTES = 128
"""Of an array."""
Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Shape:
    """The polygons of one product, ring behind ring as in `Faces`; the first ring of a face is its exterior. A model has ten thousands."""

    vertices: npt.NDArray[np.float64]
    """(V, 3)"""
    indices: Numbers
    ring_ends: Numbers
    """In ``indices``."""
    face_ends: Numbers
    """In ``ring_ends``."""

    @property
    def size_bytes(self) -> int:
        """What it takes of memory."""
        return sum(a.nbytes + _HEAD_BYTES for a in (self.vertices, self.indices, self.ring_ends, self.face_ends))


class ShapeMaker:
    """Makes the shapes of products, openings left closed: a wall is whole where its windows are.

    A shape is made once for all layers of a model; beyond 96 MiB of them those that are asked for again are made again.
    """

    def __init__(self) -> None:
        self._settings = ifcopenshell.geom.settings()
        for name, value in _SETTINGS.items():
            self._settings.set(name, value)
        self._made: dict[int, Shape] = {}
        self._have_shape: dict[int, bool] = {}
        self._held_bytes = 0

    def shape(self, product: ifcopenshell.entity_instance) -> Shape | None:
        """Return the shape of one product; None when it has none or the kernel cannot make it."""
        number = int(product.id())
        if (made := self._made.get(number)) is not None or not self._have_shape.get(number, True):
            return made
        made = self._make(product)
        self._have_shape[number] = made is not None
        if made is not None and self._held_bytes < _MOST_HELD_BYTES:
            self._made[number] = made
            self._held_bytes += made.size_bytes
        return made

    def has_shape(self, product: ifcopenshell.entity_instance) -> bool:
        """Return whether a product has a shape that the kernel makes."""
        number = int(product.id())
        return self._have_shape[number] if number in self._have_shape else self.shape(product) is not None

    def _make(self, product: ifcopenshell.entity_instance) -> Shape | None:
        if product.Representation is None:
            return None
        try:
            made = ifcopenshell.geom.create_shape(self._settings, product).geometry
        except RuntimeError:
            return None
        vertices = np.array(made.verts, dtype=np.float64).reshape(-1, 3)
        faces = [[ring for ring in face if len(ring) > 2] for face in made.faces]
        return _packed(vertices, [face for face in faces if face]) if len(vertices) and any(faces) else None


def _packed(vertices: npt.NDArray[np.float64], faces: Sequence[Sequence[Sequence[int]]]) -> Shape:
    rings = [ring for face in faces for ring in face]
    return Shape(
        vertices,
        np.array(list(itertools.chain.from_iterable(rings)), np.uint32),
        np.cumsum([len(ring) for ring in rings], dtype=np.uint32),
        np.cumsum([len(face) for face in faces], dtype=np.uint32),
    )


def is_one_of(entity: ifcopenshell.entity_instance, *kinds: str) -> bool:
    """Return whether an entity is of one of the classes, or of one under them."""
    return any(bool(entity.is_a(kind)) for kind in kinds)


def surface_kind(product: ifcopenshell.entity_instance) -> SurfaceType:
    """Return what the faces of a building element bound."""
    if is_one_of(product, "IfcRoof") or (is_one_of(product, "IfcSlab") and str(product.PredefinedType) == "ROOF"):
        return SurfaceType.ROOF
    return SurfaceType.FLOOR if is_one_of(product, "IfcSlab") else SurfaceType.WALL


def faces_of(shapes: Iterable[tuple[Shape, SurfaceType]], *, solid: bool) -> Faces | None:
    """Return the faces of several shapes together, None of none; as one shell where they bound a ``solid``."""
    given = list(shapes)
    if not given:
        return None
    each = [shape for shape, _ in given]
    face_ends = _behind_one_another([s.face_ends for s in each], [len(s.ring_ends) for s in each])
    return Faces(
        vertices=np.concatenate([s.vertices for s in each]),
        indices=_behind_one_another([s.indices for s in each], [len(s.vertices) for s in each]),
        ring_ends=_behind_one_another([s.ring_ends for s in each], [len(s.indices) for s in each]),
        face_ends=face_ends,
        surface_type=np.concatenate([_surface_types(shape, kind) for shape, kind in given]),
        part=np.zeros(len(face_ends), np.uint16),
        shell_ends=np.array([len(face_ends)] if solid else [], np.uint32),
        solid_ends=np.array([1] if solid else [], np.uint32),
    )


def _behind_one_another(numbers: Sequence[Numbers], counts: Sequence[int]) -> Numbers:
    """Return numbers of several shapes as one array, those of each moved by the ``counts`` of all before it."""
    moved = np.concatenate(numbers)
    moved += np.repeat(np.cumsum([0, *counts[:-1]]), [len(n) for n in numbers]).astype(np.uint32)
    return moved


def _surface_types(shape: Shape, kind: SurfaceType) -> npt.NDArray[np.uint8]:
    """Return what each face of a shape is; where a face looks matters to roofs and floors only."""
    if kind not in _UPPER:
        return np.full(len(shape.face_ends), kind, np.uint8)
    rings = (shape.vertices[shape.indices[a:b]] for a, b in _exteriors(shape))
    return np.array([_turned(kind, _upward(ring)) for ring in rings], np.uint8)


def outline_of(faces: Faces) -> shapely.MultiPolygon | None:
    """Return what the faces cover in plan, with the gaps of walls closed; None where that is no area."""
    corners = [faces.vertices[faces.indices[a:b], :2] for a, b in _exteriors(faces)]
    polygons = shapely.polygons([shapely.linearrings(c) for c in corners])
    flat = polygons[shapely.area(polygons) > _LEAST_M2 / 100]
    if not len(flat):
        return None
    whole = shapely.union_all(shapely.buffer(flat, _GAP_M / 2, join_style="mitre", mitre_limit=_MITRE))
    closed = shapely.buffer(whole, -_GAP_M / 2, join_style="mitre", mitre_limit=_MITRE)
    parts = [_without_small_holes(p) for p in shapely.get_parts(closed) if p.area > _LEAST_M2]
    return shapely.MultiPolygon(parts) if parts else None


def _exteriors(faces: Faces | Shape) -> list[tuple[int, int]]:
    """Return where the exterior ring of each face begins and ends in ``indices``."""
    starts = np.concatenate([[0], faces.ring_ends[:-1]]).astype(np.int64)
    first = np.concatenate([[0], faces.face_ends[:-1]]).astype(np.int64)
    return list(zip(starts[first].tolist(), faces.ring_ends[first].tolist(), strict=True))


def _without_small_holes(polygon: shapely.Polygon) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area > _LEAST_M2]
    return shapely.simplify(shapely.Polygon(polygon.exterior, holes), 0.001)


def _turned(kind: SurfaceType, upward: float) -> SurfaceType:
    """Return what a face of a roof or floor is by where it looks: its underside is a ceiling, its rim a wall."""
    if upward > _NEARLY_UP:
        return kind
    return SurfaceType.OUTER_CEILING if upward < -_NEARLY_UP else SurfaceType.WALL


def _upward(ring: npt.NDArray[np.float64]) -> float:
    """Return the upward part of a ring's unit normal (Newell)."""
    local = ring - ring[0]
    normal = np.cross(local, np.roll(local, -1, axis=0)).sum(axis=0)
    length = float(np.linalg.norm(normal))
    return float(normal[2]) / length if length else 0.0
