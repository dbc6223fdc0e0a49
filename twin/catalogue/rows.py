"""What the queries of one file give, and their rows as the values of :mod:`twin.model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from twin.db import Pool, translated
from twin.errors import Text
from twin.model import Asset, Commit, Dataset, Deployment, Revision, SharingClass

Row = Mapping[str, Any]


def fetch_rows(pool: Pool, query: sql.SQL, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return all rows of a query, run in a transaction of its own."""
    with translated(), pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def deployment_of(row: Row) -> Deployment:
    """Return the deployment that a row of ``catalog.deployment`` holds."""
    return Deployment(
        name=row["name"],
        storage_srid=row["storage_srid"],
        vertical=row["vertical"],
        extent_deg=_extent(row["extent_deg"]),
        admin_prefix=row["admin_prefix"],
        oid_root=row["oid_root"],
        geocentric_pipeline=row["geocentric_pipeline"],
        geocentric_accuracy_m=row["geocentric_accuracy_m"],
        geocentric_operation=row["geocentric_operation"],
    )


def dataset_of(row: Row) -> Dataset:
    """Return the dataset that a row of ``catalog.dataset``, with its type's class number, holds."""
    return Dataset(
        id=row["id"],
        slug=row["slug"],
        feature_type=row["feature_type"],
        class_number=row["class_number"],
        title=Text(zh=row["title_zh"], en=row["title_en"]),
        owner_department=row["owner_department"],
        steward=row["steward"],
        licence=row["licence"],
        sharing=SharingClass(row["sharing"]),
        tolerance_m=row["tolerance_m"],
        source_platform=row["source_platform"],
        update_cycle=row["update_cycle"],
    )


def revision_of(row: Row) -> Revision:
    """Return the revision that a row of ``catalog.revision`` holds."""
    return Revision(
        dataset=row["dataset"],
        commit=row["commit"],
        inserted=row["inserted"],
        updated=row["updated"],
        deleted=row["deleted"],
        count=row["count"],
        lineage=row["lineage"],
        extent_deg=_extent(row["extent_deg"]),
    )


def commit_of(row: Row) -> Commit:
    """Return the commit that a row of ``catalog.commit`` holds."""
    return Commit(number=row["number"], time=row["time"], actor=row["actor"], reason=row["reason"], name=row["name"], kind=row["kind"])


def asset_of(row: Row) -> Asset:
    """Return the asset that a row of ``catalog.asset`` holds."""
    return Asset(
        dataset=row["dataset"], revision=row["revision"], kind=row["kind"], variant=row["variant"], state=row["state"], detail=row["detail"]
    )


def _extent(values: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    return (values[0], values[1], values[2], values[3]) if values else None
