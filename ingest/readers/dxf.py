"""DXF drawings: the entities of each layer by what they draw — areas, lines, points, texts — with codes, attributes and texts as columns.

A layer ``JMD`` of a drawing gives the layers ``JMD:面``, ``JMD:线``, ``JMD:点`` and ``JMD:注记``; asked for as ``JMD`` it gives what the
FeatureType is made of. Entities whose CASS code is known for sure stand in a layer named by their FeatureType instead.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.cass import code_of, meaning_of
from ingest.readers.curves import TOLERANCE_M
from ingest.readers.dxf_columns import attribute_tags, column_names, columns_of, extended_of, text_decoder
from ingest.readers.dxf_geometry import Kind, drawn, kind_of
from ingest.readers.dxf_tags import DxfFile, RawEntity, texts_of
from ingest.readers.encodings import Encoding
from ingest.readers.layers import choose_layer
from ingest.readers.source import Fault, Geometries, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text, TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType, GeometryType

_SUFFIXES: Mapping[Kind, str] = {"area": "面", "line": "线", "point": "点", "text": "注记"}
_SHAPES: Mapping[Kind, str] = {"area": "Polygon", "line": "LineString", "point": "Point", "text": "Point"}
_KINDS: Mapping[GeometryType, tuple[Kind, ...]] = {"MultiPolygon": ("area",), "LineString": ("line", "area"), "Point": ("point",)}
"""Of which entities a FeatureType can be: a closed line is a line, too."""
_TEXTS_KEPT = 4000
_UNITS_M: Mapping[str, tuple[float, float]] = {"4": (0.001, 1e8), "5": (0.01, 1e8)}
"""$INSUNITS millimetre, centimetre → metres, and from which coordinate on that is believed: templates of metre drawings say millimetre."""
_MAX_KEYS = 10_000
_STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class _Key:
    """Where an entity belongs: its layer in the drawing, what it draws, its CASS code."""

    layer: str
    kind: Kind
    code: str | None


_RawKey = tuple[bytes, Kind | None, str | None]
"""The same as the file has it; no kind for what is not read."""


class Dxf:
    """The model space of a drawing."""

    format = "DXF"

    def __init__(self, content: Path | bytes, limits: Limits, codec: str | None = None) -> None:
        """Look through it, its texts in ``codec`` where that is declared.

        RejectedError ``dxf-…`` when it is broken or too large, ``no-features`` when it holds nothing that is read.
        """
        self._file, self._limits = DxfFile(content), limits
        texts: list[bytes] = []
        kinds: Counter[str] = Counter()
        counts: Counter[_RawKey] = Counter()
        tags: dict[_RawKey, dict[bytes, None]] = {}
        largest, number = 0.0, 0
        for number, entity in enumerate(self._file.entities(), 1):
            if len(texts) < _TEXTS_KEPT:
                texts += texts_of(entity)
            key = _raw_key(entity)
            counts[key] += 1
            kinds[entity.kind] += key[1] is None
            if entity.followers:
                tags.setdefault(key, {}).update(dict.fromkeys(attribute_tags(entity)))
            largest = max(largest, _extent(entity))
            _check_limits(number, len(counts), len(tags.get(key, ())), limits)
        self.encoding = self._file.encoding(texts) if codec is None else Encoding(codec, "the surveyor")
        self.decode = text_decoder(self.encoding.codec)
        self._counts: Counter[_Key] = Counter()
        self._tags: dict[_Key, list[str]] = {}
        for raw, count in counts.items():
            if raw[1] is not None:
                self._counts[self._key(*raw)] += count
                self._tags.setdefault(self._key(*raw), []).extend(self.decode(tag) for tag in tags.get(raw, ()))
        self._left_out = sum(count for raw, count in counts.items() if raw[1] is None)
        if not self._counts:
            raise _nothing_to_read(kinds)
        self.scale = self._scale(largest)

    def inspect(self) -> FileInfo:
        """Return the layers with how many entities each holds."""
        layers: dict[tuple[str, str], list[_Key]] = {}
        for key in self._counts:
            layers.setdefault((_label(key), _SHAPES[key.kind]), []).append(key)
        infos = [
            LayerInfo(label, shape, self._columns(keys), None, sum(self._counts[k] for k in keys), encoding=self.encoding.codec)
            for (label, shape), keys in layers.items()
        ]
        return FileInfo(self.format, tuple(infos))

    def open(self, part: PartRequest, /) -> DxfLayer:
        """Return the entities that ``part`` asks for by layer, else those whose CASS code speaks of its FeatureType."""
        keys, notes = self._chosen(part)
        title = part.layer or _label(next(iter(keys)))
        rows = sum(self._counts[k] for k in keys)
        notes = (*notes, *self._notes(keys))
        source = SourceLayer(title, self._columns(keys), None, encoding=self.encoding.codec, rows=rows, notes=notes)
        return DxfLayer(self, frozenset(keys), source, self._limits, as_lines=part.feature_type.geometry_type == "LineString")

    def entities(self, keys: frozenset[_Key]) -> Iterator[RawEntity]:
        """Yield the entities that belong to ``keys``, in file order."""
        for entity in self._file.entities():
            layer, kind, code = _raw_key(entity)
            if kind is not None and self._key(layer, kind, code) in keys:
                yield entity

    def _columns(self, keys: Sequence[_Key]) -> tuple[str, ...]:
        tags = dict.fromkeys(tag for key in keys for tag in self._tags[key])
        return column_names(dict.fromkeys(key.kind for key in keys), tuple(tags))

    def _key(self, layer: bytes, kind: Kind | None, code: str | None) -> _Key:
        return _Key(self.decode(layer), kind or "line", code)

    def _chosen(self, part: PartRequest) -> tuple[list[_Key], tuple[Text, ...]]:
        wanted = _KINDS.get(part.feature_type.geometry_type, ())
        if part.layer is None:
            coded = [k for k in self._counts if k.kind in wanted and _speaks_of(k, part.feature_type)]
            if coded:
                return coded, (_by_code(coded),)
            name = choose_layer(part, self._names(wanted))
        else:
            name = part.layer
        labelled = [k for k in self._counts if normalised(_label(k)) == normalised(name)]
        if labelled:
            return labelled, ()
        drawn_there = [k for k in self._counts if normalised(k.layer) == normalised(name) and k.kind in wanted]
        return drawn_there or self._named(choose_layer(part, self._names(wanted))), ()

    def _names(self, wanted: Sequence[Kind]) -> list[str]:
        """Return the layers that hold something of the wanted kinds, else all."""
        fitting = [_label(k) for k in self._counts if k.kind in wanted]
        return list(dict.fromkeys(fitting or [_label(k) for k in self._counts]))

    def _named(self, label: str) -> list[_Key]:
        return [k for k in self._counts if _label(k) == label]

    def _scale(self, largest: float) -> float:
        scale, believed_from = _UNITS_M.get(self._file.header.get("$INSUNITS", ""), (1.0, 0.0))
        return scale if largest >= believed_from else 1.0

    def _notes(self, keys: Sequence[_Key]) -> Iterator[Text]:
        place = self.encoding.declared_in
        zh, en = (f"由 {place} 声明", f"declared by {place}") if place else ("根据内容检测", "told from its bytes")
        yield Text(zh=f"文字编码 {self.encoding.codec}({zh})", en=f"text is {self.encoding.codec} ({en})")
        if self.scale != 1.0:
            yield Text(zh=f"坐标按 $INSUNITS 乘以 {self.scale:g} 换算为米", en=f"coordinates times {self.scale:g} are metres, by $INSUNITS")
        layers = {k.layer for k in keys}
        others = Counter[Kind]()
        for key, count in self._counts.items():
            if key.layer in layers and key not in keys:
                others[key.kind] += count
        if others:
            zh = "、".join(f"{count} 个{_SUFFIXES[kind]}" for kind, count in others.items())
            en = ", ".join(f"{count} {kind}s" for kind, count in others.items())
            yield Text(zh=f"同一图层中的 {zh} 未读入", en=f"not taken of the same layer: {en}")
        if self._left_out:
            zh, en = "图纸空间、填充、标注、三维体等", "paper space, hatches, dimensions, bodies"
            yield Text(zh=f"{self._left_out} 个实体（{zh}）不读取", en=f"{self._left_out} entities ({en}) are not read")


class DxfLayer:
    """The entities of one layer."""

    def __init__(self, file: Dxf, keys: frozenset[_Key], source: SourceLayer, limits: Limits, *, as_lines: bool) -> None:
        self._file, self._keys, self._limits, self._as_lines = file, keys, limits, as_lines
        self.source = source

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the entities in file order, numbered from 1."""
        entities: list[RawEntity] = []
        first = 1
        for entity in self._file.entities(self._keys):
            entities.append(entity)
            if len(entities) == self._limits.rows_per_batch:
                yield self._batch(first, entities)
                first += len(entities)
                entities = []
        if entities:
            yield self._batch(first, entities)

    def _batch(self, first: int, entities: Sequence[RawEntity]) -> SourceBatch:
        shapes: Geometries = np.full(len(entities), None, dtype=object)
        faults: list[Fault] = []
        for index, entity in enumerate(entities):
            try:
                shapes[index] = self._shape(entity)
            except (ValueError, ArithmeticError, IndexError, RecursionError, shapely.errors.GEOSException) as error:
                faults.append(Fault(index, _STRUCTURE, _fault(entity, error)))
        columns: Mapping[str, pa.Array] = columns_of(entities, self.source.columns, self._file.decode)
        return SourceBatch(np.arange(first, first + len(entities), dtype=np.int64), shapes, columns, tuple(faults))

    def _shape(self, entity: RawEntity) -> shapely.Geometry:
        scale = self._file.scale
        shape = drawn(entity, TOLERANCE_M / scale).geometry(as_line=self._as_lines)
        return shape if scale == 1.0 else shapely.transform(shape, lambda c: c * scale, include_z=shape.has_z)


