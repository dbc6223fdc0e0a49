"""Publish: one transaction that turns staged rows of one or more datasets into one commit, or changes nothing (DESIGN 5, 13)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from psycopg import sql
from psycopg.types.json import Jsonb

from ingest import representations
from ingest import staging as staged
from ingest.addressed import require_standing
from ingest.extents import Extent, Outlook, counted, measured, outlook
from ingest.further_findings import FurtherFindings, Room, only_errors
from ingest.indexing import for_good, for_matching
from ingest.inputs import inputs_of
from ingest.links import linked_columns, relink
from ingest.match import MATCH_RULES, assign, forget, many_deletes, replaceable
from ingest.staging import QUERIES, Mode, Staging, columns
from ingest.tally import as_source_says, first_of_each_kind
from twin import overview
from twin.catalogue import Catalogue
from twin.db import Connection, translated
from twin.errors import ConflictError, TwinError
from twin.materialiser import attach_partition, create_history_partition
from twin.model import Finding, SubmissionState


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset's share of a publish."""

    staging: Staging
    mode: Mode
    count: int
    hash: int
    """Rows staged when they were checked, and which; publishing fewer would erase features (DESIGN 13)."""
    lineage: Mapping[str, object]
    tolerance_m: float = 0.0
    """Within which distance a vertex counts as unmoved."""
    kept_keys: tuple[str, ...] = ()
    area_wkb: bytes | None = None
    actions_set: bool = False
    """True when staged rows carry their fid and action by nature (derived changes, rollback): they are never matched."""
    base_commit: int | None = None
    """Commit of the dataset that the staged rows were matched with; None when it had none."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What matching found: insert, update, unchanged, delete."""
    replaceable: int = 0
    """How many published features the file stands for."""
    states: Mapping[int, int] = field(default_factory=dict)
    """Where features are said by number: fid → commit that wrote the state the staged row replaces."""
    inputs: Mapping[int, int] = field(default_factory=dict)
    """Dataset id → commit of what else the check read (terrain, boundaries, nodes)."""

    @property
    def sources(self) -> Sequence[Mapping[str, object]]:
        """The files and layers that the rows came of, in the order their rows are numbered by; none of derived rows."""
        return cast("Sequence[Mapping[str, object]]", self.lineage.get("sources", ()))


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


class CheckOutdatedError(ConflictError):
    """What the check read of other datasets has been published anew since; check again."""

    code = "check-outdated"


