"""Copies of objects as files of this machine, for programs that read files: bounded, those not used for longest go first."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from twin.errors import StorageFullError
from twin.store import is_absent, parts_of, written_whole

_IN_USE_S = 600.0
"""A copy that was asked for so lately stays: somebody may be about to open it."""
_LOOK_SHARE = 20
"""The folder is looked through whenever a 20th of what it may hold has come."""


class LocalCopies:
    """Files below ``folder``, ``most_bytes`` and at most about a 20th more; several processes may share it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._come = most_bytes // _LOOK_SHARE
        self._is_full = False
        self._lock = threading.Lock()

    @property
    def scratch(self) -> Path:
        """Return the folder, which is there, for files that are made to be moved away."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def path(self, key: str) -> Path:
        """Return where the copy of ``key`` lies or would lie."""
        return self._folder.joinpath("o", *parts_of(key))

    def found(self, key: str) -> os.stat_result | None:
        """Return what is known of the copy of ``key``, None where there is none; it counts as used now."""
        path = self.path(key)
        try:
            status = path.stat()
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
        except OSError as error:
            if is_absent(error):
                return None
            raise
        return status

    def take(self, key: str, modified_ns: int, write: Callable[[BinaryIO], int]) -> Path:
        """Have what ``write`` writes as the copy of ``key`` and return where it is.

        StorageFullError when the disk has no room, or when the copies that somebody may be about to open take all that is allowed.
        """
        if self._is_full:
            self._make_room()
        if self._is_full:
            raise StorageFullError(
                "what was asked for in the last minutes takes all the room there is for copies (TWIN_STORE_COPIES_MB); try again later",
                zh="最近几分钟请求的对象已占满本地副本空间（TWIN_STORE_COPIES_MB），请稍后再试",
            ).with_code("copies-full")
        path = self.path(key)
        with written_whole(path, modified_ns) as file:
            size = write(file)
        return self._taken(path, size, modified_ns)

    def take_file(self, key: str, modified_ns: int, finished: Path) -> Path:
        """Make a finished file in :attr:`scratch` the copy of ``key`` and return where it is."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        finished.chmod(0o644)
        finished.replace(path)
        return self._taken(path, path.stat().st_size, modified_ns)

    def _taken(self, path: Path, size: int, modified_ns: int) -> Path:
        os.utime(path, ns=(time.time_ns(), modified_ns))
        with self._lock:
            self._come += size
            look = self._come * _LOOK_SHARE >= self._most
            self._come = 0 if look else self._come
        if look:
            self._make_room()
        return path

    def _make_room(self) -> None:
        """Remove what was used longest ago until the rest fits, and note whether it does."""
        held = []
        for folder, _, names in os.walk(self._folder / "o"):
            for path in (Path(folder) / name for name in names):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    held.append((status.st_atime, status.st_size, path))
        total, now = sum(size for _, size, _ in held), time.time()
        for used, size, path in sorted(held):
            if total <= self._most or used > now - _IN_USE_S:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._is_full = total > self._most
