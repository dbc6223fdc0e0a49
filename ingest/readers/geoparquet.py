"""GeoParquet 1.0 and 1.1 (OGC 22-012…, geoparquet.org): row groups are streamed, geometry as WKB or native GeoArrow encodings.

A CRS that the file leaves out is OGC:CRS84, one that it gives as null is not known; that is the specification's own rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.arrow_columns import sound
from ingest.readers.json_cells import json_cells
from ingest.readers.json_columns import json_column
from ingest.readers.source import Geometries, SourceBatch, SourceLayer
from ingest.readers.wkb import batch_of_wkb
from ingest.refusals import rejected
from twin.errors import Text, TwinError

MAGIC = b"PAR1"
_CRS84 = "OGC:CRS84"
_NATIVE = ("point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon")
_INTERLEAVED = "geoarrow."
"""What GDAL writes before the kind where coordinates are lists of numbers in place of structures."""
_SPHERICAL = Text(
    zh="文件声明边为球面大圆（spherical），此处按平面直线读取",
    en="edges are said to be spherical (great circles) and are read as straight lines",
)
_MAX_METADATA_BYTES = 16 << 20
_MAX_ROW_GROUP_BYTES = 1 << 30
"""Uncompressed: what one row group may take of the child's memory."""


@dataclass(frozen=True, slots=True)
class _Geometry:
    """What the metadata says of the primary geometry column."""

    column: str
    encoding: str
    crs: str | None
    is_assumed: bool
    kinds: tuple[str, ...]
    coverings: frozenset[str]
    """Columns that repeat the bounds of each geometry."""
    is_spherical: bool


class GeoParquet:
    """One table."""

    format = "GeoParquet"

    def __init__(self, name: str, content: Path | bytes, limits: Limits) -> None:
        """Read the footer; RejectedError ``unreadable``, ``geoparquet-invalid`` or ``row-group-too-large``."""
        self._name, self._limits = name, limits
        try:
            source = pa.BufferReader(content) if isinstance(content, bytes) else pa.OSFile(str(content))
            self._file = pq.ParquetFile(source, thrift_string_size_limit=_MAX_METADATA_BYTES, thrift_container_size_limit=1_000_000)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(str(error)) from error
        self._geometry = _geometry(self._file.schema_arrow)
        self._check_sizes()

    def inspect(self) -> FileInfo:
        """Return the table as one layer."""
        source, geometry = self._source(), self._geometry
        kinds = "/".join(geometry.kinds) or None
        return FileInfo(self.format, (LayerInfo(source.name, kinds, source.columns, source.crs, source.rows, source.assumed, "UTF-8"),))

    def open(self, _part: PartRequest, /) -> GeoParquetLayer:
        """Return the table; a layer name is not looked at, there is only one."""
        return GeoParquetLayer(self._file, self._geometry, self._source(), self._limits)

    def _source(self) -> SourceLayer:
        geometry = self._geometry
        columns = tuple(n for n in self._file.schema_arrow.names if n != geometry.column and n not in geometry.coverings)
        rows = int(self._file.metadata.num_rows)
        notes = (_SPHERICAL,) if geometry.is_spherical else ()
        return SourceLayer(self._name, columns, geometry.crs, assumed=geometry.is_assumed, encoding="UTF-8", rows=rows, notes=notes)

    def _check_sizes(self) -> None:
        metadata = self._file.metadata
        if metadata.num_columns > self._limits.columns:
            raise rejected("too-many-columns", f"{metadata.num_columns} columns.", f"列数 {metadata.num_columns} 超过上限。")
        if metadata.num_rows > self._limits.rows:
            raise rejected("too-many-rows", f"More than {self._limits.rows} rows.", f"行数超过 {self._limits.rows}。")
        largest = max((metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)), default=0)
        if largest > _MAX_ROW_GROUP_BYTES:
            raise rejected(
                "row-group-too-large",
                f"A row group of {largest >> 20} MB; write smaller ones (100,000 rows).",
                f"行组大小 {largest >> 20} MB 超过上限，请以较小的行组（10 万行）重新写出。",
            )


