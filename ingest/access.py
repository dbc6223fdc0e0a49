"""Access databases: mdbtools, confined, prints each table as CSV, and the reader child reads those.

Nothing of a file is looked at in this process but its first bytes, which say what it is, and the names of a database's tables; databases in
an archive are unpacked by a confined program, too, one at a time. All files of a request share one time and one room on the disk.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.confinement import archived_databases
from ingest.exported_table import ExportedTable
from ingest.programs import find_program, run_confined, run_script, text_of, write_to
from ingest.protocol import Limits, ReadRequest
from ingest.readers.mdb import is_access
from ingest.refusals import rejected
from twin.errors import RejectedError, TwinError

_PACKAGE = "mdbtools"
_UNPACK = Path(archived_databases.__file__)
_ZIP = b"PK\x03\x04"
_MAX_DATABASES = 50
_MAX_TABLES = 500
_NAMES_BYTES = 1 << 18
_HEAD_BYTES = 32
_DIRECTORY_BYTES = 1 << 20
"""Of the end of a ZIP, where the names of its files stand."""
_NAMED = re.compile(rb"\.(?:mdb|accdb)", re.IGNORECASE)
_AS_CSV = ("-b", "strip", "-D", "%Y-%m-%d", "-T", "%Y-%m-%d %H:%M:%S")


@contextmanager
def with_tables(request: ReadRequest) -> Generator[ReadRequest]:
    """Give ``request`` with the tables of its Access files as CSV, which are gone after the block; any other request as it is.

    What this takes is taken from the time of the request. Raises UnavailableError ``program-missing`` without mdbtools, else as
    `run_confined`; RejectedError ``too-many-tables``, ``too-many-databases``.
    """
    files = (request.path, *request.companions)
    databases = [path for path in files if is_access(_head(path)) or _is_worth_unpacking(path)]
    with ExitStack() as stack:
        if databases:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="access-", dir=_made(request.work))))
            left = _Left(request.limits, time.monotonic() + request.limits.wall_s, request.limits.unpacked_bytes)
            tables = [table for number, path in enumerate(databases) for table in _tables(path, folder / str(number), left)]
            request = replace(request, tables=tuple(tables), limits=left.limits())
        yield request


@dataclass(slots=True)
class _Left:
    """What a request may still take before its child begins, however many databases it has."""

    of: Limits
    end_s: float
    """On the monotonic clock."""
    room_bytes: int
    """Of what lies on the disk at any one time."""
    databases: int = _MAX_DATABASES

    def limits(self) -> Limits:
        """Return the limits of the request with the time that is left."""
        return replace(self.of, wall_s=max(0.0, self.end_s - time.monotonic()))

    def count(self, databases: int) -> None:
        """Take note of so many more databases; RejectedError ``too-many-databases``."""
        self.databases -= databases
        if self.databases < 0:
            raise rejected("too-many-databases", f"More than {_MAX_DATABASES} databases.", f"数据库超过 {_MAX_DATABASES} 个。")

    def write(self, target: Path, chunks: Iterator[bytes]) -> None:
        """Write what a program prints, which was told `room_bytes`, to a new file."""
        write_to(target, chunks)
        self.room_bytes -= target.stat().st_size

    def drop(self, path: Path) -> None:
        """Delete what `write` wrote."""
        self.room_bytes += path.stat().st_size
        path.unlink()


def _tables(path: Path, folder: Path, left: _Left) -> Iterator[ExportedTable]:
    """Yield the tables of a database, or of those in an archive, which are named by where they stand in it."""
    folder.mkdir()
    if is_access(_head(path)):
        left.count(1)
        yield from _exported(path, path, folder, left)
        return
    offsets = text_of(run_script(_UNPACK, (str(path),), path, left.limits(), _NAMES_BYTES)).split()
    left.count(len(offsets))
    for offset in offsets:
        unpacked, tables = folder / f"{offset}.mdb", folder / offset
        left.write(unpacked, run_script(_UNPACK, (str(path), offset), path, left.limits(), left.room_bytes))
        tables.mkdir()
        yield from _exported(unpacked, path / offset, tables, left)
        left.drop(unpacked)


def _made(folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_worth_unpacking(path: Path) -> bool:
    """Return whether a ZIP ends with names as databases have them; looking into each ZIP would cost a tenth of a second every time.

    Which file is one, its content says; one by another name is refused by its reader, with the advice to hand it in by itself.
    """
    if not _head(path).startswith(_ZIP):
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _DIRECTORY_BYTES))
        return _NAMED.search(file.read(_DIRECTORY_BYTES)) is not None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _exported(path: Path, source: Path, folder: Path, left: _Left) -> Iterator[ExportedTable]:
    """Yield the tables of one database, called ``source``."""
    listing, exporting = find_program("mdb-tables", _PACKAGE), find_program("mdb-export", _PACKAGE)
    try:
        names = [n for n in text_of(run_confined(listing, ("-1", "--", str(path)), path, left.limits(), _NAMES_BYTES)).splitlines() if n]
    except RejectedError as error:
        if error.code != "unreadable":
            raise
        raise _closed() from error
    if len(names) > _MAX_TABLES:
        raise rejected("too-many-tables", f"More than {_MAX_TABLES} tables.", f"数据表超过 {_MAX_TABLES} 个。")
    for number, name in enumerate(names):
        target = folder / f"{number}.csv"
        left.write(target, run_confined(exporting, (*_AS_CSV, "--", str(path), name), path, left.limits(), left.room_bytes))
        yield ExportedTable(source, name, target)


def _closed() -> TwinError:
    return rejected(
        "unreadable",
        "The Access database cannot be read: it is encrypted with a password, or damaged. Take the password away in Access (File, Info,"
        " Decrypt Database) or export its tables as XLSX.",
        "Access 数据库无法读取：已用密码加密，或文件损坏。请在 Access 中撤销密码（文件 → 信息 → 解密数据库），或将各表导出为 XLSX 后提交。",
    )
