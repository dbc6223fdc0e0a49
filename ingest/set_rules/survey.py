"""The points and lines of a pipe survey as arrays: what rules over it are asked of, instead of the staged rows.

Columns lie in files where they are many rows, and rules look at a block of them at a time: memory does not grow with the survey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.mapped_columns import MappedColumns
from ingest.set_rules.codes import Codes, Mask, Names, Vocabulary
from ingest.set_rules.survey_columns import TEXTS, WORDS, StagedColumns, no_columns
from twin.model import GeometryType

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

BLOCK = 1 << 18
"""Rows that are looked at together."""
_NAMES_A_SHARE = 1 << 19


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of several parts, part by part in the order of their rows."""

    files: MappedColumns
    part: Codes
    """Of the submission; `NONE` for what is published."""
    row: Numbers
    """As staged."""
    key: pa.ChunkedArray

    def __len__(self) -> int:
        return len(self.row)

    def blocks(self, part: int) -> Iterator[Numbers]:
        """Yield the places of the rows of one part, in order, block by block."""
        for block in blocks_of(len(self)):
            yield np.flatnonzero(self.part[block] == part) + block.start
            self.files.let_go()

    def of_parts(self, parts: Sequence[int]) -> Mask:
        """Return which rows are of some parts."""
        return np.concatenate([np.zeros(0, bool), *(np.isin(self.part[block], parts) for block in blocks_of(len(self)))])

    def where(self, keep: Mask) -> Self:
        """Return some of the rows."""
        if keep.all():
            return self

        def of(_name: str, values: Any) -> Any:  # noqa: ANN401  # arrays of NumPy and of Arrow alike
            if not isinstance(values, pa.ChunkedArray):
                return self.files.array((values[block][keep[block]] for block in blocks_of(len(self))), values.dtype.type)
            starts = np.cumsum([0, *map(len, values.chunks)])
            pieces = self.files.let_go_between(zip(values.chunks, starts[:-1], starts[1:], strict=True))
            return self.files.texts(chunk.filter(pa.array(keep[start:end])) for chunk, start, end in pieces)

        return self._with_each_column(of)

    def without(self, part: int, rows: Numbers) -> Self:
        """Return the rows without those of a part that have one of the numbers ``rows``."""
        gone, keep = np.unique(rows), np.ones(len(self), dtype=bool)
        for own in self.blocks(part) if len(gone) else ():
            row = self.row[own]
            keep[own[gone[np.minimum(np.searchsorted(gone, row), len(gone) - 1)] == row]] = False
        return self.where(keep)

    def ordered(self) -> Self:
        """Return the rows by part and row."""
        part, row = self.part, self.row
        if all(_is_ordered(part[b.start : b.stop + 1], row[b.start : b.stop + 1]) for b in blocks_of(len(self))):
            return self
        order = np.lexsort((row, part))
        taken = pa.array(order)
        columns = self._columns().items()
        return replace(self, **{n: v.take(taken) if isinstance(v, pa.ChunkedArray) else v[order] for n, v in columns})

    def followed_by(self, more: Self) -> Self:
        """Return these rows with others after them."""
        if not len(more):
            return self

        def joined(name: str, first: Any) -> Any:  # noqa: ANN401  # likewise
            after = getattr(more, name)
            if isinstance(first, pa.ChunkedArray):
                return pa.chunked_array([*first.chunks, *after.chunks], pa.string())
            return self.files.array(chain(_pieces(first), _pieces(after)), first.dtype.type)

        return self._with_each_column(joined)

    def _with_each_column(self, made: Callable[[str, Any], Any]) -> Self:
        """Return rows of new columns, made of name and values of each; what of one was looked at is given back before the next."""
        columns = {}
        for name, values in self._columns().items():
            columns[name] = made(name, values)
            self.files.let_go()
        return replace(self, **columns)

    def _columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "files"}


@dataclass(frozen=True, slots=True)
class Points(_Rows):
    """Points of a survey; numbers are NaN, codes `NONE` where there is no value."""

    number: pa.ChunkedArray
    node: Codes
    """Code of its number among the names of the survey."""
    map_number: pa.ChunkedArray
    kind: Codes
    feature: Codes
    appurtenance: Codes
    feature_code: Codes
    ground_elevation_m: Floats
    x: Floats
    y: Floats
    z: Floats

    def ground_m(self, points: Numbers) -> Floats:
        """Return the ground elevation of some points, else their height; a height of 0 is none."""
        return _else_height(self.ground_elevation_m[points], self.z[points])

    def place(self, index: int) -> tuple[float, float]:
        """Return where a point is."""
        return float(self.x[index]), float(self.y[index])


