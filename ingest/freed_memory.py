"""Memory that was freed goes back to the system: what read a file keeps it for more of the same, and rules over all rows need other."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pyarrow as pa


def give_back_freed_memory() -> None:
    """Have Arrow and the C library return what they hold and nobody uses; where the C library is not glibc, Arrow alone."""
    pa.default_memory_pool().release_unused()
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
