"""How the vertices of a batch of areas divide into rings, polygons and rows; no geometry is made anew to know it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ingest.readers.source import Geometries

Counts = npt.NDArray[np.int64]
_MULTIPOLYGON = 6


@dataclass(frozen=True, slots=True)
class Rings:
    """The rings of a batch of polygons: how many vertices each has, how many a polygon has, how many polygons a row has."""

    vertices: Counts
    of_polygon: Counts
    of_row: Counts

    def rows(self) -> Counts:
        """Return the row of each ring."""
        row_of_polygon = np.repeat(np.arange(len(self.of_row)), self.of_row)
        return np.repeat(row_of_polygon, self.of_polygon)


def rings_of(geometry: Geometries) -> Rings:
    """Return the rings of polygons and multipolygons in the order of their coordinates; none may be missing or empty."""
    polygons, of_row = geometry, np.ones(len(geometry), np.int64)
    if (shapely.get_type_id(geometry) == _MULTIPOLYGON).any():
        polygons, row = shapely.get_parts(geometry, return_index=True)
        of_row = np.bincount(row, minlength=len(geometry))
    of_polygon = 1 + shapely.get_num_interior_rings(polygons).astype(np.int64)
    with_holes = of_polygon > 1
    vertices = np.repeat(shapely.get_num_coordinates(polygons).astype(np.int64), of_polygon)
    if with_holes.any():
        vertices[np.repeat(with_holes, of_polygon)] = shapely.get_num_coordinates(shapely.get_rings(polygons[with_holes]))
    return Rings(vertices, of_polygon, of_row)
