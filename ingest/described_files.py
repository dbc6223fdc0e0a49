"""What the record of a submission keeps of its files: name, size and SHA-256, found while they are read."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from twin.catalogue import Catalogue
from twin.store import sha256_of

Described = Sequence[Mapping[str, object]]


def sized(files: Sequence[Path]) -> Described:
    """Return names and sizes (bytes); OSError for a file that is not there."""
    return [{"name": f.name, "size": f.stat().st_size} for f in files]


def described(files: Sequence[Path]) -> Described:
    """Return names, sizes (bytes) and what the files hash to; OSError for a file that is not there."""
    return [{"name": f.name, "size": f.stat().st_size, "sha256": sha256_of(f)} for f in files]


@contextmanager
def described_meanwhile(catalogue: Catalogue, submission: uuid.UUID, files: Sequence[Path]) -> Iterator[Callable[[], Described]]:
    """Hash the files of a submission in a thread during the block, and give it what returns how they are `described`, once that is known.

    However the block ends, the record of the submission says it afterwards.
    """
    with ThreadPoolExecutor(1, "hashing") as thread:
        told = thread.submit(described, files)
        try:
            yield told.result
        except BaseException:
            with suppress(OSError):  # a file that is gone is why the block has ended
                catalogue.submissions.describe_files(submission, told.result())
            raise
        catalogue.submissions.describe_files(submission, told.result())
