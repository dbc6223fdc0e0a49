"""Batches of a first load, some with 3D beside them: numbered in the order in which they came, wholly staged or not at all.

A small file goes through one connection, a large one's 3D through others (`ingest.beside_copies`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from ingest import receiving
from ingest.fids import FidSource
from ingest.load import load
from ingest.protocol import REPRESENTATIONS, Message, PartBatch, ReadRequest
from ingest.request import Reader
from ingest.staging import Staging
from tests.integration.surveys import Row, Surveys, square
from tests.unit.test_representation import cube
from twin.errors import RejectedError, UnavailableError
from twin.representation import encode


class LateBesideOthers(FidSource):
    """Draws late in any thread but that which hands the batches over."""

    def draw(self, staging: Staging, count: int) -> pa.Array:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.3)
        return super().draw(staging, count)


@pytest.fixture(params=["small", "large"])
def file_size(request: pytest.FixtureRequest) -> None:
    """Have the test's file be taken for a small and for a large one."""
    if request.param == "large":
        request.getfixturevalue("large_file")


@pytest.fixture
def large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_LARGE_BYTES", 1)


def buildings(names: Sequence[str], y: float = 0.0) -> list[Row]:
    return [Row(square(20.0 * i, y), {"building_id": n, "height_m": 3.0, "base_height_m": 0.0}) for i, n in enumerate(names)]


def bodies_of(surveys: Surveys, dataset: str) -> list[int]:
    """Return the fids of the features that have 3D, in order."""
    number = surveys.catalogue.dataset(dataset).id
    with surveys.catalogue.pool.connection() as connection:
        rows = connection.execute("SELECT fid FROM city.representation WHERE dataset = %s ORDER BY fid", (number,)).fetchall()
    return [fid for (fid,) in rows]


def some_with_3d(read: Reader, size: int, *, first_lod: str | None = "2.2", breaks: bool = False) -> Reader:
    """Give what a reader gives in batches of so many rows, every other of them with 3D; at the end of a part it ``breaks``."""

    def pieces(request: ReadRequest) -> Generator[Message]:
        for message in read(request):
            if not isinstance(message, PartBatch):
                yield message
                continue
            for start in range(0, message.table.num_rows, size):
                table = message.table.slice(start, size)
                bodies = [{"row": row, "lod": "2.2", "faces": encode(cube())} for row in table.column("row").to_pylist()]
                bodies[0]["lod"] = first_lod
                beside = pa.RecordBatch.from_pylist(bodies, schema=REPRESENTATIONS) if start // size % 2 == 0 else None
                yield replace(message, table=table, findings=(), representations=beside)
            if breaks:
                raise RejectedError("the file ends in the middle", zh="文件不完整")

    return pieces


@pytest.mark.usefixtures("file_size")
def test_fids_rise_in_the_order_of_rows_though_some_batches_have_3d(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "FidSource", LateBesideOthers)
    parts = {"buildings": ("building", buildings([f"{i:02}" for i in range(12)]))}
    place = surveys.place(parts)
    load(replace(place, read=some_with_3d(place.read, 2)), surveys.request(parts))
    fids = [state[0] for _, state in sorted(surveys.state("buildings").items())]
    assert fids == list(range(1, 13))
    assert bodies_of(surveys, "buildings") == [1, 2, 5, 6, 9, 10]


@pytest.mark.usefixtures("file_size")
def test_3d_of_rows_that_a_rule_over_all_rows_rejects_goes_with_them(surveys: Surveys) -> None:
    parts = {"buildings": ("building", buildings(["00", "01", "02", "03", "01", "05"]))}
    place = surveys.place(parts)
    result = load(replace(place, read=some_with_3d(place.read, 6)), replace(surveys.request(parts), max_rejected=1.0))
    assert result.rejected > 0
    left = {state[0] for state in surveys.state("buildings").values()}
    assert set(bodies_of(surveys, "buildings")) == left
    assert len(left) == result.read - result.rejected


