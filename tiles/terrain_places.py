"""Where the vertices of a block of tiles are in the CRSs of the sheets: by polynomials, checked against the exact operations.

PROJ costs more than all the rest of a tile. A block is always the same 8 × 8 tiles, whichever of them are made, and its polynomials
depend on nothing else: a tile that is made alone has the bits of one that is made with its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from tiles.terrain_pyramid import INTERVALS, posts_deg
from tiles.terrain_surface import GroundSurface, Places
from twin.crs import FloatArray

type Numbers = npt.NDArray[np.int64]

BLOCK_TILES = 8
_DEGREE = 8
_TOLERANCE_M, _TOLERANCE_DEG = 1e-4, 1e-9


@dataclass(frozen=True)
class Block:
    """Some tiles of one level side by side, and the lines of their grids: one more on each side, for the normals."""

    level: int
    first_x: int
    first_y: int
    lon_deg: FloatArray
    lat_deg: FloatArray

    def window(self, x: int, y: int) -> tuple[slice, slice]:
        """Return where in rows and columns of lines a tile is, with the lines beyond its edges."""
        row, column = (y - self.first_y) * INTERVALS, (x - self.first_x) * INTERVALS
        return slice(row, row + INTERVALS + 3), slice(column, column + INTERVALS + 3)


def block_of(level: int, first_x: int, first_y: int, tiles: int) -> Block:
    """Return the block of ``tiles`` × ``tiles`` tiles from one on."""
    lon = posts_deg(first_x, first_x + tiles - 1, level, -180.0)
    lat = np.clip(posts_deg(first_y, first_y + tiles - 1, level, -90.0), -90.0, 90.0)
    return Block(level, first_x, first_y, lon, lat)


@dataclass(frozen=True)
class BlockPlaces:
    """The positions of a block's vertices, as polynomials through a few of them."""

    surface: GroundSurface
    block: Block

    def corners(self, x: int, y: int) -> Places:
        """Return the positions of the corners of a tile, (2 + 2k, 4)."""
        rows, columns = self.block.window(x, y)
        corners = self._fitted(np.array([rows.start + 1, rows.stop - 2]), np.array([columns.start + 1, columns.stop - 2]))
        return corners.reshape(len(corners), 4)

    def places(self, rows: slice, columns: slice) -> Places:
        """Return the positions of a window of vertices, (2 + 2k, rows, columns)."""
        found = self._fitted(rows, columns)
        if not self._is_good.all():
            exact = self.surface.exact(self.block.lon_deg[columns], self.block.lat_deg[rows])
            found = np.where(self._is_good[:, np.newaxis, np.newaxis], found, exact)
        return found

    def _fitted(self, rows: slice | Numbers, columns: slice | Numbers) -> Places:
        return _combined(self._up[rows], np.swapaxes(_combined(self._across[columns], np.swapaxes(self._nodes, 1, 2)), 1, 2))

    @cached_property
    def _nodes(self) -> Places:
        return self.surface.exact(_nodes(self.block.lon_deg), _nodes(self.block.lat_deg))

    @cached_property
    def _across(self) -> FloatArray:
        return _weights(self.block.lon_deg)

    @cached_property
    def _up(self) -> FloatArray:
        return _weights(self.block.lat_deg)

    @cached_property
    def _is_good(self) -> npt.NDArray[np.bool_]:
        """For each row of positions whether the polynomials of its CRS are as good as the operation, at 25 places."""
        lon, lat = self.block.lon_deg, self.block.lat_deg
        rows, columns = np.linspace(0, lat.size - 1, 5).astype(int), np.linspace(0, lon.size - 1, 5).astype(int)
        off = np.abs(self._fitted(rows, columns) - self.surface.exact(lon[columns], lat[rows])).max(axis=(1, 2))
        allowed = [_TOLERANCE_M, *(_TOLERANCE_DEG if degrees else _TOLERANCE_M for degrees in self.surface.sampler.are_degrees())]
        return np.repeat((off < np.repeat(allowed, 2)).reshape(-1, 2).all(axis=1), 2)


def _nodes(lines: FloatArray) -> FloatArray:
    """Return the Chebyshev nodes over some lines."""
    return np.asarray((lines[-1] + lines[0]) / 2 + chebyshev.chebpts1(_DEGREE + 1) * (lines[-1] - lines[0]) / 2)


def _weights(lines: FloatArray) -> FloatArray:
    """Return by what the values at the Chebyshev nodes over ``lines`` are multiplied to give the value at each, (n, 9)."""
    at = (lines - (lines[-1] + lines[0]) / 2) / ((lines[-1] - lines[0]) / 2)
    inverse = np.linalg.inv(chebyshev.chebvander(chebyshev.chebpts1(_DEGREE + 1), _DEGREE))
    return _combined(np.asarray(chebyshev.chebvander(at, _DEGREE), np.float64), np.asarray(inverse, np.float64))


def _combined(weights: FloatArray, values: FloatArray) -> FloatArray:
    """Return the sums of ``values`` (…, 9, m) by ``weights`` (n, 9), as (…, n, m).

    Term by term: a matrix product rounds as it is cut.
    """
    total: FloatArray = weights[:, 0, np.newaxis] * values[..., 0, np.newaxis, :]
    for term in range(1, weights.shape[1]):
        total = total + weights[:, term, np.newaxis] * values[..., term, np.newaxis, :]
    return total
