"""CityJSON 1.0, 1.1, 2.0 and CityJSONSeq: every city object of the wanted types is one feature, with the objects that belong to it.

A sequence is read line by line, so its size does not matter; a document has one array of vertices for all, so it is parsed whole here,
and where `cityjson_document` reads it, made lines.
"""

from __future__ import annotations

import itertools
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence

import orjson

from ingest.freed_memory import give_back_freed_memory
from ingest.protocol import FileInfo, Limits, PartRequest
from ingest.readers.city_objects import LOOKED_AT, CityObjectLayer, columns_in, layers_in, wanted_types
from ingest.readers.cityjson_frame import Frame, Json, invalid, parsed, read_frame, too_large, with_integers
from ingest.readers.cityjson_objects import CityFeature, Scope, features_in, line_scope, scope_of
from ingest.readers.cityjson_textures import images_of
from ingest.readers.line_blocks import TextLines
from ingest.readers.mapped_text import MappedText, ReadThrough
from ingest.readers.pictures import PictureFiles, Pictures, not_beside
from ingest.readers.source import Fault, OpenLayer, SourceLayer
from twin.errors import Text
from twin.model import GeometryType

_TYPE = re.compile(rb'"type"\s*:\s*"(FeatureCollection|Feature|CityJSON|CityJSONFeature)"')
_OBJECTS = re.compile(rb'"CityObjects"\s*:\s*\{')
_MAX_PARSED_BYTES = 256 << 20
"""A larger document does not fit a reader's memory when parsed."""
_SEARCHED_BYTES = 8 << 20
"""At a time."""


def is_cityjson(text: MappedText) -> bool:
    """Tell a CityJSON document or sequence from other JSON, by its content."""
    if (match := _TYPE.search(bytes(text[:4096]))) is not None:
        return match[1].startswith(b"CityJSON")
    return _OBJECTS.search(text) is not None


class CityJson:
    """One document, or a sequence of features behind its first line."""

    format = "CityJSON"

    def __init__(self, content: MappedText, limits: Limits, files: PictureFiles | None = None, folder: str = "") -> None:
        """Open a text that lies in ``folder`` of ``files``, its pictures there; None: it has none at hand."""
        self.limits = limits
        self._files, self._folder = files, folder
        self._text = content
        self._start = len(BOM_UTF8) if content[: len(BOM_UTF8)] == BOM_UTF8 else 0
        self._document: Scope | None = None
        self._sketches: Sequence[Scope | Fault] = ()
        head, self._body = _head(self._text, self._start)
        if head is not None and _is_whole(head):
            self.format = "CityJSONSeq"
            self.frame = read_frame(parsed(head))
        else:
            del head
            self.frame = self._read_document()

    def inspect(self) -> FileInfo:
        """Return one layer for each type of object that is not a child of another."""
        return FileInfo(self.format, layers_in(self._looked_at(), self.frame.crs, counted=self._document is not None))

    def open(self, part: PartRequest, /) -> OpenLayer:
        """Return the objects that ``part`` asks for: those of the layer's type, else of its FeatureType's; RejectedError if unclear."""
        types = wanted_types(part, *self._types())
        columns = columns_in(self._first_features(types), self.limits)
        pictures, notes = self._pictures(part)
        source = SourceLayer(
            "、".join(sorted(types)),
            columns,
            self.frame.crs,
            encoding="UTF-8",
            rows=self._count(types),
            notes=notes,
            document_header=self.frame.header.decode(),
        )
        return self._opened(types, source, part.feature_type.geometry_type, pictures)

    def _types(self) -> tuple[Sequence[str], Iterable[str]]:
        """Return the types of objects that are not children of others, and all types there are."""
        looked_at = self._looked_at()
        return [layer.name for layer in layers_in(looked_at, None, counted=False)], _types_of(looked_at)

    def _first_features(self, types: frozenset[str]) -> Iterator[CityFeature | Fault]:
        """Yield as many features as are looked at for their columns, or more."""
        return features_of(self._looked_at(), types)

    def _count(self, types: frozenset[str]) -> int | None:
        """Return how many features there are, None where that is not known."""
        return None if self._document is None else sum(1 for _ in features_of([self._document], types))

    def _appearances(self) -> Sequence[Json | None]:
        """Return the appearances in which pictures are named."""
        return [self.frame.template_appearance, *(s.appearance for s in self._looked_at() if isinstance(s, Scope))]

    def _opened(self, types: frozenset[str], source: SourceLayer, kind: GeometryType, pictures: Pictures | None) -> OpenLayer:
        if self._document is not None:
            return CityObjectLayer(features_of([self._document], types), self.frame, source, self.limits, kind, pictures)
        lines = self._lines_once_asked()
        if pictures is not None:
            scopes = (line_scope(line, self.frame) for line in lines)
            return CityObjectLayer(features_of(scopes, types), self.frame, source, self.limits, kind, pictures)
        return self.layer(lines, types, source, kind)

    def _shows_pictures(self) -> bool:
        """Tell whether a face could show a picture."""
        return all(_holds(self._text, word) for word in (b'"vertices-texture"', b'"image"'))

    def _pictures(self, part: PartRequest) -> tuple[Pictures | None, tuple[Text, ...]]:
        """Return the pictures for what is drawn, and a note where faces show some and none of these is at hand."""
        if part.feature_type.recipe == "none" or not self._shows_pictures():
            return None, ()
        images = [("", uri) for content in self._appearances() if content is not None for uri in images_of(content)]
        pictures = None if self._files is None else Pictures(self._files, self._folder)
        if pictures is not None and (not images or pictures.has_any(images)):
            return pictures, ()
        return None, (not_beside(len(images)),) if images else ()

    def sketched(self, lines: Sequence[bytes]) -> Sequence[Scope | Fault]:
        """Return the objects of some lines, for a look at their types and attributes."""
        return [line_scope(line, self.frame) for line in lines]

    def layer(self, lines: Iterable[bytes], types: frozenset[str], source: SourceLayer, kind: GeometryType) -> OpenLayer:
        """Return the layer of the objects of ``types`` in the ``lines`` of a sequence."""
        features = features_of((line_scope(line, self.frame) for line in lines), types)
        return CityObjectLayer(features, self.frame, source, self.limits, kind)

    def _looked_at(self) -> Sequence[Scope | Fault]:
        """Return the document, or the first lines of a sequence, without what places their objects."""
        if self._document is not None:
            return [self._document]
        if not self._sketches:
            self._sketches = self.sketched(list(itertools.islice(TextLines(self._text, self._body), LOOKED_AT)))
        return self._sketches

    def _lines_once_asked(self) -> TextLines:
        """Return the features' lines, without what was looked at once they are asked for."""
        return TextLines(self._text, self._body, self._forget)

    def _forget(self) -> None:
        """Keep the first thousand lines as they were looked at no longer."""
        self._sketches = ()
        give_back_freed_memory()

    def _read_document(self) -> Frame:
        """Have the document at hand, and return what is around its objects."""
        if len(self._text) > _MAX_PARSED_BYTES:
            raise too_large(len(self._text))
        try:
            content = parsed(memoryview(self._text)[self._start :])
        except MemoryError as error:
            raise too_large(len(self._text)) from error
        ReadThrough(self._text).passed(len(self._text))
        if content.get("type") == "CityJSONFeature":
            raise invalid(
                "a CityJSONFeature stands alone; put the line with the CityJSON object, its transform and reference system before it",
                "只有 CityJSONFeature；请在其前补上首行 CityJSON 对象（含 transform 和坐标系）",
            )
        read_frame(content)  # what is wrong with the frame is said before anything about vertices
        content, vertices = with_integers(content)
        frame = read_frame(content)
        self._document = scope_of(content, vertices, frame.placed(vertices))
        return frame


