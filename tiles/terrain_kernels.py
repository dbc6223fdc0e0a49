"""The compiled loops of the terrain encoder, one pass over the vertices each."""

from __future__ import annotations

from math import cos, floor, sin, sqrt

import numpy as np
import numpy.typing as npt

from tiles.kernel import kernel
from twin.crs import FloatArray

_EARTH_RADIUS_M = 6_371_000.0
_A_M = 6_378_137.0
_B_M = 6_356_752.314245179
_TIE_SHIFT = 1e-6
"""Keeps values that lie halfway between two steps, as whole decimetres do, from falling to different sides in two tiles."""


@kernel
def lattice_heights(heights: FloatArray, step_m: float, edge_step_m: float) -> npt.NDArray[np.int64]:
    """Return ``heights`` in units of ``step_m``; the outermost rows and columns are whole multiples of ``edge_step_m``."""
    rows, columns = heights.shape
    ratio = edge_step_m / step_m
    out = np.empty((rows, columns), np.int64)
    for j in range(rows):
        for i in range(columns):
            if j == 0 or i == 0 or j == rows - 1 or i == columns - 1:
                out[j, i] = np.int64(floor(heights[j, i] / edge_step_m + 0.5 + _TIE_SHIFT) * ratio)
            else:
                out[j, i] = np.int64(floor(heights[j, i] / step_m + 0.5 + _TIE_SHIFT))
    return out


@kernel
def zigzag_delta(values: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    """Return the differences of ``values`` taken in ``order``, zig-zag coded (quantized-mesh 1.0, vertex data)."""
    out = np.empty(order.size, np.uint16)
    last = 0
    for k in range(order.size):
        delta = values[order[k]] - last
        last = values[order[k]]
        out[k] = np.uint16((delta << 1) ^ (delta >> 63))
    return out


@kernel
def enclosing(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Return centre x, y, z and radius of a sphere around geocentric points, then the horizon occlusion point.

    The latter after K. Ring, "Computing the horizon occlusion point" (2013), in units of the ellipsoid's axes: hidden only
    when all points are below the horizon. For half a globe there is none; then it lies 1000 radii out.
    """
    low_x, low_y, low_z = x.min(), y.min(), z.min()
    cx, cy, cz = (low_x + x.max()) / 2, (low_y + y.max()) / 2, (low_z + z.max()) / 2
    dx, dy, dz = cx / _A_M, cy / _A_M, cz / _B_M
    length = sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / length, dy / length, dz / length
    radius2, nearest = 0.0, 2.0
    for j in range(x.shape[0]):
        for i in range(x.shape[1]):
            px, py, pz = x[j, i], y[j, i], z[j, i]
            radius2 = max(radius2, (px - cx) ** 2 + (py - cy) ** 2 + (pz - cz) ** 2)
            px, py, pz = px / _A_M, py / _A_M, pz / _B_M
            size = sqrt(px * px + py * py + pz * pz)
            cos_alpha = (px * dx + py * dy + pz * dz) / size
            sin_alpha = sqrt(max(1.0 - cos_alpha * cos_alpha, 0.0))
            size = max(size, 1.0)
            nearest = min(nearest, (cos_alpha - sin_alpha * sqrt(size * size - 1.0)) / size)
    far = 1.0 / max(nearest, 1e-3)
    return np.array([cx, cy, cz, sqrt(radius2), dx * far, dy * far, dz * far])


@kernel
def oct_normals(lon_rad: FloatArray, lat_rad: FloatArray, heights: FloatArray) -> npt.NDArray[np.uint8]:
    """Return the normals of the surface at the inner points of a grid, in geocentric axes, as two bytes each.

    Slopes by central differences; bytes by octahedral projection (Meyer et al. 2010), as the oct-encoded vertex
    normals extension wants them.
    """
    rows, columns = heights.shape
    out = np.empty((rows - 2, columns - 2, 2), np.uint8)
    for j in range(1, rows - 1):
        sin_lat, cos_lat = sin(lat_rad[j]), cos(lat_rad[j])
        north_m = max(lat_rad[j + 1] - lat_rad[j - 1], 1e-12) * _EARTH_RADIUS_M
        east_m = _EARTH_RADIUS_M * max(cos_lat, 1e-3)
        for i in range(1, columns - 1):
            sin_lon, cos_lon = sin(lon_rad[i]), cos(lon_rad[i])
            e = -(heights[j, i + 1] - heights[j, i - 1]) / ((lon_rad[i + 1] - lon_rad[i - 1]) * east_m)
            n = -(heights[j + 1, i] - heights[j - 1, i]) / north_m
            nx = -e * sin_lon - n * sin_lat * cos_lon + cos_lat * cos_lon
            ny = e * cos_lon - n * sin_lat * sin_lon + cos_lat * sin_lon
            nz = n * cos_lat + sin_lat
            total = abs(nx) + abs(ny) + abs(nz)
            u, v = nx / total, ny / total
            if nz < 0:
                u, v = (1.0 - abs(v)) * (1.0 if u >= 0 else -1.0), (1.0 - abs(u)) * (1.0 if v >= 0 else -1.0)
            out[j - 1, i - 1, 0] = np.uint8(floor((u * 0.5 + 0.5) * 255.0 + 0.5))
            out[j - 1, i - 1, 1] = np.uint8(floor((v * 0.5 + 0.5) * 255.0 + 0.5))
    return out


@kernel
def nearest_known(known: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.int64]:
    """Return for each node of a grid the number (row by row) of the nearest known one at most ``reach`` rows and columns away, −1 for none.

    Exact, by columns and then by rows (Felzenszwalb and Huttenlocher 2012). Of equally near ones the first column, then the first row is
    taken: what is found depends on what is within reach and on nothing else.
    """
    rows, columns = known.shape
    vertical = _nearest_of_column(known, reach)
    nearest = np.full((rows, columns), -1, np.int64)
    for j in range(rows):
        for i in range(columns):
            best = 2 * reach * reach + 1
            for other in range(max(i - reach, 0), min(i + reach, columns - 1) + 1):
                row = vertical[j, other]
                d2 = (other - i) ** 2 + (row - j) ** 2
                if row >= 0 and d2 < best:
                    best, nearest[j, i] = d2, row * columns + other
    return nearest


@kernel
def _nearest_of_column(known: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.int64]:
    """Return for each node the row of the nearest known one of its column, the first of two, −1 where none is within ``reach``."""
    rows, columns = known.shape
    nearest = np.full((rows, columns), -1, np.int64)
    for i in range(columns):
        above = rows + reach
        for j in range(rows - 1, -1, -1):
            above = j if known[j, i] else above
            if above - j <= reach:
                nearest[j, i] = above
        below = -1 - reach
        for j in range(rows):
            below = j if known[j, i] else below
            if j - below <= reach and (nearest[j, i] < 0 or j - below <= nearest[j, i] - j):
                nearest[j, i] = below
    return nearest
