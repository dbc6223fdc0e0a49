"""The object store: bytes under keys, written whole or not at all. One machine uses a folder; other stores keep this interface."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from twin.errors import BadRequestError, NotFoundError, StorageFullError

_SETTLING = 4
"""Threads that await the disk, which writes what several of them wait for at once: measured four times as fast as one."""
_TEMPORARY = ".put-"
_MOST_SETTLED = 500
"""Above, all that waits to be written to any disk is awaited: the time of a few large files, not of many small ones."""


class Store(Protocol):
    """Bytes under keys like ``tiles/buildings/open/c/1f3a.glb``; a key is seen only when its bytes are complete."""

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there."""

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with the folder ``prefix``, in no particular order."""

    def delete(self, key: str) -> None:
        """Forget ``key``; nothing happens when it is not there."""


class FolderStore:
    """A store in a folder of this machine; a write is a rename, so a reader never sees half an object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Return where ``key`` lies (for readers that need a file); refuses keys that leave the folder."""
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") or "\x00" in part or "\\" in part for part in parts):
            raise BadRequestError(f"not a store key: {key!r}")
        return self.folder.joinpath(*parts)

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there; StorageFullError when there is no room."""
        with written_whole(self.path(key)) as file:
            file.write(content)

    def put_file(self, key: str, source: Path) -> None:
        """Store a copy of the file ``source`` under ``key`` atomically and durably."""
        with written_whole(self.path(key)) as file, source.open("rb") as origin:
            shutil.copyfileobj(origin, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())

    def adopt(self, key: str, finished: Path) -> None:
        """Make a finished file of this store's file system the object ``key``, durably; an object that is there already stays."""
        with finished.open("rb") as file:
            os.fsync(file.fileno())
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        finished.chmod(0o644)
        finished.replace(target)

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""
        try:
            return self.path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFoundError("no such object") from error

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return self.path(key).is_file()

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        try:
            return self.path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def settle(self, keys: Collection[str]) -> None:
        """Have what lies under ``keys`` outlast a loss of power: it is on the disk when this returns, as are the names of it."""
        if len(keys) > _MOST_SETTLED:
            os.sync()
            return
        files = [self.path(key) for key in keys]
        folders = {folder for file in files for folder in file.parents if folder.is_relative_to(self.folder)}
        with ThreadPoolExecutor(_SETTLING) as pool:
            list(pool.map(_settle, [*files, *folders]))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with the folder ``prefix``, in no particular order."""
        for folder, _, names in os.walk(self.path(prefix)):
            relative = Path(folder).relative_to(self.folder).as_posix()
            yield from (f"{relative}/{name}" for name in names if not name.startswith(_TEMPORARY))

    def delete(self, key: str) -> None:
        """Forget ``key``; nothing happens when it is not there."""
        self.path(key).unlink(missing_ok=True)


def _settle(place: Path) -> None:
    """Have a file or folder written to the disk, unless it is deleted."""
    with suppress(FileNotFoundError):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears at ``path`` when the block ends, whole, or not at all; StorageFullError when there is no room."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError("the disk is full; nothing was changed", zh="磁盘已满，未作任何改动") from error
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
