"""Boundaries and semantics of CityJSON geometries → faces of one level of detail (CityJSON 2.0 §3)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_frame import Frame, Json, Vertices
from ingest.readers.cityjson_numbers import index_of
from ingest.readers.cityjson_textures import Appearance, Shown, shown_by, turned_to
from ingest.readers.pictures import Find, Picture
from ingest.readers.source import Makeup, Mended
from twin.face_textures import FaceTextures, Texture
from twin.representation import Faces, SurfaceType

FloatArray = npt.NDArray[np.float64]
Ring = Sequence[int]
Surface = Sequence[Ring]

SURFACES = frozenset({"MultiSurface", "CompositeSurface"})
_SOLIDS = frozenset({"Solid", "MultiSolid", "CompositeSolid"})
_LOD = re.compile(r"[0-4](\.[0-9])?\Z")
TYPES: Mapping[str, SurfaceType] = {
    "RoofSurface": SurfaceType.ROOF,
    "WallSurface": SurfaceType.WALL,
    "GroundSurface": SurfaceType.GROUND,
    "ClosureSurface": SurfaceType.CLOSURE,
    "OuterCeilingSurface": SurfaceType.OUTER_CEILING,
    "OuterFloorSurface": SurfaceType.OUTER_FLOOR,
    "Window": SurfaceType.WINDOW,
    "Door": SurfaceType.DOOR,
    "InteriorWallSurface": SurfaceType.INTERIOR_WALL,
    "CeilingSurface": SurfaceType.CEILING,
    "FloorSurface": SurfaceType.FLOOR,
    "WaterSurface": SurfaceType.WATER,
    "WaterGroundSurface": SurfaceType.WATER,
    "WaterClosureSurface": SurfaceType.WATER,
    "TrafficArea": SurfaceType.TRAFFIC,
    "AuxiliaryTrafficArea": SurfaceType.TRAFFIC,
}
"""Of CityJSON's semantic surfaces."""
_CORNERS = 3
_TOO_FEW_POINTS, _SAME_POINTS, _SELF_INTERSECTION, _EMPTY = 101, 102, 104, 902
"""val3dity's codes of what is mended in reading."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One geometry: either solids of shells of surfaces or loose surfaces, and what each surface means."""

    lod: str
    vertices: Vertices
    solids: Sequence[Sequence[Sequence[Surface]]]
    loose: Sequence[Surface]
    meanings: Sequence[Json | None]
    """Semantic surface of each surface, in the order of ``solids`` or of ``loose``."""
    composite: bool = False
    """Its solids are one composite solid."""
    shown: Sequence[Shown | None] = ()
    """Picture of each surface, in the same order; empty: none shows any."""

    @property
    def surfaces(self) -> list[Surface]:
        """All surfaces, in the order of ``meanings``."""
        return [surface for solid in self.solids for shell in solid for surface in shell] if self.solids else list(self.loose)


def shapes_of(geometry: Json, vertices: Vertices, frame: Frame, appearance: Appearance | None = None) -> list[Shape]:
    """Return the surfaces of a geometry, none for points and lines; an instance of a template is put in its place.

    Without ``appearance`` no surface shows a picture; an instance shows those of the document that its template is in.

    Raises ValueError, TypeError, LookupError or OverflowError where it is not what CityJSON has: whoever calls names the feature.
    """
    kind = geometry.get("type")
    if kind == "GeometryInstance":
        return _instance(geometry, vertices, frame, appearance)
    boundaries = geometry.get("boundaries") or []
    solids: Sequence[Any] = []
    loose: Sequence[Any] = []
    if kind in SURFACES:
        loose, depth = boundaries, 1
    elif kind == "Solid":
        solids, depth = [boundaries], 2
    elif kind in _SOLIDS:
        solids, depth = boundaries, 3
    else:
        return []
    shape = Shape(lod_of(geometry), vertices, solids, loose, (), composite=kind == "CompositeSolid")
    surfaces = shape.surfaces
    meanings = _meanings(geometry.get("semantics"), depth, len(surfaces))
    return [replace(shape, meanings=meanings, shown=shown_by(geometry, appearance, surfaces, depth) if appearance is not None else ())]


def lod_of(geometry: Json) -> str:
    """Return the level of detail of a geometry; ValueError when it is none."""
    lod = geometry.get("lod")
    text = str(int(lod)) if isinstance(lod, int | float) and float(lod).is_integer() else str(lod)
    if not _LOD.match(text):
        raise ValueError(f"lod {text[:20]}")
    return text


