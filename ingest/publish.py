"""Publish: one transaction that turns staged rows of one or more datasets into one commit, or changes nothing (DESIGN 5, 13)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql
from psycopg.types.json import Jsonb

from ingest import staging as staged
from ingest.links import relink
from ingest.match import assign
from ingest.staging import QUERIES, Mode, Staging, columns
from twin.catalogue import Catalogue
from twin.db import Connection, translated
from twin.errors import ConflictError, TwinError
from twin.materialiser import create_history_partition, grant_read
from twin.model import Finding, SubmissionState
from twin.tables import table_name

Extent = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset's share of a publish."""

    staging: Staging
    mode: Mode
    count: int
    hash: int
    """Rows staged when they were checked, and which; publishing fewer would erase features (DESIGN 13)."""
    lineage: Mapping[str, object]
    kept_keys: tuple[str, ...] = ()
    area_wkb: bytes | None = None
    actions_set: bool = False
    """True when staged rows carry their fid and action already (derived changes, rollback)."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who publishes, and why."""

    actor: str
    reason: str
    name: str | None = None
    kind: str = "publish"
    rolled_back_to: int | None = None
    allow_deletes: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did: ``commit`` is None when there was nothing to change."""

    commit: int | None
    counts: Mapping[str, Mapping[str, int]]
    """Per dataset slug: insert, update, unchanged, delete."""
    findings: tuple[Finding, ...] = field(default=())


class StagingLostError(ConflictError):
    """The staged rows are not those that were checked; load the file again."""

    code = "staging-lost"


Late = Callable[[Connection], Sequence[Part]]
"""Stages further parts from published rows, in the transaction that publishes and under the locks of all datasets."""


def publish(
    catalogue: Catalogue,
    submission: uuid.UUID,
    parts: Sequence[Part],
    act: Act,
    to_degrees: Callable[[Extent], Extent],
    late: Late | None = None,
) -> Published:
    """Make the staged rows of ``parts`` the current state of their datasets, as one commit that readers see whole.

    ``to_degrees`` turns an extent of the storage CRS into lon/lat. What ``late`` stages belongs to the same commit: it reads published
    rows, so nobody may publish between its reading and our writing. No commit is made when nothing differs. Raises StagingLostError,
    with the submission back in state received, when staging lost rows since the check.
    """
    try:
        with translated(), catalogue.pool.connection() as connection:
            return _publish(connection, catalogue, submission, parts, act, to_degrees, late)
    except StagingLostError:
        with translated(), catalogue.pool.connection() as connection:
            catalogue.advance(connection, submission, SubmissionState.RECEIVED)
        raise


def _publish(
    connection: Connection,
    catalogue: Catalogue,
    submission: uuid.UUID,
    parts: Sequence[Part],
    act: Act,
    to_degrees: Callable[[Extent], Extent],
    late: Late | None,
) -> Published:
    own = {p.staging.dataset.id for p in parts}
    _lock_datasets(connection, own if late is None else own | {d.id for d in catalogue.datasets()})
    if late is not None:
        catalogue.refresh()  # what was published while we waited
        parts = [*parts, *late(connection)]
    findings: list[Finding] = []
    counts: dict[str, Mapping[str, int]] = {}
    extents: dict[int, tuple[int, Extent | None]] = {}
    for part in parts:
        _verify(connection, part)
        if part.staging.first_load:
            _refuse_second_first_load(connection, part.staging)
            counts[part.staging.dataset.slug] = {"insert": part.count, "update": 0, "unchanged": 0, "delete": 0}
            extents[part.staging.dataset.id] = _count_and_extent(connection, part.staging.table, to_degrees)
            continue
        if not part.actions_set:
            tolerance_m = part.staging.dataset.tolerance_m
            found = assign(connection, part.staging, part.mode, tolerance_m, part.kept_keys, part.area_wkb, allow_deletes=act.allow_deletes)
            catalogue.add_findings(connection, submission, part.staging.part, found)
            findings += found
        counts[part.staging.dataset.slug] = staged.actions(connection, part.staging)
    changing = [p for p in parts if _changes(counts[p.staging.dataset.slug])]
    commit = _commit(connection, catalogue, changing, act, counts, extents, to_degrees) if changing else None
    catalogue.advance(connection, submission, SubmissionState.PUBLISHED, commit)
    for part in parts:
        if part not in changing or not part.staging.first_load:
            staged.drop(connection, part.staging)
    return Published(commit=commit, counts=counts, findings=tuple(findings))


def _commit(
    connection: Connection,
    catalogue: Catalogue,
    parts: Sequence[Part],
    act: Act,
    counts: Mapping[str, Mapping[str, int]],
    extents: Mapping[int, tuple[int, Extent | None]],
    to_degrees: Callable[[Extent], Extent],
) -> int:
    """Number the commit and apply every part: from here the commit lock is held, so only what must be is done after it."""
    row = connection.execute(
        QUERIES["next_commit"],
        {"actor": act.actor, "reason": act.reason, "name": act.name, "kind": act.kind, "rolled_back_to": act.rolled_back_to},
    ).fetchone()
    if row is None:
        raise TwinError("no commit was made")
    number = int(row[0])
    for part in parts:
        if part.staging.first_load:
            _attach(connection, part.staging, number)
            size, extent = extents[part.staging.dataset.id]
        else:
            _apply(connection, part.staging, number)
            size, extent = _count_and_extent(connection, part.staging.current, to_degrees)
        _record(connection, part, number, counts[part.staging.dataset.slug], size, extent)
    relink(connection, catalogue, [part.staging for part in parts], number)
    return number


def _lock_datasets(connection: Connection, dataset_ids: Iterable[int]) -> None:
    """One publish at a time per dataset; in order of id, so that two publishes of the same datasets cannot wait for each other."""
    for dataset_id in sorted(dataset_ids):
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('twin.publish'), %s)", (dataset_id,))


def _verify(connection: Connection, part: Part) -> None:
    if staged.count_and_hash(connection, part.staging) != (part.count, part.hash):
        raise StagingLostError(
            f"the staged rows of {part.staging.dataset.slug} were lost since they were checked; load the file again",
            zh=f"{part.staging.dataset.slug} 的暂存数据在检查后丢失，请重新导入",
        )


def _refuse_second_first_load(connection: Connection, staging: Staging) -> None:
    row = connection.execute("SELECT to_regclass(%s)", (f"city.{table_name(staging.feature_type.name, staging.dataset.id)}",)).fetchone()
    if row and row[0] is not None:
        raise ConflictError(
            f"dataset {staging.dataset.slug} was published by somebody else meanwhile; load the file again",
            zh=f"数据集 {staging.dataset.slug} 刚被他人发布，请重新导入",
        )


def _changes(counts: Mapping[str, int]) -> bool:
    return bool(counts["insert"] or counts["update"] or counts["delete"])


def _attach(connection: Connection, staging: Staging, commit: int) -> None:
    """Turn the staging table of a first load into the dataset's partition, without copying a row."""
    name = table_name(staging.feature_type.name, staging.dataset.id)
    for statement in (
        sql.SQL("ALTER TABLE {t} DROP COLUMN row, DROP COLUMN action, ALTER COLUMN fid DROP DEFAULT, ALTER COLUMN dataset DROP DEFAULT"),
        sql.SQL("ALTER TABLE {t} ADD COLUMN commit_from bigint NOT NULL DEFAULT {n}"),
        sql.SQL("ALTER TABLE {t} ALTER COLUMN commit_from DROP DEFAULT"),
        sql.SQL("ALTER TABLE {t} SET SCHEMA city"),
        sql.SQL("ALTER TABLE {moved} RENAME TO {name}"),
        sql.SQL("ALTER TABLE {parent} ATTACH PARTITION {current} FOR VALUES IN ({dataset})"),
    ):
        connection.execute(
            statement.format(
                t=staging.table,
                n=sql.Literal(commit),
                moved=sql.Identifier("city", staging.name),
                name=sql.Identifier(name),
                parent=sql.Identifier("city", staging.feature_type.name),
                current=staging.current,
                dataset=sql.Literal(staging.dataset.id),
            )
        )
    create_history_partition(connection, staging.feature_type, staging.dataset)
    grant_read(connection, staging.current, staging.dataset.sharing)


