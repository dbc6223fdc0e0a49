"""The ground everywhere: the elevation sheets, their voids filled from the nearest height, fading to H = 0 around them.

Terrain needs a height at every vertex. Outside the sheets the nearest height is carried on and let down to H = 0 over
``FADE_M``, so that the city stands on no cliff. A height depends on the sheets within that way and on no others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiles.terrain_kernels import nearest_known
from tiles.terrain_sheets import SheetBoxes, Which, sheet_boxes
from twin.crs import Extent, FloatArray
from twin.heights import Frame, GroundSampler

FADE_M = 5_000.0
_FILL_NODES = 768
"""At most so many nodes are along a side of the grid by which the nearest height is found."""
_BISECTIONS = 7


type Places = FloatArray
"""Points as rows: easting, northing, then x and y in each of the k CRSs of the sheets; shape (2 + 2k, …)."""


@dataclass(frozen=True)
class NearestHeights:
    """A coarse grid of the storage CRS that knows for every node the nearest node with a height.

    Its nodes are at whole multiples of ``step_m``, wherever the sheets are: one more sheet moves none of them.
    """

    first_column: int
    first_row: int
    step_m: float
    known: Places
    """The nodes that have a height; (2 + 2k, n)."""
    nearest: npt.NDArray[np.int64]
    """For each node, rows from the south, which of ``known`` is the nearest, −1 where none is within ``FADE_M``."""

    def seeds(self, places: Places) -> tuple[npt.NDArray[np.bool_], Places]:
        """Return which of ``places`` (2 + 2k, n) have a height near, and for each of those one near it that has."""
        rows, columns = self.nearest.shape
        column = np.round(places[0] / self.step_m) - self.first_column
        row = np.round(places[1] / self.step_m) - self.first_row
        on_grid = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        found = np.full(on_grid.shape, -1)
        found[on_grid] = self.nearest[row[on_grid].astype(np.intp), column[on_grid].astype(np.intp)]
        return found >= 0, self.known[:, found[found >= 0]]


@dataclass(frozen=True)
class GroundSurface:
    """H at every place on Earth, from ``sampler`` where it has one."""

    sampler: GroundSampler
    frame: Frame
    boxes: SheetBoxes
    fill: NearestHeights
    extent_deg: Extent
    """The sheets."""
    reach_deg: Extent
    """The sheets and the zone around them in which H fades; beyond it H is 0."""

    @property
    def around_m(self) -> float:
        """How far from a place a sheet may be that matters there: the way of fading, and what the grid of nodes and the seams add."""
        return FADE_M + 4 * self.fill.step_m + 2 * self.boxes.coarsest_m

    def heights_m(self, places: Places, near: Which | None, around: Which | None) -> tuple[FloatArray, bool]:
        """Return H at ``places``, and whether some of them are carried on from where there is a height.

        ``near``, ``around``: the sheets that matter (None: all), which spares looking at the others.
        """
        heights = (self.sampler if near is None else self.sampler.part(near)).height_at_m(places[2:])
        void = np.isnan(heights)
        if not void.any():
            return heights, False
        heights[void] = self._carried_on_m(places[:, void], self.sampler if around is None else self.sampler.part(around))
        return heights, True

    def exact(self, lon_deg: FloatArray, lat_deg: FloatArray) -> Places:
        """Return the points of the grid of ascending ``lon_deg`` × ``lat_deg`` by the operations themselves, (2 + 2k, lat, lon)."""
        x, y = self.frame.easting_northing_m(*np.meshgrid(lon_deg, lat_deg))
        return np.stack([x, y, *self.sampler.positions(x, y)])

    def grid_m(self, lon_deg: FloatArray, lat_deg: FloatArray) -> tuple[FloatArray, bool]:
        """Return H on the grid of ascending ``lon_deg`` × ``lat_deg`` anywhere, shape (lat, lon), and that some may be carried on."""
        heights = np.zeros((lat_deg.size, lon_deg.size))
        west, south, east, north = self.reach_deg
        columns = slice(*np.searchsorted(lon_deg, [west, east]))
        rows = slice(*np.searchsorted(lat_deg, [south, north]))
        if columns.start < columns.stop and rows.start < rows.stop:
            heights[rows, columns] = self.heights_m(self.exact(lon_deg[columns], lat_deg[rows]), None, None)[0]
        return heights, True

    def _carried_on_m(self, places: Places, sampler: GroundSampler) -> FloatArray:
        """Go from each of ``places`` (2 + 2k, n) towards one with a height; let the first height met down by the way gone.

        Positions are interpolated along the way: over 5 km that is straight enough for a height that fades.
        """
        heights = np.zeros(places.shape[1])
        reached, inside = self.fill.seeds(places)
        close = np.hypot(*(inside[:2] - places[:2, reached])) < FADE_M + 2 * self.fill.step_m  # a node stands for the half step around it
        reached[reached], inside = close, inside[:, close]
        outside = places = places[:, reached]
        for _ in range(_BISECTIONS):
            middle = (outside + inside) / 2
            void = np.isnan(sampler.height_at_m(middle[2:]))
            outside, inside = np.where(void, middle, outside), np.where(void, inside, middle)
        t = np.clip(np.hypot(*(inside[:2] - places[:2])) / FADE_M, 0.0, 1.0)
        heights[reached] = np.nan_to_num(sampler.height_at_m(inside[2:])) * (1.0 - t * t * (3.0 - 2.0 * t))
        return heights


def ground_surface(sampler: GroundSampler, frame: Frame) -> GroundSurface:
    """Return the surface over ``sampler``; looks once at a coarse grid of it to know where heights are."""
    boxes = sheet_boxes(sampler)
    bounds = boxes.bounds_m
    reach = bounds[0] - FADE_M, bounds[1] - FADE_M, bounds[2] + FADE_M, bounds[3] + FADE_M
    fill = _nearest_heights(sampler, boxes, reach)
    return GroundSurface(sampler, frame, boxes, fill, _extent_deg(frame, bounds), _extent_deg(frame, reach))


def _nearest_heights(sampler: GroundSampler, boxes: SheetBoxes, reach_m: Extent) -> NearestHeights:
    west, south, east, north = reach_m
    step = 2.0 ** math.ceil(math.log2(max(east - west, north - south) / _FILL_NODES))
    columns = np.arange(math.floor(west / step), math.ceil(east / step) + 1)
    rows = np.arange(math.floor(south / step), math.ceil(north / step) + 1)
    x, y = np.meshgrid(columns * step, rows * step)
    asked = boxes.cover(x, y)
    places = np.stack([x[asked], y[asked], *sampler.positions(x[asked], y[asked])])
    heights = sampler.height_at_m(places[2:])
    known = np.zeros(asked.shape, np.bool_)
    known[asked] = np.isfinite(heights)
    number = np.cumsum(known.ravel()) - 1
    found = nearest_known(known, math.ceil(FADE_M / step) + 1)
    nearest = np.where(found >= 0, number[found], -1)
    return NearestHeights(int(columns[0]), int(rows[0]), step, places[:, np.isfinite(heights)], nearest)


def _extent_deg(frame: Frame, bounds_m: Extent) -> Extent:
    x = np.linspace(bounds_m[0], bounds_m[2], 33)
    y = np.linspace(bounds_m[1], bounds_m[3], 33)
    lon, lat = frame.lon_lat_deg(*np.meshgrid(x, y))
    return float(np.nanmin(lon)), float(np.nanmin(lat)), float(np.nanmax(lon)), float(np.nanmax(lat))
