"""Memory goes back to the system: what was freed, which would be kept for more of the same, and what only the start of a program needed."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa


def give_back_freed_memory() -> None:
    """Have Arrow and the C library return what they hold and nobody uses; where the C library is not glibc, Arrow alone."""
    pa.default_memory_pool().release_unused()
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class _Part(NamedTuple):
    """A piece of a file that is mapped (proc_pid_maps(5))."""

    begin: int
    end: int
    rights: str
    offset: int
    path: str


class _Segment(NamedTuple):
    """Elf64_Phdr (elf(5))."""

    kind: int
    rights: int
    offset: int
    address: int
    physical: int
    file_bytes: int
    bytes: int
    alignment: int


_MAPS, _MEMORY, _PROGRAM = Path("/proc/self/maps"), Path("/proc/self/mem"), Path("/proc/self/exe")
_HEADER, _SEGMENT = struct.Struct("=6s26xQ16xH"), struct.Struct("=IIQQQQQQ")
"""The beginning of Elf64_Ehdr (what it is, where its segments are told, how many there are), and Elf64_Phdr."""
_ELF64 = b"\x7fELF\x02\x01"
_LOADED, _DYNAMIC, _WRITABLE = 1, 2, 2
_DYNAMIC_FLAGS, _CHANGES_CODE, _FLAG_CHANGES_CODE = 30, 22, 4
"""Entries of the dynamic section that tell of relocations in what is not writable (DT_FLAGS, DT_TEXTREL, DF_TEXTREL)."""
_ENTRY = struct.Struct("=QQ")
_NOT_KEPT = 4
"""MADV_DONTNEED: the pages are no longer mapped; whoever needs one has it again from the file."""


def give_back_program_pages() -> None:
    """Have code and constants of libraries count as ours only once they are needed again: most of it only the start has run.

    Safe while other threads run, and load libraries: what is not writable is as it is in the file; no lock of the loader is taken (under
    ``dl_iterate_phdr`` we waited for Python while a thread that imports waited for the loader). Nobody may unload a library meanwhile, as
    none of ours does: memory that took its place would be emptied. Nothing is done where there is no /proc, or
    libraries are not little-endian ELF files of 64 bits.
    """
    try:
        with _MEMORY.open("rb", buffering=0) as memory:
            libc = ctypes.CDLL(None)
            libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
            for parts in _libraries():
                for begin, end in _unwritten(parts, memory.fileno()):
                    libc.madvise(begin, end - begin, _NOT_KEPT)
    except OSError:
        return


def _libraries() -> Iterator[Sequence[_Part]]:
    """Yield the parts of each mapped file that may be a library and is not the program itself: it begins at its first byte, and is run.

    An import loads under Python's lock, and no library of ours is ever unloaded; what other code loads meanwhile may be seen half done, so
    whoever asks holds each range against its part.
    """
    program = str(_PROGRAM.readlink())
    named = (part for line in _MAPS.read_text(errors="surrogateescape").splitlines() if (part := _part(line)) and part.path != program)
    for _, group in groupby(named, key=lambda part: part.path):
        parts = list(group)
        if parts[0].offset == 0 and any(part.rights == "r-xp" for part in parts):
            yield parts


def _part(line: str) -> _Part | None:
    fields = line.split(maxsplit=5)
    if len(fields) < 6 or not fields[5].startswith("/"):  # of no file
        return None
    begin, end = (int(address, 16) for address in fields[0].split("-"))
    return _Part(begin, end, fields[1], int(fields[2], 16), fields[5])


def _unwritten(parts: Sequence[_Part], memory: int) -> Iterator[tuple[int, int]]:
    """Yield the addresses of the whole pages of a library that nobody writes to, the loader neither."""
    begin = parts[0].begin
    segments = _segments(begin, memory)
    loaded = [s for s in segments if s.kind == _LOADED]
    base = begin - min((s.address for s in loaded), default=0) // mmap.PAGESIZE * mmap.PAGESIZE
    if any(s.kind == _DYNAMIC and _changes_code(parts, s, base, memory) for s in segments):
        return
    for s in loaded:
        first = -(-(base + s.address) // mmap.PAGESIZE) * mmap.PAGESIZE
        last = (base + s.address + s.bytes) // mmap.PAGESIZE * mmap.PAGESIZE
        part = _part_with(parts, s, base, first, last)
        if not s.rights & _WRITABLE and last > first and part is not None and part.rights in {"r--p", "r-xp"}:
            yield first, last


def _segments(begin: int, memory: int) -> list[_Segment]:
    """Return what the ELF header at an address says is mapped, nothing where there is none; read as a file: what is gone is no crash."""
    try:
        header = os.pread(memory, _HEADER.size, begin)
        if len(header) < _HEADER.size or not header.startswith(_ELF64):
            return []
        _, told_at, count = _HEADER.unpack(header)
        told = os.pread(memory, count * _SEGMENT.size, begin + told_at)
    except (OSError, OverflowError):
        return []
    return [_Segment(*fields) for fields in _SEGMENT.iter_unpack(told)] if len(told) == count * _SEGMENT.size else []


def _part_with(parts: Sequence[_Part], segment: _Segment, base: int, first: int, last: int) -> _Part | None:
    """Return the part that maps these addresses of a segment from where the segment is in the file."""
    offset = segment.offset + first - base - segment.address
    return next((p for p in parts if p.begin <= first and last <= p.end and p.offset + first - p.begin == offset), None)


def _changes_code(parts: Sequence[_Part], dynamic: _Segment, base: int, memory: int) -> bool:
    """Tell whether the loader writes to what is not writable; of a dynamic section that cannot be read, it may."""
    begin, size = base + dynamic.address, dynamic.bytes // _ENTRY.size * _ENTRY.size
    if _part_with(parts, dynamic, base, begin, begin + size) is None:
        return True
    try:
        entries = os.pread(memory, size, begin)
    except OSError:
        return True
    tags = dict(_ENTRY.iter_unpack(entries)) if len(entries) == size else {_CHANGES_CODE: 0}
    return _CHANGES_CODE in tags or bool(tags.get(_DYNAMIC_FLAGS, 0) & _FLAG_CHANGES_CODE)
