"""Large tables of an OpenDocument (ODS), read as many small documents of a few thousand rows: its library holds every cell of all at once.

Each has what stands before the tables and some rows of one of them as they are spelled; what a cell means is the library's to say. Its
rows bear no numbers: they are counted. Where tables and rows cannot be told apart by their spelling the document is not read so.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO

from ingest.readers.archive import Archive
from ingest.readers.element_pieces import PIECE_BYTES, IrregularError, check_repeated, cut_behind, is_plain

CONTENT = "content.xml"
_MANIFEST, _MIMETYPE = "META-INF/manifest.xml", "mimetype"
_TABLE = re.compile(rb"<table:table(?=[\s/>])[^<>]*>|</table:table\s*>")
_ROW = re.compile(rb"<table:table-row(?=[\s/>])[^<>]*>")
_GROUP = re.compile(rb"</?table:table-(?:row-group|header-rows|rows)(?=[\s/>])[^<>]*>")
"""What holds rows together, whose end may be in another piece."""
_REPEATED = re.compile(rb"""\stable:number-rows-repeated\s*=\s*["']([0-9]{1,9})["']""")
_NAME = re.compile(rb'\stable:name="')
_MOST_TABLES = 1000
_ELSEWHERE = (b"<table:dde-link", b"<table:table-source", b"<table:scenario")
"""Tables that are links to others, or what might have been."""
_BREAKS = re.compile(rb">\s*\n\s*<")
_END_OF_TABLE = b"</table:table>"
_END = b"</office:spreadsheet></office:body></office:document-content>"


class OpenDocumentPieces:
    """An OpenDocument of which each table is read piece by piece, one table after the other."""

    def __init__(self, archive: Archive) -> None:
        """IrregularError where its tables cannot be told apart, or more stands before them than each piece can repeat."""
        self._archive = archive
        self._kept = {name: archive.read(name) for name in (_MIMETYPE, _MANIFEST) if name in archive.names}
        self._head, self._tables = self._outline()
        check_repeated(len(self._head))
        self._pieces = self._cut()

    def frame(self) -> BytesIO:
        """Return the document without its rows: what its tables are called, and which are shown."""
        return self._document(b"".join(table + _END_OF_TABLE for table in self._tables))

    def table(self, number: int) -> Iterator[tuple[int, BytesIO]]:
        """Yield how many rows stand before, and a document whose only table has the rows behind these.

        To be asked for one table after the other; IrregularError where rows cannot be told apart.
        """
        before = 0
        for at, rows in self._pieces:
            if at < number:
                continue
            if rows is None:
                return
            yield before, self._document(self._tables[number] + without_indents(_GROUP.sub(b"", rows)) + _END_OF_TABLE)
            before += _count(rows)

    def _outline(self) -> tuple[bytes, list[bytes]]:
        """Return what stands before the first table, and the beginning of each."""
        head, tables, is_inside = bytearray(), list[bytes](), False
        for piece in cut_behind(b">", self._archive.pieces(CONTENT), PIECE_BYTES):
            if not is_plain(piece) or (head and piece.startswith(b"<?")) or any(each in piece for each in _ELSEWHERE):
                raise IrregularError
            found = [*_TABLE.finditer(piece)]
            if not tables:
                head += piece[: found[0].start()] if found else piece
                check_repeated(len(head))
            for tag in found:
                is_end = tag[0].startswith(b"</")
                if is_end != is_inside or (not is_end and not _is_sound(tag[0])):
                    raise IrregularError
                is_inside = not is_end
                if not is_end:
                    tables.append(tag[0])
        if is_inside or not 0 < len(tables) <= _MOST_TABLES:
            raise IrregularError
        return bytes(head), tables

    def _cut(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield pieces of the tables by their numbers, of whole rows; None where a table ends."""
        number, is_inside = -1, False
        for piece in cut_behind(b"</table:table-row>", self._archive.pieces(CONTENT), PIECE_BYTES):
            at = 0
            for tag in _TABLE.finditer(piece):
                if is_inside:
                    yield number, piece[at : tag.start()]
                    yield number, None
                else:
                    number += 1
                at, is_inside = tag.end(), not is_inside
            if is_inside:
                yield number, piece[at:]

    def _document(self, tables: bytes) -> BytesIO:
        document = BytesIO()
        with zipfile.ZipFile(document, "w") as target:
            for name, content in self._kept.items():
                target.writestr(name, content)
            target.writestr(CONTENT, without_indents(self._head) + tables + _END)
        document.seek(0)
        return document


def without_indents(content: bytes) -> bytes:
    """Return XML without the line breaks between its elements, which GDAL writes and calamine does not pass over."""
    return _BREAKS.sub(b"><", content)


def _is_sound(tag: bytes) -> bool:
    """Return whether a tag begins a table that has a name and an end, and is here to its own end: no ``>`` stands in what it says."""
    return _NAME.search(tag) is not None and not tag.endswith(b"/>") and tag.count(b'"') % 2 == 0 and b"'" not in tag


def _count(rows: bytes) -> int:
    """Return how many rows there are: what is like the one before is written once."""
    tags = _ROW.findall(rows)
    repeated = [_REPEATED.search(tag) for tag in tags if b"-repeated" in tag]
    if not all(repeated):
        raise IrregularError
    return len(tags) - len(repeated) + sum(int(each[1]) for each in repeated if each is not None)
