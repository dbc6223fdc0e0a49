"""The full build: spilled runs give the same bytes, a build that was killed goes on, blocks stand between bodies and massing."""

from __future__ import annotations

import itertools
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from tests.tile_bodies import tower
from tests.tile_features import BUILDING, buildings, features, numbers, to_geocentric
from tests.tile_trees import nodes
from tiles import full_build, tileset
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.columns import FeatureColumns, Representations, offsets_of
from tiles.memory_store import MemoryStore
from tiles.mesh.batch import LeftOut
from tiles.node_store import Objects
from tiles.selection import sliced
from tiles.tiling import Budget
from tiles.worker_processes import ProcessWorkers
from tiles.workers import ThreadWorkers, WorkerError, Workers
from twin.errors import NotFoundError
from twin.representation import encode_unpacked
from twin.store import FolderStore

TARGET = TilesetTarget("b", 1, "open", "2.25.9.2.1.")
OPTIONS = BuildOptions(budget=Budget(1_500, 15_000))


def build(
    run: FeatureColumns, store: Objects, size: int = 10**9, options: BuildOptions = OPTIONS, workers: Workers | None = None
) -> TilesetSummary:
    batches = [sliced(run, at, min(at + size, len(run))) for at in range(0, len(run), size)]
    return build_tileset(batches, BUILDING, to_geocentric, TARGET, store, options=options, workers=workers)


def test_runs_on_disk_give_the_same_bytes_as_one_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = with_bodies(buildings(300))
    whole, spilled = MemoryStore(), MemoryStore()
    expected = build(run, whole)
    monkeypatch.setattr(full_build, "RUN_BYTES", 10_000)
    monkeypatch.setattr(full_build, "_CHUNK_ROWS", 20)
    assert build(run, spilled, size=37, options=replace(OPTIONS, folder=tmp_path)) == expected
    assert spilled == whole
    assert list(tmp_path.iterdir()) == []


class Killed(MemoryStore):
    """A store whose process dies at the ``last`` content."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def put(self, key: str, content: bytes) -> None:
        """Store, or die."""
        if "/c/" in key:
            self.last -= 1
            if self.last < 0:
                raise KeyboardInterrupt
        super().put(key, content)


def test_a_build_that_was_killed_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_build, "_CHUNK_ROWS", 20)
    run, whole = buildings(300), MemoryStore()
    with ThreadWorkers(1) as alone:
        expected = build(run, whole, workers=alone)
        half = Killed(len([key for key in whole if "/c/" in key]) // 2)
        with pytest.raises(KeyboardInterrupt):
            build(run, half, workers=alone)
        assert any("/b/" in key for key in half)
        assert not any("/r/" in key for key in half)
        half.last = 10**6
        assert build(run, half, workers=alone) == expected
    rebuilt = 10**6 - half.last
    assert 0 < rebuilt < len([key for key in whole if "/c/" in key])
    assert dict(half) == dict(whole)


def test_what_a_loss_of_power_cut_off_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were renamed but not written yet have no bytes afterwards; their names are those of whole ones."""
    monkeypatch.setattr(full_build, "_CHUNK_ROWS", 20)
    monkeypatch.setattr(tileset, "LARGEST_INLINE_BYTES", 500)
    run, whole = buildings(90), MemoryStore()
    build(run, whole)
    for folder, left in itertools.product(("/c/", "/n/", "/t/", "/s/", "/b/"), (0, 6)):
        half = Killed(last=8)
        with ThreadWorkers(1) as alone, pytest.raises(KeyboardInterrupt):
            build(run, half, workers=alone)
        assert any("/b/" in key for key in half)
        torn = MemoryStore({key: body[:left] if folder in key else body for key, body in half.items()})
        build(run, torn)
        assert torn == whole, folder
        lost = MemoryStore({key: body[:left] if folder in key else body for key, body in whole.items()})
        build(run, lost)
        assert lost == whole, folder


