"""Fids drawn in blocks on real PostgreSQL: nobody gets a number twice, whoever else draws, and nobody is waited for long."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from psycopg import sql

from ingest.fids import BATCHES, MANY, SINGLE_DRAWS, FidSource
from ingest.staging import Staging, staging_sequence
from tests.integration.surveys import Row, Surveys, square
from twin.catalogue import NewDataset
from twin.db import Connection, connect_beside, conninfo_of, open_pool
from twin.tables import fid_sequence


@pytest.fixture
def staging(surveys: Surveys) -> Staging:
    """The staging of a dataset whose one building has the fid 1."""
    building = Row(square(0.0, 0.0, 10.0), {"building_id": "a", "height_m": 3.0, "base_height_m": 0.0})
    surveys.load({"buildings": ("building", (building,))})
    catalogue = surveys.catalogue
    return Staging(uuid.uuid4(), 0, catalogue.dataset("buildings"), catalogue.feature_type("building"), first_load=True)


@pytest.fixture
def source(surveys: Surveys) -> Iterator[FidSource]:
    with FidSource(surveys.catalogue.pool) as fids:
        yield fids


def drawn_alone(connection: Connection, staging: Staging) -> int:
    row = connection.execute(sql.SQL("SELECT nextval({})").format(staging_sequence(staging))).fetchone()
    assert row is not None
    return int(row[0])


def single(surveys: Surveys, staging: Staging) -> int:
    with surveys.catalogue.pool.connection() as connection:
        return drawn_alone(connection, staging)


def test_a_block_follows_what_was_drawn_and_what_is_drawn_follows_the_block(surveys: Surveys, staging: Staging, source: FidSource) -> None:
    assert source.draw(staging, 1000).to_pylist() == list(range(2, 1002))
    assert source.draw(staging, 1).to_pylist() == [1002]
    assert single(surveys, staging) == 1003
    assert source.draw(staging, 2).to_pylist() == [1004, 1005]


def test_a_large_load_draws_several_batches_at_once_and_others_draw_behind_them(
    surveys: Surveys, staging: Staging, source: FidSource
) -> None:
    assert source.draw(staging, MANY).to_pylist() == list(range(2, MANY + 2))
    assert source.draw(staging, 10).to_pylist() == list(range(MANY + 2, MANY + 12))
    assert single(surveys, staging) == MANY + 2 + 10 * BATCHES
    assert source.draw(staging, 10 * (BATCHES - 1) - 5).to_pylist() == list(range(MANY + 12, MANY - 3 + 10 * BATCHES))
    drawn = source.draw(staging, 10).to_pylist()  # five that are left, five of the next block
    assert drawn == [*range(MANY - 3 + 10 * BATCHES, MANY + 2 + 10 * BATCHES), *range(MANY + 3 + 10 * BATCHES, MANY + 8 + 10 * BATCHES)]


def test_blocks_of_several_loads_and_single_numbers_are_all_different(surveys: Surveys, staging: Staging) -> None:
    def load(_: int) -> list[int]:
        with FidSource(surveys.catalogue.pool) as own:
            return [fid for count in range(1, 60) for fid in own.draw(staging, count).to_pylist()]

    with ThreadPoolExecutor(6) as threads:
        loads = [threads.submit(load, number) for number in range(3)]
        singles = [threads.submit(single, surveys, staging) for _ in range(300)]
        drawn = [fid for one in loads for fid in one.result()] + [one.result() for one in singles]
    assert len(drawn) == 3 * sum(range(1, 60)) + 300
    assert len(set(drawn)) == len(drawn)


def test_a_transaction_that_has_drawn_and_does_not_end_is_not_waited_for(surveys: Surveys, staging: Staging, source: FidSource) -> None:
    with connect_beside(surveys.catalogue.pool) as publishing:
        assert drawn_alone(publishing, staging) == 2
        drawn = source.draw(staging, 500).to_pylist()  # would wait for ever
        assert drawn == list(range(3, 503))
        assert single(surveys, staging) == 503  # nor is anybody kept waiting
    assert source.draw(staging, 2).to_pylist() == [504, 505]


def test_what_was_drawn_is_gone_though_nothing_came_of_it(surveys: Surveys, staging: Staging) -> None:
    with FidSource(surveys.catalogue.pool) as fids:
        fids.draw(staging, 100)
    with FidSource(surveys.catalogue.pool) as fids:
        assert fids.draw(staging, 1).to_pylist() == [102]


def draw_for_ever(conninfo: str, staging: Staging) -> None:
    """Draw blocks and do nothing else, as a process of its own."""
    with open_pool(conninfo) as pool, FidSource(pool) as fids:
        while True:
            fids.draw(staging, 10)


def test_a_load_that_is_stopped_while_it_draws_keeps_nobody_waiting(surveys: Surveys, staging: Staging) -> None:
    first = single(surveys, staging)
    loading = multiprocessing.get_context("spawn").Process(
        target=draw_for_ever, args=(conninfo_of(surveys.catalogue.pool), staging), daemon=True
    )
    loading.start()
    try:
        while single(surveys, staging) < first + 10_000:  # until it draws
            time.sleep(0.01)
        pid, moments = loading.pid or 0, random.Random(1)
        for _ in range(40):
            os.kill(pid, signal.SIGSTOP)
            os.waitid(os.P_PID, pid, os.WSTOPPED)
            with surveys.catalogue.pool.connection() as connection:
                connection.execute("SET LOCAL lock_timeout = '5s'")  # would wait for as long as it is stopped
                drawn_alone(connection, staging)
            os.kill(pid, signal.SIGCONT)
            time.sleep(moments.uniform(0.0, 0.005))
        assert loading.is_alive()
    finally:
        loading.kill()
        loading.join()


def was_block(surveys: Surveys, staging: Staging) -> bool:
    """Whether the last to draw set the sequence: who takes single numbers has PostgreSQL log some ahead (not after 1, 34, 67 … + 32)."""
    with surveys.catalogue.pool.connection() as connection:
        row = connection.execute(sql.SQL("SELECT log_cnt FROM {}").format(fid_sequence(staging.feature_type.name))).fetchone()
    return row == (0,)


def test_a_sequence_that_was_busy_is_had_again_after_some_draws_and_others_meanwhile(
    surveys: Surveys, staging: Staging, source: FidSource
) -> None:
    node = surveys.catalogue.feature_type("pipe_node")
    manholes = surveys.catalogue.ensure_dataset(NewDataset("manholes", node.name, node.title, node.tolerance_m))
    other = replace(staging, dataset=manholes, feature_type=node)
    with connect_beside(surveys.catalogue.pool) as publishing:
        drawn_alone(publishing, staging)
        source.draw(staging, 5)
        assert not was_block(surveys, staging)
        source.draw(other, 5)
        assert was_block(surveys, other)
    for _ in range(SINGLE_DRAWS - 1):
        source.draw(staging, 5)
    assert not was_block(surveys, staging)
    source.draw(staging, 5)
    assert was_block(surveys, staging)
