"""Values a revision gets at publish: ground heights from the terrain, building heights from storeys, administrative codes.

A FeatureType asks for them by ``derived`` on its fields (DESIGN 10). ``ground_height`` stands on a number, filled where the source gave
none, and on a code that says from where: field, dem or default. ``building_height`` stands on the code beside the height of the recipe.
Of pipes, ``cover`` needs the ground, ``start_invert`` and ``end_invert`` (``ingest.pipe_levels``) and ``wall`` (``ingest.walls``) do not.

What needs only the row itself is computed on the Arrow batch on its way into staging; what needs other datasets is computed once all
rows are there, in one pass over them and one update: every update of a table writes it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import LiteralString, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from psycopg import sql

from ingest.bodies import MEASURED
from ingest.copy_binary import HEADER, TRAILER, CopyColumn, copy_binary_rows
from ingest.pipe_levels import above_z, cover_field, least_cover_m, sampled, with_inverts
from ingest.staging import Staging
from ingest.walls import with_walls
from ingest.wells import fill_wells, fill_wells_again, forget_derived_bottom, may_lack
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.heights.mosaic import Sheet
from twin.model import FeatureType
from twin.query.elevation import coming_sheets
from twin.tables import current_table

_BATCH = 20_000
_DEFAULT_HEIGHT_M = 0.0
"""Ground height of a city without terrain: the vertical datum itself."""
_STOREY_M = 3.0
_DEFAULT_BUILDING_M = 9.0
"""Height of a building of which neither height nor storeys are known: three storeys, and its source says so."""
_SAME_HEIGHT_M = 0.01
_ADMIN_UNIT = "admin_unit"

Floats = npt.NDArray[np.float64]


class Ground(Protocol):
    """Ground heights of the published terrain."""

    def height_m(self, easting_m: Floats, northing_m: Floats) -> Floats:
        """Return orthometric heights at points of the storage CRS, NaN where no terrain covers them."""


GroundOf = Callable[[Mapping[int, Sequence[Sheet]]], Ground | None]
"""Makes the sampler; takes by dataset the elevation sheets it will have by this submission, in place of those it has."""


def derive_from_row(batch: pa.RecordBatch, feature_type: FeatureType, *, has_terrain: bool) -> pa.RecordBatch:
    """Return a batch with what follows from its own rows: whether heights were given, and building heights from storeys.

    A height whose source says that it was derived (an export of ours come back) counts as not given. Where the city has no terrain
    (nor gets one with this submission) the default ground height is filled in here: there is nothing to wait for.
    """
    batch = with_inverts(with_walls(forget_derived_bottom(batch, feature_type), feature_type), feature_type, "geom")
    ground = _ground_fields(feature_type)
    if ground is not None:
        height, source = ground
        given = _given(batch, height, source)
        batch = _replace(batch, height, pc.if_else(given, batch.column(height), None if has_terrain else _DEFAULT_HEIGHT_M))
        batch = _replace(batch, source, pc.if_else(given, "field", None if has_terrain else "default"))
    sources = [f.name for f in feature_type.fields if f.derived == "building_height" and f.type == "code"]
    height_field = feature_type.recipe_fields.get("height")
    return _with_building_height(batch, height_field, sources[0]) if sources and height_field else batch


def there_is_terrain(catalogue: Catalogue, loaded: Sequence[Staging]) -> bool:
    """Return whether the city has elevation sheets, or gets some with what is loaded."""
    types = [*(s.feature_type for s in loaded), *(catalogue.feature_type(d.feature_type) for d in catalogue.datasets())]
    return any(t.recipe == "terrain" for t in types)


def may_fill(staging: Staging, catalogue: Catalogue, loaded: Sequence[Staging], given: AbstractSet[str], lacking: AbstractSet[str]) -> bool:
    """Return whether `derive_from_city` may write to staged rows; ``given``, ``lacking``: columns in which any row has a value, or none."""
    feature_type, fields = staging.feature_type, _ground_fields(staging.feature_type)
    if may_lack(feature_type, given, lacking) or (fields is not None and fields[0] in lacking):
        return True
    if _needs_ground(feature_type) and there_is_terrain(catalogue, loaded):
        return True
    names = {s.feature_type.name for s in loaded} | {d.feature_type for d in catalogue.datasets()}
    return _ADMIN_UNIT in names and feature_type.name != _ADMIN_UNIT


def derive_from_city(
    connection: Connection, staging: Staging, ground_of: GroundOf, catalogue: Catalogue, loaded: Sequence[Staging]
) -> None:
    """Fill the derived columns of staged rows that need the terrain or the boundaries."""
    fill_wells(connection, staging, catalogue, loaded)
    fields = _ground_fields(staging.feature_type)
    ground = ground_of(_coming_sheets(connection, loaded)) if _needs_ground(staging.feature_type) else None
    _fill(connection, staging, fields, ground, _admin_units(connection, staging, catalogue, loaded))
    if fields is not None:
        _fill_default_height(connection, staging, fields)


def derive_again(
    connection: Connection,
    staging: Staging,
    ground_of: GroundOf,
    catalogue: Catalogue,
    loaded: Sequence[Staging],
    *,
    heights: bool,
    boundaries: bool,
    bottoms: bool,
) -> None:
    """Derive anew what published rows (copied into ``staging``) took from terrain, boundaries or the pipes that end at them.

    Ground heights that stay within 1 cm are kept.
    """
    if bottoms:
        fill_wells_again(connection, staging, catalogue, loaded)
    fields = _ground_fields(staging.feature_type) if heights else None
    ground: Ground | None = None
    if fields is not None:
        connection.execute(_statement("ALTER TABLE {staging} ADD COLUMN before_m double precision", staging, fields))
        connection.execute(
            _statement("UPDATE {staging} SET before_m = {height}, {height} = NULL WHERE {source} IN ('dem', 'default')", staging, fields)
        )
    if heights and _needs_ground(staging.feature_type):
        ground = ground_of(_coming_sheets(connection, loaded))
    if heights and ground is None and (cover := cover_field(staging.feature_type)) is not None:
        connection.execute(sql.SQL("UPDATE {} SET {} = NULL").format(staging.table, sql.Identifier(cover)))
    if boundaries:
        connection.execute(sql.SQL("UPDATE {} SET admin_codes = NULL").format(staging.table))
    units = _admin_units(connection, staging, catalogue, loaded) if boundaries else None
    _fill(connection, staging, fields, ground, units)
    if fields is not None:
        _fill_default_height(connection, staging, fields)
        connection.execute(
            _statement("UPDATE {staging} SET {height} = before_m WHERE abs({height} - before_m) <= {tolerance}", staging, fields)
        )


# -- from the row itself -----------------------------------------------------------------------------------------------


def _ground_fields(feature_type: FeatureType) -> tuple[str, str] | None:
    """Return the names of the height field and of the field that says where it came from."""
    derived = {f.type: f.name for f in feature_type.fields if f.derived == "ground_height"}
    return (derived["number"], derived["code"]) if {"number", "code"} <= derived.keys() else None


def _needs_ground(feature_type: FeatureType) -> bool:
    return _ground_fields(feature_type) is not None or cover_field(feature_type) is not None


def _given(batch: pa.RecordBatch, height: str, source: str) -> pa.Array:
    told_derived = pc.invert(pc.is_in(batch.column(source), pa.array([None, "field", MEASURED], pa.string())))
    return pc.and_(pc.is_valid(batch.column(height)), pc.invert(told_derived))


def _with_building_height(batch: pa.RecordBatch, height: str, source: str) -> pa.RecordBatch:
    given = _given(batch, height, source)
    if "floors_above" in batch.schema.names:
        floors = pc.cast(batch.column("floors_above"), pa.float64())
    else:
        floors = pa.nulls(batch.num_rows, pa.float64())
    counted = pc.fill_null(pc.greater(floors, 0.0), fill_value=False)
    derived = pc.if_else(counted, pc.multiply(floors, _STOREY_M), _DEFAULT_BUILDING_M)
    batch = _replace(batch, height, pc.if_else(given, batch.column(height), derived))
    told = pc.if_else(pc.equal(pc.fill_null(batch.column(source), ""), MEASURED), MEASURED, "field")
    return _replace(batch, source, pc.if_else(given, told, pc.if_else(counted, "floors", "default")))


def _replace(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(place), values.cast(batch.schema.field(place).type))


# -- from the city -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _AdminUnits:
    """The administrative units in force, indexed; ``codes[i]`` is that of the tree's geometry ``i``."""

    codes: npt.NDArray[np.object_]
    tree: shapely.STRtree

    def codes_of(self, geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Return the sorted codes of every unit each geometry touches (a pipe crosses districts), joined by commas; None where none."""
        owner, unit = self.tree.query(geometries, predicate="intersects")
        order = np.lexsort((self.codes[unit].astype(str), owner))
        owner, codes = owner[order], self.codes[unit[order]]
        found = np.full(len(geometries), None, dtype=object)
        found[owner] = codes  # whole for the many that touch one unit
        counts = np.bincount(owner, minlength=len(geometries))
        for several in np.flatnonzero(counts > 1):
            first = np.searchsorted(owner, several)
            found[several] = ",".join(dict.fromkeys(codes[first : first + counts[several]]))
        return found


def _fill(
    connection: Connection, staging: Staging, fields: tuple[str, str] | None, ground: Ground | None, units: _AdminUnits | None
) -> None:
    """Compute heights, covers and codes in one pass over the rows that lack them, and write them in one update."""
    cover = cover_field(staging.feature_type) if ground is not None else None
    if units is None and cover is None and (ground is None or fields is None):
        return
    connection.execute(
        "CREATE TEMPORARY TABLE derived (row bigint, height double precision, cover double precision, codes text) ON COMMIT DROP"
    )
    nothing = sql.SQL("NULL::double precision")
    height = sql.Identifier(fields[0]) if fields else nothing
    lacking = sql.SQL("true") if units is not None or cover is not None else sql.SQL("{} IS NULL").format(height)
    select = sql.SQL("SELECT row, postgis.ST_AsBinary(geom), {height} IS NULL, {above} FROM {staging} WHERE {lacking}").format(
        height=height, above=nothing if cover is None else above_z(staging.feature_type), staging=staging.table, lacking=lacking
    )
    computed = list(_computed(connection, select, ground if fields else None, ground if cover else None, units))
    with connection.cursor() as cursor, cursor.copy("COPY derived FROM STDIN (FORMAT binary)") as copy:
        copy.write(HEADER)
        for batch in computed:
            copy.write(copy_binary_rows(batch, _DERIVED_COLUMNS))
        copy.write(TRAILER)
    assignments: list[sql.Composable] = [sql.SQL("admin_codes = string_to_array(d.codes, ',')")] if units is not None else []
    if fields is not None and ground is not None:
        places = {"height": sql.Identifier(fields[0]), "source": sql.Identifier(fields[1])}
        assignments.append(sql.SQL("{height} = coalesce(d.height, s.{height})").format(**places))
        assignments.append(sql.SQL("{source} = CASE WHEN d.height IS NULL THEN s.{source} ELSE 'dem' END").format(**places))
        if staging.feature_type.has_z and staging.feature_type.recipe_fields.get("base") == fields[0]:
            # a footprint without heights of its own lies where its building stands
            assignments.append(sql.SQL("geom = CASE WHEN d.height IS NULL THEN s.geom ELSE ST_Force3DZ(ST_Force2D(s.geom), d.height) END"))
    if cover is not None:
        assignments.append(
            sql.SQL("{cover} = CASE WHEN abs(s.{cover} - d.cover) <= {tolerance} THEN s.{cover} ELSE d.cover END").format(
                cover=sql.Identifier(cover), tolerance=sql.Literal(_SAME_HEIGHT_M)
            )
        )
    connection.execute(
        sql.SQL("UPDATE {staging} AS s SET {assignments} FROM derived AS d WHERE d.row = s.row").format(
            staging=staging.table, assignments=sql.SQL(", ").join(assignments)
        )
    )
    connection.execute("DROP TABLE derived")


_DERIVED_COLUMNS = (
    CopyColumn("bigint", "row"),
    CopyColumn("double precision", "height"),
    CopyColumn("double precision", "cover"),
    CopyColumn("text", "codes"),
)


def _computed(
    connection: Connection, select: sql.Composed, ground: Ground | None, over_pipes: Ground | None, units: _AdminUnits | None
) -> Iterator[pa.RecordBatch]:
    """Yield (row, height, cover, codes) batch by batch: of all pipes, else of the rows for which something was found."""
    with connection.cursor(name="to_derive") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(select, binary=True)
        while fetched := cursor.fetchmany(_BATCH):
            rows, wkb, lacks_height, above = zip(*fetched, strict=True)
            geometries = shapely.from_wkb(wkb)
            heights = _lowest(geometries, np.array(lacks_height), ground)
            codes = units.codes_of(geometries) if units is not None else np.full(len(rows), None, dtype=object)
            covers = _covers(geometries, np.array(above, np.float64), over_pipes)
            numbers = [pa.array(values, pa.float64(), from_pandas=True) for values in (heights, covers)]
            batch = pa.RecordBatch.from_arrays(
                [pa.array(rows, pa.int64()), *numbers, pa.array(codes, pa.string())], names=["row", "height", "cover", "codes"]
            )
            yield (
                batch
                if over_pipes is not None
                else batch.filter(pc.or_(pc.is_valid(batch.column("height")), pc.is_valid(batch.column("codes"))))
            )


def _lowest(geometries: npt.NDArray[np.object_], wanted: npt.NDArray[np.bool_], ground: Ground | None) -> Floats:
    """Return the lowest ground under each wanted feature, NaN where none is known: set higher, one side of it would float."""
    lowest = np.full(len(geometries), np.inf)
    if ground is not None and wanted.any():
        places = np.flatnonzero(wanted)
        points, owner = shapely.get_coordinates(geometries[places], return_index=True)
        heights = ground.height_m(points[:, 0], points[:, 1])
        covered = np.isfinite(heights)
        np.minimum.at(lowest, places[owner[covered]], heights[covered])
    return np.where(np.isfinite(lowest), np.round(lowest, 3), np.nan)


def _covers(geometries: npt.NDArray[np.object_], above_m: Floats, ground: Ground | None) -> Floats:
    """Return the least cover of each pipe, whose top is ``above_m`` above its line; NaN where it is not known."""
    if ground is None:
        return np.full(len(geometries), np.nan)
    points, owner = sampled(geometries)
    return least_cover_m(ground.height_m(points[:, 0], points[:, 1]), points[:, 2] + above_m[owner], owner, len(geometries))


def _fill_default_height(connection: Connection, staging: Staging, fields: tuple[str, str]) -> None:
    connection.execute(
        _statement("UPDATE {staging} SET {height} = {default}, {source} = 'default' WHERE {height} IS NULL", staging, fields)
    )


def _statement(text: LiteralString, staging: Staging, fields: tuple[str, str]) -> sql.Composed:
    return sql.SQL(text).format(
        staging=staging.table,
        height=sql.Identifier(fields[0]),
        source=sql.Identifier(fields[1]),
        default=sql.Literal(_DEFAULT_HEIGHT_M),
        tolerance=sql.Literal(_SAME_HEIGHT_M),
    )


def _coming_sheets(connection: Connection, loaded: Sequence[Staging]) -> dict[int, list[Sheet]]:
    return {
        s.dataset.id: coming_sheets(connection, s.dataset, s.future_rows(), is_new=s.first_load)
        for s in loaded
        if s.feature_type.recipe == "terrain"
    }


def _admin_units(connection: Connection, staging: Staging, catalogue: Catalogue, loaded: Sequence[Staging]) -> _AdminUnits | None:
    """Return the administrative units in force, staged ones in place of those they replace; None where there are none."""
    if staging.feature_type.name == _ADMIN_UNIT:
        return None
    staged = {s.dataset.id: s for s in loaded if s.feature_type.name == _ADMIN_UNIT}
    in_force = sql.SQL("SELECT code, postgis.ST_AsBinary(geom) FROM {} AS u WHERE valid_to IS NULL")
    queries = [in_force.format(sql.SQL("({})").format(s.future_rows())) for s in staged.values()]
    queries += [
        in_force.format(current_table(d.feature_type, d.id))
        for d in catalogue.datasets()
        if d.feature_type == _ADMIN_UNIT and d.id not in staged
    ]
    found = [row for query in queries for row in connection.execute(query).fetchall()]
    if not found:
        return None
    return _AdminUnits(np.array([r[0] for r in found], dtype=object), shapely.STRtree(shapely.from_wkb([r[1] for r in found])))
