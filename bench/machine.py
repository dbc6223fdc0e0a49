"""One line about the machine, without which no figure means anything."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psycopg

_GIB = 1 << 30


def machine_line(dsn: str) -> str:
    """Return CPU, cores, memory, load, system and the versions of Python, PostgreSQL, PostGIS, GEOS and PROJ."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    load = "/".join(f"{x:.1f}" for x in os.getloadavg())
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), postgis.postgis_lib_version(), postgis.postgis_geos_version(),"
            " postgis.postgis_proj_version()"
        ).fetchone()
    postgres, postgis, geos, proj = (str(value).split()[0].split("-")[0] for value in row or ("?",) * 4)
    software = f"Python {platform.python_version()}, PostgreSQL {postgres}, PostGIS {postgis}, GEOS {geos}, PROJ {proj}"
    return f"{_cpu_model()}, {os.cpu_count()} cores, {memory:.0f} GiB, load {load} at the start; {_system()}; {software}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _system() -> str:
    release = Path("/etc/os-release")
    names = [line.partition("=")[2].strip('"') for line in release.read_text().splitlines() if line.startswith("PRETTY_NAME")]
    return f"{names[0] if names else platform.system()}, Linux {platform.release().split('-')[0]}"
