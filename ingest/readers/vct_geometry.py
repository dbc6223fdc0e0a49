"""The records of a VCT file's points, lines and polygons (GB/T 17798-2007, 5.6).

Polygons are made of the lines they refer to: a minus stands before one that runs the other way, a 0 between rings.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import shapely

from ingest.readers.vct_lines import HeldLines, Line, Rings, Vertex
from ingest.readers.vct_text import VctText, broken, whole
from twin.errors import Text

_END = b"0"
_POINT_GROUP = 4
_INDIRECT, _OF_LINES, _POLYLINE = 100, 21, 11
_NESTED_LINES = 8
_CURVE = Text(zh="含圆弧或曲线，不予读取", en="holds an arc or another curve, which is not read")
_NOT_OF_LINES = Text(zh="由面构成的面不予读取", en="a polygon made of polygons is not read")
_OPEN = Text(zh="构面的线不闭合", en="the lines of the polygon do not close")


@dataclass(frozen=True, slots=True)
class Record:
    """A feature's number and code, and its geometry, or why it has none."""

    number: int
    code: str
    geometry: shapely.Geometry | None
    fault: Text | None = None


class Records:
    """Reads the sections of geometry of a file; ``swapped``: its first coordinate is the northing."""

    def __init__(self, text: VctText, *, swapped: bool) -> None:
        self._text = text
        self._swapped = swapped
        self._offset = _offset(text)

    def of(self, geometry_type: str) -> Iterator[Record]:
        """Yield the features of a kind in the order of the file; RejectedError ``vct-broken``."""
        match geometry_type:
            case "Point":
                return self._points()
            case "LineString":
                return self._lines()
            case _:
                return self._polygons()

    def _points(self) -> Iterator[Record]:
        for number, code, lines in self._entries("Point"):
            kind = whole(_first(lines))
            if kind == _POINT_GROUP:
                geometry: shapely.Geometry = shapely.MultiPoint(self._vertices(lines))
            else:  # alone, a node, or with a second point for its direction; before it may stand how many there are
                line = _first(lines)
                geometry = shapely.Point(self._vertex(line if self._text.separator in line else _first(lines)))
            _pass_over(lines)
            yield Record(number, code, geometry)

    def _lines(self) -> Iterator[Record]:
        held = self._held_lines()
        for at in range(len(held)):
            number, code, has_curves = held.described(at)
            pieces = [] if has_curves else [piece for piece in _pieces(held, number) if len(piece) > 1]
            geometry = shapely.MultiLineString(pieces) if len(pieces) > 1 else shapely.LineString(pieces[0]) if pieces else None
            yield Record(number, code, geometry, _CURVE if has_curves else None)

    def _held_lines(self) -> HeldLines:
        held = HeldLines()
        for number, code, lines in self._entries("Line"):
            if whole(_first(lines)) == _INDIRECT:
                held.add(number, code, Line((), self._references(lines)), has_curves=False)
                continue
            curves, fault = self._curves(lines)
            held.add(number, code, Line(_joined(curves)), has_curves=fault is not None)
        return held

    def _polygons(self) -> Iterator[Record]:
        held: HeldLines | None = None
        for number, code, lines in self._entries("Polygon"):
            is_indirect = whole(_first(lines)) == _INDIRECT
            _first(lines)  # the point of the label
            if is_indirect and held is None:
                held = self._held_lines()
            if not is_indirect:
                rings, fault = self._curves(lines)
            elif whole(_first(lines)) != _OF_LINES:
                rings, fault = [], _NOT_OF_LINES
                _pass_over(lines)
            else:
                references = self._references(lines)
                held = held or HeldLines()
                fault = _CURVE if any(map(held.has_curves, map(abs, references))) else None
                rings = [] if fault else _rings(held, references)
            fault = fault or _fault_of(rings)
            yield Record(number, code, None if fault else _assembled(rings), fault)

    def _entries(self, section: str) -> Iterator[tuple[int, str, Iterator[bytes]]]:
        """Yield number and code of each record, and the lines of the section from there; who takes them goes on to the record's end."""
        lines = self._text.section(section)
        for first in lines:
            code = self._text.decoded(_first(lines))
            _first(lines)  # how it is drawn
            yield whole(first), code, lines

    def _curves(self, lines: Iterator[bytes]) -> tuple[Rings, Text | None]:
        """Return the polylines a feature consists of, to its end; with a fault when one is another curve."""
        found: Rings = []
        for _ in range(whole(_first(lines))):
            if whole(_first(lines)) != _POLYLINE:
                _pass_over(lines)
                return [], _CURVE
            found.append(self._vertices(lines))
        _pass_over(lines)
        return found, None

    def _vertices(self, lines: Iterator[bytes]) -> list[Vertex]:
        return [self._vertex(_first(lines)) for _ in range(whole(_first(lines)))]

    def _vertex(self, line: bytes) -> Vertex:
        try:
            x, y, *z = (float(v) for v in line.split(self._text.separator)[:3])
        except ValueError as error:
            raise broken(f"{line[:60]!r} is no coordinate") from error
        x, y = x + self._offset[0], y + self._offset[1]
        return (y, x, *z) if self._swapped else (x, y, *z)

    def _references(self, lines: Iterator[bytes]) -> list[int]:
        """Return the numbers of lines a feature is made of, to its end; the zeros between rings may be counted or not."""
        wanted = whole(_first(lines))
        found: list[int] = []
        for line in lines:
            if line == _END and len(found) >= wanted:
                return found
            found += [whole(v) for v in line.split(self._text.separator) if v.strip()]
        raise broken("a record has no end")


