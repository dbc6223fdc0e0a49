"""Which points and lines of a batch certainly break no geometry rule: they are stored without a geometry being made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import shapely

from ingest import compiled_paths as kernels
from ingest.checks.rules import Severities
from ingest.checks.values import FieldValues
from ingest.elevation import OF_PATHS, VOID_M, heights_of_points, keep_their_profile
from ingest.georeference import Georeference
from ingest.paths import LINE, POINT, Mask, Paths, paths_of
from ingest.protocol import Limits
from twin.model import FeatureType

_MOST_VERTICES = 64
"""Every edge of a line is held against every other: beyond so many a sweep, as GEOS does it, is quicker."""


@dataclass(frozen=True, slots=True)
class SurePaths:
    """Rows of a batch that break no geometry rule, in the storage CRS, at the heights that they are stored with."""

    paths: Paths
    is_sure: Mask
    """Of every row of the batch."""
    with_z: bool

    def place_of(self, index: int) -> tuple[float, float]:
        """Return the first vertex of the row at a position of the batch."""
        return self.paths.first_place(int(np.searchsorted(self.paths.rows, index)))

    def encoded(self, keep: Mask, srid: int) -> pa.Array:
        """Return the EWKB of those that are kept, in order."""
        return self.paths.of(keep[self.paths.rows]).encoded(srid, with_z=self.with_z)


def sure_paths(
    paths: Paths, rows: int, columns: Mapping[str, FieldValues], feature_type: FeatureType, placing: Georeference, limits: Limits
) -> SurePaths:
    """Return which ``paths`` of a batch of ``rows`` break no geometry rule, and have the heights that their attributes say.

    ``placing`` is one that changes no heights.
    """
    placed, good = _placed(paths.of(paths.kinds == (POINT if feature_type.geometry_type == "Point" else LINE)), placing)
    if feature_type.geometry_type == "LineString":
        parameter = Severities.of(feature_type).number
        least_edge_m = max(parameter("repeated-vertex", "tolerance_m"), parameter("short-segment", "length_m"))
        spike_cosine = float(np.cos(np.radians(parameter("spike", "angle_deg"))))
        most_vertices = min(limits.vertices_per_feature, _MOST_VERTICES)
        kernels.well_shaped(placed.xyz, placed.starts, most_vertices, least_edge_m, spike_cosine, good)
    if feature_type.has_z:
        given = {name: columns[name] for name in OF_PATHS if name in columns}
        own = {name: replace(c, values=c.values.take(pa.array(placed.rows))) for name, c in given.items()}
        placed, as_given = _with_heights(placed, columns if len(placed) == rows else own, feature_type)
        good &= as_given
    is_sure = np.zeros(rows, dtype=bool)
    is_sure[placed.rows[good]] = True
    return SurePaths(placed.of(good), is_sure, feature_type.has_z)


def ready() -> None:
    """Have the loops compiled, or read from where they were kept, before the doors close."""
    shapes = [shapely.Point(1, 2), shapely.LineString([(0, 0), (1, 0), (2, 1), (3, 5)])]
    paths = paths_of(pa.array([shapely.to_wkb(shape) for shape in shapes], pa.binary()))
    kernels.well_shaped(paths.xyz, paths.starts, _MOST_VERTICES, 0.0, 1.0, np.ones(len(paths), dtype=bool))
    paths.encoded(0, with_z=True)
    kernels.lengths_along(np.zeros((1, 2)), np.zeros(1, np.int64), np.empty(1))


def _placed(paths: Paths, placing: Georeference) -> tuple[Paths, Mask]:
    """Return the rows in the storage CRS, and which lie where they may and have heights that are no marks for none."""
    of_vertex = ~(paths.xyz[:, 2] <= VOID_M)
    if placing.is_unchanged:
        west, south, east, north = placing.bounds_m
        x, y = paths.xyz[:, 0], paths.xyz[:, 1]
        return paths, _all(paths, of_vertex & (x >= west) & (x <= east) & (y >= south) & (y <= north))
    has_z = np.repeat(paths.has_z, paths.vertices)
    xyz = np.full(paths.xyz.shape, np.nan)
    for chosen, axes in ((has_z, 3), (~has_z, 2)):
        if chosen.any():
            xyz[chosen, :axes], there = placing.place_vertices(paths.xyz[chosen, :axes])
            of_vertex[chosen] &= there
    return replace(paths, xyz=xyz), _all(paths, of_vertex)


def _with_heights(paths: Paths, columns: Mapping[str, FieldValues], feature_type: FeatureType) -> tuple[Paths, Mask]:
    """Return the rows at the heights that they are stored with, and of which these are simply those of source and attributes."""
    z_m = paths.xyz[:, 2]
    if feature_type.geometry_type == "Point":
        z_m, as_given = heights_of_points(z_m, columns)
    else:
        as_given = keep_their_profile(z_m[paths.starts[:-1]], z_m[paths.starts[1:] - 1], columns)
        z_m = np.nan_to_num(z_m)
    return replace(paths, xyz=np.column_stack([paths.xyz[:, :2], z_m])), as_given


def _all(paths: Paths, of_vertex: Mask) -> Mask:
    """Return for which rows something is so of every vertex."""
    if of_vertex.all():
        return np.ones(len(paths), dtype=bool)
    result: Mask = np.logical_and.reduceat(of_vertex, paths.starts[:-1])
    return result
