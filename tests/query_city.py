"""A small city put straight into the tables, so that the query core and its doors are tested without ingest."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from twin.catalogue import Catalogue, NewDataset
from twin.db import Connection, open_pool
from twin.errors import Text
from twin.materialiser import create_history_partition, grant_read
from twin.model import Dataset, Deployment, SharingClass
from twin.tables import current_table, history_table

EAST, NORTH = 499_000.0, 3_520_000.0
"""The city's corner in EPSG:4549 (about 119.9894 E, 31.8029 N)."""
OID_ROOT = "2.25.7"
HOSTILE_TEXT = 'DN<300 & >100 "q" \\ \u2028 🏙 常州'


@dataclass(frozen=True)
class Row:
    """One feature to be put in."""

    fid: int
    geometry: BaseGeometry
    values: Mapping[str, object] = field(default_factory=dict)


def new_catalogue(database_url: str, srid: int = 4549, vertical: str = "egm96") -> Catalogue:
    """Return a catalogue with a fresh deployment; the caller closes its pool."""
    catalogue = Catalogue(open_pool(database_url, size=6, statement_timeout_s=30))
    catalogue.make_deployment(
        Deployment(
            name="测试市",
            storage_srid=srid,
            vertical=vertical,
            extent_deg=None,
            admin_prefix=None,
            oid_root=OID_ROOT,
            geocentric_pipeline="",
            geocentric_accuracy_m=None,
            geocentric_operation="",
        )
    )
    return catalogue


def publish_first(
    catalogue: Catalogue, slug: str, feature_type: str, rows: Iterable[Row], sharing: SharingClass = SharingClass.OPEN
) -> int:
    """Make a dataset with ``rows`` as its first revision and return the commit."""
    dataset = catalogue.ensure_dataset(NewDataset(slug, feature_type, Text(f"中文 {slug}", slug), 0.001, sharing=sharing))
    kind = catalogue.feature_type(feature_type)
    with catalogue.pool.connection() as connection:
        commit = _next_commit(connection)
        table = current_table(feature_type, dataset.id)
        parent = sql.Identifier("city", feature_type)
        connection.execute(sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({})").format(table, parent, sql.Literal(dataset.id)))
        connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(table))
        connection.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(table))
        grant_read(connection, table, sharing)
        create_history_partition(connection, kind, dataset)
        count = _insert(connection, catalogue, dataset, commit, rows)
        _record(connection, dataset, commit, count)
    catalogue.refresh()
    return commit


def publish_change(catalogue: Catalogue, slug: str, changed: Iterable[Row] = (), deleted: Iterable[int] = ()) -> int:
    """Publish a revision in which ``changed`` rows replace those of their fid (or are new) and ``deleted`` are gone."""
    dataset = catalogue.dataset(slug)
    rows = list(changed)
    with catalogue.pool.connection() as connection:
        commit = _next_commit(connection)
        current, history = (table(dataset.feature_type, dataset.id) for table in (current_table, history_table))
        gone = [row.fid for row in rows] + list(deleted)
        columns = _columns(catalogue, dataset)
        connection.execute(
            sql.SQL(
                "WITH closed AS (DELETE FROM {current} WHERE fid = ANY(%s) RETURNING *)"
                " INSERT INTO {history} (commit_to, commit_from, {columns}) SELECT %s, commit_from, {columns} FROM closed"
            ).format(current=current, history=history, columns=columns),
            (gone, commit),
        )
        _insert(connection, catalogue, dataset, commit, rows)
        count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(current)).fetchone()
        assert count is not None
        _record(connection, dataset, commit, count[0])
    catalogue.refresh()
    return commit


def square(x: float, y: float, size: float = 10.0, z: float | None = None) -> BaseGeometry:
    """Return a MultiPolygon square whose lower left corner lies (x, y) metres from the city's corner."""
    box = shapely.box(EAST + x, NORTH + y, EAST + x + size, NORTH + y + size)
    return shapely.multipolygons([shapely.force_3d(box, z) if z is not None else box])


