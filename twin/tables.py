"""Names and shapes of the tables that hold features: one partition a dataset for current rows, one for closed ones."""

from __future__ import annotations

from psycopg import sql

from twin.model import FeatureType


def table_name(feature_type: str, dataset_id: int) -> str:
    """Return the name of a dataset's partition; the same in schemas ``city`` and ``history``."""
    return f"{feature_type}_d{dataset_id}"


def current_table(feature_type: str, dataset_id: int) -> sql.Identifier:
    """Return the qualified name of the partition with a dataset's current rows."""
    return sql.Identifier("city", table_name(feature_type, dataset_id))


def history_table(feature_type: str, dataset_id: int) -> sql.Identifier:
    """Return the qualified name of the partition with a dataset's closed rows."""
    return sql.Identifier("history", table_name(feature_type, dataset_id))


def fid_sequence(feature_type: str) -> sql.Identifier:
    """Return the qualified name of the sequence fids are drawn from: one per FeatureType, never reset."""
    return sql.Identifier("city", f"{feature_type}_fid_seq")


def geometry_type(feature_type: FeatureType) -> str:
    """Return the PostGIS geometry type of a FeatureType's rows: a coverage's row is the footprint of a source raster."""
    base = "MULTIPOLYGON" if feature_type.geometry_type == "coverage" else feature_type.geometry_type.upper()
    return base + ("Z" if feature_type.has_z else "")


def content_columns(feature_type: FeatureType) -> tuple[str, ...]:
    """Return the columns that say what a feature is, in table order: what a revision compares and an export writes."""
    return ("natural_key", "valid_from", "valid_to", "admin_codes", "geom", *feature_type.field_names, "extra")
