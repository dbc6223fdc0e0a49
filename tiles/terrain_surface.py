"""The ground everywhere: the elevation coverages, their voids filled from the nearest height, fading to H = 0 around them.

Terrain needs a height at every vertex. Outside the coverages the nearest height is carried on and let down to H = 0 over
``FADE_M``, so that the city stands on no cliff.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from tiles.terrain_kernels import flood
from twin.crs import Extent, FloatArray
from twin.heights import Frame, GroundSampler

FADE_M = 5_000.0
_FILL_NODES = 384
_BISECTIONS = 7
_FIT_DEGREE = 8
_FIT_TOLERANCE_M = 0.001
_FIT_TOLERANCE_PX = 1e-4


type Places = FloatArray
"""Points as rows: easting, northing, then x and y in each of the k CRSs of the coverages; shape (2 + 2k, …)."""


@dataclass(frozen=True)
class NearestHeights:
    """A coarse grid of the storage CRS that knows for every node the nearest node with a height."""

    west_m: float
    south_m: float
    step_m: float
    columns: int
    nodes: Places
    """All nodes, row by row from the south-west."""
    nearest: npt.NDArray[np.int64]
    """For each node the number of the nearest one with a height; −1 when there is none at all."""

    def seeds(self, places: Places) -> Places:
        """Return for each of ``places`` one near it that has a height."""
        rows = self.nearest.size // self.columns
        column = np.clip(np.round((places[0] - self.west_m) / self.step_m), 0, self.columns - 1).astype(np.intp)
        row = np.clip(np.round((places[1] - self.south_m) / self.step_m), 0, rows - 1).astype(np.intp)
        return self.nodes[:, self.nearest[row * self.columns + column]]


@dataclass(frozen=True)
class GroundSurface:
    """H at every place on Earth, from ``sampler`` where it has one."""

    sampler: GroundSampler
    frame: Frame
    fill: NearestHeights
    extent_deg: Extent
    """The coverages."""
    reach_deg: Extent
    """The coverages and the zone around them in which H fades; beyond it H is 0."""

    def heights_m(self, lon_deg: FloatArray, lat_deg: FloatArray) -> FloatArray:
        """Return H on the grid of ascending ``lon_deg`` × ``lat_deg``, shape (lat, lon)."""
        heights = np.zeros((lat_deg.size, lon_deg.size))
        west, south, east, north = self.reach_deg
        columns = slice(*np.searchsorted(lon_deg, [west, east]))
        rows = slice(*np.searchsorted(lat_deg, [south, north]))
        lon, lat = lon_deg[columns], lat_deg[rows]
        if lon.size and lat.size:
            heights[rows, columns] = self._heights_m(self._places(lon, lat))
        return heights

    def heights_at_m(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return H at points (n,) of the storage CRS."""
        return self._heights_m(np.stack([x, y, *self.sampler.positions(x, y)]))

    def _heights_m(self, places: Places) -> FloatArray:
        heights = self.sampler.height_at_m(places[2:])
        void = np.isnan(heights)
        if void.any():
            heights[void] = self._carried_on_m(places[:, void])
        return heights

    def _carried_on_m(self, places: Places) -> FloatArray:
        """Go from each of ``places`` (2 + 2k, n) towards one with a height; let the first height met down by the way gone.

        Positions are interpolated along the way: over 5 km that is straight enough for a height that fades.
        """
        outside, inside = places, self.fill.seeds(places)
        for _ in range(_BISECTIONS):
            middle = (outside + inside) / 2
            void = np.isnan(self.sampler.height_at_m(middle[2:]))
            outside, inside = np.where(void, middle, outside), np.where(void, inside, middle)
        t = np.clip(np.hypot(*(inside[:2] - places[:2])) / FADE_M, 0.0, 1.0)
        return np.asarray(np.nan_to_num(self.sampler.height_at_m(inside[2:])) * (1.0 - t * t * (3.0 - 2.0 * t)))

    def _places(self, lon: FloatArray, lat: FloatArray) -> Places:
        """Return the points of a grid, (2 + 2k, lat, lon).

        Over a small area by polynomials, checked against the exact operations: PROJ costs more than all the rest.
        """
        small = lon.size * lat.size > 4 * (_FIT_DEGREE + 1) ** 2 and max(lon[-1] - lon[0], lat[-1] - lat[0]) < 2.0
        fitted = self._fitted(lon, lat) if small else None
        return self._exact(lon, lat) if fitted is None else fitted

    def _exact(self, lon: FloatArray, lat: FloatArray) -> Places:
        x, y = self.frame.easting_northing_m(*np.meshgrid(lon, lat))
        return np.stack([x, y, *self.sampler.positions(x, y)])

    def _fitted(self, lon: FloatArray, lat: FloatArray) -> Places | None:
        (across, lon_nodes), (up, lat_nodes) = _interpolation(lon), _interpolation(lat)
        fitted: Places = up @ self._exact(lon_nodes, lat_nodes) @ across.T
        rows, columns = np.linspace(0, lat.size - 1, 5).astype(int), np.linspace(0, lon.size - 1, 5).astype(int)
        off = np.abs(fitted[:, rows[:, np.newaxis], columns] - self._exact(lon[columns], lat[rows]))
        allowed = np.concatenate([[_FIT_TOLERANCE_M] * 2, self.sampler.position_steps() * _FIT_TOLERANCE_PX])
        return fitted if bool((off < allowed[:, np.newaxis, np.newaxis]).all()) else None


