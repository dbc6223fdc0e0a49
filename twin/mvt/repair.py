"""What compiled code leaves to GEOS: geometries that have to be cut, and polygons that may not be valid once they are snapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely

Map = npt.NDArray[np.float64]
Geometries = npt.NDArray[np.object_]


def placed(wkb: Sequence[bytes], to_units: Map) -> Geometries:
    """Return geometries in units of a tile, as exactly as they were; ``to_units`` is (a, b, xoff, d, e, yoff)."""
    a, b, x, d, e, y = to_units

    def mapped(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack([a * places[:, 0] + b * places[:, 1] + x, d * places[:, 0] + e * places[:, 1] + y])

    return np.asarray(shapely.transform(shapely.from_wkb(list(wkb)), mapped))


def cut(geometries: Geometries, low: int, high: int) -> Geometries:
    """Return lines and areas cut to the box from ``low`` to ``high`` both ways."""
    return np.asarray(shapely.clip_by_rect(geometries, low, low, high, high))


def repaired(geometries: Geometries, low: int, high: int) -> Geometries:
    """Return areas cut to that box, in whole units and valid: GEOS snaps them in its overlay, so that what is snapped is still valid."""
    return np.asarray(shapely.intersection(shapely.make_valid(geometries), shapely.box(low, low, high, high), grid_size=1.0))


def as_wkb(geometries: Geometries) -> list[bytes]:
    """Return what each geometry has of its highest dimension as WKB of one type."""
    mixed = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    for k in np.flatnonzero(mixed):
        parts = shapely.get_parts(shapely.get_parts(geometries[k]))
        dimensions = shapely.get_dimensions(parts)
        geometries[k] = shapely.union_all(parts[dimensions == dimensions.max(initial=-1)])
    return list(shapely.to_wkb(geometries, byte_order=1))
