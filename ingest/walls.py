"""Thickness of the walls of pipes: as surveyed, else as usual for their material and size (``derived: wall``)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from twin.model import FeatureType
from twin.pipe_walls import wall_table

_FIELD, _TABLE = "field", "table"
_MM_PER_UNIT: Mapping[str | None, float] = {"m": 1000.0, "dm": 100.0, "cm": 10.0, "mm": 1.0}
_MATERIAL = "material"

Floats = npt.NDArray[np.float64]


def wall_field(feature_type: FeatureType) -> str | None:
    """Return the field that holds the thickness of walls of ``feature_type``, None where it has none."""
    return feature_type.recipe_fields.get("wall") if feature_type.recipe == "tube" else None


def with_walls(batch: pa.RecordBatch, feature_type: FeatureType) -> pa.RecordBatch:
    """Return a batch in which walls that no source gave are those of the table, and the code beside them says so.

    One that an export of ours had taken from the table is taken anew. It stays NULL where material or size has no row, as of cables.
    """
    derived = {f.type: f.name for f in feature_type.fields if f.derived == "wall"}
    if not {"number", "code"} <= derived.keys() or not {_MATERIAL, *derived.values()} <= set(batch.schema.names):
        return batch
    wall, source = derived["number"], derived["code"]
    was_table = pc.fill_null(pc.equal(batch.column(source), _TABLE), fill_value=False)
    given = pc.and_(pc.is_valid(batch.column(wall)), pc.invert(was_table))
    usual = pa.array(
        np.round(_usual_mm(batch, feature_type) / _MM_PER_UNIT[feature_type.field(wall).unit], 2), pa.float64(), from_pandas=True
    )
    batch = _replaced(batch, wall, pc.if_else(given, batch.column(wall), usual))
    told = pc.if_else(pc.is_valid(usual), pa.scalar(_TABLE), pa.scalar(None, pa.string()))
    return _replaced(batch, source, pc.if_else(given, pa.scalar(_FIELD), told))


def _usual_mm(batch: pa.RecordBatch, feature_type: FeatureType) -> Floats:
    sizes = {role: _size_mm(batch, feature_type, role) for role in ("diameter", "width", "height")}
    has_no_corners = _is_one_of(batch, feature_type, "shape", "egg", "round")
    is_box = np.isfinite(sizes["width"]) & np.isfinite(sizes["height"]) & ~has_no_corners
    size = np.fmax(np.fmax(sizes["width"], sizes["height"]), np.where(is_box, np.nan, sizes["diameter"]))
    is_bore = _is_one_of(batch, feature_type, "size_reference", "inner")
    return wall_table().thickness_mm(batch.column(_MATERIAL).to_pylist(), size, is_box, is_bore)


def _is_one_of(batch: pa.RecordBatch, feature_type: FeatureType, role: str, *codes: str) -> npt.NDArray[np.bool_]:
    """Return whether the field that plays ``role`` has one of some codes (n,)."""
    name = feature_type.recipe_fields.get(role, "")
    if name not in batch.schema.names:
        return np.zeros(batch.num_rows, np.bool_)
    return np.asarray(pc.is_in(batch.column(name), pa.array(codes, pa.string())).to_numpy(zero_copy_only=False), np.bool_)


def _size_mm(batch: pa.RecordBatch, feature_type: FeatureType, role: str) -> Floats:
    name = feature_type.recipe_fields.get(role)
    if name is None or name not in batch.schema.names:
        return np.full(batch.num_rows, np.nan)
    given: Floats = batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return given * _MM_PER_UNIT[feature_type.field(name).unit]


def _replaced(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(place), values.cast(batch.schema.field(place).type))
