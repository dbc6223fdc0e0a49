"""Workbooks, by calamine: XLSX, XLS and ODS, with what their formulas last gave.

A workbook is hostile until looked at: a ZIP is checked by `Archive`, every XML part for document type declarations (entities are
not expanded anywhere) and for cells too far to the right; what is too large all the same breaks on the memory of the sandbox.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO

import python_calamine as calamine

from ingest.protocol import Limits
from ingest.readers.archive import Archive
from ingest.readers.compound_file import OLE_MAGIC
from ingest.readers.element_pieces import IrregularError
from ingest.readers.office_document import document_refusal
from ingest.readers.open_document_pieces import CONTENT, OpenDocumentPieces, without_indents
from ingest.readers.packed_rows import PackedRows
from ingest.readers.sheets import Merged, Row, Sheet, find_table, numbered, too_many_columns
from ingest.readers.workbook_cells import cell_notes, sheet_parts
from ingest.readers.workbook_pieces import WorkbookPieces, is_large
from ingest.readers.xls_pieces import XlsPieces, is_large_xls
from ingest.refusals import rejected
from twin.errors import Text, TwinError

_ZIP = b"PK"
_WIDE_CELL = re.compile(rb'<c r="(?:A[M-Z][A-Z]|AL[M-Z]|[B-Z][A-Z]{2})[0-9]')
"""A reference to a column after ALL, the thousandth."""
OFFICE_BOOK = "xl/workbook.xml"
"""What makes a ZIP a workbook of Office."""
_LONGEST_FORBIDDEN = 16
"""Bytes; what is looked for in XML is no longer."""
_WIDTH_OF_A_TABLE = 3
"""A narrower sheet is rather a note."""
_PANIC = "PanicException"
_SPREADSHEET = b"opendocument.spreadsheet"

_Piece = tuple[int, calamine.CalamineSheet]
"""How many rows of a sheet stand before those whose places are counted from the beginning of the piece, and these."""


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

    RejectedError with a code of `Archive`, ``xml-dtd-forbidden``, ``too-many-rows``, ``too-many-columns``, ``workbook-broken``,
    ``workbook-encrypted`` or ``workbook-too-large``.
    """
    with source.open("rb") if isinstance(source, Path) else BytesIO(source) as file:
        book: BinaryIO = file
        said: Mapping[str, tuple[Text, ...]] = {}
        if file.read(len(_ZIP)) == _ZIP:
            archive = Archive(source, limits)
            _check_length(archive, file.seek(0, SEEK_END), limits)
            _check_parts(archive, limits)
            said = cell_notes(archive)
            if OFFICE_BOOK not in archive.names:
                if is_large(archive, {"": CONTENT}):
                    with suppress(IrregularError), _faults_told():
                        return _tables_in_pieces(OpenDocumentPieces(archive), limits, known)
                book = _without_indents(archive)
            elif is_large(archive, parts := sheet_parts(archive)):
                with suppress(IrregularError), _faults_told():
                    return _sheets_in_pieces(WorkbookPieces(archive), parts, limits, known, said)
        else:
            if is_large_xls(book):
                with suppress(IrregularError), _faults_told():
                    return _xls_in_pieces(XlsPieces(book), limits, known)
            if (other := _other_than_workbook(book)) is not None:
                raise other
        book.seek(0)
        with _faults_told():
            return _sheets(calamine.CalamineWorkbook.from_filelike(book), limits, known, said)


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
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
    en = f"The workbook cannot be read, damaged or of another program: save it anew as XLSX in Excel or WPS ({reason})"
    zh = f"工作簿无法读取，可能已损坏或不是工作簿：请用 Excel 或 WPS 打开，另存为 XLSX 后提交（{reason}）"
    return rejected("workbook-broken", en, zh)


def _encrypted() -> TwinError:
    return rejected("workbook-encrypted", "The workbook is protected by a password.", "工作簿已加密，请去除密码后上传。")


def _other_than_workbook(book: BinaryIO) -> TwinError | None:
    """Return why a compound file is not read whose streams are those of a locked workbook or of a text; None for any other."""
    book.seek(0)
    content = book.read()
    if all(_stream(name) in content for name in ("EncryptionInfo", "EncryptedPackage")):
        return _encrypted()
    is_text = not any(_stream(name) in content for name in ("Workbook", "Book")) and _stream("WordDocument") in content
    return document_refusal("DOC") if is_text else None


def _stream(name: str) -> bytes:
    """Return how the directory of a compound file writes a stream's name."""
    return f"{name}\0".encode("utf-16-le")


def _sheets(book: calamine.CalamineWorkbook, limits: Limits, known: frozenset[str], said: Mapping[str, tuple[Text, ...]]) -> list[Sheet]:
    def cells(number: int, _: str) -> Iterator[_Piece]:
        yield 0, book.get_sheet_by_index(number)

    return _shown_sheets(book, cells, limits, known, said)


def _sheets_in_pieces(
    pieces: WorkbookPieces, parts: Mapping[str, str], limits: Limits, known: frozenset[str], said: Mapping[str, tuple[Text, ...]]
) -> list[Sheet]:
    """As `_sheets`; IrregularError where the workbook has to be read whole."""

    def cells(number: int, name: str) -> Iterator[_Piece]:
        if name not in parts:
            raise IrregularError
        for before, piece in pieces.sheet(parts[name]):
            yield before, calamine.CalamineWorkbook.from_filelike(piece).get_sheet_by_index(number)

    return _shown_sheets(calamine.CalamineWorkbook.from_filelike(pieces.frame()), cells, limits, known, said)


