"""City objects → rows: what the readers of CityJSON and CityGML share once they have objects in the form of CityJSON."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import orjson
import pyarrow as pa

from ingest.names import normalised
from ingest.protocol import LayerInfo, Limits, PartRequest
from ingest.readers.cityjson_faces import FacesBuilder, Shape, faces_by_lod, shapes_of
from ingest.readers.cityjson_faults import geometry_fault
from ingest.readers.cityjson_footprints import reference_geometry
from ingest.readers.cityjson_frame import Frame, Json
from ingest.readers.cityjson_objects import INTERIOR, CityFeature, Scope, document_of
from ingest.readers.cityjson_textures import Appearance
from ingest.readers.collector import without_collector
from ingest.readers.json_columns import DEEPEST, columns_of, flattened, is_too_deep, json_column
from ingest.readers.layers import layer_unclear
from ingest.readers.pictures import WAITING_BYTES, Picture, Pictures
from ingest.readers.source import Fault, Remark, Representation, SourceBatch, SourceLayer
from ingest.refusals import layer_missing, rejected
from twin.errors import Text
from twin.model import GeometryType

LOOKED_AT = 1000
"""Scopes of a stream that are looked at to tell its layers and columns."""
_BATCH_FEATURES = 250
_BATCH_CORNERS = 100_000

ID, TYPE, PARENT, PARTS = "cityjson_id", "cityjson_type", "cityjson_parent", "cityjson_parts"
"""Columns beside the attributes: id, type and parent of the object; id, type and attributes of what belongs to it, as JSON."""

_NO_APPEARANCE: Json = {}
_ONLY_SURFACES = Text(zh="对象只有面，没有中心线", en="the object has surfaces only, no centre line")
Features = Iterable[CityFeature | Fault]


def layers_in(scopes: Iterable[Scope | Fault], crs: str | None, *, counted: bool) -> tuple[LayerInfo, ...]:
    """Return one layer for each type of object that is not a child of another, as far as the scopes go."""
    found: dict[str, int] = {}
    columns: dict[str, dict[str, None]] = {}
    kinds: dict[str, set[str]] = {}
    for scope in scopes:
        for city_object in scope.objects.values() if isinstance(scope, Scope) else ():
            kind = str(city_object.get("type"))
            if not city_object.get("parents"):
                found[kind] = found.get(kind, 0) + 1
                columns.setdefault(kind, {}).update(dict.fromkeys(_attributes(city_object)))
                kinds.setdefault(kind, set()).update(_geometry_types(city_object))
    return tuple(LayerInfo(k, "/".join(sorted(kinds[k])) or None, tuple(columns[k]), crs, n if counted else None) for k, n in found.items())


def wanted_types(part: PartRequest, layers: Collection[str], every: Iterable[str]) -> frozenset[str]:
    """Return the types of objects that ``part`` means: its layer's, else its FeatureType's, else the only one; RejectedError if unclear.

    ``layers`` are the types of objects that are not children of others, ``every`` all types there are.
    """
    wanted = part.layer
    if wanted is None and part.feature_type.cityjson_types:
        return frozenset(part.feature_type.cityjson_types)
    if wanted is None and len(layers) == 1:
        return frozenset(layers)
    named = next((t for t in itertools.chain(layers, every) if wanted is not None and normalised(t) == normalised(wanted)), None)
    if named is None:
        if wanted is None and layers:
            raise layer_unclear(part.feature_type, tuple(layers))
        raise layer_missing(wanted or part.feature_type.title.zh, tuple(layers))
    return frozenset({named})


def columns_in(features: Features, limits: Limits) -> tuple[str, ...]:
    """Return the columns of the first features; RejectedError ``too-many-columns``."""
    sample = itertools.islice(features, LOOKED_AT)
    columns = tuple(dict.fromkeys(itertools.chain(*(properties_of(f) for f in sample if isinstance(f, CityFeature)))))
    if len(columns) > limits.columns:
        raise rejected("too-many-columns", f"{len(columns)} columns.", f"列数 {len(columns)} 超过上限。")
    return columns


@dataclass
class CityObjectLayer:
    """The objects of one part, on their way out."""

    features: Features
    frame: Frame
    source: SourceLayer
    limits: Limits
    kind: GeometryType
    pictures: Pictures | None = None
    """Those beside the model; None: no face shows any."""
    _appearance: tuple[Json, Appearance] | None = field(default=None, init=False)
    """Of the scope that was looked at last."""

    def batches(self, first: int = 1) -> Iterator[SourceBatch]:
        """Yield the features in source order, the rows numbered from ``first``; as many at a time as their vertices and pictures allow."""
        features = iter(self.features)
        while rows := self._next_rows(features):
            yield self._batch(rows, first)
            first += len(rows)

    def _next_rows(self, features: Iterator[CityFeature | Fault]) -> list[FeatureRow]:
        """Return the rows of a batch; none once there are no more features."""
        rows: list[FeatureRow] = []
        corners = 0
        with without_collector():
            for feature in features:
                row = self.row(feature)
                rows.append(row)
                corners += sum(len(r.faces.indices) for r in row.representations)
                is_full = len(rows) >= min(_BATCH_FEATURES, self.limits.rows_per_batch) or corners >= _BATCH_CORNERS
                if is_full or (self.pictures is not None and self.pictures.waiting_bytes >= WAITING_BYTES):
                    break
        return rows

    def _batch(self, rows: Sequence[FeatureRow], first: int) -> SourceBatch:
        batch = batch_of(rows, first)
        return batch if self.pictures is None else replace(batch, pictures=self.pictures.take())

    def row(self, feature: CityFeature | Fault) -> FeatureRow:
        """Return a feature as a row, with its fault where it is not as CityJSON has it."""
        if isinstance(feature, Fault):
            return FeatureRow({}, None, (), None, feature)
        if has_too_deep_attributes(feature):
            return FeatureRow(properties_of(feature), None, (), None, Fault(0, "structure", _too_deep(feature)))
        try:
            return self._read(feature)
        except (TypeError, ValueError, LookupError, OverflowError, AttributeError, RecursionError):
            return FeatureRow(properties_of(feature), None, (), None, Fault(0, "structure", geometry_fault(feature, self.frame)))

    def _read(self, feature: CityFeature) -> FeatureRow:
        vertices = feature.scope.placed
        geometries = [(i, g) for i, o in drawn_parts(feature) for g in o.get("geometry") or ()]
        appearance = self._appearance_of(feature.scope)
        shapes: list[tuple[int, Shape]] = [(i, s) for i, g in geometries for s in shapes_of(g, vertices, self.frame, appearance)]
        builders = faces_by_lod(shapes)
        pictures = {} if self.pictures is None else _pictures(self.pictures, feature.scope.folder, builders.values())
        levels = {lod: made for lod, builder in builders.items() if (made := builder.faces(pictures)) is not None}
        representations = tuple(Representation(0, lod, levels[lod], _said(builders[lod]), builders[lod].makeup()) for lod in sorted(levels))
        geometry = reference_geometry(self.kind, levels, [g for _, g in geometries], vertices.positions)
        fault = Fault(0, "geometry-type", _ONLY_SURFACES) if geometry is None and levels and self.kind == "LineString" else None
        missing = tuple(uri for uri, picture in pictures.items() if picture is None)
        return FeatureRow(properties_of(feature), geometry, representations, document_of(feature), fault, missing)

    def _appearance_of(self, scope: Scope) -> Appearance | None:
        """Return the textures of a scope; None where faces show none."""
        if self.pictures is None:
            return None
        content = scope.appearance or _NO_APPEARANCE
        if self._appearance is None or self._appearance[0] is not content:
            self._appearance = (content, Appearance.of(content))
        return self._appearance[1]


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature as read; the batch gives it its number."""

    properties: Mapping[str, object]
    geometry: object
    representations: tuple[Representation, ...]
    document: bytes | None
    fault: Fault | None
    missing: tuple[str, ...] = ()
    """Pictures that are not there or cannot be decoded."""


