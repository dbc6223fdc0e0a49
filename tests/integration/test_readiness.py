"""/readyz, and the object store it asks."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from obstore.store import S3Store

from tests.bucket_server import BUCKET, bucket_server, credentials_allowed
from tests.opened_city import get, opened_city
from twin.bucket_address import bucket_address
from twin.bucket_opening import open_bucket
from twin.errors import UnavailableError
from twin.server.store_watch import StoreWatch
from twin.store import FolderStore, Store


@contextmanager
def bucket_named(bucket: str, folder: Path, actions: Sequence[str] = ()) -> Iterator[Store]:
    """A bucket of a server that ends with the block; with credentials that allow only ``actions``, where any are named."""
    with bucket_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in (credentials_allowed(server, actions) if actions else server).items():
            patch.setenv(name, value)
        yield open_bucket(bucket_address(f"s3://{bucket}/city", folder / "copies", 1 << 20))


def said_by(watch: StoreWatch) -> str | None:
    complaint = watch.complaint()
    return None if complaint is None else complaint.en


def test_a_server_whose_bucket_is_gone_says_that_it_is_not_ready(database_url: str, open_folder: Path) -> None:
    with opened_city(database_url, open_folder / "city", 4549) as city:
        with bucket_named(BUCKET, open_folder) as store:
            served = replace(city, store=store)
            assert (get(served, "/readyz")[0].status_code, get(served, "/livez")[0].status_code) == (200, 200)
        answer = get(served, "/readyz")[0]
        assert (answer.status_code, answer.text) == (503, "store: the object store does not answer\n")
        assert answer.headers["retry-after"] == "5"
        assert get(served, "/livez")[0].status_code == 200
        assert get(city, "/readyz")[0].text == "ready\n"


def test_a_bucket_is_asked_at_most_once_in_a_while(open_folder: Path) -> None:
    with bucket_named(BUCKET, open_folder) as store:
        seldom, always = StoreWatch(store, asked_every_s=3600.0), StoreWatch(store, asked_every_s=0.0)
        assert (said_by(seldom), said_by(always)) == (None, None)
    assert (said_by(seldom), said_by(always)) == (None, "the object store does not answer")


def test_what_is_wrong_with_a_bucket_is_said(open_folder: Path) -> None:
    with bucket_named("no-such-bucket", open_folder) as store:
        assert said_by(StoreWatch(store)) == "there is no such bucket"


def test_where_a_missing_object_is_told_as_such_credentials_that_may_not_list_are_enough(open_folder: Path) -> None:
    """As moto does. AWS refuses those who may not list, which no server here can show; `docs/cluster.md` says it."""
    with bucket_named(BUCKET, open_folder, ["s3:GetObject", "s3:PutObject"]) as store:
        store.put("a", b"1")
        with pytest.raises(UnavailableError):
            list(store.keys("tiles"))
        assert said_by(StoreWatch(store)) is None


def test_credentials_that_may_not_read_are_told(open_folder: Path) -> None:
    with bucket_named(BUCKET, open_folder, ["s3:ListBucket"]) as store:
        assert said_by(StoreWatch(store)) == "the object store refuses us: check the bucket and the credentials"


def test_what_asks_the_bucket_is_built_once(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that a store fetches from a service are its own: a new one would fetch them anew at every question."""
    built: list[S3Store] = []

    def counted(*args: Any, **options: Any) -> S3Store:
        built.append(S3Store(*args, **options))
        return built[-1]

    monkeypatch.setattr("twin.bucket.S3Store", counted)
    with bucket_named(BUCKET, open_folder) as store:
        watch = StoreWatch(store, asked_every_s=0.0)
        assert [said_by(watch) for _ in range(3)] == [None, None, None]
    assert len(built) == 2, "one to work with, one to ask"


def test_a_store_that_never_answers_is_not_waited_for(open_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "tester")
        store = open_bucket(bucket_address(f"s3://{BUCKET}/city", open_folder / "copies", 1 << 20))
        assert said_by(StoreWatch(store, within_s=0.2)) == "the object store does not answer"


def test_a_folder_is_always_reached(open_folder: Path) -> None:
    assert said_by(StoreWatch(FolderStore(open_folder / "store"))) is None