def _apply(connection: Connection, staging: Staging, commit: int) -> None:
    """Close the rows that change or go, and write the new state of those that change or come."""
    connection.execute(staging.query("close_rows", current_content=columns(staging.content, "c")), {"commit": commit})
    connection.execute(staging.query("delete_rows"))
    connection.execute(staging.query("insert_rows", staged_content=columns(staging.content, "s")), {"commit": commit})


def _record(connection: Connection, part: Part, commit: int, counts: Mapping[str, int], size: int, extent: Extent | None) -> None:
    dataset = part.staging.dataset
    connection.execute(
        QUERIES["record_revision"],
        {
            "dataset": dataset.id,
            "commit": commit,
            "inserted": counts["insert"],
            "updated": counts["update"],
            "deleted": counts["delete"],
            "count": size,
            "lineage": Jsonb(dict(part.lineage)),
            "extent_deg": list(extent) if extent else None,
        },
    )
    connection.execute(QUERIES["set_current_commit"], {"dataset": dataset.id, "commit": commit})


def _count_and_extent(connection: Connection, table: sql.Identifier, to_degrees: Callable[[Extent], Extent]) -> tuple[int, Extent | None]:
    row = connection.execute(QUERIES["count_and_extent"].format(table=table)).fetchone()
    if row is None or row[1] is None:
        return (int(row[0]) if row else 0), None
    return int(row[0]), to_degrees((float(row[1]), float(row[2]), float(row[3]), float(row[4])))
