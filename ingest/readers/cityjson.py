"""CityJSON 1.0, 1.1, 2.0 and CityJSONSeq: every city object of the wanted types is one feature, with the objects that belong to it.

A sequence is read line by line, so its size does not matter; a document has one array of vertices for all, so it is parsed whole.
"""

from __future__ import annotations

import itertools
import mmap
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.cityjson_faces import Shape, faces_by_lod, shapes_of
from ingest.readers.cityjson_footprints import reference_geometry
from ingest.readers.cityjson_frame import Frame, Json, invalid, parsed, positions_of, read_frame, with_integers
from ingest.readers.cityjson_objects import INTERIOR, CityFeature, Scope, document_of, features_in, scope_of
from ingest.readers.json_columns import columns_of, flattened, json_column
from ingest.readers.source import Fault, Representation, SourceBatch, SourceLayer
from ingest.refusals import layer_missing, rejected
from twin.errors import Text, TwinError
from twin.model import GeometryType

_TYPE = re.compile(rb'"type"\s*:\s*"(FeatureCollection|Feature|CityJSON|CityJSONFeature)"')
_OBJECTS = re.compile(rb'"CityObjects"\s*:\s*\{')
_MAX_DOCUMENT_BYTES = 256 << 20
"""A larger document does not fit a reader's memory when parsed."""
_MAX_LINE_BYTES = 64 << 20
_LINES_LOOKED_AT = 1000
_BATCH_FEATURES = 1000
_BATCH_CORNERS = 400_000

ID, TYPE, PARENT, PARTS = "cityjson_id", "cityjson_type", "cityjson_parent", "cityjson_parts"
"""Columns beside the attributes: id, type and parent of the object; id, type and attributes of what belongs to it, as JSON."""


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
        found: dict[str, int] = {}
        columns: dict[str, dict[str, None]] = {}
        kinds: dict[str, set[str]] = {}
        for scope in itertools.islice(self._scopes(), _LINES_LOOKED_AT):
            for city_object in scope.objects.values() if isinstance(scope, Scope) else ():
                kind = str(city_object.get("type"))
                if not city_object.get("parents"):
                    found[kind] = found.get(kind, 0) + 1
                    columns.setdefault(kind, {}).update(dict.fromkeys(_attributes(city_object)))
                    kinds.setdefault(kind, set()).update(_geometry_types(city_object))
        counted = self._document is not None
        layers = (
            LayerInfo(k, "/".join(sorted(kinds[k])) or None, tuple(columns[k]), self._frame.crs, n if counted else None)
            for k, n in found.items()
        )
        return FileInfo(self.format, tuple(layers))

    def open(self, part: PartRequest, /) -> CityJsonLayer:
        """Return the objects that ``part`` asks for: those of the layer's type, else of its FeatureType's; RejectedError if unclear."""
        types = self._types(part)
        sample = list(itertools.islice(self._features(types), _LINES_LOOKED_AT))
        columns = tuple(dict.fromkeys(itertools.chain(*(_properties(f) for f in sample if isinstance(f, CityFeature)))))
        if len(columns) > self._limits.columns:
            raise rejected("too-many-columns", f"{len(columns)} columns.", f"列数 {len(columns)} 超过上限。")
        rows = sum(1 for _ in self._features(types)) if self._document is not None else None
        source = SourceLayer(
            "、".join(sorted(types)), columns, self._frame.crs, encoding="UTF-8", rows=rows, document_header=self._frame.header.decode()
        )
        return CityJsonLayer(self._features(types), self._frame, source, self._limits, part.feature_type.geometry_type)

    def _types(self, part: PartRequest) -> frozenset[str]:
        wanted = part.layer
        if wanted is None and part.feature_type.cityjson_types:
            return frozenset(part.feature_type.cityjson_types)
        there = [layer.name for layer in self.inspect().layers]
        if wanted is None and len(there) == 1:
            return frozenset(there)
        named = [t for t in dict.fromkeys((*there, *self._all_types())) if wanted is not None and normalised(t) == normalised(wanted)]
        if not named:
            raise layer_missing(wanted or part.feature_type.title.zh, tuple(there))
        return frozenset(named)

    def _all_types(self) -> set[str]:
        scopes = itertools.islice(self._scopes(), _LINES_LOOKED_AT)
        return {str(o.get("type")) for s in scopes if isinstance(s, Scope) for o in s.objects.values()}

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


