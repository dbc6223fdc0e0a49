"""CityJSONFeatures packed as they are kept (`twin.packed_documents`), out of the arrays that were cut out of their lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.documents import Packing
from ingest.readers.json_arrays import VALUES, VERTICES, CutLines
from ingest.readers.json_bytes import digits_at, next_point
from ingest.readers.json_numbers import NULL
from twin.kernel import bare_kernel, copy_bytes, kernel
from twin.packed_documents import DEEPEST, FRACTION, LEAST_DECIMALS, MAGIC, PLACES

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_HEAD_BYTES = 64
"""Of a packed line at most, beside its arrays and their rest: the magic, three sizes."""
_MAGIC = np.frombuffer(MAGIC, dtype=np.uint8)
_LAST_OF_SEVEN, _BYTE = 127, 255
_DIGITS = 17
"""Of a fraction at most."""
_POWERS = 10 ** np.arange(_DIGITS + 1)
_NOUGHT, _NINE = (ord(c) for c in "09")
_DEPTH_OF_PLACES, _ORDINATES = 2, 3


class _Cut(NamedTuple):
    """What is needed of `CutLines`, as kernels take it."""

    text: Bytes
    line_begin: Ints
    line_end: Ints
    rest_end: Ints
    array_start: Ints
    kind: Ints
    depth: Ints
    spans: Ints
    start: Ints
    numbers: Ints
    ends: tuple[Ints, Ints, Ints]


def packing_of(cut: CutLines) -> Packing:
    """Return what can be packed of lines; nothing of it is in the room that they were cut into.

    A line that was not cut, one with an array deeper than four brackets, with a number below 0 or vertices that are no ``[x,y,z]`` is
    kept otherwise.
    """
    text, begin, end, count = cut.text, cut.lines.begin, cut.lines.end, len(cut.lines)
    longest = int((end - begin).max(initial=0))
    rest, arrays = np.empty(len(text), dtype=np.uint8), np.empty(2 * len(text) + _HEAD_BYTES * count, dtype=np.uint8)
    ends = np.empty((2, count), dtype=np.int64)
    needed = _Cut(text, begin, end, cut.rest_end, cut.array_start, cut.kind, cut.depth, cut.spans, cut.start, cut.numbers, cut.ends)
    _pack(needed, rest, ends[0], arrays, ends[1], np.empty(2 * longest + _HEAD_BYTES, dtype=np.uint8))
    for filled, last in ((rest, ends[0]), (arrays, ends[1])):
        filled.resize(int(last[-1]) if count else 0, refcheck=False)  # the rest serves who asks next, while this is on its way
    return Packing(rest, ends[0], arrays, ends[1])


@kernel
def _pack(cut: _Cut, rest: Bytes, rest_end: Ints, arrays: Bytes, arrays_end: Ints, one: Bytes) -> None:
    """Fill all arrays but the first; ``one`` has room for what is taken out of the longest line.

    A varint is no longer than the digits that it says; a difference may be as long as those of two numbers.
    """
    out = at = 0
    for line in range(len(cut.line_end)):
        begin, end, size, last, count = cut.line_begin[line], cut.line_end[line], out, out, 0
        kept = begin
        for array in range(cut.array_start[line], cut.array_start[line + 1]):
            if cut.kind[array] > VALUES:
                continue
            size, last, count = _pack_text(cut.text, kept, cut.spans[array, 0], rest, size, last, one, count)
            kept = cut.spans[array, 1]
            count = _pack_array(cut, array, one, _write_varint(one, count, size - last))
            last = size
            if count < 0:
                break
        if count > 0 and cut.rest_end[line] >= 0:
            size, last, count = _pack_text(cut.text, kept, end, rest, size, last, one, count)
            copy_bytes(arrays, at, _MAGIC, 0, _MAGIC.size)
            at = _write_varint(arrays, at + _MAGIC.size, end - begin)
            at = _write_varint(arrays, at, size - out)
            at = _write_varint(arrays, at, count)
            copy_bytes(arrays, at, one, 0, count)
            out, at = size, at + count
        rest_end[line], arrays_end[line] = out, at


@bare_kernel
def _pack_text(text: Bytes, begin: int, end: int, rest: Bytes, size: int, last: int, out: Bytes, at: int) -> tuple[int, int, int]:
    """Add text to the ``rest`` without its fractions, which go ``out``; return where the rest ends, its last gap, what was written."""
    place = next_point(text, begin, end)
    while place < end:
        decimals, number = digits_at(text, place + 1)
        first, power, after = place, 1, place + 1 + decimals
        if LEAST_DECIMALS <= decimals < _DIGITS and after <= end:
            number, power = int(np.int64(number)), int(_POWERS[decimals])
            while first > begin and place - first < _DIGITS - decimals and _NOUGHT <= text[first - 1] <= _NINE:
                first -= 1
                number += int(np.int64(text[first] - np.uint8(_NOUGHT))) * power
                power *= 10
        if first == place or (text[first] == _NOUGHT and first < place - 1):
            place = next_point(text, place + 1, end)
            continue
        copy_bytes(rest, size, text, begin, first - begin)
        size += first - begin
        at = _write_varint(out, at, size - last)
        head, last = at, size
        out[at + 1] = number & _BYTE
        at, number = at + 2, number >> 8
        while number:
            out[at] = number & _BYTE
            at, number = at + 1, number >> 8
        out[head] = FRACTION | (at - head - 2) << 4 | decimals - LEAST_DECIMALS
        begin = after
        place = next_point(text, after, end)
    copy_bytes(rest, size, text, begin, end - begin)
    return size + end - begin, last, at


@bare_kernel
def _pack_array(cut: _Cut, array: int, out: Bytes, at: int) -> int:
    """Write an array; return its end, −1 where there is no form for it."""
    n, end, depth = cut.start[array, 0], cut.start[array + 1, 0], cut.depth[array]
    if cut.kind[array] == VERTICES:
        are_places = depth == _DEPTH_OF_PLACES and end - n == _ORDINATES * (cut.start[array + 1, 1] - cut.start[array, 1])
        return _pack_places(cut, array, n, end, out, at) if are_places else -1
    return _pack_numbers(cut, array, out, at) if depth <= DEEPEST else -1


@bare_kernel
def _pack_places(cut: _Cut, array: int, n: int, end: int, out: Bytes, at: int) -> int:
    rings, numbers = cut.ends[0], cut.numbers
    out[at] = PLACES
    at = _write_varint(out, at + 1, (end - n) // _ORDINATES)
    x = y = z = 0
    for ring in range(cut.start[array, 1], cut.start[array + 1, 1]):
        if rings[ring] != n + _ORDINATES or numbers[n] == NULL or numbers[n + 1] == NULL or numbers[n + 2] == NULL:
            return -1
        at = _write_varint(out, at, _zigzag(numbers[n] - x))
        at = _write_varint(out, at, _zigzag(numbers[n + 1] - y))
        at = _write_varint(out, at, _zigzag(numbers[n + 2] - z))
        x, y, z = numbers[n], numbers[n + 1], numbers[n + 2]
        n += _ORDINATES
    return at


@bare_kernel
def _pack_numbers(cut: _Cut, array: int, out: Bytes, at: int) -> int:
    rings, faces, shells = cut.ends
    n, face, shell, depth, last = cut.start[array, 0], cut.start[array, 2], cut.start[array, 3], cut.depth[array], cut.start[array + 1, 1]
    out[at] = depth
    at += 1
    for ring in range(cut.start[array, 1], last):
        end, closes = rings[ring], 0
        if depth > 1 and faces[face] == ring + 1:
            face, closes = face + 1, 1
            if depth > 2 and shells[shell] == face:  # faces are in shells
                shell, closes = shell + 1, 2
        if ring + 1 == last:
            closes = depth - 1
        at = _write_varint(out, at, (end - n) << 2 | closes)
        while n < end:
            number = cut.numbers[n]
            if number < 0 and number != NULL:
                return -1
            at = _write_varint(out, at, 0 if number == NULL else number + 1)
            n += 1
    return at


@bare_kernel
def _zigzag(number: int) -> int:
    return number << 1 ^ number >> 63


@bare_kernel
def _write_varint(out: Bytes, at: int, value: int) -> int:
    while value > _LAST_OF_SEVEN:
        out[at] = value & _LAST_OF_SEVEN | _LAST_OF_SEVEN + 1
        value >>= 7
        at += 1
    out[at] = value
    return at + 1
