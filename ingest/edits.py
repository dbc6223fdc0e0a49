"""Edits: single features written through a door, by their numbers. An edit is a submission like any other (docs/ogc-writing.md).

It takes the way of a file in mode ``delta`` (rows, rules over the network as it will be, derived values, staging, one commit), but says
by number which feature is meant and in which state it was seen. Everything is published or nothing: there is no partial acceptance.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from psycopg import sql
from psycopg.rows import dict_row

from ingest import staging as staged
from ingest.addressed import Addressed, addressing, assign_addressed
from ingest.checking import check_rows, prepare_rows
from ingest.edit_provenance import derivations, with_provenance
from ingest.edit_reading import EditedFeature, EditedSource, EditReader
from ingest.load import given_up, publish_parts, withdraw
from ingest.part_reading import PartReading
from ingest.publish import Act, CheckOutdatedError, Part, StagingLostError, commit_of
from ingest.receiving import read_all, start
from ingest.request import LoadRequest, PartSpec, Workplace
from ingest.staging import columns
from ingest.tally import Tally
from twin.catalogue import Catalogue
from twin.db import translated
from twin.errors import RejectedError, Text
from twin.model import Dataset, FeatureType, Finding, SharingClass, SubmissionState
from twin.tables import current_table

_SOURCE = Path("edits")
"""What stands in place of a file's name in the record of an edit."""
_ATTEMPTS = 3
"""How often an edit is checked when what it was checked with is published anew meanwhile."""

_LOSE_VALUES = frozenset({"type", "code"})
"""Rules whose findings say that a value could not be taken. Of a file it stays in ``extra``; who writes one feature is told."""


