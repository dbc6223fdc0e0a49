"""Members of objects as they are spelled → JSON objects of some of them, as `ingest.extra` writes those of parsed ones.

A text, a word or an integer is spelled as it is written. A number of a column with fractions is written as the shortest that reads back as
the same double: that is its own spelling where `json_fractions` is sure of it; all others are read and written again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from ingest.readers.json_bytes import digits_at
from ingest.readers.json_fractions import is_shortest
from twin.kernel import bare_kernel, copy_bytes, kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Cells = npt.NDArray[np.int32]

_MOST_BYTES = 2**31 - 1
_DIGITS = 15
"""Integers of as many are doubles exactly (ISO/IEC 9899, DBL_DIG)."""
_COMMA, _OPEN, _CLOSE, _POINT, _ZERO, _MINUS = (ord(c) for c in ",{}.0-")


def written_objects(
    content: Bytes, cells: Cells, order: Ints, of_numbers: Mask, keys: Sequence[bytes], others: Sequence[pa.StringArray]
) -> pa.StringArray:
    """Return for each row of ``cells`` (R, N, 2), which are places in ``content``, an object of C members; null where it has none.

    Behind each place is one byte that is no digit, and there is `PADDING` behind all. ``order`` (C,) is the number of each, or -1 - k for
    the JSON texts in ``others[k]``; ``of_numbers`` (C,) which have fractions, and ``keys`` their names as JSON between a comma and a colon.
    """
    more, places = _laid_out(others, len(cells))
    where = np.empty((len(cells) * int(of_numbers.sum()), 2), dtype=np.int64)
    where = where[: _doubtful(content, cells, order, of_numbers, where)]
    numbers = _written_numbers(content, where)
    key_ends = np.cumsum([0, *(len(k) for k in keys)])
    ends = np.zeros(len(cells) + 1, dtype=np.int64)
    size = _size(cells, places, order, key_ends) + len(numbers)
    if size > _MOST_BYTES:
        raise ValueError("more than 2 GB are left over of a batch")
    out = np.empty(size, dtype=np.uint8)
    names = np.frombuffer(b"".join(keys), dtype=np.uint8)
    _write(content, cells, more, places, order, of_numbers, where, numbers, names, key_ends, out, ends)
    return strings(ends, out[: ends[-1]], np.diff(ends) > 0)


def strings(ends: Ints, content: Bytes, there: Mask | None) -> pa.StringArray:
    """Return R strings that end at ``ends`` (R + 1,), null where they are not ``there``."""
    valid = None if there is None or there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(content), valid)


def gathered(content: Bytes, begin: Ints, sizes: Ints, there: Mask | None) -> pa.StringArray:
    """Return pieces of ``content`` as strings."""
    ends = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=ends[1:])
    out = np.empty(int(ends[-1]), dtype=np.uint8)
    _gather(content, begin, ends, out)
    return strings(ends, out, there)


def _laid_out(others: Sequence[pa.StringArray], rows: int) -> tuple[Bytes, Cells]:
    """Return the texts of columns one after the other, and (K, R, 2) where each begins and ends in them; at one place where it is null."""
    places, pieces, size = np.zeros((len(others), rows, 2), dtype=np.int64), [np.empty(0, dtype=np.uint8)], 0
    for k, column in enumerate(others):
        offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + rows + 1].astype(np.int64)
        pieces.append(np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)[offsets[0] : offsets[-1]])
        places[k, :, 0], places[k, :, 1] = offsets[:-1] - offsets[0] + size, offsets[1:] - offsets[0] + size
        if column.null_count:
            places[k, column.is_null().to_numpy(zero_copy_only=False)] = 0
        size += int(offsets[-1] - offsets[0])
    if size > _MOST_BYTES:
        raise ValueError("more than 2 GB are left over of a batch")
    return np.concatenate(pieces), places.astype(np.int32)


def _written_numbers(content: Bytes, where: Ints) -> Bytes:
    """Return numbers read and written again, a comma behind each."""
    if not len(where):
        return np.empty(0, dtype=np.uint8)
    spelled = gathered(content, where[:, 0].copy(), where[:, 1] - where[:, 0], None)
    values = spelled.cast(pa.float64()).to_numpy()
    text = bytearray(orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY))
    text[-1] = _COMMA
    return np.frombuffer(text, dtype=np.uint8)[1:]


@kernel
def _gather(content: Bytes, begin: Ints, ends: Ints, out: Bytes) -> None:
    for row in range(len(begin)):
        copy_bytes(out, ends[row], content, begin[row], ends[row + 1] - ends[row])


@kernel
def _doubtful(content: Bytes, cells: Cells, order: Ints, of_numbers: Mask, where: Ints) -> int:
    """Fill ``where`` (D, 2) with the numbers that may be spelled otherwise than they are written, row by row, and return D."""
    count = 0
    for row in range(len(cells)):
        for c in range(len(order)):
            if of_numbers[c]:
                begin, end = cells[row, order[c], 0], cells[row, order[c], 1]
                if begin < end and not _is_written_so(content, begin, end):
                    where[count, 0], where[count, 1] = begin, end
                    count += 1
    return count


@bare_kernel
def _is_written_so(content: Bytes, begin: int, end: int) -> bool:
    """Tell whether a number is spelled as it is written, but for the ``.0`` behind an integer."""
    at = begin + (content[begin] == _MINUS)
    digits, whole = digits_at(content, at)
    if at + digits == end:
        return bool(digits <= _DIGITS)
    decimals, fraction = digits_at(content, at + digits + 1)
    return (decimals == 1 or content[end - 1] != _ZERO) and is_shortest(whole, decimals, fraction)


@kernel
def _size(cells: Cells, places: Cells, order: Ints, key_ends: Ints) -> int:
    """Return how many bytes all objects have at most, beside numbers that are written anew."""
    size = 0
    for row in range(len(cells)):
        for c in range(len(order)):
            if order[c] >= 0:
                length = cells[row, order[c], 1] - cells[row, order[c], 0]
            else:
                length = places[-1 - order[c], row, 1] - places[-1 - order[c], row, 0]
            if length > 0:
                size += length + key_ends[c + 1] - key_ends[c] + 2
        size += 2
    return size


@kernel
def _write(
    content: Bytes, cells: Cells, more: Bytes, places: Cells, order: Ints, of_numbers: Mask, where: Ints, numbers: Bytes, names: Bytes,
    key_ends: Ints, out: Bytes, ends: Ints,
) -> None:  # fmt: skip
    at, doubt, number = 0, 0, 0
    for row in range(len(cells)):
        opened = at
        for c in range(len(order)):
            k = order[c]
            begin, end = (cells[row, k, 0], cells[row, k, 1]) if k >= 0 else (places[-1 - k, row, 0], places[-1 - k, row, 1])
            if begin == end:
                continue
            copy_bytes(out, at, names, key_ends[c], key_ends[c + 1] - key_ends[c])
            at += key_ends[c + 1] - key_ends[c]
            if k < 0:
                copy_bytes(out, at, more, begin, end - begin)
                at += end - begin
            elif of_numbers[c] and doubt < len(where) and where[doubt, 0] == begin:
                doubt += 1
                while numbers[number] != _COMMA:
                    out[at] = numbers[number]
                    at, number = at + 1, number + 1
                number += 1
            else:
                copy_bytes(out, at, content, begin, end - begin)
                at += end - begin
                if of_numbers[c] and _is_whole(content, begin, end):
                    out[at], out[at + 1] = _POINT, _ZERO
                    at += 2
        if at > opened:
            out[opened], out[at] = _OPEN, _CLOSE
            at += 1
        ends[row + 1] = at


@bare_kernel
def _is_whole(content: Bytes, begin: int, end: int) -> bool:
    for k in range(begin, end):  # noqa: SIM110  # numba has no any() of a generator
        if content[k] == _POINT:
            return False
    return True
