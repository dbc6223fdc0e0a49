"""Advisory locks on files: they belong to the open file, so the kernel gives them back however a process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.01


def take(path: Path, *, shared: bool, deadline_s: float) -> int | None:
    """Return a descriptor that holds the lock on ``path``, or None when others still hold it after ``deadline_s`` seconds.

    Closing the descriptor gives the lock back. It is not inherited by programs that we start.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    end = time.monotonic() + deadline_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    os.close(descriptor)
                    return None
                time.sleep(POLL_S)
            else:
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def exclusive(path: Path, *, deadline_s: float) -> Iterator[None]:
    """Hold ``path`` alone for the block; raises TimeoutError after ``deadline_s`` seconds of waiting."""
    descriptor = take(path, shared=False, deadline_s=deadline_s)
    if descriptor is None:
        raise TimeoutError(str(path))
    try:
        yield
    finally:
        os.close(descriptor)


def wait_until_free(path: Path) -> None:
    """Return once nobody holds ``path``; waits in the kernel, without end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)
