"""One line about the machine, without which no figure means anything."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

_GIB = 1 << 30
_HASHED = bytes(8 << 20)
"""What one processor hashes in some tens of milliseconds."""


def machine_line(dsn: str) -> str:
    """Return CPU, processors and what they do at once, memory, load, system and the versions of what computes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    load = "/".join(f"{x:.1f}" for x in os.getloadavg())
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), postgis.postgis_lib_version(), postgis.postgis_geos_version(),"
            " postgis.postgis_proj_version()"
        ).fetchone()
    postgres, postgis, geos, proj = (str(value).split()[0].split("-")[0] for value in row or ("?",) * 4)
    software = f"Python {platform.python_version()}, PostgreSQL {postgres}, PostGIS {postgis}, GEOS {geos}, PROJ {proj}"
    processors = f"{os.cpu_count()} processors (at once {_work_together():.1f} × the work of one)"
    return f"{_cpu_model()}, {processors}, {memory:.0f} GiB, load {load} at the start; {_system()}; {software}"


def _work_together() -> float:
    """Return how much more all processors do at once than one: threads of one core may be called cores by a virtual machine."""
    count = os.cpu_count() or 1
    with ThreadPoolExecutor(count) as threads:
        seconds = [_hashing_s(threads, at_once) for at_once in (count, 1, count, 1, count, 1)]
    return count * min(seconds[1::2]) / min(seconds[::2])


def _hashing_s(threads: ThreadPoolExecutor, at_once: int) -> float:
    started = time.perf_counter()
    list(threads.map(hashlib.sha256, [_HASHED] * at_once))
    return time.perf_counter() - started


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _system() -> str:
    release = Path("/etc/os-release")
    names = [line.partition("=")[2].strip('"') for line in release.read_text().splitlines() if line.startswith("PRETTY_NAME")]
    return f"{names[0] if names else platform.system()}, Linux {platform.release().split('-')[0]}"
