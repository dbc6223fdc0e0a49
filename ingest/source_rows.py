"""Rows as their source has them, out of an open file: the sandboxed side of `ingest.faulty_rows`."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import numpy as np

from ingest.protocol import CellValue, PartRequest, SourceRows
from ingest.readers.source import CoverageReader, Reader

_LONGEST_TEXT = 2_000
"""Characters of one value that are sent on: enough to find it by."""


def source_rows(reader: Reader, part: PartRequest) -> Iterator[SourceRows]:
    """Yield the wanted rows of a part, batch by batch, without looking at what is in them; a coverage has none."""
    if isinstance(reader, CoverageReader) or not part.only_rows:
        return
    layer, wanted = reader.open(part), np.array(part.only_rows, dtype=np.int64)
    for batch in layer.batches():
        chosen = np.flatnonzero(np.isin(batch.rows, wanted))
        if len(chosen):
            columns = {name: batch.columns[name].take(chosen).to_pylist() for name in batch.columns}
            values = zip(*columns.values(), strict=True) if columns else (() for _ in chosen)
            rows = tuple((int(batch.rows[i]), tuple(map(_cell, row))) for i, row in zip(chosen, values, strict=True))
            yield SourceRows(part.dataset, layer.source.name, tuple(columns), rows)
        if len(batch.rows) and int(batch.rows[-1]) >= wanted[-1]:
            return


def _cell(value: object) -> CellValue:
    """Return a value as a table takes it: numbers that are none, dates and whatever else as text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case dt.date():
            return value.isoformat()
        case _:
            return str(value)[:_LONGEST_TEXT]
