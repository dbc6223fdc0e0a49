"""Workbooks, by calamine: XLSX, XLS and ODS, with what their formulas last gave.

A workbook is hostile until looked at: a ZIP is checked by `Archive`, every XML part for document type declarations (entities are
not expanded anywhere) and for cells too far to the right; what is too large all the same breaks on the memory of the sandbox.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import python_calamine as calamine

from ingest.protocol import Limits
from ingest.readers.archive import Archive
from ingest.readers.office_document import document_refusal
from ingest.readers.sheets import Row, Sheet, find_table, numbered, too_many_columns
from ingest.readers.workbook_cells import cell_notes
from ingest.refusals import rejected
from twin.errors import Text, TwinError

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Compound files: workbooks of Excel 97 to 2003."""
_ZIP = b"PK"
_WIDE_CELL = re.compile(rb'<c r="(?:A[M-Z][A-Z]|AL[M-Z]|[B-Z][A-Z]{2})[0-9]')
"""A reference to a column after ALL, the thousandth."""
OFFICE_BOOK = "xl/workbook.xml"
"""What makes a ZIP a workbook of Office."""
_LINE_BREAKS = re.compile(rb">\s*\n\s*<")
_WIDTH_OF_A_TABLE = 3
"""A narrower sheet is rather a note."""
_PANIC = "PanicException"
_SPREADSHEET = b"opendocument.spreadsheet"


def begins_as_workbook(head: bytes) -> bool:
    """Return whether a file begins as workbooks do: told apart from text, not from other archives."""
    return head.startswith((_ZIP, OLE_MAGIC))


def in_archive(archive: Archive) -> bool:
    """Return whether a ZIP is a workbook."""
    if OFFICE_BOOK in archive.names:
        return True
    return {"mimetype", "content.xml"} <= {*archive.names} and _SPREADSHEET in archive.head("mimetype", 80)


def read_workbook(source: Path | bytes, limits: Limits, known: frozenset[str]) -> list[Sheet]:
    """Return the sheets that hold a table and are not hidden; ``known`` are normalised names a header row may hold.

    RejectedError with a code of `Archive`, ``xml-dtd-forbidden``, ``too-many-rows``, ``too-many-columns``, ``workbook-broken`` or
    ``workbook-encrypted``.
    """
    with source.open("rb") if isinstance(source, Path) else BytesIO(source) as file:
        book: BinaryIO = file
        said: Mapping[str, tuple[Text, ...]] = {}
        if file.read(len(_ZIP)) == _ZIP:
            archive = Archive(source, limits)
            _check_parts(archive, limits)
            said = cell_notes(archive)
            if OFFICE_BOOK not in archive.names:
                book = _without_indents(archive)
        elif (other := _other_than_workbook(book)) is not None:
            raise other
        book.seek(0)
        try:
            return _sheets(calamine.CalamineWorkbook.from_filelike(book), limits, known, said)
        except calamine.PasswordError as error:
            raise _encrypted() from error
        except (calamine.CalamineError, calamine.XmlError, calamine.ZipError) as error:
            raise _broken(error) from error
        except BaseException as error:  # a panic of Rust is no Exception
            if type(error).__name__ == _PANIC:
                raise _broken(error) from error
            raise


def _broken(error: BaseException) -> TwinError:
    reason = str(error)[:200]
    return rejected("workbook-broken", f"The workbook cannot be read: {reason}", f"工作簿无法读取：{reason}")


def _encrypted() -> TwinError:
    return rejected("workbook-encrypted", "The workbook is protected by a password.", "工作簿已加密，请去除密码后上传。")


def _other_than_workbook(book: BinaryIO) -> TwinError | None:
    """Return why a compound file is not read whose streams are those of a locked workbook or of a text; None for any other."""
    content = book.read()
    if all(_stream(name) in content for name in ("EncryptionInfo", "EncryptedPackage")):
        return _encrypted()
    is_text = not any(_stream(name) in content for name in ("Workbook", "Book")) and _stream("WordDocument") in content
    return document_refusal("DOC") if is_text else None


def _stream(name: str) -> bytes:
    """Return how the directory of a compound file writes a stream's name."""
    return f"{name}\0".encode("utf-16-le")


def _sheets(book: calamine.CalamineWorkbook, limits: Limits, known: frozenset[str], said: Mapping[str, tuple[Text, ...]]) -> list[Sheet]:
    worksheets = [s for s in book.sheets_metadata if s.typ is calamine.SheetTypeEnum.WorkSheet]
    hidden = [s.name for s in worksheets if s.visible is not calamine.SheetVisibleEnum.Visible]
    sheets: list[Sheet] = []
    without_header: list[str] = []
    for number, sheet in enumerate(book.sheets_metadata):
        if sheet in worksheets and sheet.name not in hidden:
            cells = book.get_sheet_by_index(number)
            table = _table(cells, limits, known)
            if table is not None:
                sheets.append(table)
            elif cells.width >= _WIDTH_OF_A_TABLE:
                without_header.append(sheet.name)
    notes = (*((_hidden_note(hidden),) if hidden else ()), *((_headless_note(without_header),) if without_header else ()))
    return [replace(table, notes=(*table.notes, *said.get(table.name, ()), *notes)) for table in sheets]


def _table(sheet: calamine.CalamineSheet, limits: Limits, known: frozenset[str]) -> Sheet | None:
    if sheet.start is None:
        return None
    _, left = sheet.start
    if left + sheet.width > limits.columns:
        raise too_many_columns(limits.columns)
    numbers: list[int] = []
    rows: list[Row] = []
    for number, row in numbered(sheet.to_python(skip_empty_area=False), limits):
        numbers.append(number)
        rows.append(_plain(row))
    return find_table(sheet.name, rows, numbers, known, sheet.merged_cell_ranges or ())


def _plain(row: Row) -> Row:
    """Midnight is how a workbook writes a day without a time."""
    if not any(isinstance(v, dt.datetime) for v in row):
        return row
    return [v.date() if isinstance(v, dt.datetime) and v.time() == dt.time() else v for v in row]


def _headless_note(names: list[str]) -> Text:
    return Text(
        zh=f"工作表“{'、'.join(names)}”没有可识别的表头，未读取：表头须有点号、X、Y、起点点号等列名",
        en=f"sheets without a header that is understood are not read: {', '.join(names)}",
    )


def _hidden_note(names: list[str]) -> Text:
    return Text(zh=f"隐藏的工作表未读取：{'、'.join(names)}", en=f"hidden sheets are not read: {', '.join(names)}")


def _without_indents(archive: Archive) -> BytesIO:
    """Return an OpenDocument without the line breaks between its elements, which GDAL writes and calamine does not pass over."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name in archive.names:
            content = archive.read(name)
            target.writestr(name, _LINE_BREAKS.sub(b"><", content) if name == "content.xml" else content)
    return packed


def _check_parts(archive: Archive, limits: Limits) -> None:
    for name in archive.names:
        content = archive.read(name)
        if not name.casefold().endswith((".xml", ".rels", ".vml")):
            continue
        if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:64]:
            raise rejected("xml-encoding", f"{name} is not UTF-8.", f"{name} 不是 UTF-8 编码。")
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise rejected("xml-dtd-forbidden", f"{name} declares a document type.", f"{name} 含有文档类型声明（DTD）。")
        if _WIDE_CELL.search(content):
            raise too_many_columns(limits.columns)