Late = Callable[[Connection, Sequence[Staging]], Sequence[Part]]
"""Stages further parts because of those that are matched, in the transaction that publishes and under the locks of all datasets."""


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
    rows, so nobody may publish between its reading and our writing. A dataset that moved on since the check is matched again. No commit
    is made when nothing differs. Raises StagingLostError when staging lost rows since the check, CheckOutdatedError when what the check
    derived from other datasets may hold no more, and RejectedError ``many-deletes``; then nothing has changed.
    """
    with translated(), catalogue.pool.connection() as connection:
        return _publish(connection, catalogue, submission, parts, act, to_degrees, late)


def _publish(
    connection: Connection,
    catalogue: Catalogue,
    submission: uuid.UUID,
    parts: Sequence[Part],
    act: Act,
    to_degrees: Callable[[Extent], Extent],
    late: Late | None,
) -> Published:
    own, types = {p.staging.dataset.id for p in parts}, tuple(catalogue.feature_types().values())
    alone = own if late is None else own | {d.id for d in catalogue.datasets()}
    _lock_datasets(connection, alone, {i for p in parts for i in p.inputs} - alone)
    _require_inputs(connection, catalogue, parts)
    findings: list[Finding] = []
    ready: list[Part] = []
    for part in parts:
        _verify(connection, part)
        current, found = _matched(connection, catalogue, submission, part)
        if current.staging.first_load:
            for_good(connection, current.staging, linked_columns(current.staging.feature_type, types))
        findings += found
        ready.append(current)
    if late is not None:
        catalogue.refresh()  # what was published while we waited
        more = late(connection, [p.staging for p in ready])
        ready += [replace(p, counts=staged.actions(connection, p.staging)) for p in more]
    _refuse_many_deletes(ready, act)
    changing = [p for p in ready if _changes(p.counts)]
    commit = _commit(connection, catalogue, changing, act, to_degrees) if changing else None
    _note_last(connection, submission, parts)
    catalogue.submissions.advance(connection, submission, SubmissionState.PUBLISHED, commit)
    for part in ready:
        if part not in changing or not part.staging.first_load:
            staged.drop(connection, part.staging)
    connection.execute(QUERIES["forget_parts"], {"submission": submission})
    return Published(commit=commit, counts={p.staging.dataset.slug: p.counts for p in ready}, findings=tuple(findings))


def _note_last(connection: Connection, submission: uuid.UUID, parts: Sequence[Part]) -> None:
    """Have the datasets of a submission say that it was the last; what only derives from it is no part of it."""
    numbers = {"datasets": [p.staging.dataset.id for p in parts], "parts": [p.staging.part for p in parts]}
    connection.execute(QUERIES["note_last_submission"], {"submission": submission, **numbers})


def _matched(connection: Connection, catalogue: Catalogue, submission: uuid.UUID, part: Part) -> tuple[Part, tuple[Finding, ...]]:
    """Return a part whose staged rows are matched with what is current now (its dataset is locked), and what matching again found."""
    now = commit_of(connection, part.staging)
    if part.actions_set or now == part.base_commit:
        return part, ()
    staging = part.staging
    if part.mode == "edit":
        require_standing(connection, staging, part.states)
        return replace(part, base_commit=now), ()
    if staging.first_load:
        staging = staged.as_later_load(connection, staging)
        for_matching(connection, staging)
    else:
        forget(connection, staging)
    assigned = assign(connection, staging, part.mode, part.tolerance_m, part.kept_keys, part.area_wkb)
    found = tuple(as_source_says(f, part.sources) for f in assigned)
    _forget_match_findings(connection, submission, staging.part)
    further = FurtherFindings(None, Room.on(None, catalogue.submissions.further_bytes(connection, submission)))
    kept, omitted = first_of_each_kind(found, further)
    catalogue.submissions.add_findings(connection, submission, staging.part, kept, omitted, further.packed())
    counts = staged.actions(connection, staging)
    of = replaceable(connection, staging, part.mode, part.area_wkb)
    return replace(part, staging=staging, base_commit=now, counts=counts, replaceable=of), found


def _forget_match_findings(connection: Connection, submission: uuid.UUID, part: int) -> None:
    """Drop what an earlier match told, be it kept row by row, counted or packed; errors were told of rows that are not staged, and stay."""
    of = {"submission": submission, "part": part}
    for query in ("forget_match_findings", "forget_match_omitted"):
        connection.execute(QUERIES[query], of | {"rules": list(MATCH_RULES)})
    for (number,) in connection.execute(QUERIES["further_match_findings"], of | {"rules": list(MATCH_RULES)}).fetchall():
        pack = connection.execute(QUERIES["take_further_findings"], of | {"number": number}).fetchone()
        if pack is not None and (errors := only_errors(pack[1])) is not None:
            connection.execute(QUERIES["keep_further_findings"], of | {"number": number, "rule": pack[0], "content": errors})


def commit_of(connection: Connection, staging: Staging) -> int | None:
    """Return the commit of a dataset's newest revision as this transaction sees it, None when it has none."""
    row = connection.execute(QUERIES["current_commit"], {"dataset": staging.dataset.id}).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _require_inputs(connection: Connection, catalogue: Catalogue, parts: Sequence[Part]) -> None:
    stagings = [p.staging for p in parts if not p.actions_set]
    catalogue.refresh()
    for part in parts:
        if not part.actions_set and inputs_of(connection, catalogue, part.staging, stagings) != dict(part.inputs):
            slug = part.staging.dataset.slug
            raise CheckOutdatedError(
                f"the terrain, boundaries or nodes that {slug} was checked with have been published anew: check it again",
                zh=f"{slug} 检查所依据的地形、区划或管点已更新，请重新检查",
            )


def _refuse_many_deletes(parts: Sequence[Part], act: Act) -> None:
    for part in parts:
        error = None if part.actions_set else many_deletes(part.staging.dataset, part.counts["delete"], part.replaceable)
        if error is not None and not act.allow_deletes:
            raise error


