"""What a data folder's PostgreSQL is doing, read from its pid file and the process table.

The pid file survives a kill -9 and a reboot, and its number may meanwhile be another process's: PostgreSQL then refuses to start
("another postmaster is running"). So a number counts only with the command line of a postmaster of this folder. Command lines are
readable by every user, which /proc/{pid}/cwd is not, in a container without CAP_SYS_PTRACE.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from twin.embedded.layout import PORT, Layout


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A running server: its process, the folder of its socket, and ``starting``, ``ready``, ``standby`` or ``stopping``."""

    pid: int
    socket_folder: Path
    status: str


def running(layout: Layout) -> Postmaster | None:
    """Return the server of this data folder, or None when none runs, whatever its pid file says."""
    lines = _lines(layout.cluster / "postmaster.pid")
    # src/include/utils/pidfile.h: pid, data folder, start time, port, socket folder, listen address, shared memory, status
    if len(lines) < 5 or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    if not _is_postmaster(_command_line(pid), layout.cluster):
        return None
    return Postmaster(pid, Path(lines[4].strip()), lines[7].strip() if len(lines) > 7 else "starting")


def orphans(layout: Layout) -> list[int]:
    """Return the backends of this cluster, by their process titles: a postmaster killed hard leaves them for a moment."""
    title = f"postgres: {layout.name}: "
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and " ".join(_command_line(int(p.name))).startswith(title)]


def forget_stale(layout: Layout, socket_folder: Path) -> None:
    """Remove the pid file and socket lock of a server that is gone.

    To be called only where none can start meanwhile, and without orphans: the pid file also guards their shared memory.
    """
    socket = socket_folder / f".s.PGSQL.{PORT}"
    for path in (layout.cluster / "postmaster.pid", socket, socket.with_name(socket.name + ".lock")):
        path.unlink(missing_ok=True)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _command_line(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="surrogateescape").rstrip("\0").split("\0")


def _is_postmaster(command: list[str], cluster: Path) -> bool:
    if not command or Path(command[0]).name not in ("postgres", "postmaster"):
        return False
    return any(flag == "-D" and Path(folder) == cluster for flag, folder in pairwise(command))