def drawn_parts(feature: CityFeature) -> list[tuple[int, Json]]:
    """Return the objects of a feature that are drawn of it, with the number their faces have as part."""
    return [(i, o) for i, (_, o) in enumerate(feature.members) if i == 0 or o.get("type") not in INTERIOR]


def has_too_deep_attributes(feature: CityFeature) -> bool:
    """Return whether attributes of a feature are nested deeper than they can be written again; `properties_of` is without them."""
    return any(is_too_deep(o.get("attributes")) for _, o in feature.members)


def _pictures(pictures: Pictures, folder: str, builders: Iterable[FacesBuilder]) -> dict[str, Picture | None]:
    return {uri: found for b in builders for uri, found in b.pictures(partial(pictures.find, folder=folder)).items()}


def _missing(uris: Sequence[str]) -> Text:
    named = ", ".join(uri[:100].encode(errors="replace").replace(b"\0", b"?").decode() for uri in uris[:3])  # no text of a database has NUL
    more = len(uris) - 3
    return Text(
        zh=f"纹理图像缺失或无法读取：{named}" + (f" 等 {len(uris)} 个" if more > 0 else ""),
        en=f"pictures are missing or cannot be read: {named}" + (f" and {more} more" if more > 0 else ""),
    )


def _too_deep(feature: CityFeature) -> Text:
    name = feature.id[:100]
    return Text(zh=f"{name}：属性嵌套超过 {DEEPEST} 层", en=f"{name}: attributes are nested more than {DEEPEST} levels deep")


