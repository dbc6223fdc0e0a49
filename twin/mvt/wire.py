"""The wire format of protocol buffers, as far as a vector tile needs it: each function writes at ``at`` and returns where it ended."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import kernel

Bytes = npt.NDArray[np.uint8]

_SEVEN, _LOW, _MORE = np.uint64(7), np.uint64(0x7F), np.uint64(0x80)


@kernel
def write_varint(out: Bytes, at: int, number: int) -> int:
    """Write the 64 bits of a number, seven to a byte."""
    rest = np.uint64(number)
    while rest >= _MORE:
        out[at] = np.uint8((rest & _LOW) | _MORE)
        rest >>= _SEVEN
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@kernel
def zigzag(number: int) -> int:
    """Return a signed number as one that is small where it is near nought."""
    return (number << 1) ^ (number >> 63)


@kernel
def write_copied(out: Bytes, at: int, given: Bytes, start: int, end: int) -> int:
    """Write ``given[start:end]``."""
    for k in range(start, end):
        out[at] = given[k]
        at += 1
    return at


@kernel
def write_counted(out: Bytes, at: int, head: int, given: Bytes, start: int, end: int) -> int:
    """Write the field ``head`` whose content is ``given[start:end]``, its length before it."""
    out[at] = head
    at = write_varint(out, at + 1, end - start)
    return write_copied(out, at, given, start, end)