def _commit(connection: Connection, catalogue: Catalogue, parts: Sequence[Part], act: Act, to_degrees: Callable[[Extent], Extent]) -> int:
    """Number the commit and apply every part: from here the commit lock is held, so only what must be is done after it."""
    known = {p.staging.dataset.id: _known(connection, p) for p in parts}
    row = connection.execute(
        QUERIES["next_commit"],
        {"actor": act.actor, "reason": act.reason, "name": act.name, "kind": act.kind, "rolled_back_to": act.rolled_back_to},
    ).fetchone()
    if row is None:
        raise TwinError("no commit was made")
    number = int(row[0])
    catalogue.refresh()  # nobody else publishes from here on: links are made with every dataset there is
    for part in parts:
        if part.staging.first_load:
            representations.attach(connection, part.staging, number)
            _attach(connection, part.staging, number)
        else:
            representations.apply(connection, part.staging, part.mode, part.tolerance_m, number, act.rolled_back_to)
            _apply(connection, part.staging, number)
            overview.advance(connection, part.staging.feature_type, part.staging.dataset, number)
        size, extent = _size_and_extent(connection, catalogue, part.staging, known[part.staging.dataset.id])
        _record(connection, part, number, size, extent, to_degrees)
    relink(connection, catalogue, [part.staging for part in parts], number)
    return number


def _lock_datasets(connection: Connection, alone: Iterable[int], shared: Iterable[int]) -> None:
    """One publish at a time per dataset, and none of what it was checked with meanwhile.

    In order of id, so that two publishes of the same datasets cannot wait for each other.
    """
    modes = dict.fromkeys(alone, "") | dict.fromkeys(shared, "_shared")
    for dataset_id, mode in sorted(modes.items()):
        lock = sql.Identifier(f"pg_advisory_xact_lock{mode}")
        connection.execute(sql.SQL("SELECT {}(hashtext('twin.publish'), %s)").format(lock), (dataset_id,))


def _verify(connection: Connection, part: Part) -> None:
    if staged.count_and_hash(connection, part.staging) != (part.count, part.hash):
        raise StagingLostError(
            f"the staged rows of {part.staging.dataset.slug} were lost since they were checked; load the file again",
            zh=f"{part.staging.dataset.slug} 的暂存数据在检查后丢失，请重新导入",
        )


def _changes(counts: Mapping[str, int]) -> bool:
    return bool(counts["insert"] or counts["update"] or counts["delete"])


def _attach(connection: Connection, staging: Staging, commit: int) -> None:
    """Turn the staging table of a first load into the dataset's partition."""
    drops = sql.SQL("ALTER TABLE {} DROP COLUMN row, DROP COLUMN action, ALTER COLUMN fid DROP DEFAULT, ALTER COLUMN dataset DROP DEFAULT")
    connection.execute(drops.format(staging.table))
    attach_partition(connection, staging.name, staging.feature_type.name, staging.dataset, commit)
    create_history_partition(connection, staging.feature_type, staging.dataset)


def _apply(connection: Connection, staging: Staging, commit: int) -> None:
    """Close the rows that change or go, and write the new state of those that change or come."""
    connection.execute(staging.query("close_rows", current_content=columns(staging.content, "c")), {"commit": commit})
    connection.execute(staging.query("delete_rows"))
    connection.execute(staging.query("insert_rows", staged_content=columns(staging.content, "s")), {"commit": commit})


def _known(connection: Connection, part: Part) -> tuple[int, Extent | None] | Outlook | None:
    """Return what is known, before the commit lock is held, of number and extent of the rows that a dataset is going to have."""
    if part.staging.first_load:
        return counted(connection, part.staging.table)
    return outlook(connection, part.staging, commit_of(connection, part.staging), part.counts)


def _size_and_extent(
    connection: Connection, catalogue: Catalogue, staging: Staging, known: tuple[int, Extent | None] | Outlook | None
) -> tuple[int, Extent | None]:
    return known if isinstance(known, tuple) else measured(connection, staging, catalogue.deployment.storage_srid, known)


def _record(
    connection: Connection, part: Part, commit: int, size: int, extent: Extent | None, to_degrees: Callable[[Extent], Extent]
) -> None:
    dataset = part.staging.dataset
    connection.execute(
        QUERIES["record_revision"],
        {
            "dataset": dataset.id,
            "commit": commit,
            "inserted": part.counts["insert"],
            "updated": part.counts["update"],
            "deleted": part.counts["delete"],
            "count": size,
            "lineage": Jsonb(dict(part.lineage)),
            "extent_m": list(extent) if extent else None,
            "extent_deg": list(to_degrees(extent)) if extent else None,
        },
    )
    connection.execute(QUERIES["set_current_commit"], {"dataset": dataset.id, "commit": commit})
