"""Rasters: elevations (single-band GeoTIFF and SRTM .hgt) as float32 rows from north to south, images as `ingest.readers.image`.

The size of the whole and of one block are checked before a pixel is read: a 4 MB file can state 90 gigapixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from ingest.gdal_policy import MemoryFile
from ingest.georeference import Georeference, georeference
from ingest.protocol import CoverageBlock, CoverageHeader, FileInfo, ImageBlock, ImageHeader, LayerInfo, Limits, PartRequest, ReadRequest
from ingest.readers.image import BLOCK_PIXELS, footprint_of, is_picture, read_image
from ingest.refusals import rejected
from twin.crs import parse_crs
from twin.crs.portable import portable
from twin.model import Recipe

NODATA = -9999.0
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HGT_NAME = re.compile(r"[NS]\d{2}[EW]\d{3}\.hgt", re.IGNORECASE)
_HGT_BYTES = frozenset({2 * 1201 * 1201, 2 * 3601 * 3601})


def is_tiff(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a TIFF (or BigTIFF)."""
    return head[:4] in _TIFF_MAGIC


def is_hgt(name: str, size: int) -> bool:
    """Return whether a file of this name and size is an SRTM tile; the format has no magic, its name is its place."""
    return _HGT_NAME.fullmatch(name) is not None and size in _HGT_BYTES


class Raster:
    """One band of heights, or the bands of an image: what it is read as decides."""

    recipes: frozenset[Recipe] = frozenset({"terrain", "imagery"})

    def __init__(self, name: str, content: Path | bytes, limits: Limits) -> None:
        """Open it; RejectedError ``raster-…`` when it is no single-band raster of numbers or too large."""
        self._name = name
        self._limits = limits
        self._memory = MemoryFile(name, content) if isinstance(content, bytes) else None
        driver = "SRTMHGT" if _HGT_NAME.fullmatch(name if isinstance(content, bytes) else content.name) else "GTiff"
        path = self._memory.path if self._memory else str(content)
        self._path = Path(path)
        with self._told_by_name():
            self._data = rasterio.open(path, driver=driver, sharing=False)
        self.format = "GeoTIFF" if self._data.driver == "GTiff" else "SRTM HGT"
        self._check()

    @contextmanager
    def _told_by_name(self) -> Iterator[None]:
        """Name the file in errors as its surveyor knows it: what was unpacked has the number of a descriptor for a name."""
        try:
            yield
        except RasterioIOError as error:
            if self._memory is not None or self._path.stem == self._name:
                raise
            message = str(error).replace(str(self._path), self._name)
            raise RasterioIOError(re.sub(rf"^{re.escape(self._path.name)}(?=: )", lambda _: self._name, message)) from error

    def inspect(self) -> FileInfo:
        """Return the raster as one layer."""
        crs = self._data.crs.to_string() if self._data.crs else None
        return FileInfo(self.format, (LayerInfo(self._name, "coverage", (), crs, 1, recipes=self._recipes()),))

    def _recipes(self) -> frozenset[Recipe]:
        """Return what its bands and pixels can be."""
        is_plain = self._data.count == 1 and self._data.colorinterp[0] is not ColorInterp.palette
        heights: frozenset[Recipe] = frozenset({"terrain"} if is_plain and np.dtype(self._data.dtypes[0]).kind in "iuf" else ())
        picture: frozenset[Recipe] = frozenset({"imagery"} if is_picture(self._data) else ())
        return heights | picture

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[CoverageHeader | CoverageBlock | ImageHeader | ImageBlock]:
        """Yield the header, then blocks of whole rows; no-data, NaN and infinite pixels come as the header's ``nodata``."""
        if part.feature_type.recipe == "imagery":
            yield from read_image(self._data, self._name, self.format, part, request)
            return
        self._check_elevation()
        crs = self._data.crs.to_wkt() if self._data.crs else None
        placing = georeference(request, self._name, crs, assumed=False)
        if placing.to_degrees is not None:
            raise rejected("vertical", "A raster of ellipsoidal heights is not taken.", "不支持大地高的高程栅格。")
        yield self._header(part, placing)
        height, width = self._data.height, self._data.width
        rows = max(1, BLOCK_PIXELS // width)
        for first in range(0, height, rows):
            window = Window(0, first, width, min(rows, height - first))
            values = self._data.read(1, window=window, masked=False)
            yield CoverageBlock(part.dataset, first, self._plain(values))

    def _plain(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        heights = values.astype(np.float32)
        void = ~np.isfinite(heights)
        if self._data.nodata is not None:
            void |= values == np.asarray(self._data.nodata).astype(values.dtype)
        heights[void] = NODATA
        return heights

    def _header(self, part: PartRequest, placing: Georeference) -> CoverageHeader:
        data = self._data
        footprint, resolution_m = footprint_of(data, placing)
        return CoverageHeader(
            dataset=part.dataset,
            format=self.format,
            source_crs=placing.label,
            crs=portable(parse_crs(placing.source_crs)),
            assumed=placing.assumed,
            width=data.width,
            height=data.height,
            transform=tuple(data.transform)[:6],
            nodata=NODATA,
            resolution_m=resolution_m,
            footprint=footprint,
            source_nodata=None if data.nodata is None or not np.isfinite(data.nodata) else float(data.nodata),
        )

    def _check(self) -> None:
        data, limits = self._data, self._limits
        itemsize = np.dtype(data.dtypes[0]).itemsize
        rows, columns = data.block_shapes[0]
        size = f"{data.width} × {data.height} × {data.count}"
        too_large = (
            max(data.width, data.height) > limits.raster_side
            or data.width * data.height * data.count * itemsize > limits.raster_bytes
            or rows * columns * itemsize > limits.raster_block_bytes
        )
        if too_large:
            raise rejected("raster-too-large", f"The raster is too large: {size}.", f"栅格过大：{size}。")
        if data.transform.is_identity:
            raise rejected(
                "raster-ungeoreferenced",
                "The raster says neither place nor pixel size: georeference it and export it as GeoTIFF (no world file is read).",
                "栅格没有地理配准信息：请配准后另存为带坐标的 GeoTIFF 再提交（不读取旁边的 .tfw 等坐标文件）。",
            )
        if data.transform.b or data.transform.d:
            raise rejected("raster-rotated", "A rotated raster is not taken.", "不支持旋转的栅格。")

    def _check_elevation(self) -> None:
        data = self._data
        if data.count != 1:
            raise rejected(
                "raster-bands", f"An elevation raster has one band, not {data.count}.", f"高程栅格应为单波段，实为 {data.count} 个波段。"
            )
        if np.dtype(data.dtypes[0]).kind not in "iuf":
            raise rejected("raster-type", f"Pixels are {data.dtypes[0]}.", f"像元类型为 {data.dtypes[0]}。")
