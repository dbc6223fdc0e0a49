"""Objects of CityGML 1.0, 2.0 and 3.0 → city objects in the form of CityJSON 2.0, with all that belongs to them.

Boundary surfaces become the meanings of faces: a surface of a solid takes the meaning of the boundary surface of the same outline.
Spaces of transportation (sections, traffic spaces) are passed through; an implicit geometry is put in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ingest.readers.citygml_appearance import Appearances, ObjectTextures
from ingest.readers.citygml_attributes import AttributeReader, addresses
from ingest.readers.citygml_faults import names_nothing, twice
from ingest.readers.citygml_frame import Axes
from ingest.readers.citygml_geometry import Geometries, Positions, Solid, Surface
from ingest.readers.citygml_implicit import implicit_geometry
from ingest.readers.citygml_network import CLASSES, Network
from ingest.readers.citygml_stream import Element, gml_id, local_name, namespace, reference, with_ids
from ingest.readers.cityjson_frame import Frame, Vertices
from ingest.readers.cityjson_objects import Scope

_SAME = [
    "Building",
    "BuildingPart",
    "BuildingInstallation",
    "BuildingFurniture",
    "BuildingRoom",
    "BuildingUnit",
    "BuildingConstructiveElement",
    "Bridge",
    "BridgePart",
    "BridgeInstallation",
    "BridgeRoom",
    "BridgeFurniture",
    "BridgeConstructiveElement",
    "Tunnel",
    "TunnelPart",
    "TunnelInstallation",
    "TunnelFurniture",
    "TunnelHollowSpace",
    "TunnelConstructiveElement",
    "CityFurniture",
    "CityObjectGroup",
    "LandUse",
    "OtherConstruction",
    "PlantCover",
    "Railway",
    "Road",
    "SolitaryVegetationObject",
    "TINRelief",
    "TransportSquare",
    "WaterBody",
    "Waterway",
    "GenericCityObject",
]
TYPES: Mapping[str, str] = {
    **{name: name for name in _SAME},
    "Room": "BuildingRoom",
    "Storey": "BuildingStorey",
    "IntBuildingInstallation": "BuildingInstallation",
    "IntBridgeInstallation": "BridgeInstallation",
    "IntTunnelInstallation": "TunnelInstallation",
    "BridgeConstructionElement": "BridgeConstructiveElement",
    "HollowSpace": "TunnelHollowSpace",
    "ReliefFeature": "TINRelief",
    "Square": "TransportSquare",
    "Track": "Road",
    "TransportationComplex": "Road",
    "GenericOccupiedSpace": "GenericCityObject",
    "GenericUnoccupiedSpace": "GenericCityObject",
}
"""Class of CityGML → type of CityJSON 2.0; a class of an extension keeps its name."""
_MEANINGS: Mapping[str, str] = {"WindowSurface": "Window", "DoorSurface": "Door"}
_BOUNDARIES = frozenset({"boundedBy", "boundary", "trafficArea", "auxiliaryTrafficArea", "pressurePoint"})
_OPENINGS = frozenset({"opening", "fillingSurface"})
_BODIES: Mapping[str, str] = {"Solid": "Solid", "CompositeSolid": "CompositeSolid"}
_SPACES = frozenset({"Section", "Intersection", "TrafficSpace", "AuxiliaryTrafficSpace", "ClearanceSpace", "Marking", "Hole"})
_GEOMETRY = re.compile(r"lod([0-4])(\w+)$")
_CORNERS_PER_VERTEX = 20
_GML = "opengis.net/gml"

CityObject = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """What a boundary surface says of its faces, and the wall or roof that an opening is in."""

    said: Mapping[str, Any]
    wall: Meaning | None = None


Nested = Meaning | Sequence["Nested"] | None
"""Meanings in lists as deep as the surfaces they are of."""
_OUTLINES: Mapping[str, Meaning] = {"FootPrint": Meaning({"type": "GroundSurface"}), "RoofEdge": Meaning({"type": "RoofSurface"})}
"""What the outlines of LoD 0 in CityGML 1 and 2 are of."""


@dataclass
class Level:
    """What an object has at one level of detail."""

    bodies: list[tuple[str, list[Solid]]] = field(default_factory=list)
    """Type of CityJSON's geometry and its solids."""
    surfaces: list[tuple[Surface, Meaning | None]] = field(default_factory=list)
    lines: list[list[int]] = field(default_factory=list)
    points: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class ObjectReader:
    """Turns a member of a document into a scope of city objects."""

    frame: Frame
    axes: Axes
    attributes: AttributeReader
    shared: Mapping[str, Element | None]
    """Elements that other members name, by id."""
    max_vertices: int
    network: Network
    """What the graphs of utility networks say of the features in them."""
    appearances: Appearances = field(default_factory=Appearances)
    folder: str = ""
    """From where the document names its pictures."""
    shapes: bool = True
    """False: attributes only."""

    def scope(self, element: Element, unnamed: str) -> Scope:
        """Return the objects of a member, which is called ``unnamed`` if it has no id; ValueError where its geometry is not GML's."""
        own = with_ids(element)
        positions = Positions()
        textures = ObjectTextures(self.appearances)
        budget = self.max_vertices * _CORNERS_PER_VERTEX
        geometries = Geometries(positions, lambda name: own.get(name, self.shared.get(name)), budget, textures)
        objects: dict[str, CityObject] = {}
        name = _Conversion(self, geometries, objects).add(element, unnamed, None)
        placed = self.axes.placed(positions.array())
        vertices = np.rint((placed - self.frame.translate) / self.frame.scale).astype(np.int64)
        exported = objects[name]["type"] in TYPES.values()
        appearance = textures.appearance
        line = _document(name, objects, vertices, appearance) if exported else None
        return Scope(objects, vertices, Vertices(placed, range(len(placed))), appearance, line, exported, self.folder)