@dataclass
class CityJsonLayer:
    """The objects of one part, on their way out."""

    features: Iterator[CityFeature | Fault]
    frame: Frame
    source: SourceLayer
    limits: Limits
    kind: GeometryType

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the features in source order, as many at a time as their vertices allow."""
        first = 1
        waiting: list[_Row] = []
        corners = 0
        for feature in self.features:
            row = self._row(feature)
            waiting.append(row)
            corners += sum(len(r.faces.indices) for r in row.representations)
            if len(waiting) >= min(_BATCH_FEATURES, self.limits.rows_per_batch) or corners >= _BATCH_CORNERS:
                yield _batch(waiting, first)
                first, waiting, corners = first + len(waiting), [], 0
        if waiting:
            yield _batch(waiting, first)

    def _row(self, feature: CityFeature | Fault) -> _Row:
        if isinstance(feature, Fault):
            return _Row({}, None, (), None, feature)
        try:
            return self._read(feature)
        except (TypeError, ValueError, LookupError, OverflowError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            text = Text(
                zh=f"{feature.id[:100]}:几何不合 CityJSON 规范({reason})", en=f"{feature.id[:100]}: not as CityJSON has it ({reason})"
            )
            return _Row(_properties(feature), None, (), None, Fault(0, "structure", text))

    def _read(self, feature: CityFeature) -> _Row:
        vertices = feature.scope.placed
        members = [(i, o) for i, (_, o) in enumerate(feature.members) if i == 0 or o.get("type") not in INTERIOR]
        geometries = [(i, g) for i, o in members for g in o.get("geometry") or ()]
        shapes: list[tuple[int, Shape]] = [(i, s) for i, g in geometries for s in shapes_of(g, vertices, self.frame)]
        builders = faces_by_lod(shapes)
        levels = {lod: made for lod, builder in builders.items() if (made := builder.faces()) is not None}
        representations = tuple(
            Representation(0, lod, levels[lod], orjson.dumps(said).decode() if (said := list(builders[lod].said.values())) else None)
            for lod in sorted(levels)
        )
        geometry = reference_geometry(self.kind, levels, [g for _, g in geometries], vertices.positions)
        return _Row(_properties(feature), geometry, representations, document_of(feature), None)


@dataclass(frozen=True, slots=True)
class _Row:
    properties: Mapping[str, object]
    geometry: object
    representations: tuple[Representation, ...]
    document: bytes | None
    fault: Fault | None


def _batch(rows: list[_Row], first: int) -> SourceBatch:
    geometry = np.full(len(rows), None, dtype=object)
    geometry[:] = [r.geometry for r in rows]
    columns = columns_of([r.properties for r in rows])
    if PARTS in columns:
        columns[PARTS] = json_column(columns[PARTS].to_pylist())
    return SourceBatch(
        rows=np.arange(first, first + len(rows), dtype=np.int64),
        geometry=geometry,
        columns=columns,
        faults=tuple(Fault(i, r.fault.rule, r.fault.message) for i, r in enumerate(rows) if r.fault is not None),
        representations=tuple(
            Representation(i, p.lod, p.faces, p.surface_attributes) for i, row in enumerate(rows) for p in row.representations
        ),
        documents=tuple(r.document for r in rows),
    )


def _geometry_types(city_object: Json) -> set[str]:
    geometries = city_object.get("geometry")
    return {str(g.get("type")) for g in geometries if isinstance(g, dict)} if isinstance(geometries, list) else set()


def _attributes(city_object: Json) -> Mapping[str, object]:
    attributes = city_object.get("attributes")
    return flattened(attributes) if isinstance(attributes, dict) else {}


def _properties(feature: CityFeature) -> dict[str, object]:
    """Return the attributes of a feature's object, and what identifies it and its parts."""
    found: dict[str, object] = {**_attributes(feature.object), ID: feature.id, TYPE: feature.object.get("type")}
    parents = feature.object.get("parents")
    if isinstance(parents, list) and parents:
        found[PARENT] = parents[0]
    parts = [{"id": name, "type": o.get("type"), "attributes": o.get("attributes") or {}} for name, o in feature.members[1:]]
    if parts:
        found[PARTS] = orjson.dumps(parts).decode()
    return found


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
