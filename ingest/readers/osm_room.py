"""The memory that GDAL's OSM driver has for nodes and ways: what a file likely needs, and more only where that was too little.

GDAL fills all of it with zeros when it opens a file: three parts for nodes, one for ways. Nodes that do not fit go to a file
(`ingest.gdal_scratch`) where there is one; then ways may have all of it. Where nothing more can be had, or the file is damaged, the
driver ends as if the extract did, and only what it told its error handler says that there was more.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ingest.confinement.closing import unavailable
from ingest.gdal_policy import failures_told
from ingest.gdal_scratch import NodesFile
from ingest.refusals import memory_refusal, rejected
from ingest.work_files import disk_is_full
from twin.errors import TwinError

_LEAST_MB = 16
"""The least that is tried; what ways need of areas and roads was not seen above the length of their extract."""
_RAN_OUT = ("Cannot copy /vsimem/", "Cannot write in temporary node file")
_UNSORTED = ("Non increasing node id", "Unsupported node id value")
_BROKEN = ("An error occurred during the parsing", "Cannot read sector for node")
"""How messages of GDAL's ogrosmdatasource.cpp begin after which it reads no further."""


@dataclass(frozen=True, slots=True)
class Room:
    """What GDAL may have: megabytes, and whether nodes may be kept as it does where their numbers rise."""

    mb: int
    is_sorted: bool = True


Opened = AbstractContextManager[tuple[dict[str, Any], pa.RecordBatchReader]]


def rooms(file_bytes: int, memory_bytes: int) -> tuple[int, ...]:
    """Return how much memory is tried, in MB, one after the other: twice as much each time, a quarter of ``memory_bytes`` at most."""
    most = max(1, memory_bytes >> 22)
    tried = [max(_LEAST_MB, file_bytes >> 20)]
    while tried[-1] < most:
        tried.append(2 * tried[-1])
    return tuple(min(mb, most) for mb in tried)


def read_through(
    opened: Callable[[Room], Opened], sizes_mb: tuple[int, ...], nodes: NodesFile | None
) -> Iterator[tuple[dict[str, Any], pa.RecordBatch]]:
    """Yield what GDAL says of the layer with each batch, every row once.

    RejectedError ``parser-memory`` where no room is enough, ``unreadable`` of a file that is damaged; StorageFullError,
    and UnavailableError where the file of nodes cannot be used for another reason.
    """
    done, is_sorted, left = 0, True, list(sizes_mb)
    while left:
        failure = ""
        passed = 0
        with opened(Room(left[0], is_sorted)) as (meta, reader):
            while not failure:
                batch, failure = _next(reader)
                if nodes is not None and nodes.fault is not None:
                    raise _not_kept(nodes.fault) from nodes.fault
                if batch is None:
                    break
                again = min(max(0, done - passed), batch.num_rows)
                passed += batch.num_rows
                if again < batch.num_rows:
                    done = passed
                    yield meta, batch.take(pa.array(range(again, batch.num_rows))) if again else batch
        if not failure:
            return
        if failure.startswith(_BROKEN) or (failure.startswith(_UNSORTED) and not is_sorted):
            raise _damaged(failure)
        if failure.startswith(_UNSORTED):
            is_sorted = False
        else:
            del left[0]
    raise memory_refusal()


def _next(reader: pa.RecordBatchReader) -> tuple[pa.RecordBatch | None, str]:
    """Return the next batch, and nothing where there is none or GDAL ended before the file did: then why."""
    with failures_told() as told:
        batch = next(reader, None)
    ended = [message for message in told if message.startswith((*_RAN_OUT, *_UNSORTED, *_BROKEN))]
    return (None, ended[0]) if ended else (batch, "")


def _not_kept(fault: OSError) -> TwinError:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_is_full()
    return memory_refusal() if fault.errno == errno.EFBIG else unavailable(f"places of nodes cannot be kept: {fault}")


def _damaged(failure: str) -> TwinError:
    return rejected(
        "unreadable",
        f"The OSM extract is damaged or incomplete and cannot be read to its end: fetch it anew ({failure}).",
        f"OSM 数据文件损坏或不完整，无法读到末尾，请重新下载（{failure}）。",
    )
