"""The columns of a pipe survey that rules compare, kept while its rows go into staging: nothing is read back from the database.

About 250 bytes a line and 120 a point, in a file where they are many; every other column, and what is no survey, is let go with its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.ewkb_vertices import vertices_of
from ingest.mapped_columns import BatchSpool, MappedColumns
from twin.model import FeatureType, GeometryType
from twin.rules.loader import load_rules

Floats = npt.NDArray[np.float64]

NODE, SEGMENT = "pipe_node", "pipe_segment"

TEXTS: Mapping[GeometryType, tuple[str, ...]] = {
    "Point": ("natural_key", "node_id", "map_number"),
    "LineString": ("natural_key", "segment_id", "start_node", "end_node"),
}
WORDS: Mapping[GeometryType, tuple[str, ...]] = {
    "Point": ("kind", "feature", "appurtenance", "feature_code"),
    "LineString": ("kind", "material", "flow_direction", "pressure"),
}
"""Columns of few values."""
NUMBERS: Mapping[GeometryType, tuple[str, ...]] = {
    "Point": ("ground_elevation_m",),
    "LineString": (
        "outer_diameter_mm", "width_mm", "section_height_mm",
        "start_depth_m", "end_depth_m", "start_elevation_m", "end_elevation_m",
    ),
}  # fmt: skip
"""NaN where there is none."""
_ENDS: Mapping[GeometryType, frozenset[str]] = {"Point": frozenset({"node_id"}), "LineString": frozenset({"start_node", "end_node"})}
_OF_TEXT = pa.array([], pa.string())


@dataclass(slots=True)
class StagedColumns:
    """Takes the batches of one part as they are staged; keeps nothing of a part that no rule over networks is asked about."""

    feature_type: FeatureType
    files: MappedColumns = field(default_factory=MappedColumns)
    _kept: BatchSpool = field(init=False)
    _gone: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with no row."""
        self._kept = BatchSpool(self.files)

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep what is compared of further rows; StorageFullError where the disk is full."""
        if batch.num_rows and is_surveyed(self.feature_type):
            self._kept.add(survey_columns(batch, self.feature_type.geometry_type))

    def forget(self, rows: Sequence[int]) -> None:
        """Leave out rows, by their numbers as staged."""
        self._gone += rows

    def taken(self) -> list[pa.RecordBatch]:
        """Return all rows but those left out; nothing is kept any more."""
        batches, gone = self._kept.taken(), pa.array(self._gone, pa.int64())
        if not len(gone):
            return batches
        return self.files.batches(batch.filter(pc.invert(pc.is_in(batch.column("row"), gone))) for batch in batches)


def is_surveyed(feature_type: FeatureType) -> bool:
    """Return whether features of a type are points or lines of a pipe survey, held against rules over networks."""
    ends = _ENDS.get(feature_type.geometry_type)
    if ends is None or not ends <= set(feature_type.field_names):
        return False
    rules = load_rules()
    return any({NODE, SEGMENT} & set(rules[check.rule].needs) for check in feature_type.checks)


def survey_columns(batch: pa.RecordBatch, kind: GeometryType) -> pa.RecordBatch:
    """Return the columns that are compared, in memory of their own, and what rules ask of places in place of the geometry.

    Columns that the batch lacks are null; ValueError for a geometry that is not of ``kind``.
    """
    columns: dict[str, pa.Array] = {"row": pa.array(_numbers(batch, "row", np.int64))}
    columns |= {name: pa.concat_arrays([_text(batch, name), _OF_TEXT]) for name in TEXTS[kind]}
    columns |= {name: _text(batch, name).dictionary_encode() for name in WORDS[kind]}
    columns |= {name: pa.array(_numbers(batch, name, np.float64)) for name in NUMBERS[kind]}
    vertices = vertices_of(batch.column("geom"), kind)
    if kind == "Point":
        places = {f"{axis}": vertices.places[:, i] for i, axis in enumerate("xyz")}
    else:
        places = _along(vertices.places, vertices.first)
    columns |= {name: pa.array(np.ascontiguousarray(values)) for name, values in places.items()}
    return pa.RecordBatch.from_pydict(columns)


def no_columns(kind: GeometryType) -> pa.RecordBatch:
    """Return the same columns of no row."""
    return survey_columns(pa.RecordBatch.from_arrays([pa.array([], pa.int64()), pa.array([], pa.binary())], ["row", "geom"]), kind)


def _along(places: Floats, first: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Return ends, lengths (in plan and in space, m) and the azimuths in which lines leave their ends (rad, NaN where there is none)."""
    start, end = first[:-1], first[1:] - 1
    steps = np.diff(places, axis=0, append=places[-1:])
    steps[end] = 0.0
    plan = np.sqrt(steps[:, 0] ** 2 + steps[:, 1] ** 2)
    space = np.sqrt(steps[:, 0] ** 2 + steps[:, 1] ** 2 + np.nan_to_num(steps[:, 2]) ** 2)
    ends = {f"{name}_{axis}": places[of, i] for name, of in (("start", start), ("end", end)) for i, axis in enumerate("xyz")}
    return ends | {
        "length_m": np.add.reduceat(plan, start),
        "length_3d_m": np.add.reduceat(space, start),
        "start_azimuth": _azimuth(steps[start]),
        "end_azimuth": _azimuth(0.0 - steps[np.maximum(end - 1, start)]),
    }


def _azimuth(steps: Floats) -> Floats:
    moved = (steps[:, 0] != 0) | (steps[:, 1] != 0)
    return np.where(moved, np.arctan2(steps[:, 0], steps[:, 1]), np.nan)


def _text(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.string())
    return batch.column(name).cast(pa.string())


def _numbers(batch: pa.RecordBatch, name: str, dtype: type[np.float64 | np.int64]) -> npt.NDArray[np.float64 | np.int64]:
    if name not in batch.schema.names:
        return np.full(batch.num_rows, np.nan)
    column = batch.column(name)
    if dtype is np.float64:
        column = pc.fill_null(column.cast(pa.float64()), np.nan)
    return np.array(column.to_numpy(zero_copy_only=False), dtype=dtype)
