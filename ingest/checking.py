"""Checking: what needs all rows at once, derived values, indexes, and what publishing would do, found without doing it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from ingest import staging as staged
from ingest.background import Background
from ingest.derive import derive_from_city, may_fill
from ingest.described_files import Described
from ingest.indexing import Begun, begin, index
from ingest.links import linked_columns
from ingest.match import assign, deletes_aside, drop_declared_deletes, replaceable
from ingest.publish import Part, commit_of
from ingest.request import LoadRequest, Workplace
from ingest.set_rules.asking import ask_rules
from ingest.set_rules.registry import DERIVED_RULES, SET_RULES
from ingest.staging import Staging
from ingest.tally import Tally
from ingest.waivers import waiver_record
from twin.catalogue import Catalogue
from twin.db import Connection, translated


def prepare_rows(place: Workplace, request: LoadRequest, tallies: Mapping[str, Tally]) -> None:
    """Leave out rows that only say what is not there any more, and have PostgreSQL know roughly what the others are."""
    with translated(), place.catalogue.pool.connection() as connection:
        for tally in tallies.values():
            if request.mode == "delta" and tally.staging.first_load:
                _drop_declared_deletes(connection, tally)
            staged.analyse(connection, tally.staging)


def settled(catalogue: Catalogue, tallies: Mapping[str, Tally]) -> list[Tally]:
    """Return the first loads of whose rows `check_rows` does nothing but leave some out: their indexes can be built meanwhile."""
    stagings = [t.staging for t in tallies.values()]
    return [t for t in tallies.values() if t.staging.first_load and not _may_fill(catalogue, t, stagings)]


def check_rows(
    place: Workplace, request: LoadRequest, tallies: Mapping[str, Tally], before_removal: Callable[[], None] = lambda: None
) -> None:
    """Remove staged rows that break a rule over all rows, note why, and derive the others' values; nodes go before what refers to them.

    Each time ``before_removal`` is called first: removing waits for indexes that are being built.
    """
    with translated(), place.catalogue.pool.connection() as connection, ExitStack() as until_derived:
        for tally in tallies.values():
            until_derived.enter_context(_deletes_aside(connection, tally, request))
        ask_rules(connection, place.catalogue, tallies, place.step, SET_RULES, before_removal)
        stagings = [t.staging for t in tallies.values()]
        for tally in tallies.values():
            if _may_fill(place.catalogue, tally, stagings):
                derive_from_city(connection, tally.staging, place.ground, place.catalogue, stagings)
                tally.given |= {f.name for f in tally.staging.feature_type.fields if f.derived}
        ask_rules(connection, place.catalogue, tallies, place.step, DERIVED_RULES, before_removal)


def _may_fill(catalogue: Catalogue, tally: Tally, stagings: Sequence[Staging]) -> bool:
    return may_fill(tally.staging, catalogue, stagings, tally.given, tally.lacking)


@contextmanager
def _deletes_aside(connection: Connection, tally: Tally, request: LoadRequest) -> Iterator[None]:
    with deletes_aside(connection, tally.staging, request.mode, tally.rejected_keys, request.area_wkb) as (staging, rows):
        tally.staging = staging
        tally.survey.forget(rows)
        yield
    rejected = [row for row in rows if row in tally.rejected_rows]
    if rejected:
        connection.execute(tally.staging.query("reject_rows"), {"rows": rejected})


def _drop_declared_deletes(connection: Connection, tally: Tally) -> None:
    """Rows left out are no part of the survey that rules are asked about.

    That they were counted among the keys and places costs a query at most: values that may be the same are compared in the database.
    """
    dropped = drop_declared_deletes(connection, tally.staging)
    tally.survey.forget([f.row for f in dropped if f.row is not None])
    tally.note_staged(dropped)


def begin_indexes(background: Background, catalogue: Catalogue, tallies: Mapping[str, Tally], beside_is_there: Callable[[], None]) -> Begun:
    """Begin in the background to index what is `settled`, and what stands beside it once that is committed (`ingest.indexing.begin`)."""
    return begin(background, _with_links(catalogue, settled(catalogue, tallies)), beside_is_there)


def match_rows(
    background: Background,
    catalogue: Catalogue,
    submission: uuid.UUID,
    request: LoadRequest,
    files: Callable[[], Described],
    tallies: Mapping[str, Tally],
    begun: Begun,
) -> list[Part]:
    """Index the staged rows, match them with what is published now, and return what publishing them needs."""
    copied = {t.staging.name: t.copied for t in tallies.values()}
    counts = index(background, _with_links(catalogue, tallies.values()), begun, copied)
    parts: list[Part] = []
    with translated(), catalogue.pool.connection() as connection:
        for tally, counted in zip(tallies.values(), counts, strict=True):
            lineage = {
                "submission": str(submission),
                "files": list(files()),
                "sources": tally.headers,
                "rejected": len(tally.rejected_rows),
                "waivers": [waiver_record(w, count) for w, count in tally.passed.items()],
            }
            parts.append(_matched(connection, tally, request, lineage, counted))
    return parts


def _with_links(catalogue: Catalogue, tallies: Iterable[Tally]) -> list[tuple[Staging, tuple[str, ...]]]:
    types = catalogue.feature_types().values()
    return [(t.staging, linked_columns(t.staging.feature_type, types)) for t in tallies]


def _matched(
    connection: Connection, tally: Tally, request: LoadRequest, lineage: Mapping[str, object], counted: tuple[int, int] | None
) -> Part:
    """Return what publishing needs of one dataset; of a first load it is ``counted`` what is staged."""
    # Of a first load, too: where another is published first, it is matched as a later one, and what it rejected stays.
    staging, keys = tally.staging, tuple(tally.rejected_keys)
    base: int | None = None
    of = 0
    if not staging.first_load:
        base = commit_of(connection, staging)  # first: what is published while we match has another number
        tally.note_staged(assign(connection, staging, request.mode, tally.tolerance_m, keys, request.area_wkb))
        of = replaceable(connection, staging, request.mode, request.area_wkb)
    count, checksum = counted or staged.count_and_hash(connection, staging)
    first = {"insert": count, "update": 0, "unchanged": 0, "delete": 0}
    return Part(
        staging=staging,
        mode=request.mode,
        count=count,
        hash=checksum,
        lineage=lineage,
        tolerance_m=tally.tolerance_m,
        kept_keys=keys,
        area_wkb=request.area_wkb,
        base_commit=base,
        counts=first if staging.first_load else staged.actions(connection, staging),
        replaceable=of,
        inputs=tally.inputs,
    )
