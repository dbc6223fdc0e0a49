"""Where a point cloud has points: the square cells of a grid that hold one, and their outline."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

CELL_M = 10.0
_MOST_CELLS = 50_000
_HALF = 1 << 30


class OccupiedCells:
    """Cells of 10 m that hold a point; doubled in size as often as keeps their number below 50 000."""

    def __init__(self) -> None:
        self._cells = np.empty((0, 2), np.int64)
        self._size_m = CELL_M

    def add(self, places: npt.NDArray[np.float64]) -> None:
        """Note points, (n, 2) in metres."""
        self._join(np.floor(places / self._size_m).astype(np.int64))
        while len(self._cells) > _MOST_CELLS:
            self._size_m *= 2
            halves, self._cells = self._cells >> 1, self._cells[:0]
            self._join(halves)

    def _join(self, cells: npt.NDArray[np.int64]) -> None:
        """Add cells, each once; a pair is compared as one number, which is quicker than by rows."""
        both = np.concatenate([self._cells, cells]) + _HALF
        unique = np.unique(both[:, 0] << 32 | both[:, 1])
        self._cells = np.column_stack([unique >> 32, unique & 0xFFFFFFFF]) - _HALF

    @property
    def area_m2(self) -> float:
        """Return the area of all cells."""
        return len(self._cells) * self._size_m**2

    def footprint(self, srid: int) -> bytes:
        """Return the outline of the cells as EWKB MultiPolygon, counted from the origin of the CRS ``srid``."""
        low, high = self._cells * self._size_m, (self._cells + 1) * self._size_m
        joined = shapely.coverage_union_all(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]))
        outline = shapely.set_srid(shapely.multipolygons(shapely.get_parts(shapely.normalize(joined))), srid)
        footprint: bytes = shapely.to_wkb(outline, output_dimension=2, byte_order=1, include_srid=True, flavor="extended")
        return footprint
