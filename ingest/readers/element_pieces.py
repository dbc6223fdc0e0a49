"""XML of many like elements, cut between them by how it is spelled, and what has to be so for that to be right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

PIECE_BYTES = 4 << 20
"""Many elements, and little to hold; that and what is made of it."""
_MOST_REPEATED = 4
"""Times what is in a piece of its own: styles and the head of a sheet go along with each piece, and are parsed as often."""


class IrregularError(Exception):
    """The XML is not spelled as programs write it: it may be right all the same, and is for a parser to read whole."""


def cut_behind(end: bytes, chunks: Iterable[bytes], least_bytes: int) -> Iterator[bytes]:
    """Yield what comes in chunks in pieces of ``least_bytes`` or more that end behind an ``end``, and then what is left, or nothing."""
    kept = bytearray()
    searched = 0
    for chunk in chunks:
        kept += chunk
        if len(kept) < least_bytes:
            continue
        at = kept.rfind(end, searched)
        if at < 0:
            searched = max(0, len(kept) - len(end))
            continue
        cut = at + len(end)
        piece = bytes(memoryview(kept)[:cut])
        kept = kept[cut:]
        searched = 0
        yield piece
    yield bytes(kept)


def is_plain(piece: bytes) -> bool:
    """Return whether every ``<`` begins a tag: there are no comments, no sections of text, and a declaration only at the beginning."""
    return b"<!" not in piece and piece.count(b"<?") <= piece.startswith((b"<?", b"\xef\xbb\xbf<?"))


def check_repeated(repeated_bytes: int) -> None:
    """IrregularError where more would go along with each piece than is worth its while."""
    if repeated_bytes > _MOST_REPEATED * PIECE_BYTES:
        raise IrregularError


def without_prefix(prefix: bytes, piece: bytes) -> bytes:
    """Return XML whose tags do not bear ``prefix``, a colon at its end."""
    return piece if not prefix else piece.replace(b"<" + prefix, b"<").replace(b"</" + prefix, b"</")
