"""The text of a VCT file (GB/T 17798-2007, version 3.0 of the land surveys): its head, layers, tables of attributes, and its lines.

A file is sections between …Begin and …End; a record in a section of geometry ends with a line "0". Bytes are split before they are
decoded: no second byte of GBK is a separator or a line break.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.readers.encodings import detect
from ingest.readers.mapped_text import MappedText, ReadThrough
from ingest.readers.numbered import Numbered
from ingest.readers.packed_rows import PackedRows
from ingest.refusals import rejected
from twin.errors import TwinError

_SAMPLED_BYTES = 1 << 20
_LARGEST = (1 << 63) - 1
_END_OF_TABLE = b"tableend"
_GEOMETRIES: Mapping[str, str] = {
    "point": "Point",
    "line": "LineString",
    "polygon": "MultiPolygon",
    "点": "Point",
    "线": "LineString",
    "面": "MultiPolygon",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A table of features: the codes of what is in it, and its fields in order."""

    table: str
    title: str
    geometry_type: str
    codes: frozenset[str]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VctText:
    """A file with its parts up to the geometry understood."""

    content: MappedText
    encoding: str
    head: Mapping[str, str]
    """By name in small letters."""
    separator: bytes
    layers: tuple[Layer, ...]

    def section(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a section that hold anything; none when it is not there."""
        return _section(self.content, name.encode())

    def attributes(self, table: str) -> Attributes:
        """Return the values of a table, in the order of its fields.

        A line begins with that number, or with the feature's own identifier when it has no value more than there are fields; what has
        too many values keeps the last ones together, as text that held a separator.
        """
        fields = next(len(layer.fields) for layer in self.layers if layer.table == table)
        numbers = array("q")
        rows = PackedRows.of(self._values(table, fields, numbers))
        return Attributes(Numbered(numbers), rows)

    def _values(self, table: str, fields: int, numbers: array[int]) -> Iterator[Sequence[str]]:
        """Yield the values of each line of a table, and leave the numbers of their features in ``numbers``."""
        inside = False
        wanted = table.casefold()
        for line in self.section("Attribute"):
            if line.lower() == _END_OF_TABLE:
                inside = False
            elif not inside and self.separator not in line:
                inside = self.decoded(line).casefold() == wanted
            elif inside:
                values = [self.decoded(v) for v in line.split(self.separator, fields)]
                numbers.append(whole(values[0]))
                yield values[1:] if len(values) > fields else values

    def decoded(self, value: bytes) -> str:
        """Return text; what is not of the encoding is marked, not lost."""
        return value.decode(self.encoding, "replace").strip()


@dataclass(frozen=True, slots=True)
class Attributes:
    """The values of a table by the number of their feature; of several lines of one number the last counts."""

    _places: Numbered
    _rows: PackedRows

    def of(self, numbers: Sequence[int]) -> list[Sequence[object]]:
        """Return the values of some features, none of those that have no line."""
        places = self._places.last_of(np.array(numbers, np.int64))
        found = self._rows.at(places[places >= 0].tolist())
        return [next(found) if place >= 0 else () for place in places.tolist()]


def open_text(content: MappedText, encoding: str | None = None) -> VctText:
    """Return a file's head, layers and tables; RejectedError ``vct-version`` or ``vct-broken``."""
    codec = encoding or detect(content[:_SAMPLED_BYTES].split(b"\n"))
    head = dict(_head(content, codec))
    version = head.get("version", "")
    if not (version.startswith("3") or "17798-2007" in version):
        raise rejected(
            "vct-version", f"VCT of version {version or '?'} is not read, only 3.0.", f"不支持 VCT {version or '?'} 版，请导出 3.0 版。"
        )
    separator = head.get("separator", ",").encode() or (b"\t" if any(b"\t" in line for line in _section(content, b"FeatureCode")) else b",")
    tables = dict(_tables(content, codec, separator))
    return VctText(content, codec, head, separator, tuple(_layers(content, codec, separator, tables)))


def whole(text: str | bytes) -> int:
    """Return a whole number of the file; RejectedError ``vct-broken`` when it is none."""
    try:
        number = int(text)
    except ValueError as error:
        raise broken(f"{text!r} is no whole number") from error
    if abs(number) > _LARGEST:
        raise broken(f"{text[:60]!r} is too large a number")
    return number


def broken(reason: str) -> TwinError:
    """Return the error of a file that breaks off or says something else than it should."""
    return rejected("vct-broken", f"The VCT file is broken: {reason[:200]}", f"VCT 文件已损坏：{reason[:200]}")


def _section(content: MappedText, name: bytes) -> Iterator[bytes]:
    begin = _find_line(content, name + b"Begin", 0)
    if begin is None:
        return
    at, end, in_comment = begin, (name + b"End").lower(), False
    through = ReadThrough(content)
    while at < len(content):
        after = content.find(b"\n", at)
        after = len(content) if after < 0 else after
        line = content[at:after].strip()
        at = after + 1
        through.passed(at)
        word = line.lower()
        if word == end:
            return
        if word in (b"commentbegin", b"commentend"):
            in_comment = word == b"commentbegin"
        elif line and not in_comment:
            yield line
    raise broken(f"{name.decode()}End is missing")


def _find_line(content: MappedText, word: bytes, start: int) -> int | None:
    """Return where the line after the line ``word`` begins."""
    for spelling in dict.fromkeys((word, word.upper(), word.lower(), word[:1].lower() + word[1:], word.capitalize())):
        at = content.find(spelling, start)
        while at >= 0:
            after = content.find(b"\n", at)
            is_alone = (at == 0 or content[at - 1 : at] in (b"\n", b"\xbf")) and content[at:after].strip() == spelling
            if is_alone and after >= 0:
                return after + 1
            at = content.find(spelling, at + 1)
    return None


def _head(content: MappedText, codec: str) -> Iterator[tuple[str, str]]:
    for line in _section(content, b"Head"):
        name, _, value = line.decode(codec, "replace").partition(":")
        yield name.strip().casefold(), value.strip()


def _tables(content: MappedText, codec: str, separator: bytes) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield name and fields of each table; a line "0" ends one."""
    name: str | None = None
    fields: list[str] = []
    for line in _section(content, b"TableStructure"):
        if line == b"0":
            if name is not None:
                yield name, tuple(fields)
            name, fields = None, []
            continue
        first = line.split(separator, 1)[0].decode(codec, "replace").strip()
        if name is None:
            name = first
        else:
            fields.append(first)
    if name is not None:
        yield name, tuple(fields)


def _layers(content: MappedText, codec: str, separator: bytes, tables: Mapping[str, tuple[str, ...]]) -> Iterator[Layer]:
    """Yield the layers that have geometry; several codes may share a table."""
    codes: dict[tuple[str, str], list[str]] = {}
    titles: dict[tuple[str, str], str] = {}
    spelled = {table.casefold(): table for table in tables}
    for line in _section(content, b"FeatureCode"):
        words = [w.decode(codec, "replace").strip() for w in line.split(separator)]
        geometry_type = _GEOMETRIES.get(words[2].casefold()) if len(words) > 3 else None
        table = next((spelled[w.casefold()] for w in reversed(words[3:]) if w.casefold() in spelled), None)
        if geometry_type is not None and table is not None:
            codes.setdefault((table, geometry_type), []).append(words[0])
            titles.setdefault((table, geometry_type), words[1])
    for (table, geometry_type), held in codes.items():
        yield Layer(table, titles[table, geometry_type], geometry_type, frozenset(held), tables[table])
