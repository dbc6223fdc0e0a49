"""The object store: bytes under keys, written whole or not at all. One machine uses a folder, several a bucket (`twin.bucket`)."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from twin.errors import BadRequestError, NotFoundError, StorageFullError

_SETTLING = 4
"""Threads that await the disk, which writes what several of them wait for at once: measured four times as fast as one."""
_TEMPORARY = ".put-"
_MOST_SETTLED = 500
"""Above, all that waits to be written to any disk is awaited: the time of a few large files, not of many small ones."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of an object; ``modified_ns`` is another for every other state of it, and tells its age in whole seconds."""

    key: str
    size: int
    modified_ns: int


class Store(Protocol):
    """Bytes under keys like ``tiles/buildings/open/c/1f3a.glb``; a key is seen only when its bytes are complete.

    Called from several threads. Keys that leave the store are a BadRequestError, a store that does not answer an UnavailableError.
    """

    @property
    def is_far(self) -> bool:
        """Return whether each call is a round trip to another machine, so that many at once take the time of one."""

    @property
    def scratch(self) -> Path:
        """Return the folder of this machine in which files are made that become objects by :meth:`adopt`."""

    def put(self, key: str, content: bytes, *, modified_ns: int | None = None) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there; ``modified_ns`` is then said of it."""

    def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
        """Store ``content`` under a name that stands for it for ever, unless it is there already: of another size, it was cut off.

        ``anew``: whatever is there. It may be stored a while later: :meth:`drain` waits for it.
        """

    def put_file(self, key: str, source: Path) -> None:
        """Store a copy of the file ``source`` under ``key`` atomically and durably."""

    def adopt(self, key: str, finished: Path) -> None:
        """Make a finished file in :attr:`scratch` the object ``key``, durably; the file is gone afterwards."""

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""

    def part(self, key: str, first: int, last: int) -> bytes:
        """Return the bytes ``first`` to ``last`` (exclusive), fewer where it has fewer; NotFoundError when there is no object."""

    def file(self, key: str, *, unchanging: bool = False) -> Path:
        """Return a file of this machine with the bytes under ``key``, its time ``modified_ns``; NotFoundError when there are none.

        It is good for some minutes. What is ``unchanging``, being named by its hash, is not looked for anew when it was had before.
        """

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""

    def held(self, key: str, *, unchanging: bool = False) -> Held | None:
        """Return what is known of ``key``, None when it holds nothing; of what is ``unchanging`` perhaps what was known before."""

    def touch(self, key: str) -> bool:
        """Make ``key`` look young (to an hour); False when it holds nothing."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with the folder ``prefix``, in no particular order."""

    def entries(self, prefix: str) -> Iterator[Held]:
        """Yield what is known of them."""

    def delete(self, key: str) -> None:
        """Forget ``key``; nothing happens when it is not there."""

    def delete_all(self, keys: Collection[str]) -> None:
        """Forget ``keys``, in no particular order."""

    def delete_below(self, prefix: str) -> None:
        """Forget ``prefix`` and all keys in the folder of that name."""

    def settle(self, keys: Collection[str] | None) -> None:
        """Have what lies under ``keys`` (None: under any) outlast a loss of power."""

    def drain(self) -> None:
        """Wait until all that was put is stored; raise what kept any of it from being so."""

    def reach(self, within_s: float) -> None:
        """Return once the store has answered; UnavailableError when it has not within that time, or cannot be used. Asked but once."""


