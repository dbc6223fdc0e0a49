"""The way from the storage CRS into a tile as one affine map, where the tile is small enough for it.

PROJ takes microseconds a vertex, most of what a tile with thousands of buildings costs. Within a tile of a few kilometres a projection
differs from the affine map that fits it best by centimetres, less than a tile can show. Where it does not, PROJ is asked for every vertex.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from twin.query.area import transformer_between
from twin.tile_matrix_sets import TileAddress

Affine = tuple[float, float, float, float, float, float]
"""a, b, d, e, xoff, yoff, in the order of ST_Affine: x' = a x + b y + xoff, y' = d x + e y + yoff."""

MOST_RESIDUAL = 0.3
"""In units of a tile, of which rounding loses up to half of one; a tile of level 14 of web mercator is at 0.2 in the middle of China."""
_SAMPLES = 5

Floats = npt.NDArray[np.float64]


@functools.lru_cache(maxsize=4096)
def tile_affine(address: TileAddress, storage_srid: int, extent: int, buffer: int) -> Affine | None:
    """Return the affine map from the storage CRS to the CRS of a tile's grid; None where it is farther than ``MOST_RESIDUAL`` from PROJ's.

    It holds within the tile and its buffer, ``extent`` and ``buffer`` units wide: there it is fitted by least squares, on a grid of
    places, and there it is judged.
    """
    grid = address.matrix_set
    west, south, east, north = address.bounds(buffer / extent)
    x, y, half = (west + east) / 2, (south + north) / 2, (east - west) / 2
    places, solution = _places()
    to_storage = transformer_between(grid.srid, storage_srid)
    stored = np.column_stack(to_storage.transform(x + half * places[:, 1], y + half * places[:, 2]))
    if not np.isfinite(stored).all():
        return None
    fitted = solution @ stored
    (east_u, north_u), (east_v, north_v) = fitted[1:].tolist()
    determinant = east_u * north_v - east_v * north_u
    back = np.array([[north_v, -north_u], [-east_v, east_u]]) / determinant
    rest = (stored - places @ fitted) @ back
    shift = (rest.max(axis=0) + rest.min(axis=0)) / 2
    if np.abs(rest - shift).max() * (extent / 2 + buffer) > MOST_RESIDUAL:
        return None
    (a, d), (b, e) = (half * back).tolist()
    # Both ways are measured from their middles: the products of a city's coordinates are much larger than what they differ by.
    middle_e, middle_n = fitted[0].tolist()
    return a, b, d, e, x - half * shift[0] - a * middle_e - b * middle_n, y - half * shift[1] - d * middle_e - e * middle_n


@functools.cache
def _places() -> tuple[Floats, Floats]:
    """Return places of a tile as rows (1, u, v), from -1 to 1, and the matrix by which a map of them is fitted."""
    along = np.linspace(-1.0, 1.0, _SAMPLES)
    u, v = (part.ravel() for part in np.meshgrid(along, along))
    places = np.column_stack([np.ones_like(u), u, v])
    return places, np.asarray(np.linalg.pinv(places), dtype=np.float64)
