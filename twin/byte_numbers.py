"""Numbers out of bytes, compiled: little endian as in WKB, big endian as PostgreSQL sends them (manual, 53.2). No bound is checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import kernel

Bytes = npt.NDArray[np.uint8]


@kernel
def uint32(data: Bytes, at: int) -> int:
    """Return the little-endian number of four bytes at ``at``."""
    return int(data[at] | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24)


@kernel
def uint64(data: Bytes, at: int) -> np.uint64:
    """Return the little-endian number of eight bytes, as the bits of a double."""
    return np.uint64(uint32(data, at)) | np.uint64(uint32(data, at + 4)) << np.uint64(32)


@kernel
def network_int32(data: Bytes, at: int) -> int:
    """Return the big-endian signed number of four bytes."""
    number = np.int64(data[at]) << 24 | np.int64(data[at + 1]) << 16 | np.int64(data[at + 2]) << 8 | np.int64(data[at + 3])
    return int(number - (1 << 32) if number >> 31 else number)


@kernel
def network_int64(data: Bytes, at: int) -> int:
    """Return the big-endian signed number of eight bytes."""
    return int(np.int64(network_uint64(data, at)))


@kernel
def network_uint64(data: Bytes, at: int) -> np.uint64:
    """Return the big-endian number of eight bytes, as the bits of a double."""
    bits = np.uint64(0)
    for k in range(at, at + 8):
        bits = (bits << np.uint64(8)) | np.uint64(data[k])
    return bits
