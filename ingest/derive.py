"""Values a revision gets at publish: ground heights from the terrain, building heights from storeys, administrative codes.

A FeatureType asks for them by ``derived`` on its fields (DESIGN 10). ``ground_height`` stands on a number, filled where the source gave
none, and on a code that says from where: field, dem or default. ``building_height`` stands on the code beside the height of the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import LiteralString, Protocol

import numpy as np
import numpy.typing as npt
import shapely
from psycopg import sql

from ingest.staging import Staging
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.model import FeatureType
from twin.tables import current_table

_BATCH = 20_000
_DEFAULT_HEIGHT_M = 0.0
"""Ground height of a city without terrain: the vertical datum itself."""
_STOREY_M = 3.0
_DEFAULT_BUILDING_M = 9.0
"""Height of a building of which neither height nor storeys are known: three storeys, and its source says so."""
_SAME_HEIGHT_M = 0.01

Floats = npt.NDArray[np.float64]


class Ground(Protocol):
    """Ground heights of the published terrain."""

    def height_m(self, easting_m: Floats, northing_m: Floats) -> Floats:
        """Return orthometric heights at points of the storage CRS, NaN where no terrain covers them."""


GroundOf = Callable[[Sequence[str]], Ground | None]
"""Makes the sampler; takes the hashes of coverages staged in this submission, which go before published ones."""


def derive(connection: Connection, staging: Staging, ground: GroundOf, catalogue: Catalogue, loaded: Sequence[Staging]) -> None:
    """Fill the derived columns of staged rows."""
    _fill_building_height(connection, staging)
    _fill_well(connection, staging)
    fields = _ground_fields(staging.feature_type)
    if fields is not None:
        connection.execute(_statement("UPDATE {staging} SET {height} = NULL WHERE {source} <> 'field'", staging, fields))
        connection.execute(_statement("UPDATE {staging} SET {source} = 'field' WHERE {height} IS NOT NULL", staging, fields))
        _fill_ground(connection, staging, fields, ground(_staged_coverages(connection, loaded)))
    _fill_admin_codes(connection, staging, catalogue, loaded)


def derive_again(
    connection: Connection,
    staging: Staging,
    ground: GroundOf,
    catalogue: Catalogue,
    loaded: Sequence[Staging],
    *,
    heights: bool,
    boundaries: bool,
) -> None:
    """Derive anew what published rows (copied into ``staging``) took from terrain or boundaries; keep heights that stay within 1 cm."""
    fields = _ground_fields(staging.feature_type)
    if heights and fields is not None:
        connection.execute(_statement("ALTER TABLE {staging} ADD COLUMN before_m double precision", staging, fields))
        connection.execute(
            _statement("UPDATE {staging} SET before_m = {height}, {height} = NULL WHERE {source} IN ('dem', 'default')", staging, fields)
        )
        _fill_ground(connection, staging, fields, ground(_staged_coverages(connection, loaded)))
        connection.execute(
            _statement("UPDATE {staging} SET {height} = before_m WHERE abs({height} - before_m) <= {tolerance}", staging, fields)
        )
    if boundaries:
        connection.execute(sql.SQL("UPDATE {} SET admin_codes = NULL").format(staging.table))
        _fill_admin_codes(connection, staging, catalogue, loaded)


def _ground_fields(feature_type: FeatureType) -> tuple[str, str] | None:
    """Return the names of the height field and of the field that says where it came from."""
    derived = {f.type: f.name for f in feature_type.fields if f.derived == "ground_height"}
    return (derived["number"], derived["code"]) if {"number", "code"} <= derived.keys() else None


def _fill_building_height(connection: Connection, staging: Staging) -> None:
    sources = [f.name for f in staging.feature_type.fields if f.derived == "building_height" and f.type == "code"]
    height = staging.feature_type.recipe_fields.get("height")
    if not sources or height is None:
        return
    floors = sql.Identifier("floors_above") if "floors_above" in staging.feature_type.field_names else sql.SQL("NULL::bigint")
    places = {"staging": staging.table, "source": sql.Identifier(sources[0]), "height": sql.Identifier(height), "floors": floors}
    numbers = {"storey": sql.Literal(_STOREY_M), "default": sql.Literal(_DEFAULT_BUILDING_M)}
    for statement in (_FORGET_DERIVED, _TAKE_GIVEN_OR_DERIVE):
        connection.execute(statement.format(**places, **numbers))


_FORGET_DERIVED = sql.SQL("UPDATE {staging} SET {height} = NULL WHERE {source} <> 'field'")
"""What we derived once and wrote into an export is not a measurement when it comes back."""
_TAKE_GIVEN_OR_DERIVE = sql.SQL(
    "UPDATE {staging} SET"
    " {source} = CASE WHEN {height} IS NOT NULL THEN 'field' WHEN {floors} > 0 THEN 'floors' ELSE 'default' END,"
    " {height} = coalesce({height}, CASE WHEN {floors} > 0 THEN {floors} * {storey} END, {default})"
)


def _fill_well(connection: Connection, staging: Staging) -> None:
    """A shaft is given by two of ground, bottom and depth: fill the third; its geometry stands at the ground."""
    names = {"ground_elevation_m", "bottom_elevation_m", "depth_m"}
    if staging.feature_type.recipe != "well" or not names <= set(staging.feature_type.field_names):
        return
    for statement in (
        sql.SQL(
            "UPDATE {} SET ground_elevation_m = CASE WHEN bottom_elevation_m IS NOT NULL AND depth_m IS NOT NULL"
            " THEN bottom_elevation_m + depth_m ELSE round(ST_Z(geom)::numeric, 4)::double precision END WHERE ground_elevation_m IS NULL"
        ),
        sql.SQL(
            "UPDATE {} SET bottom_elevation_m = round((ground_elevation_m - depth_m)::numeric, 4)::double precision"
            " WHERE bottom_elevation_m IS NULL AND depth_m IS NOT NULL"
        ),
        sql.SQL(
            "UPDATE {} SET depth_m = round((ground_elevation_m - bottom_elevation_m)::numeric, 4)::double precision"
            " WHERE depth_m IS NULL AND bottom_elevation_m IS NOT NULL"
        ),
    ):
        connection.execute(statement.format(staging.table))


def _statement(text: LiteralString, staging: Staging, fields: tuple[str, str]) -> sql.Composed:
    return sql.SQL(text).format(
        staging=staging.table,
        height=sql.Identifier(fields[0]),
        source=sql.Identifier(fields[1]),
        default=sql.Literal(_DEFAULT_HEIGHT_M),
        tolerance=sql.Literal(_SAME_HEIGHT_M),
    )


def _fill_ground(connection: Connection, staging: Staging, fields: tuple[str, str], ground: Ground | None) -> None:
    """Put the lowest ground under a feature where it has no height of its own: set higher, one side of it would float."""
    if ground is not None:
        select = _statement("SELECT row, postgis.ST_AsBinary(geom) FROM {staging} WHERE {height} IS NULL", staging, fields)
        found: list[tuple[npt.NDArray[np.int64], Floats]] = []
        with connection.cursor(name="ground") as cursor:
            cursor.itersize = _BATCH
            cursor.execute(select)
            while rows := cursor.fetchmany(_BATCH):
                found.append(_lowest(rows, ground))
        update = _statement(
            "UPDATE {staging} AS s SET {height} = g.height, {source} = 'dem'"
            " FROM unnest(%s::bigint[], %s::double precision[]) AS g (row, height) WHERE s.row = g.row",
            staging,
            fields,
        )
        for numbers, heights in found:
            if numbers.size:
                connection.execute(update, (numbers.tolist(), heights.tolist()))
    connection.execute(
        _statement("UPDATE {staging} SET {height} = {default}, {source} = 'default' WHERE {height} IS NULL", staging, fields)
    )


def _lowest(rows: Sequence[tuple[int, bytes]], ground: Ground) -> tuple[npt.NDArray[np.int64], Floats]:
    numbers = np.array([r[0] for r in rows], dtype=np.int64)
    points, owner = shapely.get_coordinates(shapely.from_wkb([r[1] for r in rows]), return_index=True)
    heights = ground.height_m(points[:, 0], points[:, 1])
    lowest = np.full(numbers.size, np.inf)
    covered = np.isfinite(heights)
    np.minimum.at(lowest, owner[covered], heights[covered])
    known = np.isfinite(lowest)
    return numbers[known], np.round(lowest[known], 3)


def _staged_coverages(connection: Connection, loaded: Sequence[Staging]) -> list[str]:
    hashes: list[str] = []
    for staging in loaded:
        if staging.feature_type.geometry_type == "coverage":
            rows = connection.execute(sql.SQL("SELECT sha256 FROM {} ORDER BY row").format(staging.table)).fetchall()
            hashes += [str(r[0]) for r in rows]
    return hashes


def _fill_admin_codes(connection: Connection, staging: Staging, catalogue: Catalogue, loaded: Sequence[Staging]) -> None:
    """Name every administrative unit a feature touches; a pipe crosses districts."""
    if staging.feature_type.name == "admin_unit":
        return
    staged = {s.dataset.id: s for s in loaded if s.feature_type.name == "admin_unit"}
    tables = [s.table for s in staged.values()]
    tables += [current_table(d.feature_type, d.id) for d in catalogue.datasets() if d.feature_type == "admin_unit" and d.id not in staged]
    if not tables:
        return
    units = sql.SQL(" UNION ALL ").join(sql.SQL("SELECT code, geom FROM {} WHERE valid_to IS NULL").format(table) for table in tables)
    connection.execute(staging.query("fill_admin_codes", admin_units=units))
