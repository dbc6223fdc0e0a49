"""Network models as EPANET and SWMM write them: a text of sections in brackets, a line an element, nodes and links with coordinates.

Coordinates are in whatever CRS the modeller drew in; the file never says which.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.encodings import detect
from ingest.readers.layers import choose_layer
from ingest.readers.mapped_text import MappedText, mapped
from ingest.readers.model_sections import NamedNumbers, Place, Row, SectionRows
from ingest.readers.section_lines import ModelText, SectionLines, words_of
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text

NODES, LINKS = "nodes", "links"
FOOT_M, INCH_MM = 0.3048, 25.4
_SAMPLED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Sections:
    """The lines of a model by section, and where its elements are."""

    lines: Mapping[str, SectionLines]
    encoding: str
    places: NamedNumbers
    bends: NamedNumbers
    """Of each link all its bends, in their order."""

    def rows(self, names: Sequence[str]) -> SectionRows:
        """Return the lines of the sections called ``names``."""
        return _rows(self.lines, names)

    def option(self, name: str, default: str, section: str = "OPTIONS") -> str:
        """Return what the file sets an option to, in capitals; the last one counts."""
        given = [words[1].upper() for _, _, words in self.rows((section,)) if len(words) > 1 and words[0].upper() == name]
        return given[-1] if given else default


def has_sections(content: bytes, *names: bytes) -> bool:
    """Return whether a text has all of these sections."""
    upper = content.upper()
    return all(b"[" + name + b"]" in upper for name in names)


def read_sections(content: MappedText, limits: Limits) -> Sections:
    """Return what a file says; RejectedError ``too-many-rows`` beyond the limit."""
    encoding = detect(content[:_SAMPLED_BYTES].splitlines())
    text = ModelText(content, encoding)
    lines: dict[str, SectionLines] = {}
    current, number = SectionLines(text), 1
    for piece in text.pieces():
        first, count, of_piece = 0, 0, text.lines(*piece)
        for k, line in enumerate(of_piece):
            words = words_of(line)
            if words and words[0].startswith("["):
                current.add(piece, number, (first, k), count)
                current, first, count = lines.setdefault(words[0].strip("[]").upper(), SectionLines(text)), k + 1, 0
            elif words:
                count += 1
                if number + k > limits.rows:
                    raise rejected("too-many-rows", f"More than {limits.rows} lines.", f"行数超过 {limits.rows}。")
        current.add(piece, number, (first, len(of_piece)), count)
        number += len(of_piece)
    places, bends = (NamedNumbers(_places(_rows(lines, (name,))), 2) for name in ("COORDINATES", "VERTICES"))
    return Sections(lines, encoding, places, bends)


def _rows(lines: Mapping[str, SectionLines], names: Sequence[str]) -> SectionRows:
    return SectionRows([(name, lines[name]) for name in names if name in lines])


def _places(rows: Iterable[Row]) -> Iterator[tuple[str, Place]]:
    for _, _, words in rows:
        x, y = number(words, 1), number(words, 2)
        if x is not None and y is not None:
            yield words[0], (x, y)


Columns = Mapping[str, pa.Array]
Describe = Callable[[Sequence[Row]], Columns]
"""Returns the columns of some elements."""


@dataclass(frozen=True)
class Elements:
    """The nodes or the links of a model: in which sections they stand, and what is said of them."""

    name: str
    sections: Sequence[str]
    describe: Describe


class Network:
    """The nodes and the links of a model, as a reader of features."""

    def __init__(
        self, file_format: str, model: Sections, nodes: Elements, links: Elements, notes: tuple[Text, ...], limits: Limits
    ) -> None:
        """Take a model apart; RejectedError ``no-coordinates`` when nothing says where any of its nodes is."""
        if not len(model.places) and model.rows(nodes.sections):
            raise rejected(
                "no-coordinates",
                f"The {file_format} model has no [COORDINATES]: nothing says where its nodes are. Export it again with its map.",
                f"{file_format} 模型没有 [COORDINATES]，无法确定节点位置：请连同坐标重新导出。",
            )
        self.format = file_format
        self._model, self._notes, self._limits = model, notes, limits
        self._elements = {NODES: nodes, LINKS: links}

    def inspect(self) -> FileInfo:
        """Return the two layers."""
        layers = [(self._layer(NODES).source, "Point"), (self._layer(LINKS).source, "LineString")]
        return FileInfo(self.format, tuple(LayerInfo(s.name, kind, s.columns, None, s.rows, encoding=s.encoding) for s, kind in layers))

    def open(self, part: PartRequest, /) -> NetworkLayer:
        """Return the nodes for a type of points, the links for a type of lines."""
        fitting = NODES if part.feature_type.geometry_type == "Point" else LINKS
        if part.layer is not None and choose_layer(part, (NODES, LINKS)) != fitting:
            raise rejected("layer-missing", "Nodes are points, links are lines.", "nodes 为点，links 为线。")
        return self._layer(fitting)

    def _layer(self, which: str) -> NetworkLayer:
        return NetworkLayer(self._elements[which], self._model, self._notes, self._limits)


class NetworkLayer:
    """The elements of some sections of a model, in the order of the sections, numbered by line."""

    def __init__(self, elements: Elements, model: Sections, notes: tuple[Text, ...], limits: Limits) -> None:
        self._elements, self._model, self._limits = elements, model, limits
        self._rows = model.rows(elements.sections)
        columns = tuple(elements.describe(self._rows[:1]))
        self.source = SourceLayer(elements.name, columns, None, encoding=model.encoding, rows=len(self._rows), notes=notes)

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows with their geometry; an element without a place is at fault."""
        for start in range(0, len(self._rows), self._limits.rows_per_batch):
            rows = self._rows[start : start + self._limits.rows_per_batch]
            ends = [self._ends(words) for _, _, words in rows]
            places = self._model.places.of([name for names in ends for name in names]).reshape(len(rows), -1, 2)
            lost = [[name for name, (x, _) in zip(names, at, strict=True) if np.isnan(x)] for names, at in zip(ends, places, strict=True)]
            shapes = zip(self._bends([words[0] for _, _, words in rows]), lost, places.tolist(), strict=True)
            geometry = [None if missing else self._shape(bent, at) for bent, missing, at in shapes]
            numbers: npt.NDArray[np.int64] = np.array([number for _, number, _ in rows], dtype=np.int64)
            yield SourceBatch(numbers, np.array(geometry, dtype=object), self._elements.describe(rows), _without_place(lost))

    def _ends(self, words: Sequence[str]) -> list[str]:
        """Return the nodes that say where an element is."""
        return [*words[:1]] if self._elements.name == NODES else [word(words, 1) or "?", word(words, 2) or "?"]

    def _bends(self, names: Sequence[str]) -> list[list[Place]]:
        if self._elements.name == NODES or not len(self._model.bends):
            return [[] for _ in names]
        return [[(x, y) for x, y in bent.tolist()] for bent in self._model.bends.all_of(names)]

    def _shape(self, bends: Sequence[Place], places: Sequence[Sequence[float]]) -> shapely.Geometry:
        if self._elements.name == NODES:
            return shapely.Point(places[0])
        first, last = ((x, y) for x, y in places)
        points = [first, *bends, last]
        kept = [points[0], *(b for a, b in itertools.pairwise(points) if a != b)]  # a bend upon the point before it is none
        return shapely.LineString(kept if len(kept) > 1 else [points[0], points[-1]])


