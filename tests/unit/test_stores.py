"""What every store keeps to, a folder as a bucket of an S3-compatible server."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.bucket_server import BUCKET, bucket_server
from tests.unit.test_stored_answers import BODY, KEY, ask, pack
from twin import bucket
from twin.bucket_address import bucket_address
from twin.bucket_opening import open_bucket
from twin.errors import BadRequestError, NotFoundError, StorageFullError, UnavailableError
from twin.server.packing import is_packed_from, pack_below
from twin.store import FolderStore, Store
from twin.write_behind import WriteBehind


@pytest.fixture(scope="module")
def bucket_environment() -> Iterator[None]:
    with bucket_server() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    request.getfixturevalue("bucket_environment")
    return open_bucket(bucket_address(f"s3://{BUCKET}/{tmp_path.name}", tmp_path / "copies", 16 << 20))


def test_an_object_is_there_whole_until_it_is_forgotten(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.get("a/b")
    assert (store.held("a/b"), store.size("a/b"), store.exists("a/b")) == (None, None, False)
    store.put("a/b", b"one")
    store.put("a/b", b"first")
    held = store.held("a/b")
    assert held is not None
    assert (held.key, held.size, store.size("a/b"), store.exists("a/b"), store.get("a/b")) == ("a/b", 5, 5, True, b"first")
    assert abs(held.modified_ns / 1e9 - time.time()) < 60
    assert not store.exists("a")
    for _ in range(2):
        store.delete("a/b")
        assert not store.exists("a/b")


def test_a_part_is_what_there_is_of_it(store: Store) -> None:
    store.put("a", b"0123456789")
    store.put("nothing", b"")
    assert [store.part("a", *ends) for ends in ((0, 2), (8, 99), (10, 12), (3, 3))] == [b"01", b"89", b"", b""]
    assert (store.part("nothing", 0, 2), store.get("nothing"), store.file("nothing").read_bytes()) == (b"", b"", b"")
    with pytest.raises(NotFoundError):
        store.part("b", 0, 1)


def test_what_is_put_once_stays_unless_it_was_cut_off(store: Store) -> None:
    store.put_once("c/1", b"whole")
    store.put_once("c/1", b"other")
    assert store.get("c/1") == b"whole"
    store.put_once("c/1", b"other", anew=True)
    assert store.get("c/1") == b"other"
    store.put("c/1", b"cut")
    store.put_once("c/1", b"whole")
    assert store.get("c/1") == b"whole"


def test_keys_are_those_of_a_folder(store: Store) -> None:
    keys = {"t/x/1", "t/x/2/3", "t/xy/1", "u/1"}
    for key in keys:
        store.put(key, key.encode())
    assert set(store.keys("t/x")) == {"t/x/1", "t/x/2/3"}
    assert {held.key: held.size for held in store.entries("t")} == {key: len(key) for key in keys if key[0] == "t"}
    assert list(store.keys("nothing/here")) == []
    store.delete_below("t/x")
    store.delete_below("u/1")
    store.delete_below("never")
    assert set(store.keys("t")) == {"t/xy/1"}
    assert not store.exists("u/1")
    store.delete_all(["t/xy/1", "t/none"])
    assert list(store.keys("t")) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("瓦片 1.b3dm")
@example("50%25#?+&~*[x]{}|^`'\"<>:;=,@!$()")
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Co"], exclude_characters="/\\"), min_size=1, max_size=40))
def test_any_name_of_a_file_is_a_key(store: Store, name: str) -> None:
    if name in (".", "..") or name.startswith(".put-"):
        return
    store.put(f"n/{name}", b"x")
    assert store.get(f"n/{name}") == b"x"
    assert list(store.keys("n")) == [f"n/{name}"]
    assert store.file(f"n/{name}").read_bytes() == b"x"
    store.delete(f"n/{name}")
    assert list(store.keys("n")) == []


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/..", "a/./b", "a\\b", "a\x00"])
def test_a_key_that_leaves_the_store_is_refused(store: Store, key: str) -> None:
    for use in (store.get, store.exists, store.file, store.delete, lambda k: store.put(k, b"x"), lambda k: list(store.keys(k))):
        with pytest.raises(BadRequestError):
            use(key)


@pytest.mark.parametrize(
    "key", ["n/" + "x" * 300, "n/" + "河" * 90 + "/1", "n/" + "y/" * 3000 + "1"], ids=["part", "of characters", "whole"]
)
def test_a_name_longer_than_any_is_that_of_nothing(store: Store, key: str) -> None:
    assert (store.exists(key), store.held(key), store.size(key), store.touch(key)) == (False, None, None, False)
    for use in (store.get, store.file, lambda k: store.part(k, 0, 1)):
        with pytest.raises(NotFoundError):
            use(key)


def test_a_folder_is_forgotten_although_forgetting_was_killed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    store = FolderStore(tmp_path)
    for _ in range(2):
        store.put("t/x/1", b"x")
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr("twin.store.shutil.rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                store.delete_below("t/x")
        assert not store.exists("t/x/1")
    store.put("t/x/1", b"x")
    store.put("t/y", b"y")
    store.delete_below("t/x")
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["y"]


def test_a_file_has_the_present_bytes_and_their_time(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.file("a/b.tif")
    for content, modified_ns in ((b"first", None), (b"later", None), (b"given", 1_600_000_000_123_456_789)):
        store.put("a/b.tif", content, modified_ns=modified_ns)
        file, held = store.file("a/b.tif"), store.held("a/b.tif")
        assert held is not None
        assert file.read_bytes() == content
        assert file.stat().st_mtime_ns == held.modified_ns
        assert modified_ns in (None, held.modified_ns)
        assert store.file("a/b.tif") == file
    assert store.held("a/b.tif", unchanging=True) == held
    assert store.file("a/b.tif", unchanging=True).read_bytes() == b"given"


def test_large_files_come_and_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "_PART_BYTES", 1 << 20)
    content = os.urandom(6_000_000)  # more than one part of an upload
    (store.scratch / "large").write_bytes(content)
    store.put_file("kept/copied", store.scratch / "large")
    store.adopt("kept/adopted", store.scratch / "large")
    assert not (store.scratch / "large").exists()
    for key in ("kept/copied", "kept/adopted"):
        assert (store.size(key), store.file(key).read_bytes() == content) == (len(content), True)


def test_tiles_are_served_from_it_packed_in_parts_and_not_twice(store: Store) -> None:
    store.put(KEY, BODY)
    plain = ask(store, accept_encoding="gzip")
    assert (plain.content, "content-encoding" in plain.headers) == (BODY, False)
    pack(store)
    short = ask(store, accept_encoding="gzip")
    assert (short.headers["content-encoding"], short.content) == ("gzip", BODY)
    assert ask(store, accept_encoding="gzip", if_none_match=short.headers["etag"]).status_code == 304
    assert ask(store, if_none_match=plain.headers["etag"]).status_code == 304
    part = ask(store, range="bytes=4-9")
    assert (part.status_code, part.content) == (206, BODY[4:10])


def test_what_was_copied_without_times_is_packed_anew_once(store: Store) -> None:
    tiles = [f"p/c/{i}.glb" for i in range(8)] + ["p/r/1/tileset.json", "p/r/1/implicit.json"]
    for key in tiles:
        store.put(key, BODY)
    assert (pack_below(store, "p"), pack_below(store, "p")) == (10, 0)
    store.put("p/r/2/tileset.json", BODY)
    assert (pack_below(store, "p"), pack_below(store, "p")) == (1, 0)
    for key in sorted(store.keys("p")):
        store.put(key, store.get(key))
    assert (pack_below(store, "p"), pack_below(store, "p")) == (11, 0)
    for key in tiles:
        held, beside = store.held(key), store.held(f"{key}.gz")
        assert held is not None
        assert beside is not None
        assert is_packed_from(beside, held)


def test_what_is_touched_looks_young(store: Store) -> None:
    assert not store.touch("f/1")
    store.put("f/1", b"x", modified_ns=10**18)
    assert store.touch("f/1")
    held = store.held("f/1")
    assert held is not None
    assert time.time() - held.modified_ns / 1e9 < 60
    assert store.get("f/1") == b"x"


def test_what_is_forgotten_or_replaced_while_it_is_touched_stays_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    get = store.get

    def lose(key: str) -> bytes:
        content = get(key)
        store.delete(key)
        return content

    def replace(key: str) -> bytes:
        content = get(key)
        store.put(key, b"later")
        return content

    for meanwhile, there, left in ((lose, False, []), (replace, True, ["f/1"])):
        store.put("f/1", b"x", modified_ns=10**18)
        with monkeypatch.context() as between:
            between.setattr(store, "get", meanwhile)
            if isinstance(store, FolderStore):
                meanwhile("f/1")
            assert store.touch("f/1") == there
        assert list(store.keys("f")) == left
    assert store.get("f/1") == b"later"


def test_a_store_pickles_without_anything_secret(store: Store) -> None:
    store.put("a", b"x")
    said = pickle.dumps(store)
    assert pickle.loads(said).get("a") == b"x"
    assert os.environ.get("AWS_SECRET_ACCESS_KEY", "of-no-account").encode() not in said


def test_objects_that_go_on_being_stored_can_be_read_and_end_before_what_points_to_them(store: Store) -> None:
    class Slow(FolderStore):
        def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
            time.sleep(0.01)
            store.put_once(key, content, anew=anew)

        def put(self, key: str, content: bytes, *, modified_ns: int | None = None) -> None:
            there.append(set(store.keys("c")))
            store.put(key, content)

    there: list[set[str]] = []
    behind = WriteBehind(Slow(Path("nowhere")))
    for i in range(40):
        behind.put_once(f"c/{i}", b"%d" % i)
    assert (behind.get("c/39"), behind.size("c/39"), behind.exists("c/39")) == (b"39", 2, True)
    behind.put("r/1", b"points to them")
    behind.close()
    assert there == [{f"c/{i}" for i in range(40)}]


def test_what_could_not_be_stored_is_told_to_who_put_it_and_may_be_put_again(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"in the way of a folder")
    behind = WriteBehind(FolderStore(tmp_path))
    behind.put_once("d/1", b"x")
    behind.put_once("c/1", b"x")
    with ThreadPoolExecutor(1) as another:
        another.submit(behind.put_once, "d/2", b"y").result()
        another.submit(behind.drain).result()
    with pytest.raises(OSError, match="c"):
        behind.drain()
    (tmp_path / "c").unlink()
    behind.put_once("c/1", b"x")
    behind.drain()
    behind.close()
    assert set(FolderStore(tmp_path).keys("c")) == {"c/1"}


def test_copies_that_were_used_longest_ago_make_room(bucket_environment: None, tmp_path: Path) -> None:
    store = open_bucket(bucket_address(f"s3://{BUCKET}/{tmp_path.name}", tmp_path / "copies", 100_000))
    for i in range(12):
        store.put(f"c/{i}", bytes(10_000))
        file = store.file(f"c/{i}")
        if i < 8:
            os.utime(file, ns=(10**9 * (100 - i), file.stat().st_mtime_ns))
    left = {path.name for path in (tmp_path / "copies").rglob("*") if path.is_file()}
    assert {str(i) for i in range(8, 12)} <= left
    assert 8 <= len(left) <= 10
    assert "7" not in left
    assert len(store.file("c/7").read_bytes()) == 10_000


def test_copies_of_what_is_in_use_do_not_fill_the_disk(bucket_environment: None, tmp_path: Path) -> None:
    """One request that needs more than there is room for used to take the whole disk: what was just asked for never goes."""
    store = open_bucket(bucket_address(f"s3://{BUCKET}/{tmp_path.name}", tmp_path / "copies", 100_000))
    for i in range(14):
        store.put(f"c/{i}", bytes(10_000))
    files = [store.file(f"c/{i}") for i in range(11)]
    with pytest.raises(StorageFullError) as told:
        store.file("c/11")
    assert told.value.code == "copies-full"
    assert store.file("c/0") == files[0], "what is there is given still"
    for file in files[:5]:
        os.utime(file, ns=(0, file.stat().st_mtime_ns))
    assert [store.file(f"c/{i}").stat().st_size for i in (12, 13)] == [10_000, 10_000]
    assert sum(file.exists() for file in files) < 11


@pytest.mark.parametrize("url", ["s3://", "s3://UPPER/x", "http://bucket/x", "s3://bucket/../x", "s3://bucket/a//b", "bucket"])
def test_what_is_no_store_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequestError):
        bucket_address(url, tmp_path, 1)


def test_credentials_in_an_address_are_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError) as told:
        bucket_address("s3://KEY:SE@CRET@bucket/prefix", tmp_path, 1)
    for said in (str(told.value), told.value.text.zh):
        assert "@bucket/prefix" in said
        assert not any(part in said for part in ("KEY", "SE@", "CRET"))


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "twin.bucket")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UnavailableError, match=r"pip install 'citytwin\[cluster\]'") as told:
        open_bucket(bucket_address("s3://bucket/prefix", tmp_path, 1))
    assert told.value.code == "extra-missing"


def test_a_bucket_that_is_not_there_is_said_to_be_so(bucket_environment: None, tmp_path: Path) -> None:
    store = open_bucket(bucket_address("s3://no-such-bucket/x", tmp_path, 1))
    with pytest.raises((NotFoundError, UnavailableError)) as told:
        store.put("a", b"x")
    assert "of-no-account" not in str(told.value)
