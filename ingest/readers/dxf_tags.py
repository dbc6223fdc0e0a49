"""DXF as tags (Autodesk DXF Reference, "General DXF File Structure"): pairs of lines, group code and value; entities are runs of them.

Split here and not by ezdxf, so that every entity is accounted for, a broken one is a fault of its own row, and text can be
decoded by what its bytes are rather than by what the header says.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingest.readers.encodings import Encoding, codec_of, declared_or_detected
from ingest.refusals import rejected
from twin.errors import TwinError

Tags = Sequence[tuple[int, bytes]]

_BEGINNING = re.compile(rb"\s*(?:999[ \t]*\r?\n[^\n]*\n\s*)*0[ \t]*\r?\n\s*SECTION\b")
_DWG = re.compile(rb"AC(?:10\d\d|1\.\d|2\.\d+)\0")
_BINARY = b"AutoCAD Binary DXF"
_FOLLOWED = {b"POLYLINE": b"VERTEX", b"INSERT": b"ATTRIB"}
_UNICODE_SINCE = "AC1021"
_END = (0, b"ENDSEC")
_CODES_KEPT = 5000
_HEADER_TEXTS = ("$ACADVER", "$DWGCODEPAGE", "$INSUNITS")
_TEXT_CODES = frozenset({1, 2, 3, 8, 1000})
_TEXTS_KEPT = 4000


def is_dxf(head: bytes) -> bool:
    """Return whether a file begins as a DXF of either form does."""
    return head.startswith(_BINARY) or _BEGINNING.match(head) is not None


def is_dwg(head: bytes) -> bool:
    """Return whether a file begins with the version mark of a DWG."""
    return _DWG.match(head) is not None


@dataclass(frozen=True, slots=True)
class RawEntity:
    """One entity of model space as it stands in the file; for a POLYLINE or INSERT with the vertices or attributes behind it."""

    kind: str
    tags: Tags
    followers: Sequence[Tags] = ()

    def first(self, code: int) -> bytes | None:
        """Return the first value of a group code."""
        return first_of(self.tags, code)


def first_of(tags: Tags, code: int) -> bytes | None:
    """Return the first value of a group code."""
    return next((value for c, value in tags if c == code), None)


class DxfFile:
    """An ASCII DXF; it is read from its beginning each time its entities are asked for."""

    def __init__(self, content: Path | bytes) -> None:
        """Read the header; RejectedError ``dxf-binary`` or ``dxf-broken``."""
        self._content = content
        with self._stream() as stream:
            if stream.read(len(_BINARY)) == _BINARY:
                raise rejected("dxf-binary", "A binary DXF is not read: save it as ASCII DXF.", "不支持二进制 DXF，请另存为 ASCII DXF。")
        with self._stream() as stream:
            self.header = _header(next(_sections(stream, b"HEADER"), iter(())))

    def entities(self) -> Iterator[RawEntity]:
        """Yield the entities of every section ENTITIES in file order; RejectedError ``dxf-broken`` when one has no end."""
        entity: RawEntity | None = None
        followers: list[Tags] = []
        for kind, tags in self._runs():
            if entity is not None and kind == _FOLLOWED.get(entity.kind.encode()):
                followers.append(tags)
                continue
            if kind == b"SEQEND":
                continue
            if entity is not None:
                yield RawEntity(entity.kind, entity.tags, tuple(followers))
            entity, followers = RawEntity(kind.decode("ascii", "replace"), tags), []
        if entity is not None:
            yield RawEntity(entity.kind, entity.tags, tuple(followers))

    def encoding(self, texts: Sequence[bytes]) -> Encoding:
        """Return the encoding of text: UTF-8 since release 2007, before it what $DWGCODEPAGE says where ``texts`` fit it."""
        if self.header.get("$ACADVER", "AC1009") >= _UNICODE_SINCE:
            return declared_or_detected("utf-8", "$ACADVER", texts)
        page = self.header.get("$DWGCODEPAGE", "")
        codec = None if page.upper() in ("", "ANSI_1252") else codec_of(page.replace("_", " "))
        return declared_or_detected(codec, "$DWGCODEPAGE", texts)

    def _runs(self) -> Iterator[tuple[bytes, Tags]]:
        with self._stream() as stream:
            for section in _sections(stream, b"ENTITIES"):
                kind, tags = b"", list[tuple[int, bytes]]()
                for tag in section:
                    if tag[0]:
                        tags.append(tag)
                        continue
                    if kind:
                        yield kind, tags
                    kind, tags = tag[1], []
                if kind:
                    yield kind, tags

    def _stream(self) -> BinaryIO:
        return io.BytesIO(self._content) if isinstance(self._content, bytes) else self._content.open("rb")


def texts_of(entity: RawEntity) -> Iterator[bytes]:
    """Yield the texts of an entity that are not ASCII."""
    for tags in (entity.tags, *entity.followers):
        yield from (value for code, value in tags if code in _TEXT_CODES and not value.isascii())


def _sections(stream: BinaryIO, name: bytes) -> Iterator[Iterator[tuple[int, bytes]]]:
    """Yield the tags of each section of this name, its ENDSEC excepted, to be read before the next is asked for.

    RejectedError ``dxf-broken`` where a group code is none before or in one of them, or when one has no end. The format knows one of
    a name; programs that put drawings together write several.
    """
    opened = False
    for code, value in _tags(stream):
        if opened and code == 2 and value == name:
            break
        opened = code == 0 and value == b"SECTION"
    else:
        return
    yield _inside(stream, name)
    while _is_opened_again(stream, name):
        yield _inside(stream, name)


def _inside(stream: BinaryIO, name: bytes) -> Iterator[tuple[int, bytes]]:
    for tag in _tags(stream):
        if tag == _END:
            return
        yield tag
    raise _broken(f"section {name.decode()} has no end: the file is cut off")


def _is_opened_again(stream: BinaryIO, name: bytes) -> bool:
    """Go past the next opening of a section, by lines: what is broken in parts that nobody reads does no harm."""
    opening = (b"0", b"SECTION", b"2", name)
    met = 0
    for line in stream:
        value = line.strip()
        if met == 1 and value == b"EOF":
            return False
        met = met + 1 if value == opening[met] else int(value == opening[0])
        if met == len(opening):
            return True
    return False


def _tags(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    codes: dict[bytes, int] = {}
    for line, raw in zip(stream, stream, strict=False):
        code = codes.get(line)
        if code is None:
            code = _code(line)
            if len(codes) < _CODES_KEPT:
                codes[line] = code
        value = raw.strip()
        if code == 0 and value == b"EOF":
            return  # what comes after it is nobody's
        yield code, value


def _code(line: bytes) -> int:
    try:
        return int(line)
    except ValueError as error:
        raise _broken(f"{line[:40]!r} is no group code") from error


def _header(tags: Iterator[tuple[int, bytes]]) -> dict[str, str]:
    """Return the header variables that are looked at."""
    found: dict[str, str] = {}
    name = ""
    for code, value in tags:
        if code == 9:
            name = value.decode("ascii", "replace").strip()
        elif name in _HEADER_TEXTS:
            found.setdefault(name, value.decode("ascii", "replace").strip())
    return found


def _broken(reason: str) -> TwinError:
    return rejected("dxf-broken", f"The DXF cannot be read: {reason}.", f"DXF 无法读取：{reason}。")
