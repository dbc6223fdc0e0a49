"""Where the coordinates of a table stand: columns called north and east, or X and Y, of which surveyors call the northing X.

Files with X for easting exist too, so what the values say in the deployment's area decides, then their size (requirements.md C.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.convert import convert
from ingest.georeference import declared_crs, deployment_bounds_m
from ingest.mapping import match_columns
from ingest.names import normalised
from ingest.protocol import PartRequest, ReadRequest
from ingest.readers.angles import with_angles
from ingest.readers.sheets import Sheet
from ingest.understanding.axes import axes_by_values
from twin.crs import storage_crs, to_storage
from twin.errors import Text
from twin.model import Field

FloatArray = npt.NDArray[np.float64]
Axis = Literal["x", "y", "north", "east"]
_Role = Literal["", "start", "end"]

_AXIS_NAMES: Mapping[Axis, tuple[str, ...]] = {
    "north": ("北坐标", "纵坐标", "纵坐标X", "northing", "N", "纬度", "lat", "latitude"),
    "east": ("东坐标", "横坐标", "横坐标Y", "easting", "E", "经度", "lon", "lng", "longitude", "long"),
    "x": ("X", "X坐标", "坐标X", "XX", "coord_x", "x_coord"),
    "y": ("Y", "Y坐标", "坐标Y", "YY", "coord_y", "y_coord"),
}
_END_PREFIXES: Mapping[_Role, tuple[str, ...]] = {
    "": ("",),
    "start": ("起点", "起始", "S_", "start_"),
    "end": ("终点", "终止", "E_", "end_"),
}
_STARTING_ROLES: tuple[_Role, ...] = ("", "start")
_NUMBER = Field("coordinate", "number", Text("坐标", "coordinate"), unit="m")
_TEXT = Field("name", "string", Text("", ""))
_SAMPLED = 2000
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The columns of a table that say where its rows are."""

    east: str
    north: str

    def of(self, columns: Mapping[str, pa.Array]) -> FloatArray:
        """Return (n, 2) eastings and northings; NaN where a row has none."""
        return np.column_stack([coordinate(columns[self.east]), coordinate(columns[self.north])])


@dataclass(frozen=True, slots=True)
class Points:
    """A table of points: where its coordinates stand, and by what name its points go."""

    sheet: Sheet
    coordinates: Coordinates
    key: str | None


def axis_names() -> list[str]:
    """Return every name by which a column of coordinates may go."""
    names = [n for group in _AXIS_NAMES.values() for n in group]
    return [prefix + n for prefixes in _END_PREFIXES.values() for prefix in prefixes for n in names]


def find_points(sheet: Sheet, part: PartRequest, request: ReadRequest) -> Points | None:
    """Return the points of a table as ``part`` is declared; None when it has no columns of coordinates."""
    feature_type = part.feature_type
    mapped = match_columns(sheet.columns, feature_type, dict(part.reading.mapping)).columns
    coordinates = _coordinates(sheet, [c for c in sheet.columns if c not in mapped], "", part, request)
    if coordinates is None:
        return None
    key_field = feature_type.natural_key[0] if feature_type.natural_key else ""
    return Points(sheet, coordinates, next((c for c, f in mapped.items() if f == key_field), None))


def places_of(points: Points) -> FloatArray:
    """Return (n, 2) eastings and northings of all points; NaN where one has none."""
    sheet, axes = points.sheet, points.coordinates
    return np.column_stack([_in_pieces(sheet.column(name), coordinate) for name in (axes.east, axes.north)])


def all_numbers(sheet: Sheet, column: str) -> FloatArray:
    """Return what `numbers` does of all rows."""
    return long_numbers(sheet.column(column))


def long_numbers(column: pa.Array) -> FloatArray:
    """Return what `numbers` does of a long column."""
    return _in_pieces(column, numbers)


def _in_pieces(column: pa.Array, read: Callable[[pa.Array], FloatArray]) -> FloatArray:
    """Return what is read of a long column, few cells at a time being taken apart."""
    found = np.empty(len(column))
    for first in range(0, len(column), _AT_ONCE):
        found[first : first + _AT_ONCE] = read(column.slice(first, _AT_ONCE))
    return found


