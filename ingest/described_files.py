"""What the record of a submission keeps of its files: name, size and SHA-256, found while they are read."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from ingest.refusals import rejected
from twin.catalogue import Catalogue
from twin.errors import TwinError
from twin.store import sha256_of

Described = Sequence[Mapping[str, object]]

_REFUSED_WAITS_S = 2.0
"""So long a load that ends otherwise than by being read whole waits for what its files hash to: enough for most files."""
_LOOKED_AT_BYTES = 1 << 20
"""After so many it is seen whether nobody waits for the hash any more."""
_LOGGER = logging.getLogger(__name__)


def sized(files: Sequence[Path]) -> Described:
    """Return names and sizes (bytes); OSError for a file that is not there."""
    return [{"name": f.name, "size": f.stat().st_size} for f in files]


def described(files: Sequence[Path]) -> Described:
    """Return names, sizes (bytes) and what the files hash to; OSError for a file that is not there."""
    return [{"name": f.name, "size": f.stat().st_size, "sha256": sha256_of(f)} for f in files]


@contextmanager
def described_meanwhile(catalogue: Catalogue, submission: uuid.UUID, files: Sequence[Path]) -> Iterator[Callable[[], Described]]:
    """Hash the files of a submission in a thread during the block, and give it what returns how they are `described`, once that is known.

    That raises RejectedError ``file-changed`` where a file is not, or no more, what it was when the block began: what was read of it
    may not be what was hashed. After the block the record of the submission says it. A block that ends with a refusal or an error ends
    with that one; it waits for the hashes two seconds at most, and not at all when it was stopped (the record then has sizes only).
    """
    hashing = _Hashing(files)
    with ThreadPoolExecutor(1, "hashing") as thread:
        told = thread.submit(hashing.described)
        try:
            yield lambda: hashing.unchanged(told)
        except BaseException as error:
            hashing.describe_if_known(catalogue, submission, told, _REFUSED_WAITS_S if isinstance(error, Exception) else 0)
            raise
        else:
            catalogue.submissions.describe_files(submission, hashing.unchanged(told))
        finally:
            hashing.stopped.set()


@contextmanager
def unchanged(files: Sequence[Path]) -> Iterator[None]:
    """Raise RejectedError ``file-changed`` at the end of a block in which a file was written to, replaced or taken away."""
    before = [_identity(f) for f in files]
    yield
    _require_unchanged(files, before)


class _Hashing:
    """The hashing of files, which can be stopped, and what the files were when it began."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self.stopped = Event()
        self._before = [_identity(f) for f in files]

    def described(self) -> Described:
        """Return what `described` does; fewer files when stopped."""
        found = []
        for file in self._files:
            size, digest = self._hashed(file)
            if self.stopped.is_set():
                break
            found.append({"name": file.name, "size": size, "sha256": digest})
        return found

    def unchanged(self, told: Future[Described]) -> Described:
        """Return what was told, once it is; RejectedError ``file-changed`` where a file has changed since before the hashing."""
        try:
            found = told.result()
        except FileNotFoundError as error:
            raise _changed(Path(error.filename)) from error
        _require_unchanged(self._files, self._before)
        return found

    def describe_if_known(self, catalogue: Catalogue, submission: uuid.UUID, told: Future[Described], within_s: float) -> None:
        """Have the record say what is told ``within_s``; whatever stands in the way of that is logged only."""
        try:
            catalogue.submissions.describe_files(submission, told.result(within_s))
        except (OSError, TwinError) as error:  # among them TimeoutError; the block's own error is the one to be raised
            _LOGGER.info("the record of submission %s has no hashes of its files: %s", submission, error)

    def _hashed(self, path: Path) -> tuple[int, str]:
        digest, size, block = hashlib.sha256(), 0, memoryview(bytearray(_LOOKED_AT_BYTES))
        with path.open("rb", buffering=0) as file:
            while not self.stopped.is_set() and (count := file.readinto(block)):
                digest.update(block[:count])
                size += count
        return size, digest.hexdigest()


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is written to or another takes its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _require_unchanged(files: Sequence[Path], identities: Sequence[tuple[int, ...] | None]) -> None:
    for file, before in zip(files, identities, strict=True):
        if before is None or _identity(file) != before:
            raise _changed(file)


def _changed(path: Path) -> TwinError:
    return rejected(
        "file-changed",
        f"{path.name} was changed or taken away while it was read; nothing was published. Hand it in again once nobody writes to it.",
        f"读取 {path.name} 期间文件被修改或移走，未发布任何数据；请待文件不再写入后重新提交。",
    )
