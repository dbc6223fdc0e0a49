"""The child's part of understanding a file: the first rows of every layer, taken through the reader's own interface."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import shapely

from ingest.protocol import FileInfo, LayerInfo, PartRequest
from ingest.readers.source import FeatureReader, Geometries, SourceBatch
from ingest.understanding.sample import SAMPLED_ROWS, Cell, ColumnSample, LayerSample
from twin.errors import Text, TwinError
from twin.featuretypes.plain import plain_areas
from twin.model import GeometryType

_MAX_LAYERS = 64
_MAX_COLUMNS = 200
_TEXT_LENGTH = 200
_ANY = plain_areas("any", Text("", ""), has_z=True)
"""What a layer is opened as while nobody knows what it is."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """The first rows of a table whose coordinates stand in columns: its batches hold points of (column X, column Y)."""

    batches: Iterable[SourceBatch]
    axes_named: bool
    """Whether the columns are called easting and northing; they are then in that order."""


@runtime_checkable
class SampledReader(Protocol):
    """A reader that cannot open a layer before it knows what it is, and shows its rows all the same."""

    def sample(self, layer: str) -> Sampled:
        """Return the first rows of a layer."""
        ...


def with_samples(reader: FeatureReader, info: FileInfo) -> FileInfo:
    """Return ``info`` with a sample of each layer (of the first 64); a layer that cannot be read has none."""
    sampled = [_with_sample(reader, layer) for layer in info.layers[:_MAX_LAYERS]]
    return replace(info, layers=(*sampled, *info.layers[_MAX_LAYERS:]))


def _with_sample(reader: FeatureReader, layer: LayerInfo) -> LayerInfo:
    try:
        if isinstance(reader, SampledReader):
            found = reader.sample(layer.name)
            return replace(layer, sample=sample_of(found.batches, axes_named=found.axes_named))
        opened = reader.open(PartRequest(layer.name, replace(_ANY, geometry_type=_shape(layer)), _ANY.name))
        return replace(layer, sample=sample_of(opened.batches()))
    except TwinError:
        return layer


def _shape(layer: LayerInfo) -> GeometryType:
    kind = (layer.geometry_type or "").casefold()
    return "Point" if "point" in kind else "LineString" if "line" in kind else "MultiPolygon"


def sample_of(batches: Iterable[SourceBatch], *, axes_named: bool = False) -> LayerSample:
    """Return the first `SAMPLED_ROWS` rows of ``batches`` as plain values."""
    taken = list(_first(batches))
    names = list(dict.fromkeys(name for batch, _ in taken for name in batch.columns))[:_MAX_COLUMNS]
    columns = tuple(ColumnSample(n, tuple(itertools.chain(*(_cells(batch, n, count) for batch, count in taken)))) for n in names)
    shapes = np.concatenate([batch.with_geometries().geometry[:count] for batch, count in taken]) if taken else np.empty(0, dtype=object)
    return LayerSample(len(shapes), columns, *_places(shapes), axes_named=axes_named)


def _first(batches: Iterable[SourceBatch]) -> Iterator[tuple[SourceBatch, int]]:
    missing = SAMPLED_ROWS
    for batch in batches:
        count = min(missing, len(batch.rows))
        yield batch, count
        missing -= count
        if missing == 0:
            return


def _cells(batch: SourceBatch, name: str, count: int) -> Sequence[Cell]:
    if name not in batch.columns:
        return [None] * count
    return [_cell(v) for v in batch.columns[name].slice(0, count).to_pylist()]


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str):
        return value[:_TEXT_LENGTH]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else None


def _places(
    shapes: Geometries,
) -> tuple[tuple[tuple[float, float] | None, ...], tuple[float | None, ...], tuple[float, float, float, float] | None]:
    """Return the middle and the mean height of each shape, and the bounds of all; what is not finite counts as missing."""
    coordinates, owner = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    places: list[tuple[float, float] | None] = [None] * len(shapes)
    heights: list[float | None] = [None] * len(shapes)
    box = shapely.bounds(shapes) if len(shapes) else np.empty((0, 4))
    with np.errstate(invalid="ignore"):
        middles = shapely.get_coordinates(_middles(shapes))
    counts = np.bincount(owner, minlength=len(shapes))
    sums = np.bincount(owner, weights=coordinates[:, 2], minlength=len(shapes))
    there = np.flatnonzero(np.isfinite(box).all(axis=1))
    for index in there:
        places[index] = (float(middles[index, 0]), float(middles[index, 1]))
        height = sums[index] / counts[index]
        heights[index] = float(height) if np.isfinite(height) else None
    if not len(there):
        return tuple(places), tuple(heights), None
    low, high = box[there, :2].min(axis=0), box[there, 2:].max(axis=0)
    return tuple(places), tuple(heights), (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _middles(shapes: Geometries) -> Geometries:
    """Return a point for each shape: the centroid of an area, half-way along a line, the point itself; (0, 0) where there is none."""
    whole: Geometries = np.where(shapely.is_missing(shapes) | shapely.is_empty(shapes), shapely.Point(0, 0), shapes)
    lines = shapely.get_type_id(whole) == 1
    result: Geometries = shapely.centroid(whole)
    result[lines] = shapely.line_interpolate_point(whole[lines], 0.5, normalized=True)
    return np.where(shapely.is_empty(result), shapely.Point(0, 0), result)
