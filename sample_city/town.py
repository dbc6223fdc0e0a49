"""The built-up town, block by block from the centre outwards: zone, ground inside the red lines, and houses that stand on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from sample_city.layouts import House, layout_of
from sample_city.relief import CORRIDOR_HALF_WIDTH_M, Relief
from sample_city.river import corridor
from sample_city.seeding import rng_at
from sample_city.streets import Cell, StreetGrid
from sample_city.subdivision import Frame, subdivide
from sample_city.zoning import Zone, zone_of

_SUBJECT_LAYOUT = 41
_SETBACK_M = 4.0
GREEN, SMALLEST_LOT_M2 = "1401", 400.0
"""Land too small to build on is a garden."""
_GAP_M = 1.0
_HALF_PATH_M = 1.0


@dataclass(frozen=True, slots=True)
class TownBlock:
    """One block of the town. ``houses`` and ``footprints`` run in parallel; footprints are EPSG:4549 polygons, to the millimetre.

    ``rank`` is the block's number in the order of growth. ``parcels`` tile the land but for paths between blocks, ``parcel_of`` says on
    which of them each house stands.
    """

    cell: Cell
    rank: int
    zone: Zone
    land: tuple[Polygon, ...]
    houses: tuple[House, ...]
    footprints: tuple[Polygon, ...]
    parcels: tuple[Polygon, ...]
    parcel_of: tuple[int, ...]


def grow_town(grid: StreetGrid, scale: int, first_rank: int = 0) -> Iterator[TownBlock]:
    """Yield blocks in order of growth from ``first_rank`` until exactly ``scale`` houses stand (fewer only when the grid is full)."""
    left = scale
    for rank in range(first_rank, len(grid.growth)):
        if left <= 0:
            return
        cell = grid.growth[rank]
        block = _build(grid, cell, rank, left)
        left -= len(block.houses)
        yield block


def land_of(grid: StreetGrid, cell: Cell, sides: tuple[bool, bool, bool, bool]) -> tuple[Polygon, ...]:
    """Return the ground of a cell within the red lines of its streets and outside the river corridor, largest piece first."""
    block = grid.block(cell, sides)
    dry = block.difference(_corridor_near(grid.relief, block))
    pieces = dry.geoms if isinstance(dry, MultiPolygon) else [dry]
    return tuple(sorted((p for p in pieces if isinstance(p, Polygon) and not p.is_empty), key=lambda p: -p.area))


def _corridor_near(relief: Relief, block: Polygon) -> Polygon:
    west, south, east, north = block.bounds
    middle_e, middle_n = (west + east) / 2, (south + north) / 2
    reach = CORRIDOR_HALF_WIDTH_M + np.hypot(east - west, north - south)
    if float(relief.river_distance_m(middle_e, middle_n)) > reach:
        return Polygon()
    return corridor(relief, int(relief.river_index(middle_n)), west, east)


def _build(grid: StreetGrid, cell: Cell, rank: int, most: int) -> TownBlock:
    zone = zone_of(grid, cell, rank)
    sides = grid.town_edges(cell)
    land = land_of(grid, cell, sides)
    corners = shapely.get_coordinates(grid.block(cell, sides).exterior)[:4]
    origin, across, up, width, depth = _frame(corners)
    houses = tuple(layout_of(zone)(width, depth, rng_at(grid.relief.seed, _SUBJECT_LAYOUT, *cell)))
    footprints = np.array([_place(house, origin, across, up) for house in houses], dtype=object)
    buildable = shapely.union_all([piece.buffer(-_SETBACK_M) for piece in land])
    shapely.prepare(buildable)
    kept = _free_standing(footprints, np.asarray(shapely.contains(buildable, footprints), dtype=bool)) if houses else []
    parcels = _parcels(zone, _lots(grid, cell, sides, land), footprints[kept], (origin, across, up))
    kept = kept[:most]
    parcel_of = shapely.STRtree(parcels).query(footprints[kept], predicate="within")[1] if kept else []
    return TownBlock(
        cell,
        rank,
        zone,
        land,
        tuple(houses[k] for k in kept),
        tuple(footprints[k] for k in kept),
        parcels,
        tuple(int(parcel) for parcel in parcel_of),
    )


def _lots(grid: StreetGrid, cell: Cell, sides: tuple[bool, bool, bool, bool], land: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
    """Return the land without half of the path to the next block where no street lies between: parcels of two blocks never touch."""
    if all(sides):
        return land
    within = grid.block(cell, sides, _HALF_PATH_M)
    lots = shapely.get_parts(shapely.intersection(np.array(land, dtype=object), within))
    return tuple(lot for lot in lots if isinstance(lot, Polygon) and not lot.is_empty)


def _parcels(zone: Zone, land: tuple[Polygon, ...], footprints: NDArray[np.object_], frame: Frame) -> tuple[Polygon, ...]:
    """Return the parcels of a block as if all its houses stood already: a half-built block is parcelled out whole."""
    owned = [footprints[shapely.contains(piece, footprints)] for piece in land]
    return tuple(
        parcel for piece, inside in zip(land, owned, strict=True) for parcel in subdivide(piece, inside, frame, zone.lot_buildings)
    )


def _free_standing(footprints: NDArray[np.object_], buildable: NDArray[np.bool_]) -> list[int]:
    """Return the buildable footprints that keep clear of every buildable footprint before them."""
    first, second = shapely.STRtree(footprints).query(footprints, predicate="dwithin", distance=_GAP_M)
    kept = buildable.copy()
    for a, b in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if a < b and kept[a]:
            kept[b] = False
    return [int(k) for k in np.flatnonzero(kept)]


def _frame(
    corners: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float, float]:
    """Return origin, unit vectors and size of the largest frame along a block's south side that its corners allow."""
    across = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    up = np.array([-across[1], across[0]])
    local = (corners - corners[0]) @ np.column_stack([across, up])
    west, east = max(local[0, 0], local[3, 0]), min(local[1, 0], local[2, 0])
    south, north = max(local[0, 1], local[1, 1]), min(local[2, 1], local[3, 1])
    return corners[0] + across * west + up * south, across, up, float(east - west), float(north - south)


def _place(house: House, origin: NDArray[np.float64], across: NDArray[np.float64], up: NDArray[np.float64]) -> Polygon:
    rings = [np.round(origin + ring[:, :1] * across + ring[:, 1:] * up, 3) for ring in house.rings]
    return Polygon(rings[0], rings[1:])
