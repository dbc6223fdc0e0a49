"""Which relations of an OSM PBF have tags that are looked for, so that those of which no area came can be told.

An extract cuts relations at its edge: GDAL passes over one that lacks a member, or whose lines do not close, without a word. Only the
last blobs are unpacked, where sorted files have relations. What cannot be understood is passed over: GDAL has read the file before.
Layout: OSM wiki, "PBF Format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.readers.mapped_text import mapped

_MOST_BLOB_BYTES = 32 << 20
_AREAS = frozenset({b"multipolygon", b"boundary"})
_VARINT, _BYTES, _FIXED = 0, 2, {1: 8, 5: 4}
type _Field = tuple[int, int | memoryview]


def tagged_relations(source: Path | bytes, tags: Sequence[str]) -> set[int]:
    """Return the numbers of relations that are areas and have one of ``tags`` (``key`` or ``key=value``).

    None of a file that is not sorted.
    """
    wanted = [tuple(part.encode() for part in tag.split("=", 1)) for tag in tags]
    found: set[int] = set()
    try:
        content = memoryview(mapped(source) if isinstance(source, Path) else source)
        for begin, end in reversed(list(_blobs(content))):
            relations = list(_relations(_unpacked(content[begin:end])))
            if not relations:
                break
            found |= {number for number, own in relations if own.get(b"type") in _AREAS and any(_has(own, tag) for tag in wanted)}
    except (ValueError, LookupError, struct.error, zlib.error):
        return set()
    return found


def _has(own: dict[bytes, bytes], tag: tuple[bytes, ...]) -> bool:
    return tag[0] in own if len(tag) == 1 else own.get(tag[0]) == tag[1]


def _blobs(content: memoryview) -> Iterator[tuple[int, int]]:
    """Yield where the blobs of data begin and end."""
    at = 0
    while at + 4 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        header = dict(_fields(content[at + 4 : at + 4 + size]))
        begin = at + 4 + size
        at = begin + _number(header[3])
        if bytes(_part(header[1])) == b"OSMData":
            yield begin, at


def _unpacked(blob: memoryview) -> memoryview:
    fields = dict(_fields(blob))
    if 1 in fields:
        return _part(fields[1])
    unpacked = zlib.decompressobj().decompress(_part(fields[3]), _MOST_BLOB_BYTES) if 3 in fields else b""
    return memoryview(unpacked)


def _relations(block: memoryview) -> Iterator[tuple[int, dict[bytes, bytes]]]:
    """Yield number and tags of each relation of a block."""
    fields = list(_fields(block))
    texts = [bytes(_part(v)) for number, table in fields if number == 1 for _, v in _fields(_part(table))]
    for number, group in fields:
        if number != 2:
            continue
        for kind, relation in _fields(_part(group)):
            if kind != 4:  # a group holds one kind
                break
            own = dict(_fields(_part(relation)))
            keys, values = (_numbers(_part(own[n])) if n in own else [] for n in (2, 3))
            yield _number(own[1]), {texts[k]: texts[v] for k, v in zip(keys, values, strict=True)}


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yield number and value of each field of a message; ValueError or IndexError for what is none."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        size, at = _varint(message, at) if kind == _BYTES else (_FIXED.get(kind, -1), at)
        if size < 0 or at + size > len(message):
            raise ValueError(kind)
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(at)


def _numbers(packed: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(packed):
        value, at = _varint(packed, at)
        found.append(value)
    return found


def _number(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise ValueError(value)  # noqa: TRY004 - a fault of the file
    return value


def _part(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError(value)  # noqa: TRY004 - a fault of the file
    return value
