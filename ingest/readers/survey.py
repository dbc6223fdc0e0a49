"""Pipe surveys as point and line tables (CJJ 61-2017 appendices): sheets of a workbook, or CSV files that belong together.

Points come from coordinate columns, lines from the points that their ends name. Surveyors write X for northing; files with
X for easting exist, so what the values say in the deployment's area decides (requirements.md C.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.convert import convert
from ingest.georeference import declared_crs, deployment_bounds_m
from ingest.mapping import match_columns
from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest, ReadRequest
from ingest.readers.layers import layers_named_like
from ingest.readers.sheets import Sheet, read_csv, read_workbook
from ingest.readers.source import Fault, Geometries, SourceBatch, SourceLayer
from ingest.refusals import layer_missing, rejected
from twin.crs import storage_crs, to_storage
from twin.errors import Text
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType, Field

FloatArray = npt.NDArray[np.float64]
Axis = Literal["x", "y", "north", "east"]

_AXIS_NAMES: Mapping[Axis, tuple[str, ...]] = {
    "north": ("北坐标", "纵坐标", "纵坐标X", "northing", "N", "纬度", "lat", "latitude"),
    "east": ("东坐标", "横坐标", "横坐标Y", "easting", "E", "经度", "lon", "lng", "longitude", "long"),
    "x": ("X", "X坐标", "坐标X", "XX", "coord_x", "x_coord"),
    "y": ("Y", "Y坐标", "坐标Y", "YY", "coord_y", "y_coord"),
}
_NUMBER = Field("coordinate", "number", Text("坐标", "coordinate"), unit="m")
_NODE_GROUND = "ground_elevation_m"
_SAMPLED = 2000
Ends = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Points:
    """A table of points: where its coordinates stand, and by what name its points go."""

    sheet: Sheet
    east: str
    north: str
    key: str | None


class Survey:
    """All tables of a survey, of this file and its companions."""

    def __init__(self, file_format: str, sheets: Sequence[Sheet], own: int, request: ReadRequest) -> None:
        self.format = file_format
        self._sheets = tuple(sheets)
        self._own = tuple(sheets[:own])
        self._request = request
        self._limits = request.limits

    def inspect(self) -> FileInfo:
        """Return the sheets that hold a table."""
        infos = tuple(LayerInfo(s.name, None, s.columns, None, len(s.rows), encoding=s.encoding) for s in self._own)
        return FileInfo(self.format, infos)

    def open(self, part: PartRequest, /) -> SurveyLayer:
        """Return the table that ``part`` asks for; RejectedError when its geometry cannot be had from this survey."""
        sheet = self._choose(part)
        if part.feature_type.geometry_type == "Point":
            return SurveyLayer(sheet, _PointShapes(_points(sheet, part.feature_type, part.mapping, self._request)), self._limits)
        if part.feature_type.geometry_type == "LineString":
            return SurveyLayer(sheet, self._line_shapes(sheet, part), self._limits)
        raise rejected("no-geometry", f"A table cannot give {part.feature_type.geometry_type}.", "表格数据不能生成面。")

    def _choose(self, part: PartRequest) -> Sheet:
        names = [s.name for s in self._own]
        if part.layer is not None:
            wanted = [s for s in self._own if normalised(s.name) == normalised(part.layer)]
        else:
            wanted = [s for s in self._own if s.name in layers_named_like(part.feature_type, names)]
        if len(wanted) == 1:
            return wanted[0]
        if part.layer is None and self._own:
            ranked = sorted(self._own, key=lambda s: self._fit(s, part.feature_type), reverse=True)
            if len(ranked) == 1 or self._fit(ranked[0], part.feature_type) > self._fit(ranked[1], part.feature_type):
                return ranked[0]
        raise layer_missing(part.layer or part.feature_type.title.zh, tuple(names))

    def _fit(self, sheet: Sheet, feature_type: FeatureType) -> int:
        """Return how many columns of ``sheet`` are fields of the type; a table without its required ones does not fit."""
        mapped = set(match_columns(sheet.columns, feature_type, {}).columns.values())
        needed = {f.name for f in feature_type.fields if f.required} | set(_ends_of(feature_type) or ())
        return len(mapped) if needed <= mapped else -1

    def _line_shapes(self, sheet: Sheet, part: PartRequest) -> _LineShapes:
        request = self._request
        ends = _ends_of(part.feature_type)
        if ends is None:
            raise rejected("no-geometry", f"{sheet.name}: lines without end points.", f"{sheet.name}:管线没有起止点。")
        node_type = _node_type(part.feature_type, request)
        for candidate in self._sheets:
            if candidate is sheet and len(self._sheets) > 1:
                continue
            points = _points_or_none(candidate, node_type, _mapping_of(node_type, request), request)
            if points is not None and points.key is not None:
                return _LineShapes(
                    points, node_type, part.feature_type, ends, match_columns(sheet.columns, part.feature_type, part.mapping).columns
                )
        raise rejected("no-points", f"{sheet.name}: there is no table of the points.", f"{sheet.name}:缺少管线点表,无法生成管线。")


class SurveyLayer:
    """One table with its geometry."""

    def __init__(self, sheet: Sheet, shapes: _PointShapes | _LineShapes, limits: Limits) -> None:
        self._sheet = sheet
        self._shapes = shapes
        self._limits = limits
        self.source = SourceLayer(sheet.name, sheet.columns, None, encoding=sheet.encoding, rows=len(sheet.rows), notes=(shapes.note,))

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in sheet order."""
        sheet, size = self._sheet, self._limits.rows_per_batch
        for first in range(0, len(sheet.rows), size):
            last = min(first + size, len(sheet.rows))
            columns = {name: sheet.column(name, first, last) for name in sheet.columns}
            rows = np.array([number for number, _ in sheet.rows[first:last]], dtype=np.int64)
            shapes, faults = self._shapes.of(columns)
            yield SourceBatch(rows, shapes, columns, faults)