def _types_of(scopes: Iterable[Scope | Fault]) -> Iterator[str]:
    return (str(o.get("type")) for s in scopes if isinstance(s, Scope) for o in s.objects.values())


def features_of(scopes: Iterable[Scope | Fault], types: frozenset[str]) -> Iterator[CityFeature | Fault]:
    """Yield the features of ``types`` in scopes, and the faults among those."""
    for scope in scopes:
        if isinstance(scope, Fault):
            yield scope
        else:
            yield from features_in(scope, types)


def _holds(text: MappedText, word: bytes) -> bool:
    """Tell whether ``word`` stands anywhere in a text; of a mapped file many times faster than its own search."""
    through = ReadThrough(text)
    for at in range(0, len(text), _SEARCHED_BYTES):
        if text[at : at + _SEARCHED_BYTES + len(word)].find(word) >= 0:
            return True
        through.passed(at)
    return False


def _head(text: MappedText, start: int) -> tuple[bytes | None, int]:
    """Return the first line that is not blank and where the next begins; None where there is no other, as it may be the whole document."""
    through, begin = ReadThrough(text), -1
    for at in range(start, len(text), _SEARCHED_BYTES):
        piece = text[at : at + _SEARCHED_BYTES]
        through.passed(at)
        if begin < 0 and (blank := len(piece) - len(piece.lstrip())) < len(piece):
            begin = at + blank
        end = piece.find(b"\n", max(begin - at, 0)) if begin >= 0 else -1
        if end >= 0:
            body = at + end + 1
            return (None if _is_blank(text, body) else text[begin:body].strip()), body
    return None, len(text)


def _is_blank(text: MappedText, begin: int) -> bool:
    """Tell whether nothing but white space is left of a text."""
    return not any(text[at : at + _SEARCHED_BYTES].strip() for at in range(begin, len(text), _SEARCHED_BYTES))


def _is_whole(line: bytes) -> bool:
    """Tell whether a line is an object of its own, as the first line of a sequence is."""
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