@dataclass(frozen=True, slots=True)
class Lines(_Rows):
    """Lines of a survey; numbers are NaN, codes `NONE` where there is no value."""

    segment_id: pa.ChunkedArray
    start: Codes
    end: Codes
    """Codes of the numbers of the points at its ends among the names of the survey."""
    kind: Codes
    material: Codes
    flow_direction: Codes
    pressure: Codes
    outer_diameter_mm: Floats
    width_mm: Floats
    section_height_mm: Floats
    start_depth_m: Floats
    end_depth_m: Floats
    start_elevation_m: Floats
    end_elevation_m: Floats
    start_x: Floats
    start_y: Floats
    start_z: Floats
    end_x: Floats
    end_y: Floats
    end_z: Floats
    length_m: Floats
    length_3d_m: Floats
    start_azimuth: Floats
    end_azimuth: Floats

    def start_m(self, lines: Numbers) -> Floats:
        """Return the elevation at the start of some lines, else their height there; a height of 0 is none."""
        return _else_height(self.start_elevation_m[lines], self.start_z[lines])

    def end_m(self, lines: Numbers) -> Floats:
        """Return the elevation at their end, likewise."""
        return _else_height(self.end_elevation_m[lines], self.end_z[lines])

    def diameter_mm(self, lines: Numbers) -> Floats:
        """Return the outer diameter of some lines; of a box that of the round pipe of the same area."""
        diameter = self.outer_diameter_mm[lines]
        round_mm = np.sqrt(4 / np.pi * self.width_mm[lines] * self.section_height_mm[lines])
        return np.where(np.isnan(diameter), round_mm, diameter)

    def place(self, index: int) -> tuple[float, float]:
        """Return where a line starts."""
        return float(self.start_x[index]), float(self.start_y[index])


class Survey:
    """All points and lines of a submission, parts in order, without the rows that were rejected."""

    def __init__(self, columns: Mapping[int, StagedColumns]) -> None:
        """Take the columns of each part; they are left empty."""
        self.files = MappedColumns(next((c.files.work for c in columns.values()), None))
        self.words = Vocabulary()
        taken = {part: c.taken() for part, c in columns.items()}
        for staged in columns.values():
            self.files.take_over(staged.files)
        ends = sum(batch.num_rows for batches in taken.values() for batch in batches) * 2
        self.names = Names(self.files, 1 + ends // _NAMES_A_SHARE, self.let_go)
        kinds = {part: c.feature_type.geometry_type for part, c in columns.items()}
        self.points = self.points_of({part: batches for part, batches in taken.items() if kinds[part] == "Point"})
        self.lines = self.lines_of({part: batches for part, batches in taken.items() if kinds[part] == "LineString"})

    def points_of(self, batches: Mapping[int, Sequence[pa.RecordBatch]]) -> Points:
        """Return batches of points (`survey_columns`) by part as arrays, ordered by part and row."""
        columns = self._columns(batches, "Point")
        (columns["node"],) = self.names.encode([columns["number"]])
        return Points(**columns).ordered()

    def lines_of(self, batches: Mapping[int, Sequence[pa.RecordBatch]]) -> Lines:
        """Return batches of lines by part as arrays, likewise."""
        columns = self._columns(batches, "LineString")
        columns["start"], columns["end"] = self.names.encode([columns.pop("start_node"), columns.pop("end_node")])
        return Lines(**columns).ordered()

    def forget(self, part: int, rows: Numbers) -> None:
        """Leave out rows of a part."""
        self.points, self.lines = self.points.without(part, rows), self.lines.without(part, rows)

    def blocks(self, rows: int) -> Iterator[slice]:
        """Yield blocks of so many rows; what of files was looked at for one is given back before the next."""
        for block in blocks_of(rows):
            yield block
            self.let_go()

    def let_go(self) -> None:
        """Give back the memory in which rows were looked at."""
        self.files.let_go()

    def _columns(self, batches: Mapping[int, Sequence[pa.RecordBatch]], kind: GeometryType) -> dict[str, Any]:
        """Return the columns of all parts: texts as they are, all others as arrays."""
        table = pa.Table.from_batches([no_columns(kind), *(batch for of_part in batches.values() for batch in of_part)])
        parts = (np.full(batch.num_rows, part, np.int32) for part, of_part in batches.items() for batch in of_part)
        columns: dict[str, Any] = {"files": self.files, "part": self.files.array(parts, np.int32)}
        for name in table.column_names:
            column = table[name]
            if name in WORDS[kind]:
                columns[name] = self.files.array(self.files.let_go_between(self.words.encoded(column)), np.int32)
            elif name in TEXTS[kind]:
                columns[_NAMED.get(name, name)] = column
            else:
                chunks = self.files.let_go_between(column.chunks)
                columns[name] = self.files.array((chunk.to_numpy() for chunk in chunks), np.int64 if name == "row" else np.float64)
            self.let_go()
        return columns


_NAMED: Mapping[str, str] = {"natural_key": "key", "node_id": "number"}
"""Columns that are called otherwise here."""


def blocks_of(rows: int) -> Iterator[slice]:
    """Yield blocks of so many rows."""
    return (slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))


def _pieces(values: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.generic]]:
    return (values[block] for block in blocks_of(len(values)))


def _is_ordered(part: Codes, row: Numbers) -> bool:
    return bool(((part[1:] > part[:-1]) | ((part[1:] == part[:-1]) & (row[1:] >= row[:-1]))).all())


def _else_height(elevation_m: Floats, z: Floats) -> Floats:
    return np.where(np.isnan(elevation_m), np.where(z == 0.0, np.nan, z), elevation_m)
