"""Who submitted something, or a reviewer, withdraws it while its check waits or is made: that ends, and nothing of it stays staged."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ingest import indexing, staging
from ingest.register import Register
from tests.integration.test_reviews import Client, building, opened, survey
from tests.integration.test_stopped_loads import NEVER_S, make_slow, slowly, wait_until_it_is_built
from twin.server.checks import clear_broken_off, run_check
from twin.tokens import Role

SOUND = survey(*(building(f"B{i}", 10 + i) for i in range(1, 9)))


@pytest.fixture
def client(database_url: str, open_folder: Path) -> Iterator[Client]:
    with opened(database_url, open_folder) as made:
        yield made


def ordered(client: Client, dataset: str) -> str:
    made = client.ask("POST", "/api/submissions", "writer", files=[("file", ("普查.geojson", SOUND))]).json()
    order = {"parts": [{"feature_type": "building", "dataset": dataset}]}
    assert client.ask("POST", f"/api/submissions/{made['id']}/check", "writer", json=order).status_code == 202
    return str(made["id"])


def staged(client: Client) -> list[str]:
    with client.city.pool.connection() as connection:
        return [str(r[0]) for r in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").fetchall()]


def beside(client: Client) -> tuple[threading.Thread, list[str]]:
    """Have somebody else, as a backup does, lock what is staged for a second."""
    ended: list[str] = []
    table, is_locked = staged(client)[0], threading.Event()

    def back_up() -> None:
        with psycopg.connect(client.city.database_url, application_name="pg_dump") as connection:
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier("staging", table)))
            is_locked.set()
            try:
                connection.execute("SELECT pg_sleep(1)")
                ended.append("ended")
            except psycopg.errors.QueryCanceled:
                ended.append("cancelled")

    thread = threading.Thread(target=back_up)
    thread.start()
    assert is_locked.wait(NEVER_S)
    return thread, ended


def known(client: Client) -> set[str]:
    with client.city.pool.connection() as connection:
        return {str(r[0]) for r in connection.execute("SELECT slug FROM catalog.dataset").fetchall()}


def test_a_check_that_waits_says_for_how_many_and_is_withdrawn_at_once(client: Client) -> None:
    first, second = ordered(client, "first"), ordered(client, "second")
    assert client.one(first)["progress"]["step"]["zh"] == "排队等待检查"
    progress = client.one(second)["progress"]
    assert (progress["step"], progress["waiting"]) == (
        {"zh": "排队等待检查，前面还有 1 个", "en": "waiting in line to be checked, 1 before it"},
        True,
    )
    answer = client.ask("POST", f"/api/submissions/{first}/withdraw", "writer")
    assert (answer.status_code, answer.json()["state"], answer.json()["progress"]) == (200, "withdrawn", None)
    assert client.one(second)["progress"]["step"]["zh"] == "排队等待检查"
    run_check(client.city, uuid.UUID(first))
    assert (client.one(first)["state"], client.one(first)["result"]) == ("withdrawn", None)
    run_check(client.city, uuid.UUID(second))
    assert client.one(second)["state"] == "accepted"


@pytest.mark.parametrize("role", ["writer", "reviewer"])
def test_a_check_that_is_made_is_broken_off_amid_a_long_statement(client: Client, monkeypatch: pytest.MonkeyPatch, role: Role) -> None:
    make_slow(client.city.pool)
    with monkeypatch.context() as patched:
        patched.setattr(indexing, "_spatial", slowly)
        submission = ordered(client, "houses")
        check = threading.Thread(target=run_check, args=(client.city, uuid.UUID(submission)))
        check.start()
        wait_until_it_is_built(client.city.pool)
        assert client.one(submission)["progress"]["waiting"] is False
        backup, backed_up = beside(client)
        answer = client.ask("POST", f"/api/submissions/{submission}/withdraw", role)
        assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn"), answer.text
        check.join(NEVER_S / 2)
        assert not check.is_alive(), "it waited for its index"
        backup.join()
        assert backed_up == ["ended"], "who else reads what is staged is let be"
    assert (staged(client), known(client)) == ([], set())
    found = client.one(submission)
    assert (found["state"], found["progress"], found["problem"], found["result"]) == ("withdrawn", None, None, None)
    assert client.ask("POST", f"/api/submissions/{submission}/withdraw", role).status_code == 200, "asked again it answers the same"
    assert client.one(client.checked(SOUND, "houses"))["state"] == "accepted"


def test_what_was_withdrawn_amid_a_check_is_cleared_although_its_worker_was_killed(client: Client) -> None:
    submission = client.checked(SOUND, "houses")
    with staging.claimed(client.city.pool, uuid.UUID(submission)):  # as the worker that is at it holds it until it is killed
        with client.city.pool.connection() as connection:
            connection.execute("UPDATE catalog.submission SET state = 'received', check_wanted = true, attempt = 1, result = NULL")
        assert client.ask("POST", f"/api/submissions/{submission}/withdraw", "writer").status_code == 200
        clear_broken_off(client.city)
        assert (len(staged(client)), known(client)) == (1, {"houses"}), "whoever is at it clears it"
    with staging.claimed(client.city.pool, uuid.uuid4()):  # somebody else's check drops its rows, and forgets no more of it
        assert (staged(client), known(client)) == ([], {"houses"})
    clear_broken_off(client.city)
    assert (known(client), Register(client.city.catalogue).broken_off()) == (set(), ())
    assert client.one(submission)["state"] == "withdrawn"


def test_nobody_else_breaks_a_check_off(client: Client) -> None:
    submission = ordered(client, "houses")
    with client.city.pool.connection() as connection:
        connection.execute("UPDATE catalog.submission SET actor = '他人'")
    answer = client.ask("POST", f"/api/submissions/{submission}/withdraw", "writer")
    assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")
    assert client.one(submission)["progress"]["waiting"] is True
    assert client.ask("POST", f"/api/submissions/{submission}/withdraw", "reviewer").status_code == 200
