"""What a dataset looks like from afar: its features summed up in cells of 128 m and more, for vector tiles of low levels (decision 53).

Beside the partition ``city.t_d7`` lie ``city._overview_d7``, cells of sides of 2^7 to 2^11 m on an absolute grid of the storage CRS with
sums (features, weight, place) by class, the value by which the type is coloured; and ``city._large_d7``, the boxes of features larger than
the smallest are, which are drawn themselves. Lines are summed up as edges between the cells of their ends, so a network stays one. All are
sums of whole numbers: a commit adds what came and takes away what went, and what is left is what would be built anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from twin.db import Connection, load_queries
from twin.model import Dataset, FeatureType
from twin.tables import current_table, history_table

VERSION = 2
FIRST_LEVEL, LAST_LEVEL = 7, 11
"""Cells have sides of 2^level metres."""
BLOCK = 6
"""Cells are found by blocks of 2^6 × 2^6 of them."""
LARGE_M = (256, 1024)
"""A feature with a box of a longer diagonal is drawn itself; which of these counts depends on the level."""

_QUERIES = load_queries("twin.sql", "overview.sql")
_ENTRY_LEVELS = (7, 9)
"""The first level of the cells that features of up to those sizes are summed up in."""
_WHOLE_LINES = 9
"""From this level on, lines within a cell are kept: below, a network that is smaller than a cell is less than a pixel."""
_CROSSES = sql.SQL("(level >= {} OR ax >> level <> bx >> level OR ay >> level <> by >> level)").format(sql.Literal(_WHOLE_LINES))
_SEEN = {"Point": "seen_points", "LineString": "seen_lines", "MultiPolygon": "seen_areas"}
_NUMBERS = {
    "small_m": LARGE_M[0],
    "large_m": LARGE_M[1],
    "first": _ENTRY_LEVELS[0],
    "second": _ENTRY_LEVELS[1],
    "block": BLOCK,
    "last_mask": (1 << LAST_LEVEL) - 1,
}
_KEY = ("level", "x", "y", "dx", "dy", "class")
_SINCE = "unfinished since "
_FOR_SUMS = "SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true)"


def large_above_m(level: int) -> int:
    """Return how large features are that cells of ``level`` do not sum up."""
    return next((size for size, entry in zip(reversed(LARGE_M), reversed(_ENTRY_LEVELS), strict=True) if level >= entry), LARGE_M[0])


@dataclass(frozen=True, slots=True)
class OverviewTables:
    """Names of the two tables of a dataset's overview; no FeatureType's name begins with an underscore."""

    dataset: int

    @property
    def cells(self) -> sql.Identifier:
        """The cells."""
        return sql.Identifier("city", f"_overview_d{self.dataset}")

    @property
    def large(self) -> sql.Identifier:
        """The features that are drawn themselves."""
        return sql.Identifier("city", f"_large_d{self.dataset}")

    @property
    def cells_name(self) -> str:
        """The name of the cells as ``to_regclass`` takes it."""
        return f"city._overview_d{self.dataset}"


def is_drawn(feature_type: FeatureType) -> bool:
    """True when features of a type have a shape of their own in vector tiles."""
    return feature_type.geometry_type in _SEEN


def description(feature_type: FeatureType) -> str:
    """Return the comment on the cells of a finished overview: made otherwise, or coloured by another field, it is none."""
    return f"overview {VERSION} by {feature_type.style.color_by or 'nothing'}"


def is_complete(connection: Connection, feature_type: FeatureType, dataset: Dataset) -> bool:
    """True when a dataset has the overview it should have."""
    return not is_drawn(feature_type) or _described(connection, OverviewTables(dataset.id)) == description(feature_type)


def build(connection: Connection, feature_type: FeatureType, dataset: Dataset, commit: int) -> None:
    """Make the overview of a dataset as it stands at ``commit``, in place of what there is; it counts once :func:`finish` has run.

    Nobody waits for it: the caller's transaction holds no lock and reads one snapshot (REPEATABLE READ), in which ``commit`` is current.
    """
    tables = OverviewTables(dataset.id)
    places = _places(feature_type, tables)
    connection.execute(_FOR_SUMS)
    for table in (tables.cells, tables.large):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    connection.execute(_QUERIES["create_cells"].format(**places))
    connection.execute(_QUERIES["create_large"].format(**places))
    rows = _QUERIES["rows_standing"].format(table=current_table(feature_type.name, dataset.id), **places)
    _fill_large(connection, feature_type, rows, places, {})
    connection.execute(_summing("fill_cells", feature_type, rows, places))
    for statement in _indexes(places):
        connection.execute(statement)
    _describe(connection, tables, f"{_SINCE}{commit}")
    role = sql.Identifier(f"twin_read_{dataset.sharing.value}")
    for table in (tables.cells, tables.large):
        connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(table, role))


def finish(connection: Connection, feature_type: FeatureType, dataset: Dataset) -> None:
    """Bring what :func:`build` made to the present, after which it is kept there; the caller holds the lock of publishing."""
    tables = OverviewTables(dataset.id)
    described = _described(connection, tables) or ""
    if described.startswith(_SINCE):
        _bring_up(connection, feature_type, dataset, int(described.removeprefix(_SINCE)))
        _describe(connection, tables, description(feature_type))


def advance(connection: Connection, feature_type: FeatureType, dataset: Dataset, commit: int) -> None:
    """Bring a dataset's overview to ``commit``, whose rows have just been written; nothing where there is none that is finished."""
    if is_drawn(feature_type) and is_complete(connection, feature_type, dataset):
        _bring_up(connection, feature_type, dataset, commit - 1)


