"""The points and lines of a pipe survey as arrays: what rules over it are asked of, instead of the staged rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.set_rules.survey_columns import WORDS, StagedColumns, no_columns
from twin.model import GeometryType

if TYPE_CHECKING:
    from ingest.set_rules.network import Network

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

NONE = -1
"""Code of a value that is not there; the part of what is published."""


@dataclass(slots=True)
class Vocabulary:
    """Few words as numbers, in the order in which they first came."""

    words: list[str] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    def encode(self, column: pa.ChunkedArray) -> Codes:
        """Return the codes of a column of dictionaries, `NONE` for null."""
        return np.concatenate([self._encoded(chunk) for chunk in column.chunks] or [np.empty(0, np.int32)])

    def _encoded(self, chunk: pa.DictionaryArray) -> Codes:
        codes = [self.learn(word) for word in chunk.dictionary.to_pylist()]
        return np.array([*codes, NONE], np.int32)[chunk.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)]

    def learn(self, word: str) -> int:
        """Return the code of a word, a new one if it has none."""
        code = self._codes.setdefault(word, len(self.words))
        if code == len(self.words):
            self.words.append(word)
        return code

    def among(self, codes: Codes, words: Iterable[str]) -> Mask:
        """Return which codes are those of ``words``."""
        return np.isin(codes, [self._codes[word] for word in words if word in self._codes])

    def at(self, code: int) -> str:
        """Return the word of a code that is not `NONE`."""
        return self.words[code]


@dataclass(slots=True)
class Names:
    """The numbers of points, each once: points and ends of lines are compared by their place here."""

    known: pa.StringArray = field(default_factory=lambda: pa.array([], pa.string()))

    def encode(self, columns: Sequence[pa.ChunkedArray]) -> list[Codes]:
        """Return the places of the values of columns, `NONE` for null and for a text without a character; new names are added."""
        encoded = pa.concat_arrays([self.known, *(chunk for column in columns for chunk in column.chunks)]).dictionary_encode()
        before, self.known = len(self.known), encoded.dictionary
        codes = encoded.indices[before:].fill_null(NONE).to_numpy(zero_copy_only=False).copy()
        blank = self.known.index("").as_py()
        if blank != NONE:
            codes[codes == blank] = NONE
        ends = np.cumsum([len(column) for column in columns])[:-1]
        return np.split(codes, ends)

    def at(self, code: int) -> str:
        """Return the name at a place."""
        return str(self.known[code])


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of several parts, part by part in the order of their rows."""

    part: Codes
    """Of the submission; `NONE` for what is published."""
    row: Numbers
    """As staged."""
    key: pa.StringArray

    def __len__(self) -> int:
        return len(self.row)

    def of_part(self, part: int) -> Numbers:
        """Return the places of the rows of one part, in order."""
        return np.flatnonzero(self.part == part)

    def where(self, keep: Mask) -> Self:
        """Return some of the rows."""
        return self if keep.all() else self._at(np.flatnonzero(keep))

    def ordered(self) -> Self:
        """Return the rows by part and row."""
        order = np.lexsort((self.row, self.part))
        return self if (order[1:] > order[:-1]).all() else self._at(order)

    def followed_by(self, more: Self) -> Self:
        """Return these rows with others after them."""
        return replace(self, **{f.name: _joined(getattr(self, f.name), getattr(more, f.name)) for f in fields(self)}) if len(more) else self

    def _at(self, places: Numbers) -> Self:
        taken = pa.array(places)
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{n: v.take(taken) if isinstance(v, pa.Array) else v[places] for n, v in columns.items()})


@dataclass(frozen=True, slots=True)
class Points(_Rows):
    """Points of a survey; numbers are NaN, codes `NONE` where there is no value."""

    node: Codes
    """Place of its number among the names of the survey."""
    map_number: pa.StringArray
    kind: Codes
    feature: Codes
    appurtenance: Codes
    feature_code: Codes
    ground_elevation_m: Floats
    x: Floats
    y: Floats
    z: Floats

    @property
    def ground_m(self) -> Floats:
        """Ground elevation, else the height of the point; a height of 0 is none."""
        return np.where(np.isnan(self.ground_elevation_m), _height(self.z), self.ground_elevation_m)

    def place(self, index: int) -> tuple[float, float]:
        """Return where a point is."""
        return float(self.x[index]), float(self.y[index])


