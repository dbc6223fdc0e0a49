"""Workbooks read piece by piece, for tests that hold the pieces against the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from ingest.protocol import Limits
from ingest.readers import archive, workbook, workbook_pieces
from ingest.readers.sheets import Sheet
from ingest.readers.survey import known_names


def tables_of(source: Path | bytes, limits: Limits | None = None) -> list[tuple[object, ...]]:
    """Return all that a workbook's sheets say: names, numbers of rows, notes, and columns with their types."""
    return [_table_of(sheet) for sheet in workbook.read_workbook(source, limits or Limits(), known_names())]


def read_in_small_pieces(monkeypatch: pytest.MonkeyPatch, modules: Sequence[ModuleType]) -> list[int]:
    """Have every archived workbook count as large and pieces be of a few rows; the list grows by one where one is read whole."""
    whole = list[int]()
    as_it_was = workbook._sheets

    def counted(*given: object) -> list[Sheet]:
        whole.append(1)
        return as_it_was(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(workbook, "_sheets", counted)
    monkeypatch.setattr(workbook_pieces, "_LARGE_BYTES", -1)
    monkeypatch.setattr(archive, "_CHUNK", 700)
    for module in modules:
        monkeypatch.setattr(module, "PIECE_BYTES", 3_000)
    return whole


def _table_of(sheet: Sheet) -> tuple[object, ...]:
    columns = {name: sheet.column(name) for name in sheet.columns}
    return sheet.name, [*sheet.numbers], sheet.notes, {name: (str(c.type), c.to_pylist()) for name, c in columns.items()}
