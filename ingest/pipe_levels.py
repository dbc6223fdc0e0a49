"""Levels of pipes that follow from their line, section and the ground: inverts of both ends, and the least cover of soil over the top.

A FeatureType with a tube recipe asks for them by ``derived: start_invert``, ``end_invert`` and ``cover``. They are never a source's own:
a value that comes along is forgotten and computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from psycopg import sql

from ingest.ewkb_vertices import vertices_of
from twin.model import FeatureType

Floats = npt.NDArray[np.float64]

METRES_PER_UNIT: Mapping[str | None, float] = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001}
_EGG_HEIGHT = 1.5
"""Height of a sewer egg by its width, where only one of them is known."""
_INVERTS = ("start_invert", "end_invert")
_COVER = "cover"
_SAMPLE_M = 10.0
"""Between the points of a line the ground is asked for at least so often."""


def level_fields(feature_type: FeatureType) -> dict[str, str]:
    """Return derivation → field of the levels that ``feature_type`` asks for, none where its features are no pipes with heights."""
    is_pipe = feature_type.recipe == "tube" and feature_type.has_z and feature_type.geometry_type == "LineString"
    return {f.derived: f.name for f in feature_type.fields if f.derived in (*_INVERTS, _COVER)} if is_pipe else {}


def cover_field(feature_type: FeatureType) -> str | None:
    """Return the field that holds the cover, None where there is none."""
    return level_fields(feature_type).get(_COVER)


def with_inverts(batch: pa.RecordBatch, feature_type: FeatureType, geometry: str) -> pa.RecordBatch:
    """Return a batch with the inverts of its pipes, NaN-free: NULL where the section's height is needed and not known; no cover yet.

    The invert is the lowest place of the bore: below the top by the outer height less one wall, where that is known.
    """
    fields = level_fields(feature_type)
    if not fields or batch.num_rows == 0:
        return batch
    vertices = vertices_of(batch.column(geometry), "LineString")
    share = _share_below(batch, feature_type)
    wall = np.nan_to_num(_lengths(batch, feature_type, "wall"))
    height = _height_m(batch, feature_type) + 2 * wall * _is_coded(batch, feature_type, "size_reference", "inner")
    below = height * share - wall * (share > 0)
    ends = {"start_invert": vertices.places[vertices.first[:-1], 2], "end_invert": vertices.places[vertices.first[1:] - 1, 2]}
    for name, z in ends.items():
        if name in fields:
            batch = _replaced(batch, fields[name], pa.array(np.round(z - below, 3), pa.float64(), from_pandas=True))
    if _COVER in fields:
        batch = _replaced(batch, fields[_COVER], pa.nulls(batch.num_rows, pa.float64()))
    return batch


def above_z(feature_type: FeatureType) -> sql.Composable:
    """Return how far the top of a pipe is above its line, in metres, NULL where that is not known."""
    reference = feature_type.recipe_fields.get("z_reference")
    height, wall = _height_in_sql(feature_type), _length_in_sql(feature_type, "wall")
    if reference is None:
        return sql.SQL("({}) / 2").format(height)
    return sql.SQL("CASE {} WHEN 'top' THEN 0.0 WHEN 'invert' THEN {height} - coalesce({wall}, 0) ELSE {height} / 2 END").format(
        sql.Identifier(reference), height=height, wall=wall
    )


def below_z(feature_type: FeatureType) -> sql.Composable:
    """Return how far the invert of a pipe, the lowest place of its bore, is below its line, in metres; 0 where that is not known."""
    reference = feature_type.recipe_fields.get("z_reference")
    height, wall = _height_in_sql(feature_type), _length_in_sql(feature_type, "wall")
    middle = sql.SQL("coalesce({} / 2 - coalesce({}, 0), 0)").format(height, wall)
    if reference is None:
        return middle
    return sql.SQL("CASE {} WHEN 'top' THEN coalesce({} - coalesce({}, 0), 0) WHEN 'invert' THEN 0 ELSE {} END").format(
        sql.Identifier(reference), height, wall, middle
    )


def sampled(lines: npt.NDArray[np.object_]) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return points (n, 3) along ``lines``, their vertices among them, and the line of each (n,)."""
    dense = shapely.segmentize(lines, _SAMPLE_M)
    points, owner = shapely.get_coordinates(dense, include_z=True, return_index=True)
    return points, owner


