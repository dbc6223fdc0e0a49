"""A text that is mapped, with another beginning: what follows is mapped a second time, not copied, however long it is."""

from __future__ import annotations

import ctypes
import mmap
import os
from functools import cache

import numpy as np

_MAY_MOVE, _FIXED = 1, 2
"""Flags of mremap(2)."""


class _Spliced(mmap.mmap):
    """Memory of our own in front, pages of a file behind it."""

    own_bytes = 0

    def madvise(self, option: int, start: int = 0, length: int | None = None, /) -> None:
        """Advise on what is of the file: the pages in front would be lost."""
        begin = max(start, self.own_bytes)
        end = len(self) if length is None else min(len(self), start + length)
        if end > begin:
            super().madvise(option, begin, end - begin)


def with_head(head: bytes, text: bytes | memoryview, behind: int) -> bytes | memoryview:
    """Return ``head`` and what of ``text`` lies from byte ``behind`` on; a copy where ``text`` is no view of a mapped file.

    MemoryError where it does not fit among the addresses of the process.
    """
    if not isinstance(text, memoryview) or not isinstance(text.obj, mmap.mmap) or isinstance(text.obj, _Spliced):
        return head + bytes(text[behind:])
    source = memoryview(text.obj)
    start = _address(text) - _address(source)
    page = mmap.PAGESIZE
    first = -(-(start + behind) // page) * page  # of the mapped file: what is mapped again begins with a page
    rest = start + len(text) - first
    if rest <= 0:
        return head + bytes(text[behind:])
    front = head + bytes(text[behind : first - start])
    own = -(-len(front) // page) * page
    spliced = _reserved(own + rest)
    spliced.own_bytes = own
    spliced[own - len(front) : own] = front
    _map_again(_address(source) + first, rest, _address(memoryview(spliced)) + own)
    return memoryview(spliced)[own - len(front) :]


def _reserved(length: int) -> _Spliced:
    try:
        return _Spliced(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(str(error)) from error


def _map_again(address: int, length: int, to: int) -> None:
    """Map the shared pages of a file at another address, too, in place of what is mapped there: mremap(2) of nothing does so."""
    if _libc().mremap(address, 0, length, _MAY_MOVE | _FIXED, to) != to:
        raise MemoryError(os.strerror(ctypes.get_errno()))


def _address(view: memoryview) -> int:
    """Return where the bytes of a view lie; ctypes would ask for a view that can be written to."""
    return int(np.frombuffer(view, np.uint8).ctypes.data)


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mremap.restype = ctypes.c_size_t
    libc.mremap.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_size_t)
    return libc
