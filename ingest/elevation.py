"""Heights of geometries: those of the source, unless it says that it has none; then the elevations among the attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.checks.values import FieldValues
from ingest.readers.source import Geometries
from twin.model import FeatureType

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_TYPE_IDS = {"Point": 0, "LineString": 1}
GROUND, BOTTOM, DEPTH, OWN = "ground_elevation_m", "bottom_elevation_m", "depth_m", "elevation_m"
START, END = "start_elevation_m", "end_elevation_m"
VOID_M = -9990.0
"""Heights at or below this are the marks -9999 and -32768 of elevation software: no place on Earth is that deep."""
_SAME_HEIGHT_M = 0.01


@dataclass(frozen=True, slots=True)
class Elevated:
    """Geometries in the dimension of their type, and where their heights are not simply those of the source."""

    geometry: Geometries
    unknown: Mask
    """Got a height of 0 for want of one."""
    one_end: Mask
    """A line of which one end is known: level with it."""
    differs: Mask
    """Had a Z, not 0 all along, that was not its elevation among the attributes, which it has now."""


def without_void_heights(geometry: Geometries) -> tuple[Geometries, Mask]:
    """Return the geometries, flat where a height is NaN or a mark for none, and which those are.

    Heights of one geometry count all or none: a line with a gap has no profile.
    """
    with_z = np.flatnonzero(shapely.has_z(geometry))
    z, owner = _heights(geometry[with_z])
    void = np.zeros(len(geometry), dtype=bool)
    void[with_z[np.unique(owner[np.isnan(z) | (z <= VOID_M)])]] = True
    if not void.any():
        return geometry, void
    result = geometry.copy()
    result[void] = shapely.force_2d(geometry[void])
    return result, void


def with_elevation(geometry: Geometries, columns: Mapping[str, FieldValues], feature_type: FeatureType) -> Elevated:
    """Return the geometries in the dimension of the type.

    Elevations among the attributes say what they are of, so they go before a Z that differs: a point takes its ground elevation (or
    bottom + depth), a survey point its own. The profile of a line stays where it agrees with the elevations of its ends; any other
    runs evenly along its length from one to the other, level where only one is known. A flat footprint lies at the base height of its
    building where that is given, else at 0 until it is derived at publish. Measures (M) are dropped.
    """
    nobody = np.zeros(len(geometry), dtype=bool)
    if not feature_type.has_z:
        return Elevated(shapely.force_2d(geometry), nobody, nobody, nobody)
    kind = _TYPE_IDS.get(feature_type.geometry_type)
    of_kind = ~shapely.is_empty(geometry) & (shapely.get_type_id(geometry) == kind)
    result = _in_three_dimensions(geometry)
    if feature_type.geometry_type == "Point" and GROUND in columns:
        return _at_elevation(geometry, result, of_kind, _ground(columns))
    if feature_type.geometry_type == "Point" and OWN in columns:
        return _at_elevation(geometry, result, of_kind, _numbers(columns[OWN].values))
    if feature_type.geometry_type == "LineString" and START in columns and END in columns:
        return _between_ends(geometry, result, of_kind, _numbers(columns[START].values), _numbers(columns[END].values))
    base = feature_type.recipe_fields.get("base", "")
    if feature_type.geometry_type == "MultiPolygon" and base in columns:
        return Elevated(_on_its_base(geometry, result, _numbers(columns[base].values)), nobody, nobody, nobody)
    return Elevated(result, nobody, nobody, nobody)


def _on_its_base(source: Geometries, result: Geometries, base_m: FloatArray) -> Geometries:
    """Return the footprints, those without heights of their own at the base height of what stands on them."""
    low = ~shapely.has_z(source) & ~np.isnan(base_m)
    result[low] = shapely.force_3d(shapely.force_2d(source[low]), base_m[low])
    return result


def _in_three_dimensions(geometry: Geometries) -> Geometries:
    if not shapely.has_m(geometry).any():
        lifted: Geometries = shapely.force_3d(geometry)
        return lifted
    return np.where(shapely.has_z(geometry), shapely.force_3d(geometry), shapely.force_3d(shapely.force_2d(geometry)))


def _ground(columns: Mapping[str, FieldValues]) -> FloatArray:
    ground = _numbers(columns[GROUND].values)
    if BOTTOM in columns and DEPTH in columns:
        return np.where(np.isnan(ground), _numbers(columns[BOTTOM].values) + _numbers(columns[DEPTH].values), ground)
    return ground


def _at_elevation(source: Geometries, result: Geometries, of_kind: Mask, elevation_m: FloatArray) -> Elevated:
    known = of_kind & ~np.isnan(elevation_m)
    with_z = of_kind & shapely.has_z(source)
    z = np.nan_to_num(shapely.get_z(source))
    result[known] = shapely.force_3d(shapely.force_2d(source[known]), elevation_m[known])
    differs = known & with_z & (z != 0.0) & (np.abs(z - elevation_m) > _SAME_HEIGHT_M)
    return Elevated(result, of_kind & ~with_z & ~known, np.zeros(len(source), dtype=bool), differs)


def _between_ends(source: Geometries, result: Geometries, of_kind: Mask, start_m: FloatArray, end_m: FloatArray) -> Elevated:
    start, end = np.where(np.isnan(start_m), end_m, start_m), np.where(np.isnan(end_m), start_m, end_m)
    known = of_kind & ~np.isnan(start)
    has_z = of_kind & shapely.has_z(source)
    from_m, to_m, highest = _profile(source)
    off = (np.abs(from_m - start_m) > _SAME_HEIGHT_M) | (np.abs(to_m - end_m) > _SAME_HEIGHT_M)
    sloped = of_kind & (~has_z | (known & off))
    if sloped.any():
        result[sloped] = _sloped(source[sloped], np.nan_to_num(start)[sloped], np.nan_to_num(end)[sloped])
    one_end = sloped & known & (np.isnan(start_m) | np.isnan(end_m))
    return Elevated(result, sloped & ~known, one_end, sloped & has_z & (highest != 0.0) & ~one_end)


def _profile(lines: Geometries) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the Z of the first and last vertex of each line and its greatest absolute Z; NaN, NaN and 0 where there is none."""
    highest = np.zeros(len(lines))
    z, owner = _heights(lines)
    np.maximum.at(highest, owner, np.nan_to_num(np.abs(z)))
    first, last = shapely.get_point(lines, 0), shapely.get_point(lines, -1)
    return shapely.get_z(first), shapely.get_z(last), highest


def _heights(geometry: Geometries) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return z of every vertex, and which geometry it belongs to."""
    coordinates, owner = shapely.get_coordinates(geometry, include_z=True, return_index=True)
    return coordinates[:, 2], owner


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
    result: Geometries = shapely.set_coordinates(shapely.force_3d(shapely.force_2d(lines)), np.column_stack([coordinates, z]))
    return result


def _numbers(values: pa.Array) -> FloatArray:
    return values.to_numpy(zero_copy_only=False).astype(np.float64)
