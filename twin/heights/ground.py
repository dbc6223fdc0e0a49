"""Ground height from the elevation coverages of a revision, asked in the storage CRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.crs import Extent, FloatArray, Operation, StorageCrs, operation
from twin.heights.coverage import BlockCache, Coverage, interpolate_known_m

type Positions = Sequence[FloatArray] | FloatArray
"""The same points in each CRS of the coverages: x, y, x, y, …"""


@dataclass(frozen=True)
class GroundSampler:
    """Samples coverages in order of priority: the first that has a height at a point gives it.

    A city's elevation model comes as hundreds of sheets: points are transformed once for each CRS among them, and sheets
    that the points do not touch cost a comparison.
    """

    coverages: tuple[Coverage, ...]
    operations: tuple[Operation, ...]
    """Storage CRS → CRS of coverages, one for each CRS."""
    systems: tuple[int, ...]
    """For each coverage the number of its operation."""

    @staticmethod
    def over(coverages: Sequence[Coverage], storage: StorageCrs, area_deg: Extent | None = None) -> GroundSampler:
        """Return a sampler over ``coverages``, highest priority first; CrsError when one cannot be reached exactly."""
        cache = BlockCache()
        names = list(dict.fromkeys(c.crs.to_wkt() for c in coverages))
        reached = [next(c.crs for c in coverages if c.crs.to_wkt() == name) for name in names]
        return GroundSampler(
            tuple(c.sharing(cache) for c in coverages),
            tuple(operation(storage.crs, crs.to_2d(), area_deg) for crs in reached),
            tuple(names.index(c.crs.to_wkt()) for c in coverages),
        )

    def part(self, numbers: Sequence[int]) -> GroundSampler:
        """Return a sampler over some of the coverages, in their order, for positions of this one."""
        return GroundSampler(tuple(self.coverages[i] for i in numbers), self.operations, tuple(self.systems[i] for i in numbers))

    def height_m(self, easting_m: npt.ArrayLike, northing_m: npt.ArrayLike) -> FloatArray:
        """Return H in metres at points of the storage CRS (any shape), bilinear; NaN where no coverage has a height."""
        easting, northing = np.broadcast_arrays(np.asarray(easting_m, np.float64), np.asarray(northing_m, np.float64))
        return self.height_at_m(self.positions(easting, northing))

    def positions(self, easting_m: FloatArray, northing_m: FloatArray) -> tuple[FloatArray, ...]:
        """Return points of the storage CRS in each CRS of the coverages, as (x, y, x, y, …)."""
        return tuple(axis for to_system in self.operations for axis in to_system.transform(easting_m, northing_m))

    def height_at_m(self, positions: Positions) -> FloatArray:
        """Return H at what ``positions`` returned; for callers that interpolate positions over an area."""
        shape = positions[0].shape
        flat = [np.asarray(axis).reshape(-1) for axis in positions]
        heights = np.full(flat[0].size, np.nan)
        missing = np.arange(heights.size)
        boxes = [_box(flat[2 * i], flat[2 * i + 1]) for i in range(len(self.operations))]
        for coverage, system in zip(self.coverages, self.systems, strict=True):
            if not coverage.touches(boxes[system]):
                continue
            x, y = flat[2 * system][missing], flat[2 * system + 1][missing]
            near = coverage.near(x, y)
            if near.any():
                touched = missing[near]
                column, row = coverage.pixel(x[near], y[near])
                found = coverage.bilinear_m(column, row)
                seam = coverage.border(column, row) & np.isfinite(found)
                if seam.any() and self.systems.count(system) > 1:
                    across = self._across_seam_m(coverage, system, column[seam], row[seam])
                    found[seam] = np.where(np.isnan(across), found[seam], across)
                heights[touched] = found
                missing = missing[np.isnan(heights[missing])]
                if not len(missing):
                    break
        return heights.reshape(shape)

    def _across_seam_m(self, coverage: Coverage, system: int, column: FloatArray, row: FloatArray) -> FloatArray:
        """Return heights in the outer half of border pixels of ``coverage``, with the sheets beside it as neighbours."""
        left, top = np.floor(column), np.floor(row)
        corners = np.full((4, column.size), np.nan)
        for corner, (right, below) in zip(corners, ((0, 0), (1, 0), (0, 1), (1, 1)), strict=True):
            x, y = coverage.position(left + right, top + below)
            for other, other_system in zip(self.coverages, self.systems, strict=True):
                wanted = np.isnan(corner) & other.near(x, y) if other_system == system else np.zeros(x.shape, bool)
                if wanted.any():
                    corner[wanted] = other.bilinear_m(*other.pixel(x[wanted], y[wanted]))
        return interpolate_known_m(corners, column - left, row - top)

    @property
    def range_m(self) -> tuple[float, float]:
        """Lowest and highest H of all coverages."""
        return min(c.statistics.minimum_m for c in self.coverages), max(c.statistics.maximum_m for c in self.coverages)

    def are_degrees(self) -> tuple[bool, ...]:
        """Return for each CRS of the coverages whether its units are degrees."""
        geographic = {system: coverage.crs.is_geographic for coverage, system in zip(self.coverages, self.systems, strict=True)}
        return tuple(bool(geographic[system]) for system in range(len(self.operations)))

    def outlines_m(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """Return the border of each coverage as eastings and northings of the storage CRS (17 points a side)."""
        outlines = []
        for coverage, system in zip(self.coverages, self.systems, strict=True):
            t = np.linspace(0.0, 1.0, 17)
            across, down = t * coverage.width - 0.5, t * coverage.height - 0.5
            column = np.concatenate([across, np.full(17, across[-1]), across[::-1], np.full(17, across[0])])
            row = np.concatenate([np.full(17, down[0]), down, np.full(17, down[-1]), down[::-1]])
            outlines.append(self.operations[system].inverse(*coverage.position(column, row)))
        return tuple(outlines)

    def resolutions_m(self) -> tuple[float, ...]:
        """Return the pixel size of each coverage, measured in the storage CRS at its middle."""
        sizes = []
        for coverage, system in zip(self.coverages, self.systems, strict=True):
            column, row = coverage.width / 2, coverage.height / 2
            x, y = self.operations[system].inverse(*coverage.position([column, column + 1, column], [row, row, row + 1]))
            sizes.append(float(max(np.hypot(x[1] - x[0], y[1] - y[0]), np.hypot(x[2] - x[0], y[2] - y[0]))))
        return tuple(sizes)


def _box(x: FloatArray, y: FloatArray) -> tuple[float, float, float, float]:
    if not np.isfinite(x).any():
        return np.inf, np.inf, -np.inf, -np.inf
    return float(np.nanmin(x)), float(np.nanmin(y)), float(np.nanmax(x)), float(np.nanmax(y))
