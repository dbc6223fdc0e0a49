"""GeoPackage through GDAL's Arrow stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import shapely

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.layers import choose_layer
from ingest.readers.source import SourceBatch, SourceLayer
from ingest.refusals import rejected

_NO_CRS = ("undefined", "unknown", "engcrs", "local_cs")


class GeoPackage:
    """Layers of a GeoPackage; only feature tables count."""

    format = "GeoPackage"

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._layers = tuple(str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None)

    def inspect(self) -> FileInfo:
        """Return the layers with their columns and CRS."""
        return FileInfo(self.format, tuple(self._info(name) for name in self._layers))

    def open(self, part: PartRequest, /) -> GeoPackageLayer:
        """Return the layer that ``part`` asks for."""
        if not self._layers:
            raise rejected("no-features", "The GeoPackage holds no layer with geometry.", "GeoPackage 中没有带几何的图层。")
        return GeoPackageLayer(self._path, self._info(choose_layer(part, self._layers)), self._limits)

    def _info(self, name: str) -> LayerInfo:
        info = pyogrio.read_info(self._path, layer=name)
        columns = tuple(str(c) for c in info["fields"])
        if len(columns) > self._limits.columns:
            raise rejected("too-many-columns", f"{name}: {len(columns)} columns.", f"{name}:列数 {len(columns)} 超过上限。")
        return LayerInfo(name, info["geometry_type"], columns, known_crs(info["crs"]), int(info["features"]))


class GeoPackageLayer:
    """One feature table."""

    def __init__(self, path: Path, info: LayerInfo, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self.source = SourceLayer(info.name, info.columns, info.crs, encoding="UTF-8", rows=info.rows)

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in the order of their primary key."""
        size = self._limits.rows_per_batch
        first = 1
        with pyogrio.raw.open_arrow(self._path, layer=self.source.name, batch_size=size, use_pyarrow=True) as (meta, reader):
            geometry_name = meta["geometry_name"] or "wkb_geometry"
            for batch in reader:
                yield source_batch(batch, geometry_name, first)
                first += batch.num_rows


def source_batch(batch: pa.RecordBatch, geometry_name: str, first_row: int) -> SourceBatch:
    """Return an Arrow batch of GDAL as rows from ``first_row`` on; WKB that cannot be read becomes None."""
    wkb = batch.column(geometry_name).to_numpy(zero_copy_only=False)
    columns = {n: batch.column(n) for n in batch.schema.names if n != geometry_name}
    rows = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
    return SourceBatch(rows, shapely.from_wkb(wkb, on_invalid="ignore"), columns)


def known_crs(text: str | None) -> str | None:
    """Return the CRS as GDAL names it, None for the ways it has of saying that there is none."""
    if not text or any(word in text[:60].casefold() for word in _NO_CRS):
        return None
    return text
