"""Memory of a process tree as it runs, from /proc (proc(5)): what a build or a check needs, whoever of its processes holds it.

The tree is taken to be alone on the machine: a page that several of its processes map counts once, and one that processes beside it map,
too, counts whole. The proportional set size (PSS) would share such pages out: what the same work is said to take would depend on
which other programs run.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from bench.process_cpu import tree_of

_EVERY_S = 0.1
_KIB_PER_MIB, _PAGE_KIB, _PAGE_SHIFT = 1024.0, 4, 12
_ENTRY = np.dtype("<u8")
_IS_PRESENT, _IS_OF_FILE = np.uint64(1 << 63), np.uint64(1 << 61)
"""Bits of an entry of /proc/PID/pagemap: the page is in memory; it is one of a file or of shared memory, not the process's own."""
_PROGRAM = tuple(f"{folder}/" for folder in {sys.prefix, sys.base_prefix, "/usr", "/lib"})
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)
"""What is raised of a process that has ended."""


class PeakMemory:
    """While entered, follows the memory of ``root`` and its descendants."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.peak_mib = 0.0
        """All of it: anonymous pages, and pages of files that are mapped, those of programs included."""
        self.peak_of_data_mib = 0.0
        """Without program code, of which there is as much whatever the data are."""
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._watch.join()

    def _follow(self) -> None:
        while not self._over.wait(_EVERY_S):
            own, of_data, of_program = memory_kib(tree_of([self.root]))
            self.peak_mib = max(self.peak_mib, (own + of_data + of_program) / _KIB_PER_MIB)
            self.peak_of_data_mib = max(self.peak_of_data_mib, (own + of_data) / _KIB_PER_MIB)


def memory_kib(processes: Iterable[int]) -> tuple[int, int, int]:
    """Return what processes hold in KiB: anonymous pages, pages of files of data, and pages of programs, each page once.

    A file is of a program when some of it is mapped as code, or when it lies with the system's or Python's own.
    """
    own_kib = 0
    pages: dict[_File, list[npt.NDArray[np.int64]]] = defaultdict(list)
    code: set[_File] = set()
    for process in processes:
        with suppress(*_GONE):
            own_kib += _anonymous_kib(process)
            for mapping in _mappings_of_files(process):
                pages[mapping.file].append(mapping.pages)
                if mapping.is_code or mapping.file.path.startswith(_PROGRAM):
                    code.add(mapping.file)
    held_kib = {file: _PAGE_KIB * len(np.unique(np.concatenate(there))) for file, there in pages.items()}
    of_program_kib = sum(kib for file, kib in held_kib.items() if file in code)
    return own_kib, sum(held_kib.values()) - of_program_kib, of_program_kib


@dataclass(frozen=True, slots=True)
class _File:
    device: str
    inode: int
    path: str


@dataclass(frozen=True, slots=True)
class _Mapping:
    file: _File
    pages: npt.NDArray[np.int64]
    """Which pages of the file are in memory here."""
    is_code: bool


def _anonymous_kib(process: int) -> int:
    """Return a process's anonymous pages; one that it has from its parent, unwritten since, is shared out between them."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))


def _mappings_of_files(process: int) -> Iterator[_Mapping]:
    with Path(f"/proc/{process}/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            addresses, rights, offset, device, inode, *path = line.split(maxsplit=5)
            if inode == "0":
                continue
            begin, end = (int(address, 16) >> _PAGE_SHIFT for address in addresses.split("-"))
            pagemap.seek(begin * _ENTRY.itemsize)
            entries = np.frombuffer(pagemap.read((end - begin) * _ENTRY.itemsize), _ENTRY)
            there = np.flatnonzero((entries & _IS_PRESENT != 0) & (entries & _IS_OF_FILE != 0))
            yield _Mapping(_File(device, int(inode), "".join(path)), there + (int(offset, 16) >> _PAGE_SHIFT), "x" in rights)
