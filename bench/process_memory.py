"""Memory of a process tree as it runs, from /proc (proc(5)): what a build needs, whoever of its processes holds it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.process_cpu import tree_of

_EVERY_S = 0.2
_KIB_PER_MIB = 1024.0


class PeakMemory:
    """While entered, follows the memory of ``root`` and its descendants; pages that processes share are counted once (PSS)."""

    def __init__(self, root: int) -> None:
        self.root, self.peak_mib = root, 0.0
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
            self.peak_mib = max(self.peak_mib, sum(_pss_kib(pid) for pid in tree_of([self.root])) / _KIB_PER_MIB)


def _pss_kib(pid: int) -> int:
    """Return the proportional set size of a process, 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
