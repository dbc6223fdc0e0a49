"""Geometry of survey tables: points at their coordinates, lines between the points that their ends name or at coordinates of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.mapping import match_columns
from ingest.readers.named_points import NamedPoints
from ingest.readers.points_elsewhere import PointsElsewhere
from ingest.readers.source import Fault, Geometries, Remark
from ingest.readers.survey_points import (
    Coordinates,
    FloatArray,
    Points,
    all_numbers,
    coordinate,
    names,
    names_column,
    numbers,
    places_of,
)
from ingest.refusals import rejected
from twin.errors import Text
from twin.model import FeatureType

Columns = Mapping[str, pa.Array]
Ends = tuple[str, str]
"""The fields that name the end points of a line."""
_NODE_GROUND = "ground_elevation_m"
_SHOWN = 40


class Shapes(Protocol):
    """How the rows of a table become geometry."""

    @property
    def note(self) -> Text:
        """What the surveyor should know about how the table was understood."""
        ...

    def of(self, columns: Columns) -> tuple[Geometries, tuple[Fault, ...]]:
        """Return a geometry for each row, None for one that has none, and the rows at fault."""
        ...


@dataclass(frozen=True)
class PointShapes:
    """A point for each row with both coordinates."""

    coordinates: Coordinates

    @property
    def note(self) -> Text:
        """Which column is northing."""
        c = self.coordinates
        return Text(zh=f"列“{c.north}”为北坐标，列“{c.east}”为东坐标", en=f"column {c.north!r} is northing, {c.east!r} easting")

    def of(self, columns: Columns) -> tuple[Geometries, tuple[Fault, ...]]:
        """Return a point for each row with both coordinates."""
        places = self.coordinates.of(columns)
        there: npt.NDArray[np.bool_] = np.isfinite(places.sum(axis=1))
        shapes = np.full(len(places), None, dtype=object)
        shapes[there] = shapely.points(places[there])
        return shapes, placeless(columns, (self.coordinates,), there)


@dataclass(frozen=True)
class LineShapes:
    """A line between the two named points for each row; an end that is not named or not surveyed, or one point for both, is its fault."""

    points: Sequence[Points]
    """Tables of points; of two points of one name the first counts."""
    node_type: FeatureType
    ends: Ends
    mapping: Mapping[str, str]
    """Of the lines: column → field."""
    elsewhere: PointsElsewhere | None = None
    """Published points; one that a table places goes before them."""

    @property
    def note(self) -> Text:
        """Where the ends come from."""
        published = 0 if self.elsewhere is None else len(self.elsewhere.names)
        shown = [p.sheet.name for p in self.points]
        if not shown:
            return Text(zh=f"管线端点取自已发布的 {published} 个点", en=f"ends of the lines are {published} published points")
        if published:
            zh, en = "、".join(shown), ", ".join(map(repr, shown))
            return Text(
                zh=f"管线端点取自表“{zh}”和已发布的 {published} 个点",
                en=f"ends of the lines are taken from table {en} and from {published} published points",
            )
        return Text(zh=f"管线端点取自表“{'、'.join(shown)}”", en=f"ends of the lines are taken from table {', '.join(map(repr, shown))}")

    def of(self, columns: Columns) -> tuple[Geometries, tuple[Fault, ...]]:
        """Return the lines, with Z where both ends have an elevation."""
        called = [self._texts(columns, end) for end in self.ends]
        places = [self._named.places(column) for column in called]
        there = (places[0] >= 0) & (places[1] >= 0)
        positions = np.stack([self._position[p[there]] for p in places], axis=1)
        heights = np.stack([self._elevation(columns, k, places[k])[there] for k in (0, 1)], axis=1)
        shapes = np.full(len(there), None, dtype=object)
        shapes[there] = _lines(positions, heights)
        nowhere = there & (places[0] == places[1])
        return shapes, tuple(self._fault(int(i), called, places) for i in np.flatnonzero(~there | nowhere))

    def not_here(self, columns: Columns) -> list[str]:
        """Return the names of ends that no table has a place for."""
        called = [self._texts(columns, end) for end in self.ends]
        missing = [np.flatnonzero(self._named.places(column) < 0) for column in called]
        return [name for column, rows in zip(called, missing, strict=True) for row in rows.tolist() if (name := column[row])]

    def remarks(self, columns: Columns) -> tuple[Remark, ...]:
        """Return the rows that are placed by published points of datasets in which no line of theirs ended before."""
        if self.elsewhere is None or not self.elsewhere.doubtful:
            return ()
        first = len(self._position) - len(self.elsewhere.names)
        places = np.stack([self._named.places(self._texts(columns, end)) for end in self.ends], axis=1)
        doubtful = np.array([bool(dataset) for dataset in self.elsewhere.doubtful])
        is_meant = (places >= first) & doubtful[np.maximum(places - first, 0)]
        is_meant[(places < 0).any(axis=1) | (places[:, 0] == places[:, 1])] = False
        rows = np.flatnonzero(is_meant.any(axis=1)).tolist()
        return tuple(Remark(i, "end-elsewhere", self._doubt(places[i][is_meant[i]] - first, self.elsewhere)) for i in rows)

    @staticmethod
    def _doubt(points: npt.NDArray[np.int64], elsewhere: PointsElsewhere) -> Text:
        named = [(elsewhere.names[k].as_py(), elsewhere.doubtful[k]) for k in points.tolist()]
        zh = "、".join(f"{name}（数据集 {dataset}）" for name, dataset in named)
        en = " and ".join(f"{name} of dataset {dataset}" for name, dataset in named)
        return Text(
            zh=f"端点按编号取自已发布的 {zh}，本数据集的管线此前未以该数据集的点为端点",
            en=f"placed by published point {en}, in which no line of this dataset ended before",
        )

    def _fault(self, index: int, called: Sequence[Sequence[str | None]], places: Sequence[npt.NDArray[np.int64]]) -> Fault:
        missing = [called[k][index] for k in (0, 1) if places[k][index] < 0]
        known = next((self._position[p[index]] for p in places if p[index] >= 0), None)
        place = None if known is None else (float(known[0]), float(known[1]))
        if not missing:
            name = called[0][index]
            return Fault(index, "L02", Text(zh=f"起点与终点同为 {name}", en=f"start and end are both {name}"), place)
        if not all(missing):
            return Fault(index, "L01", Text(zh="缺少端点点号", en="there is no number of an end point"), place)
        texts = [self._absent(str(name)) for name in missing]
        return Fault(index, "node-exists", Text(zh="；".join(t.zh for t in texts), en="; ".join(t.en for t in texts)), place)

    def _absent(self, name: str) -> Text:
        """Return what is wrong with an end of a name that leads nowhere, and which point may be meant."""
        if self._named.lists(name):
            return Text(zh=f"端点 {name} 在管线点表中没有坐标", en=f"end point {name} has no coordinates in the table of points")
        if self.elsewhere is not None and name in self.elsewhere.ambiguous:
            return Text(
                zh=f"已发布的点中有多个 {name}，位置不同；请在点表中列入所指的点",
                en=f"several published points in different places are called {name}; put the one that is meant into the table of points",
            )
        text = Text(zh=f"端点 {name} {self._nowhere.zh}", en=f"end point {name} is {self._nowhere.en}")
        meant = self._named.meant(name)
        return text if meant is None else Text(zh=f"{text.zh}；是否为 {meant}？", en=f"{text.en}; is it {meant}?")

    @property
    def _nowhere(self) -> Text:
        """Where an end was looked for in vain."""
        if self.elsewhere is None:
            return Text(zh="不在管线点表中", en="not in the table of points")
        if not self.points:
            return Text(zh="尚未发布，也没有提交点表", en="not published, and there is no table of points")
        return Text(zh="不在管线点表中，也未发布", en="neither in the table of points nor published")

    def _elevation(self, columns: Columns, end: int, places: npt.NDArray[np.int64]) -> FloatArray:
        """Return the height of one end: its own elevation, else the ground at its point less its depth."""
        ground = np.where(places >= 0, self._ground[places], np.nan) if len(self._ground) else np.full(len(places), np.nan)
        return end_elevation(columns, self.mapping, end, ground)

    def _texts(self, columns: Columns, field: str) -> list[str | None]:
        column = _column(self.mapping, field)
        if column is None:
            raise rejected("column-missing", f"There is no column for {field}.", f"缺少字段 {field} 对应的列。")
        return names(columns[column])

    @cached_property
    def _named(self) -> NamedPoints:
        """Points of all tables, then those elsewhere, by their places in `_position`."""
        called = [names_column(p.sheet.column(p.key or "")) for p in self.points]
        called += [] if self.elsewhere is None else [self.elsewhere.names]
        there: npt.NDArray[np.bool_] = np.isfinite(self._position.sum(axis=1))
        return NamedPoints(pa.concat_arrays([pa.array([], pa.string()), *called]), there)

    @cached_property
    def _position(self) -> FloatArray:
        elsewhere = np.empty((0, 2)) if self.elsewhere is None else self.elsewhere.places
        return np.concatenate([*map(places_of, self.points), elsewhere])

    @cached_property
    def _ground(self) -> FloatArray:
        elsewhere = np.empty(0) if self.elsewhere is None else self.elsewhere.ground
        return np.concatenate([*(self._ground_of(p) for p in self.points), elsewhere])

    def _ground_of(self, points: Points) -> FloatArray:
        sheet = points.sheet
        column = _column(match_columns(sheet.columns, self.node_type, {}).columns, _NODE_GROUND)
        return np.full(len(sheet.rows), np.nan) if column is None else all_numbers(sheet, column)


@dataclass(frozen=True)
class OwnEnds:
    """A line for each row with the coordinates of both ends beside it (起点X, S_X …), where no table of points is at hand."""

    ends: tuple[Coordinates, Coordinates]
    mapping: Mapping[str, str]

    @property
    def note(self) -> Text:
        """Where the ends come from."""
        return Text(
            zh="没有管线点表，管线端点取自线表中的起止点坐标", en="no table of points: ends are the coordinates in the table of lines"
        )

    def of(self, columns: Columns) -> tuple[Geometries, tuple[Fault, ...]]:
        """Return the lines, with Z where both ends have an elevation."""
        positions = np.stack([end.of(columns) for end in self.ends], axis=1)
        unknown = np.full(len(positions), np.nan)
        heights = np.stack([end_elevation(columns, self.mapping, k, unknown) for k in (0, 1)], axis=1)
        there: npt.NDArray[np.bool_] = np.isfinite(positions.sum(axis=(1, 2)))
        shapes = np.full(len(there), None, dtype=object)
        shapes[there] = _lines(positions[there], heights[there])
        return shapes, placeless(columns, self.ends, there)


def placeless(columns: Columns, coordinates: Sequence[Coordinates], there: npt.NDArray[np.bool_]) -> tuple[Fault, ...]:
    """Return the rows that have no place as faults which say what stands in their columns of coordinates."""
    rows = np.flatnonzero(~there)
    cells = {name: columns[name].take(pa.array(rows)) for name in dict.fromkeys(name for c in coordinates for name in (c.north, c.east))}
    is_odd = {name: ~np.isfinite(coordinate(some)) for name, some in cells.items()}
    texts = {name: some.to_pylist() for name, some in cells.items()}
    return tuple(
        _placeless(int(row), {name: some[k] for name, some in texts.items()}, [name for name, odd in is_odd.items() if odd[k]])
        for k, row in enumerate(rows)
    )


def _placeless(index: int, cells: Mapping[str, object], unread: Sequence[str]) -> Fault:
    empty = [name for name in unread if cells[name] is None]
    odd = {name: str(cells[name])[:_SHOWN] for name in unread if cells[name] is not None}
    zh = [f"列“{'、'.join(empty)}”为空"] if empty else []
    zh += [f"列“{name}”的“{cell}”不是坐标" for name, cell in odd.items()]
    en = [f"nothing in {', '.join(empty)}"] if empty else []
    en += [f"{cell!r} in {name} is no coordinate" for name, cell in odd.items()]
    return Fault(index, "geometry-empty", Text(zh=f"没有坐标：{'，'.join(zh)}", en=f"no coordinates: {', '.join(en)}"))


def end_elevation(columns: Columns, mapping: Mapping[str, str], end: int, ground: FloatArray) -> FloatArray:
    """Return the height of one end (0 start, 1 end): its own elevation, else ``ground`` less its depth; NaN where neither is given."""
    which = ("start", "end")[end]
    own = _optional(columns, mapping, f"{which}_elevation_m", len(ground))
    depth = _optional(columns, mapping, f"{which}_depth_m", len(ground))
    return np.where(np.isfinite(own), own, ground - depth)


def _lines(positions: FloatArray, heights: FloatArray) -> Geometries:
    lines = shapely.linestrings(positions) if len(positions) else np.empty(0, dtype=object)
    surveyed = np.isfinite(heights).all(axis=1)
    if surveyed.any():
        lines[surveyed] = shapely.linestrings(np.concatenate([positions[surveyed], heights[surveyed][..., None]], axis=2))
    return lines


def _optional(columns: Columns, mapping: Mapping[str, str], field: str, length: int) -> FloatArray:
    column = _column(mapping, field)
    return np.full(length, np.nan) if column is None else numbers(columns[column])


def _column(mapping: Mapping[str, str], field: str) -> str | None:
    return next((c for c, f in mapping.items() if f == field), None)
