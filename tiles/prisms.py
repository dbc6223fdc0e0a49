"""What the massing knows of each building: the upright box that stands for it, in integers, so that sums never depend on order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.tiling import ROOT_LEVEL
from tiles.wkb import Geometries

type Integers = NDArray[np.int64]
type Numbers = NDArray[np.float64]

ORIGIN_M = -float(1 << (ROOT_LEVEL - 1))
"""Where columns and rows of the absolute grid begin, east and north."""
QUARTER_TURN = 1 << 14
"""Directions of walls are counted in these parts of 90°: a building has two, at right angles."""
LONGEST_RATIO = 16.0
"""A prism is at most so much longer than wide."""


FID, PLACE_X, PLACE_Y, X, Y, GROUND, BASE, TOP, DIRECTION, LENGTH, MISFIT, CODE = range(12)
"""Rows of ``Prisms.columns``."""


@dataclass(frozen=True, slots=True)
class Prisms:
    """Upright boxes of the same ground area, centroid, height and main direction as their features: ``columns`` (12, n) int64.

    ``place_x``, ``place_y``: centre of the feature's bounding square, whole metres from the corner of the absolute grid (it names the
    cell); ``x``, ``y``: centroid, centimetres from there; ``area`` dm², at least 1; ``base``, ``top``: H in centimetres, top ≥ base;
    ``direction``: of the walls, 0 ≤ direction < QUARTER_TURN, counter-clockwise from grid east; ``length``: along it, centimetres;
    ``misfit``: how far the outline reaches beyond the box, centimetres; ``code``: stored value of the colour field, 0 for none.
    """

    columns: Integers

    def __len__(self) -> int:
        return self.columns.shape[1]

    @property
    def fid(self) -> Integers:
        """Return which features they are."""
        return self.columns[FID]

    @property
    def place_x(self) -> Integers:
        """Return the columns of their places."""
        return self.columns[PLACE_X]

    @property
    def place_y(self) -> Integers:
        """Return the rows of their places."""
        return self.columns[PLACE_Y]

    @property
    def x(self) -> Integers:
        """Return the way of the centroids east."""
        return self.columns[X]

    @property
    def y(self) -> Integers:
        """Return the way of the centroids north."""
        return self.columns[Y]

    @property
    def area(self) -> Integers:
        """Return the ground areas."""
        return self.columns[GROUND]

    @property
    def base(self) -> Integers:
        """Return where they begin."""
        return self.columns[BASE]

    @property
    def top(self) -> Integers:
        """Return where they end."""
        return self.columns[TOP]

    @property
    def direction(self) -> Integers:
        """Return where their walls point."""
        return self.columns[DIRECTION]

    @property
    def length(self) -> Integers:
        """Return how long they are."""
        return self.columns[LENGTH]

    @property
    def misfit(self) -> Integers:
        """Return how far features reach beyond them."""
        return self.columns[MISFIT]

    @property
    def code(self) -> Integers:
        """Return the values of the colour field."""
        return self.columns[CODE]

    @property
    def volume(self) -> Integers:
        """Return the volumes, each area × height in dm² · cm."""
        return self.area * (self.top - self.base)

    def take(self, rows: NDArray[np.intp]) -> Prisms:
        """Return the prisms ``rows``, in that order."""
        return Prisms(self.columns[:, rows])

    @staticmethod
    def none() -> Prisms:
        """Return no prisms."""
        return Prisms(np.zeros((12, 0), np.int64))


def together(parts: list[Prisms]) -> Prisms:
    """Return the prisms of all ``parts`` (at least one), one after the other."""
    return Prisms(np.concatenate([part.columns for part in parts], axis=1))


def prisms_of(
    fid: NDArray[np.uint32], geometries: Geometries, x: Numbers, y: Numbers, base_m: Numbers, top_m: Numbers, code: NDArray[np.generic]
) -> Prisms:
    """Return the prisms of drawn features (n,) of which ``geometries`` are the footprints.

    ``x``, ``y``: centre of the bounding square as the tiling knows it; ``base_m`` NaN takes the lowest Z of the footprint, ``top_m`` NaN
    or below the base makes the prism flat; ``code`` the stored enum values. Directions follow the walls: the mean of the edges' directions
    modulo 90°, weighted by length; length and width have the second moments of the outline.
    """
    out = np.empty((12, len(geometries)), np.int64)
    out[FID], out[CODE] = fid, code
    g = geometries
    _boxes(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, x, y, base_m, top_m, out)
    return Prisms(out)


@kernel
def _boxes(
    coordinates: Numbers,
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    x: Numbers,
    y: Numbers,
    base_m: Numbers,
    top_m: Numbers,
    out: Integers,
) -> None:
    """Write all but fid and code."""
    moments, walls, shape = np.empty(6), np.empty(2), np.empty(7)
    for f in range(len(x)):
        _shape(coordinates, ring_offsets, part_offsets, feature_offsets[f], feature_offsets[f + 1], x[f], y[f], moments, walls, shape)
        base = base_m[f] if np.isfinite(base_m[f]) else shape[6]
        top = max(top_m[f], base) if top_m[f] == top_m[f] else base
        out[PLACE_X, f], out[PLACE_Y, f] = int(np.floor(x[f] - ORIGIN_M)), int(np.floor(y[f] - ORIGIN_M))
        out[X, f], out[Y, f] = int(np.rint((shape[0] - ORIGIN_M) * 100)), int(np.rint((shape[1] - ORIGIN_M) * 100))
        out[GROUND, f] = max(int(np.rint(shape[2] * 100)), 1)
        out[BASE, f], out[TOP, f] = int(np.rint(base * 100)), int(np.rint(top * 100))
        out[DIRECTION, f] = int(np.rint(shape[3] / (np.pi / 2) * QUARTER_TURN)) % QUARTER_TURN
        out[LENGTH, f], out[MISFIT, f] = max(int(np.rint(shape[4] * 100)), 1), int(np.rint(shape[5] * 100))


@kernel
def _shape(
    coordinates: Numbers,
    ring_offsets: Offsets,
    part_offsets: Offsets,
    first: int,
    last: int,
    x: float,
    y: float,
    moments: Numbers,
    walls: Numbers,
    out: Numbers,
) -> None:
    """Write centroid x, y, area (m²), direction (radians), length, misfit and lowest Z (m) of the parts ``first`` to ``last``."""
    moments[:], walls[:] = 0.0, 0.0
    low = np.inf
    for part in range(first, last):
        for ring in range(part_offsets[part], part_offsets[part + 1]):
            start, end = ring_offsets[ring], ring_offsets[ring + 1]
            _add_ring(coordinates[start:end], x, y, ring == part_offsets[part], moments, walls)
            for i in range(start, end):
                low = min(low, coordinates[i, 2])
    _fit(moments, walls, out)
    outline = coordinates[ring_offsets[part_offsets[first]] : ring_offsets[part_offsets[last]]]
    out[5] = _misfit(outline, x, y, out)
    out[0], out[1] = out[0] + x, out[1] + y
    out[6] = low if np.isfinite(low) else 0.0


@kernel
def _add_ring(ring: Numbers, x: float, y: float, is_outer: bool, moments: Numbers, walls: Numbers) -> None:
    """Add area, first and second moments about (x, y) of a ring, holes with a minus, and its edges' directions times four."""
    area, sx, sy, sxx, sxy, syy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(ring)):
        j = (i + 1) % len(ring)
        ax, ay, bx, by = ring[i, 0] - x, ring[i, 1] - y, ring[j, 0] - x, ring[j, 1] - y
        cross = ax * by - bx * ay
        area += cross / 2
        sx += (ax + bx) * cross / 6
        sy += (ay + by) * cross / 6
        sxx += (ax * ax + ax * bx + bx * bx) * cross / 12
        syy += (ay * ay + ay * by + by * by) * cross / 12
        sxy += (ax * by + 2 * ax * ay + 2 * bx * by + bx * ay) * cross / 24
        dx, dy = bx - ax, by - ay
        square = dx * dx + dy * dy
        if square > 0.0:
            re, im = dx * dx - dy * dy, 2 * dx * dy
            weight = square * np.sqrt(square)
            walls[0] += (re * re - im * im) / weight
            walls[1] += 2 * re * im / weight
    sign = 1.0 if (area > 0.0) == is_outer else -1.0
    moments[0], moments[1], moments[2] = moments[0] + sign * area, moments[1] + sign * sx, moments[2] + sign * sy
    moments[3], moments[4], moments[5] = moments[3] + sign * sxx, moments[4] + sign * sxy, moments[5] + sign * syy