def _instance(geometry: Json, vertices: Vertices, frame: Frame, appearance: Appearance | None) -> list[Shape]:
    """A template's vertices times the matrix, from the anchor (CityJSON 2.0 §3.4)."""
    template = frame.templates[index_of(geometry["template"])]
    if template.get("type") == "GeometryInstance":
        raise ValueError("a template is an instance itself")
    matrix = np.array(geometry["transformationMatrix"], dtype=np.float64).reshape(4, 4)
    anchor = vertices.positions[index_of(geometry["boundaries"][0])]
    moved = frame.template_vertices @ matrix[:3, :3].T + matrix[:3, 3] + anchor
    textures = frame.template_appearance
    return shapes_of(template, Vertices.at(moved), frame, Appearance.of(textures) if appearance is not None and textures else None)


def _meanings(semantics: object, depth: int, count: int) -> list[Json | None]:
    """Return the semantic surface of each surface; ``values`` may be null at any depth, or too short."""
    if not isinstance(semantics, dict):
        return [None] * count
    surfaces, values = semantics.get("surfaces") or [], semantics.get("values")
    for _ in range(depth - 1):
        values = [v for inner in values or [] for v in (inner or [])]
    values = list(values or [])
    if len(values) != count:
        return [None] * count
    return [None if v is None else surfaces[index_of(v)] for v in values]


