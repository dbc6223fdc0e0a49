"""What compiled code leaves to GEOS: geometries that have to be cut, and polygons that may not be valid once they are snapped.

GEOS refuses a whole array for one geometry it cannot do. Here only that one is left out, as a missing geometry, whose WKB is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import shapely

Map = npt.NDArray[np.float64]
Geometries = npt.NDArray[np.object_]


def read(wkb: Sequence[bytes]) -> Geometries:
    """Return the geometries of WKB, rings that are not closed mended where they can be."""
    return np.asarray(shapely.from_wkb(list(wkb), on_invalid="fix"), np.object_)


def placed(geometries: Geometries, to_units: Map) -> Geometries:
    """Return geometries in units of a tile, as exactly as they were; ``to_units`` is (a, b, xoff, d, e, yoff)."""
    a, b, x, d, e, y = to_units

    def mapped(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack([a * places[:, 0] + b * places[:, 1] + x, d * places[:, 0] + e * places[:, 1] + y])

    return np.asarray(shapely.transform(geometries, mapped))


def cut(geometries: Geometries, low: int, high: int) -> Geometries:
    """Return lines and areas cut to the box from ``low`` to ``high`` both ways: lines of lines, areas of areas.

    What has so bad a ring that it cannot be cut as it is is made valid before.
    """
    box = shapely.box(low, low, high, high)
    made = _each(lambda some: shapely.clip_by_rect(some, low, low, high, high), geometries)
    refused = shapely.is_missing(made)
    made[refused] = _each(lambda some: shapely.intersection(_valid(some), box), geometries[refused])
    return _of_dimensions(made, shapely.get_dimensions(geometries))


def repaired(geometries: Geometries, low: int, high: int) -> Geometries:
    """Return areas cut to that box, in whole units and valid: GEOS snaps them in its overlay, so that what is snapped is still valid."""
    box = shapely.box(low, low, high, high)
    made = _each(lambda some: shapely.intersection(_valid(some), box, grid_size=1.0), geometries)
    return _of_dimensions(made, shapely.get_dimensions(geometries))


def snapped(geometries: Geometries, low: int, high: int) -> Geometries:
    """Return the same, and sooner, of areas valid but for edges to and fro; a missing one where GEOS refuses, or makes none valid.

    That says nothing of how complex an area is: edges to and fro of holes are refused now and then, as is what is not valid.
    """
    box = shapely.box(low, low, high, high)
    made = _of_dimensions(
        _each(lambda some: shapely.intersection(some, box, grid_size=1.0), geometries), shapely.get_dimensions(geometries)
    )
    made[~shapely.is_valid(made)] = None
    return made


def as_wkb(geometries: Geometries) -> list[bytes]:
    """Return the WKB of geometries, no bytes where there is none."""
    return [wkb or b"" for wkb in shapely.to_wkb(geometries, byte_order=1)]


def _valid(areas: Geometries) -> Geometries:
    """Return areas made valid, without what of them is only a line: an overlay on a grid takes no mixed dimensions."""
    valid = areas.copy()
    spoilt = ~shapely.is_valid(areas)
    valid[spoilt] = shapely.make_valid(areas[spoilt], method="structure", keep_collapsed=False)
    return valid


def _each(way: Callable[[Geometries], Geometries], geometries: Geometries) -> Geometries:
    """Return what ``way`` makes of each geometry, a missing one where GEOS refuses it."""
    try:
        return np.asarray(way(geometries), np.object_)
    except shapely.GEOSException:
        if geometries.size == 1:
            return np.array([None])
        return np.concatenate([_each(way, half) for half in np.array_split(geometries, 2)])


def _of_dimensions(geometries: Geometries, dimensions: npt.NDArray[np.integer]) -> Geometries:
    """Return what each geometry has of a dimension, as one type: an area may be no more than a line on the grid, a line touch the box."""
    others = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    others |= shapely.get_dimensions(geometries) != dimensions
    for k in np.flatnonzero(others & ~(shapely.is_empty(geometries) | shapely.is_missing(geometries))):
        parts = shapely.get_parts(shapely.get_parts(geometries[k]))
        kept = parts[shapely.get_dimensions(parts) == dimensions[k]]
        # Not their union, which would look for all places where they meet.
        geometries[k] = shapely.multilinestrings(kept) if dimensions[k] == 1 else shapely.multipolygons(kept)
    return geometries
