"""The lines of a network model by section, read where they lie in the file: what is held of them is where each section stands."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import overload

from ingest.readers.mapped_text import MappedText, ReadThrough

Words = list[str]
Line = tuple[int, Words]
"""Number of the line, its words."""
_PIECE_BYTES = 1 << 17
_NUMBERS = 5


class ModelText:
    """A text, decoded piece by piece; the piece that was asked for last is kept."""

    def __init__(self, content: MappedText, encoding: str) -> None:
        """Take a text; bytes that are none in its encoding are read as the replacement character."""
        self._content, self._encoding = content, encoding
        self._through = ReadThrough(content)
        self._latest: tuple[int, list[str]] = (-1, [])

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Yield where pieces begin and end, in bytes; each ends with a line."""
        at = 0
        while at < len(self._content):
            end = self._content.rfind(b"\n", at, at + _PIECE_BYTES) + 1
            if not end:
                end = self._content.find(b"\n", at) + 1 or len(self._content)
            yield at, end
            at = end

    def lines(self, begin: int, end: int) -> list[str]:
        """Return the lines of a piece as `str.splitlines` cuts the whole; what lies before it is given back to the system."""
        if self._latest[0] != begin:
            self._latest = begin, self._content[begin:end].decode(self._encoding, "replace").splitlines()
            self._through.passed(end)
        return self._latest[1]


class SectionLines(Sequence[Line]):
    """The lines of one section that say something, in the order of the file."""

    def __init__(self, text: ModelText) -> None:
        """Begin with none."""
        self._text = text
        self._blocks = array("q")
        """Of each piece with lines of ours five numbers: where it begins and ends, its first line's number, where ours begin and end."""
        self._before = array("q", [0])

    def add(self, piece: tuple[int, int], number: int, lines: tuple[int, int], count: int) -> None:
        """Take the ``count`` lines with words among ``lines`` (first, behind the last) of a piece that begins with line ``number``."""
        if count:
            self._blocks.extend((*piece, number, *lines))
            self._before.append(self._before[-1] + count)

    def __len__(self) -> int:
        return self._before[-1]

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, int):
            at = range(len(self))[index]
            return self._between(at, at + 1)[0]
        first, last, step = index.indices(len(self))
        return self._between(first, last)[::step] if step > 0 else [self._between(at, at + 1)[0] for at in range(first, last, step)]

    def __iter__(self) -> Iterator[Line]:
        return (line for block in range(len(self._before) - 1) for line in self._block(block, range(self._size(block))))

    def at(self, places: Sequence[int]) -> Iterator[Line]:
        """Return the lines at some places, in their order; each piece of the file is read once."""
        found: dict[int, Line] = {}
        for block, of_block in groupby(sorted(set(places)), lambda place: bisect_right(self._before, place) - 1):
            before = self._before[block]
            inside = [place - before for place in of_block]
            found.update(zip((before + place for place in inside), self._block(block, inside), strict=True))
        return (found[place] for place in places)

    def _between(self, first: int, last: int) -> list[Line]:
        found: list[Line] = []
        block = bisect_right(self._before, first) - 1
        while first < last:
            before = self._before[block]
            found += self._block(block, range(first - before, min(last - before, self._size(block))))
            block += 1
            first = self._before[block]
        return found

    def _size(self, block: int) -> int:
        return self._before[block + 1] - self._before[block]

    def _block(self, block: int, wanted: Iterable[int]) -> list[Line]:
        """Return some of the lines with words of one piece."""
        piece_begin, piece_end, number, begin, end = self._blocks[_NUMBERS * block : _NUMBERS * (block + 1)]
        lines = self._text.lines(piece_begin, piece_end)
        if self._size(block) == end - begin:  # each of them has words
            return [(number + begin + k, words_of(lines[begin + k])) for k in wanted]
        said = [(number + k, words) for k in range(begin, end) if (words := words_of(lines[k]))]
        return [said[k] for k in wanted]


def words_of(line: str) -> Words:
    """Return the words of a line before its comment."""
    return line.split(";", 1)[0].split()
