"""GeoJSON text sequences: one feature a record, records parted by line feeds (newline-delimited) or begun by RS (RFC 8142).

Every record is a row; one that is no Feature is a fault of its row, and the next is read all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import orjson

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.collector import without_collector
from ingest.readers.geojson import GEOMETRY_TYPES, Json, batch_of, properties_of, structure_fault
from ingest.readers.mapped_text import MappedText, ReadThrough
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text
from twin.exact_json import json_value, lenient_json

_RS, _LF = b"\x1e", b"\n"
_BOM = b"\xef\xbb\xbf"
_MAX_RECORD_BYTES = 64 << 20
_CRS = "OGC:CRS84"


def is_geojson_seq(text: MappedText) -> bool:
    """Return whether a text begins with RS, or with a line that is a whole feature, and another record behind it."""
    if text[:1] == _RS:
        return True
    records = list(islice(_records(text), 2))
    if len(records) < 2:
        return False
    try:
        first = orjson.loads(records[0])
    except orjson.JSONDecodeError:
        return False
    return isinstance(first, dict) and (first.get("type") == "Feature" or first.get("type") in GEOMETRY_TYPES)


class GeoJsonSeq:
    """A sequence of features as one layer."""

    format = "GeoJSONSeq"

    def __init__(self, name: str, text: MappedText, limits: Limits) -> None:
        self._name, self._text, self._limits = name, text, limits

    @without_collector()
    def inspect(self) -> FileInfo:
        """Return the sequence as one layer, its columns told from its first records."""
        features, _ = _features(list(islice(_records(self._text), self._limits.rows_per_batch)))
        kinds = {str(g.get("type")) for f in features if isinstance(g := f.get("geometry"), dict)}
        source = self._source()
        shapes = "/".join(sorted(kinds)) or None
        return FileInfo(self.format, (LayerInfo(source.name, shapes, source.columns, _CRS, None, crs_assumed=True, encoding="UTF-8"),))

    def open(self, _part: PartRequest, /) -> GeoJsonSeqLayer:
        """Return the sequence; a layer name is not looked at, there is only one."""
        return GeoJsonSeqLayer(self._text, self._source(), self._limits)

    @without_collector()
    def _source(self) -> SourceLayer:
        features, _ = _features(list(islice(_records(self._text), self._limits.rows_per_batch)))
        columns = tuple(dict.fromkeys(key for f in features for key in properties_of(f)))
        if len(columns) > self._limits.columns:
            raise rejected("too-many-columns", f"{len(columns)} columns.", f"列数 {len(columns)} 超过上限。")
        return SourceLayer(self._name, columns, _CRS, assumed=True, encoding="UTF-8")


class GeoJsonSeqLayer:
    """The records of a sequence."""

    def __init__(self, text: MappedText, source: SourceLayer, limits: Limits) -> None:
        self._text, self._limits = text, limits
        self.source = source

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the records in their order; blank lines are none."""
        records, first = _records(self._text), 1
        while chunk := list(islice(records, self._limits.rows_per_batch)):
            yield _batch(first, chunk)
            first += len(chunk)


@without_collector()
def _batch(first: int, records: list[bytes]) -> SourceBatch:
    return batch_of(first, *_features(records))


def _records(text: MappedText) -> Iterator[bytes]:
    """Yield the records, each without its marks; RejectedError ``geojson-invalid`` for one of more than 64 MB."""
    mark = _RS if text[:1] == _RS else _LF
    start, end = 0, len(text)
    through = ReadThrough(text)
    while start < end:
        found = text.find(mark, start)
        stop = end if found < 0 else found
        if stop - start > _MAX_RECORD_BYTES:
            raise rejected("geojson-invalid", "A record of more than 64 MB.", "单条记录超过 64 MB。")
        record = bytes(text[start:stop]).removeprefix(_BOM).strip()
        if record:
            yield record
        start = stop + 1
        through.passed(start)


def _features(records: list[bytes]) -> tuple[list[Json], tuple[Fault, ...]]:
    features: list[Json] = []
    faults: list[Fault] = []
    for index, record in enumerate(records):
        try:
            value: object = _parsed(record)
            problem = structure_fault(value)
        except (ValueError, RecursionError) as error:
            value, problem = {}, Text(zh=f"不合 JSON 语法：{error}"[:200], en=f"not JSON: {error}"[:200])
        if problem is not None or not isinstance(value, dict):
            faults.append(Fault(index, "structure", problem or Text(zh="不是 JSON 对象", en="not a JSON object")))
            features.append({})
        else:
            features.append({"geometry": value} if value.get("type") in GEOMETRY_TYPES else value)
    return features, tuple(faults)


def _parsed(record: bytes) -> object:
    """Return a record's value; NaN and Infinity are taken here: the finite check names them later."""
    try:
        return json_value(record)
    except orjson.JSONDecodeError:
        return lenient_json(record)
