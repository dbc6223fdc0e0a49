"""Files without a name for what does not stay in memory: they go with whoever holds them, with the process at the latest."""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Buffer, Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import StorageFullError


def unnamed_file(work: Path | None) -> io.FileIO:
    """Open an empty file in ``work``, which is made where it is not there; None: where the machine has temporary files."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(buffering=0, prefix="twin-work-", dir=work)


def append(file: io.FileIO, content: Buffer) -> int:
    """Write at the end of a file and return where that begins, in bytes; StorageFullError where the disk is full."""
    start, rest = file.seek(0, io.SEEK_END), memoryview(content).cast("B")
    with full_disk_told():
        while rest:
            rest = rest[file.write(rest) :]
    return start


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Raise StorageFullError where what is done in the block finds the disk full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_is_full() from error
        raise


def disk_is_full() -> StorageFullError:
    """Return what is said then."""
    return StorageFullError("the disk is full; nothing was changed", zh="磁盘已满，未作任何改动")
