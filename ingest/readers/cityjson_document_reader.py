"""A large CityJSON file: a sequence, or a document read as the lines of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from ingest.protocol import FileInfo
from ingest.readers import cityjson_sequence
from ingest.readers.city_objects import LOOKED_AT, CityObjectLayer, FeatureRow, layers_in
from ingest.readers.cityjson import features_of
from ingest.readers.cityjson_document import StreamedDocument, stream_document
from ingest.readers.cityjson_document_lines import write_features
from ingest.readers.cityjson_frame import Frame, Json, too_large
from ingest.readers.cityjson_objects import CityFeature, Scope, line_scope
from ingest.readers.cityjson_sequence import CityJsonSequence, CitySequenceLayer
from ingest.readers.cityjson_textures import images_of
from ingest.readers.pictures import Pictures
from ingest.readers.source import Fault, OpenLayer, SourceLayer
from twin.model import GeometryType


class LargeCityJson(CityJsonSequence):
    """A file like `CityJson`; of a document that is plain throughout, no more than vertices and an index of its objects is in memory."""

    _streamed: StreamedDocument | None = None

    def inspect(self) -> FileInfo:
        """Return one layer for each type of object that is not a child of another."""
        streamed = self._streamed
        if streamed is None:
            return super().inspect()
        layers = layers_in(streamed.sampled(), self.frame.crs, counted=False)
        return FileInfo(self.format, tuple(replace(layer, rows=streamed.counts[layer.name]) for layer in layers))

    def _read_document(self) -> Frame:
        try:
            self._streamed = stream_document(self._text, self._start)
        except MemoryError as error:
            raise too_large(len(self._text)) from error
        return super()._read_document() if self._streamed is None else self._streamed.frame

    def _types(self) -> tuple[Sequence[str], Iterable[str]]:
        return super()._types() if self._streamed is None else (list(self._streamed.counts), self._streamed.kinds)

    def _first_features(self, types: frozenset[str]) -> Iterator[CityFeature | Fault]:
        streamed = self._streamed
        if streamed is None:
            return super()._first_features(types)
        lines = itertools.islice(streamed.lines(types), LOOKED_AT)
        return features_of((s for some in _runs(lines) for s in self._sketched_run(some, streamed, types)), types)

    def _sketched_run(self, lines: Sequence[bytes], streamed: StreamedDocument, types: frozenset[str]) -> Sequence[Scope | Fault]:
        scope = streamed.scope_of(lines[0], types)
        return self.sketched(lines) if scope is None else [scope]

    def _count(self, types: frozenset[str]) -> int | None:
        return super()._count(types) if self._streamed is None else self._streamed.count(types)

    def _shows_pictures(self) -> bool:
        if self._streamed is None:
            return super()._shows_pictures()
        appearance = self.frame.template_appearance or {}
        return bool(appearance.get("vertices-texture")) and bool(images_of(appearance))

    def _appearances(self) -> Sequence[Json | None]:
        return super()._appearances() if self._streamed is None else [self.frame.template_appearance] * 2

    def _opened(self, types: frozenset[str], source: SourceLayer, kind: GeometryType, pictures: Pictures | None) -> OpenLayer:
        streamed = self._streamed
        if streamed is None:
            return super()._opened(types, source, kind, pictures)
        lines = streamed.lines(types)
        if pictures is None:
            return _DocumentLayer(lines, types, self.frame, source, self.limits, kind, streamed)
        scopes = (streamed.scope_of(line, types) or line_scope(line, self.frame) for line in lines)
        return CityObjectLayer(features_of(scopes, types), self.frame, source, self.limits, kind, pictures)


@dataclass
class _DocumentLayer(CitySequenceLayer):
    """The features of a document, of which some can be had as it has them only."""

    streamed: StreamedDocument

    def _read_alone(self, line: bytes) -> list[FeatureRow]:
        scope = self.streamed.scope_of(line, self.types)
        if scope is None:
            return super()._read_alone(line)
        found = list(features_of([scope], self.types))
        alone = CityObjectLayer(found, self.frame, self.source, self.limits, self.kind)
        return [alone.row(feature) for feature in found]


def _runs(lines: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield lines of features together, and what is none by itself."""
    run: list[bytes] = []
    for line in lines:
        if line.startswith(b"{"):
            run.append(line)
        else:
            yield from [run, [line]] if run else [[line]]
            run = []
    if run:
        yield run


def stands_ready() -> bool:
    """Tell whether the kernels have been loaded or compiled in this process."""
    return cityjson_sequence.stands_ready() and bool(getattr(write_features, "signatures", ()))


def stand_ready() -> None:
    """Load the kernels of sequences and of documents, or compile them into their cache."""
    cityjson_sequence.stand_ready()
    objects = {"1": {"type": "Building", "children": ["2"], "geometry": [{"type": "MultiPoint", "boundaries": [0]}]}, "2": {"type": "Room"}}
    transform = {"scale": [0.001] * 3, "translate": [0, 0, 0]}
    city = {"type": "CityJSON", "version": "2.0", "transform": transform, "CityObjects": objects, "vertices": [[0, 0, 0]]}
    streamed = stream_document(orjson.dumps(city), 0)
    if streamed is None or not list(streamed.lines(frozenset({"Building"}))):
        raise RuntimeError("a plain document is not read by the kernels that are for it")
