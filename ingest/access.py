"""Access databases: mdbtools, confined, prints each table as CSV, and the reader child reads those.

Nothing of the database is looked at in this process but its first bytes, which say what it is, and the names of its tables.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from ingest.programs import find_program, run_confined, text_of, write_to
from ingest.protocol import ExportedTable, Limits, ReadRequest
from ingest.readers.mdb import is_access
from ingest.refusals import rejected

_PACKAGE = "mdbtools"
_MAX_TABLES = 500
_NAMES_BYTES = 1 << 18
_HEAD_BYTES = 32
_AS_CSV = ("-b", "strip", "-D", "%Y-%m-%d", "-T", "%Y-%m-%d %H:%M:%S")


@contextmanager
def with_tables(request: ReadRequest) -> Generator[ReadRequest]:
    """Give ``request`` with the tables of its Access files as CSV, which are gone after the block; any other request as it is.

    Raises UnavailableError ``program-missing`` without mdbtools, else as `run_confined`; RejectedError ``too-many-tables``.
    """
    databases = [path for path in (request.path, *request.companions) if _begins_as_access(path)]
    with ExitStack() as stack:
        if databases:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="access-", dir=_made(request.work))))
            tables = [table for number, path in enumerate(databases) for table in _exported(path, folder / str(number), request.limits)]
            request = replace(request, tables=tuple(tables))
        yield request


def _made(folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _begins_as_access(path: Path) -> bool:
    with path.open("rb") as file:
        return is_access(file.read(_HEAD_BYTES))


def _exported(path: Path, folder: Path, limits: Limits) -> Iterator[ExportedTable]:
    """Yield the tables of one database; they share the limits of time and of unpacked bytes."""
    folder.mkdir()
    end = time.monotonic() + limits.wall_s
    listing, exporting = find_program("mdb-tables", _PACKAGE), find_program("mdb-export", _PACKAGE)
    names = [n for n in text_of(run_confined(listing, ("-1", "--", str(path)), path, limits, _NAMES_BYTES)).splitlines() if n]
    if len(names) > _MAX_TABLES:
        raise rejected("too-many-tables", f"More than {_MAX_TABLES} tables.", f"数据表超过 {_MAX_TABLES} 个。")
    left = limits.unpacked_bytes
    for number, name in enumerate(names):
        target = folder / f"{number}.csv"
        in_time = replace(limits, wall_s=max(0.0, end - time.monotonic()))
        write_to(target, run_confined(exporting, (*_AS_CSV, "--", str(path), name), path, in_time, left))
        left -= target.stat().st_size
        yield ExportedTable(path, name, target)