@kernel
def _fit(moments: Numbers, walls: Numbers, out: Numbers) -> None:
    """Write the box of the moments: centroid about the same origin, area, direction in [0, π/2) and length."""
    area = moments[0]
    turn = np.arctan2(walls[1], walls[0]) / 4
    if turn < 0.0:
        turn += np.pi / 2
    out[0], out[1], out[2], out[3], out[4] = 0.0, 0.0, max(area, 0.0), turn, np.sqrt(max(area, 0.0))
    if area < 1e-6:
        return
    cx, cy = moments[1] / area, moments[2] / area
    xx, xy, yy = moments[3] / area - cx * cx, moments[4] / area - cx * cy, moments[5] / area - cy * cy
    c, s = np.cos(turn), np.sin(turn)
    along, across = c * c * xx + 2 * c * s * xy + s * s * yy, s * s * xx - 2 * c * s * xy + c * c * yy
    ratio = np.sqrt(max(along, 1e-9) / max(across, 1e-9))
    ratio = min(max(ratio, 1.0 / LONGEST_RATIO), LONGEST_RATIO)
    out[0], out[1], out[4] = cx, cy, np.sqrt(area * ratio)


@kernel
def _misfit(outline: Numbers, x: float, y: float, box: Numbers) -> float:
    """Return how far ``outline`` reaches beyond the ``box`` about (x, y)."""
    c, s, half_length = np.cos(box[3]), np.sin(box[3]), box[4] / 2
    half_width = box[2] / box[4] / 2 if box[4] > 0.0 else 0.0
    farthest = 0.0
    for i in range(len(outline)):
        dx, dy = outline[i, 0] - x - box[0], outline[i, 1] - y - box[1]
        beyond = max(abs(c * dx + s * dy) - half_length, abs(c * dy - s * dx) - half_width)
        farthest = max(farthest, beyond)
    return farthest
