"""The machine code of kernels on disk: kept while everything that went into it is what it was."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher


class KernelCache(FunctionCache):  # type: ignore[misc] # numba has no types
    """The cache of a kernel's machine code; where it cannot be reached, as in a confined process, the code serves all the same.

    numba dates the code by the file of the kernel alone, though it holds that of the kernels that it calls, and numbers that were
    read when it was compiled: after a change of those it would go on with the old ones. It does not know either how a function was
    wrapped (inlined, bare): each way has a file for itself here.
    """

    _is_dated = False

    def __init__(self, kernel: Dispatcher) -> None:
        super().__init__(kernel.py_func)
        self._kernel = kernel
        name = f"{self._impl.filename_base}.{hashlib.sha256(_options(kernel)).hexdigest()[:8]}"
        self._cache_file = IndexDataCacheFile(self._cache_path, name, self._impl.locator.get_source_stamp())

    def load_overload(self, sig: object, target_context: object) -> object:
        """Return what was kept for a signature; None when there is nothing, or nothing that still holds."""
        try:
            self._set_date()
            return super().load_overload(sig, target_context)
        except OSError:
            return None

    def save_overload(self, sig: object, data: object) -> None:
        """Keep what was compiled, if that can be."""
        with contextlib.suppress(OSError):
            self._set_date()
            super().save_overload(sig, data)

    def _set_date(self) -> None:
        """Date the code when it is first asked for: only then are the modules whole that its kernels are found in."""
        if not self._is_dated:
            self._cache_file._source_stamp = (self._cache_file._source_stamp, ingredients(self._kernel))  # noqa: SLF001
            self._is_dated = True


def ingredients(kernel: Dispatcher) -> str:
    """Return a digest of what machine code is made of: files and options of all kernels that one reaches, numbers of their modules."""
    digest = hashlib.sha256(_digest_of_file(str(Path(__file__).with_name("kernel.py"))))
    seen: set[Dispatcher] = set()
    rest = [kernel]
    while rest:
        given = rest.pop()
        if given in seen:
            continue
        seen.add(given)
        function = given.py_func
        digest.update(_digest_of_file(function.__code__.co_filename) + _options(given))
        for name in sorted(set(_names(function.__code__))):
            value = function.__globals__.get(name)
            if isinstance(value, Dispatcher):
                rest.append(value)
            elif isinstance(value, bool | int | float | str | bytes | tuple):
                digest.update(f"{name} {value!r}".encode())
            elif isinstance(value, np.ndarray):
                digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()


def _options(kernel: Dispatcher) -> bytes:
    return repr(sorted(kernel.targetoptions.items())).encode()


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@functools.cache
def _digest_of_file(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
