"""The source rows that findings are about, read again in the sandbox from the kept files: what a person mends is the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.protocol import CellValue, SourceRows
from ingest.receiving import read_request
from ingest.request import LoadRequest, Workplace
from twin.errors import TwinError
from twin.model import Finding


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a layer: column → value."""

    columns: tuple[str, ...]
    values: tuple[CellValue, ...]


RowPlace = tuple[str, str, int]
"""File, layer and row, as findings name them."""


def faulty_rows(place: Workplace, request: LoadRequest, findings: Iterable[Finding]) -> Mapping[RowPlace, SourceRow]:
    """Return the source rows that findings are about, out of the files of the request as they were checked.

    A file that cannot be read (any more) gives none: the findings say what they say without them.
    """
    wanted: dict[str, set[int]] = {}
    for f in findings:
        if f.row is not None:
            wanted.setdefault(f.file, set()).add(f.row)
    found: dict[RowPlace, SourceRow] = {}
    for path in request.files:
        if path.name in wanted:
            found.update(_rows_of(place, request, path, tuple(sorted(wanted[path.name]))))
    return found


def _rows_of(place: Workplace, request: LoadRequest, path: Path, rows: tuple[int, ...]) -> Iterator[tuple[RowPlace, SourceRow]]:
    asked = read_request(place, request, path)
    if asked is None:
        return
    parts = tuple(replace(part, only_rows=rows) for part in asked.parts)
    try:
        for message in place.read(replace(asked, parts=parts)):
            if isinstance(message, SourceRows):
                yield from (((path.name, message.layer, number), SourceRow(message.columns, values)) for number, values in message.rows)
    except TwinError as error:
        if error.status >= 500:
            raise
