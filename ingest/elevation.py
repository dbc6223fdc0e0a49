"""Heights of geometries: those of the source, unless it says that it has none; then the elevations among the attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.checks.values import FieldValues
from ingest.compiled_paths import lengths_along
from ingest.readers.source import Geometries
from twin.model import FeatureType

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Owners = npt.NDArray[np.intp]
GROUND, BOTTOM, DEPTH, OWN = "ground_elevation_m", "bottom_elevation_m", "depth_m", "elevation_m"
START, END = "start_elevation_m", "end_elevation_m"
OF_PATHS = (GROUND, BOTTOM, DEPTH, OWN, START, END)
"""The attributes by which points and lines get heights."""
VOID_M = -9990.0
"""Heights at or below this are the marks -9999 and -32768 of elevation software: no place on Earth is that deep."""
_SAME_HEIGHT_M = 0.01


@dataclass(frozen=True, slots=True)
class Elevated:
    """The heights of a batch's vertices, and where they are not simply those of the source."""

    z_m: FloatArray | None
    """Of every vertex of the geometries, in their order; None where the type is flat."""
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
    """Return the heights that the vertices have in the dimension of the type.

    Elevations among the attributes say what they are of, so they go before a Z that differs: a point takes its ground elevation (or
    bottom + depth), a survey point its own. The profile of a line stays where it agrees with the elevations of its ends; any other
    runs evenly along its length from one to the other, level where only one is known. A flat footprint lies at the base height of its
    building where that is given, else at 0 until it is derived at publish. Measures (M) play no part.
    """
    nobody = np.zeros(len(geometry), dtype=bool)
    if not feature_type.has_z:
        return Elevated(None, nobody, nobody, nobody)
    z, owner = _heights(geometry)
    if feature_type.geometry_type == "Point" and (elevation_m := _of_points(columns)) is not None:
        return _at_elevation(z, owner, elevation_m)
    if feature_type.geometry_type == "LineString" and (ends_m := _of_ends(columns)) is not None:
        return _between_ends(geometry, z, owner, *ends_m)
    if feature_type.geometry_type == "MultiPolygon":
        z = np.where(np.isnan(z), base_heights_m(columns, feature_type, len(geometry))[owner], z)
    return Elevated(np.nan_to_num(z), nobody, nobody, nobody)


def heights_of_points(z_m: FloatArray, columns: Mapping[str, FieldValues]) -> tuple[FloatArray, Mask]:
    """Return the heights that `with_elevation` gives points, ``z_m`` high (NaN: not known), and of which it has nothing to say."""
    elevation_m = _of_points(columns)
    if elevation_m is None:
        return np.nan_to_num(z_m), np.ones(len(z_m), dtype=bool)
    elevated = _at_elevation(z_m, np.arange(len(z_m)), elevation_m)
    return np.array(elevated.z_m, np.float64), ~(elevated.unknown | elevated.differs)


def keep_their_profile(from_m: FloatArray, to_m: FloatArray, columns: Mapping[str, FieldValues]) -> Mask:
    """Return which lines `with_elevation` leaves as they are: by the heights of their ends in the source, NaN for none."""
    ends_m = _of_ends(columns)
    if ends_m is None:
        return np.ones(len(from_m), dtype=bool)
    return ~np.isnan(from_m) & ~_off(from_m, to_m, *ends_m)


def base_heights_m(columns: Mapping[str, FieldValues], feature_type: FeatureType, rows: int) -> FloatArray:
    """Return at which height each footprint without heights of its own lies, NaN where that is not given."""
    base = feature_type.recipe_fields.get("base", "")
    return _numbers(columns[base].values) if base in columns else np.full(rows, np.nan)


def _of_points(columns: Mapping[str, FieldValues]) -> FloatArray | None:
    """Return the elevations among the attributes of points, NaN for none; None where they have no such attribute."""
    if GROUND in columns:
        return _ground(columns)
    return _numbers(columns[OWN].values) if OWN in columns else None


