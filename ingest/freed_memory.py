"""Memory goes back to the system: what was freed, which would be kept for more of the same, and what only the start of a program needed."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from ctypes import _Pointer


def give_back_freed_memory() -> None:
    """Have Arrow and the C library return what they hold and nobody uses; where the C library is not glibc, Arrow alone."""
    pa.default_memory_pool().release_unused()
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class _Segment(ctypes.Structure):
    """Elf64_Phdr (elf(5))."""

    _fields_ = (
        ("kind", ctypes.c_uint32), ("rights", ctypes.c_uint32), ("offset", ctypes.c_uint64), ("address", ctypes.c_uint64),
        ("physical", ctypes.c_uint64), ("file_bytes", ctypes.c_uint64), ("bytes", ctypes.c_uint64), ("alignment", ctypes.c_uint64),
    )  # fmt: skip


class _Library(ctypes.Structure):
    """The beginning of ``struct dl_phdr_info`` (dl_iterate_phdr(3))."""

    _fields_ = (("base", ctypes.c_void_p), ("name", ctypes.c_char_p), ("segments", ctypes.POINTER(_Segment)), ("count", ctypes.c_uint16))


_LOADED, _DYNAMIC, _WRITABLE = 1, 2, 2
_DYNAMIC_FLAGS, _CHANGES_CODE, _FLAG_CHANGES_CODE = 30, 22, 4
"""Entries of the dynamic section that tell of relocations in what is not writable (DT_FLAGS, DT_TEXTREL, DF_TEXTREL)."""
_POINTER_BYTES = 8
_NOT_KEPT = 4
"""MADV_DONTNEED: the pages are no longer mapped; whoever needs one has it again from the file."""


def give_back_program_pages() -> None:
    """Have code and constants of libraries count as ours only once they are needed again: most of it only the start has run.

    Nothing is done where libraries are not ELF files of glibc. Safe while other threads run: what is not writable is as it is in the file,
    and no library is loaded meanwhile, for the loader's list is held.
    """
    libc = ctypes.CDLL(None)
    iterate = getattr(libc, "dl_iterate_phdr", None)
    if iterate is None or ctypes.sizeof(ctypes.c_void_p) != _POINTER_BYTES:
        return
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def give_back(library: _Pointer[_Library], _size: int, _data: object) -> int:
        for begin, end in _unwritten(library.contents):
            libc.madvise(begin, end - begin, _NOT_KEPT)  # refused of what is no file's: then nothing is done
        return 0

    iterate(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)(give_back), None)


def _unwritten(library: _Library) -> Iterator[tuple[int, int]]:
    """Yield the addresses of the whole pages that nobody writes to, the loader neither; none of the program itself."""
    segments = library.segments[: library.count]
    base = library.base or 0
    if not library.name or any(s.kind == _DYNAMIC and _changes_code(base + s.address, s.bytes) for s in segments):
        return
    for segment in segments:
        if segment.kind == _LOADED and not segment.rights & _WRITABLE:
            begin, end = base + segment.address, base + segment.address + segment.bytes
            begin, end = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
            if end > begin:
                yield begin, end


def _changes_code(address: int, size: int) -> bool:
    entries = (ctypes.c_uint64 * (size // 8)).from_address(address)
    tags = dict(zip(entries[::2], entries[1::2], strict=False))
    return _CHANGES_CODE in tags or bool(tags.get(_DYNAMIC_FLAGS, 0) & _FLAG_CHANGES_CODE)