def _raw_key(entity: RawEntity) -> _RawKey:
    """Return layer, kind and CASS code as the file has them; what lies in paper space is of no kind."""
    layer = entity.first(8) or b"0"
    if entity.first(67) not in (None, b"0"):
        return layer, None, None
    try:
        kind = kind_of(entity)
    except ValueError:
        kind = "line"
    return layer, kind, code_of(extended_of(entity))


def _check_limits(entities: int, keys: int, tags: int, limits: Limits) -> None:
    """Refuse a drawing of too many entities, layers or tags of attributes, before more of them are kept."""
    if entities > limits.rows:
        raise rejected("too-many-rows", f"More than {limits.rows} entities.", f"实体数超过 {limits.rows}。")
    if tags > limits.columns:
        raise rejected("too-many-columns", f"{tags} tags of attributes.", f"块属性标记数 {tags} 超过上限。")
    if keys > _MAX_KEYS:
        raise rejected("too-many-layers", f"More than {_MAX_KEYS} layers and codes.", f"图层与编码种类超过 {_MAX_KEYS}。")


def _nothing_to_read(kinds: Counter[str]) -> TwinError:
    """Return the refusal of a drawing that holds ``kinds`` of entities, none of which is read."""
    listed = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common(5)) or "0"
    return rejected(
        "no-features",
        f"The drawing holds no point, line, area or text that is read ({listed}). Draw areas as closed polylines, not as hatches "
        "(GDAL and QGIS write areas as hatches: export GeoPackage there), keep blocks (INSERT) whole, explode bodies into lines or closed "
        "polylines, and draw in model space.",
        f"图中没有可读取的点、线、面或注记（{listed}）。面请绘为闭合多段线，不要只有填充（GDAL、QGIS 导出的 DXF 把面写成填充，"
        "请改为导出 GeoPackage）；图块（INSERT）保持为块，三维体请分解为线或闭合多段线，并放在模型空间。",
    )


