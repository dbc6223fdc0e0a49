"""The one place where numba is named: compiled loops that release the GIL and are cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numba


def kernel[F: Callable[..., object]](function: F) -> F:
    """Return ``function`` compiled by numba (nogil, cached, numpy error model: division by zero gives inf)."""
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast("F", compiled)