Action = Literal["insert", "replace", "update", "delete"]
"""An update is a replacement of which the caller named the differences only: what is done is the same, what is said of it is not."""
_REPLACING: frozenset[Action] = frozenset({"replace", "update"})
_DONE: Mapping[Action, Text] = {
    "insert": Text("新增", "insert"),
    "replace": Text("替换", "replace"),
    "update": Text("修改", "update"),
    "delete": Text("删除", "delete"),
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One feature that is to come, to be another or to go."""

    action: Action
    fid: int | None = None
    since: int | None = None
    """Commit that wrote the state of ``fid`` that is meant."""
    geometry: object = None
    """GeoJSON geometry object."""
    properties: Mapping[str, object] | None = None
    """Field → JSON scalar; fields that are not named have no value."""
    keeps_heights: bool = False
    """Whether the third coordinate is the height the feature has above the city's datum, in a CRS that has none."""


@dataclass(frozen=True, slots=True)
class EditsOfDataset:
    """What is to happen to the features of one dataset, and how the positions are given."""

    dataset: Dataset
    edits: Mapping[int, Edit]
    """By number, from 1, within the whole request."""
    crs: str
    """Of the positions, as an authority code."""
    axes: Literal["xy", "yx"]
    height: Literal["none", "gravity", "ellipsoidal"]
    """What the third coordinate is."""


@dataclass(frozen=True, slots=True)
class EditedState:
    """What has become of a feature."""

    fid: int
    since: int
    """Commit that wrote the state it is now in; of a deleted one the commit that ended it."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What edits did: ``commit`` is None when nothing differs from what stood."""

    commit: int | None
    states: Mapping[int, EditedState]
    """By number of the edit."""


class EditsRefusedError(RejectedError):
    """At least one edit breaks a rule that rejects it, so none is published."""

    code = "rule-broken"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        first = findings[0].message
        super().__init__(f"nothing was published: {first.en}", zh=f"未发布任何内容：{first.zh}")


def edit(place: Workplace, wanted: Sequence[EditsOfDataset], actor: str, reason: str) -> Edited:
    """Publish edits of one or several datasets as one commit, or nothing.

    Raises EditsRefusedError with every finding that rejects an edit, NotFoundError and PreconditionFailedError for features that are
    not there or not in the state that is meant, ConflictError ``key-taken`` or ``check-outdated`` when somebody else publishes what
    stands in the way at the same time.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _edit(place, wanted, actor, reason)
        except (CheckOutdatedError, StagingLostError):
            if attempt + 1 == _ATTEMPTS:
                raise
    raise RuntimeError("an attempt ends with an answer or an error")


def _edit(place: Workplace, wanted: Sequence[EditsOfDataset], actor: str, reason: str) -> Edited:
    catalogue = place.catalogue
    closest_kept = max((w.dataset.sharing for w in wanted), key=list(SharingClass).index)
    options = {"mode": "edit", "datasets": [w.dataset.slug for w in wanted], "sharing": closest_kept.value}
    submission = catalogue.submissions.receive(actor, [], options)
    with staged.claimed(catalogue.pool, submission), given_up(catalogue, submission):
        parts, rows = _checked(place, wanted, submission)
        try:
            act = Act(actor, reason or _summary(wanted))
            published = publish_parts(catalogue, submission, parts, act, place.to_degrees, place.ground)
        except (CheckOutdatedError, StagingLostError):
            withdraw(catalogue, submission)
            raise
    return Edited(published.commit, _states(wanted, rows, published.commit))


def _checked(place: Workplace, wanted: Sequence[EditsOfDataset], submission: uuid.UUID) -> tuple[list[Part], dict[int, tuple[int, str]]]:
    """Return what is to be published and, by number of the edit, its feature and what happens to it."""
    catalogue = place.catalogue
    request = LoadRequest(files=(_SOURCE,), parts=tuple(_part(w) for w in wanted), mode="edit")
    tallies = start(place, submission, request)
    addressed = {w.dataset.slug: _addressed(w) for w in wanted}
    bases: dict[str, int | None] = {}
    with translated(), catalogue.pool.connection() as connection:
        for slug, tally in tallies.items():
            bases[slug] = commit_of(connection, tally.staging)
            tally.staging = addressing(connection, tally.staging, addressed[slug])
    reader = EditReader({w.dataset.slug: _source(catalogue, w) for w in wanted})
    read_all(replace(place, read=reader), request, tallies)
    prepare_rows(place, request, tallies)
    check_rows(place, request, tallies)
    _refuse(tallies.values())
    return _matched(catalogue, submission, tallies, {w.dataset.slug: w for w in wanted}, bases)


def _matched(
    catalogue: Catalogue,
    submission: uuid.UUID,
    tallies: Mapping[str, Tally],
    wanted: Mapping[str, EditsOfDataset],
    bases: Mapping[str, int | None],
) -> tuple[list[Part], dict[int, tuple[int, str]]]:
    parts: list[Part] = []
    rows: dict[int, tuple[int, str]] = {}
    with translated(), catalogue.pool.connection() as connection:
        for slug, tally in tallies.items():
            staging, addressed = tally.staging, _addressed(wanted[slug])
            taken = assign_addressed(connection, staging, addressed, tally.tolerance_m)
            tally.note_staged(taken)
            rows |= {int(row): (int(fid), action) for row, fid, action in connection.execute(staging.query("staged_actions"))}
            count, checksum = staged.count_and_hash(connection, staging)
            parts.append(
                Part(
                    staging=staging,
                    mode="edit",
                    count=count,
                    hash=checksum,
                    lineage={"submission": str(submission), "sources": tally.headers, "edits": _counted(wanted[slug])},
                    tolerance_m=tally.tolerance_m,
                    base_commit=bases[slug],
                    counts=staged.actions(connection, staging),
                    states=addressed.states,
                    inputs=tally.inputs,
                )
            )
            catalogue.submissions.add_findings(connection, submission, staging.part, tally.findings, tally.omitted, tally.further.packed())
        catalogue.submissions.advance(connection, submission, SubmissionState.CHECKED)
        catalogue.submissions.advance(connection, submission, SubmissionState.ACCEPTED)
    _refuse(tallies.values())
    return parts, rows


def _refuse(tallies: Iterable[Tally]) -> None:
    rejecting = [f for tally in tallies for f in tally.findings if f.rejects or f.rule in _LOSE_VALUES]
    if rejecting:
        raise EditsRefusedError(sorted(rejecting, key=lambda f: f.row or 0))


def _part(wanted: EditsOfDataset) -> PartSpec:
    vertical = "ellipsoidal" if wanted.height == "ellipsoidal" else None
    reading = PartReading(crs=wanted.crs, axes=wanted.axes, vertical=vertical, elevations_in_datum=True)
    return PartSpec(None, wanted.dataset.feature_type, wanted.dataset.slug, reading=reading)


def _addressed(wanted: EditsOfDataset) -> Addressed:
    standing = {row: e.fid for row, e in wanted.edits.items() if e.fid is not None}
    deleted = {row: fid for row, fid in standing.items() if wanted.edits[row].action == "delete"}
    replaced = {row: fid for row, fid in standing.items() if wanted.edits[row].action in _REPLACING}
    states = {e.fid: e.since for e in wanted.edits.values() if e.fid is not None and e.since is not None}
    return Addressed(replaced, deleted, states)


def _stored(catalogue: Catalogue, feature_type: FeatureType, wanted: EditsOfDataset) -> dict[int, dict[str, object]]:
    """Return, by fid, the values of features to be replaced that may have been derived, with where they came from."""
    names = [name for source, numbers in derivations(feature_type) for name in (source, *numbers)]
    fids = [e.fid for e in wanted.edits.values() if e.action in _REPLACING]
    if not names or not fids:
        return {}
    query = sql.SQL("SELECT fid, {} FROM {} WHERE fid = ANY (%s)").format(
        columns(names), current_table(feature_type.name, wanted.dataset.id)
    )
    with translated(), catalogue.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {int(row["fid"]): row for row in cursor.execute(query, (fids,))}


def _source(catalogue: Catalogue, wanted: EditsOfDataset) -> EditedSource:
    feature_type = catalogue.feature_type(wanted.dataset.feature_type)
    stored = _stored(catalogue, feature_type, wanted)
    features = [
        EditedFeature(
            row,
            e.geometry,
            with_provenance(feature_type, e.properties or {}, stored.get(e.fid or 0, {})),
            has_height=e.keeps_heights or wanted.height != "none",
        )
        for row, e in wanted.edits.items()
        if e.action != "delete"
    ]
    return EditedSource(wanted.dataset.slug, wanted.crs, features)


def _counted(wanted: EditsOfDataset) -> Mapping[str, int]:
    counts = Counter(e.action for e in wanted.edits.values())
    return {action: counts[action] for action in _DONE}


def _states(wanted: Sequence[EditsOfDataset], rows: Mapping[int, tuple[int, str]], commit: int | None) -> dict[int, EditedState]:
    since = {row: e.since for w in wanted for row, e in w.edits.items()}
    return {
        row: EditedState(fid, commit if commit is not None and action != "unchanged" else since[row] or 0)
        for row, (fid, action) in rows.items()
    }


def _summary(wanted: Sequence[EditsOfDataset]) -> str:
    """Return the reason of a commit for which nobody gave one: what is done how often to which dataset, in both languages."""
    counts = Counter((e.action, w.dataset.slug) for w in wanted for e in w.edits.values())
    zh = "，".join(f"{_DONE[action].zh} {slug} {count} 项" for (action, slug), count in counts.items())
    en = ", ".join(f"{_DONE[action].en} {count} of {slug}" for (action, slug), count in counts.items())
    return f"{zh} · {en}"
