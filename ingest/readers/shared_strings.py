"""Texts that the cells of an XLSX name by number, as they are spelled: a text is parsed only for the rows that show it."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable

from ingest.readers.element_pieces import PIECE_BYTES, IrregularError, cut_behind, is_plain, without_prefix

_TEXT = re.compile(rb"\s*(<si(?:\s[^<>]*)?(?:/>|>.*?</si>))", re.DOTALL)
_HEAD = re.compile(rb"<sst(?:\s[^<>]*)?>")
_END = re.compile(rb"\s*(?:</sst>\s*)?")
_EMPTY = re.compile(rb"<sst(?:\s[^<>]*)?/>")
_SAID = re.compile(rb"""t\s*=\s*["']s["']""")
_NAMED = re.compile(rb'(<c\s(?:[^<>]{0,200}\s)?t="s"(?:\s[^<>]{0,200})?(?<!/)><v>)([0-9]{1,9})(?=</v>)')
_EMPTY_CELL = re.compile(rb'<c\s(?:[^<>]{0,200}\s)?t="s"(?:\s[^<>]{0,200})?/>')


class SharedStrings:
    """The elements of a part of shared strings, one behind the other."""

    def __init__(self, chunks: Iterable[bytes], prefix: bytes = b"") -> None:
        """Take the part in chunks, whose elements bear ``prefix``; IrregularError where their spelling does not tell them apart."""
        self._texts, self._ends = bytearray(), array("q", [0])
        self._head = b""
        for spelled in cut_behind(b"</%ssi>" % prefix, chunks, PIECE_BYTES):
            piece = without_prefix(prefix, spelled)
            begin = 0 if self._head else self._after_head(piece)
            end = self._take(piece, begin)
            if _END.fullmatch(piece, end) is None:
                raise IrregularError

    def _after_head(self, piece: bytes) -> int:
        if not is_plain(piece):
            raise IrregularError
        found = _HEAD.search(piece)
        if found is None or found[0].endswith(b"/>"):
            if _EMPTY.search(piece) is None:
                raise IrregularError
            self._head = b"<sst>"
            return len(piece)
        self._head = piece[: found.end()]
        return found.end()

    def _take(self, piece: bytes, begin: int) -> int:
        """Keep the elements from ``begin`` on and return where they end."""
        if not is_plain(piece):
            raise IrregularError
        while found := _TEXT.match(piece, begin):
            self._texts += found[1]
            self._ends.append(len(self._texts))
            begin = found.end()
        return begin

    def of(self, rows: bytes) -> tuple[bytes, bytes]:
        """Return a part with the texts that ``rows`` name, and the rows with their numbers in it.

        IrregularError where cells name texts in another way than programs write it, or one that is not there.
        """
        parts = _NAMED.split(rows)
        unnamed = len(_SAID.findall(rows)) - len(parts) // 3
        if unnamed and unnamed != len(_EMPTY_CELL.findall(rows)):
            raise IrregularError
        known: dict[bytes, bytes] = {}
        texts: list[bytes | bytearray] = []
        for number in dict.fromkeys(parts[2::3]):
            at = int(number)
            if at + 1 >= len(self._ends):
                raise IrregularError
            known[number] = b"%d" % len(texts)
            texts.append(self._texts[self._ends[at] : self._ends[at + 1]])
        parts[2::3] = [known[number] for number in parts[2::3]]
        return self._head + b"".join(texts) + b"</sst>", b"".join(parts)
