"""The second tileset of a revision: implicit tiling over the same tree and the same contents (3D Tiles 1.1 §7.1).

Addresses are templates below the revision, which the server resolves by walking node records; tiles are drawn by the bounds and errors of
their subtree. The root's volume is only what clients derive the volume of a subtree not yet loaded from: a box along the axes of the
grid, so that its quarters are the cells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.bounds import Region
from tiles.local_frame import ToGeocentric
from tiles.metadata import Json
from tiles.node import Node
from tiles.prisms import ORIGIN_M
from tiles.subtree import CONTENT_CLASS, ERROR_ID, NAME_BYTES, NAME_ID, REGION_ID, SUBTREE_LEVELS, TILE_CLASS, SubtreeError
from tiles.subtrees import Load
from tiles.tiling import Cell
from twin.crs import ecef_from_geodetic

type Numbers = NDArray[np.float64]

CONTENT_TEMPLATE, SUBTREE_TEMPLATE = "i/{level}/{x}/{y}.glb", "i/{level}/{x}/{y}.subtree"
_SUBTREES = "subtrees"
_MARGIN_M = 1.0


def implicit_tileset(root: Node, subtrees: str, volume: Json, members: Json) -> bytes:
    """Return the tileset to be served as ``/tiles/{dataset}/{revision}/implicit.json`` of the tree of ``root``; something is drawn in it.

    ``subtrees``: the name of the root's subtree file, by which the server finds what the templates name; ``volume``: as ``root_volume``
    gives it; ``members``: schema, metadata, statistics… of the explicit tileset.
    """
    if root.tile is None:
        raise SubtreeError("a tree in which nothing is drawn has no implicit tiling")
    error_m = root.tile.geometric_error_m
    tile = {
        "boundingVolume": volume,
        "geometricError": error_m,
        "refine": "REPLACE",
        "content": {"uri": CONTENT_TEMPLATE},
        "implicitTiling": {
            "subdivisionScheme": "QUADTREE",
            "subtreeLevels": SUBTREE_LEVELS,
            "availableLevels": root.levels,
            "subtrees": {"uri": SUBTREE_TEMPLATE},
        },
    }
    schema, extras = members.get("schema"), members.get("extras")
    own = {**members, "schema": implicit_schema(schema if isinstance(schema, dict) else {"id": "implicit"})}
    own["extras"] = {**(extras if isinstance(extras, dict) else {}), _SUBTREES: subtrees}
    return orjson.dumps({"asset": {"version": "1.1"}, **own, "geometricError": max(root.tile.region.diagonal_m, error_m), "root": tile})


def root_subtree(tileset: bytes) -> str | None:
    """Return the name of the root's subtree file of an implicit tileset of ours; None for one that shows nothing."""
    name = orjson.loads(tileset).get("extras", {}).get(_SUBTREES)
    return name if isinstance(name, str) else None


def root_volume(root: Node, load: Load, to_geocentric: ToGeocentric) -> Json:
    """Return the bounding volume of an implicit root: a box along the grid, or the region itself where PROJ knows no place of the cell.

    A box even where one subtree file tells the bounds of all tiles: there are clients that read no metadata of tiles, and derive them.
    """
    region = Region(0, 0, 0, 0, 0, 0) if root.tile is None else root.tile.region
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # where the CRS is not defined there is no box
        box = grid_box(root.cell, region, to_geocentric, _place(root, load))
    return {"box": box} if np.isfinite(box).all() else {"region": region.as_list()}


def _place(root: Node, load: Load) -> tuple[float, float]:
    """Return the middle of a small cell that holds something: E, N somewhere in the data."""
    node = root
    while node.children:
        node = max((load(name) for _, name in node.children), key=lambda child: child.levels)
    middle = (2.0**node.cell.level * (place + 0.5) + ORIGIN_M for place in (node.cell.column, node.cell.row))
    return next(middle), next(middle)


def implicit_schema(schema: Json) -> Json:
    """Return ``schema`` with the classes of the metadata in subtrees beside its own."""

    def numbers(semantic: str) -> Json:
        return {"type": "SCALAR", "componentType": "FLOAT64", "array": True, "count": 6, "required": True, "semantic": semantic}

    error = {"type": "SCALAR", "componentType": "FLOAT64", "required": True, "semantic": "TILE_GEOMETRIC_ERROR"}
    tile = {"properties": {REGION_ID: numbers("TILE_BOUNDING_REGION"), ERROR_ID: error}}
    name = {"type": "SCALAR", "componentType": "UINT8", "array": True, "count": NAME_BYTES, "required": True}
    content = {"properties": {REGION_ID: numbers("CONTENT_BOUNDING_REGION"), NAME_ID: name}}
    classes = schema.get("classes")
    return {**schema, "classes": {**(classes if isinstance(classes, Mapping) else {}), TILE_CLASS: tile, CONTENT_CLASS: content}}


def grid_box(cell: Cell, region: Region, to_geocentric: ToGeocentric, place: tuple[float, float]) -> list[float]:
    """Return ``cell`` as a box (centre and half axes, geocentric metres) that encloses ``region``, the root's.

    The axes are those of the grid at ``place`` (E, N), somewhere in the data: there a quarter of a quarter… of the box is a cell of the
    grid to within the curvature. What overhangs the cell widens the box.
    """
    origin, axes, scale = _axes_at(to_geocentric, place)
    low, high = _reach(region, origin, axes)
    side = 2.0**cell.level
    corner = np.array([cell.column, cell.row]) * side + ORIGIN_M
    sides = np.stack([corner - place, corner + side - place]) * scale
    low[:2], high[:2] = np.minimum(low[:2], sides[0]), np.maximum(high[:2], sides[1])
    centre = origin + axes @ ((low + high) / 2)
    return [float(v) for v in (*centre, *(axes * ((high - low) / 2)).T.ravel())]


def _axes_at(to_geocentric: ToGeocentric, place: tuple[float, float]) -> tuple[Numbers, Numbers, Numbers]:
    """Return the geocentric place, its axes east, north and up as orthonormal columns, and metres per metre of the grid along two."""
    step = 50.0
    east, north = np.array([0.0, step, -step, 0.0, 0.0, 0.0]) + place[0], np.array([0.0, 0.0, 0.0, step, -step, 0.0]) + place[1]
    points = np.column_stack(to_geocentric(east, north, np.array([0.0, 0.0, 0.0, 0.0, 0.0, step])))
    along, ahead, up = points[1] - points[2], points[3] - points[4], points[5] - points[0]
    up /= np.linalg.norm(up)
    scale = np.array([np.linalg.norm(along), np.linalg.norm(ahead)]) / (2 * step)
    ahead -= up * (ahead @ up)
    ahead /= np.linalg.norm(ahead)
    return points[0], np.column_stack([np.cross(ahead, up), ahead, up]), scale


def _reach(region: Region, origin: Numbers, axes: Numbers) -> tuple[Numbers, Numbers]:
    """Return the least and greatest coordinates of ``region`` in the frame; between nine places a side its curvature is in the margin."""
    w, s, e, n, bottom, top = region.as_list()
    lon, lat, height = np.meshgrid(np.linspace(w, e, 9), np.linspace(s, n, 9), [bottom, top])
    local = (np.column_stack(ecef_from_geodetic(lon.ravel(), lat.ravel(), height.ravel())) - origin) @ axes
    sag = region.diagonal_m**2 / (8 * 8**2 * 6_371_000.0)
    return local.min(axis=0) - sag - _MARGIN_M, local.max(axis=0) + sag + _MARGIN_M
