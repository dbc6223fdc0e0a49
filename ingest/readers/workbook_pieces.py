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
from ingest.readers.element_pieces import PIECE_BYTES, IrregularError, cut_behind, is_plain
from ingest.readers.shared_strings import SharedStrings

_HEAD = re.compile(rb"<sheetData(?:\s[^<>]*)?>")
_NO_ROWS = re.compile(rb"<sheetData\s*/>")
"""How Excel writes a sheet on which nothing stands."""
_END = b"</sheetData></worksheet>"
_UNNUMBERED = re.compile(rb'<row(?=[\s/>])(?![^<>]*\sr=")')
_STRINGS, _NO_STRINGS = "xl/sharedstrings.xml", b"<sst/>"
"""As all names of parts without regard to case."""
_KEPT = frozenset({"xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "[content_types].xml", "_rels/.rels"})
_LARGE_BYTES = 16 << 20
"""Of XML; some 50,000 rows of a survey."""
_MOST_REPEATED = 4
"""Times what is in a piece of its own: styles and the head of a sheet go along with each piece, and are parsed as often."""


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
        _check_repeated(self._kept_bytes)
        self._kept = {name: archive.read(name) for name in kept}
        strings = next((archive.pieces(name) for name in archive.names if name.casefold() == _STRINGS), iter([_NO_STRINGS]))
        self._strings = SharedStrings(strings)

    def frame(self) -> BytesIO:
        """Return the workbook without its sheets: what they are called, and which are shown."""
        return _zipped(self._kept)

    def sheet(self, part: str) -> Iterator[BytesIO]:
        """Yield workbooks whose sheet of the file ``part`` has some of its rows; with the last stands what the sheet says behind them.

        IrregularError where rows have no numbers or cannot be told apart, or their head is too long to be repeated.
        """
        head = b""
        for piece in cut_behind(b"</row>", self._archive.pieces(part), PIECE_BYTES):
            if not is_plain(piece):
                raise IrregularError
            rows = piece
            if not head:
                head = _head(piece)
                rows = piece[len(head) :]
                _check_repeated(self._kept_bytes + len(head))
            elif rows.startswith(b"<?"):
                raise IrregularError
            if _UNNUMBERED.search(rows):
                raise IrregularError
            yield self._book(part, head, rows)

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


def _check_repeated(repeated_bytes: int) -> None:
    if repeated_bytes > _MOST_REPEATED * PIECE_BYTES:
        raise IrregularError


def _zipped(files: Mapping[str, bytes]) -> BytesIO:
    book = BytesIO()
    with zipfile.ZipFile(book, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    book.seek(0)
    return book
