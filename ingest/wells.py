"""Shafts of manholes: two of ground, bottom and depth give the third; without both, the lowest pipe that ends there gives the bottom.

A FeatureType asks for the latter by ``derived: well_bottom`` on its bottom elevation and on a code that says from where: ``field`` or
``segments``. Sewer registers often have no depth of a manhole, and a manhole of a gravity sewer reaches down to its lowest invert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ingest.elevation import BOTTOM, DEPTH, END, GROUND, START
from ingest.pipe_levels import below_z
from ingest.staging import Staging
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.model import Check, FeatureType
from twin.tables import current_table

_FIELD, _SEGMENTS = "field", "segments"


def bottom_source(feature_type: FeatureType) -> str | None:
    """Return the field that says where the bottom of a shaft came from; None for a type whose bottoms are never derived."""
    derived = {f.type: f.name for f in feature_type.fields if f.derived == "well_bottom"}
    return derived["code"] if {"number", "code"} <= derived.keys() and _is_well(feature_type) else None


def forget_derived_bottom(batch: pa.RecordBatch, feature_type: FeatureType) -> pa.RecordBatch:
    """Return a batch without the bottoms and depths that an export of ours had derived: they are no measurement when they come back."""
    source = bottom_source(feature_type)
    if source is None:
        return batch
    derived = pc.fill_null(pc.equal(batch.column(source), _SEGMENTS), fill_value=False)
    for name in (BOTTOM, DEPTH, source):
        place = batch.schema.get_field_index(name)
        kept = pc.if_else(derived, pa.scalar(None, batch.column(place).type), batch.column(place))
        batch = batch.set_column(place, batch.schema.field(place), kept)
    return batch


def may_lack(feature_type: FeatureType, given: AbstractSet[str], lacking: AbstractSet[str]) -> bool:
    """Return whether `fill_wells` may find something to fill, by the columns in which any row has a value, and in which any has none."""
    if not _is_well(feature_type):
        return False
    has_one_of_two = bool({BOTTOM, DEPTH} & given and {BOTTOM, DEPTH} & lacking)
    return bottom_source(feature_type) is not None or GROUND in lacking or has_one_of_two


def fill_wells(connection: Connection, staging: Staging, catalogue: Catalogue, loaded: Sequence[Staging]) -> None:
    """Fill what is missing of the shafts of staged rows."""
    if not _is_well(staging.feature_type):
        return
    connection.execute(staging.query("fill_well_ground"))
    if (source := bottom_source(staging.feature_type)) is not None:
        connection.execute(staging.query("name_given_bottoms", source=sql.Identifier(source)))
        for node_field, inverts in _inverts(staging.feature_type, catalogue, loaded):
            places = {"source": sql.Identifier(source), "node": sql.Identifier(node_field), "inverts": inverts}
            connection.execute(staging.query("fill_well_bottom_from_segments", **places))
    connection.execute(staging.query("fill_well_bottom"))
    connection.execute(staging.query("fill_well_depth"))


def fill_wells_again(connection: Connection, staging: Staging, catalogue: Catalogue, loaded: Sequence[Staging]) -> None:
    """Derive the bottoms of published manholes (copied into ``staging``) anew from the segments there are now."""
    if (source := bottom_source(staging.feature_type)) is not None:
        connection.execute(staging.query("forget_well_bottom", source=sql.Identifier(source)))
        fill_wells(connection, staging, catalogue, loaded)


def bottoms_depend_on(feature_type: FeatureType, loaded: Sequence[Staging]) -> bool:
    """Return whether segments that are being loaded may end at features of ``feature_type`` and so change their bottoms."""
    return any(bottoms_come_from(feature_type, s.feature_type) for s in loaded)


def bottoms_come_from(nodes: FeatureType, segments: FeatureType) -> bool:
    """Return whether pipes of type ``segments`` give the bottoms of shafts of type ``nodes`` that have none."""
    return bottom_source(nodes) is not None and _ends_at(segments, nodes) is not None


def _is_well(feature_type: FeatureType) -> bool:
    return feature_type.recipe == "well" and {GROUND, BOTTOM, DEPTH} <= set(feature_type.field_names)


def _ends_at(segments: FeatureType, nodes: FeatureType) -> Check | None:
    """Return the check by which a type of pipes names its nodes, None where it has no elevations or other nodes."""
    if segments.recipe != "tube" or not {START, END} <= set(segments.field_names):
        return None
    return next((c for c in segments.checks if c.rule == "node-exists" and c.parameters["type"] == nodes.name), None)


def _inverts(nodes: FeatureType, catalogue: Catalogue, loaded: Sequence[Staging]) -> Iterator[tuple[str, sql.Composed]]:
    """Yield (field of the node's number, query of (node, invert)) for every dataset of pipes that may end at ``nodes``."""
    staged = {s.dataset.id for s in loaded}
    rows: list[tuple[FeatureType, sql.Composable]] = [(s.feature_type, s.future_rows()) for s in loaded]
    rows += [
        (catalogue.feature_type(d.feature_type), sql.SQL("TABLE {}").format(current_table(d.feature_type, d.id)))
        for d in catalogue.datasets()
        if d.id not in staged
    ]
    for feature_type, of_dataset in rows:
        if (check := _ends_at(feature_type, nodes)) is not None:
            yield str(check.parameters["field"]), _inverts_of(feature_type, check, of_dataset)


def _inverts_of(segments: FeatureType, check: Check, rows: sql.Composable) -> sql.Composed:
    ends = check.parameters["fields"]
    first, last = (str(ends[0]), str(ends[-1])) if isinstance(ends, list | tuple) else (str(ends), str(ends))
    places = {"start_node": sql.Identifier(first), "end_node": sql.Identifier(last), "below_z": below_z(segments), "rows": rows}
    return sql.SQL(
        "SELECT e.node, min(e.z - {below_z}) AS invert FROM ({rows}) AS p CROSS JOIN LATERAL (VALUES"
        " ({start_node}, coalesce(start_elevation_m, end_elevation_m, nullif(ST_Z(ST_StartPoint(geom)), 0))),"
        " ({end_node}, coalesce(end_elevation_m, start_elevation_m, nullif(ST_Z(ST_EndPoint(geom)), 0)))) AS e (node, z) GROUP BY e.node"
    ).format(**places)
