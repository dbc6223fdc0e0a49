"""The shapes of IFC products as faces in the coordinates of the model, in metres: made by IfcOpenShell's kernel, never by us."""

from __future__ import annotations

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
_UPPER = {SurfaceType.ROOF: SurfaceType.ROOF, SurfaceType.FLOOR: SurfaceType.FLOOR}


@dataclass(frozen=True, slots=True)
class Shape:
    """The polygons of one product: vertices (V, 3) and per face its rings, the first the exterior."""

    vertices: npt.NDArray[np.float64]
    faces: Sequence[Sequence[Sequence[int]]]


class ShapeMaker:
    """Makes the shapes of products, openings left closed: a wall is whole where its windows are."""

    def __init__(self) -> None:
        self._settings = ifcopenshell.geom.settings()
        for name, value in _SETTINGS.items():
            self._settings.set(name, value)
        self._made: dict[int, Shape | None] = {}

    def shape(self, product: ifcopenshell.entity_instance) -> Shape | None:
        """Return the shape of one product; None when it has none or the kernel cannot make it."""
        number = int(product.id())
        if number not in self._made:
            self._made[number] = self._make(product)
        return self._made[number]

    def _make(self, product: ifcopenshell.entity_instance) -> Shape | None:
        if product.Representation is None:
            return None
        try:
            made = ifcopenshell.geom.create_shape(self._settings, product).geometry
        except RuntimeError:
            return None
        vertices = np.array(made.verts, dtype=np.float64).reshape(-1, 3)
        faces = [[ring for ring in face if len(ring) > 2] for face in made.faces]
        return Shape(vertices, [face for face in faces if face]) if len(vertices) and any(faces) else None


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
    vertices: list[npt.NDArray[np.float64]] = []
    indices: list[int] = []
    ring_ends: list[int] = []
    face_ends: list[int] = []
    kinds: list[int] = []
    first = 0
    for shape, kind in shapes:
        for face in shape.faces:
            for ring in face:
                indices.extend(first + i for i in ring)
                ring_ends.append(len(indices))
            face_ends.append(len(ring_ends))
            kinds.append(_turned(kind, _upward(shape.vertices[list(face[0])])))
        vertices.append(shape.vertices)
        first += len(shape.vertices)
    if not face_ends:
        return None
    return Faces(
        vertices=np.concatenate(vertices),
        indices=np.array(indices, np.uint32),
        ring_ends=np.array(ring_ends, np.uint32),
        face_ends=np.array(face_ends, np.uint32),
        surface_type=np.array(kinds, np.uint8),
        part=np.zeros(len(face_ends), np.uint16),
        shell_ends=np.array([len(face_ends)] if solid else [], np.uint32),
        solid_ends=np.array([1] if solid else [], np.uint32),
    )


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


def _exteriors(faces: Faces) -> list[tuple[int, int]]:
    """Return where the exterior ring of each face begins and ends in ``indices``."""
    starts = np.concatenate([[0], faces.ring_ends[:-1]]).astype(np.int64)
    first = np.concatenate([[0], faces.face_ends[:-1]]).astype(np.int64)
    return list(zip(starts[first].tolist(), faces.ring_ends[first].tolist(), strict=True))


def _without_small_holes(polygon: shapely.Polygon) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area > _LEAST_M2]
    return shapely.simplify(shapely.Polygon(polygon.exterior, holes), 0.001)


def _turned(kind: SurfaceType, upward: float) -> SurfaceType:
    """Return what a face is by where it looks: the underside of a roof or floor is a ceiling, its rim a wall."""
    if kind not in _UPPER:
        return kind
    if upward > _NEARLY_UP:
        return kind
    return SurfaceType.OUTER_CEILING if upward < -_NEARLY_UP else SurfaceType.WALL


def _upward(ring: npt.NDArray[np.float64]) -> float:
    """Return the upward part of a ring's unit normal (Newell)."""
    local = ring - ring[0]
    normal = np.cross(local, np.roll(local, -1, axis=0)).sum(axis=0)
    length = float(np.linalg.norm(normal))
    return float(normal[2]) / length if length else 0.0
