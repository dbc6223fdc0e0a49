"""The height of a geometry that its source gives flat: from the elevations among its attributes, else 0 with a word about it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.checks.values import FieldValues
from ingest.readers.source import Geometries
from twin.model import FeatureType

FloatArray = npt.NDArray[np.float64]
_TYPE_IDS = {"Point": 0, "LineString": 1}
GROUND, START, END = "ground_elevation_m", "start_elevation_m", "end_elevation_m"


def with_elevation(
    geometry: Geometries, columns: Mapping[str, FieldValues], feature_type: FeatureType
) -> tuple[Geometries, npt.NDArray[np.bool_]]:
    """Return the geometries in the dimension of the type, and which of them got a height of 0 for want of one.

    Z of the source stays. A flat point takes its ground elevation; a flat line runs evenly along its length from the start
    to the end elevation; a flat polygon gets 0, its base height is derived at publish. Measures (M) are dropped.
    """
    unknown = np.zeros(len(geometry), dtype=bool)
    if not feature_type.has_z:
        return shapely.force_2d(geometry), unknown
    kind = _TYPE_IDS.get(feature_type.geometry_type)
    flat = np.flatnonzero(~shapely.has_z(geometry) & ~shapely.is_empty(geometry) & (shapely.get_type_id(geometry) == kind))
    result = shapely.force_3d(shapely.force_2d(geometry) if _has_m(geometry) else geometry)
    if _has_m(geometry):
        result = np.where(shapely.has_z(geometry), shapely.force_3d(geometry), result)
    if feature_type.geometry_type == "Point" and GROUND in columns and len(flat):
        z = _numbers(columns[GROUND].values)[flat]
        result[flat] = shapely.force_3d(geometry[flat], np.nan_to_num(z))
        unknown[flat] = np.isnan(z)
    elif feature_type.geometry_type == "LineString" and START in columns and END in columns and len(flat):
        start, end = _numbers(columns[START].values)[flat], _numbers(columns[END].values)[flat]
        result[flat] = _sloped(geometry[flat], np.nan_to_num(start), np.nan_to_num(end))
        unknown[flat] = np.isnan(start) | np.isnan(end)
    return result, unknown


def _sloped(lines: Geometries, start_m: FloatArray, end_m: FloatArray) -> Geometries:
    """Return ``lines`` with z running evenly with the length from start to end."""
    coordinates, owner = shapely.get_coordinates(lines, return_index=True)
    steps = np.hypot(*np.diff(coordinates, axis=0, prepend=coordinates[:1]).T)
    first = np.searchsorted(owner, np.arange(len(lines)))
    steps[first] = 0.0
    along = np.cumsum(steps)
    along -= along[first][owner]
    length = shapely.length(lines)[owner]
    share = np.divide(along, length, out=np.zeros_like(along), where=length > 0)
    z = start_m[owner] + (end_m - start_m)[owner] * share
    result: Geometries = shapely.set_coordinates(shapely.force_3d(lines), np.column_stack([coordinates, z]))
    return result


def _has_m(geometry: Geometries) -> bool:
    return bool(shapely.has_m(geometry).any())


def _numbers(values: pa.Array) -> FloatArray:
    return values.to_numpy(zero_copy_only=False).astype(np.float64)