class GeoParquetLayer:
    """The rows of a table."""

    def __init__(self, file: pq.ParquetFile, geometry: _Geometry, source: SourceLayer, limits: Limits) -> None:
        self._file, self._geometry, self._limits = file, geometry, limits
        self.source = source

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in file order; RejectedError ``unreadable`` when a row group is damaged, ``text-too-long``."""
        first, name = 1, self._geometry.column
        try:
            for batch in self._file.iter_batches(self._limits.rows_per_batch, columns=[name, *self.source.columns], use_threads=False):
                held, faults = sound(batch)
                columns = {n: _column(held.column(n), self._limits.text_length) for n in self.source.columns}
                rows = np.arange(first, first + held.num_rows, dtype=np.int64)
                yield replace(_source_batch(rows, held.column(name), self._geometry.encoding, columns), faults=faults)
                first += held.num_rows
        except MemoryError:  # Arrow's is both: it is the file that is too large, not damaged
            raise
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(str(error)) from error


def _geometry(schema: pa.Schema) -> _Geometry:
    metadata = (schema.metadata or {}).get(b"geo")
    if metadata is None:
        raise _invalid('the file has no metadata "geo"', "文件缺少“geo”元数据")
    try:
        geo = json.loads(metadata)
        name = geo["primary_column"]
        column = geo["columns"][name]
        encoding = str(column["encoding"]).casefold().removeprefix(_INTERLEAVED)
    except (ValueError, KeyError, TypeError) as error:
        raise _invalid(f"its metadata: {error!r}", f"元数据错误：{error!r}") from error
    if name not in schema.names or encoding not in ("wkb", *_NATIVE):
        raise _invalid(f"column {name!r}, encoding {encoding!r}", f"几何列“{name}”，编码“{encoding}”")
    kinds = tuple(str(k) for k in column.get("geometry_types") or ())
    others = {n for n in geo["columns"] if n != name}
    return _Geometry(name, encoding, *_crs(column), kinds, _coverings(column) | others, column.get("edges") == "spherical")


def _crs(column: Mapping[str, object]) -> tuple[str | None, bool]:
    """Return the CRS as PROJJSON and whether it is only the specification's default."""
    if "crs" not in column:
        return _CRS84, True
    crs = column["crs"]
    if crs is None:
        return None, False
    identifier = crs.get("id") if isinstance(crs, dict) else None
    if isinstance(identifier, dict) and {"authority", "code"} <= identifier.keys():
        return f"{identifier['authority']}:{identifier['code']}", False
    return (crs if isinstance(crs, str) else json.dumps(crs)), False


def _coverings(column: Mapping[str, object]) -> frozenset[str]:
    covering = column.get("covering")
    boxes = covering.get("bbox") if isinstance(covering, dict) else None
    paths = boxes.values() if isinstance(boxes, dict) else ()
    return frozenset(str(path[0]) for path in paths if isinstance(path, list) and path)


def _column(array: pa.Array, longest_json: int) -> pa.Array:
    """Return a column; lists and structures become their JSON, decimals numbers."""
    kind = array.type
    if isinstance(kind, pa.JsonType):
        return json_cells(array, longest_json)
    if pa.types.is_nested(kind):
        return json_column([None if v is None else orjson.dumps(v, default=str).decode() for v in array.to_pylist()])
    if pa.types.is_decimal(kind):
        return array.cast(pa.string())
    if pa.types.is_dictionary(kind):
        return array.dictionary_decode()
    return array


def _source_batch(rows: npt.NDArray[np.int64], array: pa.Array, encoding: str, columns: Mapping[str, pa.Array]) -> SourceBatch:
    if encoding == "wkb":
        return batch_of_wkb(rows, array, columns)
    return SourceBatch(rows, _native(array, encoding), columns)


def _native(array: pa.Array, encoding: str) -> Geometries:
    """Return the geometries of a column in a native encoding: nested lists of coordinates, structures or lists of x, y[, z]."""
    offsets: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    there = array.is_valid().to_numpy(zero_copy_only=False)
    inner = array.filter(array.is_valid())
    while pa.types.is_list(inner.type) or pa.types.is_large_list(inner.type):
        starts = inner.offsets.to_numpy().astype(np.int64)
        offsets.insert(0, starts - starts[0])
        inner = inner.flatten()
    positions = _positions(inner)
    kind = shapely.GeometryType[encoding.upper()]
    shapes: Geometries = np.full(len(array), None, dtype=object)
    shapes[there] = shapely.from_ragged_array(kind, positions, tuple(offsets) or None)
    return shapes


def _positions(inner: pa.Array) -> npt.NDArray[np.float64]:
    """Return coordinates, shape (n, 2 or 3); measures are left out. RejectedError ``geoparquet-invalid`` where these are no positions."""
    kind = inner.type
    if pa.types.is_fixed_size_list(kind):
        named = kind.value_field.name
        names = named if len(named) == kind.list_size and set(named) <= set("xyzm") else "xyzm"[: kind.list_size]
        numbers = inner.flatten().to_numpy(zero_copy_only=False).reshape(-1, kind.list_size)
        return numbers[:, [i for i, name in enumerate(names) if name in "xyz"]]
    if not pa.types.is_struct(kind):  # as lists of fixed size are without Arrow's own schema in the file
        raise _invalid(f"coordinates are {kind}, neither structures nor lists of fixed size", f"坐标类型为 {kind}，既非结构也非定长列表")
    axes = [axis for axis in ("x", "y", "z") if kind.get_field_index(axis) >= 0]
    return np.column_stack([pc.struct_field(inner, axis).to_numpy(zero_copy_only=False) for axis in axes])


def _invalid(en: str, zh: str) -> TwinError:
    return rejected("geoparquet-invalid", f"The file is not GeoParquet: {en}.", f"文件不是有效的 GeoParquet：{zh}。")


def _unreadable(reason: str) -> TwinError:
    return rejected("unreadable", f"The GeoParquet file cannot be read: {reason[:300]}", f"GeoParquet 文件无法读取：{reason[:300]}")
