"""Where the features of a GeoJSON text lie, found by vectorised bracket counting without parsing it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.readers.mapped_text import ReadThrough

_CHUNK = 8 << 20
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_KEY_BEFORE = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*$')


@dataclass(frozen=True, slots=True)
class Spans:
    """Half-open byte ranges of the elements of the top-level array ``features``, and the text around them."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    opening: int
    closing: int
    """Where the array's brackets stand."""
    frame: bytes
    """The document with an empty ``features`` array."""
    found: bool


def feature_spans(text: memoryview, member: bytes = b"features") -> Spans:
    """Return the spans of the objects in the array ``member`` of a JSON object; ``found`` is False when it has none.

    Counts brackets outside strings, 8 MB at a time: the text need not be valid JSON, and is not checked to be.
    """
    depth, in_string = 0, False
    starts: list[npt.NDArray[np.int64]] = []
    ends: list[npt.NDArray[np.int64]] = []
    array: tuple[int, int] | None = None
    opened_at = -1
    through = ReadThrough(text)
    for offset in range(0, len(text), _CHUNK):
        chunk = np.frombuffer(text[offset : offset + _CHUNK], dtype=np.uint8)
        places, steps, in_string = _brackets(chunk, text, offset, in_string)
        depths = depth + np.cumsum(steps, dtype=np.int64)
        position = 0
        while array is None:
            if opened_at < 0:
                opened_at, position = _next_opening(text, offset, places, steps, depths, position, member)
                if opened_at < 0:
                    break
            closing = np.flatnonzero((depths[position:] == 1) & (steps[position:] < 0))
            stop = position + int(closing[0]) if len(closing) else len(places)
            inside = slice(position, stop)
            objects = depths[inside]
            starts.append(offset + places[inside][(objects == 3) & (steps[inside] > 0)])
            ends.append(offset + places[inside][(objects == 2) & (steps[inside] < 0)] + 1)
            if len(closing) == 0:
                break
            array = (opened_at, offset + int(places[stop]))
        if len(depths):
            depth = int(depths[-1])
        through.passed(offset + len(chunk))
    return _spans(text, starts, ends, array)


def _spans(
    text: memoryview, starts: list[npt.NDArray[np.int64]], ends: list[npt.NDArray[np.int64]], array: tuple[int, int] | None
) -> Spans:
    none = np.empty(0, dtype=np.int64)
    if array is None:
        return Spans(none, none, -1, -1, b"", found=False)
    first, last = np.concatenate([none, *starts]), np.concatenate([none, *ends])
    frame = bytes(text[: array[0] + 1]) + bytes(text[array[1] :])
    return Spans(first, last, *array, frame, len(first) == len(last))


def _brackets(
    chunk: npt.NDArray[np.uint8], text: memoryview, offset: int, in_string: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], bool]:
    """Return the places of brackets outside strings, +1 or −1 for each, and whether the chunk ends inside a string."""
    quotes = np.flatnonzero(chunk == _QUOTE)
    real = quotes[~_escaped(quotes, chunk, text, offset)]
    folded = chunk | 0x20  # { and [ become {, } and ] become }
    candidates = np.flatnonzero((folded == ord("{")) | (folded == ord("}")))
    raw = chunk[candidates]
    candidates = candidates[(raw == ord("{")) | (raw == ord("[")) | (raw == ord("}")) | (raw == ord("]"))]
    outside = (np.searchsorted(real, candidates) + in_string) % 2 == 0
    places = candidates[outside]
    steps = np.where(folded[places] == ord("{"), 1, -1).astype(np.int8)
    return places, steps, bool((len(real) + in_string) % 2)


def _escaped(quotes: npt.NDArray[np.int64], chunk: npt.NDArray[np.uint8], text: memoryview, offset: int) -> npt.NDArray[np.bool_]:
    """Return which quotes stand behind an odd run of backslashes (also when it began in the chunk before)."""
    escaped = np.zeros(len(quotes), dtype=bool)
    before = np.where(quotes > 0, chunk[quotes - 1], text[offset - 1] if offset else 0) == _BACKSLASH
    for index in np.flatnonzero(before):
        place = offset + int(quotes[index]) - 1
        run = 0
        while place - run >= 0 and text[place - run] == _BACKSLASH:
            run += 1
        escaped[index] = run % 2 == 1
    return escaped


def _next_opening(
    text: memoryview,
    offset: int,
    places: npt.NDArray[np.int64],
    steps: npt.NDArray[np.int8],
    depths: npt.NDArray[np.int64],
    position: int,
    member: bytes,
) -> tuple[int, int]:
    """Return (byte offset, index after it) of the opening bracket of ``member``, or (−1, 0)."""
    for index in np.flatnonzero((depths[position:] == 2) & (steps[position:] > 0)) + position:
        place = offset + int(places[index])
        key = _KEY_BEFORE.search(bytes(text[max(0, place - 200) : place]))
        if text[place] == ord("[") and key is not None and key[1] == member:
            return place, int(index) + 1
    return -1, 0
