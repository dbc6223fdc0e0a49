"""GeoParquet 1.1 with a covering bounding box for every feature."""

from __future__ import annotations

import json
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from ogc.formats.export import Export, Format
from twin.crs import OutputCrs
from twin.crs.output import CRS84_URI, CRS84H_URI
from twin.errors import Text
from twin.query.arrow_batches import GEOMETRY, arrow_batches, arrow_schema

_BBOX, _EDGES = "bbox", ("xmin", "ymin", "xmax", "ymax")
_BOX_TYPE = pa.struct([pa.field(edge, pa.float64()) for edge in _EDGES])
_ROWS_A_GROUP = 65_536
_OGC_NAMES = {CRS84_URI: "OGC:CRS84", CRS84H_URI: "OGC:CRS84h"}
_VERSION = "1.1.0"


def _write(export: Export, path: Path) -> None:
    chosen = export.with_east_first()
    schema = arrow_schema(chosen.query)
    if chosen.query.with_geometry:
        schema = schema.append(pa.field(_BBOX, _BOX_TYPE))
    extent = _Extent()
    batches = arrow_batches(chosen.connection, chosen.query, chosen.principal, chosen.limit)
    first = list(islice(batches, 1))  # before the file begins: whoever waits is told why its rows cannot be read
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, write_page_index=True) as writer:
        gathered: list[pa.RecordBatch] = []
        for batch in chain(first, batches):
            gathered.append(_with_boxes(batch, schema, extent) if chosen.query.with_geometry else batch)
            if sum(len(b) for b in gathered) >= _ROWS_A_GROUP:
                writer.write_table(pa.Table.from_batches(gathered, schema), _ROWS_A_GROUP)
                gathered = []
        writer.write_table(pa.Table.from_batches(gathered, schema), _ROWS_A_GROUP)
        if chosen.query.with_geometry:
            writer.add_key_value_metadata({"geo": json.dumps(_metadata(chosen, extent), ensure_ascii=False)})


class _Extent:
    """The box around all boxes."""

    def __init__(self) -> None:
        self.low, self.high = np.full(2, np.inf), np.full(2, -np.inf)

    def add(self, boxes: npt.NDArray[np.float64]) -> None:
        known = boxes[~np.isnan(boxes[:, 0])]
        if len(known):
            self.low = np.minimum(self.low, known[:, :2].min(axis=0))
            self.high = np.maximum(self.high, known[:, 2:].max(axis=0))

    def bounds(self) -> list[float] | None:
        return [*self.low.tolist(), *self.high.tolist()] if np.isfinite(self.low).all() else None


def _with_boxes(batch: pa.RecordBatch, schema: pa.Schema, extent: _Extent) -> pa.RecordBatch:
    boxes = shapely.bounds(shapely.from_wkb(batch.column(GEOMETRY).to_numpy(zero_copy_only=False)))
    extent.add(boxes)
    missing = np.isnan(boxes[:, 0])
    edges = [pa.array(boxes[:, i], mask=missing) for i in range(4)]
    column = pa.StructArray.from_arrays(edges, fields=list(_BOX_TYPE), mask=pa.array(missing))
    return pa.record_batch([*batch.columns, column], schema=schema)


def _metadata(export: Export, extent: _Extent) -> dict[str, object]:
    """Return the file metadata (GeoParquet 1.1.0, "File metadata"); its bbox is left out where there is nothing."""
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": [export.geometry_type],
        "crs": _projjson(export.query.crs),
        "covering": {_BBOX: {edge: [_BBOX, edge] for edge in _EDGES}},
    }
    bounds = extent.bounds()
    if bounds is not None:
        column["bbox"] = bounds
    return {"version": _VERSION, "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}


def _projjson(crs: OutputCrs) -> object:
    name = _OGC_NAMES.get(crs.uri, f"EPSG:{crs.srid}")
    return json.loads(pyproj.CRS.from_user_input(name).to_json())


GEOPARQUET = Format(
    name="parquet",
    media_type="application/vnd.apache.parquet",
    suffix="parquet",
    title=Text("GeoParquet", "GeoParquet"),
    write=_write,
    grows=True,
)