@dataclass(frozen=True, slots=True)
class Lines(_Rows):
    """Lines of a survey; numbers are NaN, codes `NONE` where there is no value."""

    segment_id: pa.StringArray
    start: Codes
    end: Codes
    """Places of the numbers of the points at its ends among the names of the survey."""
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

    @property
    def start_m(self) -> Floats:
        """Elevation at the start, else the height of the line there; a height of 0 is none."""
        return np.where(np.isnan(self.start_elevation_m), _height(self.start_z), self.start_elevation_m)

    @property
    def end_m(self) -> Floats:
        """Elevation at the end, likewise."""
        return np.where(np.isnan(self.end_elevation_m), _height(self.end_z), self.end_elevation_m)

    @property
    def diameter_mm(self) -> Floats:
        """Outer diameter; of a box that of the round pipe of the same area."""
        round_mm = np.sqrt(4 / np.pi * self.width_mm * self.section_height_mm)
        return np.where(np.isnan(self.outer_diameter_mm), round_mm, self.outer_diameter_mm)

    def place(self, index: int) -> tuple[float, float]:
        """Return where a line starts."""
        return float(self.start_x[index]), float(self.start_y[index])


class Survey:
    """All points and lines of a submission, parts in order, without the rows that were rejected."""

    def __init__(self, columns: Mapping[int, StagedColumns]) -> None:
        """Take the columns of each part; they are left empty."""
        self.words = Vocabulary()
        self.names = Names()
        self.network: Network | None = None
        self.points = self.points_of({part: c.batches for part, c in columns.items() if c.feature_type.geometry_type == "Point"})
        self.lines = self.lines_of({part: c.batches for part, c in columns.items() if c.feature_type.geometry_type == "LineString"})

    def points_of(self, batches: Mapping[int, list[pa.RecordBatch]]) -> Points:
        """Return batches of points (`survey_columns`) by part as arrays, ordered by part and row; the lists are left empty."""
        columns, arrays = _taken(batches, "Point")
        (node,) = self.names.encode([columns.pop("node_id")])
        map_number = _text(columns.pop("map_number"))
        return Points(**arrays, **self._arrays(columns, "Point"), node=node, map_number=map_number).ordered()

    def lines_of(self, batches: Mapping[int, list[pa.RecordBatch]]) -> Lines:
        """Return batches of lines by part as arrays, likewise."""
        columns, arrays = _taken(batches, "LineString")
        start, end = self.names.encode([columns.pop("start_node"), columns.pop("end_node")])
        segment_id = _text(columns.pop("segment_id"))
        return Lines(**arrays, **self._arrays(columns, "LineString"), start=start, end=end, segment_id=segment_id).ordered()

    def forget(self, part: int, rows: Sequence[int]) -> None:
        """Leave out rows of a part."""
        gone = np.array(rows, np.int64)
        self.points = self.points.where(~((self.points.part == part) & np.isin(self.points.row, gone)))
        self.lines = self.lines.where(~((self.lines.part == part) & np.isin(self.lines.row, gone)))

    def _arrays(self, columns: dict[str, pa.ChunkedArray], kind: GeometryType) -> dict[str, Any]:
        """Return columns as arrays, each let go once it is made."""
        names = list(columns)
        return {name: self.words.encode(columns.pop(name)) if name in WORDS[kind] else columns.pop(name).to_numpy() for name in names}


def _taken(batches: Mapping[int, list[pa.RecordBatch]], kind: GeometryType) -> tuple[dict[str, pa.ChunkedArray], dict[str, Any]]:
    """Return the columns of all parts, and part and key of each row."""
    table = pa.Table.from_batches([no_columns(kind), *(batch for of_part in batches.values() for batch in of_part)])
    sizes = [sum(batch.num_rows for batch in of_part) for of_part in batches.values()]
    for of_part in batches.values():
        of_part.clear()
    columns = {name: table[name] for name in table.column_names}
    part = np.repeat(np.array(list(batches), np.int32), sizes)
    return columns, {"part": part, "key": _text(columns.pop("natural_key"))}


def _joined(first: Any, more: Any) -> Any:  # noqa: ANN401  # arrays of NumPy and of Arrow alike
    return pa.concat_arrays([first, more]) if isinstance(first, pa.Array) else np.concatenate([first, more])


def _text(column: pa.ChunkedArray) -> pa.StringArray:
    return pa.concat_arrays(column.chunks)


def _height(z: Floats) -> Floats:
    return np.where(z == 0.0, np.nan, z)
