"""Access databases of pipe censuses (.mdb, .accdb): a table of points and one of lines, or a pair for each kind of pipeline.

What is read here is the CSV that mdbtools made of each table before this process began (`ingest.access`).
"""

from __future__ import annotations

from pathlib import Path

from ingest.protocol import ReadRequest
from ingest.readers.delimited import read_delimited
from ingest.readers.sheets import Sheet

_MAGIC, _ENGINES = b"\0\1\0\0", (b"Standard Jet DB", b"Standard ACE DB")


def is_access(head: bytes) -> bool:
    """Return whether a file begins as an Access database does."""
    return head.startswith(_MAGIC) and head[len(_MAGIC) :].startswith(_ENGINES)


def read_tables(request: ReadRequest, known: frozenset[str]) -> list[tuple[Path, Sheet]]:
    """Return (path of the database, table) for every table whose columns are understood; rows are numbered without the header.

    ``known`` are normalised names of columns.
    """
    return [
        (table.source, Sheet(sheet.name, sheet.columns, sheet.rows, sheet.numbers - 1, "utf-8"))
        for table in request.tables
        for sheet in read_delimited(table.path, request.limits, known, table.name, "utf-8")
    ]
