"""Which areas of a batch certainly break no geometry rule: they are stored without a geometry being made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import shapely

from ingest import compiled_areas as kernels
from ingest.areas import Areas, Floats, Mask, areas_of
from ingest.checks.rules import Severities
from ingest.checks.values import FieldValues
from ingest.elevation import VOID_M, base_heights_m
from ingest.georeference import Georeference
from ingest.protocol import Limits
from twin.model import FeatureType

_MOST_VERTICES = 1000
"""At worst every edge of a row is held against every other: so many take a millisecond or two each time, as they do with GEOS."""
Parameters = Callable[[str, str], float]
"""(rule, parameter) → its value for the FeatureType."""


@dataclass(frozen=True, slots=True)
class SureAreas:
    """Rows of a batch that break no geometry rule, in the storage CRS."""

    areas: Areas
    is_sure: Mask
    """Of every row of the batch."""
    base_m: Floats | None
    """Of every row of the batch the height of vertices without any, NaN where that is not given; None where the type is flat."""

    def place_of(self, index: int) -> tuple[float, float]:
        """Return the first vertex of the row at a position of the batch."""
        return self.areas.first_place(int(np.searchsorted(self.areas.rows, index)))

    def encoded(self, keep: Mask, srid: int) -> pa.Array:
        """Return the EWKB of those that are kept, in order."""
        kept = self.areas.of(keep[self.areas.rows])
        return kept.encoded(srid, None if self.base_m is None else self.base_m[kept.rows])


def sure_areas(
    areas: Areas, outlined: Mask, columns: Mapping[str, FieldValues], feature_type: FeatureType, placing: Georeference, limits: Limits
) -> SureAreas:
    """Return which ``areas`` of a batch break no geometry rule; ``placing`` is one that changes no heights.

    ``outlined`` are those of all rows whose area is the outline of a body: shape rules are not for them.
    """
    rows = len(outlined)
    placed, good = _sure(areas, outlined[areas.rows], placing, Severities.of(feature_type).number, limits.vertices_per_feature)
    is_sure = np.zeros(rows, dtype=bool)
    is_sure[placed.rows[good]] = True
    return SureAreas(placed.of(good), is_sure, base_heights_m(columns, feature_type, rows) if feature_type.has_z else None)


def sound(areas: Areas, most_vertices: int = _MOST_VERTICES) -> Mask:
    """Return which areas certainly are valid polygons; one of more vertices is never sure."""
    good = np.empty(len(areas), np.bool_)
    kernels.sound(areas.xyz, areas.ring_starts, areas.row_starts, most_vertices, good)
    return good


def _sure(areas: Areas, outlined: Mask, placing: Georeference, parameter: Parameters, most_vertices: int) -> tuple[Areas, Mask]:
    """Return the areas in the storage CRS, and which of them certainly break no geometry rule, neither as handed over nor as stored."""
    good = areas.vertices <= most_vertices if areas.are_sound else sound(areas, min(most_vertices, _MOST_VERTICES))
    flat = np.isnan(areas.xyz[:, 2])
    good &= _all(areas, flat) | _all(areas, np.isfinite(areas.xyz[:, 2]) & (areas.xyz[:, 2] > VOID_M))
    if not placing.is_unchanged:
        moved, there = placing.place_vertices(areas.xyz[:, :2])
        areas = replace(areas, xyz=np.column_stack([moved, areas.xyz[:, 2]]), are_sound=False)
        good &= _all(areas, there)
        good &= sound(areas)
    else:
        west, south, east, north = placing.bounds_m
        x, y = areas.xyz[:, 0], areas.xyz[:, 1]
        good &= _all(areas, (x >= west) & (x <= east) & (y >= south) & (y <= north))
    if outlined.all():
        return areas, good
    least_edge_m = max(parameter("repeated-vertex", "tolerance_m"), parameter("short-segment", "length_m"))
    spike_cosine = float(np.cos(np.radians(parameter("spike", "angle_deg"))))
    least = (least_edge_m, spike_cosine, parameter("sliver", "width_m"), parameter("tiny-hole", "area_m2"))
    shaped = good.copy()
    kernels.well_shaped(areas.xyz, areas.ring_starts, areas.row_starts, *least, shaped)
    return areas, shaped | (good & outlined)


def ready() -> None:
    """Have the loops compiled, or read from where they were kept, before the doors close."""
    areas = areas_of(pa.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], pa.binary()))
    good = sound(areas)
    kernels.well_shaped(areas.xyz, areas.ring_starts, areas.row_starts, 0.0, 1.0, 0.0, 0.0, good)
    areas.encoded(0, np.zeros(len(areas)))


def _all(areas: Areas, of_vertex: Mask) -> Mask:
    """Return for which rows something is so of every vertex."""
    if of_vertex.all():
        return np.ones(len(areas), dtype=bool)
    result: Mask = np.logical_and.reduceat(of_vertex, areas.vertex_starts[:-1])
    return result
