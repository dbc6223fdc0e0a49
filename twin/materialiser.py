"""FeatureType → tables: one partitioned parent for current rows, one for history, additive changes live, others refused with a diff.

Alembic never touches these tables; they follow the FeatureType files (DESIGN 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from geoalchemy2 import Geometry
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn, CreateTable

from twin.db import Connection, Pool, translated
from twin.errors import ConflictError
from twin.featuretypes.definition import definition_hash, feature_type_definition
from twin.model import Dataset, FeatureType, Field, SharingClass
from twin.tables import fid_sequence, geometry_type, history_table, table_name

_COLUMN_TYPES: Mapping[str, type[sa.types.TypeEngine[Any]]] = {
    "string": sa.Text,
    "code": sa.Text,
    "integer": sa.BigInteger,
    "number": sa.Double,
    "boolean": sa.Boolean,
    "date": sa.Date,
}
_DIALECT: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def columns(feature_type: FeatureType, srid: int, *, history: bool) -> list[sa.Column[Any]]:
    """Return the columns of one row state of a feature, as docs/architecture.md lists them."""
    made: list[sa.Column[Any]] = [
        sa.Column("dataset", sa.Integer, nullable=False),
        sa.Column("fid", sa.BigInteger, nullable=False),
        sa.Column("commit_from", sa.BigInteger, nullable=False),
    ]
    if history:
        made.append(sa.Column("commit_to", sa.BigInteger, nullable=False))
    return made + content(feature_type, srid)


def content(feature_type: FeatureType, srid: int) -> list[sa.Column[Any]]:
    """Return the columns of :func:`content_columns` with their types."""
    return [
        sa.Column("natural_key", sa.Text),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        sa.Column("admin_codes", postgresql.ARRAY(sa.Text)),
        _geometry_column(feature_type, srid),
        *(sa.Column(f.name, _column_type(f)) for f in feature_type.fields),
        sa.Column("extra", postgresql.JSON),
    ]


def create_statement(table: sa.Table) -> sql.SQL:
    """Return the CREATE TABLE statement of a table, as SQLAlchemy and GeoAlchemy2 compile it for PostgreSQL."""
    return sql.SQL(str(CreateTable(table).compile(dialect=_DIALECT)))


def column_definition(column: sa.Column[Any]) -> sql.SQL:
    """Return ``name type constraints`` of a column, as it stands in a CREATE TABLE."""
    sa.Table("of_column", sa.MetaData(), column)  # SQLAlchemy compiles no column without a table
    return sql.SQL(str(CreateColumn(column).compile(dialect=_DIALECT)))


def materialise(pool: Pool, feature_type: FeatureType, srid: int) -> None:
    """Make the tables of a FeatureType, or bring them to its present definition when that only adds fields.

    Raises ConflictError (code ``featuretype-change``) with a diff for every other change: rows would lose meaning.
    """
    wanted_hash = definition_hash(feature_type)
    with translated(), pool.connection() as connection:
        known = connection.execute("SELECT definition_hash FROM catalog.feature_type WHERE name = %s", (feature_type.name,)).fetchone()
        if known is not None and known[0] == wanted_hash:
            return
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('twin.materialise'))")
        stored = connection.execute(
            "SELECT definition FROM catalog.feature_type WHERE name = %s FOR UPDATE", (feature_type.name,)
        ).fetchone()
        if stored is None:
            _create(connection, feature_type, srid)
        else:
            _add_fields(connection, feature_type, stored[0])
        connection.execute(
            "INSERT INTO catalog.feature_type (name, class_number, version, definition, definition_hash)"
            " SELECT %(name)s, coalesce(max(class_number), 0) + 1, %(version)s, %(definition)s, %(hash)s FROM catalog.feature_type"
            " ON CONFLICT (name) DO UPDATE SET version = excluded.version, definition = excluded.definition,"
            " definition_hash = excluded.definition_hash, materialised_at = now()",
            {
                "name": feature_type.name,
                "version": feature_type.version,
                "definition": Jsonb(feature_type_definition(feature_type)),
                "hash": wanted_hash,
            },
        )


def create_history_partition(connection: Connection, feature_type: FeatureType, dataset: Dataset) -> None:
    """Make the partition that will hold a dataset's closed rows, readable by its sharing class."""
    name = history_table(feature_type.name, dataset.id)
    parent = sql.Identifier("history", feature_type.name)
    connection.execute(sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({})").format(name, parent, sql.Literal(dataset.id)))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid, commit_from)").format(name))
    connection.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(name))
    connection.execute(sql.SQL("CREATE INDEX ON {} (commit_to)").format(name))
    grant_read(connection, name, dataset.sharing)