@dataclass
class FacesBuilder:
    """Collects the shapes of one feature at one level of detail; all its solids before any loose surface."""

    vertices: list[Vertices] = field(default_factory=list)
    """Whose numbers the corners are; those of a template in its place are others than the feature's own."""
    corners: list[int] = field(default_factory=list)
    """Numbers of vertices, counted through all of ``vertices``."""
    ring_lengths: list[int] = field(default_factory=list)
    rings_of_face: list[int] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    shell_ends: list[int] = field(default_factory=list)
    solid_ends: list[int] = field(default_factory=list)
    said: dict[int, dict[str, object]] = field(default_factory=dict)
    """Semantic surface (by identity) → what it says beyond a known type, and its faces."""
    geometry_of_solid: list[int] = field(default_factory=list)
    composites: set[int] = field(default_factory=set)
    mended: list[Mended] = field(default_factory=list)
    shown: dict[int, tuple[Shown, FloatArray]] = field(default_factory=dict)
    """Face → its picture, and where in it each of its corners lies."""

    def add_solids(self, shape: Shape, part: int, meanings: Sequence[Json | None], shown: Sequence[Shown | None] = ()) -> None:
        """Add solids; a shell or solid of which nothing remains is left out."""
        meaning = iter(zip(meanings, shown or [None] * len(meanings), strict=True))
        geometry = self.geometry_of_solid[-1] + 1 if self.geometry_of_solid else 0
        if shape.composite:
            self.composites.add(geometry)
        for solid in shape.solids:
            shells = len(self.shell_ends)
            for shell in solid:
                faces = len(self.rings_of_face)
                for surface in shell:
                    self.add(shape.vertices, surface, part, *next(meaning))
                if len(self.rings_of_face) > faces:
                    self.shell_ends.append(len(self.rings_of_face))
                else:
                    self.mended.append(Mended(_EMPTY, None))
            if len(self.shell_ends) > shells:
                self.solid_ends.append(len(self.shell_ends))
                self.geometry_of_solid.append(geometry)
            elif not solid:
                self.mended.append(Mended(_EMPTY, None))

    def add(self, vertices: Vertices, surface: Surface, part: int, meaning: Json | None, shown: Shown | None = None) -> None:
        """Add one surface, unless its outline has fewer than three corners; so with its holes. What is mended is noted."""
        rings = [_corners(ring, vertices.first) for ring in surface]
        for ring, corners in zip(surface, rings, strict=True):
            self._note_mended(ring, corners, vertices)
        if not rings or len(set(rings[0])) < _CORNERS:
            return
        if shown is not None:
            kept = [_places(ring, at, vertices.first) for ring, at, corners in zip(surface, shown.rings, rings, strict=True)
                    if len(set(corners)) >= _CORNERS]  # fmt: skip
            self.shown[len(self.rings_of_face)] = (shown, np.concatenate(kept))
        rings = [ring for ring in rings if len(set(ring)) >= _CORNERS]
        before = self._numbers_before(vertices)
        for ring in rings:
            self.corners.extend([before + i for i in ring] if before else ring)
            self.ring_lengths.append(len(ring))
        if meaning is not None:
            self._note(meaning)
        self.rings_of_face.append(len(rings))
        self.types.append(SurfaceType.UNKNOWN if meaning is None else surface_type(meaning))
        self.parts.append(part)

    def _numbers_before(self, vertices: Vertices) -> int:
        """Return what is added to the numbers of ``vertices``."""
        before = 0
        for known in self.vertices:
            if known is vertices:
                return before
            before += len(known.positions)
        self.vertices.append(vertices)
        return before

    def _note_mended(self, ring: Ring, corners: Sequence[int], vertices: Vertices) -> None:
        left_out = len(set(corners)) < _CORNERS
        if not len(ring) or not (left_out or len(corners) < len(ring)):
            return
        places = [vertices.first[i] for i in ring]
        repeated = next((v for v, before in itertools.pairwise(places) if v == before), places[0])
        code = _TOO_FEW_POINTS if len(ring) < _CORNERS else _SAME_POINTS if len(corners) < len(ring) else _SELF_INTERSECTION
        x, y, _ = vertices.positions[repeated].tolist()
        self.mended.append(Mended(code, (x, y)))

    def _note(self, meaning: Json) -> None:
        beyond = {k: v for k, v in meaning.items() if k not in ("type", "parent", "children")}
        if beyond or surface_type(meaning) is SurfaceType.OTHER:
            entry = self.said.setdefault(id(meaning), {"faces": [], "type": meaning.get("type"), **beyond})
            faces = entry["faces"]
            if isinstance(faces, list):
                faces.append(len(self.rings_of_face))

    def _of_equal_places(self) -> list[int]:
        """Return the corners, those at one place under one number; within one source of vertices they are so already."""
        positions = np.concatenate([v.positions for v in self.vertices])
        _, first, inverse = np.unique(positions, axis=0, return_index=True, return_inverse=True)
        return list(first[inverse.ravel()[self.corners]].tolist())

    def makeup(self) -> Makeup:
        """Return what the faces do not say."""
        return Makeup(tuple(self.geometry_of_solid), frozenset(self.composites), tuple(self.mended))

    def pictures(self, find: Find) -> dict[str, Picture | None]:
        """Return what ``find`` gives for the URI of every picture that is shown, in the order of faces."""
        return {image: find(image) for image in dict.fromkeys(shown.image for shown, _ in self.shown.values())}

    def _textures(self, pictures: Mapping[str, Picture | None]) -> FaceTextures | None:
        """Return the textures of the faces whose pictures there are; None of none."""
        numbers: dict[Texture, int] = {}
        of_face = np.zeros(len(self.rings_of_face), dtype=np.uint16)
        places = np.zeros((len(self.corners), 2), dtype=np.float32)
        starts = np.concatenate([[0], np.cumsum(self.ring_lengths)])[np.concatenate([[0], np.cumsum(self.rings_of_face)])]
        for face, (shown, at) in self.shown.items():
            found = pictures.get(shown.image)
            if found is None:
                continue
            texture = Texture(found.name, found.width, found.height, shown.wrap)
            of_face[face] = numbers.setdefault(texture, len(numbers)) + 1
            places[starts[face] : starts[face + 1]] = np.column_stack([at[:, 0], 1.0 - at[:, 1]])
        return FaceTextures(tuple(numbers), of_face, places) if numbers else None

    def faces(self, pictures: Mapping[str, Picture | None] | None = None) -> Faces | None:
        """Return the faces, their vertices in order of first use and each once; None when there are none.

        So the same geometry has the same faces, whatever numbers its source gave its vertices. ``pictures``: those of `pictures`.
        """
        if not self.rings_of_face:
            return None
        corners = self.corners if len(self.vertices) == 1 else self._of_equal_places()
        place = {number: k for k, number in enumerate(dict.fromkeys(corners))}
        positions = self.vertices[0].positions if len(self.vertices) == 1 else np.concatenate([v.positions for v in self.vertices])
        return Faces(
            vertices=positions[list(place)],
            indices=np.fromiter(map(place.__getitem__, corners), np.uint32, len(corners)),
            ring_ends=np.cumsum(self.ring_lengths).astype(np.uint32),
            face_ends=np.cumsum(self.rings_of_face).astype(np.uint32),
            surface_type=np.array(self.types, dtype=np.uint8),
            part=np.array(self.parts, dtype=np.uint16),
            shell_ends=np.array(self.shell_ends, dtype=np.uint32),
            solid_ends=np.array(self.solid_ends, dtype=np.uint32),
            textures=self._textures(pictures) if pictures else None,
        )


