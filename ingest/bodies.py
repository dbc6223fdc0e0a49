"""The 3D of source rows on its way out of the sandbox: placed in the storage CRS, measured, and encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.body_arrays import VERTEX, BodyArrays, laid_out
from ingest.checks.values import FieldValues
from ingest.georeference import Georeference
from ingest.json_texts import without_nul
from ingest.protocol import REPRESENTATIONS, Limits
from ingest.readers.source import Fault, SourceBatch
from twin.errors import Text
from twin.model import FeatureType
from twin.representation import MOST_EXTENT_M

FloatArray = npt.NDArray[np.float64]
_OUTSIDE = Text(zh="三维几何的顶点超出本部署范围或坐标系适用范围", en="a vertex of the 3D geometry lies outside the deployment or its CRS")
_FAR_APART = Text(zh="三维几何的顶点相距超过 2147 公里", en="vertices of the 3D geometry lie more than 2,147 km apart")
_LEAST_HEIGHT_M = 0.1
"""What is lower is an outline, not a body."""
MEASURED = "geometry"
"""Code of a height that was taken from the 3D geometry."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """The representations of a batch in the storage CRS, and what they say of their rows."""

    representations: BodyArrays
    faults: tuple[Fault, ...]
    base_m: FloatArray
    """Per row the lowest height of its highest level of detail; NaN where it has no body."""
    height_m: FloatArray


def place_bodies(batch: SourceBatch, placing: Georeference, limits: Limits) -> Bodies:
    """Return the representations of ``batch`` with every vertex in the storage CRS and the deployment's heights.

    A row with a vertex that cannot be placed, with vertices too far apart to be stored, or with more of them than allowed is a fault.
    """
    rows = len(batch.rows)
    base_m, height_m = np.full(rows, np.nan), np.full(rows, np.nan)
    bodies = laid_out(batch.representations)
    if not len(bodies):
        return Bodies(bodies, (), base_m, height_m)
    boxes = bodies.boxes() if placing.keeps_vertices else None
    moved, good = (bodies, placing.holds(*boxes)) if boxes is not None else _moved(bodies, placing)
    low, high = boxes if boxes is not None else _boxes(moved)
    far = good & (high > low + MOST_EXTENT_M).any(axis=1)
    total = np.bincount(bodies.row, weights=bodies.sizes(VERTEX), minlength=rows)
    faults = [Fault(int(i), "area-of-use", _OUTSIDE) for i in np.unique(bodies.row[~good])]
    faults += [Fault(int(i), "area-of-use", _FAR_APART) for i in np.unique(bodies.row[far])]
    faults += [Fault(int(i), "geometry-limit", _too_many(int(total[i]))) for i in np.flatnonzero(total > limits.vertices_per_feature)]
    kept = ~np.isin(bodies.row, [f.index for f in faults])
    placed = moved.taken(kept) if faults else moved
    base_m[placed.row], height_m[placed.row] = low[kept, 2], high[kept, 2] - low[kept, 2]  # levels of one row rise: the last one stays
    return Bodies(placed, tuple(faults), base_m, height_m)


def _moved(bodies: BodyArrays, placing: Georeference) -> tuple[BodyArrays, npt.NDArray[np.bool_]]:
    """Return the bodies where they are stored, and which of them lie where they may."""
    vertices, ok = placing.place_vertices(bodies.vertices)
    return bodies.with_vertices(vertices), np.logical_and.reduceat(ok, bodies.start[:-1, VERTEX])


def _boxes(bodies: BodyArrays) -> tuple[FloatArray, FloatArray]:
    starts = bodies.start[:-1, VERTEX]
    return np.minimum.reduceat(bodies.vertices, starts), np.maximum.reduceat(bodies.vertices, starts)


def with_measured_heights(columns: Mapping[str, FieldValues], bodies: Bodies, feature_type: FeatureType) -> dict[str, FieldValues]:
    """Return the columns with base height and height taken from the 3D where the attributes give none, and said so.

    With a base height among the attributes (the ground), the height is that of the highest vertex above it; but of the body
    alone where the whole body lies below its own ground.
    """
    result = dict(columns)
    base, height = feature_type.recipe_fields.get("base", ""), feature_type.recipe_fields.get("height", "")
    body = bodies.height_m >= _LEAST_HEIGHT_M
    if not body.any() or base not in columns or height not in columns:
        return result
    base_m = _or_else(columns[base], np.where(body, bodies.base_m, np.nan))
    top_m = np.where(body, bodies.base_m + bodies.height_m, np.nan)
    above_m = np.where(top_m - base_m >= _LEAST_HEIGHT_M, top_m - base_m, np.where(body, bodies.height_m, np.nan))
    height_m = _or_else(columns[height], above_m)
    measured = _is_missing(columns[height]) & ~np.isnan(height_m)
    result[base] = replace(columns[base], values=_numbers(base_m))
    result[height] = replace(columns[height], values=_numbers(height_m))
    for field in feature_type.fields:
        if field.derived == "building_height" and field.type == "code" and field.name in columns:
            own = columns[field.name]
            result[field.name] = replace(own, values=pc.if_else(pa.array(measured), MEASURED, own.values))
    return result


def representations_table(bodies: Bodies, rows: npt.NDArray[np.int64], keep: npt.NDArray[np.bool_]) -> pa.RecordBatch | None:
    """Return the representations of the rows that are kept, in the layout of `REPRESENTATIONS`."""
    kept = bodies.representations.taken(keep[bodies.representations.row])
    if not len(kept):
        return None
    columns = [
        pa.array(rows[kept.row], pa.int64()),
        pa.array(kept.lod, pa.string()),
        kept.encoded(),
        without_nul(kept.surface_attributes),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REPRESENTATIONS)


def _is_missing(column: FieldValues) -> npt.NDArray[np.bool_]:
    missing: npt.NDArray[np.bool_] = pc.is_null(column.values).to_numpy(zero_copy_only=False) & ~column.bad
    return missing


def _or_else(column: FieldValues, other_m: FloatArray) -> FloatArray:
    own: FloatArray = column.values.to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(_is_missing(column), np.round(other_m, 3), own)


def _numbers(values: FloatArray) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)


def _too_many(vertices: int) -> Text:
    return Text(zh=f"三维几何有 {vertices} 个顶点，超过上限", en=f"the 3D geometry has {vertices} vertices, more than allowed")
