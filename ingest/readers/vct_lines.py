"""Lines of a VCT file, kept until the polygons that are made of them have been read: 24 bytes a vertex, where objects take 150."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ingest.readers.numbered import Numbered

Vertex = tuple[float, ...]
Rings = list[list[Vertex]]
_ORDINATES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """The pieces of a line that do not meet, mostly one, or the numbers of the lines it is made of."""

    pieces: Sequence[Sequence[Vertex]]
    parts: Sequence[int] = ()


class HeldLines:
    """Lines in the order of the file; of several of one number the last counts."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._codes: list[str] = []
        self._known: dict[str, str] = {}
        self._has_curves = array("b")
        self._pieces_to, self._parts_to = array("q", [0]), array("q", [0])
        self._vertices_to = array("q", [0])
        self._ordinates, self._dimensions = array("d"), array("b")
        self._parts = array("q")

    def add(self, number: int, code: str, line: Line, *, has_curves: bool) -> None:
        """Put a line behind the others; of one that ``has_curves`` nothing is kept but that."""
        self._numbers.append(number)
        self._codes.append(self._known.setdefault(code, code))
        self._has_curves.append(has_curves)
        for piece in line.pieces:
            for vertex in piece:
                self._ordinates.extend((*vertex, 0.0)[:_ORDINATES])
                self._dimensions.append(len(vertex))
            self._vertices_to.append(len(self._dimensions))
        self._pieces_to.append(len(self._vertices_to) - 1)
        self._parts.extend(line.parts)
        self._parts_to.append(len(self._parts))

    def __len__(self) -> int:
        return len(self._numbers)

    def described(self, at: int) -> tuple[int, str, bool]:
        """Return number and code of a line, and whether it has curves."""
        return self._numbers[at], self._codes[at], bool(self._has_curves[at])

    def called(self, number: int) -> Line | None:
        """Return the line of a number; None where there is none."""
        at = self._by_number.last(number)
        return None if at is None else self._line(at)

    def has_curves(self, number: int) -> bool:
        """Return whether any line of a number has curves."""
        return any(self._has_curves[at] for at in self._by_number.all(number))

    def _line(self, at: int) -> Line:
        pieces = [self._piece(piece) for piece in range(self._pieces_to[at], self._pieces_to[at + 1])]
        return Line(pieces, self._parts[self._parts_to[at] : self._parts_to[at + 1]])

    def _piece(self, piece: int) -> list[Vertex]:
        return [
            tuple(self._ordinates[_ORDINATES * vertex : _ORDINATES * vertex + self._dimensions[vertex]])
            for vertex in range(self._vertices_to[piece], self._vertices_to[piece + 1])
        ]

    @cached_property
    def _by_number(self) -> Numbered:
        return Numbered(self._numbers)