@pytest.mark.usefixtures("file_size")
def test_more_datasets_than_are_filled_at_once_have_their_3d(surveys: Surveys) -> None:
    parts = {f"quarter{q}": ("building", buildings([f"{q}-{i}" for i in range(4)], 100.0 * q)) for q in range(4)}
    place = surveys.place(parts)
    load(replace(place, read=some_with_3d(place.read, 2)), surveys.request(parts))
    for quarter in parts:
        fids = {key: state[0] for key, state in surveys.state(quarter).items()}
        assert bodies_of(surveys, quarter) == [fids[key] for key in sorted(fids)[:2]]


@pytest.mark.usefixtures("file_size")
def test_files_of_one_dataset_add_up(surveys: Surveys) -> None:
    parts = {"buildings": ("building", buildings(["a", "b", "c", "d"]))}
    place = surveys.place(parts)
    more = surveys.place({"buildings": ("building", buildings(["e", "f"], 100.0))})
    given = iter((place.read, more.read))
    request = surveys.request(parts)
    second = surveys.folder / "more"
    second.write_bytes(b"written by a test")
    both = replace(request, files=(*request.files, second))

    def read(request: ReadRequest) -> Generator[Message]:
        yield from some_with_3d(next(given), 4)(request)

    load(replace(place, read=read), both)
    assert len(surveys.state("buildings")) == 6
    assert len(bodies_of(surveys, "buildings")) == 6


@pytest.mark.usefixtures("file_size")
@pytest.mark.parametrize("fault", [{"breaks": True}, {"first_lod": None}], ids=["file breaks", "database refuses 3D"])
def test_what_fails_amid_a_file_leaves_nothing_staged(surveys: Surveys, fault: dict[str, Any]) -> None:
    parts = {"buildings": ("building", buildings([f"{i:02}" for i in range(12)]))}
    place = surveys.place(parts)
    with pytest.raises((RejectedError, psycopg.errors.NotNullViolation)):
        load(replace(place, read=some_with_3d(place.read, 2, **fault)), surveys.request(parts))
    assert surveys.staged_tables() == []
    with surveys.catalogue.pool.connection() as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        assert connection.execute(waiting).fetchone() == (0,)


@pytest.mark.usefixtures("large_file")
@pytest.mark.parametrize("table", ["_0_r", "_0"], ids=["3D", "rows"])
def test_a_connection_that_is_lost_before_its_commit_leaves_nothing_staged(surveys: Surveys, table: str) -> None:
    parts = {"buildings": ("building", buildings([f"{i:02}" for i in range(12)]))}
    place = surveys.place(parts)

    def loses_connection(request: ReadRequest) -> Generator[Message]:
        yield from some_with_3d(place.read, 2)(request)
        with surveys.catalogue.pool.connection() as connection:
            lose = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()"
            lost = connection.execute(lose, (f'COPY "staging".%{table}" %',)).fetchone()
        assert lost == (1,)

    with pytest.raises(UnavailableError):
        load(replace(place, read=loses_connection), surveys.request(parts))
    assert surveys.staged_tables() == []


@pytest.mark.usefixtures("large_file")
def test_3d_that_a_killed_worker_had_committed_late_is_in_nobodys_way(surveys: Surveys) -> None:
    parts = {"buildings": ("building", buildings(["a", "b"]))}
    place = surveys.place(parts)

    def meets_a_table(request: ReadRequest) -> Generator[Message]:
        with surveys.catalogue.pool.connection() as connection:
            (staged,) = surveys.staged_tables()
            connection.execute(sql.SQL("CREATE TABLE {} (row bigint)").format(sql.Identifier("staging", f"{staged}_r")))
        yield from some_with_3d(place.read, 2)(request)

    load(replace(place, read=meets_a_table), surveys.request(parts))
    assert len(bodies_of(surveys, "buildings")) == 2
