"""Large sheets of an XLSX, read as many small workbooks of a few thousand rows: its library holds every cell of a sheet at once.

Each has the head of the sheet, some of its rows as they are spelled, and the texts that these name; what a cell means is the library's to
say. Where rows cannot be told apart by their spelling the workbook is not read so.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO

from ingest.readers.archive import Archive
from ingest.readers.element_pieces import PIECE_BYTES, IrregularError, check_repeated, cut_behind, is_plain, without_prefix
from ingest.readers.shared_strings import SharedStrings

_HEAD = re.compile(rb"<sheetData(?:\s[^<>]*)?>")
_NO_ROWS = re.compile(rb"<sheetData\s*/>")
"""How Excel writes a sheet on which nothing stands."""
_END = b"</sheetData></worksheet>"
_ROW = re.compile(rb'<row(?=[\s/>])([^<>]*\sr=")?')
_PLACED = re.compile(rb"<(?:row|c)(?=[\s/>])[^<>]*\sr\s*=")
_PREFIX = re.compile(rb"<([A-Za-z_][\w.-]{0,40}):(?:worksheet|sst)[\s>]")
_HEAD_BYTES = 1000
"""Of a part; in them its first element begins."""
_STRINGS, _NO_STRINGS = "xl/sharedstrings.xml", b"<sst/>"
"""As all names of parts without regard to case."""
_KEPT = frozenset({"xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "[content_types].xml", "_rels/.rels"})
_LARGE_BYTES = 16 << 20
"""Of XML; some 50,000 rows of a survey."""


def is_large(archive: Archive, parts: Mapping[str, str]) -> bool:
    """Return whether one of the sheets, of which ``parts`` names the files, is better not held as a whole."""
    return any(archive.size(part) > _LARGE_BYTES for part in parts.values())


class WorkbookPieces:
    """A workbook of which each sheet is read piece by piece; all that is unpacked whole is small."""

    def __init__(self, archive: Archive) -> None:
        """IrregularError where its texts cannot be told apart, or more stands beside the sheets than each piece can repeat."""
        self._archive = archive
        kept = [name for name in archive.names if name.casefold() in _KEPT]
        self._kept_bytes = sum(map(archive.size, kept))  # as many at most are unpacked
        check_repeated(self._kept_bytes)
        self._kept = {name: archive.read(name) for name in kept}
        strings = next((name for name in archive.names if name.casefold() == _STRINGS), None)
        prefix = b"" if strings is None else _prefix(archive, strings)
        self._strings = SharedStrings(iter([_NO_STRINGS]) if strings is None else archive.pieces(strings), prefix)

    def frame(self) -> BytesIO:
        """Return the workbook without its sheets: what they are called, and which are shown."""
        return _zipped(self._kept)

    def sheet(self, part: str) -> Iterator[tuple[int, BytesIO]]:
        """Yield how many rows stand before, where rows have no numbers, and a workbook whose sheet of the file ``part`` has the next.

        With the last stands what the sheet says behind its rows. IrregularError where rows cannot be told apart, some have numbers or
        cells places and others none, or their head is too long to be repeated.
        """
        head, before, are_numbered = b"", 0, True
        prefix = _prefix(self._archive, part)
        for spelled in cut_behind(b"</%srow>" % prefix, self._archive.pieces(part), PIECE_BYTES):
            if not is_plain(spelled):
                raise IrregularError
            rows = piece = without_prefix(prefix, spelled)
            if not head:
                head = _head(piece)
                rows = piece[len(head) :]
                check_repeated(self._kept_bytes + len(head))
            elif rows.startswith(b"<?"):
                raise IrregularError
            numbers = _ROW.findall(rows)
            if not before:
                are_numbered = all(numbers)
            if not (all(numbers) if are_numbered else _PLACED.search(rows) is None):
                raise IrregularError
            yield before, self._book(part, head, rows)
            before += 0 if are_numbered else len(numbers)

    def _book(self, part: str, head: bytes, rows: bytes) -> BytesIO:
        end = _END if rows.endswith(b"</row>") else b""
        texts, rows = self._strings.of(rows)
        return _zipped({**self._kept, _STRINGS: texts, part: b"".join((head, rows, end))})


def _head(piece: bytes) -> bytes:
    """Return what stands before the rows of a sheet; all of one that has none."""
    if b"</row>" not in piece and _NO_ROWS.search(piece) is not None:
        return piece
    found = _HEAD.search(piece)
    if found is None or found[0].endswith(b"/>"):
        raise IrregularError
    return piece[: found.end()]


def _prefix(archive: Archive, part: str) -> bytes:
    """Return what stands before the names of a part's elements, with its colon: nothing as most programs write it."""
    found = _PREFIX.search(archive.head(part, _HEAD_BYTES))
    return b"" if found is None else found[1] + b":"


def _zipped(files: Mapping[str, bytes]) -> BytesIO:
    book = BytesIO()
    with zipfile.ZipFile(book, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    book.seek(0)
    return book
