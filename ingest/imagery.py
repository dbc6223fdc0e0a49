"""An image on its way in: blocks from the sandbox become our own GeoTIFF in the store and one row in staging."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from ingest.protocol import ImageBlock, ImageHeader, Message, PartEnd, batch_schema
from ingest.raster_folder import raster_folder
from ingest.refusals import rejected
from twin.errors import TwinError
from twin.model import FeatureType
from twin.store import Store, sha256_of

_TILE_PX = 256
_CLOUD_OPTIMIZED = {
    "blocksize": _TILE_PX, "compress": "deflate", "level": 1, "predictor": "standard", "overviews": "ignore_existing",
    "overview_resampling": "average", "bigtiff": "if_safer",
}  # fmt: skip
_CLIPPED = 0.02
"""Share of the pixels of a 16-bit image that are shown as darkest or as brightest, at either end."""


def receive_image(
    store: Store, header: ImageHeader, messages: Iterator[Message], source: Path, feature_type: FeatureType, row: int
) -> pa.RecordBatch:
    """Write the blocks that follow ``header`` to ``imagery/{sha256}.tif`` and return the row that describes it.

    A Cloud Optimized GeoTIFF (OGC 21-026): overviews before pixels, so that one request finds its way about. The pixels keep their own
    grid, CRS and depth, with a mask as alpha band. Raises RejectedError ``raster-empty``
    when there is a picture nowhere, StorageFullError where the disk is full.
    """
    pixels_bytes = header.width * header.height * (header.bands + 1) * np.dtype(header.depth).itemsize
    with raster_folder(store, ".imagery-", pixels_bytes) as folder:
        rows, path = folder / "rows.tif", folder / "image.tif"
        _write(rows, header, messages)
        rasterio.shutil.copy(rows, path, driver="COG", **_CLOUD_OPTIMIZED)
        rows.unlink()
        sha256 = sha256_of(path)
        store.put_file(f"imagery/{sha256}.tif", path)
    values: dict[str, object] = {
        "row": row,
        "geom": header.footprint,
        "natural_key": source.stem,
        "name": source.stem,
        "acquired_on": header.acquired_on,
        "resolution_m": header.resolution_m,
        "bands": header.bands,
        "sha256": sha256,
        "width": header.width,
        "height": header.height,
        "source_crs": header.source_crs,
        "nodata": header.nodata,
    }
    schema = batch_schema(feature_type)
    return pa.RecordBatch.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)


def _write(path: Path, header: ImageHeader, messages: Iterator[Message]) -> None:
    profile = {
        "driver": "GTiff", "width": header.width, "height": header.height, "count": header.bands + 1, "dtype": header.depth,
        "transform": rasterio.Affine(*header.transform), "tiled": True, "blockxsize": _TILE_PX, "blockysize": _TILE_PX,
        "compress": "deflate", "predictor": 2, "zlevel": 1, "interleave": "pixel", "bigtiff": "if_safer",
    }  # fmt: skip
    crs = header.crs.crs()
    histogram = np.zeros(65536, np.int64)
    next_row = 0
    with rasterio.open(path, "w", **profile) as image:
        image.colorinterp = [*_colours(header.bands), ColorInterp.alpha]
        for block in _blocks(messages):
            bands, rows, columns = block.values.shape
            if (block.first_row, bands, columns) != (next_row, header.bands + 1, header.width) or block.values.dtype != header.depth:
                raise _not_its_rows()
            next_row += rows
            image.write(block.values, window=Window(0, block.first_row, columns, rows))
            there = block.values[-1] > 0
            histogram += np.bincount(block.values[: min(header.bands, 3), there].ravel(), minlength=65536)
        if next_row != header.height:
            raise _not_its_rows()
        low, high = _stretch(histogram, header.depth)
        code = crs.to_epsg()
        if code is not None:  # for other readers; ours takes the tag
            image.crs = rasterio.crs.CRS.from_epsg(code)
        image.update_tags(TWIN_CRS=crs.to_wkt(), TWIN_LOW=low, TWIN_HIGH=high)


def _not_its_rows() -> TwinError:
    return rejected("parser-nonsense", "The rows are not those of the image.", "影像行与其头不符。")


def _blocks(messages: Iterator[Message]) -> Iterator[ImageBlock]:
    for message in messages:
        if isinstance(message, ImageBlock):
            yield message
        elif isinstance(message, PartEnd):
            return


def _colours(bands: int) -> list[ColorInterp]:
    rgb = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    return [*rgb, *[ColorInterp.undefined] * (bands - 3)] if bands >= 3 else [ColorInterp.gray, *[ColorInterp.undefined] * (bands - 1)]


def _stretch(histogram: np.ndarray[tuple[int], np.dtype[np.int64]], depth: str) -> tuple[int, int]:
    """Return the values shown as darkest and brightest: all there are of 8 bits, of 16 bits those that most pixels have."""
    total = int(histogram.sum())
    if total == 0:
        raise rejected("raster-empty", "There is a picture nowhere in the image: all is no data.", "影像全部为无数据。")
    if depth == "uint8":
        return 0, 255
    share = np.cumsum(histogram) / total
    low = int(np.searchsorted(share, _CLIPPED))
    return low, max(int(np.searchsorted(share, 1 - _CLIPPED)), low + 1)
