"""Aerial and satellite images: GeoTIFF of one to four bands of 8 or 16 bits, block by block with a mask of where there is a picture."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from ingest.georeference import Georeference, georeference
from ingest.protocol import ImageBlock, ImageHeader, PartRequest, ReadRequest
from ingest.refusals import rejected
from twin.crs import parse_crs
from twin.crs.portable import portable

BLOCK_PIXELS = 2 << 20
MOST_BANDS = 4
_OUTLINE_STEPS = 16
_DAY_IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_TIFF_TIME = re.compile(r"^(\d{4}):(\d{2}):(\d{2})")

Picture = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def is_picture(data: rasterio.DatasetReader) -> bool:
    """Return whether `read_image` takes the pixels of a raster."""
    return data.dtypes[0] in ("uint8", "uint16") and len(set(data.dtypes)) == 1


def read_image(
    data: rasterio.DatasetReader, name: str, file_format: str, part: PartRequest, request: ReadRequest
) -> Iterator[ImageHeader | ImageBlock]:
    """Yield the header, then blocks of whole rows. A palette is unfolded to its colours; what is no data or transparent is masked.

    RejectedError ``raster-type`` for other than 8 or 16 bits, ``crs-undeclared``, ``area-of-use``.
    """
    depth = data.dtypes[0]
    if not is_picture(data):
        raise rejected("raster-type", f"An image has pixels of 8 or 16 bits, not {depth}.", f"影像像元应为 8 或 16 位，实为 {depth}。")
    placing = georeference(request, name, data.crs.to_wkt() if data.crs else None, assumed=False)
    source = _Bands(data)
    footprint, resolution_m = footprint_of(data, placing)
    yield ImageHeader(
        dataset=part.dataset,
        format=file_format,
        source_crs=placing.label,
        crs=portable(parse_crs(placing.source_crs)),
        assumed=placing.assumed,
        width=data.width,
        height=data.height,
        transform=tuple(data.transform)[:6],
        bands=source.count,
        depth=cast("Literal['uint8', 'uint16']", depth),
        acquired_on=_acquired_on(data.tags().get("TIFFTAG_DATETIME", ""), name),
        resolution_m=resolution_m,
        footprint=footprint,
        nodata=None if data.nodata is None or not np.isfinite(data.nodata) else float(data.nodata),
    )
    rows = max(1, BLOCK_PIXELS // data.width)
    for first in range(0, data.height, rows):
        yield ImageBlock(part.dataset, first, source.read(Window(0, first, data.width, min(rows, data.height - first))))


def footprint_of(data: rasterio.DatasetReader, placing: Georeference) -> tuple[bytes, float]:
    """Return the outline of a raster as EWKB MultiPolygon of the storage CRS, and its mean pixel size in metres.

    RejectedError ``area-of-use`` when it reaches beyond the deployment.
    """
    placed = placing.place(np.array([_outline(data)], dtype=object))
    if placed.outside[0] or placed.unreachable[0]:
        raise rejected("area-of-use", "The raster reaches beyond the area of the deployment.", "栅格超出本部署的范围。")
    tagged = shapely.set_srid(shapely.multipolygons(placed.geometry), placing.storage.srid)
    footprint = shapely.to_wkb(tagged, output_dimension=2, byte_order=1, include_srid=True, flavor="extended")
    return footprint, float(np.sqrt(float(shapely.area(tagged)) / (data.width * data.height)))


class _Bands:
    """The colour bands of a file and its mask."""

    def __init__(self, data: rasterio.DatasetReader) -> None:
        self._data = data
        self._palette = _palette(data)
        colours = [i for i, c in zip(data.indexes, data.colorinterp, strict=True) if c is not ColorInterp.alpha]
        self._indexes = colours[:MOST_BANDS] or [1]
        self.count = 3 if self._palette is not None else len(self._indexes)

    def read(self, window: Window) -> Picture:
        """Return (bands + 1, rows, columns), the mask last."""
        values: Picture = self._data.read(self._indexes, window=window)
        full = np.iinfo(values.dtype).max
        mask = np.where(self._data.dataset_mask(window=window) > 0, full, 0).astype(values.dtype)
        if self._palette is not None:
            values = np.moveaxis(self._palette[values[0]], -1, 0)
        return np.concatenate([values, mask[None]])


def _palette(data: rasterio.DatasetReader) -> npt.NDArray[np.uint8] | None:
    if data.colorinterp[0] is not ColorInterp.palette or data.dtypes[0] != "uint8":
        return None
    colours = np.zeros((256, 3), np.uint8)
    for index, colour in data.colormap(1).items():
        colours[index] = colour[:3]
    return colours


def _acquired_on(tag: str, name: str) -> dt.date | None:
    """Return the day an image was taken: as the file says, else a day in its name."""
    return _day(_TIFF_TIME.match(tag)) or day_in_name(name)


def day_in_name(name: str) -> dt.date | None:
    """Return the day that stands in a file's name as 20260301, 2026-03-01 or the like."""
    return _day(_DAY_IN_NAME.search(name))


def _day(found: re.Match[str] | None) -> dt.date | None:
    try:
        return dt.date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _outline(data: rasterio.DatasetReader) -> shapely.Polygon:
    """Return the outline, turned as the raster is, with points between its corners, so that it keeps its shape in another CRS."""
    corners = [(data.width, data.height), (data.width, 0), (0, 0), (0, data.height)]
    ring = shapely.Polygon([data.transform @ corner for corner in corners])
    west, south, east, north = ring.bounds
    outline: shapely.Polygon = shapely.segmentize(ring, max(east - west, north - south) / _OUTLINE_STEPS)
    return outline
