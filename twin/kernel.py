"""The one place where numba is named: compiled loops that release the GIL and are cached on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import cast

import numba
from numba.core.caching import FunctionCache


class _KernelCache(FunctionCache):  # type: ignore[misc] # numba has no types
    """The cache of a kernel's machine code; where it cannot be reached, as in a confined process, the code serves all the same."""

    def load_overload(self, sig: object, target_context: object) -> object:
        try:
            return super().load_overload(sig, target_context)
        except OSError:
            return None

    def save_overload(self, sig: object, data: object) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def kernel[F: Callable[..., object]](function: F) -> F:
    """Return ``function`` compiled by numba (nogil, cached where it can be, numpy error model: division by zero gives inf)."""
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    with contextlib.suppress(RuntimeError):  # numba knows no folder that it may write to: compiled anew by every process
        compiled._cache = _KernelCache(function)  # noqa: SLF001 - numba has no other way to name a cache
    return cast("F", compiled)
