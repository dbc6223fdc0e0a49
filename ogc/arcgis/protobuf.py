"""Fields of protocol buffers as they are written (proto3): what is 0, empty or false is left out, but in lists."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_VARINT, _DOUBLE, _BYTES = 0, 1, 2
_MOST_VARINT_BYTES = 10
_PLACES = np.arange(_MOST_VARINT_BYTES, dtype=np.uint64)


def varint(number: int, value: int) -> bytes:
    """Return a field of an unsigned number, an enum or a flag."""
    return _key(number, _VARINT) + _varint(value) if value else b""


def signed(number: int, value: int) -> bytes:
    """Return a member of a oneof that is a signed number (sint32, sint64), 0 too."""
    return _key(number, _VARINT) + _varint(value << 1 if value >= 0 else ~(value << 1))


def double(number: int, value: float) -> bytes:
    """Return a field of a double."""
    return _key(number, _DOUBLE) + struct.pack("<d", value)


def message(number: int, *fields: bytes) -> bytes:
    """Return a field that holds a message, an empty one too."""
    content = b"".join(fields)
    return _key(number, _BYTES) + _varint(len(content)) + content


def text(number: int, value: str) -> bytes:
    """Return a field of a text."""
    return message(number, value.encode("utf-8", "replace")) if value else b""


def packed(number: int, values: npt.NDArray[np.uint64]) -> bytes:
    """Return a list of unsigned numbers in one field."""
    if not values.size:
        return b""
    groups = (values[:, None] >> (_PLACES * np.uint64(7))) & np.uint64(127)
    last = np.where(groups.any(axis=1), _MOST_VARINT_BYTES - 1 - np.argmax(groups[:, ::-1] > 0, axis=1), 0)
    places = np.arange(_MOST_VARINT_BYTES)
    follows = places < last[:, None]
    content = (groups | (follows.astype(np.uint64) << np.uint64(7))).astype(np.uint8)[places <= last[:, None]]
    return message(number, content.tobytes())


def packed_signed(number: int, values: npt.NDArray[np.int64]) -> bytes:
    """Return a list of signed numbers (sint32, sint64) in one field."""
    return packed(number, ((values << 1) ^ (values >> 63)).astype(np.uint64))


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)
