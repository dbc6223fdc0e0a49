"""Tables in a ZIP: workbooks, tables as text and Access databases, all of which are one survey."""

from __future__ import annotations

from pathlib import PurePosixPath

from ingest.protocol import Limits, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.compound_file import OLE_MAGIC
from ingest.readers.content import HEAD_BYTES
from ingest.readers.delimited import is_delimited, read_delimited
from ingest.readers.mdb import is_access
from ingest.readers.survey import Survey, TableFile, known_names, survey_of
from ingest.readers.workbook import in_archive
from ingest.refusals import rejected
from twin.errors import RejectedError

_ZIP = b"PK\x03\x04"
_HEADER_BYTES = 1 << 12
"""A header stands in the first rows."""


def open_tables(archive: Archive, request: ReadRequest) -> Survey | None:
    """Return the survey in an archive, None when no file in it may hold tables; notes among them have no header that is understood.

    RejectedError as `survey_of`, and what `Archive` says of a workbook.
    """
    found = [table for name in archive.names if (table := _table(archive, name, request)) is not None]
    return survey_of(found, request) if found else None


def begins_as_table(head: bytes, limits: Limits) -> bool:
    """Return whether a text with separators is a table whose header is understood, by its first bytes; it takes up to 6 ms."""
    try:
        return bool(read_delimited(head[:_HEADER_BYTES], limits, known_names(), ""))
    except RejectedError:
        return False


def _table(archive: Archive, name: str, request: ReadRequest) -> TableFile | None:
    """Return a file that may hold tables, None for any other."""
    head = archive.head(name, HEAD_BYTES)
    known_as = request.path / str(archive.offset(name))
    stem = PurePosixPath(name.replace("\\", "/")).stem
    if is_access(head):
        if all(table.source != known_as for table in request.tables):
            raise rejected("archive-unread", f"{name} is not read out of an archive: unpack it.", f"{name} 请解压后提交。")
        return TableFile("MDB", stem, known_as, b"")  # a program has printed what is in it
    if not (head.startswith((OLE_MAGIC, _ZIP)) or is_delimited(head)):
        return None
    content = archive.placed(name)
    if head.startswith(_ZIP):
        return TableFile("XLSX", stem, known_as, content) if in_archive(Archive(content, request.limits)) else None
    return TableFile("XLS" if head.startswith(OLE_MAGIC) else "CSV", stem, known_as, content)