def _tables_in_pieces(pieces: OpenDocumentPieces, limits: Limits, known: frozenset[str]) -> list[Sheet]:
    """As `_sheets_in_pieces`, of an OpenDocument."""

    def cells(number: int, _: str) -> Iterator[_Piece]:
        for before, piece in pieces.table(number):
            yield before, calamine.CalamineWorkbook.from_filelike(piece).get_sheet_by_index(0)

    return _shown_sheets(calamine.CalamineWorkbook.from_filelike(pieces.frame()), cells, limits, known, {})


def _xls_in_pieces(pieces: XlsPieces, limits: Limits, known: frozenset[str]) -> list[Sheet]:
    """As `_sheets_in_pieces`, of an XLS."""

    def cells(number: int, _: str) -> Iterator[_Piece]:
        for piece in pieces.sheet(number):
            yield 0, calamine.CalamineWorkbook.from_filelike(piece).get_sheet_by_index(number)

    return _shown_sheets(calamine.CalamineWorkbook.from_filelike(pieces.frame()), cells, limits, known, {})


def _shown_sheets(
    book: calamine.CalamineWorkbook,
    cells: Callable[[int, str], Iterator[_Piece]],
    limits: Limits,
    known: frozenset[str],
    said: Mapping[str, tuple[Text, ...]],
) -> list[Sheet]:
    """Return the tables of a workbook; ``cells`` gives the rows of a sheet by its number and name, those further down later."""
    worksheets = [s for s in book.sheets_metadata if s.typ is calamine.SheetTypeEnum.WorkSheet]
    hidden = [s.name for s in worksheets if s.visible is not calamine.SheetVisibleEnum.Visible]
    sheets: list[Sheet] = []
    without_header: list[str] = []
    for number, sheet in enumerate(book.sheets_metadata):
        if sheet in worksheets and sheet.name not in hidden:
            table, width = _table(sheet.name, cells(number, sheet.name), limits, known)
            if table is not None:
                sheets.append(table)
            elif width >= _WIDTH_OF_A_TABLE:
                without_header.append(sheet.name)
    notes = (*((_hidden_note(hidden),) if hidden else ()), *((_headless_note(without_header),) if without_header else ()))
    return [replace(table, notes=(*table.notes, *said.get(table.name, ()), *notes)) for table in sheets]


def _table(name: str, pieces: Iterator[_Piece], limits: Limits, known: frozenset[str]) -> tuple[Sheet | None, int]:
    """Return the table on a sheet, and how many columns are filled."""
    rows = _Rows(pieces, limits)
    packed = PackedRows.of(rows)
    return find_table(name, packed, rows.numbers, known, rows.merged, rows.right), rows.right - rows.left


class _Rows:
    """The rows of a sheet that hold anything, piece by piece, and what is known of the sheet once they were taken."""

    def __init__(self, pieces: Iterator[_Piece], limits: Limits) -> None:
        self._pieces = pieces
        self._limits = limits
        self.numbers = array("q")
        self.merged: Merged = ()
        self.left, self.right = limits.columns, 0
        """The first column that is filled, and the one behind the last."""

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows; RejectedError ``too-many-rows`` or ``too-many-columns``, IrregularError where they do not follow each other."""
        last = 0
        for before, piece in self._pieces:
            self.merged = piece.merged_cell_ranges or self.merged
            if piece.start is None:
                continue
            top, left = before + piece.start[0], piece.start[1]
            self.left, self.right = min(self.left, left), max(self.right, left + piece.width)
            if self.right > self._limits.columns:
                raise too_many_columns(self._limits.columns)
            if top < last:
                raise IrregularError
            last = top + piece.height
            for number, row in numbered(piece.to_python(skip_empty_area=True), self._limits, top + 1):
                self.numbers.append(number)
                yield _plain([*[""] * left, *row])


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
            target.writestr(name, without_indents(content) if name == CONTENT else content)
    return packed


def _check_length(archive: Archive, packed_bytes: int, limits: Limits) -> None:
    """Refuse what says to be longer than may be unpacked: told at once, and what to do; what lies of it is told as it is unpacked."""
    unpacked_bytes = sum(map(archive.size, archive.names))
    if limits.unpacked_bytes < unpacked_bytes <= limits.compression_ratio * packed_bytes:
        most_mb = limits.unpacked_bytes >> 20
        en = f"The workbook has more than {most_mb} MB of cells: save its sheets as CSV (UTF-8) and hand these in as a ZIP, or divide it."
        zh = f"工作簿的单元格内容超过 {most_mb} MB：请将各工作表另存为 CSV（UTF-8）后打包为 ZIP 提交，或拆分为几个文件。"
        raise rejected("workbook-too-large", en, zh)


def _check_parts(archive: Archive, limits: Limits) -> None:
    for name in archive.names:
        is_xml = name.casefold().endswith((".xml", ".rels", ".vml"))
        end = b""
        for at, chunk in enumerate(archive.counted(name)):
            if not is_xml:
                continue
            if not at and (chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in chunk[:64]):
                raise rejected("xml-encoding", f"{name} is not UTF-8.", f"{name} 不是 UTF-8 编码。")
            content = end + chunk
            if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                raise rejected("xml-dtd-forbidden", f"{name} declares a document type.", f"{name} 含有文档类型声明（DTD）。")
            if _WIDE_CELL.search(content):
                raise too_many_columns(limits.columns)
            end = content[-_LONGEST_FORBIDDEN:]