def attach_partition(connection: Connection, staged: str, parent: str, dataset: Dataset, commit: int) -> None:
    """Turn table ``staged`` of schema staging into the dataset's partition of ``city.{parent}``, written by ``commit``, copying no row.

    It has the parent's columns but ``commit_from``, and a constraint that spares the ATTACH a scan (DESIGN 5).
    """
    name = table_name(parent, dataset.id)
    for statement in (
        "ALTER TABLE staging.{staged} ADD COLUMN commit_from bigint NOT NULL DEFAULT {commit}",
        "ALTER TABLE staging.{staged} ALTER COLUMN commit_from DROP DEFAULT",
        "CREATE INDEX ON staging.{staged} (commit_from)",  # what a later commit changed is found by it
        "ALTER TABLE staging.{staged} SET SCHEMA city",
        "ALTER TABLE city.{staged} RENAME TO {name}",
        "ALTER TABLE city.{parent} ATTACH PARTITION city.{name} FOR VALUES IN ({dataset})",
    ):
        connection.execute(
            sql.SQL(statement).format(
                staged=sql.Identifier(staged),
                name=sql.Identifier(name),
                parent=sql.Identifier(parent),
                dataset=sql.Literal(dataset.id),
                commit=sql.Literal(commit),
            )
        )
    grant_read(connection, sql.Identifier("city", name), dataset.sharing)


def grant_read(connection: Connection, table: sql.Identifier, sharing: SharingClass) -> None:
    """Let exactly the read role of ``sharing`` (and the wider ones that contain it) select from a partition."""
    connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(table, sql.Identifier(f"twin_read_{sharing.value}")))


def _create(connection: Connection, feature_type: FeatureType, srid: int) -> None:
    for schema in ("city", "history"):
        table = sa.Table(
            feature_type.name,
            sa.MetaData(),
            *columns(feature_type, srid, history=schema == "history"),
            schema=schema,
            postgresql_partition_by="LIST (dataset)",
        )
        connection.execute(create_statement(table))
    connection.execute(sql.SQL("CREATE SEQUENCE {} AS bigint").format(fid_sequence(feature_type.name)))


def _add_fields(connection: Connection, feature_type: FeatureType, stored: Mapping[str, Any]) -> None:
    """Add the columns that are new; refuse when a stored field is gone or of another type, or the geometry differs."""
    old = {f["name"]: f["type"] for f in stored["fields"]}
    new = {f.name: f for f in feature_type.fields}
    differences = [f"- {name}: {kind}" for name, kind in old.items() if name not in new]
    differences += [f"~ {name}: {old[name]} → {f.type}" for name, f in new.items() if name in old and not _same_column(old[name], f.type)]
    shapes = [(g["type"], g["z"]) for g in (stored["geometry"], feature_type_definition(feature_type)["geometry"])]  # type: ignore[index]
    differences += [f"~ geometry: {shapes[0]} → {shapes[1]}"] if shapes[0] != shapes[1] else []
    if differences:
        raise ConflictError(
            f"FeatureType {feature_type.name} may only gain fields while it has tables: {'; '.join(differences)}",
            zh=f"要素类型 {feature_type.name} 已建表，只能增加字段：{'; '.join(differences)}",
        ).with_code("featuretype-change")
    for name, f in new.items():
        if name in old:
            continue
        column_type = sql.SQL(str(_column_type(f).compile(dialect=_DIALECT)))
        for schema in ("city", "history"):
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                    sql.Identifier(schema, feature_type.name), sql.Identifier(name), column_type
                )
            )


def _same_column(old: str, new: str) -> bool:
    return old == new or {old, new} == {"string", "code"}


def _column_type(f: Field) -> sa.types.TypeEngine[Any]:
    if f.type == "datetime":
        return sa.DateTime(timezone=True)
    return _COLUMN_TYPES[f.type]()


def _geometry_column(feature_type: FeatureType, srid: int) -> sa.Column[Any]:
    kind = geometry_type(feature_type)
    dimension = 3 if feature_type.has_z else 2
    return sa.Column("geom", Geometry(kind, srid=srid, dimension=dimension, spatial_index=False), nullable=False)
