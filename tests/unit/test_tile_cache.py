"""The cache of finished tiles: drawn once, shared by processes, bounded, and never half."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.event_loop import run_alone
from twin.tile_cache import KeptTile, TileCache


def _drawing(key: str, content: bytes, drawn: list[str]) -> Callable[[], Awaitable[tuple[str, KeptTile]]]:
    async def draw() -> tuple[str, KeptTile]:
        await asyncio.sleep(0)
        drawn.append(key)
        return key, KeptTile.of(7, content, "properties").packed()

    return draw


def test_a_tile_that_many_ask_for_is_drawn_once_and_kept_for_other_processes(tmp_path: Path) -> None:
    drawn: list[str] = []
    content = os.urandom(40) * 100

    async def ask(cache: TileCache) -> list[KeptTile]:
        return list(await asyncio.gather(*(cache.tile("k" * 32, _drawing("k" * 32, content, drawn)) for _ in range(20))))

    first = run_alone(ask(TileCache(tmp_path, 1 << 20)))
    other = run_alone(ask(TileCache(tmp_path, 1 << 20)))
    assert drawn == ["k" * 32]
    assert {(t.commit, t.unpacked(), t.reduced) for t in (*first, *other)} == {(7, content, "properties")}
    assert len(first[0].content) < len(content)


def test_a_file_that_was_cut_off_is_drawn_anew(tmp_path: Path) -> None:
    drawn: list[str] = []
    key = "a" * 32
    run_alone(TileCache(tmp_path, 1 << 20).tile(key, _drawing(key, b"x" * 3000, drawn)))
    (path,) = [p for p in tmp_path.glob("*/*") if p.is_file()]
    path.write_bytes(path.read_bytes()[:-1])
    tile = run_alone(TileCache(tmp_path, 1 << 20).tile(key, _drawing(key, b"x" * 3000, drawn)))
    assert (tile.unpacked(), len(drawn)) == (b"x" * 3000, 2)


def test_the_folder_stays_within_its_bounds_and_keeps_what_was_asked_for_last(tmp_path: Path) -> None:
    cache = TileCache(tmp_path, 400_000)

    async def fill() -> None:
        for number in range(60):
            key = f"{number:032d}"
            await cache.tile(key, _drawing(key, os.urandom(20_000), []))

    run_alone(fill())
    sizes = [p.stat().st_size for p in tmp_path.glob("*/*")]
    assert sum(sizes) < 500_000
    assert cache.held(f"{59:032d}") is not None
    assert cache.held(f"{0:032d}") is None


def test_a_failure_reaches_all_and_is_not_kept(tmp_path: Path) -> None:
    cache, key = TileCache(tmp_path, 1 << 20), "b" * 32

    async def fail() -> tuple[str, KeptTile]:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def ask() -> list[KeptTile | BaseException]:
        return list(await asyncio.gather(cache.tile(key, fail), cache.tile(key, fail), return_exceptions=True))

    assert [type(answer) for answer in run_alone(ask())] == [ValueError, ValueError]
    drawn: list[str] = []
    run_alone(cache.tile(key, _drawing(key, b"y", drawn)))
    assert drawn == [key]


def test_who_waits_for_one_who_goes_away_gets_the_tile_all_the_same(tmp_path: Path) -> None:
    cache, key, drawn = TileCache(tmp_path, 1 << 20), "c" * 32, list[str]()

    async def ask() -> list[KeptTile | BaseException]:
        begun, never = asyncio.Event(), asyncio.Event()

        async def hang() -> tuple[str, KeptTile]:
            begun.set()
            await never.wait()
            raise AssertionError

        first = asyncio.create_task(cache.tile(key, hang))
        await begun.wait()
        waiting = [asyncio.create_task(cache.tile(key, _drawing(key, b"z", drawn))) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        first.cancel()
        return list(await asyncio.gather(first, *waiting, return_exceptions=True))

    gone, gone_too, *answers = run_alone(ask())
    assert (type(gone), type(gone_too)) == (asyncio.CancelledError, asyncio.CancelledError)
    assert [answer.unpacked() if isinstance(answer, KeptTile) else answer for answer in answers] == [b"z"] * 4
    assert drawn == [key]


def test_an_empty_tile_is_kept_empty() -> None:
    assert KeptTile.of(1, b"", None).packed().content == b""


@pytest.mark.parametrize("size", [1, 5000])
def test_what_is_packed_comes_back(size: int) -> None:
    assert KeptTile.of(1, b"z" * size, None).packed().unpacked() == b"z" * size


def test_what_cannot_be_kept_leaves_nothing_behind(tmp_path: Path) -> None:
    key = "b" * 32
    (tmp_path / key[:2] / key[2:]).mkdir(parents=True)  # no file can take this place
    tile = run_alone(TileCache(tmp_path, 1 << 20).tile(key, _drawing(key, b"x" * 3000, [])))
    assert tile.unpacked() == b"x" * 3000
    assert [p for p in tmp_path.glob("*/*") if p.is_file()] == []