def _of_ends(columns: Mapping[str, FieldValues]) -> tuple[FloatArray, FloatArray] | None:
    """Return the elevations among the attributes of the ends of lines, likewise."""
    return (_numbers(columns[START].values), _numbers(columns[END].values)) if START in columns and END in columns else None


def _ground(columns: Mapping[str, FieldValues]) -> FloatArray:
    ground = _numbers(columns[GROUND].values)
    if BOTTOM in columns and DEPTH in columns:
        return np.where(np.isnan(ground), _numbers(columns[BOTTOM].values) + _numbers(columns[DEPTH].values), ground)
    return ground


def _at_elevation(z: FloatArray, owner: Owners, elevation_m: FloatArray) -> Elevated:
    """Heights of points: each has one vertex, or none where it is to be refused anyway."""
    source = np.full(len(elevation_m), np.nan)
    source[owner] = z
    has_vertex = np.zeros(len(elevation_m), dtype=bool)
    has_vertex[owner] = True
    known, with_z = ~np.isnan(elevation_m), ~np.isnan(source)
    differs = known & with_z & (source != 0.0) & (np.abs(source - elevation_m) > _SAME_HEIGHT_M)
    height = np.nan_to_num(np.where(known, elevation_m, source))
    return Elevated(height[owner], has_vertex & ~with_z & ~known, np.zeros(len(source), dtype=bool), differs)


def _between_ends(lines: Geometries, z: FloatArray, owner: Owners, start_m: FloatArray, end_m: FloatArray) -> Elevated:
    start, end = np.where(np.isnan(start_m), end_m, start_m), np.where(np.isnan(end_m), start_m, end_m)
    first = np.searchsorted(owner, np.arange(len(lines)))
    last = np.searchsorted(owner, np.arange(len(lines)), side="right") - 1
    of_kind = last >= first
    from_m, to_m, highest = (np.full(len(lines), np.nan), np.full(len(lines), np.nan), np.zeros(len(lines)))
    from_m[of_kind], to_m[of_kind] = z[first[of_kind]], z[last[of_kind]]
    np.maximum.at(highest, owner, np.nan_to_num(np.abs(z)))
    known, has_z = of_kind & ~np.isnan(start), of_kind & ~np.isnan(from_m)
    sloped = of_kind & (~has_z | (known & _off(from_m, to_m, start_m, end_m)))
    if sloped.any():
        along = _share_of_length(lines, owner)
        slope = np.nan_to_num(start)[owner] + (np.nan_to_num(end) - np.nan_to_num(start))[owner] * along
        z = np.where(sloped[owner], slope, z)
    one_end = sloped & known & (np.isnan(start_m) | np.isnan(end_m))
    return Elevated(np.nan_to_num(z), sloped & ~known, one_end, sloped & has_z & (highest != 0.0) & ~one_end)


def _off(from_m: FloatArray, to_m: FloatArray, start_m: FloatArray, end_m: FloatArray) -> Mask:
    """Return of which lines the height of an end is known twice, and not the same."""
    off: Mask = (np.abs(from_m - start_m) > _SAME_HEIGHT_M) | (np.abs(to_m - end_m) > _SAME_HEIGHT_M)
    return off


def _share_of_length(lines: Geometries, owner: Owners) -> FloatArray:
    """Return for every vertex which share of its line's length lies before it."""
    along = np.empty(len(owner))
    lengths_along(shapely.get_coordinates(lines), owner, along)
    length = shapely.length(lines)[owner]
    return np.divide(along, length, out=np.zeros_like(along), where=length > 0)


def _heights(geometry: Geometries) -> tuple[FloatArray, Owners]:
    """Return z of every vertex (NaN where it has none), and which geometry it belongs to."""
    coordinates, owner = shapely.get_coordinates(geometry, include_z=True, return_index=True)
    return coordinates[:, 2], owner


def _numbers(values: pa.Array) -> FloatArray:
    return values.to_numpy(zero_copy_only=False).astype(np.float64)