def faces_by_lod(shapes: Sequence[tuple[int, Shape]]) -> dict[str, FacesBuilder]:
    """Return the faces of a feature's shapes, given with the part they are of, level by level.

    Where one part has solids and surfaces at one level (as CityGML's exporters write them), a surface that bounds a solid
    already gives the solid its meaning and its picture and is not added again.
    """
    builders: dict[str, FacesBuilder] = {}
    lent: dict[tuple[str, int], dict[tuple[int, ...], Json | None]] = {}
    lent_shown: dict[tuple[str, int], dict[tuple[int, ...], tuple[Surface, Shown]]] = {}
    bounding: dict[tuple[str, int], set[tuple[int, ...]]] = {}
    both = {(s.lod, p) for p, s in shapes if s.solids} & {(s.lod, p) for p, s in shapes if s.loose}
    for part, shape in shapes:
        if (shape.lod, part) in both:
            keys = [_outline(surface) for surface in shape.surfaces]
            if shape.solids:
                bounding.setdefault((shape.lod, part), set()).update(keys)
            else:
                lent.setdefault((shape.lod, part), {}).update(zip(keys, shape.meanings, strict=True))
                pairs = zip(keys, shape.surfaces, shape.shown, strict=True) if shape.shown else ()
                lent_shown.setdefault((shape.lod, part), {}).update({key: (s, shown) for key, s, shown in pairs if shown is not None})
    for part, shape in shapes:
        known = lent.get((shape.lod, part), {})
        meanings = [m or known.get(_outline(s)) for m, s in zip(shape.meanings, shape.surfaces, strict=True)] if known else shape.meanings
        shown = _with_lent(shape, lent_shown.get((shape.lod, part), {}))
        builders.setdefault(shape.lod, FacesBuilder()).add_solids(shape, part, meanings, shown)
    for part, shape in shapes:
        drawn = bounding.get((shape.lod, part), set())
        shown = shape.shown or [None] * len(shape.loose)
        for surface, meaning, picture in zip(shape.loose, shape.meanings if shape.loose else (), shown if shape.loose else (), strict=True):
            if not drawn or _outline(surface) not in drawn:
                builders[shape.lod].add(shape.vertices, surface, part, meaning, picture)
    return builders


def _with_lent(shape: Shape, lent: Mapping[tuple[int, ...], tuple[Surface, Shown]]) -> Sequence[Shown | None]:
    """Return what the surfaces of solids show, of themselves or as loose surfaces of the same outline do."""
    if not lent:
        return shape.shown
    own = shape.shown or [None] * len(shape.meanings)
    others = [None if (found := lent.get(_outline(surface))) is None else turned_to(surface, *found) for surface in shape.surfaces]
    return [shown or other for shown, other in zip(own, others, strict=True)]


def surface_type(meaning: Json) -> SurfaceType:
    """Return the stored type of a semantic surface; those of extensions are OTHER."""
    return TYPES.get(str(meaning.get("type")), SurfaceType.OTHER)


def _outline(surface: Surface) -> tuple[int, ...]:
    return tuple(sorted(set(surface[0]))) if surface else ()


def _corners(ring: Ring, first: Sequence[int]) -> list[int]:
    """Return a ring without corners that lie where the one before does, also not the last one where the first does."""
    if ring and min(ring) < 0:
        raise IndexError(min(ring))
    if bool in map(type, ring):
        raise TypeError("an index is true or false")
    places = [first[i] for i in ring]
    return [v for v, before in zip(places, [*places[-1:], *places[:-1]], strict=True) if v != before]


def _places(ring: Ring, at: FloatArray, first: Sequence[int]) -> FloatArray:
    """Return of the places of a ring's corners those of the corners that `_corners` keeps."""
    places = [first[i] for i in ring]
    return at[[v != before for v, before in zip(places, [*places[-1:], *places[:-1]], strict=True)]]
