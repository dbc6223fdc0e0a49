"""Under which account PostgreSQL runs: it refuses to run as root, so root hands it to the unprivileged user of the distribution."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from twin.embedded.failures import not_allowed, postgis_missing


class Identity(TypedDict, total=False):
    """The arguments of subprocess.Popen that make a child run as the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, and whether we have to become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    @property
    def identity(self) -> Identity:
        """Arguments for subprocess.Popen; empty where we are that user already."""
        return Identity(user=self.uid, group=self.gid, extra_groups=[]) if self.switch else Identity()

    def owns(self, path: Path) -> bool:
        """Return whether ``path`` itself (no link) belongs to the account."""
        return path.lstat().st_uid == self.uid

    def give(self, path: Path) -> None:
        """Make ``path`` the account's own."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def must_reach(self, folder: Path) -> None:
        """Raise ForeignClusterError unless the account can enter ``folder`` (root's home, say, lets nobody through)."""
        command = ["test", "-x", str(folder)]
        if self.switch and subprocess.run(command, check=False, cwd="/", **self.identity).returncode != 0:
            raise not_allowed(folder, self.name)


def cluster_account(cluster_folder: Path) -> Account:
    """Return the account that runs the cluster in ``cluster_folder``: as root its owner or else ``postgres``, otherwise ourselves.

    Raises PostgisMissingError where root finds no user ``postgres`` (the package makes it), ForeignClusterError where the cluster is
    somebody else's.
    """
    owner = cluster_folder.stat().st_uid if cluster_folder.exists() else None
    if os.geteuid() != 0:
        user = _by_uid(os.geteuid())
        if owner not in (None, user.uid):
            raise not_allowed(cluster_folder, user.name)
        return user
    if owner:
        found = _by_uid(owner)
    else:
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            raise postgis_missing() from None
        found = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    return found


def _by_uid(uid: int) -> Account:
    switch = uid != os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # a container's numeric user
        return Account(str(uid), uid, os.getegid() if not switch else uid, switch)
    return Account(entry.pw_name, uid, entry.pw_gid if switch else os.getegid(), switch)
