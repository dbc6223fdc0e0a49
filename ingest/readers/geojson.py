"""GeoJSON (RFC 7946), also gzipped: features are located by bracket counting and parsed batch by batch.

Not through GDAL: its driver passes over features it does not understand, and every row has to be accounted for.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import orjson

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.collector import without_collector
from ingest.readers.json_columns import DEEPEST, columns_of, flattened, is_too_deep
from ingest.readers.json_geometry import geometries
from ingest.readers.json_spans import Spans, feature_spans
from ingest.readers.mapped_text import ReadThrough, mapped
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text, TwinError
from twin.exact_json import json_value, lenient_json

GEOMETRY_TYPES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"})
_CRS84_NAMES = re.compile(r"crs:?84$", re.IGNORECASE)

Json = Mapping[str, object]


class GeoJson:
    """A FeatureCollection, a Feature or a bare geometry."""

    format = "GeoJSON"

    def __init__(self, name: str, content: Path | bytes, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        text = memoryview(mapped(content) if isinstance(content, Path) else content)
        self._text = text[len(BOM_UTF8) :] if bytes(text[: len(BOM_UTF8)]) == BOM_UTF8 else text  # RFC 8259 §8.1 lets a reader pass over it
        self._spans, self._frame = _located(self._text)

    def inspect(self) -> FileInfo:
        """Return the collection as one layer."""
        source = self._source()
        kinds = {str(g.get("type")) for g in (f.get("geometry") for f in self._sample()) if isinstance(g, dict)}
        shapes = "/".join(sorted(kinds)) or None
        return FileInfo(self.format, (LayerInfo(source.name, shapes, source.columns, source.crs, source.rows, source.assumed, "UTF-8"),))

    def open(self, _part: PartRequest, /) -> GeoJsonLayer:
        """Return the collection; a layer name is not looked at, there is only one."""
        return GeoJsonLayer(self._text, self._spans, self._source(), self._limits)

    @without_collector()
    def _source(self) -> SourceLayer:
        crs, assumed = _declared_crs(self._frame)
        name = self._frame.get("name")
        columns = tuple(dict.fromkeys(key for f in self._sample() for key in properties_of(f)))
        if len(columns) > self._limits.columns:
            raise rejected("too-many-columns", f"{len(columns)} columns.", f"列数 {len(columns)} 超过上限。")
        title = name if isinstance(name, str) else self._name
        return SourceLayer(title, columns, crs, assumed, "UTF-8", len(self._spans.starts))

    def _sample(self) -> list[Json]:
        features, _ = _parsed(self._text, self._spans, 0, min(len(self._spans.starts), self._limits.rows_per_batch))
        return features


class GeoJsonLayer:
    """The features of a collection."""

    def __init__(self, text: memoryview, spans: Spans, source: SourceLayer, limits: Limits) -> None:
        self._text = text
        self._spans = spans
        self._limits = limits
        self.source = source

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the features in their order."""
        size = self._limits.rows_per_batch
        through = ReadThrough(self._text)
        for first in range(0, len(self._spans.starts), size):
            last = min(first + size, len(self._spans.starts))
            batch = self._batch(first, last)
            through.passed(int(self._spans.ends[last - 1]))
            yield batch

    @without_collector()
    def _batch(self, first: int, last: int) -> SourceBatch:
        return batch_of(first + 1, *_parsed(self._text, self._spans, first, last))


def _located(text: memoryview) -> tuple[Spans, Json]:
    """Return where the features are, and the document around them."""
    spans = feature_spans(text)
    if not spans.found:
        return _single(text)
    frame = _object(spans.frame)
    if frame.get("type") != "FeatureCollection":
        raise _invalid(
            f'"type" is {frame.get("type")!r}, not "FeatureCollection"', f"“type”为 {frame.get('type')!r}，应为“FeatureCollection”"
        )
    _check_gaps(text, spans)
    return spans, frame


def _check_gaps(text: memoryview, spans: Spans) -> None:
    """Refuse a collection in which anything but objects, separated by single commas, stands in ``features``."""
    befores = np.append(spans.opening + 1, spans.ends)
    afters = np.append(spans.starts, spans.closing)
    through = ReadThrough(text)
    for number, (begin, end) in enumerate(zip(befores.tolist(), afters.tolist(), strict=True)):
        if bytes(text[begin:end]).strip() != (b"," if 0 < number < len(spans.starts) else b""):
            raise _invalid('"features" holds something that is not a Feature', "“features”中含有不是要素的内容")
        through.passed(end)


