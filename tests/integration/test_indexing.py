"""Statements over all that is staged: never more than two at a time, and none is begun after one has failed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from psycopg import sql

from ingest import staging as staged
from ingest.background import Background
from ingest.checking import begin_indexes
from ingest.indexing import Begun, index
from ingest.load import LoadResult, load
from ingest.staging import Staging
from ingest.tally import Tally
from tests.integration.surveys import SRID, Parts, Row, Surveys, square
from twin.catalogue import Catalogue
from twin.db import Connection, Pool, connect_beside
from twin.errors import Text, TwinError

_FOR_OTHERS_S = 0.5
"""So long it is looked whether somebody else comes to a table that is locked."""
_NEVER_S = 60.0
"""What has not come after so long does not come."""


@contextmanager
def locked(pool: Pool, tables: Sequence[sql.Identifier]) -> Iterator[Connection]:
    """Keep everybody else from some tables for the block."""
    with connect_beside(pool) as connection:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(tables)))
        yield connection


def waiting(connection: Connection, running: Future[LoadResult] | Future[None], least: int) -> int:
    """Return how many wait for a lock, once so many do (or nothing runs any more) and others had the time to."""
    question = """
        SELECT count(DISTINCT pid) FROM pg_locks
        WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """

    def count() -> int:
        row = connection.execute(question).fetchone()
        return 0 if row is None else int(row[0])

    until = time.monotonic() + _NEVER_S
    while count() < least and not running.done() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(_FOR_OTHERS_S)
    return count()


def _indexed(surveys: Surveys) -> bool:
    """Return whether the one table that is staged has its spatial index and that of its numbers."""
    with surveys.catalogue.pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'staging' AND (indexdef LIKE '%gist%' OR indexname LIKE '%_fid')"
        ).fetchone()
    return row == (2,)


def _begun_while_rules_are_asked(surveys: Surveys, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load, and return the tables whose indexes are begun before the first rule; it waits until they are there."""
    begun: list[str] = []
    asked: list[str] = []

    def begin(background: Background, catalogue: Catalogue, tallies: Mapping[str, Tally], beside_is_there: Callable[[], None]) -> Begun:
        found = begin_indexes(background, catalogue, tallies, beside_is_there)
        begun.extend(found)
        return found

    def step(text: Text) -> None:
        if text.en.startswith("checking:") and not asked:
            asked.append(text.en)
            until = time.monotonic() + _NEVER_S
            while begun and not _indexed(surveys):
                assert time.monotonic() < until
                time.sleep(0.01)

    monkeypatch.setattr("ingest.load.begin_indexes", begin)
    load(replace(surveys.place(parts), step=step), surveys.request(parts))
    assert asked
    return begun


def test_new_rows_that_nothing_is_written_to_are_indexed_while_rules_are_asked(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = [Row(square(x, 0.0), {"building_id": "a", "height_m": 3.0, "base_height_m": 0.0}) for x in (0.0, 20.0)]
    more = [Row(square(x, 50.0), {"building_id": f"b{x}", "height_m": 3.0, "base_height_m": 0.0}) for x in (0.0, 20.0)]
    assert len(_begun_while_rules_are_asked(surveys, {"buildings": ("building", [*twice, *more])}, monkeypatch)) == 1
    assert set(surveys.state("buildings")) == {"a", "b0.0", "b20.0"}  # the second a is left out of a table that has its indexes
    later = {"buildings": ("building", [*twice[:1], *more])}
    assert _begun_while_rules_are_asked(surveys, later, monkeypatch) == []  # each of its rows is still to be given its fid


def test_rows_that_get_values_of_the_city_are_indexed_after_that(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = {"code": "110101", "name": "东城区", "level": "district"}
    surveys.load({"districts": ("admin_unit", [Row(square(-100.0, -100.0, 500.0), unit)])})
    building = Row(square(0.0, 0.0), {"building_id": "a", "height_m": 3.0, "base_height_m": 0.0})
    assert _begun_while_rules_are_asked(surveys, {"buildings": ("building", [building])}, monkeypatch) == []
    assert surveys.state("buildings", "admin_codes")["a"][2] == ["110101"]


def test_checking_takes_three_connections_and_no_more(surveys: Surveys) -> None:
    parts = {"buildings": ("building", [Row(square(0.0, 0.0), {"building_id": "a", "height_m": 3.0, "base_height_m": 0.0})])}
    pool = surveys.catalogue.pool
    taken: list[int] = []
    with ExitStack() as until_asked:
        held: list[Connection] = []

        def step(text: Text) -> None:
            if text.en == "checking":  # rows may come and go, indexes wait
                held.append(until_asked.enter_context(connect_beside(pool)))
                (name,) = surveys.staged_tables()
                held[0].execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.Identifier("staging", name)))
            elif text.en.startswith("checking:") and not taken:
                assert waiting(held[0], Future(), 2) == 2
                stats = pool.get_stats()
                taken.append(stats["pool_size"] - stats["pool_available"])
                until_asked.close()

        load(replace(surveys.place(parts), step=step), surveys.request(parts))
    assert taken == [3]


def test_comparing_takes_two_connections_and_no_more(surveys: Surveys) -> None:
    parts = {"buildings": ("building", [Row(square(0.0, 0.0), {"building_id": "a", "height_m": 3.0, "base_height_m": 0.0})])}
    pool = surveys.catalogue.pool
    with ThreadPoolExecutor(1) as loading:
        compares: Future[None] = Future()
        goes_on: Future[None] = Future()

        def step(text: Text) -> None:
            if text.en.startswith("comparing") and not compares.done():
                compares.set_result(None)
                goes_on.result(60)

        running = loading.submit(load, replace(surveys.place(parts), step=step), surveys.request(parts))
        try:
            compares.result(60)
            (name,) = surveys.staged_tables()
            with locked(pool, [sql.Identifier("staging", name)]) as connection:
                goes_on.set_result(None)
                assert waiting(connection, running, 2) == 2
        finally:
            if not goes_on.done():
                goes_on.set_result(None)
        assert running.result(60).published == 1


def test_what_has_not_begun_when_a_statement_fails_is_not_begun(surveys: Surveys) -> None:
    catalogue = surveys.catalogue
    surveys.load({"buildings": ("building", [Row(square(0.0, 0.0), {"building_id": "a", "height_m": 3.0, "base_height_m": 0.0})])})
    first = Staging(uuid.uuid4(), 0, catalogue.dataset("buildings"), catalogue.feature_type("building"), first_load=True)
    stagings = [replace(first, part=part) for part in range(5)]
    with catalogue.pool.connection() as connection:
        for staging in stagings[1:]:  # that of the first is not there
            staged.create(connection, staging, SRID)

    def run() -> None:
        with Background(catalogue.pool) as background:
            index(background, [(s, ()) for s in stagings])

    with ThreadPoolExecutor(1) as indexing:
        with locked(catalogue.pool, [stagings[1].table]) as connection:
            running = indexing.submit(run)
            waiting(connection, running, 1)  # two may have begun before the failure was seen
        with pytest.raises(Exception, match=stagings[0].name) as failure:
            running.result(60)
    assert not isinstance(failure.value, AssertionError | TwinError)
    with catalogue.pool.connection() as connection:
        rows = connection.execute("SELECT DISTINCT tablename FROM pg_indexes WHERE schemaname = 'staging'").fetchall()
    assert {name for (name,) in rows} <= {stagings[1].name}
