"""Where the embedded cluster keeps what: a pure function of the data folder, so that every command agrees without asking."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

PORT = 5432
SUN_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux (sockaddr_un.sun_path is 108 bytes with its final NUL, unix(7))."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below (and, for a long path, beside) one data folder."""

    data: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own folder."""
        return self.data / "pg"

    @property
    def half_made(self) -> Path:
        """Where a new cluster is made before it is moved to its place whole."""
        return self.data / "pg.new"

    @property
    def run(self) -> Path:
        """Locks and logs."""
        return self.data / "run"

    @property
    def log(self) -> Path:
        """What PostgreSQL says."""
        return self.run / "postgres.log"

    @property
    def gate(self) -> Path:
        """Held alone by whoever starts or stops the cluster, so that these never overlap."""
        return self.run / "cluster.gate"

    @property
    def users(self) -> Path:
        """Held together by everybody who uses the cluster."""
        return self.run / "cluster.users"

    @property
    def keeper(self) -> Path:
        """Held by the one keeper."""
        return self.run / "cluster.keeper"

    @property
    def name(self) -> str:
        """The cluster's name in process titles, of this data folder alone."""
        return "twin-" + hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]

    def socket_folder(self, uid: int, temporary: Path) -> Path:
        """Return the folder of the socket: below the data folder, or below ``temporary`` where that path would be too long.

        ``uid`` is the account that runs the cluster. The folder is private to it.
        """
        near = self.run / "s"
        return near if fits(near) else temporary / f"{self.name}-{uid}"


def fits(folder: Path) -> bool:
    """Return whether a socket in ``folder`` can be bound."""
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SUN_PATH_BYTES
