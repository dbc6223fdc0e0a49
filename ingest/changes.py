"""What a submission changes, feature by feature, before it is published (from its staged rows) and afterwards (from its commit)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from psycopg import sql

from ingest import kept_parts
from ingest.staging import columns
from twin.catalogue import Catalogue
from twin.db import Connection, load_queries, translated
from twin.model import Dataset, FeatureType
from twin.tables import content_columns, current_table, history_table

Action = Literal["insert", "update", "delete"]
_QUERIES = load_queries("ingest", "changes.sql")
_NOT_ATTRIBUTES = frozenset({"geom", "extra", "natural_key", "admin_codes"})


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the dataset, and the place of its last change in the order of pages."""

    dataset: int = 0
    place: int = -1

    @staticmethod
    def parse(text: str) -> Cursor:
        """Return the cursor that a page gave as text; ``0`` is the beginning."""
        dataset, _, place = text.partition(".")
        return Cursor(int(dataset), int(place)) if place else Cursor()

    def __str__(self) -> str:
        return f"{self.dataset}.{self.place}"


@dataclass(frozen=True, slots=True)
class Change:
    """One feature that comes, goes or changes."""

    dataset: str
    fid: int | None
    """None while a feature that comes has no number yet."""
    key: str | None
    action: Action
    before: Mapping[str, object] | None
    """Attributes as published: all of a feature that goes, those that differ of one that changes."""
    after: Mapping[str, object] | None
    geometry_wkb: bytes
    """As it will be, of a feature that goes as it was; EWKB of the storage CRS."""
    geometry_before_wkb: bytes | None
    """As it was, where it differs from what will be."""
    cursor: Cursor


def staged_changes(catalogue: Catalogue, submission: uuid.UUID, action: Action | None, after: Cursor, limit: int) -> list[Change]:
    """Return at most ``limit`` changes that publishing an accepted submission would make, from ``after`` on, dataset by dataset."""
    with translated(), catalogue.pool.connection() as connection:
        found: list[Change] = []
        parts = kept_parts.kept(connection, catalogue, submission)
        for staging in sorted((p.staging for p in parts), key=lambda s: s.dataset.id):
            name = "staged_first_load" if staging.first_load else "staged_changes"
            source = _QUERIES[name].format(
                **_content(staging.feature_type), staging=staging.table, current=sql.SQL("") if staging.first_load else staging.current
            )
            found += _page(connection, staging.dataset, staging.feature_type, source, action, after, limit - len(found))
    return found


def published_changes(catalogue: Catalogue, commit: int, action: Action | None, after: Cursor, limit: int) -> list[Change]:
    """Return at most ``limit`` changes that a commit made, from ``after`` on, dataset by dataset."""
    with translated(), catalogue.pool.connection() as connection:
        touched = {int(r[0]) for r in connection.execute(_QUERIES["datasets_of_commit"], {"commit": commit}).fetchall()}
        found: list[Change] = []
        for dataset in sorted((d for d in catalogue.datasets() if d.id in touched), key=lambda d: d.id):
            feature_type = catalogue.feature_type(dataset.feature_type)
            source = _QUERIES["published_changes"].format(
                **_content(feature_type),
                current=current_table(feature_type.name, dataset.id),
                history=history_table(feature_type.name, dataset.id),
                commit=sql.Literal(commit),
            )
            found += _page(connection, dataset, feature_type, source, action, after, limit - len(found))
    return found


def _content(feature_type: FeatureType) -> Mapping[str, sql.Composable]:
    """Return the columns of a change: attributes before and after, in one order, and the same of nothing."""
    names = _attributes(feature_type)
    return {
        "before": columns(names, "c"),
        "after": columns(names, "s"),
        "columns": columns(("fid", "natural_key", "geom", *names)),
        "nothing": sql.SQL(", ").join([sql.SQL("NULL")] * len(names)),
    }


def _attributes(feature_type: FeatureType) -> tuple[str, ...]:
    return tuple(name for name in content_columns(feature_type) if name not in _NOT_ATTRIBUTES)


def _page(
    connection: Connection,
    dataset: Dataset,
    feature_type: FeatureType,
    source: sql.Composed,
    action: Action | None,
    after: Cursor,
    limit: int,
) -> Iterator[Change]:
    if limit <= 0 or dataset.id < after.dataset:
        return iter(())
    query = _QUERIES["page"].format(changes=source)
    place = after.place if dataset.id == after.dataset else -1
    rows = connection.execute(query, {"action": action, "after": place, "limit": limit}).fetchall()
    return (_change(dataset, _attributes(feature_type), row) for row in rows)


def _change(dataset: Dataset, names: Sequence[str], row: tuple[Any, ...]) -> Change:
    place, action, fid, key, geometry, geometry_before, *values = row
    before, after = dict(zip(names, values[: len(names)], strict=True)), dict(zip(names, values[len(names) :], strict=True))
    differs = [n for n in names if before[n] != after[n]]
    return Change(
        dataset=dataset.slug,
        fid=None if fid is None else int(fid),
        key=key,
        action=cast("Action", action),
        before=None if action == "insert" else {n: _plain(before[n]) for n in (names if action == "delete" else differs)},
        after=None if action == "delete" else {n: _plain(after[n]) for n in (names if action == "insert" else differs)},
        geometry_wkb=bytes(geometry),
        geometry_before_wkb=None if geometry_before is None else bytes(geometry_before),
        cursor=Cursor(dataset.id, int(place)),
    )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else value
