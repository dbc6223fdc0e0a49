"""How the CityJSONFeature that a feature was read from is kept: a zstd frame, or packed, its arrays of numbers as few bytes each.

Packed is ``CTD1``, then as varints (LEB128) the bytes of the text, of its rest and of its arrays, then the arrays and the rest as one
LZ4 block. The rest is the text without the arrays, and without its decimal fractions, which stand among them. Each begins with a varint
of how many bytes of the rest stand between it and the one before, and a byte that tells what it is:

- `PLACES`, an array of ``[x,y,z]``: their count follows, and of each number how much it differs from that of the place before (zigzag);
- how many brackets are around each number, one to four: the innermost arrays follow, each as a varint, four times the count of its
  numbers and how many more brackets close behind it, and its numbers, 0 for null, 1 for 0 and so on, to the array's last bracket;
- from `FRACTION` on a fraction: the lowest four bits are how many digits stand behind its point less `LEAST_DECIMALS`, the next three how
  many bytes follow, less one; these are all its digits as one number, the lowest byte first.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from twin.json_values import LONGEST_NUMBER, NULL, write_digits, write_integer
from twin.kernel import bare_kernel, copy_bytes, kernel

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

Bytes = npt.NDArray[np.uint8]

MAGIC = b"CTD1"
PLACES, DEEPEST, FRACTION = 0, 4, 128
LEAST_DECIMALS = 2
_LARGEST_BYTES = 256 << 20
_BRACKETS = 16
"""More than are written between two numbers."""
_LONGEST_VARINT = 63
"""Bits."""
_OPEN, _CLOSE, _COMMA, _POINT = (ord(c) for c in "[],.")
_POWERS = 10 ** np.arange(16 + LEAST_DECIMALS)
_FULL = 15
_BROKEN = "a kept document does not read back"


def unpacked(document: bytes) -> bytes:
    """Return the JSON that is kept as ``document``, in either form; of packed arrays without white space.

    Raises:
        ValueError: it is in neither, ends too early, or is of more than 256 MB.
    """
    if document.startswith(MAGIC):
        return _unpacked(np.frombuffer(document, dtype=np.uint8))
    frame = ZstdDecompressor()
    try:
        text = frame.decompress(document, _LARGEST_BYTES)
    except ZstdError as error:
        raise ValueError(str(error)) from error
    if not frame.eof:
        raise ValueError(_BROKEN)
    return text


def ready() -> None:
    """Load the kernels, or compile them into their cache."""
    unpacked(MAGIC + bytes((2, 2, 0)) + b"\x20{}")


def _unpacked(packed: Bytes) -> bytes:
    sizes, at = np.empty(3, dtype=np.int64), len(MAGIC)
    at = read_varints(packed, at, sizes)
    text_bytes, rest_bytes, array_bytes = sizes.tolist()
    block = at + array_bytes
    if at < 0 or block > len(packed) or rest_bytes > text_bytes or text_bytes > _LARGEST_BYTES:
        raise ValueError(_BROKEN)
    rest, text = np.empty(rest_bytes, dtype=np.uint8), np.empty(text_bytes + LONGEST_NUMBER + _BRACKETS, dtype=np.uint8)
    end = _write_text(packed, at, block, rest, text, text_bytes) if _read_block(packed, block, rest) else -1
    if end < 0:
        raise ValueError(_BROKEN)
    return text[:end].tobytes()


@kernel
def read_varints(packed: Bytes, at: int, values: npt.NDArray[np.int64]) -> int:
    """Read as many varints as there is room for; return where they end, −1 where the bytes do."""
    for k in range(len(values)):
        values[k], at = _varint(packed, at, len(packed))
        if at < 0:
            return -1
    return at


@bare_kernel
def _varint(packed: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a number that is not below 0 and where it ends, −1 where it does not or is too large."""
    value = shift = 0
    while at < end and shift < _LONGEST_VARINT:
        byte = int(np.int64(packed[at]))
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:  # the highest bit says that another follows
            return value, at
        shift += 7
    return 0, -1


@kernel
def _read_block(packed: Bytes, at: int, rest: Bytes) -> bool:
    """Fill ``rest`` from the LZ4 block (lz4_Block_format.md) that stands at ``at``; tell whether it is that, to its end."""
    out, end, size = 0, len(packed), len(rest)
    while at < end:
        token = int(np.int64(packed[at]))
        count, at = _length(packed, at + 1, token >> 4)
        if at < 0 or count > end - at or count > size - out:
            return False
        copy_bytes(rest, out, packed, at, count)
        out, at = out + count, at + count
        if at == end:
            return out == size
        if end - at < 2:  # bytes of an offset
            return False
        offset = int(np.int64(packed[at])) | int(np.int64(packed[at + 1])) << 8
        count, at = _length(packed, at + 2, token & _FULL)
        count += 4
        if at < 0 or not 0 < offset <= out or count > size - out:
            return False
        for k in range(out, out + count):
            rest[k] = rest[k - offset]
        out += count
    return False


