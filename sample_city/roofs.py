"""Watertight solids of buildings with their roofs (LoD 2): ground, walls and roof faces over right-angled footprints.

A footprint is made of bars of one thickness (a rectangle, an L, U or H, or a ring round a courtyard). The planes of a sloping roof over
such a shape all meet at half the thickness from the walls: its straight skeleton has one node for every corner, the corner moved inwards by
half the thickness, and corners opposite to one another share their node. So hipped, gabled and mansard roofs need no search for events.
Coordinates are easting, northing and elevation in metres, rounded to the millimetre.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from sample_city.roof_types import (
    FLAT,
    GABLE,
    MANSARD,
    MANSARD_FOOT_M,
    MANSARD_STEEP,
    PARAPET_M,
    SHED,
    bar_thickness_m,
    ridge_rise_m,
)  # fmt: skip

GROUND, WALL, ROOF = "GroundSurface", "WallSurface", "RoofSurface"
_PARAPET_THICKNESS_M = 0.3
_LIFT_HOUSE_M = (6.0, 4.5, 3.2)
_LIFT_FROM_FLOORS = 7
_SAME_NODE_M = 0.05
Place = tuple[float, float, float]
Ring = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Face:
    """One planar face: its semantic surface and its rings of vertex numbers, the exterior first, counter-clockwise seen from outside."""

    surface: str
    rings: tuple[Ring, ...]


@dataclass(slots=True)
class Solid:
    """A closed solid: every edge of its faces is used once in each direction."""

    vertices: list[Place] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    _numbers: dict[Place, int] = field(default_factory=dict)

    def vertex(self, place: NDArray[np.float64], z: float) -> int:
        """Return the number of a vertex, equal places sharing one."""
        key = (round(float(place[0]), 3), round(float(place[1]), 3), round(float(z), 3))
        if key not in self._numbers:
            self._numbers[key] = len(self.vertices)
            self.vertices.append(key)
        return self._numbers[key]

    def ring(self, places: NDArray[np.float64], z: float) -> Ring:
        """Return the numbers of a level ring."""
        return tuple(self.vertex(place, z) for place in places)

    def add(self, surface: str, *rings: Ring) -> None:
        """Append a face."""
        self.faces.append(Face(surface, rings))


def building_solid(footprint: Polygon, base_m: float, eaves_m: float, roof: str, floors: int) -> Solid:
    """Return the solid of a building from ``base_m`` to its roof, which begins at ``eaves_m``; tall flat roofs carry a lift house."""
    rings = [shapely.get_coordinates(r)[:-1] for r in (footprint.exterior, *footprint.interiors)]
    solid = Solid()
    solid.add(GROUND, *(solid.ring(ring, base_m)[::-1] for ring in rings))
    if roof == FLAT:
        _flat(solid, rings, base_m, eaves_m, footprint if floors >= _LIFT_FROM_FLOORS else None)
    elif roof == SHED:
        _shed(solid, rings[0], base_m, eaves_m, ridge_rise_m(roof, footprint))
    else:
        _sloping(solid, rings, base_m, eaves_m, roof, footprint)
    return solid


def _flat(solid: Solid, rings: list[NDArray[np.float64]], base_m: float, eaves_m: float, tall: Polygon | None) -> None:
    """Add a roof behind a parapet."""
    top_m = eaves_m + PARAPET_M
    terrace = [_inset(ring, _PARAPET_THICKNESS_M) for ring in rings]
    for ring, inner in zip(rings, terrace, strict=True):
        low, high = solid.ring(ring, base_m), solid.ring(ring, top_m)
        floor, rim = solid.ring(inner, eaves_m), solid.ring(inner, top_m)
        for a, b in _edges(len(ring)):
            solid.add(WALL, (low[a], low[b], high[b], high[a]))
            solid.add(WALL, (floor[b], floor[a], rim[a], rim[b]))
        # Round a courtyard the parapet's inner edge is the longer one.
        solid.add(ROOF, *((high, rim[::-1]) if ring is rings[0] else (rim[::-1], high)))
    holes = [solid.ring(inner, eaves_m) for inner in terrace[1:]]
    box = _lift_house(Polygon(terrace[0], terrace[1:]), rings[0]) if tall is not None else None
    if box is not None:
        foot, head = solid.ring(box, eaves_m), solid.ring(box, eaves_m + _LIFT_HOUSE_M[2])
        for a, b in _edges(len(box)):
            solid.add(WALL, (foot[a], foot[b], head[b], head[a]))
        solid.add(ROOF, head)
        holes.append(foot[::-1])
    solid.add(ROOF, solid.ring(terrace[0], eaves_m), *holes)


def _lift_house(terrace: Polygon, outer: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the ring of a lift house along the longest wall, in the middle of the roof; None where it has no room."""
    sides = np.roll(outer, -1, axis=0) - outer
    longest = sides[np.argmax(np.linalg.norm(sides, axis=1))]
    across = longest / np.linalg.norm(longest)
    up = np.array([-across[1], across[0]])
    middle = shapely.get_coordinates(shapely.point_on_surface(terrace))[0]
    if terrace.contains(shapely.centroid(terrace)):
        middle = shapely.get_coordinates(shapely.centroid(terrace))[0]
    length, depth, _ = _LIFT_HOUSE_M
    corners = [(-length, -depth), (length, -depth), (length, depth), (-length, depth)]
    box = np.array([middle + across * x / 2 + up * y / 2 for x, y in corners])
    return box if terrace.buffer(-1.0).contains(Polygon(box)) else None


