"""The order in which the doors close, and what stays readable."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.confinement import landlock, privileges, seccomp
from twin.errors import TwinError, UnavailableError

if TYPE_CHECKING:
    from ingest.protocol import Limits  # which brings libraries that whoever only starts readers does not need

SYSTEM_LIBRARIES = (Path("/usr/lib"), Path("/lib"), Path("/lib64"), Path("/usr/share/zoneinfo"), Path("/etc/ld.so.cache"))
PROCESSORS = Path("/sys/devices/system/cpu/online")


def confine(readable: Iterable[Path], limits: Limits, most_written: int = 0) -> None:
    """Leave this process nothing but reading ``readable`` and the libraries, within ``limits``, for good.

    Files that it holds open for writing grow to ``most_written`` bytes at most; it can open no other.

    Raises UnavailableError ``sandbox-unavailable`` when any part cannot be had: there is no weaker sandbox to fall back to.
    """
    try:
        privileges.require_single_thread()
        seccomp.deny_new_privileges()
        privileges.drop_root()
        landlock.restrict_to_reading([*library_paths(), *readable])
        privileges.limit_resources(limits.memory_bytes, limits.cpu_s, most_written)
        seccomp.install()
    except OSError as error:
        raise unavailable(str(error)) from error


def unavailable(reason: str) -> TwinError:
    """Return the error of a machine on which files cannot be read safely."""
    return UnavailableError(
        f"The sandbox in which files are read cannot be had on this machine ({reason}); nothing was read.",
        zh=f"本机无法建立读取文件所需的沙箱（{reason}），未读取任何内容。",
    ).with_code("sandbox-unavailable")


def library_paths() -> list[Path]:
    """Return the folders of the interpreter, its packages and this project's code, never the project's root: data may lie there."""
    project = Path(__file__).resolve().parents[2]
    ours = [project / name for name in ("ingest", "twin", "styles")]
    installed = [Path(p) for p in sys.path if p and Path(p).resolve() != project]
    interpreter = [Path(sys.base_prefix) / "lib", Path(sys.prefix) / "lib"]
    return [*ours, *installed, *interpreter, *SYSTEM_LIBRARIES, PROCESSORS]
