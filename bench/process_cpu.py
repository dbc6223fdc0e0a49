"""CPU time of whole process trees, from /proc (proc(5)): what a request costs, whoever of the server's processes does the work."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree_cpu_s(roots: Iterable[int]) -> float:
    """Return the CPU seconds that ``roots`` and their descendants have used, with those of children that ended and were waited for."""
    processes = _processes()
    return sum(processes[pid][1] for pid in _descendants(roots, processes)) / _TICKS


def tree_of(roots: Iterable[int]) -> set[int]:
    """Return those of ``roots`` that live, and their descendants."""
    return _descendants(roots, _processes())


def _descendants(roots: Iterable[int], processes: Mapping[int, tuple[int, int]]) -> set[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for pid, (parent, _) in processes.items():
        children[parent].append(pid)
    seen: set[int] = set()
    queue = [pid for pid in roots if pid in processes]
    while queue:
        pid = queue.pop()
        if pid not in seen:
            seen.add(pid)
            queue += children[pid]
    return seen


def _processes() -> dict[int, tuple[int, int]]:
    """Return (parent, ticks) by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The command in parentheses may itself hold spaces and parentheses: fields are counted after the last one.
            fields = text[text.rindex(")") + 2 :].split()
            parent, times = int(fields[1]), fields[11:15]
            found[int(entry.name)] = (parent, sum(int(t) for t in times))
    return found
