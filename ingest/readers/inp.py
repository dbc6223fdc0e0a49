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
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text

NODES, LINKS = "nodes", "links"
FOOT_M, INCH_MM = 0.3048, 25.4
_SAMPLED_BYTES = 1 << 20

Row = tuple[str, int, list[str]]
"""Section, number of the line, its words."""
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sections:
    """The lines of a model by section, and where its elements are."""

    lines: Mapping[str, Sequence[tuple[int, list[str]]]]
    encoding: str
    places: Mapping[str, Place]
    bends: Mapping[str, Sequence[Place]]

    def rows(self, names: Sequence[str]) -> list[Row]:
        """Return the lines of the sections called ``names``."""
        return [(name, number, words) for name in names for number, words in self.lines.get(name, ())]

    def option(self, name: str, default: str, section: str = "OPTIONS") -> str:
        """Return what the file sets an option to, in capitals; the last one counts."""
        given = [words[1].upper() for _, words in self.lines.get(section, ()) if len(words) > 1 and words[0].upper() == name]
        return given[-1] if given else default


def has_sections(content: bytes, *names: bytes) -> bool:
    """Return whether a text has all of these sections."""
    upper = content.upper()
    return all(b"[" + name + b"]" in upper for name in names)


def read_sections(content: bytes, limits: Limits) -> Sections:
    """Return what a file says; RejectedError ``too-many-rows`` beyond the limit."""
    encoding = detect(content[:_SAMPLED_BYTES].splitlines())
    lines: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] = []
    for number, line in enumerate(content.decode(encoding, "replace").splitlines(), 1):
        words = line.split(";", 1)[0].split()
        if not words:
            continue
        if words[0].startswith("["):
            current = lines.setdefault(words[0].strip("[]").upper(), [])
            continue
        current.append((number, words))
        if number > limits.rows:
            raise rejected("too-many-rows", f"More than {limits.rows} lines.", f"行数超过 {limits.rows}。")
    bends: dict[str, list[Place]] = {}
    for link, place in _places(lines.get("VERTICES", ())):
        bends.setdefault(link, []).append(place)
    return Sections(lines, encoding, dict(_places(lines.get("COORDINATES", ()))), bends)


def _places(rows: Sequence[tuple[int, list[str]]]) -> Iterator[tuple[str, Place]]:
    for _, words in rows:
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
        if not model.places and model.rows(nodes.sections):
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
            lost = [self._lost(words) for _, _, words in rows]
            geometry = [None if missing else self._shape(words) for missing, (_, _, words) in zip(lost, rows, strict=True)]
            numbers: npt.NDArray[np.int64] = np.array([number for _, number, _ in rows], dtype=np.int64)
            yield SourceBatch(numbers, np.array(geometry, dtype=object), self._elements.describe(rows), _without_place(lost))

    def _lost(self, words: Sequence[str]) -> list[str]:
        """Return the nodes of an element that have no coordinates."""
        needed = words[:1] if self._elements.name == NODES else [word(words, 1) or "?", word(words, 2) or "?"]
        return [name for name in needed if name not in self._model.places]

    def _shape(self, words: Sequence[str]) -> shapely.Geometry:
        places = self._model.places
        if self._elements.name == NODES:
            return shapely.Point(places[words[0]])
        points = [places[words[1]], *self._model.bends.get(words[0], ()), places[words[2]]]
        kept = [points[0], *(b for a, b in itertools.pairwise(points) if a != b)]  # a bend upon the point before it is none
        return shapely.LineString(kept if len(kept) > 1 else [points[0], points[-1]])


def _without_place(lost: Sequence[Sequence[str]]) -> tuple[Fault, ...]:
    return tuple(
        Fault(i, "geometry-empty", Text(zh=f"节点 {'、'.join(names)} 没有坐标", en=f"no coordinates of node {', '.join(names)}"))
        for i, names in enumerate(lost)
        if names
    )


def source_bytes(source: Path | bytes) -> bytes:
    """Return the whole of a file."""
    return source if isinstance(source, bytes) else source.read_bytes()


def texts(values: Iterable[str | None]) -> pa.Array:
    """Return a column of text."""
    return pa.array(list(values), pa.string())


def floats(values: Iterable[float | None]) -> pa.Array:
    """Return a column of numbers."""
    return pa.array(list(values), pa.float64())


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