def _shed(solid: Solid, ring: NDArray[np.float64], base_m: float, eaves_m: float, rise_m: float) -> None:
    """Add one plane that rises from one long wall to the other."""
    first = int(np.argmax(np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)))
    ring = np.roll(ring, -first, axis=0)
    low = solid.ring(ring, base_m)
    high = tuple(solid.vertex(place, eaves_m + rise_m * (k > 1)) for k, place in enumerate(ring))
    for a, b in _edges(4):
        solid.add(WALL, (low[a], low[b], high[b], high[a]))
    solid.add(ROOF, high)


def _sloping(solid: Solid, rings: list[NDArray[np.float64]], base_m: float, eaves_m: float, roof: str, footprint: Polygon) -> None:
    """Add a hipped, pyramidal, gabled or mansard roof."""
    thickness = bar_thickness_m(footprint)
    nodes, gables = _skeleton(rings, thickness, gabled=roof == GABLE)
    ridge_m = eaves_m + ridge_rise_m(roof, footprint)
    for ring, ring_nodes, ring_gables in zip(rings, nodes, gables, strict=True):
        low, eaves = solid.ring(ring, base_m), solid.ring(ring, eaves_m)
        foot = eaves
        if roof == MANSARD:
            foot = solid.ring(_inset(ring, MANSARD_FOOT_M), eaves_m + MANSARD_FOOT_M * MANSARD_STEEP)
        for a, b in _edges(len(ring)):
            if roof == MANSARD:
                solid.add(ROOF, (eaves[a], eaves[b], foot[b], foot[a]))
            ridge = tuple(solid.vertex(place, ridge_m) for place in _path(ring_nodes[b], ring_nodes[a], nodes))
            if ring_gables[a]:
                solid.add(WALL, (low[a], low[b], eaves[b], *ridge, eaves[a]))
            else:
                solid.add(WALL, (low[a], low[b], eaves[b], eaves[a]))
                solid.add(ROOF, (foot[a], foot[b], *ridge))


def _skeleton(
    rings: list[NDArray[np.float64]], thickness_m: float, *, gabled: bool
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.bool_]]]:
    """Return the node of every corner, and which sides (from that corner) are gables: there the node lies on the wall itself.

    A ring round a courtyard has no ends and so no gables.
    """
    nodes = [_inset(ring, thickness_m / 2) for ring in rings]
    gables = [np.zeros(len(ring), dtype=bool) for ring in rings]
    places: list[NDArray[np.float64]] = []
    for ring_nodes in nodes:
        for k, node in enumerate(ring_nodes):
            known = next((place for place in places if np.hypot(*(place - node)) < _SAME_NODE_M), None)
            if known is None:
                places.append(node)
            else:
                ring_nodes[k] = known
    if gabled and len(rings) == 1:
        for a, b in _ends(rings[0], nodes[0]):
            gables[0][a] = True
            nodes[0][[a, b]] = np.round((rings[0][a] + rings[0][b]) / 2, 3)
    return nodes, gables


def _ends(ring: NDArray[np.float64], nodes: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the sides that end a bar: the shorter sides of a rectangle, or those whose corners share a node."""
    if len(ring) == 4:
        sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
        first = 0 if sides[0] < sides[1] else 1
        return [(first, first + 1), (first + 2, (first + 3) % 4)]
    return [(a, b) for a, b in _edges(len(ring)) if (nodes[a] == nodes[b]).all()]


def _path(start: NDArray[np.float64], end: NDArray[np.float64], nodes: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the nodes from one to another along the ridge between them, where other ridges may meet it."""
    if (start == end).all():
        return [start]
    length = float(np.hypot(*(end - start)))
    along = (end - start) / length
    between: dict[float, NDArray[np.float64]] = {}
    for node in np.concatenate(nodes):
        run, aside = along @ (node - start), abs(float(along[0] * (node - start)[1] - along[1] * (node - start)[0]))
        if aside < _SAME_NODE_M < run < length - _SAME_NODE_M:
            between[round(float(run), 3)] = node
    return [start, *(between[run] for run in sorted(between)), end]


def _inset(ring: NDArray[np.float64], distance_m: float) -> NDArray[np.float64]:
    """Return the corners of a ring moved into the solid (its left) by the same distance from both sides, to the millimetre."""
    ahead = np.roll(ring, -1, axis=0) - ring
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    left = np.column_stack([-ahead[:, 1], ahead[:, 0]])
    before = np.roll(left, 1, axis=0)
    mitre = (left + before) / (1.0 + np.einsum("ij,ij->i", left, before))[:, None]
    return np.asarray(np.round(ring + mitre * distance_m, 3), dtype=np.float64)


def _edges(count: int) -> list[tuple[int, int]]:
    return [(k, (k + 1) % count) for k in range(count)]
