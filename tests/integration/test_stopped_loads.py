"""A load that fails, is refused, is stopped or killed ends without waiting for what it has begun, and leaves nothing staged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from ingest import indexing
from ingest.load import load
from ingest.staging import Staging, claimed
from tests.integration.surveys import Parts, Row, Surveys, square
from twin.db import Pool, conninfo_of
from twin.errors import RejectedError, Text

ROOT = Path(__file__).parents[2]
NEVER_S = 60.0
"""What has not come after so long does not come; and so long an index takes that is built to its end."""


def building(key: str, x: float) -> Row:
    return Row(square(x, 0.0), {"building_id": key, "height_m": 3.0, "base_height_m": 0.0})


SOUND: Parts = {"buildings": ("building", [building("a", 0.0), building("b", 20.0)])}
TWICE: Parts = {"buildings": ("building", [building(str(k // 2), 20.0 * k) for k in range(200)])}


def make_slow(pool: Pool) -> None:
    """Make the function by which `slowly` indexes, and the sequence that tells of an index that was built to its end."""
    with pool.connection() as connection:
        connection.execute("CREATE SEQUENCE public.built_to_the_end")
        connection.execute(
            f"""
            CREATE FUNCTION public.slow(fid bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
            BEGIN
                PERFORM pg_sleep({NEVER_S});
                PERFORM nextval('public.built_to_the_end');
                RETURN fid;
            END $$
            """
        )


def slowly(staging: Staging) -> sql.Composed:
    return sql.SQL("CREATE INDEX ON {} (public.slow(fid))").format(staging.table)


def built_to_the_end(surveys: Surveys) -> bool:
    with surveys.catalogue.pool.connection() as connection:
        return connection.execute("SELECT is_called FROM public.built_to_the_end").fetchone() == (True,)


def wait_until_it_is_built(pool: Pool) -> None:
    question = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep' AND query LIKE 'CREATE INDEX%public.slow%'
    """
    until = time.monotonic() + NEVER_S
    while True:
        with pool.connection() as connection:
            if connection.execute(question).fetchone() == (1,):
                return
        assert time.monotonic() < until
        time.sleep(0.01)


def at_the_first_rule(then: Callable[[], None]) -> Callable[[Text], None]:
    done: list[Text] = []

    def step(text: Text) -> None:
        if text.en.startswith("checking:") and not done:
            done.append(text)
            then()

    return step


@pytest.fixture
def slow(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> Surveys:
    """Surveys whose spatial index takes a minute."""
    make_slow(surveys.catalogue.pool)
    monkeypatch.setattr(indexing, "_spatial", slowly)
    return surveys


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_a_load_that_is_stopped_or_fails_breaks_its_indexes_off(slow: Surveys, reason: type[BaseException]) -> None:
    def stop() -> None:
        wait_until_it_is_built(slow.catalogue.pool)
        raise reason

    with pytest.raises(reason):
        load(replace(slow.place(SOUND), step=at_the_first_rule(stop)), slow.request(SOUND))
    assert not built_to_the_end(slow)
    assert slow.staged_tables() == []
    slow.check({"others": ("admin_unit", [])})  # the pool's connections are as they were


def test_a_load_that_is_refused_breaks_its_indexes_off(slow: Surveys) -> None:
    step = at_the_first_rule(lambda: wait_until_it_is_built(slow.catalogue.pool))
    with pytest.raises(RejectedError):
        load(replace(slow.place(TWICE), step=step), slow.request(TWICE, max_rejected=0.1))
    assert not built_to_the_end(slow)
    assert slow.staged_tables() == []


_LOADS = """
import sys
from pathlib import Path
from ingest import indexing
from ingest.load import load
from tests.integration.surveys import Surveys
from tests.integration.test_stopped_loads import SOUND, slowly
from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.store import FolderStore

indexing._spatial = slowly
with open_pool(sys.argv[1]) as pool:
    folder = Path(sys.argv[2])
    surveys = Surveys(Catalogue(pool), FolderStore(folder / "store"), folder)
    load(surveys.place(SOUND), surveys.request(SOUND))
"""


def test_the_indexes_of_a_process_that_is_killed_are_broken_off_and_the_next_load_cleans_up(surveys: Surveys, tmp_path: Path) -> None:
    pool = surveys.catalogue.pool
    make_slow(pool)
    with subprocess.Popen([sys.executable, "-c", _LOADS, conninfo_of(pool), str(tmp_path)], cwd=ROOT) as process:
        try:
            wait_until_it_is_built(pool)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert surveys.staged_tables() != []
    with claimed(pool, uuid.uuid4()):  # whoever loads next
        assert surveys.staged_tables() == []
    assert not built_to_the_end(surveys)
