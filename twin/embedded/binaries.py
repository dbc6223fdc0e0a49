"""Where PostgreSQL's programs are on this machine, and whether PostGIS goes with them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twin.embedded.failures import postgis_missing

INSTALLATION_ROOTS = ("/usr/lib/postgresql",)
"""Folders that hold one installation per major version, as Debian lays them out (``{root}/{major}/bin``)."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """One PostgreSQL installation that has PostGIS."""

    folder: Path
    major: int

    def __getitem__(self, program: str) -> str:
        """Return the path of ``program``."""
        return str(self.folder / program)


def find_binaries(major: int | None = None, roots: tuple[str, ...] = INSTALLATION_ROOTS, *, ask_pg_config: bool = True) -> Binaries:
    """Return the newest installation with PostGIS, or the one of version ``major``.

    Raises PostgisMissingError where there is none; it names the packages.
    """
    found = [b for folder in _candidates(roots, ask_pg_config=ask_pg_config) if (b := _inspect(folder)) is not None]
    fitting = [b for b in found if major is None or b.major == major]
    if not fitting:
        raise postgis_missing(major)
    return max(fitting, key=lambda b: b.major)


def _candidates(roots: tuple[str, ...], *, ask_pg_config: bool) -> Iterator[Path]:
    for root in roots:
        yield from Path(root).glob("*/bin")
    pg_config = shutil.which("pg_config") if ask_pg_config else None
    if pg_config and (bindir := _output([pg_config, "--bindir"])):
        yield Path(bindir)


def _inspect(folder: Path) -> Binaries | None:
    if not all((folder / program).is_file() for program in ("initdb", "pg_ctl", "postgres")):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", _output([str(folder / "postgres"), "--version"]))
    if version is None:
        return None
    major = int(version[1])
    # Debian's server package has pg_config only with the client package of the same version: ask, else know the layout
    asked = _output([str(folder / "pg_config"), "--sharedir"]) if (folder / "pg_config").is_file() else ""
    shares = (Path(asked or "/nonexistent"), Path(f"/usr/share/postgresql/{major}"), folder.parent / "share")
    has_postgis = any((share / "extension" / "postgis.control").is_file() for share in shares)
    return Binaries(folder, major) if has_postgis else None


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