def seen_statement(feature_type: FeatureType, rows: sql.Composable) -> sql.Composed:
    """Return the statement of what ``rows`` (geom, sign, class) are summed up by: sign, class, size_m, weight, ax, ay, bx, by (metres)."""
    places = {name: sql.Literal(number) for name, number in _NUMBERS.items()}
    return _QUERIES[_SEEN[feature_type.geometry_type]].format(rows=rows, **places)


def _bring_up(connection: Connection, feature_type: FeatureType, dataset: Dataset, since: int) -> None:
    # Publishing waits for this: one statement, no table made on the way.
    places = _places(feature_type, OverviewTables(dataset.id)) | {
        "history": history_table(feature_type.name, dataset.id),
        "current": current_table(feature_type.name, dataset.id),
    }
    rows, bound = _QUERIES["rows_changed"].format(**places), {"since": since}
    connection.execute(_QUERIES["drop_gone"].format(**places), bound)
    _fill_large(connection, feature_type, rows, places, bound)
    emptied = connection.execute(_summing("change_cells", feature_type, rows, places), bound).fetchall()
    if emptied:
        keys = zip(_KEY, map(list, zip(*emptied, strict=True)), strict=True)
        connection.execute(_QUERIES["drop_empty"].format(**places), dict(keys))


def _fill_large(
    connection: Connection, feature_type: FeatureType, rows: sql.Composable, places: dict[str, sql.Composable], bound: dict[str, int]
) -> None:
    if feature_type.geometry_type != "Point":
        connection.execute(_QUERIES["fill_large"].format(rows=rows, **places), bound)


def _summing(name: str, feature_type: FeatureType, rows: sql.Composable, places: dict[str, sql.Composable]) -> sql.Composed:
    """Return the statement ``name`` of the cells of all levels that ``rows`` (fid, geom, sign, class) are summed up in."""
    is_line = feature_type.geometry_type == "LineString"
    seen = _QUERIES[_SEEN[feature_type.geometry_type]].format(rows=rows, **places)
    entered = _QUERIES["entered"].format(seen=seen, drawn=_CROSSES if is_line else sql.SQL("true"), **places)
    levels = range(FIRST_LEVEL, LAST_LEVEL + 1)
    made = [sql.SQL("{} AS ({})").format(_of_level(level), _level(level, is_line=is_line)) for level in levels]
    all_of = [sql.SQL("SELECT {}, * FROM {}").format(sql.Literal(level), _of_level(level)) for level in levels]
    return _QUERIES[name].format(entered=entered, levels=sql.SQL(", ").join(made), summed=sql.SQL(" UNION ALL ").join(all_of), **places)


def _level(level: int, *, is_line: bool) -> sql.Composed:
    if level == FIRST_LEVEL:
        return _QUERIES["first_level"].format(level=sql.Literal(level))
    drawn = sql.SQL("dx <> 0 OR dy <> 0" if is_line and level < _WHOLE_LINES else "true")
    return _QUERIES["rolled_up"].format(level=sql.Literal(level), below=_of_level(level - 1), drawn=drawn)


def _of_level(level: int) -> sql.Identifier:
    return sql.Identifier(f"level_{level}")


def _places(feature_type: FeatureType, tables: OverviewTables) -> dict[str, sql.Composable]:
    color_by = feature_type.style.color_by
    named = sql.SQL("coalesce({}::text, '')").format(sql.Identifier(color_by)) if color_by else sql.SQL("''::text")
    numbers = {name: sql.Literal(number) for name, number in _NUMBERS.items()}
    return {"cells": tables.cells, "large": tables.large, "class": named, **numbers}


def _indexes(places: dict[str, sql.Composable]) -> Iterator[sql.Composed]:
    for name in ("index_cells", "key_large"):
        yield _QUERIES[name].format(**places)
    for above_m in LARGE_M:
        yield _QUERIES["index_large"].format(above_m=sql.Literal(above_m), **places)
    for table in ("cells", "large"):
        yield sql.SQL("ANALYZE {}").format(places[table])


def _describe(connection: Connection, tables: OverviewTables, text: str) -> None:
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(tables.cells, sql.Literal(text)))


def _described(connection: Connection, tables: OverviewTables) -> str | None:
    row = connection.execute(_QUERIES["described"], {"cells": tables.cells_name}).fetchone()
    return None if row is None else row[0]