def type_of(element: Element) -> str:
    """Return the type of city object that an element is."""
    name = local_name(element)
    return TYPES.get(name) or CLASSES.get(name, name)


def _document(name: str, objects: Mapping[str, CityObject], vertices: npt.NDArray[np.int64], appearance: Mapping[str, Any] | None) -> bytes:
    document = {"type": "CityJSONFeature", "id": name, "CityObjects": objects, "vertices": vertices}
    if appearance is not None:
        document["appearance"] = appearance
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


@dataclass
class _Conversion:
    """One member on its way: adds objects, parents before their children."""

    reader: ObjectReader
    geometries: Geometries
    objects: dict[str, CityObject]

    def add(self, element: Element, fallback: str, parent: str | None) -> str:
        """Add an object and its descendants; one without an id is named ``fallback``."""
        name = gml_id(element) or fallback
        if name in self.objects:
            raise twice(name)
        made: CityObject = {"type": type_of(element)}
        self.objects[name] = made
        levels: dict[str, Level] = {}
        inner: list[Element] = []
        stood_for = self.reader.shared.get(self.reader.network.stands_for(element) or "")
        taken = self._collect(element, {} if stood_for is not None else levels, inner)
        if stood_for is not None:
            self._collect(stood_for, levels, inner)
        if attributes := {**self.reader.attributes.read(element, taken), **self.reader.network.attributes(element)}:
            made["attributes"] = attributes
        if said := list(addresses(element)):
            made["address"] = said
        if geometry := [g for lod in sorted(levels) for g in _geometries(lod, levels[lod])]:
            made["geometry"] = [self._textured(g) for g in geometry]
        if parent is not None:
            made["parents"] = [parent]
        children = [self.add(child, f"{name}_{i}", name) for i, child in enumerate(inner, 1)]
        if children:
            made["children"] = children
        return name

    def _textured(self, geometry: dict[str, Any]) -> dict[str, Any]:
        """Return a geometry with what its surfaces show."""
        is_surface = geometry["type"] not in ("MultiLineString", "MultiPoint")
        textures = self.geometries.textures.on(geometry["boundaries"]) if is_surface and self.geometries.textures.painted else {}
        return {**geometry, "texture": textures} if textures else geometry

    def _collect(self, element: Element, levels: dict[str, Level], inner: list[Element]) -> frozenset[str]:
        """Gather what has a shape from the properties of an object, and return the names of these properties."""
        taken: set[str] = set()
        for held in element.iterchildren("*"):
            name = local_name(held)
            if (match := _GEOMETRY.match(name)) is not None:
                self._geometry(levels.setdefault(match[1], Level()), match[2], held, None)
                continue
            for child in self._objects_of(held):
                kind = local_name(child)
                if name in _BOUNDARIES and _GML not in namespace(held):
                    self._boundary(levels, child, None)
                elif kind in _SPACES:
                    self._collect(child, levels, inner)
                elif kind in TYPES:
                    inner.append(child)
                else:
                    continue
                taken.add(name)
        return frozenset(taken)

    def _objects_of(self, held: Element) -> Iterator[Element]:
        name = reference(held)
        if name is not None and local_name(held) in _BOUNDARIES | _OPENINGS and (target := self.geometries.find(name)) is not None:
            yield target
        yield from held.iterchildren("*")

    def _boundary(self, levels: dict[str, Level], surface: Element, wall: Meaning | None) -> None:
        """Add a boundary surface at each of its levels, and the windows and doors in it."""
        kind = local_name(surface)
        name = gml_id(surface)
        said = {**self.reader.attributes.read(surface, _OPENINGS), "type": _MEANINGS.get(kind, kind), **({"id": name} if name else {})}
        meaning = Meaning(said, wall)
        for held in surface.iterchildren("*"):
            if (match := _GEOMETRY.match(local_name(held))) is not None:
                self._geometry(levels.setdefault(match[1], Level()), match[2], held, meaning)
            elif local_name(held) in _OPENINGS:
                for opening in self._objects_of(held):
                    self._boundary(levels, opening, meaning)

    def _geometry(self, level: Level, kind: str, held: Element, meaning: Meaning | None) -> None:
        if kind.startswith("TerrainIntersection") or not self.reader.shapes:
            return
        geometries = self.geometries
        for geometry in self._geometry_of(held):
            geometries.dimension = int(geometry.get("srsDimension") or 3)
            if local_name(geometry) == "ImplicitGeometry":
                surfaces, anchor = implicit_geometry(geometry, geometries, self.reader.axes)
                level.points += anchor
                level.surfaces += [(s, meaning) for s in surfaces]
            elif solids := list(geometries.solids(geometry)):
                level.bodies.append((_BODIES.get(local_name(geometry), "MultiSolid"), solids))
            elif surfaces := list(geometries.surfaces(geometry)):
                level.surfaces += [(s, _OUTLINES.get(kind, meaning)) for s in surfaces]
            else:
                level.lines += geometries.lines(geometry)
                level.points += geometries.points(geometry)

    def _geometry_of(self, held: Element) -> Iterator[Element]:
        if (name := reference(held)) is not None:
            target = self.geometries.find(name)
            if target is None:
                raise names_nothing(name)
            yield target
        yield from held.iterchildren("*")


