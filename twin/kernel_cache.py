"""The machine code of kernels on disk: kept while everything that went into it is what it was."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher


class KernelCache(FunctionCache):  # type: ignore[misc] # numba has no types
    """The cache of a kernel's machine code; where it cannot be reached, as in a confined process, the code serves all the same.

    numba dates the code by the file of the kernel alone, though it holds that of the kernels that it calls, and numbers that were
    read when it was compiled: after a change of those it would go on with the old ones.
    """

    _is_dated = False

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
            self._cache_file._source_stamp = (self._cache_file._source_stamp, ingredients(self._py_func))  # noqa: SLF001
            self._is_dated = True


def ingredients(function: Callable[..., object]) -> str:
    """Return a digest of what a kernel's machine code is made of: the files of all kernels it reaches, and numbers of their modules."""
    digest = hashlib.sha256(_digest_of_file(str(Path(__file__).with_name("kernel.py"))))
    seen: set[Callable[..., object]] = set()
    rest = [function]
    while rest:
        given = rest.pop()
        if given in seen:
            continue
        seen.add(given)
        digest.update(_digest_of_file(given.__code__.co_filename))
        for name in sorted(set(_names(given.__code__))):
            value = given.__globals__.get(name)
            if isinstance(value, Dispatcher):
                rest.append(value.py_func)
            elif isinstance(value, bool | int | float | str | bytes | tuple):
                digest.update(f"{name} {value!r}".encode())
            elif isinstance(value, np.ndarray):
                digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@functools.cache
def _digest_of_file(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
