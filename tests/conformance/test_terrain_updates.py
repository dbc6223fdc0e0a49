"""Terrain of several sheets: what an update makes anew, and that it is, byte for byte, what a build of everything makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyproj
import pytest

from tests.quantized_mesh_reader import read_tile
from tiles.memory_store import MemoryStore
from tiles.terrain import TerrainSummary, TerrainTarget, build_terrain
from tiles.terrain_index import TerrainIndex, read_index
from twin.crs import geocentric, storage_crs
from twin.heights import Coverage, Frame, GroundSampler, open_coverage, vertical_model, write_coverage

X0, Y0, SRID = 494_000.0, 3_524_000.0, 4549
GEOGRAPHIC = pyproj.Transformer.from_crs(4326, SRID, always_xy=True)


def sheet(folder: Path, name: str, values: np.ndarray, pixel_m: float, east_m: float = 0.0, south_m: float = 0.0) -> Coverage:
    """Write a sheet whose corner is so far from the common one."""
    height, width = values.shape
    affine = (pixel_m, 0.0, X0 + east_m, 0.0, -pixel_m, Y0 - south_m)
    path, rows = folder / f"{name}.tif", [values.astype(np.float32)]
    write_coverage(path, rows, width=width, height=height, affine=affine, crs_wkt=f"EPSG:{SRID}", nodata=None)
    return open_coverage(path)


def relief(pixels: int, pixel_m: float, base_m: float, east_m: float = 0.0, south_m: float = 0.0) -> np.ndarray:
    row, column = (np.mgrid[0:pixels, 0:pixels] + 0.5) * pixel_m
    return base_m + 6 * np.sin((column + east_m) / 300) * np.cos((row + south_m) / 230)


@dataclass
class Terrains:
    """Terrains of one city in one store; each is built from the one before."""

    store: MemoryStore = field(default_factory=MemoryStore)
    frame: Frame = field(default_factory=lambda: Frame(geocentric(storage_crs(SRID)).operation, vertical_model("none")))

    def build(self, name: str, sheets: Sequence[Coverage], *earlier: str) -> tuple[TerrainSummary, dict[tuple[int, int, int], str]]:
        """Return what was built and the hash of each tile."""
        sampler = GroundSampler.over(sheets, storage_crs(SRID))
        indexes = [self.index(e) for e in earlier]
        summary = build_terrain(sampler, self.frame, self.store, TerrainTarget(name, "test"), indexes)
        return summary, self.hashes(name)

    def hashes(self, name: str) -> dict[tuple[int, int, int], str]:
        return {(e.level, e.x, e.y): e.hash.hex() for e in self.index(name)}

    def index(self, name: str) -> TerrainIndex:
        return read_index(self.store[f"{name}/tiles.index"])


def touching(level: int, x: int, y: int, box: tuple[float, float, float, float]) -> bool:
    """Return whether a tile, or the line of vertices beyond its edge, is in a box of the storage CRS (by PROJ, side by side)."""
    size = 180 / 2**level
    t = np.linspace(-1 / 32, 1 + 1 / 32, 33)
    lon, lat = np.meshgrid((x + t) * size - 180, np.clip((y + t) * size - 90, -89, 89))
    e, n = GEOGRAPHIC.transform(lon.ravel(), lat.ravel())
    e, n = e[np.isfinite(e)], n[np.isfinite(n)]
    return bool(len(e) and e.min() <= box[2] and e.max() >= box[0] and n.min() <= box[3] and n.max() >= box[1])


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Coverage:
    """4 km at 40 m, with a hole."""
    values = relief(100, 40, 30)
    values[60:65, 75:85] = np.nan
    return sheet(tmp_path_factory.mktemp("wide"), "wide", values, 40)


@pytest.fixture
def terrains(wide: Coverage, built: MemoryStore) -> Terrains:
    """The terrain ``wide`` of that sheet alone, in a store of the test's own."""
    store = MemoryStore()
    store.update(built)
    return Terrains(store)


@pytest.fixture(scope="module")
def built(wide: Coverage) -> MemoryStore:
    terrains = Terrains()
    terrains.build("wide", [wide])
    return terrains.store


