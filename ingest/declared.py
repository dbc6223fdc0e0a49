"""What a surveyor declares of one part, applied to what its reader gives: CRS and heights, the order of axes, units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from ingest.body_arrays import BodyArrays, laid_out
from ingest.checks.values import FieldValues
from ingest.georeference import Georeference
from ingest.protocol import PartRequest, ReadRequest
from ingest.readers.source import Geometries, Representation, SourceBatch, SourceLayer
from twin.errors import Text
from twin.model import Field

_ELEVATIONS = frozenset({"elevation_m", "base_height_m"})
"""Fields that hold heights above the datum, besides those that end so; all others are measured from something else."""


def request_for(request: ReadRequest, part: PartRequest) -> ReadRequest:
    """Return ``request`` with what is declared for ``part`` alone in place of what is declared for the file."""
    return replace(
        request,
        crs=part.reading.crs or request.crs,
        vertical=part.reading.vertical or request.vertical,
        height_offset_m=part.reading.height_offset_m or request.height_offset_m,
    )


def in_order(batch: SourceBatch, part: PartRequest, source: SourceLayer) -> SourceBatch:
    """Return ``batch`` with the easting first, where the part is declared to have the northing first and its reader minds no such thing."""
    if part.reading.axes != "yx" or source.axes_in_order:
        return batch
    return replace(
        batch,
        geometry=_swapped(batch.geometry),
        representations=_swapped_bodies(batch.representations),
        areas=None if batch.areas is None else batch.areas.swapped(),
        paths=None if batch.paths is None else batch.paths.swapped(),
    )


def lifted(columns: Mapping[str, FieldValues], placing: Georeference, geometry: Geometries) -> dict[str, FieldValues]:
    """Return the columns with every height above the datum brought to the deployment's, as the geometry's heights will be."""
    chosen = [name for name, column in columns.items() if is_elevation(column.field) and column.source is not None]
    if not chosen or not placing.changes_heights:
        return dict(columns)
    lift_m = pa.array(placing.lift_m(geometry), from_pandas=True)
    return dict(columns) | {name: replace(columns[name], values=pc.add(columns[name].values, lift_m)) for name in chosen}


def is_elevation(field: Field) -> bool:
    """Return whether a field holds heights above the vertical datum."""
    return field.type == "number" and field.unit == "m" and (field.name in _ELEVATIONS or field.name.endswith("_elevation_m"))


def unit_notes(factors: Mapping[str, float], mapping: Mapping[str, str]) -> tuple[Text, ...]:
    """Return what the surveyor is told of columns that are in another unit than their fields."""
    names = {field: column for column, field in mapping.items()}
    return tuple(
        Text(
            zh=f"列“{names[f]}”的数值乘以 {by:g} 换算",
            en=f"numbers of column {names[f]!r} are converted, times {by:g}",
        )
        for f, by in factors.items()
    )


def _swapped(geometry: Geometries) -> Geometries:
    """Return geometries with first and second coordinate exchanged."""
    result: Geometries = shapely.transform(geometry, lambda c: c[:, [1, 0, *range(2, c.shape[1])]], include_z=True)
    flat = ~shapely.has_z(geometry) & ~shapely.is_missing(geometry)
    result[flat] = shapely.force_2d(result[flat])
    return result


def _swapped_bodies(bodies: Sequence[Representation]) -> BodyArrays:
    arrays = laid_out(bodies)
    return arrays.with_vertices(np.ascontiguousarray(arrays.vertices[:, [1, 0, 2]]))