def _geometries(lod: str, level: Level) -> Iterator[dict[str, Any]]:
    """Yield the geometries of a level as CityJSON has them: bodies with the meaning of their faces, then what bounds no body."""
    bounding = {_outline(s) for _, solids in level.bodies for solid in solids for shell in solid for s in shell}
    meanings = {_outline(s): m for s, m in level.surfaces if m is not None}
    for kind, solids in level.bodies:
        said = [[[meanings.get(_outline(s)) for s in shell] for shell in solid] for solid in solids]
        if kind == "Solid":
            yield _with_semantics({"type": kind, "lod": lod, "boundaries": solids[0]}, said[0])
        else:
            yield _with_semantics({"type": kind, "lod": lod, "boundaries": solids}, said)
    seen: set[tuple[int, ...]] = set()
    loose: list[tuple[Surface, Meaning | None]] = []
    for surface, _ in level.surfaces:
        outline = _outline(surface)
        if outline not in bounding and outline not in seen:
            seen.add(outline)
            loose.append((surface, meanings.get(outline)))
    if loose:
        boundaries = [surface for surface, _ in loose]
        yield _with_semantics({"type": "MultiSurface", "lod": lod, "boundaries": boundaries}, [meaning for _, meaning in loose])
    if level.lines:
        yield {"type": "MultiLineString", "lod": lod, "boundaries": level.lines}
    if level.points:
        yield {"type": "MultiPoint", "lod": lod, "boundaries": level.points}


def _with_semantics(geometry: dict[str, Any], said: Nested) -> dict[str, Any]:
    """Return a geometry with the meanings of its surfaces, which lie in lists as deep as its shells; as it is without any."""
    surfaces: list[dict[str, Any]] = []
    places: dict[int, int] = {}

    def place(meaning: Meaning) -> int:
        if id(meaning) not in places:
            wall = None if meaning.wall is None else place(meaning.wall)
            places[id(meaning)] = len(surfaces)
            surfaces.append({**meaning.said} if wall is None else {**meaning.said, "parent": wall})
        return places[id(meaning)]

    def values(node: Nested) -> object:
        if isinstance(node, Meaning):
            return place(node)
        return None if node is None else [values(n) for n in node]

    written = values(said)
    return {**geometry, "semantics": {"surfaces": surfaces, "values": written}} if surfaces else geometry


def _outline(surface: Surface) -> tuple[int, ...]:
    return tuple(sorted(set(surface[0])))