def _interpolation(axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the matrix from values at Chebyshev nodes over ``axis`` to values at its points, and the nodes."""
    nodes = chebyshev.chebpts1(_FIT_DEGREE + 1)
    half, middle = max((axis[-1] - axis[0]) / 2, 1e-12), (axis[-1] + axis[0]) / 2
    matrix = chebyshev.chebvander((axis - middle) / half, _FIT_DEGREE) @ np.linalg.inv(chebyshev.chebvander(nodes, _FIT_DEGREE))
    return matrix, middle + nodes * half


def ground_surface(sampler: GroundSampler, frame: Frame) -> GroundSurface:
    """Return the surface over ``sampler``; looks once at a coarse grid of it to know where heights are."""
    outlines = sampler.outlines_m()
    x, y = np.concatenate([o[0] for o in outlines]), np.concatenate([o[1] for o in outlines])
    bounds = float(np.nanmin(x)), float(np.nanmin(y)), float(np.nanmax(x)), float(np.nanmax(y))
    reach = bounds[0] - FADE_M, bounds[1] - FADE_M, bounds[2] + FADE_M, bounds[3] + FADE_M
    fill = _nearest_heights(sampler, bounds)
    return GroundSurface(sampler, frame, fill, _extent_deg(frame, bounds), _extent_deg(frame, reach))


def _nearest_heights(sampler: GroundSampler, bounds_m: tuple[float, float, float, float]) -> NearestHeights:
    west, south, east, north = bounds_m
    step = max(east - west, north - south) / _FILL_NODES
    x, y = np.meshgrid(np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step))
    nodes = np.stack([x.ravel(), y.ravel(), *sampler.positions(x.ravel(), y.ravel())])
    known = np.isfinite(sampler.height_at_m(nodes[2:]))
    nearest = np.where(known, np.arange(known.size), -1)
    flood(nearest, x.shape[1])
    return NearestHeights(west + step / 2, south + step / 2, step, x.shape[1], nodes, nearest)


def _extent_deg(frame: Frame, bounds_m: tuple[float, float, float, float]) -> Extent:
    x = np.linspace(bounds_m[0], bounds_m[2], 33)
    y = np.linspace(bounds_m[1], bounds_m[3], 33)
    lon, lat = frame.lon_lat_deg(*np.meshgrid(x, y))
    return float(np.nanmin(lon)), float(np.nanmin(lat)), float(np.nanmax(lon)), float(np.nanmax(lat))
