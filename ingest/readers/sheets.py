"""Tables as surveys hand them over, XLSX sheets and CSV files, as rows with the header found.

A workbook is hostile until looked at: its ZIP is checked by `Archive`, every XML part for document type declarations
(entities are not expanded anywhere), rows and cells are counted.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pyarrow as pa

from ingest.names import normalised
from ingest.protocol import Limits
from ingest.readers.archive import Archive
from ingest.readers.encodings import detect
from ingest.refusals import rejected

_HEADER_SEARCHED_ROWS = 12
_MAX_SHEET_COLUMNS = 1000

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: column names, and rows with their numbers in the sheet (the first row is 1)."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Row], ...]
    encoding: str | None = None

    def column(self, name: str, first: int = 0, last: int | None = None) -> pa.Array:
        """Return one column of the rows ``first``…``last``."""
        index = self.columns.index(name)
        return cells_array([row[index] if index < len(row) else None for _, row in self.rows[first:last]])


def read_workbook(path: Path, limits: Limits, known: frozenset[str]) -> list[Sheet]:
    """Return the sheets of an XLSX file that hold a table; ``known`` are normalised names a header row may hold.

    RejectedError with a code of `Archive`, ``xml-dtd-forbidden``, ``too-many-rows`` or ``too-many-columns``.
    """
    _check_parts(Archive(path, limits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # styles and validations that openpyxl leaves out
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        sheets = []
        for worksheet in book.worksheets:
            worksheet.reset_dimensions()  # what a file says about its size is not believed
            rows = _numbered(worksheet.iter_rows(values_only=True), limits)
            sheet = _sheet(worksheet.title, rows, known)
            if sheet is not None:
                sheets.append(sheet)
    return sheets


def read_csv(path: Path, limits: Limits, known: frozenset[str]) -> list[Sheet]:
    """Return a CSV file (comma, semicolon or tab; UTF-8, GB 18030 or Big5) as one sheet."""
    content = path.read_bytes()
    encoding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else detect(content[: 1 << 20].split(b"\n"))
    text = content.decode(encoding, "replace")
    delimiter = max(",;\t", key=text[:4096].split("\n", 1)[0].count)
    csv.field_size_limit(limits.text_length)
    try:
        rows = _numbered((tuple(c or None for c in row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), limits)
    except csv.Error as error:
        raise rejected("csv-broken", f"The CSV cannot be read: {error}", f"CSV 无法读取:{error}") from error
    sheet = _sheet(path.stem, rows, known)
    return [] if sheet is None else [Sheet(sheet.name, sheet.columns, sheet.rows, encoding)]


def _check_parts(archive: Archive) -> None:
    for name in archive.names:
        content = archive.read(name)
        if not name.casefold().endswith((".xml", ".rels", ".vml")):
            continue
        if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:64]:
            raise rejected("xml-encoding", f"{name} is not UTF-8.", f"{name} 不是 UTF-8 编码。")
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise rejected("xml-dtd-forbidden", f"{name} declares a document type.", f"{name} 含有文档类型声明(DTD)。")


def _numbered(rows: Iterator[Row], limits: Limits) -> list[tuple[int, Row]]:
    """Return the rows that hold anything, with their numbers."""
    kept: list[tuple[int, Row]] = []
    for number, row in enumerate(rows, start=1):
        if number > limits.rows:
            raise rejected("too-many-rows", f"More than {limits.rows} rows.", f"行数超过 {limits.rows}。")
        if len(row) > _MAX_SHEET_COLUMNS:
            raise rejected("too-many-columns", f"Row {number} has {len(row)} columns.", f"第 {number} 行有 {len(row)} 列,超过上限。")
        if any(c is not None and c != "" for c in row):
            kept.append((number, row))
    return kept


def _sheet(name: str, rows: list[tuple[int, Row]], known: frozenset[str]) -> Sheet | None:
    """Return the table below the row (or two rows, when group titles stand above) that most looks like its header."""
    best: tuple[int, int, tuple[str, ...]] = (0, 0, ())
    for index in range(min(len(rows), _HEADER_SEARCHED_ROWS)):
        for header, used in ((_texts(rows[index][1]), 1), (_two_rows(rows, index), 2)):
            score = sum(normalised(h) in known for h in header)
            if score > best[0]:
                best = (score, index + used, _distinct(header))
    score, first, columns = best
    return Sheet(name, columns, tuple(rows[first:])) if score >= 2 else None


def _two_rows(rows: list[tuple[int, Row]], index: int) -> tuple[str, ...]:
    """Return the names of a header whose upper row holds titles of merged groups: 起点 over 点号 is 起点点号."""
    if index + 1 >= len(rows):
        return ()
    upper, lower = _texts(rows[index][1]), _texts(rows[index + 1][1])
    names: list[str] = []
    group = ""
    for column in range(max(len(upper), len(lower))):
        above = upper[column] if column < len(upper) else ""
        below = lower[column] if column < len(lower) else ""
        group = above or (group if below else "")
        names.append(group + below)
    return tuple(names)


def _texts(row: Row) -> tuple[str, ...]:
    return tuple("" if c is None else str(c).strip() for c in row)


def _distinct(header: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for index, name in enumerate(header):
        plain = name or f"column_{index + 1}"
        names.append(plain if plain not in names else f"{plain}_{index + 1}")
    return tuple(names)


def cells_array(values: list[object]) -> pa.Array:
    """Return cells as an Arrow column: of one type where they agree, as text where they do not."""
    plain = [None if v == "" else v for v in values]
    try:
        return pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else _cell_text(v) for v in plain], pa.string())


def _cell_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