@dataclass(frozen=True)
class _PointShapes:
    points: Points

    @property
    def note(self) -> Text:
        """Which column is northing."""
        p = self.points
        return Text(zh=f"列“{p.north}”为北坐标,列“{p.east}”为东坐标", en=f"column {p.north!r} is northing, {p.east!r} easting")

    def of(self, columns: Mapping[str, pa.Array]) -> tuple[Geometries, tuple[Fault, ...]]:
        """Return a point for each row with both coordinates."""
        east, north = _numbers(columns[self.points.east]), _numbers(columns[self.points.north])
        there = np.isfinite(east) & np.isfinite(north)
        shapes = np.full(len(east), None, dtype=object)
        shapes[there] = shapely.points(east[there], north[there])
        return shapes, ()


@dataclass(frozen=True)
class _LineShapes:
    points: Points
    node_type: FeatureType
    line_type: FeatureType
    ends: Ends
    mapping: Mapping[str, str]

    @property
    def note(self) -> Text:
        """Where the ends come from."""
        return Text(zh=f"管线端点取自表“{self.points.sheet.name}”", en=f"ends of the lines are taken from table {self.points.sheet.name!r}")

    def of(self, columns: Mapping[str, pa.Array]) -> tuple[Geometries, tuple[Fault, ...]]:
        """Return a line between the two named points for each row; a point that is not surveyed is a fault of its line."""
        names = [self._texts(columns, end) for end in self.ends]
        places = [np.array([self._places.get(n or "", -1) for n in column], dtype=np.int64) for column in names]
        there = (places[0] >= 0) & (places[1] >= 0)
        positions = np.stack([self._position[p[there]] for p in places], axis=1)
        heights = np.stack([self._elevation(columns, k, places[k])[there] for k in (0, 1)], axis=1)
        shapes = np.full(len(there), None, dtype=object)
        lines = shapely.linestrings(positions) if there.any() else np.empty(0, dtype=object)
        surveyed = np.isfinite(heights).all(axis=1)
        if surveyed.any():
            lines[surveyed] = shapely.linestrings(np.concatenate([positions[surveyed], heights[surveyed][..., None]], axis=2))
        shapes[there] = lines
        return shapes, tuple(self._fault(int(i), names, places) for i in np.flatnonzero(~there))

    def _fault(self, index: int, names: Sequence[Sequence[str | None]], places: Sequence[npt.NDArray[np.int64]]) -> Fault:
        missing = [names[k][index] for k in (0, 1) if places[k][index] < 0]
        shown = "、".join(n or "(空)" for n in missing)
        en = ", ".join(n or "(none)" for n in missing)
        return Fault(index, "node-exists", Text(zh=f"端点 {shown} 不在管线点表中", en=f"end point {en} is not in the table of points"))

    def _elevation(self, columns: Mapping[str, pa.Array], end: int, places: npt.NDArray[np.int64]) -> FloatArray:
        """Return the height of one end: its own elevation, else the ground at its point less its depth."""
        which = ("start", "end")[end]
        own = self._optional(columns, f"{which}_elevation_m", len(places))
        depth = self._optional(columns, f"{which}_depth_m", len(places))
        ground = np.where(places >= 0, self._ground[places], np.nan)
        return np.where(np.isfinite(own), own, ground - depth)

    def _optional(self, columns: Mapping[str, pa.Array], field: str, length: int) -> FloatArray:
        column = self._column(field)
        return np.full(length, np.nan) if column is None else _numbers(columns[column])

    def _column(self, field: str) -> str | None:
        return next((c for c, f in self.mapping.items() if f == field), None)

    def _texts(self, columns: Mapping[str, pa.Array], field: str) -> list[str | None]:
        column = self._column(field)
        if column is None:
            raise rejected("column-missing", f"There is no column for {field}.", f"缺少字段 {field} 对应的列。")
        return _names(columns[column])

    @cached_property
    def _places(self) -> Mapping[str, int]:
        """Point name → its place in the point table; of two points of one name the first counts."""
        sheet = self.points.sheet
        names = _names(sheet.column(self.points.key or ""))
        return {n: i for i, n in reversed(list(enumerate(names))) if n and np.isfinite(self._position[i]).all()}

    @cached_property
    def _position(self) -> FloatArray:
        sheet = self.points.sheet
        return np.column_stack([_numbers(sheet.column(self.points.east)), _numbers(sheet.column(self.points.north))])

    @cached_property
    def _ground(self) -> FloatArray:
        sheet = self.points.sheet
        mapped = match_columns(sheet.columns, self.node_type, {}).columns
        column = next((c for c, f in mapped.items() if f == _NODE_GROUND), None)
        return np.full(len(sheet.rows), np.nan) if column is None else _numbers(sheet.column(column))