def least_cover_m(ground_m: Floats, top_m: Floats, owner: npt.NDArray[np.intp], count: int) -> Floats:
    """Return the least way from top to ground of each of ``count`` pipes, below 0 where it lies above; NaN without ground or top."""
    cover = ground_m - top_m
    known = np.isfinite(cover)
    least = np.full(count, np.inf)
    np.minimum.at(least, owner[known], cover[known])
    return np.where(np.isfinite(least), np.round(least, 3), np.nan)


def _length_in_sql(feature_type: FeatureType, role: str) -> sql.Composable:
    name = feature_type.recipe_fields.get(role)
    if name is None:
        return sql.SQL("NULL::double precision")
    return sql.SQL("{} * {}").format(sql.Identifier(name), sql.Literal(METRES_PER_UNIT[feature_type.field(name).unit]))


def _height_in_sql(feature_type: FeatureType) -> sql.Composable:
    """Return the outer height of the section in metres: that of a box, else the diameter; of an egg the larger of its sizes."""
    given, of_bore = _given_height_in_sql(feature_type), feature_type.recipe_fields.get("size_reference")
    if of_bore is None:
        return given
    return sql.SQL("({} + CASE WHEN {} = 'inner' THEN 2 * coalesce({}, 0) ELSE 0 END)").format(
        given, sql.Identifier(of_bore), _length_in_sql(feature_type, "wall")
    )


def _given_height_in_sql(feature_type: FeatureType) -> sql.Composable:
    places = {role: _length_in_sql(feature_type, role) for role in ("width", "height", "diameter")}
    plain = sql.SQL("coalesce({height}, {diameter})").format(**places)
    shape = feature_type.recipe_fields.get("shape")
    if shape is None:
        return plain
    egg = sql.SQL("coalesce(greatest({height}, {width} + 0 * {height}), {by} * {width}, {by} * {diameter})")
    return sql.SQL("(CASE WHEN {} = 'egg' THEN {} ELSE {} END)").format(
        sql.Identifier(shape), egg.format(**places, by=sql.Literal(_EGG_HEIGHT)), plain
    )


def _lengths(batch: pa.RecordBatch, feature_type: FeatureType, role: str) -> Floats:
    name = feature_type.recipe_fields.get(role)
    if name is None or name not in batch.schema.names:
        return np.full(batch.num_rows, np.nan)
    given: Floats = batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return given * METRES_PER_UNIT[feature_type.field(name).unit]


def _height_m(batch: pa.RecordBatch, feature_type: FeatureType) -> Floats:
    width, height, diameter = (_lengths(batch, feature_type, role) for role in ("width", "height", "diameter"))
    across = np.where(np.isfinite(width), width, diameter)
    egg = np.where(np.isfinite(height), np.fmax(height, width), _EGG_HEIGHT * across)
    return np.where(_is_coded(batch, feature_type, "shape", "egg"), egg, np.where(np.isfinite(height), height, diameter))


def _is_coded(batch: pa.RecordBatch, feature_type: FeatureType, role: str, code: str) -> npt.NDArray[np.bool_]:
    """Return whether the field that plays ``role`` has this code (n,)."""
    name = feature_type.recipe_fields.get(role)
    if name is None or name not in batch.schema.names:
        return np.zeros(batch.num_rows, np.bool_)
    return np.asarray(pc.fill_null(pc.equal(batch.column(name), code), fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def _share_below(batch: pa.RecordBatch, feature_type: FeatureType) -> Floats:
    """Return which share of the section's height lies below the line; 0, whatever the height, where the line is the invert."""
    reference = feature_type.recipe_fields.get("z_reference")
    if reference is None or reference not in batch.schema.names:
        return np.full(batch.num_rows, 0.5)
    is_top, is_invert = (_is_coded(batch, feature_type, "z_reference", code) for code in ("top", "invert"))
    return np.where(is_top, 1.0, np.where(is_invert, 0.0, 0.5))


def _replaced(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(place), values.cast(batch.schema.field(place).type))