def line(*points: tuple[float, float, float]) -> BaseGeometry:
    """Return a LineString Z through points given in metres from the city's corner."""
    return shapely.linestrings([(EAST + x, NORTH + y, z) for x, y, z in points])


def small_city(database_url: str) -> Catalogue:
    """Return a catalogue with 30 buildings (three revisions), 12 pipes, 5 plots and one hidden dataset."""
    catalogue = new_catalogue(database_url)
    publish_first(catalogue, "buildings", "building", [_building(i) for i in range(1, 31)])
    publish_first(
        catalogue,
        "pipes",
        "pipe_segment",
        [
            Row(i, line((i * 20, 0, 3.5), (i * 20 + 15, 5, 3.25)), {"segment_id": f"P{i}", "kind": "YS", "outer_diameter_mm": 300.5})
            for i in range(1, 13)
        ],
    )
    publish_first(
        catalogue,
        "plots",
        "land_use_plan",
        [Row(i, square(i * 100, 500, 90), {"plot_id": f"A-{i}", "land_use_code": "0701", "plan_state": "approved"}) for i in range(1, 6)],
    )
    publish_first(catalogue, "secret", "building", [_building(1000)], SharingClass.RESTRICTED)
    publish_change(catalogue, "buildings", [_building(3, floors_above=99), _building(31)], deleted=[5])
    publish_change(catalogue, "buildings", [_building(3, floors_above=100)], deleted=[7])
    return catalogue


@contextmanager
def clone_of(template: str, dsn_of: Callable[[str], str]) -> Iterator[str]:
    """Yield the DSN of a clone of the template database that lives as long as the block: for cities many tests read."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield dsn_of(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _building(fid: int, **values: object) -> Row:
    given: dict[str, object] = {
        "building_id": f"B{fid}",
        "name": HOSTILE_TEXT if fid == 2 else f"学府花园{fid}幢",
        "floors_above": fid,
        "height_m": fid * 3.0 if fid != 4 else None,
        "valid_from": dt.date(2000 + fid % 20, 1, 1) if fid != 6 else None,
        "valid_to": dt.date(2024, 6, 1) if fid == 8 else None,
    } | values
    return Row(fid, square((fid % 10) * 30, (fid // 10) * 30, z=7.0), given)


def _next_commit(connection: Connection) -> int:
    row = connection.execute("SELECT (catalog.next_commit_v1('test', 'test', NULL, 'publish', NULL)).number").fetchone()
    assert row is not None
    return int(row[0])


def _insert(connection: Connection, catalogue: Catalogue, dataset: Dataset, commit: int, rows: Iterable[Row]) -> int:
    table = current_table(dataset.feature_type, dataset.id)
    srid = catalogue.deployment.storage_srid
    count = 0
    for row in rows:
        names = ["dataset", "fid", "commit_from", "geom", *row.values]
        values = [
            dataset.id,
            row.fid,
            commit,
            shapely.to_wkb(shapely.set_srid(row.geometry, srid), include_srid=True),
            *row.values.values(),
        ]
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                table, sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join([sql.Placeholder()] * len(names))
            ),
            values,
        )
        count += 1
    return count


def _columns(catalogue: Catalogue, dataset: Dataset) -> sql.Composed:
    kind = catalogue.feature_type(dataset.feature_type)
    names = ("dataset", "fid", "natural_key", "valid_from", "valid_to", "admin_codes", "geom", *kind.field_names, "extra")
    return sql.SQL(", ").join([sql.Identifier(n) for n in names])


def _record(connection: Connection, dataset: Dataset, commit: int, count: int) -> None:
    connection.execute(
        "INSERT INTO catalog.revision (dataset, commit, inserted, updated, deleted, count, lineage, extent_deg)"
        " VALUES (%s, %s, 0, 0, 0, %s, '{}', '{119.98,31.8,120.0,31.82}')",
        (dataset.id, commit, count),
    )
    connection.execute("UPDATE catalog.dataset SET current_commit = %s WHERE id = %s", (commit, dataset.id))
