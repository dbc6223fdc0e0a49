"""Images as picture tiles, placed by the deployment's own operations, newest on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.windows import Window

from twin.crs import FloatArray, Operation
from twin.map_tile import NODE_STEP, MapTile
from twin.tile_matrix_sets import TILE_PX

DEEPEST = 24
PictureForm = Literal["webp", "png", "jpeg"]
_SOMEWHERE = rasterio.Affine(1, 0, 0, 0, -1, TILE_PX)
"""A picture says no place; rasterio warns of one made without."""
_DRIVERS: Mapping[PictureForm, Mapping[str, object]] = {
    "webp": {"driver": "WEBP", "QUALITY": 85},
    "png": {"driver": "PNG", "ZLEVEL": 6},
    "jpeg": {"driver": "JPEG", "QUALITY": 85},
}


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """A stored image and the operation from its own CRS to the storage CRS."""

    path: Path
    to_storage: Operation


def image_crs(path: Path) -> str:
    """Return the CRS of a stored image, as it came in (WKT of ours)."""
    with rasterio.open(path) as image:
        return str(image.tags()["TWIN_CRS"])


def render_tile(images: Iterable[PlacedImage], to_degrees: Operation, tile: MapTile, form: PictureForm = "webp") -> bytes:
    """Return the picture of one tile, the first of ``images`` on top; transparent (in JPEG white) where none of them has a picture.

    None of ``images`` is asked for once those before it cover the tile: each may have to be fetched.
    ``to_degrees`` leads from the storage CRS to longitude and latitude.
    """
    storage = to_degrees.inverse(*tile.degrees())
    picture = np.zeros((4, TILE_PX, TILE_PX), np.uint8)
    for image in images:
        sampled = _sample(image.path, *image.to_storage.inverse(*storage), fine=tile.is_small)
        if sampled is not None:
            behind = sampled[3] * (1 - picture[3] / 255.0)
            alpha = picture[3] + behind
            with np.errstate(invalid="ignore", divide="ignore"):
                colours = (picture[:3] * picture[3].astype(float) + sampled[:3] * behind) / alpha
            picture[:3], picture[3] = np.nan_to_num(np.rint(colours)), np.rint(alpha)
        if (picture[3] == 255).all():
            break
    return _encoded(picture, form)


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
    at = (np.arange(TILE_PX) + 0.5) / NODE_STEP
    low = at.astype(np.int64)
    share = at - low
    rows = nodes[low] * (1 - share)[:, None] + nodes[low + 1] * share[:, None]
    between: FloatArray = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return between


def _encoded(picture: NDArray[np.uint8], form: PictureForm) -> bytes:
    if form == "jpeg":
        share = picture[3] / 255.0
        picture = np.rint(picture[:3] * share + 255.0 * (1 - share)).astype(np.uint8)
    with MemoryFile() as memory:
        with memory.open(
            width=TILE_PX, height=TILE_PX, count=len(picture), dtype="uint8", transform=_SOMEWHERE, **_DRIVERS[form]
        ) as target:
            target.write(picture)
        return bytes(memory.read())
