"""What is recorded of a feature or a dataset: the states and revisions there were, who made them, when and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from twin.db import load_queries
from twin.model import Principal
from twin.query.collection import Collection, require_visible
from twin.query.feature_query import Statement
from twin.query.parameters import Parameters
from twin.tables import current_table, history_table

MOST_STATES = 10_000
_QUERIES = load_queries("twin.query", "versions.sql")


@dataclass(frozen=True, slots=True)
class Act:
    """A commit, as far as readers are told of it."""

    commit: int
    time: dt.datetime
    actor: str
    reason: str | None
    """None like ``name`` where it is not for the caller: the commit changed datasets he may not see."""
    name: str | None


@dataclass(frozen=True, slots=True)
class RecordedState:
    """One state of a feature: it holds from the commit ``since`` up to but not including ``until`` (None: it stands)."""

    since: Act
    until: Act | None


@dataclass(frozen=True, slots=True)
class RecordedRevision:
    """One revision of a dataset."""

    act: Act
    inserted: int
    updated: int
    deleted: int
    count: int


def states_statement(collection: Collection, principal: Principal, fid: int) -> Statement:
    """Return the statement of the states of a feature, at most ``MOST_STATES``, the newest first; read by :func:`recorded_states`.

    Raises NotFoundError for a hidden collection.
    """
    require_visible(collection, principal)
    parameters = Parameters()
    name, dataset = collection.feature_type.name, collection.dataset.id
    text = _QUERIES["states"].format(
        current=current_table(name, dataset),
        history=history_table(name, dataset),
        dataset=sql.Literal(dataset),
        fid=parameters.add(fid),
        classes=parameters.add(sorted(principal.classes)),
        limit=sql.Literal(MOST_STATES),
    )
    return Statement(text, parameters.values)


def recorded_states(rows: Sequence[tuple[Any, ...]]) -> tuple[RecordedState, ...]:
    """Return what the rows of :func:`states_statement` say."""
    return tuple(RecordedState(Act(*row[:5]), None if row[5] is None else Act(*row[5:])) for row in rows)


def revisions_statement(collection: Collection, principal: Principal, before: int, limit: int) -> Statement:
    """Return the statement of at most ``limit`` revisions of a dataset before a commit, the newest first; see :func:`recorded_revisions`.

    Raises NotFoundError for a hidden collection.
    """
    require_visible(collection, principal)
    parameters = Parameters()
    text = _QUERIES["revisions"].format(
        dataset=sql.Literal(collection.dataset.id),
        classes=parameters.add(sorted(principal.classes)),
        before=parameters.add(before),
        limit=parameters.add(limit),
    )
    return Statement(text, parameters.values)


def recorded_revisions(rows: Sequence[tuple[Any, ...]]) -> tuple[RecordedRevision, ...]:
    """Return what the rows of :func:`revisions_statement` say."""
    return tuple(RecordedRevision(Act(*row[:5]), *row[5:]) for row in rows)


def first_state_statement(collection: Collection, principal: Principal, fid: int) -> Statement:
    """Return the statement of (commit) that first recorded a feature; None where none did."""
    require_visible(collection, principal)
    name, dataset = collection.feature_type.name, collection.dataset.id
    parameters = Parameters()
    places = {"current": current_table(name, dataset), "history": history_table(name, dataset), "dataset": sql.Literal(dataset)}
    return Statement(_QUERIES["first_of_feature"].format(**places, fid=parameters.add(fid)), parameters.values)


def first_revision_statement(collections: Sequence[Collection], principal: Principal) -> Statement:
    """Return the statement of (commit) of the first revision of any of some datasets; None where there is none."""
    parameters = Parameters()
    text = _QUERIES["first_of_datasets"].format(datasets=_datasets(collections, principal, parameters))
    return Statement(text, parameters.values)


def standing_at_statement(collections: Sequence[Collection], principal: Principal, at: int) -> Statement:
    """Return the statement of (commit, time) of the newest revision of some datasets at commit ``at``; None twice before their first."""
    parameters = Parameters()
    text = _QUERIES["standing_at"].format(datasets=_datasets(collections, principal, parameters), at=parameters.add(at))
    return Statement(text, parameters.values)


def _datasets(collections: Sequence[Collection], principal: Principal, parameters: Parameters) -> sql.Composable:
    for collection in collections:
        require_visible(collection, principal)
    return sql.SQL("{}::bigint[]").format(parameters.add([collection.dataset.id for collection in collections]))


def time_statement(commit: int) -> Statement:
    """Return the statement of (time) of a commit."""
    parameters = Parameters()
    return Statement(_QUERIES["time_of"].format(at=parameters.add(commit)), parameters.values)
