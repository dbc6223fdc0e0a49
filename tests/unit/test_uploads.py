"""Uploads however their bytes are cut, their names as people give them, and which of several files are read."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from ingest.main_files import main_files
from tests.event_loop import run_alone
from twin.errors import BadRequestError, TooLargeError, UnsupportedMediaError
from twin.server import uploads
from twin.server.checks import sweep_work
from twin.server.settings import read_settings
from twin.server.uploads import StoredFile, display_name, store_upload
from twin.store import FolderStore

BOUNDARY = "b0undary"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


class Sent:
    """A request as far as an upload looks at it."""

    def __init__(self, chunks: list[bytes], headers: Mapping[str, str]) -> None:
        self.headers = headers
        self._chunks = chunks

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def store(chunks: list[bytes], folder: Path, headers: Mapping[str, str] = MULTIPART, max_bytes: int = 1 << 20) -> tuple[StoredFile, ...]:
    return run_alone(store_upload(cast("Request", Sent(chunks, headers)), FolderStore(folder), max_bytes))


class Silent(Sent):
    """One whose connection is gone without a word."""

    async def stream(self) -> AsyncIterator[bytes]:
        async for chunk in super().stream():
            yield chunk
        await asyncio.Event().wait()


def test_an_upload_of_which_nothing_comes_any_more_is_over_and_nothing_of_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SILENCE_S", 0.05)
    store = FolderStore(tmp_path)
    half = [body({"a.gpkg": b"x" * 1000})[:500]]
    with pytest.raises(BadRequestError, match="broken off") as broken:
        run_alone(store_upload(cast("Request", Silent(half, MULTIPART)), store, 1 << 20))
    assert broken.value.code == "upload-broken"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def body(files: Mapping[str, bytes]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: x/y\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    plain = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="note"\r\n\r\nno file\r\n'.encode()
    return b"".join([plain, *parts]) + f"--{BOUNDARY}--\r\n".encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(contents=st.lists(st.binary(max_size=300), min_size=1, max_size=3), cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_files_are_stored_whole_however_the_body_is_cut(tmp_path: Path, contents: list[bytes], cuts: list[int]) -> None:
    files = {f"建筑{i}.gpkg": content for i, content in enumerate(contents)}
    text = body(files)
    places = sorted({0, len(text), *(c for c in cuts if c < len(text))})
    stored = store([text[a:b] for a, b in itertools.pairwise(places)], tmp_path)
    assert {f.name: (f.size, f.sha256) for f in stored} == {n: (len(c), hashlib.sha256(c).hexdigest()) for n, c in files.items()}
    assert all((tmp_path / "uploads" / f.sha256).read_bytes() == files[f.name] for f in stored)
    assert not list((tmp_path / "uploads").glob(".*"))


@pytest.mark.parametrize(
    ("chunks", "headers", "error", "code"),
    [
        ([b""], {"content-type": "application/json"}, UnsupportedMediaError, "unsupported-media"),
        ([b""], {"content-type": "multipart/form-data"}, UnsupportedMediaError, "unsupported-media"),
        ([body({"a": b"x"})[:-30]], MULTIPART, BadRequestError, "upload-broken"),
        ([body({})], MULTIPART, BadRequestError, "no-file"),
        ([b"nonsense" * 100], MULTIPART, BadRequestError, "bad-request"),
        ([body({"a": b"x" * 5000})], MULTIPART, TooLargeError, "too-large"),
        ([b""], MULTIPART | {"content-length": "5000"}, TooLargeError, "too-large"),
        ([b""], MULTIPART | {"content-length": "-1"}, BadRequestError, "bad-request"),
        ([b""], MULTIPART | {"content-length": "9" * 5000}, BadRequestError, "bad-request"),
        ([body({"a.gpkg": b"x", "A.GPKG": b"y"})], MULTIPART, BadRequestError, "duplicate-name"),
        ([body({"": b"x"})], MULTIPART, BadRequestError, "file-name"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, chunks: list[bytes], headers: dict[str, str], error: type, code: str) -> None:
    with pytest.raises(error) as refused:
        store(chunks, tmp_path, headers, max_bytes=2000)
    assert refused.value.code == code  # type: ignore[attr-defined]
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@settings(max_examples=200)
@example(". 0")
@given(st.text(max_size=60))
def test_no_name_is_a_path(name: str) -> None:
    try:
        shown = display_name(name)
    except BadRequestError:
        return
    assert Path(shown).name == shown
    assert shown not in (".", "..")
    assert not shown.startswith(".")
    assert "\0" not in shown
    assert display_name(shown) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../x.shp", "x.shp"),
        ("C:\\数据\\管线 普查.xlsx", "管线 普查.xlsx"),
        ("/etc/passwd", "passwd"),
        (".hidden", "hidden"),
        ("a:b?.csv", "a_b_.csv"),
    ],
)
def test_the_last_part_of_a_name_is_shown(given: str, shown: str) -> None:
    assert display_name(given) == shown


def test_sidecars_are_not_read_for_themselves() -> None:
    names = ("A.shp", "a.DBF", "a.shx", "a.prj", "A.shp.cpg", "a.shp.xml", "b.dbf", "管点.csv", "管线.csv")
    assert [p.name for p in main_files([Path(n) for n in names])] == ["A.shp", "b.dbf", "管点.csv", "管线.csv"]
    tables = ("房屋.tab", "房屋.DAT", "房屋.map", "房屋.id", "房屋.ind", "b.MIF", "b.mid", "c.dat", "d.qmd")
    assert [p.name for p in main_files([Path(n) for n in tables])] == ["房屋.tab", "b.MIF", "c.dat", "d.qmd"]


def test_what_killed_processes_left_is_swept_away(tmp_path: Path) -> None:
    city = read_settings({}, data_dir=tmp_path)
    left = [city.work_folder / f"{name}x" for name in ("files-", "access-", "report-")]
    left += [city.store_folder / f".{name}-x" for name in ("coverage", "imagery", "model", "cloud", "export", "upload")]
    kept = [city.store_folder / "model", city.store_folder / ".model-young"]
    for folder in (*left, *kept):
        (folder / "below").mkdir(parents=True)
        os.utime(folder, None if folder.name.endswith("young") else (0, 0))
    sweep_work(city)
    assert [folder for folder in (*left, *kept) if folder.exists()] == kept