def test_a_delivery_over_a_part_makes_that_part_anew_and_nothing_else(terrains: Terrains, wide: Coverage, tmp_path: Path) -> None:
    kept, old = set(terrains.store), terrains.hashes("wide")
    same, _ = terrains.build("again", [wide], "wide")
    assert same.made == 0
    patch = sheet(tmp_path, "patch", relief(20, 10, 31.5, 1000, 1000), 10, 1000, 1000)
    after, new = terrains.build("2", [patch, wide], "again")
    whole = Terrains()
    built, expected = whole.build("2", [patch, wide])
    assert new == expected
    assert all(terrains.store[key] == content for key, content in whole.store.items())
    touched = {at for at in new if touching(*at, (X0 + 1000, Y0 - 1200, X0 + 1200, Y0 - 1000))}
    siblings = {(level, x // 2, y // 2) for level, x, y in touched}
    assert {at for at in old if new[at] != old[at]} <= touched
    assert {(level, x // 2, y // 2) for level, x, y in new.keys() - old.keys()} <= siblings, "new levels come by fours"
    assert after.deepest_level > same.deepest_level
    assert (built.made, after.tiles) == (built.tiles, built.tiles)
    assert after.made < after.tiles
    assert len(set(terrains.store) - kept) <= 4 * len(siblings) + 4
    assert {f"terrain/_/{name}.terrain" for name in old.values()} <= kept & set(terrains.store), "the former terrain is served as before"


@pytest.mark.slow
def test_taking_sheets_away_and_putting_them_back_ends_where_it_began(wide: Coverage, tmp_path: Path) -> None:
    terrains = Terrains()
    # outside and in another CRS: the mosaic grows, so does the zone around it, and places are wanted in one CRS more
    far_deg = (0.0006, 0.0, 120.03, 0.0, -0.0005, 31.85)
    values = [relief(30, 60, 12).astype(np.float32)]
    write_coverage(tmp_path / "far.tif", values, width=30, height=30, affine=far_deg, crs_wkt="EPSG:4326", nodata=None)
    far = open_coverage(tmp_path / "far.tif")
    fine = sheet(tmp_path, "fine", np.where(np.eye(20) > 0, np.nan, relief(20, 25, 33)), 25, 3800, 3600)  # half over the edge, with holes
    states = [[wide], [fine, wide], [wide, fine, far], [wide]]
    previous: list[str] = []
    for number, sheets in enumerate(states):
        _, found = terrains.build(f"p{number}", sheets, *previous[-1:])
        _, expected = Terrains().build("t", sheets)
        assert found == expected, number
        previous.append(f"p{number}")
    assert terrains.store["p0/layer.json"] == terrains.store["p3/layer.json"]


def test_of_several_sheets_the_first_with_a_height_is_drawn_and_cut_where_it_ends(
    terrains: Terrains, wide: Coverage, tmp_path: Path
) -> None:
    """One survey's height or another's, never something between that nobody measured (decision 48)."""
    values = np.full((40, 40), 60.0)
    values[10:20, 10:20] = np.nan
    patch = sheet(tmp_path, "patch", values, 10, 1000, 1000)
    summary, found = terrains.build("1", [patch, wide], "wide")
    checked = 0
    for level, x, y in found:
        if level == summary.deepest_level:
            tile = read_tile(terrains.store[f"terrain/_/{found[level, x, y]}.terrain"])
            e, n = GEOGRAPHIC.transform(*tile.lon_lat(level, x, y))
            column, row = (e - X0 - 1000) / 10, (Y0 - 1000 - n) / 10
            inside = (column > 0.51) & (column < 39.49) & (row > 0.51) & (row < 39.49)
            outside = (column < -0.01) | (column > 40.01) | (row < -0.01) | (row > 40.01)
            hole = (column > 10.6) & (column < 19.4) & (row > 10.6) & (row < 19.4)
            near_hole = (column > 9) & (column < 21) & (row > 9) & (row < 21)
            assert np.abs(tile.h[inside & ~near_hole] - 60).max(initial=0) < 0.01
            assert tile.h[hole | outside].max(initial=0) < 37
            checked += int((inside & ~near_hole).sum() + hole.sum())
    assert checked > 500


def test_a_build_that_was_killed_goes_on_from_its_notes(terrains: Terrains, wide: Coverage, monkeypatch: pytest.MonkeyPatch) -> None:
    class KilledError(Exception):
        pass

    def kill(done: int, _: int) -> None:
        if done == 30:
            raise KilledError

    monkeypatch.setattr("tiles.terrain._NOTED_EVERY", 10)
    sampler = GroundSampler.over([wide], storage_crs(SRID))
    with pytest.raises(KilledError):
        build_terrain(sampler, terrains.frame, terrains.store, TerrainTarget("1", "test"), progress=kill)
    notes = read_index(terrains.store["1/notes.index"])
    summary = build_terrain(sampler, terrains.frame, terrains.store, TerrainTarget("1", "test"), [notes])
    assert summary.made == summary.tiles - 30
    assert "1/notes.index" not in terrains.store
    assert terrains.hashes("1") == terrains.hashes("wide")