def _pass_over(lines: Iterator[bytes]) -> None:
    """Go on behind the end of a record, a line of 0 alone."""
    for line in lines:
        if line == _END:
            return
    raise broken("a record has no end")


def _first(lines: Iterator[bytes]) -> bytes:
    line = next(lines, None)
    if line is None:
        raise broken("it ends in the middle of a record")
    return line


def _offset(text: VctText) -> tuple[float, float]:
    """Return what the head says is to be added to coordinates."""
    given = text.head.get("offset", "").split(text.separator.decode("ascii", "replace"))
    try:
        return float(given[0]), float(given[1])
    except (ValueError, IndexError):
        return 0.0, 0.0


def _pieces(held: HeldLines, reference: int, depth: int = 0) -> Rings:
    """Return the pieces of a line in the direction of the reference; RejectedError when it is not there or refers to itself."""
    line = held.called(abs(reference))
    if line is None or depth > _NESTED_LINES:
        raise broken(f"line {abs(reference)} is missing")
    pieces = _joined(p for part in line.parts for p in _pieces(held, part, depth + 1)) if line.parts else line.pieces
    return [list(p)[::-1] for p in reversed(pieces)] if reference < 0 else [list(p) for p in pieces]


def _joined(pieces: Iterable[Sequence[Vertex]]) -> Rings:
    """Return the pieces, those that begin where the one before ends as one."""
    found: Rings = []
    for piece in pieces:
        if found and piece and found[-1][-1][:2] == piece[0][:2]:
            found[-1] += piece[1:]
        elif piece:
            found.append(list(piece))
    return found


def _rings(held: HeldLines, references: Sequence[int]) -> Rings:
    """Return the rings that references to lines make; a 0 begins the next one, and what does not meet is as many pieces."""
    rings = (list(group) for is_ring, group in itertools.groupby(references, bool) if is_ring)
    return [piece for ring in rings for piece in _joined(p for reference in ring for p in _pieces(held, reference))]


def _fault_of(rings: Rings) -> Text | None:
    return None if rings and all(len(r) > 3 and r[0][:2] == r[-1][:2] for r in rings) else _OPEN


def _assembled(rings: Rings) -> shapely.Geometry:
    """Return the area of rings: one inside an odd number of others is a hole of the smallest of them."""
    shapes = sorted((shapely.Polygon(r) for r in rings), key=lambda s: -s.area)
    shells: list[tuple[shapely.Polygon, list[Sequence[Vertex]]]] = []
    for index, shape in enumerate(shapes):
        inside = shape.representative_point() if shape.is_valid else shapely.Point(shape.exterior.coords[0])
        around = [s for s in shapes[:index] if s.covers(inside)]
        if len(around) % 2 == 0:
            shells.append((shape, []))
        else:
            owner = next((holes for shell, holes in reversed(shells) if shell is around[-1] or shell.covers(inside)), None)
            if owner is not None:
                owner.append(list(shape.exterior.coords))
    return shapely.MultiPolygon([(list(shell.exterior.coords), holes) for shell, holes in shells])
