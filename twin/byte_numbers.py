"""Numbers out of bytes, compiled: little endian as in WKB, big endian as PostgreSQL sends them (manual, 53.2). No bound is checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import kernel, little_uint32, little_uint64, network_word32, network_word64

Bytes = npt.NDArray[np.uint8]


@kernel
def uint32(data: Bytes, at: int) -> int:
    """Return the little-endian number of four bytes at ``at``."""
    return int(np.int64(little_uint32(data, at)))


@kernel
def uint64(data: Bytes, at: int) -> np.uint64:
    """Return the little-endian number of eight bytes, as the bits of a double."""
    return little_uint64(data, at)


@kernel
def network_int32(data: Bytes, at: int) -> int:
    """Return the big-endian signed number of four bytes."""
    return int(np.int64(np.int32(network_word32(data, at))))


@kernel
def network_int64(data: Bytes, at: int) -> int:
    """Return the big-endian signed number of eight bytes."""
    return int(np.int64(network_word64(data, at)))


@kernel
def network_uint64(data: Bytes, at: int) -> np.uint64:
    """Return the big-endian number of eight bytes, as the bits of a double."""
    return network_word64(data, at)