def _extent(entity: RawEntity) -> float:
    """Return the largest coordinate of an entity's first point, by absolute value."""
    try:
        values = [abs(float(entity.first(code) or 0)) for code in (10, 20)]
    except ValueError:
        return 0.0
    return max((v for v in values if math.isfinite(v)), default=0.0)


def _label(key: _Key) -> str:
    """Return the layer in which entities are shown: that of a FeatureType where their code is sure, else their own."""
    meaning = meaning_of(key.code) if key.code else None
    if meaning is not None and meaning.confidence == "high":
        feature_type = load_feature_types().get(meaning.feature_type)
        if feature_type is not None and key.kind in _KINDS.get(feature_type.geometry_type, ()):
            return feature_type.title.zh
    return f"{key.layer}:{_SUFFIXES[key.kind]}"


def _speaks_of(key: _Key, feature_type: FeatureType) -> bool:
    meaning = meaning_of(key.code) if key.code else None
    return meaning is not None and meaning.feature_type == feature_type.name


def _by_code(keys: Sequence[_Key]) -> Text:
    codes = {k.code: meaning_of(k.code) for k in keys if k.code}
    unsure = any(m is not None and m.confidence == "low" for m in codes.values())
    listed = ", ".join(sorted(codes))
    zh, en = ("（其中有编码含义未经核实，请核对）", " (the meaning of some is not verified: check)") if unsure else ("", "")
    return Text(zh=f"按 CASS 编码 {listed} 选取{zh}", en=f"chosen by the CASS codes {listed}{en}")


def _fault(entity: RawEntity, error: Exception) -> Text:
    reason = f"{entity.kind}: {error}"[:200]
    return Text(zh=f"实体无法读取：{reason}", en=f"the entity cannot be read: {reason}")
