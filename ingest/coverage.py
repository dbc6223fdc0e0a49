"""A raster on its way in: blocks from the sandbox become our own GeoTIFF in the store and one row in staging."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.protocol import CoverageBlock, CoverageHeader, Message, PartEnd, batch_schema
from ingest.raster_folder import raster_folder
from twin.heights import CoverageStatistics, write_coverage
from twin.model import FeatureType
from twin.store import Store, sha256_of


def receive_coverage(
    store: Store,
    header: CoverageHeader,
    messages: Iterator[Message],
    source: Path,
    feature_type: FeatureType,
    row: int,
    *,
    priority: int = 0,
) -> pa.RecordBatch:
    """Write the blocks that follow ``header`` to ``coverage/{sha256}.tif`` and return the row that describes it.

    The pixels keep their own grid and CRS, as float32: nothing is resampled on the way. Raises RejectedError when no pixel has a value,
    StorageFullError where the disk is full.
    """
    with raster_folder(store, ".coverage-", header.width * header.height * np.dtype(np.float32).itemsize) as folder:
        path = folder / "coverage.tif"
        statistics = write_coverage(
            path,
            _blocks(messages),
            width=header.width,
            height=header.height,
            affine=header.transform,
            crs_wkt=header.crs.crs().to_wkt(),
            nodata=header.nodata,
        )
        sha256 = sha256_of(path)
        store.put_file(f"coverage/{sha256}.tif", path)
    return _row(header, feature_type, source, sha256, statistics, row=row, priority=priority)


def _blocks(messages: Iterator[Message]) -> Iterator[npt.NDArray[np.float32]]:
    for message in messages:
        if isinstance(message, CoverageBlock):
            yield message.values
        elif isinstance(message, PartEnd):
            return


def _row(
    header: CoverageHeader, feature_type: FeatureType, source: Path, sha256: str, statistics: CoverageStatistics, **numbers: int
) -> pa.RecordBatch:
    values: dict[str, object] = {
        **numbers,
        "geom": header.footprint,
        "natural_key": source.stem,
        "name": source.stem,
        "sha256": sha256,
        "width": header.width,
        "height": header.height,
        "resolution_m": header.resolution_m,
        "source_crs": header.source_crs,
        "nodata": header.source_nodata,
        "minimum_m": statistics.minimum_m,
        "maximum_m": statistics.maximum_m,
    }
    schema = batch_schema(feature_type)
    return pa.RecordBatch.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)