class FolderStore:
    """A store in a folder of this machine; a write is a rename, so a reader never sees half an object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def is_far(self) -> bool:
        """Return False: it is on this machine."""
        return False

    @property
    def scratch(self) -> Path:
        """Return the folder itself: what is made in it is adopted by a rename."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    def path(self, key: str) -> Path:
        """Return where ``key`` lies or would lie."""
        return self.folder.joinpath(*parts_of(key))

    def put(self, key: str, content: bytes, *, modified_ns: int | None = None) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there; StorageFullError when there is no room."""
        with written_whole(self.path(key), modified_ns) as file:
            file.write(content)

    def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
        """Store ``content`` under a name that stands for it for ever, unless it is there already: of another size, it was cut off."""
        if anew or self.size(key) != len(content):
            self.put(key, content)

    def put_file(self, key: str, source: Path) -> None:
        """Store a copy of the file ``source`` under ``key`` atomically and durably."""
        with written_whole(self.path(key)) as file, source.open("rb") as origin:
            shutil.copyfileobj(origin, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())

    def adopt(self, key: str, finished: Path) -> None:
        """Make a finished file of this store's file system the object ``key``, durably, in place of what was there."""
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
        except OSError as error:
            if is_absent(error):
                raise NotFoundError("no such object") from error
            raise

    def part(self, key: str, first: int, last: int) -> bytes:
        """Return the bytes ``first`` to ``last`` (exclusive), fewer where it has fewer; NotFoundError when there is no object."""
        with self.file(key).open("rb") as file:
            return os.pread(file.fileno(), last - first, first)

    def file(self, key: str, *, unchanging: bool = False) -> Path:  # noqa: ARG002 - where it lies is known either way
        """Return where the bytes of ``key`` are; NotFoundError when there are none."""
        if self.held(key) is None:
            raise NotFoundError("no such object")
        return self.path(key)

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return self.held(key) is not None

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        found = self.held(key)
        return None if found is None else found.size

    def held(self, key: str, *, unchanging: bool = False) -> Held | None:  # noqa: ARG002 - looking is all it costs
        """Return what is known of ``key``, None when it holds nothing."""
        try:
            status = self.path(key).stat()
        except OSError as error:
            if is_absent(error):
                return None
            raise
        return Held(key, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    def touch(self, key: str) -> bool:
        """Make ``key`` look young; False when it holds nothing."""
        try:
            os.utime(self.path(key))
        except OSError as error:
            if is_absent(error):
                return False
            raise
        return True

    def settle(self, keys: Collection[str] | None) -> None:
        """Have what lies under ``keys`` (None: under any) outlast a loss of power: it is on the disk when this returns, with its names."""
        if keys is None or len(keys) > _MOST_SETTLED:
            os.sync()
            return
        files = [self.path(key) for key in keys]
        folders = {folder for file in files for folder in file.parents if folder.is_relative_to(self.folder)}
        with ThreadPoolExecutor(_SETTLING) as pool:
            list(pool.map(_settle, [*files, *folders]))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with the folder ``prefix``, in no particular order."""
        for folder, below, names in os.walk(self.path(prefix)):
            below[:] = [name for name in below if not name.startswith(_TEMPORARY)]
            relative = Path(folder).relative_to(self.folder).as_posix()
            yield from (f"{relative}/{name}" for name in names if not name.startswith(_TEMPORARY))

    def entries(self, prefix: str) -> Iterator[Held]:
        """Yield what is known of them."""
        return (found for key in self.keys(prefix) if (found := self.held(key)) is not None)

    def delete(self, key: str) -> None:
        """Forget ``key``; nothing happens when it is not there."""
        self.path(key).unlink(missing_ok=True)

    def delete_all(self, keys: Collection[str]) -> None:
        """Forget ``keys``."""
        for key in keys:
            self.delete(key)

    def delete_below(self, prefix: str) -> None:
        """Forget ``prefix`` and all keys in the folder of that name: taken away at once, then emptied."""
        path = self.path(prefix)
        if path.is_dir():
            with suppress(FileNotFoundError):
                path.rename(tempfile.mkdtemp(dir=path.parent, prefix=_TEMPORARY))
        else:
            path.unlink(missing_ok=True)
        _sweep(path.parent)

    def drain(self) -> None:
        """Return at once: what is put is in the folder."""

    def reach(self, within_s: float) -> None:
        """Return at once: it is on this machine, and made when it is first written to."""


def parts_of(key: str) -> list[str]:
    """Return the parts of a key; BadRequestError for what would leave the store."""
    parts = key.split("/")
    if not key or any(part in ("", ".", "..") or "\x00" in part or "\\" in part for part in parts):
        raise BadRequestError(f"not a store key: {key!r}")
    return parts


def is_absent(error: OSError) -> bool:
    """Return whether a file could not be had because there is none of that name, which may be longer than any is."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def _sweep(folder: Path) -> None:
    """Empty the folders in ``folder`` that were taken away, by whoever did not come to it."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_TEMPORARY) and entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)


def _settle(place: Path) -> None:
    """Have a file or folder written to the disk, unless it is deleted."""
    with suppress(FileNotFoundError):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def written_whole(path: Path, modified_ns: int | None = None) -> Iterator[BinaryIO]:
    """Open a file that appears at ``path`` when the block ends, whole, or not at all; StorageFullError when there is no room.

    It bears the time ``modified_ns`` from the first, if that is given.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            temporary.chmod(0o644)
            if modified_ns is not None:
                os.utime(temporary, ns=(modified_ns, modified_ns))
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
