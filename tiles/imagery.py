"""Images as picture tiles of WebMercatorQuad (OGC 17-083r4, annex D.1), placed by the deployment's own operations, newest on top."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.windows import Window

from twin.crs import FloatArray, Operation

TILE_PX = 256
DEEPEST = 24
_HALF_M = 20037508.342789244
_EARTH_M = 6378137.0
_EXACT_BELOW = 12
"""Tiles of lower levels span kilometres: there every pixel is placed by itself, above by a grid of nodes."""
_NODE_STEP = 16
_SOMEWHERE = rasterio.Affine(1, 0, 0, 0, -1, TILE_PX)
"""A WebP says no place; rasterio warns of a picture made without one."""


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """A stored image and the operation from its own CRS to the storage CRS."""

    path: Path
    to_storage: Operation


def image_crs(path: Path) -> str:
    """Return the CRS of a stored image, as it came in (WKT of ours)."""
    with rasterio.open(path) as image:
        return str(image.tags()["TWIN_CRS"])


def render_tile(images: Iterable[PlacedImage], to_degrees: Operation, z: int, x: int, y: int) -> bytes:
    """Return the WebP picture of one tile, the first of ``images`` on top; transparent where none of them has a picture.

    None of ``images`` is asked for once those before it cover the tile: each may have to be fetched.
    ``to_degrees`` leads from the storage CRS to longitude and latitude. ValueError for a tile that is not of the matrix set.
    """
    if not (0 <= z <= DEEPEST and 0 <= x < 1 << z and 0 <= y < 1 << z):
        raise ValueError(f"no tile {z}/{x}/{y}")
    storage = to_degrees.inverse(*_degrees(z, x, y))
    picture = np.zeros((4, TILE_PX, TILE_PX), np.uint8)
    for image in images:
        sampled = _sample(image.path, *image.to_storage.inverse(*storage), fine=z >= _EXACT_BELOW)
        if sampled is not None:
            behind = sampled[3] * (1 - picture[3] / 255.0)
            alpha = picture[3] + behind
            with np.errstate(invalid="ignore", divide="ignore"):
                colours = (picture[:3] * picture[3].astype(float) + sampled[:3] * behind) / alpha
            picture[:3], picture[3] = np.nan_to_num(np.rint(colours)), np.rint(alpha)
        if (picture[3] == 255).all():
            break
    return _webp(picture)


def tile_extent(to_degrees: Operation, z: int, x: int, y: int) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north in the storage CRS of the part of a tile that the CRS can place; None where there is no such part."""
    east, north = to_degrees.inverse(*_degrees(z, x, y))
    said = np.isfinite(east) & np.isfinite(north)
    if not said.any():
        return None
    east, north = east[said], north[said]
    return float(east.min()), float(north.min()), float(east.max()), float(north.max())


def _degrees(z: int, x: int, y: int) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude of the pixel centres, or of every 16th line between them where the tile is small."""
    steps = np.arange(0, TILE_PX + 1, _NODE_STEP) if z >= _EXACT_BELOW else np.arange(TILE_PX) + 0.5
    size_m = 2 * _HALF_M / (1 << z)
    east = -_HALF_M + (x + steps / TILE_PX) * size_m
    north = _HALF_M - (y + steps / TILE_PX) * size_m
    longitude, latitude = np.degrees(east / _EARTH_M), np.degrees(np.arctan(np.sinh(north / _EARTH_M)))
    mesh = np.meshgrid(longitude, latitude)
    return mesh[0], mesh[1]


def _sample(path: Path, x: FloatArray, y: FloatArray, *, fine: bool) -> NDArray[np.float64] | None:
    """Return (4, 256, 256) red, green, blue and alpha, 0 to 255, at places in the image's CRS; None where the image is not."""
    with rasterio.open(path, sharing=False) as image:
        a, b, c, d, e, f = tuple(~image.transform)[:6]
        column, row = a * x + b * y + c, d * x + e * y + f
        if fine:
            column, row = _between_nodes(column), _between_nodes(row)
        inside = (column >= 0) & (column < image.width) & (row >= 0) & (row < image.height)
        if not inside.any():
            return None
        left, top = int(column[inside].min()), int(row[inside].min())
        width, height = int(column[inside].max()) - left + 1, int(row[inside].max()) - top + 1
        shrunk = max(1.0, max(width, height) / (2 * TILE_PX))
        shape = (max(1, round(height / shrunk)), max(1, round(width / shrunk)))
        bands = _shown_bands(image.count - 1)
        values = image.read([*bands, image.count], window=Window(left, top, width, height), out_shape=(len(bands) + 1, *shape),
                            resampling=Resampling.average)  # fmt: skip
        full = np.iinfo(image.dtypes[0]).max
        low, high = float(image.tags()["TWIN_LOW"]), float(image.tags()["TWIN_HIGH"])
    i = np.clip(np.where(inside, (row - top) * shape[0] / height, 0), 0, shape[0] - 1).astype(np.int64)
    j = np.clip(np.where(inside, (column - left) * shape[1] / width, 0), 0, shape[1] - 1).astype(np.int64)
    picture = values[:, i, j].astype(np.float64)
    colours = np.clip((picture[:-1] - low) / (high - low), 0.0, 1.0) * 255.0
    alpha = np.where(inside, picture[-1] / full * 255.0, 0.0)
    return np.concatenate([colours if len(colours) == 3 else np.repeat(colours[:1], 3, axis=0), alpha[None]])


def _shown_bands(count: int) -> list[int]:
    """Return the bands shown as colours: red, green and blue, or the first as grey."""
    return [1, 2, 3] if count >= 3 else [1]


def _between_nodes(nodes: FloatArray) -> FloatArray:
    """Return values at pixel centres by bilinear interpolation between the nodes of a grid over the tile."""
    at = (np.arange(TILE_PX) + 0.5) / _NODE_STEP
    low = at.astype(np.int64)
    share = at - low
    rows = nodes[low] * (1 - share)[:, None] + nodes[low + 1] * share[:, None]
    between: FloatArray = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return between


def _webp(picture: NDArray[np.uint8]) -> bytes:
    with MemoryFile() as memory:
        with memory.open(driver="WEBP", width=TILE_PX, height=TILE_PX, count=4, dtype="uint8", transform=_SOMEWHERE, QUALITY=85) as target:
            target.write(picture)
        return bytes(memory.read())
