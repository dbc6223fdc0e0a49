"""CityJSON 1.0, 1.1, 2.0 and CityJSONSeq: every city object of the wanted types is one feature, with the objects that belong to it.

A sequence is read line by line, so its size does not matter; a document has one array of vertices for all, so it is parsed whole.
"""

from __future__ import annotations

import itertools
import mmap
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from ingest.protocol import FileInfo, Limits, PartRequest
from ingest.readers.city_objects import LOOKED_AT, CityObjectLayer, columns_in, layers_in, wanted_types
from ingest.readers.cityjson_frame import Frame, invalid, parsed, positions_of, read_frame, with_integers
from ingest.readers.cityjson_objects import CityFeature, Scope, features_in, scope_of
from ingest.readers.source import Fault, SourceLayer
from ingest.refusals import rejected
from twin.errors import TwinError

_TYPE = re.compile(rb'"type"\s*:\s*"(FeatureCollection|Feature|CityJSON|CityJSONFeature)"')
_OBJECTS = re.compile(rb'"CityObjects"\s*:\s*\{')
_MAX_DOCUMENT_BYTES = 256 << 20
"""A larger document does not fit a reader's memory when parsed."""
_MAX_LINE_BYTES = 64 << 20


def is_cityjson(text: bytes | mmap.mmap) -> bool:
    """Tell a CityJSON document or sequence from other JSON, by its content."""
    if (match := _TYPE.search(bytes(text[:4096]))) is not None:
        return match[1].startswith(b"CityJSON")
    return _OBJECTS.search(text) is not None


class CityJson:
    """One document, or a sequence of features behind its first line."""

    format = "CityJSON"

    def __init__(self, content: bytes | mmap.mmap, limits: Limits) -> None:
        self._limits = limits
        self._text = _without_mark(content)
        head, self._body = next(_lines(self._text, 0), (b"", len(self._text)))
        self._document: Scope | None = None
        if next(_lines(self._text, self._body), None) is not None and _is_whole(head):
            self.format = "CityJSONSeq"
            self._frame = read_frame(parsed(head))
        else:
            self._frame, self._document = self._parse_document()

    def inspect(self) -> FileInfo:
        """Return one layer for each type of object that is not a child of another."""
        scopes = itertools.islice(self._scopes(), LOOKED_AT)
        return FileInfo(self.format, layers_in(scopes, self._frame.crs, counted=self._document is not None))

    def open(self, part: PartRequest, /) -> CityObjectLayer:
        """Return the objects that ``part`` asks for: those of the layer's type, else of its FeatureType's; RejectedError if unclear."""
        types = wanted_types(part, [layer.name for layer in self.inspect().layers], self._all_types())
        columns = columns_in(self._features(types), self._limits)
        rows = sum(1 for _ in self._features(types)) if self._document is not None else None
        source = SourceLayer(
            "、".join(sorted(types)), columns, self._frame.crs, encoding="UTF-8", rows=rows, document_header=self._frame.header.decode()
        )
        return CityObjectLayer(self._features(types), self._frame, source, self._limits, part.feature_type.geometry_type)

    def _all_types(self) -> Iterator[str]:
        scopes = itertools.islice(self._scopes(), LOOKED_AT)
        return (str(o.get("type")) for s in scopes if isinstance(s, Scope) for o in s.objects.values())

    def _features(self, types: frozenset[str]) -> Iterator[CityFeature | Fault]:
        for scope in self._scopes():
            if isinstance(scope, Fault):
                yield scope
            else:
                yield from features_in(scope, types)

    def _scopes(self) -> Iterator[Scope | Fault]:
        if self._document is not None:
            yield self._document
            return
        for line, _ in _lines(self._text, self._body):
            yield _line_scope(line, self._frame)

    def _parse_document(self) -> tuple[Frame, Scope]:
        if len(self._text) > _MAX_DOCUMENT_BYTES:
            raise rejected(
                "cityjson-too-large",
                f"A CityJSON document of more than {_MAX_DOCUMENT_BYTES >> 20} MB cannot be read whole; make it a CityJSONSeq.",
                f"CityJSON 文档超过 {_MAX_DOCUMENT_BYTES >> 20} MB,无法整体读取;请转换为 CityJSONSeq。",
            )
        content = parsed(bytes(self._text))
        if content.get("type") == "CityJSONFeature":
            raise invalid("a CityJSONFeature stands alone, without its first line", "只有 CityJSONFeature,缺少首行 CityJSON 对象")
        read_frame(content)  # what is wrong with the frame is said before anything about vertices
        content, vertices = with_integers(content)
        frame = read_frame(content)
        return frame, scope_of(content, vertices, frame.placed(vertices))


def _line_scope(line: bytes, frame: Frame) -> Scope | Fault:
    """Return the objects of one line of a sequence, a fault where it is no CityJSONFeature."""
    try:
        content = parsed(line)
        if content.get("type") != "CityJSONFeature":
            raise invalid(f'"type" is {content.get("type")!r}', f"“type”为 {content.get('type')!r}")
        vertices: npt.NDArray[np.int64] = np.rint(positions_of(content.get("vertices"))).astype(np.int64)
        return scope_of(content, vertices, frame.placed(vertices), line)
    except TwinError as error:
        return Fault(0, "structure", error.text)


def mapped(path: Path) -> mmap.mmap | bytes:
    """Return the content of a file without reading it yet."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _without_mark(text: mmap.mmap | bytes) -> mmap.mmap | bytes:
    return text[len(BOM_UTF8) :] if text[: len(BOM_UTF8)] == BOM_UTF8 else text


def _lines(text: mmap.mmap | bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """Yield every line that is not blank, without white space around it, and where the next one begins."""
    while at < len(text):
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        if end - at > _MAX_LINE_BYTES and at > 0:
            raise rejected("cityjson-invalid", "A line is longer than 64 MB.", "有一行超过 64 MB。")
        line = text[at:end].strip()
        at = end + 1
        if line:
            yield line, at


def _is_whole(line: bytes) -> bool:
    """Tell whether a line is an object of its own, as the first line of a sequence is."""
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