def find_ends(sheet: Sheet, part: PartRequest, request: ReadRequest) -> tuple[Coordinates, Coordinates] | None:
    """Return the columns of both ends of a table of lines (起点X, S_X …); None when it has none."""
    start, end = (_coordinates(sheet, sheet.columns, role, part, request) for role in ("start", "end"))
    return None if start is None or end is None else (start, end)


def named_axes(columns: Sequence[str]) -> tuple[Coordinates, bool] | None:
    """Return the columns of coordinates (of lines those of their start), and whether names alone say which is which.

    X is taken for the easting where they do not.
    """
    for role in _STARTING_ROLES:
        axes = _axes(columns, role)
        if axes["north"] and axes["east"]:
            return Coordinates(axes["east"], axes["north"]), True
        if axes["x"] and axes["y"]:
            return Coordinates(axes["x"], axes["y"]), False
    return None


def own_axes(columns: Sequence[str]) -> tuple[str, str] | None:
    """Return the columns that say where the rows of a table themselves are; None where there are none, or only those of ends of lines."""
    axes = _axes(columns, "")
    for one, other in ((axes["north"], axes["east"]), (axes["x"], axes["y"])):
        if one and other:
            return one, other
    return None


def _coordinates(sheet: Sheet, free: Sequence[str], role: _Role, part: PartRequest, request: ReadRequest) -> Coordinates | None:
    axes = _axes(free, role)
    if axes["north"] and axes["east"]:
        east, north = axes["east"], axes["north"]
        return Coordinates(north, east) if part.reading.axes == "yx" else Coordinates(east, north)
    if axes["x"] and axes["y"]:
        is_east = (
            part.reading.axes == "xy"
            if part.reading.axes
            else _x_is_east(sheet, axes["x"], axes["y"], part.reading.crs or request.crs, request)
        )
        return Coordinates(axes["x"], axes["y"]) if is_east else Coordinates(axes["y"], axes["x"])
    return None


def _axes(columns: Sequence[str], role: _Role) -> dict[Axis, str | None]:
    return {axis: _column(columns, [p + n for p in _END_PREFIXES[role] for n in names]) for axis, names in _AXIS_NAMES.items()}


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    wanted = {normalised(n) for n in names}
    return next((c for c in columns if normalised(c) in wanted), None)


def _x_is_east(sheet: Sheet, x: str, y: str, crs: str | None, request: ReadRequest) -> bool:
    """Return whether X is easting: more of the points lie in the deployment that way, or else their sizes say so."""
    first, second = coordinate(sheet.column(x, 0, _SAMPLED)), coordinate(sheet.column(y, 0, _SAMPLED))
    if crs is not None:
        storage = storage_crs(request.storage_srid)
        west, south, east, north = deployment_bounds_m(storage, request.extent_deg)
        transform = to_storage(declared_crs(crs), storage, request.extent_deg, request.local_crs)

        def inside(easting: FloatArray, northing: FloatArray) -> int:
            moved = transform.transform(easting, northing)
            return int(np.sum(moved.ok & (moved.x >= west) & (moved.x <= east) & (moved.y >= south) & (moved.y <= north)))

        as_easting, as_northing = inside(first, second), inside(second, first)
        if as_easting != as_northing:
            return as_easting > as_northing
    return axes_by_values(first, second) == "xy"


def numbers(array: pa.Array) -> FloatArray:
    """Return cells as numbers, NaN where they are none."""
    values: FloatArray = convert(array, _NUMBER).values.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def coordinate(array: pa.Array) -> FloatArray:
    """Return cells as coordinates: numbers, or angles in degrees, minutes and seconds as degrees; NaN where they are neither."""
    return with_angles(array, numbers(array))


def names(array: pa.Array) -> list[str | None]:
    """Return cells as the names of points."""
    texts = convert(array, _TEXT).values.to_pylist()
    return [None if t is None else str(t).strip() for t in texts]


def names_column(array: pa.Array) -> pa.Array:
    """Return cells as `names` does, as a column; few at a time are held as texts of Python's."""
    blocks = [pa.array(names(array.slice(first, _AT_ONCE)), pa.string()) for first in range(0, len(array), _AT_ONCE)]
    return pa.concat_arrays([pa.array([], pa.string()), *blocks])
