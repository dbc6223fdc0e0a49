"""Ground height from the elevation coverages of a revision, asked in the storage CRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.crs import Extent, FloatArray, Operation, StorageCrs, operation
from twin.heights.coverage import Coverage


@dataclass(frozen=True)
class GroundSampler:
    """Samples coverages in order of priority: the first that has a height at a point gives it."""

    coverages: tuple[Coverage, ...]
    operations: tuple[Operation, ...]
    """Storage CRS → CRS of the coverage, one each."""

    @staticmethod
    def over(coverages: Sequence[Coverage], storage: StorageCrs, area_deg: Extent | None = None) -> GroundSampler:
        """Return a sampler over ``coverages``, highest priority first; CrsError when one cannot be reached exactly."""
        return GroundSampler(tuple(coverages), tuple(operation(storage.crs, c.crs.to_2d(), area_deg) for c in coverages))

    def height_m(self, easting_m: npt.ArrayLike, northing_m: npt.ArrayLike) -> FloatArray:
        """Return H in metres at points of the storage CRS (any shape), bilinear; NaN where no coverage has a height."""
        easting, northing = np.broadcast_arrays(np.asarray(easting_m, np.float64), np.asarray(northing_m, np.float64))
        return self.height_at_pixels_m(self.pixels(easting, northing))

    def pixels(self, easting_m: FloatArray, northing_m: FloatArray) -> tuple[FloatArray, ...]:
        """Return fractional column and row of points in each coverage, as (column, row, column, row, …)."""
        found: list[FloatArray] = []
        for coverage, to_coverage in zip(self.coverages, self.operations, strict=True):
            found += coverage.pixel(*to_coverage.transform(easting_m, northing_m))
        return tuple(found)

    def height_at_pixels_m(self, pixels: Sequence[FloatArray] | FloatArray) -> FloatArray:
        """Return H at what ``pixels`` returned; for callers that interpolate pixels over an area instead of transforming."""
        shape = pixels[0].shape
        heights = np.full(pixels[0].size, np.nan)
        missing = np.arange(heights.size)
        for number, coverage in enumerate(self.coverages):
            column, row = pixels[2 * number].reshape(-1)[missing], pixels[2 * number + 1].reshape(-1)[missing]
            heights[missing] = coverage.bilinear_m(column, row)
            missing = missing[np.isnan(heights[missing])]
            if not len(missing):
                break
        return heights.reshape(shape)

    @property
    def range_m(self) -> tuple[float, float]:
        """Lowest and highest H of all coverages."""
        return min(c.statistics.minimum_m for c in self.coverages), max(c.statistics.maximum_m for c in self.coverages)

    def outline_m(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """Return the border of each coverage as eastings and northings of the storage CRS (65 points a side)."""
        outlines = []
        for coverage, to_coverage in zip(self.coverages, self.operations, strict=True):
            t = np.linspace(0.0, 1.0, 65)
            across, down = t * coverage.width - 0.5, t * coverage.height - 0.5
            column = np.concatenate([across, np.full(65, across[-1]), across[::-1], np.full(65, across[0])])
            row = np.concatenate([np.full(65, down[0]), down, np.full(65, down[-1]), down[::-1]])
            outlines.append(to_coverage.inverse(*coverage.position(column, row)))
        return tuple(outlines)

    def resolution_m(self) -> float:
        """Return the finest pixel size among the coverages, measured in the storage CRS at the middle of each."""
        sizes = []
        for coverage, to_coverage in zip(self.coverages, self.operations, strict=True):
            column, row = coverage.width / 2, coverage.height / 2
            x, y = to_coverage.inverse(*coverage.position([column, column + 1, column], [row, row, row + 1]))
            sizes.append(max(np.hypot(x[1] - x[0], y[1] - y[0]), np.hypot(x[2] - x[0], y[2] - y[0])))
        return float(min(sizes))