def _without_place(lost: Sequence[Sequence[str]]) -> tuple[Fault, ...]:
    return tuple(
        Fault(i, "geometry-empty", Text(zh=f"节点 {'、'.join(names)} 没有坐标", en=f"no coordinates of node {', '.join(names)}"))
        for i, names in enumerate(lost)
        if names
    )


def source_text(source: Path | bytes) -> MappedText:
    """Return the whole of a file, mapped where it has a path."""
    return source if isinstance(source, bytes) else mapped(source)


def texts(values: Iterable[str | None]) -> pa.Array:
    """Return a column of text."""
    return pa.array(list(values), pa.string())


def floats(values: Iterable[float | None]) -> pa.Array:
    """Return a column of numbers."""
    return pa.array(list(values), pa.float64())


def given(values: npt.NDArray[np.float64]) -> pa.Array:
    """Return (n, 1) numbers as a column, NaN as no value."""
    return pa.array(values[:, 0], pa.float64(), from_pandas=True)


def word(words: Sequence[str], index: int) -> str | None:
    """Return one word of a line, None beyond its end."""
    return words[index] if index < len(words) else None


def number(words: Sequence[str], index: int) -> float | None:
    """Return one word of a line as a finite number, None where it is none."""
    try:
        value = float(words[index])
    except (IndexError, ValueError):
        return None
    return value if np.isfinite(value) else None


def scaled(value: float | None, unit: float) -> float | None:
    """Return a number in metres or millimetres, to a tenth of a millimetre of metres."""
    return None if value is None else round(value * unit, 4)