@bare_kernel
def _length(packed: Bytes, at: int, count: int) -> tuple[int, int]:
    """Return a length that begins with four bits, and where it ends; −1 where the bytes do."""
    if count < _FULL:
        return count, at
    while at < len(packed):
        byte = int(np.int64(packed[at]))
        count, at = count + byte, at + 1
        if byte < 255:  # as the format has it
            return count, at
    return 0, -1


@kernel
def _write_text(packed: Bytes, at: int, end: int, rest: Bytes, text: Bytes, most: int) -> int:
    """Write the rest with the arrays in it; return the end, −1 where it would be beyond ``most`` or an array is broken."""
    out = kept = 0
    while at < end:
        gap, at = _varint(packed, at, end)
        if at < 0 or at >= end or gap > len(rest) - kept or gap > most - out:
            return -1
        copy_bytes(text, out, rest, kept, gap)
        out, kept, depth, at = out + gap, kept + gap, int(np.int64(packed[at])), at + 1
        if depth == PLACES:
            at, out = _write_places(packed, at, end, text, out, most)
        elif depth >= FRACTION:
            at, out = _write_fraction(packed, at, end, depth, text, out)
        elif depth <= DEEPEST:
            at, out = _write_numbers(packed, at, end, depth, text, out, most)
        else:
            return -1
        if at < 0 or out > most:
            return -1
    count = len(rest) - kept
    if count > most - out:
        return -1
    copy_bytes(text, out, rest, kept, count)
    return out + count


@bare_kernel
def _write_fraction(packed: Bytes, at: int, end: int, head: int, text: Bytes, out: int) -> tuple[int, int]:
    """Write a fraction; return where it ends and what was written, −1 where it is broken."""
    count, decimals, number = (head >> 4 & 7) + 1, (head & 15) + LEAST_DECIMALS, 0
    if count > end - at:
        return -1, out
    for k in range(count):
        number |= int(np.int64(packed[at + k])) << 8 * k
    if number < 0:
        return -1, out
    whole = number // _POWERS[decimals]
    out = write_integer(text, out, whole)
    text[out] = _POINT
    return at + count, write_digits(text, out + 1, np.uint64(number - whole * _POWERS[decimals]), decimals)


@bare_kernel
def _write_places(packed: Bytes, at: int, end: int, text: Bytes, out: int, most: int) -> tuple[int, int]:
    """Write places; return where they end and what was written, −1 where they are broken."""
    count, at = _varint(packed, at, end)
    x = y = z = 0
    for k in range(count):
        dx, at = _varint(packed, at, end) if at >= 0 else (0, -1)
        dy, at = _varint(packed, at, end) if at >= 0 else (0, -1)
        dz, at = _varint(packed, at, end) if at >= 0 else (0, -1)
        if at < 0:
            return -1, out
        x, y, z = x + (dx >> 1 ^ -(dx & 1)), y + (dy >> 1 ^ -(dy & 1)), z + (dz >> 1 ^ -(dz & 1))
        text[out], text[out + 1] = (_COMMA if k else _OPEN), _OPEN
        out = write_integer(text, out + 2, x) if out <= most else most + 1
        text[out] = _COMMA
        out = write_integer(text, out + 1, y) if out <= most else most + 1
        text[out] = _COMMA
        out = write_integer(text, out + 1, z) if out <= most else most + 1
        if out > most:
            return -1, out
        text[out] = _CLOSE
        out += 1
    text[out] = _CLOSE
    return (at if count > 0 and out < most else -1), out + 1


@bare_kernel
def _write_numbers(packed: Bytes, at: int, end: int, depth: int, text: Bytes, out: int, most: int) -> tuple[int, int]:
    """Write an array of arrays of numbers; return where it ends and what was written, −1 where it is broken."""
    opens, closes = depth, 0
    while at >= 0 and out <= most:
        for _ in range(opens):
            text[out] = _OPEN
            out += 1
        head, at = _varint(packed, at, end)
        count, closes = head >> 2, head & 3
        if at < 0 or closes >= depth or count > end - at:
            return -1, out
        for k in range(count):
            value, at = _varint(packed, at, end)
            if at < 0 or out > most:
                return -1, out
            if k:
                text[out] = _COMMA
                out += 1
            if value:
                out = write_integer(text, out, value - 1)
            else:
                copy_bytes(text, out, NULL, 0, len(NULL))
                out += len(NULL)
        for _ in range(closes + 1):
            text[out] = _CLOSE
            out += 1
        if closes + 1 == depth:
            return (at if out <= most else -1), out
        text[out] = _COMMA
        out, opens = out + 1, closes + 1
    return -1, out