def _single(text: memoryview) -> tuple[Spans, Json]:
    """Return a lone Feature or geometry as a collection of one."""
    content = _object(bytes(text))
    kind = content.get("type")
    if kind == "Feature" or kind in GEOMETRY_TYPES:
        return Spans(np.array([0]), np.array([len(text)]), 0, len(text), b"", found=True), {
            k: v for k, v in content.items() if k in ("crs", "name")
        }
    if kind == "FeatureCollection":
        raise _invalid('the member "features" is not an array', "成员“features”缺失或不是数组")
    if kind == "CityJSONExtension":
        raise _invalid(
            "it is the definition of a CityJSON extension, without data: hand in the CityJSON itself",
            "这是 CityJSON 扩展的定义，不含数据；请提交 CityJSON 数据文件",
        )
    if kind is None and "root" in content and "asset" in content:
        raise rejected(
            "missing-member",
            "This tileset.json of 3D Tiles refers to tiles that are not with it: hand in the whole folder as a ZIP.",
            "这是 3D Tiles 的 tileset.json，它引用的瓦片不在其中：请把整个文件夹压缩为 ZIP 提交。",
        )
    if kind is None and "asset" in content and ("meshes" in content or "buffers" in content):
        raise rejected(
            "missing-member",
            "This is glTF as text: put it into one ZIP with its .bin and pictures, or hand in a GLB.",
            "这是文本形式的 glTF：请与其 .bin 和贴图一起压缩为 ZIP，或另存为 GLB 提交。",
        )
    if kind is None:
        raise _invalid('it has no "type"; hand GeoJSON, CityJSON or a table in', "没有“type”成员；请提交 GeoJSON、CityJSON 或表格")
    raise _invalid(f'"type" is {kind!r}', f"“type”为 {kind!r}")


def _object(text: bytes) -> Json:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _invalid(str(error), str(error)) from error
    if not isinstance(value, dict):
        raise _invalid("the document is not an object", "文档不是 JSON 对象")
    return value


def _declared_crs(frame: Json) -> tuple[str, bool]:
    """Return the CRS: that of the legacy member ``crs`` of GeoJSON 2008, else CRS84 as RFC 7946 §4 rules."""
    crs = frame.get("crs")
    if crs is None:
        return "OGC:CRS84", True
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise _invalid('the member "crs" names no reference system', "成员“crs”未给出坐标参考系名称")
    return ("OGC:CRS84" if _CRS84_NAMES.search(name) else name), False


def _parsed(text: memoryview, spans: Spans, first: int, last: int) -> tuple[list[Json], tuple[Fault, ...]]:
    """Return the features ``first``…``last`` as objects in GeoJSON's form, and those that are none as faults."""
    if first == last:
        return [], ()
    try:
        values = json_value(b"[" + bytes(text[int(spans.starts[first]) : int(spans.ends[last - 1])]) + b"]")
    except orjson.JSONDecodeError:
        values = [_lenient(bytes(text[int(spans.starts[i]) : int(spans.ends[i])]), i) for i in range(first, last)]
    if len(values) != last - first:
        raise _invalid(f"the features from {first + 1} to {last} are not well-formed", f"第 {first + 1} 至 {last} 个要素不合 JSON 语法")
    features: list[Json] = []
    faults: list[Fault] = []
    for index, value in enumerate(values):
        problem = structure_fault(value)
        if problem is not None:
            faults.append(Fault(index, "structure", problem))
            features.append({})
        elif value.get("type") in GEOMETRY_TYPES:
            features.append({"geometry": value})
        else:
            features.append(value)
    return features, tuple(faults)


def _lenient(text: bytes, index: int) -> object:
    """Return one feature in which NaN and Infinity may stand: the finite check names them later."""
    try:
        return lenient_json(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"feature {index + 1}: {error}", f"第 {index + 1} 个要素：{error}") from error


def structure_fault(value: object) -> Text | None:
    """Return what keeps a value from being a Feature (RFC 7946 §3.2) that can be written again, None when it is one."""
    if not isinstance(value, dict):
        return Text(zh="不是 JSON 对象", en="not a JSON object")
    kind = value.get("type")
    if kind in GEOMETRY_TYPES:
        return None
    if kind != "Feature":
        return Text(zh=f"“type”为 {kind!r}，应为“Feature”", en=f'"type" is {kind!r}, not "Feature"')
    if "geometry" not in value:
        return Text(zh="缺少成员“geometry”", en='the member "geometry" is missing')
    if not isinstance(value.get("properties"), dict | None):
        return Text(zh="“properties”不是对象", en='"properties" is not an object')
    if is_too_deep(value.get("properties")):
        return Text(zh=f"属性嵌套超过 {DEEPEST} 层", en=f"properties are nested more than {DEEPEST} levels deep")
    return None


def batch_of(first: int, features: list[Json], faults: tuple[Fault, ...]) -> SourceBatch:
    """Return features, the first of them row ``first``, with what is wrong with them and with their geometries."""
    shapes, geometry_faults = geometries([f.get("geometry") for f in features])
    broken = {f.index for f in faults}
    kept = (*faults, *(f for f in geometry_faults if f.index not in broken))
    rows = np.arange(first, first + len(features), dtype=np.int64)
    return SourceBatch(rows, shapes, columns_of([properties_of(f) for f in features]), kept)


def properties_of(feature: Json) -> Mapping[str, object]:
    """Return what a feature says, without objects among the values."""
    properties = feature.get("properties")
    return flattened(properties) if isinstance(properties, dict) else {}


def _invalid(en: str, zh: str) -> TwinError:
    return rejected("geojson-invalid", f"The file is not GeoJSON: {en}.", f"文件不是有效的 GeoJSON：{zh}。")
