"""Geometries of GML → surfaces, solids, lines and points over numbered positions (ISO 19136; CityGML 2.0 §8, 3.0 §7.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.readers.citygml_appearance import ObjectTextures
from ingest.readers.citygml_faults import names_nothing, no_position, not_finite, not_of_dimension, numbers_of, too_many
from ingest.readers.citygml_stream import Element, gml_id, local_name, reference

FloatArray = npt.NDArray[np.float64]
Position = tuple[float, float, float]
Ring = list[int]
Surface = list[Ring]
"""Rings of numbers of positions, not closed; the first is the exterior."""
Solid = list[list[Surface]]
"""Shells of surfaces; the first is the exterior."""

_FACES = frozenset({"Polygon", "PolygonPatch", "Triangle", "Rectangle"})
_SURFACE_PROPERTIES = frozenset(
    {"surfaceMember", "surfaceMembers", "geometryMember", "geometryMembers", "baseSurface", "patches", "trianglePatches", "polygonPatches"}
)
_SOLID_PROPERTIES = frozenset({"solidMember", "solidMembers", "geometryMember", "geometryMembers"})
_CURVE_PROPERTIES = frozenset({"curveMember", "curveMembers", "segments", "baseCurve", "element", "geometryMember", "geometryMembers"})
_POINT_PROPERTIES = frozenset({"pointMember", "pointMembers", "geometryMember", "geometryMembers"})
_CURVES = frozenset({"LineString", "LineStringSegment"})
_DIMENSIONS = 3


@dataclass
class Positions:
    """Distinct positions in order of first use, each exactly as the file writes it."""

    numbers: dict[Position, int] = field(default_factory=dict)

    def number(self, position: Position) -> int:
        """Return the number of a position."""
        return self.numbers.setdefault(position, len(self.numbers))

    def array(self) -> FloatArray:
        """Return all positions, (n, 3); ValueError where one is not finite."""
        positions = np.array(list(self.numbers), dtype=np.float64).reshape(-1, _DIMENSIONS)
        if not np.isfinite(positions).all():
            raise not_finite()
        return positions


@dataclass
class Geometries:
    """Reads the geometries of one object; what is named by ``xlink:href`` is read where it is named."""

    positions: Positions
    find: Callable[[str], Element | None]
    """The element of an id, wherever in the document it stands."""
    budget: int
    """How many corners and references are still read: names that name each other would never end."""
    textures: ObjectTextures
    """Told of every ring that is read."""
    dimension: int = _DIMENSIONS
    _known: dict[str, Surface] = field(default_factory=dict)

    def surfaces(self, element: Element, *, reverse: bool = False) -> Iterator[Surface]:
        """Yield every surface in a geometry, turned over where an orientation says so; ValueError where it is not GML."""
        name = local_name(element)
        if name in _FACES:
            surface = self._face(element)
            if surface:
                yield [ring[::-1] for ring in surface] if reverse else surface
            return
        if name == "OrientableSurface" and element.get("orientation") == "-":
            reverse = not reverse
        if name == "Solid":
            for shell in self._shells(element):
                yield from self._members(shell, None, reverse)
            return
        yield from self._members(element, _SURFACE_PROPERTIES, reverse)

    def surfaces_in(self, held: Element) -> Iterator[Surface]:
        """Yield every surface in the geometry that a property holds or names."""
        for target in self._targets(held, None):
            yield from self.surfaces(target)

    def solids(self, element: Element) -> Iterator[Solid]:
        """Yield every solid in a geometry."""
        if local_name(element) == "Solid":
            shells = [list(self._members(shell, None, reverse=False)) for shell in self._shells(element)]
            if shells and shells[0]:
                yield [shell for shell in shells if shell]
            return
        for member in self._targets(element, _SOLID_PROPERTIES):
            yield from self.solids(member)

    def lines(self, element: Element) -> Iterator[list[int]]:
        """Yield every line in a geometry."""
        if local_name(element) in _CURVES:
            line = self._numbers(element)
            if len(line) > 1:
                yield line
            return
        parts = [line for member in self._targets(element, _CURVE_PROPERTIES) for line in self.lines(member)]
        yield from _joined(parts) if local_name(element) == "Curve" else parts

    def points(self, element: Element) -> Iterator[int]:
        """Yield every point in a geometry."""
        if local_name(element) == "Point":
            yield from self._numbers(element)[:1]
            return
        for member in self._targets(element, _POINT_PROPERTIES):
            yield from self.points(member)

    def _members(self, element: Element, properties: frozenset[str] | None, reverse: bool) -> Iterator[Surface]:
        for member in self._targets(element, properties):
            yield from self.surfaces(member, reverse=reverse)

    def _shells(self, solid: Element) -> Iterator[Element]:
        """Yield the properties ``exterior`` and ``interior`` of a solid."""
        return (p for p in solid if local_name(p) in ("exterior", "interior"))

    def _targets(self, element: Element, properties: frozenset[str] | None) -> Iterator[Element]:
        """Yield what the properties of an element hold or name; with None the element is the property itself."""
        for held in (element,) if properties is None else (p for p in element if local_name(p) in properties):
            self._spend(1)
            name = reference(held)
            if name is not None and (target := self.find(name)) is not None:
                yield target
            elif name is not None:
                raise names_nothing(name)
            yield from (child for child in held if isinstance(child.tag, str))

    def _face(self, element: Element) -> Surface:
        name = gml_id(element)
        if name is not None and self.find(name) is not element:
            name = None  # another has the same id
        if name is not None and name in self._known:
            self._spend(sum(map(len, self._known[name])))
            return self._known[name]
        rings: Surface = []
        for boundary in element:
            if local_name(boundary) in ("exterior", "interior"):
                ring = [n for part in boundary for n in self._named_ring(part)]
                if ring:
                    rings.append(ring)
                elif local_name(boundary) == "exterior":
                    return []
        if name is not None:
            self._known[name] = rings
        return rings

    def _named_ring(self, element: Element) -> Ring:
        ring = self._ring(element)
        self.textures.note(gml_id(element) if isinstance(element.tag, str) else None, ring)
        return ring

    def _ring(self, element: Element) -> Ring:
        if local_name(element) == "Ring":
            lines = [line for member in self._targets(element, _CURVE_PROPERTIES) for line in self.lines(member)]
            ring = next(_joined(lines), [])
        elif isinstance(element.tag, str):
            ring = self._numbers(element)
        else:
            return []
        return ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring

    def _numbers(self, element: Element) -> list[int]:
        """Return the positions of a ring, line or point, however they are written."""
        found: list[int] = []
        for child in element:
            match local_name(child):
                case "posList" | "coordinates":
                    found += self._listed(child, element)
                case "pos":
                    found.append(self.positions.number(_padded(child.text)))
                case "pointProperty" | "pointRep":
                    found += [n for target in self._targets(child, None) for n in self._numbers(target)]
                case _:
                    pass
        self._spend(len(found))
        return found

    def _listed(self, child: Element, parent: Element) -> list[int]:
        values = numbers_of((child.text or "").replace(",", " "))
        stated = child.get("srsDimension") or parent.get("srsDimension")
        dimension = int(stated) if stated else self.dimension
        if dimension not in (2, _DIMENSIONS) or len(values) % dimension:
            raise not_of_dimension(len(values), dimension)
        one = iter(values)
        flat = zip(one, one, [0.0] * (len(values) // 2), strict=False) if dimension == 2 else zip(one, one, one, strict=True)
        numbers = self.positions.numbers
        return [numbers.setdefault(position, len(numbers)) for position in flat]

    def _spend(self, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise too_many()


def _padded(text: str | None) -> Position:
    values = numbers_of(text or "")
    if len(values) not in (2, _DIMENSIONS):
        raise no_position(len(values))
    return values[0], values[1], values[2] if len(values) == _DIMENSIONS else 0.0


def _joined(parts: Sequence[list[int]]) -> Iterator[list[int]]:
    """Yield parts that begin where the one before ends as one line."""
    line: list[int] = []
    for part in parts:
        if line and line[-1] == part[0]:
            line = [*line, *part[1:]]
            continue
        if line:
            yield line
        line = list(part)
    if line:
        yield line