def open_survey(file_format: str, request: ReadRequest) -> Survey:
    """Return the survey in the file of ``request`` (``XLSX`` or ``CSV``) and its companions."""
    limits, known = request.limits, _known_names()
    own = _tables(request.path, file_format, limits, known)
    others = [s for c in request.companions for s in _tables(c, "XLSX" if _is_workbook(c) else "CSV", limits, known)]
    if not own:
        raise rejected("no-table", "The file holds no table with a header that is understood.", "文件中没有可识别表头的数据表。")
    return Survey(file_format, [*own, *others], len(own), request)


def _tables(path: Path, file_format: str, limits: Limits, known: frozenset[str]) -> list[Sheet]:
    return read_workbook(path, limits, known) if file_format == "XLSX" else read_csv(path, limits, known)


def _is_workbook(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _known_names() -> frozenset[str]:
    """Return every name by which a column of a survey may go."""
    types = load_feature_types().values()
    fields = [f for t in types if t.geometry_type in ("Point", "LineString") for f in t.fields]
    texts = [text for f in fields for text in (f.name, f.title.zh, f.title.en, *f.aliases)]
    return frozenset(normalised(t) for t in [*texts, *(n for names in _AXIS_NAMES.values() for n in names)])


def _ends_of(feature_type: FeatureType) -> Ends | None:
    """Return the fields that name the end points of a line: those of its node-exists check."""
    for check in feature_type.checks:
        fields = check.parameters.get("fields")
        if check.rule == "node-exists" and isinstance(fields, list | tuple) and len(fields) == 2:
            return str(fields[0]), str(fields[1])
    return None


def _node_type(line_type: FeatureType, request: ReadRequest) -> FeatureType:
    name = next(str(c.parameters["type"]) for c in line_type.checks if c.rule == "node-exists")
    for part in request.parts:
        if part.feature_type.name == name:
            return part.feature_type
    return load_feature_types()[name]


def _mapping_of(node_type: FeatureType, request: ReadRequest) -> Mapping[str, str]:
    return next((p.mapping for p in request.parts if p.feature_type.name == node_type.name), {})


def _points(sheet: Sheet, feature_type: FeatureType, overrides: Mapping[str, str], request: ReadRequest) -> Points:
    points = _points_or_none(sheet, feature_type, overrides, request)
    if points is None:
        raise rejected("no-coordinates", f"{sheet.name}: there are no coordinate columns.", f"{sheet.name}:没有坐标列。")
    return points


def _points_or_none(sheet: Sheet, feature_type: FeatureType, overrides: Mapping[str, str], request: ReadRequest) -> Points | None:
    mapped = match_columns(sheet.columns, feature_type, overrides).columns
    key_field = feature_type.natural_key[0] if feature_type.natural_key else ""
    key = next((c for c, f in mapped.items() if f == key_field), None)
    free = [c for c in sheet.columns if c not in mapped]
    axes = {axis: next((c for c in free if normalised(c) in {normalised(n) for n in names}), None) for axis, names in _AXIS_NAMES.items()}
    if axes["north"] and axes["east"]:
        return Points(sheet, axes["east"], axes["north"], key)
    if axes["x"] and axes["y"]:
        east, north = ("x", "y") if _x_is_east(sheet, axes["x"], axes["y"], request) else ("y", "x")
        return Points(sheet, str(axes[east]), str(axes[north]), key)  # type: ignore[index]
    return None


def _x_is_east(sheet: Sheet, x: str, y: str, request: ReadRequest) -> bool:
    """Return whether more of the points lie in the deployment with X as easting than with X as northing (the surveyors' rule)."""
    if request.crs is None:
        return False  # georeference refuses the file in a moment
    storage = storage_crs(request.storage_srid)
    west, south, east, north = deployment_bounds_m(storage, request.extent_deg)
    transform = to_storage(declared_crs(request.crs), storage, request.extent_deg)
    first, second = _numbers(sheet.column(x, 0, _SAMPLED)), _numbers(sheet.column(y, 0, _SAMPLED))

    def inside(easting: FloatArray, northing: FloatArray) -> int:
        moved = transform.transform(easting, northing)
        return int(np.sum(moved.ok & (moved.x >= west) & (moved.x <= east) & (moved.y >= south) & (moved.y <= north)))

    return inside(first, second) > inside(second, first)


def _numbers(array: pa.Array) -> FloatArray:
    values: FloatArray = convert(array, _NUMBER).values.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _names(array: pa.Array) -> list[str | None]:
    texts = convert(array, Field("name", "string", Text("", ""))).values.to_pylist()
    return [None if t is None else str(t).strip() for t in texts]
