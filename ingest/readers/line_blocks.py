"""Many lines of a text at a time, in one piece of memory that serves the next ones, too: kernels go through it without a copy of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from ingest.readers.json_bytes import PADDING
from ingest.readers.mapped_text import MappedText, ReadThrough
from ingest.refusals import rejected

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_MAX_LINE_BYTES = 64 << 20
_MOST_BETWEEN_BYTES = 1 << 16
"""Of white space between two lines of a block; with more of it the second begins the next."""
_WHITE = b" \t\n\r\v\f"
"""What `bytes.strip` takes away."""
_FIRST_STEP_BYTES, _MOST_STEP_BYTES = 64, 1 << 16
"""White space is taken away so much at a time: mostly it is one byte, but whole files are padded with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines(Sequence[bytes]):
    """L lines; each is also to be had by itself."""

    text: Bytes
    """They, what stands between them, and `PADDING`."""
    begin: Ints
    """(L,) where each begins in it."""
    end: Ints
    """(L,) where it ends."""

    def __len__(self) -> int:
        return len(self.begin)

    @overload
    def __getitem__(self, line: int) -> bytes: ...
    @overload
    def __getitem__(self, line: slice) -> Sequence[bytes]: ...
    def __getitem__(self, line: int | slice) -> bytes | Sequence[bytes]:
        """Return a copy of a line."""
        if isinstance(line, slice):
            return [self[k] for k in range(*line.indices(len(self)))]
        return self.text[self.begin[line] : self.end[line]].tobytes()


class TextRoom:
    """Memory for one block of lines after the other; for one thread."""

    def __init__(self, most_bytes: int) -> None:
        """Keep what is for ``most_bytes`` of text and less."""
        self._most_bytes = most_bytes
        self._kept = np.empty(0, dtype=np.uint8)

    def of(self, size: int) -> Bytes:
        """Return room for ``size`` bytes and `PADDING`, what was found there before given up; MemoryError if there is not as much."""
        whole = size + len(PADDING)
        if whole > len(self._kept):
            self._kept = np.empty(0, dtype=np.uint8)
            if size > self._most_bytes:
                text = np.empty(whole, dtype=np.uint8)
            else:
                text = self._kept = np.empty(min(size + size // 4, self._most_bytes) + len(PADDING), dtype=np.uint8)
        else:
            text = self._kept
        text[size:whole] = 0
        return text[:whole]


def joined(lines: Sequence[bytes], room: TextRoom | None = None) -> Lines:
    """Return lines in one piece, there until the next ones are."""
    end = np.cumsum(np.array([len(line) for line in lines], dtype=np.int64))
    size = int(end[-1]) if len(lines) else 0
    text = (room or TextRoom(0)).of(size)
    text[:size] = np.frombuffer(b"".join(lines), dtype=np.uint8)
    return Lines(text, np.concatenate([np.zeros(1, dtype=np.int64), end[:-1]])[: len(lines)], end)


class TextLines(Iterator[bytes]):
    """The lines of a text from one place on that are not blank, without white space around them, one or many at a time."""

    def __init__(self, text: MappedText, at: int, before: Callable[[], None] = lambda: None) -> None:
        """Begin at byte ``at``; call ``before`` as soon as somebody asks for a line."""
        self._text, self._at, self._before = text, at, before
        self._through = ReadThrough(text)
        self._has_begun = False

    def __next__(self) -> bytes:
        """Return the next line; RejectedError for one of more than 64 MB."""
        begin, end = self._next()
        if begin < 0:
            raise StopIteration
        self._through.passed(self._at)
        return self._text[begin:end]

    def block(self, most_lines: int, enough_bytes: int, room: TextRoom) -> Lines:
        """Return the next lines, no more than so many and none behind ``enough_bytes`` of them; no line at the end."""
        begin, end = list[int](), list[int]()
        while len(begin) < most_lines:
            first, last = self._next(end[-1] + _MOST_BETWEEN_BYTES if end else None)
            if first < 0:
                break
            begin.append(first)
            end.append(last)
            if last - begin[0] >= enough_bytes:
                break
        origin = begin[0] if begin else 0
        size = end[-1] - origin if end else 0
        text = room.of(size)
        text[:size] = np.frombuffer(self._text, dtype=np.uint8, count=size, offset=origin)
        self._through.passed(self._at)
        return Lines(text, np.array(begin, dtype=np.int64) - origin, np.array(end, dtype=np.int64) - origin)

    def _next(self, furthest: int | None = None) -> tuple[int, int]:
        """Return where the next line begins and ends, −1 where there is none, or none that begins at ``furthest`` or before."""
        if not self._has_begun:
            self._has_begun = True
            self._before()
        text, begin = self._text, self._after_white(furthest)
        self._at = begin
        if begin >= len(text) or (furthest is not None and begin > furthest):
            return -1, -1
        end = text.find(b"\n", begin, begin + _MAX_LINE_BYTES + 1)
        if end < 0 and len(text) - begin > _MAX_LINE_BYTES:
            raise rejected("cityjson-invalid", "A line is longer than 64 MB.", "有一行超过 64 MB。")
        end = len(text) if end < 0 else end
        self._at = min(end + 1, len(text))
        return begin, self._before_white(begin, end)

    def _after_white(self, furthest: int | None) -> int:
        """Return where no white space stands any more, or a place behind ``furthest``; what is before it is read unless a block waits."""
        text, at, step = self._text, self._at, _FIRST_STEP_BYTES
        last = len(text) - 1 if furthest is None else min(furthest, len(text) - 1)
        while at <= last and text[at] in _WHITE:
            piece = text[at : at + step]
            at += len(piece) - len(piece.lstrip())
            step = min(2 * step, _MOST_STEP_BYTES)
            if furthest is None:
                self._through.passed(at)
        return at

    def _before_white(self, begin: int, end: int) -> int:
        """Return where a line ends that has something else than white space at ``begin``, without that before ``end``."""
        text, step = self._text, _FIRST_STEP_BYTES
        while text[end - 1] in _WHITE:
            piece = text[max(end - step, begin) : end]
            end -= len(piece) - len(piece.rstrip())
            step = min(2 * step, _MOST_STEP_BYTES)
        return end


def blocks(lines: Iterable[bytes], first: int, most: int, enough_bytes: int, room: TextRoom) -> Iterator[Lines]:
    """Yield lines, some at a time, each block there until the next one is: first few, as nobody has anything to do until they are read."""
    wanted, following = min(first, most), iter(lines)
    while len(block := _block(following, wanted, enough_bytes, room)):
        yield block
        wanted = min(2 * wanted, most)


def _block(lines: Iterator[bytes], most_lines: int, enough_bytes: int, room: TextRoom) -> Lines:
    if isinstance(lines, TextLines):
        return lines.block(most_lines, enough_bytes, room)
    some, size = list[bytes](), 0
    for line in lines:
        some.append(line)
        size += len(line)
        if len(some) >= most_lines or size >= enough_bytes:
            break
    return joined(some, room)