@dataclass(frozen=True)
class KillingStore(FolderStore):
    """A folder: the process that puts the first content into it is killed in the middle of a chunk."""

    folder: Path

    def put(self, key: str, content: bytes) -> None:
        """Store, or die."""
        super().put(key, content)
        if "/c/" in key and next(self.folder.rglob("*.glb")) and not (self.folder / "killed").exists():
            (self.folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Deadly:
    """A task that no process outlives."""

    def run(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Unlucky:
    """A task that fails."""

    def run(self) -> None:
        raise NotFoundError("no such thing")


def test_processes_make_the_same_bytes_and_a_killed_one_loses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(full_build, "_CHUNK_ROWS", 50)
    run, whole, store = buildings(300), MemoryStore(), KillingStore(tmp_path / "store")
    expected = build(run, whole)
    with ProcessWorkers(2) as workers:
        assert build(run, store, options=replace(OPTIONS, folder=tmp_path), workers=workers) == expected
        with pytest.raises(NotFoundError, match="no such thing"):
            workers.submit(Unlucky()).result()
        with pytest.raises(WorkerError):
            workers.submit(Deadly()).result()
    assert (store.folder / "killed").exists()
    assert {key: store.get(key) for key in store.keys("tiles")} == dict(whole)


def test_a_build_anew_replaces_objects_whatever_they_hold() -> None:
    run, whole = buildings(200), MemoryStore()
    build(run, whole)
    damaged = MemoryStore({key: bytes(len(body)) for key, body in whole.items()})
    build(run, damaged, options=replace(OPTIONS, anew=True))
    assert damaged == whole


def with_bodies(run: FeatureColumns) -> FeatureColumns:
    """Every second building with a tower of many faces as LoD 2, two metres higher than its block."""
    height, base = run.columns["height_m"], run.columns["base_height_m"]
    pieces: list[bytes] = []
    for i, (a, b) in enumerate(zip(run.wkb_offsets[:-1], run.wkb_offsets[1:], strict=True)):
        west, south, east, north = shapely.from_wkb(run.wkb[a:b].tobytes()).bounds
        foot, top = float(base.values[i]), float(base.values[i] + height.values[i]) + 2.0  # type: ignore[union-attr]
        pieces.append(encode_unpacked(tower((west + east) / 2, (south + north) / 2, foot, top)) if i % 2 == 0 else b"")
    lengths = np.array([len(p) for p in pieces], np.int64)
    lod = np.where(lengths > 0, 20, 0).astype(np.uint8)
    return replace(run, representations=Representations(np.frombuffer(b"".join(pieces), np.uint8), offsets_of(lengths), lod))


def test_blocks_stand_for_bodies_that_are_too_many_for_one_content() -> None:
    """From afar massing, nearer the blocks of all features below, near the bodies; a block's error is how far its height is off."""
    store = MemoryStore()
    run = with_bodies(buildings(300))
    summary = build(run, store, options=replace(OPTIONS, budget=Budget(3_000, 30_000)))
    assert summary.drawn == 300
    assert summary.lods == {"1": 150, "2": 150}
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/b/{k}"]), "1/tileset.json@open") == []
    inner = [node for node in nodes(store, "b", summary.tree) if not node.is_leaf]
    shows_blocks = [node for node in inner if node.weight.coarse_vertices <= 3_000 and node.weight.coarse_bytes <= 30_000]
    assert 0 < len(shows_blocks) < len(inner)
    for node in shows_blocks:
        assert node.tile is not None
        assert node.tile.geometric_error_m == pytest.approx(2.0, abs=0.05)


def test_whatever_comes_is_drawn_or_listed() -> None:
    """NaN, no area, self-crossing, absurd heights, far away: counted, and none of it ends the build."""
    bow = shapely.Polygon([(500_000, 3_520_000), (500_010, 3_520_010), (500_010, 3_520_000), (500_000, 3_520_010)])
    line = shapely.Polygon([(500_000, 3_520_000), (500_010, 3_520_010), (500_000, 3_520_000)])
    nan = shapely.to_wkb(shapely.box(500_000, 3_520_000, 500_010, 3_520_010), byte_order=1)
    nan = nan[:13] + np.array([np.nan]).tobytes() + nan[21:]
    shapes = [
        bow,
        line,
        nan,
        shapely.box(1e30, 0, 1e30 + 9, 9),
        shapely.MultiPolygon(),
        *[shapely.box(500_020, 3_520_000, 500_030, 3_520_010)] * 4,
    ]
    height = [9.0, 9.0, 9.0, 9.0, 9.0, float("inf"), -3.0, 1e9, 9.0]
    run = features(shapes, {"height_m": numbers(height), "base_height_m": numbers([4.0] * len(shapes))})
    summary = build(run, MemoryStore())
    assert summary.features == len(shapes) == summary.drawn + sum(summary.left_out.values())
    assert summary.drawn >= 1
    assert LeftOut.OUTSIDE_CRS in summary.left_out
    assert LeftOut.HEIGHT_ABSURD in summary.left_out