def _said(builder: FacesBuilder) -> str | None:
    said = list(builder.said.values())
    return orjson.dumps(said).decode() if said else None


def batch_of(rows: Sequence[FeatureRow], first: int, columns: Mapping[str, pa.Array] | None = None) -> SourceBatch:
    """Return rows as a batch whose first row has number ``first``, with the ``columns`` of their properties if they are known."""
    geometry = np.full(len(rows), None, dtype=object)
    geometry[:] = [r.geometry for r in rows]
    columns = property_columns([r.properties for r in rows]) if columns is None else columns
    return SourceBatch(
        rows=np.arange(first, first + len(rows), dtype=np.int64),
        geometry=geometry,
        columns=columns,
        faults=tuple(Fault(i, r.fault.rule, r.fault.message) for i, r in enumerate(rows) if r.fault is not None),
        remarks=tuple(Remark(i, "texture", _missing(r.missing)) for i, r in enumerate(rows) if r.missing),
        representations=tuple(replace(p, index=i) for i, row in enumerate(rows) for p in row.representations),
        documents=tuple(r.document for r in rows),
    )


def property_columns(rows: Sequence[Mapping[str, object]]) -> dict[str, pa.Array]:
    """Return the properties of rows as columns; what is said of parts stays JSON."""
    columns = columns_of(rows)
    if PARTS in columns:
        columns[PARTS] = json_column(columns[PARTS])
    return columns


def _geometry_types(city_object: Json) -> set[str]:
    geometries = city_object.get("geometry")
    return {str(g.get("type")) for g in geometries if isinstance(g, dict)} if isinstance(geometries, list) else set()


def _attributes(city_object: Json) -> Mapping[str, object]:
    attributes = city_object.get("attributes")
    return flattened(attributes) if isinstance(attributes, dict) and not is_too_deep(attributes) else {}


def _attributes_of_part(part: Json) -> object:
    attributes = part.get("attributes") or {}
    return {} if is_too_deep(attributes) else attributes


def _address(city_object: Json) -> str:
    """Return the first address of an object as a line: what it says, from the street to the country (CityJSON 2.0 §2.2.1)."""
    addresses = city_object.get("address")
    first = addresses[0] if isinstance(addresses, list) and addresses else None
    return " ".join(str(v) for k, v in first.items() if k != "location" and isinstance(v, str | int)) if isinstance(first, dict) else ""


def properties_of(feature: CityFeature) -> dict[str, object]:
    """Return the attributes of a feature's object, and what identifies it and its parts."""
    found: dict[str, object] = {**_attributes(feature.object), ID: feature.id, TYPE: feature.object.get("type")}
    parents = feature.object.get("parents")
    if isinstance(parents, list) and parents and isinstance(parents[0], str):
        found[PARENT] = parents[0]
    if (address := _address(feature.object)) and "address" not in found:
        found["address"] = address
    parts = [{"id": name, "type": o.get("type"), "attributes": _attributes_of_part(o)} for name, o in feature.members[1:]]
    if parts:
        found[PARTS] = orjson.dumps(parts).decode()
    return found
