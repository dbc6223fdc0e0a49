"""A table of all findings is that of one check: where another is made meanwhile the download fails, it neither mixes nor ends early."""

from __future__ import annotations

import itertools
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn

from ingest import further_findings, register, staging, tally
from ingest.register import Register
from tests.integration.surveys import Surveys
from tests.integration.test_reviews import Client, building, opened, survey
from tests.integration.test_submission_steps import building as row_of
from tests.integration.test_submission_steps import city, ten
from twin.errors import ConflictError
from twin.model import Severity
from twin.server.app import create_app
from twin.server.checks import give_up_further_findings

FOUND = 9
KEPT = 4


@pytest.fixture
def client(database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A city whose findings come in pages of two, four of them row by row and five in packs."""
    monkeypatch.setattr(tally, "KEPT_FINDINGS", KEPT)
    monkeypatch.setattr(further_findings, "_PACKED_AT_BYTES", 600)
    monkeypatch.setattr(register, "_FINDINGS_AT_ONCE", 2)
    with opened(database_url, open_folder) as client:
        yield client


def checked(client: Client) -> str:
    wrong = [building(f"B{n}", -n) for n in range(10, 10 + FOUND)]
    return client.checked(survey(*wrong, *(building(f"B{n}", 5) for n in range(20, 40))), "blocks")


@pytest.mark.parametrize("had", [1, KEPT, KEPT + 1, FOUND], ids=["amid rows", "after rows", "amid packs", "after all"])
def test_findings_of_two_checks_never_stand_in_one_table(client: Client, had: int) -> None:
    submission = checked(client)
    found = Register(client.city.catalogue)
    table = found.all_findings(uuid.UUID(submission), "range")
    rows = [finding.row for finding in itertools.islice(table, had)]
    assert client.waive(submission, rule="range", reason="现场核实").status_code == 202
    with pytest.raises(ConflictError) as broken:
        rows += [finding.row for finding in table if finding.waived is None]
    assert broken.value.code == "findings-changed"
    assert rows == list(range(1, len(rows) + 1)), "none of the other check"
    anew = list(found.all_findings(uuid.UUID(submission), "range"))
    assert [(f.row, f.waived) for f in anew] == [(row, "现场核实") for row in range(1, FOUND + 1)]


@contextmanager
def served(client: Client) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(client.city), lifespan="off", log_level="critical"))
        running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        running.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            running.join(60)


def test_a_download_amid_which_a_check_is_ordered_fails(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    submission, read = checked(client), Register.findings

    def and_check_again(self: Register, of: uuid.UUID, rule: str | None, after: int, limit: int) -> object:
        page = read(self, of, rule, after, limit)
        if len(page) == limit:
            self.check_again(of, lambda connection, held: None)
        return page

    with served(client) as address:
        table = f"{address}/api/submissions/{submission}/findings?f=csv"
        assert httpx.get(table, timeout=60).text.count("\n") == 1 + FOUND
        monkeypatch.setattr(Register, "findings", and_check_again)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(table, timeout=60)


def test_what_publishing_finds_anew_stands_in_place_of_all_that_the_check_found(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "KEPT_FINDINGS", 1)
    surveys.load(city(ten()))
    unknown = [row_of(f"k{n}", extra='{"op": "delete"}') for n in (20, 21, 22)]
    submission = surveys.check({"buildings": ("building", (row_of("k30"), *unknown))}, mode="delta")
    found = Register(surveys.catalogue)
    assert [f.row for f in found.all_findings(submission, "delete-unknown")] == [2, 3, 4]
    surveys.load({"buildings": ("building", (row_of("k21"),))}, mode="delta")
    surveys.publish(submission)
    assert [f.row for f in found.all_findings(submission, "delete-unknown")] == [2, 4]
    assert found.finding_counts(submission)["delete-unknown"].count == 2


def test_errors_an_earlier_match_told_of_rows_that_are_not_staged_stay(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "KEPT_FINDINGS", 1)
    surveys.load(city(ten()))
    unknown = [row_of(f"k{n}", extra='{"op": "delete"}') for n in (20, 21, 22)]
    submission = surveys.check({"buildings": ("building", (row_of("k30"), *unknown))}, mode="delta")
    found = Register(surveys.catalogue)
    with surveys.catalogue.pool.connection() as connection:
        (content,) = connection.execute("SELECT content FROM catalog.finding_further").fetchone() or (b"",)
        further = further_findings.FurtherFindings(None)
        for f, severity in zip(further_findings.unpacked(content), ("error", "warning"), strict=True):
            further.add(replace(f, severity=Severity(severity)))
        [pack] = further.packed()
        connection.execute("UPDATE catalog.finding_further SET content = %s", (pack.content,))
    surveys.load({"buildings": ("building", (row_of("k21"),))}, mode="delta")
    surveys.publish(submission)
    rows = [(f.row, f.severity.value) for f in found.all_findings(submission, "delete-unknown")]
    assert rows == [(2, "warning"), (3, "error"), (4, "warning")]


def test_the_datasets_of_one_submission_share_the_room_for_further_findings(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "KEPT_FINDINGS", 1)
    monkeypatch.setattr(further_findings, "_ROOM_BYTES", 200)
    surveys.load(city(ten()) | {"others": ("building", tuple(row_of(f"k{n}") for n in range(10)))})
    unknown = [row_of(f"k{n}", extra='{"op": "delete"}') for n in (20, 21, 22)]
    both = {dataset: ("building", (row_of("k30"), *unknown)) for dataset in ("buildings", "others")}
    submission = surveys.check(both, mode="delta")
    found = Register(surveys.catalogue)
    assert found.finding_counts(submission)["delete-unknown"].count == 6
    left_out = [f.message.en[:7] for f in found.all_findings(submission, "delete-unknown") if f.row is None]
    assert left_out == ["2 more "], "the first had room, the second had none"


def test_what_publishing_finds_anew_is_kept_row_by_row_up_to_its_bound(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    surveys.load(city(ten()))
    unknown = [row_of(f"k{n}", extra='{"op": "delete"}') for n in range(20, 26)]
    submission = surveys.check({"buildings": ("building", (row_of("k30"), *unknown))}, mode="delta")
    monkeypatch.setattr(tally, "KEPT_FINDINGS", 2)
    surveys.load({"buildings": ("building", (row_of("k21"),))}, mode="delta")
    surveys.publish(submission)
    found = Register(surveys.catalogue)
    counted = found.finding_counts(submission)["delete-unknown"]
    assert (counted.count, counted.kept) == (5, 2)
    assert [f.row for f in found.all_findings(submission, "delete-unknown")] == [2, 4, 5, 6, 7]


def test_packs_of_what_was_withdrawn_long_ago_go_and_their_number_stays(client: Client) -> None:
    submission = checked(client)
    found = Register(client.city.catalogue)
    assert client.ask("POST", f"/api/submissions/{submission}/withdraw", "writer").status_code == 200
    days = client.city.settings.keep_checked_days
    give_up_further_findings(client.city)
    assert len(list(found.all_findings(uuid.UUID(submission), "range"))) == FOUND, "that was today"
    with client.city.pool.connection() as connection:
        connection.execute("UPDATE catalog.submission SET changed_at = now() - make_interval(days => %s)", (days + 1,))
    for _ in range(2):
        give_up_further_findings(client.city)
        table = list(found.all_findings(uuid.UUID(submission), "range"))
        assert [f.row for f in table] == [*range(1, KEPT + 1), None]
        assert f"{FOUND - KEPT} more" in table[-1].message.en
    assert found.finding_counts(uuid.UUID(submission))["range"].count == FOUND
    assert found.long_over(days) == ()


def test_packs_of_what_is_published_stay(client: Client) -> None:
    submission = checked(client)
    assert client.ask("POST", f"/api/submissions/{submission}/publish", "writer", json={}).status_code == 200
    with client.city.pool.connection() as connection:
        connection.execute("UPDATE catalog.submission SET changed_at = now() - interval '400 days'")
    give_up_further_findings(client.city)
    assert len(list(Register(client.city.catalogue).all_findings(uuid.UUID(submission), "range"))) == FOUND


def test_of_a_disk_that_is_nearly_full_findings_take_a_part_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=16 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: free)
    assert further_findings.Room.on(tmp_path / "not yet there").left == 1 << 20
    assert further_findings.Room.on(None, kept=256 << 20).left == 0


def test_who_has_told_the_end_of_a_check_is_given_a_moment_to_leave(client: Client) -> None:
    """Its state can be read before its worker has let go of it: whoever orders the next check right then is not told it is busy."""
    submission = checked(client)
    found, held = Register(client.city.catalogue), threading.Event()

    def leave_late() -> None:
        with staging.claimed(client.city.pool, uuid.UUID(submission)):
            held.set()
            time.sleep(0.3)

    leaving = threading.Thread(target=leave_late)
    leaving.start()
    assert held.wait(30)
    found.check_again(uuid.UUID(submission), lambda connection, held: None)
    leaving.join()
    assert found.one(uuid.UUID(submission)).check_wanted
