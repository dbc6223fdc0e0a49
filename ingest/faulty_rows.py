"""The source rows that findings are about, read again in the sandbox from the kept files: what a person mends is the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.protocol import CellValue, SourceRows
from ingest.receiving import read_request
from ingest.request import LoadRequest, Workplace
from twin.errors import TwinError
from twin.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a layer: column → value."""

    columns: tuple[str, ...]
    values: tuple[CellValue, ...]


RowPlace = tuple[str, str, int]
"""File, layer and row, as findings name them."""
MOST_ROWS = 20_000
"""Of one report: a row may be wide, and all of them are in memory at once."""


_GRAVITY = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class FaultyRows:
    """Source rows by where they are, and how many more there are of which none is given."""

    by_place: Mapping[RowPlace, SourceRow]
    omitted: int
    is_unread: bool = False
    """Whether the reader of a file ended without all of its rows: asked again, there may be more."""


def faulty_rows(place: Workplace, request: LoadRequest, findings: Iterable[Finding]) -> FaultyRows:
    """Return the source rows that the findings are about, those of the gravest 20,000, out of the files as they were checked.

    A file that cannot be read (any more) gives none, and its rows are counted among those left out.
    """
    gravest_first = sorted((f for f in findings if f.row is not None), key=lambda f: _GRAVITY[f.severity])
    places = list(dict.fromkeys((f.file, f.layer, f.row) for f in gravest_first if f.row is not None))
    wanted = set(places[:MOST_ROWS])
    found: dict[RowPlace, SourceRow] = {}
    is_unread = False
    for path in request.files:
        rows = tuple(sorted({row for file, _, row in wanted if file == path.name}))
        try:
            if rows:
                found.update((where, row) for where, row in _rows_of(place, request, path, rows) if where in wanted)
        except TwinError as error:
            if error.status >= 500:
                raise
            is_unread = True
    return FaultyRows(found, len(places) - len(found), is_unread)


def _rows_of(place: Workplace, request: LoadRequest, path: Path, rows: tuple[int, ...]) -> Iterator[tuple[RowPlace, SourceRow]]:
    asked = read_request(place, request, path)
    if asked is None:
        return
    parts = tuple(replace(part, only_rows=rows) for part in asked.parts)
    with closing(place.read(replace(asked, parts=parts))) as messages:
        for message in messages:
            if isinstance(message, SourceRows):
                yield from (((path.name, message.layer, number), SourceRow(message.columns, values)) for number, values in message.rows)
