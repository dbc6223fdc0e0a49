"""Terrain as another reader sees it: against the DEM, PROJ's geoid, its neighbours, its parents and the horizon."""

from __future__ import annotations

import functools
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio

from tests.quantized_mesh_reader import Tile, read_tile
from tiles.memory_store import MemoryStore
from tiles.terrain import MAXIMUM_TILES, TerrainSummary, TerrainTarget, build_terrain
from tiles.terrain_index import TerrainIndex, read_index
from twin.crs import add_grid_directories, geocentric, storage_crs
from twin.heights import Frame, GroundSampler, open_coverage, vertical_model, write_coverage

GRIDS = Path("/usr/share/proj")
pytestmark = pytest.mark.skipif(not (GRIDS / "egm96_15.gtx").is_file(), reason="proj-data is not installed")
X0, Y0, PIXEL_M = 494_000.0, 3_524_000.0, 10.0


@dataclass(frozen=True)
class Built:
    """A terrain in memory with what it was built from."""

    store: MemoryStore
    summary: TerrainSummary
    values: np.ndarray
    affine: tuple[float, ...]
    srid: int

    @property
    def layer(self) -> dict:
        return json.loads(self.store["t/layer.json"])

    def tile_keys(self) -> set[tuple[int, int, int]]:
        return {(e.level, e.x, e.y) for e in self.index}

    @functools.cached_property
    def index(self) -> TerrainIndex:
        return read_index(self.store["t/tiles.index"])

    def tile(self, level: int, x: int, y: int) -> Tile:
        return read_tile(self.store[f"terrain/_/{self.index.hash_of(level, x, y)}.terrain"])


def build(folder: Path, values: np.ndarray, affine: tuple[float, ...], crs: str, srid: int, **options: object) -> Built:
    height, width = values.shape
    write_coverage(folder / "dem.tif", [values], width=width, height=height, affine=affine, crs_wkt=crs, nodata=None)
    storage = storage_crs(srid)
    frame = Frame(geocentric(storage).operation, vertical_model(str(options.pop("vertical", "egm96")), [GRIDS]))
    sampler = GroundSampler.over([open_coverage(folder / "dem.tif")], storage)
    store = MemoryStore()
    target = TerrainTarget("t", "test", maximum_tiles=int(options.pop("maximum_tiles", MAXIMUM_TILES)))
    summary = build_terrain(sampler, frame, store, target, extent_deg=options.pop("extent", None))
    return Built(store, summary, values, affine, srid)


@pytest.fixture(scope="module")
def relief(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """1.9 × 1.5 km beside Changzhou: hills, a hole of no data, a corner cut off."""
    row, column = np.mgrid[0:150, 0:190]
    values = (30 + 12 * np.sin(column / 25) * np.cos(row / 18) + 0.05 * column).astype(np.float32)
    values[60:75, 80:110] = np.nan
    values[(row + column) < 40] = -9999
    folder = tmp_path_factory.mktemp("relief")
    return build(folder, values, (PIXEL_M, 0, X0, 0, -PIXEL_M, Y0), "EPSG:4549", 4549)


@functools.cache
def to_grid(crs: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(4326, crs, always_xy=True)


@functools.cache
def to_ecef() -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(4979, 4978, always_xy=True)


@functools.cache
def to_ellipsoid() -> pyproj.Transformer:
    add_grid_directories([GRIDS])
    return pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids=egm96_15.gtx +multiplier=1"
        " +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )


def expected_m(built: Built, lon: np.ndarray, lat: np.ndarray, crs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return bilinear H (NaN where it needs a void or outer pixel) and N by PROJ, at degrees."""
    x, y = to_grid(crs).transform(lon, lat)
    a, _, c, _, e, f = built.affine
    column, row = (x - c) / a - 0.5, (y - f) / e - 0.5
    values = np.where(built.values > -9000, built.values.astype(float), np.nan)
    rows, columns = values.shape
    inside = (column >= 0) & (column < columns - 1) & (row >= 0) & (row < rows - 1)
    i, j = np.where(inside, column, 0).astype(int), np.where(inside, row, 0).astype(int)
    s, t = column - i, row - j
    h = (values[j, i] * (1 - s) + values[j, i + 1] * s) * (1 - t) + (values[j + 1, i] * (1 - s) + values[j + 1, i + 1] * s) * t
    return np.where(inside, h, np.nan), np.asarray(to_ellipsoid().transform(lon, lat, np.zeros_like(lon))[2])


def deepest(built: Built) -> list[tuple[int, int, int]]:
    return sorted(k for k in built.tile_keys() if k[0] == built.summary.deepest_level)


def compare_with_dem(built: Built, crs: int, keys: list[tuple[int, int, int]]) -> tuple[int, float]:
    compared, worst = 0, 0.0
    for key in keys:
        tile = built.tile(*key)
        lon, lat = tile.lon_lat(*key)
        h, n = expected_m(built, lon, lat, crs)
        known = np.isfinite(h)
        compared += int(known.sum())
        worst = max(worst, float(np.abs(tile.h - (h + n))[known].max(initial=0)))
    return compared, worst


def test_vertices_lie_on_the_bilinear_dem_plus_n_at_every_level(relief: Built) -> None:
    compared, worst = compare_with_dem(relief, 4549, sorted(relief.tile_keys())[::2])
    assert compared > 15_000
    assert worst < 0.01


def test_the_summary_says_how_far_the_triangles_are_off(relief: Built) -> None:
    summary = relief.summary
    assert summary.spacing_m <= summary.resolution_m == pytest.approx(10, abs=0.01)
    assert not summary.coarser_than_coverage
    rng = np.random.default_rng(3)
    off = []
    for key in deepest(relief)[::7]:
        tile = relief.tile(*key)
        corners = rng.choice(len(tile.triangles), 200)
        u, v, h = (a[tile.triangles[corners]].mean(axis=1) for a in (tile.u, tile.v, tile.h))
        middle = Tile(**{**tile.__dict__, "u": u, "v": v, "h": h})
        lon, lat = middle.lon_lat(*key)
        expected, n = expected_m(relief, lon, lat, 4549)
        off.append(np.abs(h - expected - n))
    assert np.nanpercentile(np.concatenate(off), 95) < max(summary.deviation_p99_m, 0.01) < 0.05


def test_layer_json_lists_what_exists_and_nothing_else(relief: Built) -> None:
    listed = {
        (level, x, y)
        for level, ranges in enumerate(relief.layer["available"])
        for r in ranges
        for x in range(r["startX"], r["endX"] + 1)
        for y in range(r["startY"], r["endY"] + 1)
    }
    assert listed == relief.tile_keys()
    assert len(listed) == relief.summary.tiles
    assert {(0, 0, 0), (0, 1, 0)} <= listed
    expected = {"tilejson": "2.1.0", "format": "quantized-mesh-1.0", "scheme": "tms", "projection": "EPSG:4326"}
    assert expected.items() <= relief.layer.items()
    assert relief.layer["maxzoom"] == relief.summary.deepest_level


def test_every_tile_has_its_parent_and_its_siblings(relief: Built) -> None:
    keys = relief.tile_keys()
    for level, x, y in keys - {(0, 0, 0), (0, 1, 0)}:
        assert (level - 1, x // 2, y // 2) in keys
        assert {(level, x ^ 1, y), (level, x, y ^ 1)} <= keys


def edge_differences_m(built: Built) -> np.ndarray:
    """Return for each pair of neighbours by how much their shared vertices decode apart, at most."""
    tiles = {k: built.tile(*k) for k in built.tile_keys()}
    worst = []
    for (level, x, y), tile in tiles.items():
        for other, mine, theirs, along in (((level, x + 1, y), "east", "west", "v"), ((level, x, y + 1), "north", "south", "u")):
            if other in tiles:
                pairs = [
                    np.array(sorted(zip(getattr(t, along)[t.edges[e]], t.h[t.edges[e]], strict=True)))
                    for t, e in ((tile, mine), (tiles[other], theirs))
                ]
                assert np.array_equal(pairs[0][:, 0], pairs[1][:, 0])
                worst.append(np.abs(pairs[0][:, 1] - pairs[1][:, 1]).max())
    return np.array(worst)


def test_neighbours_decode_to_the_same_edges(relief: Built) -> None:
    worst = edge_differences_m(relief)
    assert worst.size > 100
    assert worst.max() < 0.001


def test_triangles_cover_each_tile_once_and_face_up(relief: Built) -> None:
    for key in list(relief.tile_keys())[::9]:
        tile = relief.tile(*key)
        assert tile.triangles.max() == len(tile.u) - 1
        (u0, u1, u2), (v0, v1, v2) = tile.u[tile.triangles].T, tile.v[tile.triangles].T
        doubled = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0)
        assert (doubled > 0).all()
        assert doubled.sum() == 2 * 32767**2
        for name, values, at in (("west", tile.u, 0), ("south", tile.v, 0), ("east", tile.u, 32767), ("north", tile.v, 32767)):
            assert set(tile.edges[name]) == set(np.flatnonzero(values == at))


def ecef(tile: Tile, key: tuple[int, int, int]) -> np.ndarray:
    lon, lat = tile.lon_lat(*key)
    return np.stack(to_ecef().transform(lon, lat, tile.h), axis=1)


def test_header_encloses_the_vertices(relief: Built) -> None:
    for key in list(relief.tile_keys())[::5]:
        tile = relief.tile(*key)
        points = ecef(tile, key)
        assert np.linalg.norm(points - tile.sphere[:3], axis=1).max() <= tile.sphere[3]
        assert np.linalg.norm(points - tile.centre, axis=1).min() <= tile.sphere[3]
        assert tile.minimum_m <= tile.h.min()
        assert tile.h.max() <= tile.maximum_m
        assert tile.sphere[3] < 180 / 2 ** key[0] * 111_320  # tight: not wider than a tile's side


def test_nothing_visible_is_culled_by_the_horizon(relief: Built) -> None:
    axes = np.array([6378137.0, 6378137.0, 6356752.314245179])
    rng = np.random.default_rng(5)
    for key in [k for k in relief.tile_keys() if k[0] >= 2][::5]:
        tile = relief.tile(*key)
        points = ecef(tile, key) / axes
        for _ in range(40):
            camera = rng.normal(size=3)
            camera *= rng.uniform(1.0001, 4) / np.linalg.norm(camera)
            if (~_behind_horizon(camera, points)).any():
                assert not _behind_horizon(camera, np.array([tile.occlusion_point]))[0]


def _behind_horizon(camera: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return which points of scaled space the unit sphere hides from ``camera`` (plane test and cone test)."""
    to_points, horizon2 = points - camera, camera @ camera - 1
    ahead = -(to_points @ camera)
    return (ahead > horizon2) & (ahead**2 > horizon2 * (to_points**2).sum(axis=1))


def test_outside_the_dem_the_ground_fades_to_the_geoid_without_a_cliff(relief: Built) -> None:
    wide = [k for k in relief.tile_keys() if k[0] == 12]
    far, border = [], []
    for key in wide:
        tile = relief.tile(*key)
        lon, lat = tile.lon_lat(*key)
        _, n = expected_m(relief, lon, lat, 4549)
        x, y = to_grid(4549).transform(lon, lat)
        outside = np.maximum(np.maximum(X0 - x, x - X0 - 1900), np.maximum(Y0 - 1500 - y, y - Y0))
        far.append(np.abs(tile.h - n)[outside > 5100])
        edges = np.concatenate([tile.triangles[:, [0, 1]], tile.triangles[:, [1, 2]]])
        run = np.hypot(x[edges[:, 0]] - x[edges[:, 1]], y[edges[:, 0]] - y[edges[:, 1]])
        border.append(np.abs(tile.h[edges[:, 0]] - tile.h[edges[:, 1]]) / run)
    assert np.concatenate(far).size > 100
    assert np.concatenate(far).max() < 0.02
    assert np.concatenate(border).max() < 0.6  # the steepest slope of the hills themselves is 0.59


def test_voids_are_closed_without_a_step(relief: Built) -> None:
    lowest = np.nanmin(np.where(relief.values > -9000, relief.values, np.nan))
    steepest = 0.0
    for key in deepest(relief):
        tile = relief.tile(*key)
        lon, lat = tile.lon_lat(*key)
        _, n = expected_m(relief, lon, lat, 4549)
        x, y = to_grid(4549).transform(lon, lat)
        hole = (x > X0 + 800) & (x < X0 + 1100) & (y < Y0 - 600) & (y > Y0 - 750)
        assert np.isfinite(tile.h).all()
        if hole.any():
            assert (tile.h - n)[hole].min() > lowest - 0.2
            edges = tile.triangles[hole[tile.triangles].any(axis=1)][:, [0, 1]]
            run = np.hypot(x[edges[:, 0]] - x[edges[:, 1]], y[edges[:, 0]] - y[edges[:, 1]])
            steepest = max(steepest, float((np.abs(tile.h[edges[:, 0]] - tile.h[edges[:, 1]]) / run).max(initial=0)))
    assert 0 < steepest < 3  # halves of the hole filled from either side meet; no spike of the void's mark


def test_normals_follow_the_triangles(relief: Built) -> None:
    key = deepest(relief)[len(deepest(relief)) // 2]
    tile = relief.tile(*key)
    assert tile.normals is not None
    a, b, c = ecef(tile, key)[tile.triangles].transpose(1, 0, 2)
    faces = np.cross(b - a, c - a)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    off = np.degrees(np.arccos(np.clip((faces * tile.normals[tile.triangles].mean(axis=1)).sum(axis=1), -1, 1)))
    assert np.percentile(off, 95) < 3
    assert np.allclose(np.linalg.norm(tile.normals, axis=1), 1)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    values = np.full((20, 20), 4.0, np.float32)
    builds = [build(tmp_path, values, (30, 0, X0, 0, -30, Y0), "EPSG:4549", 4549).store for _ in range(2)]
    assert builds[0] == builds[1]


def test_a_flat_dem_on_a_half_step_has_no_crack(tmp_path: Path) -> None:
    # 10.0078125 m lies halfway between two edge steps: rounding noise once decided which way each tile went.
    values = np.full((60, 60), 10.0078125, np.float32)
    built = build(tmp_path, values, (30, 0, X0, 0, -30, Y0), "EPSG:4549", 4549, vertical="none")
    assert any((np.abs(built.tile(*key).h - 10.0078125) < 0.001).any() for key in deepest(built))
    assert edge_differences_m(built).max() < 0.001


def test_mountains_keep_the_tolerance(tmp_path: Path) -> None:
    row, column = np.mgrid[0:120, 0:120]
    values = (500 + 12.0 * column + 15.0 * row).astype(np.float32)  # 3.2 km of relief, 0.6 steep
    built = build(tmp_path, values, (30, 0, X0, 0, -30, Y0), "EPSG:4549", 4549)
    compared, worst = compare_with_dem(built, 4549, deepest(built)[::3])
    assert compared > 1000
    assert worst < 0.05


def test_the_limit_of_tiles_is_kept_and_told(tmp_path: Path) -> None:
    built = build(tmp_path, np.zeros((500, 500), np.float32), (5, 0, X0, 0, -5, Y0), "EPSG:4549", 4549, maximum_tiles=150)
    assert built.summary.tiles <= 150
    assert built.summary.coarser_than_coverage


def test_detail_is_kept_to_the_city(tmp_path: Path) -> None:
    values = np.zeros((400, 400), np.float32)
    whole = build(tmp_path, values, (30, 0, X0, 0, -30, Y0), "EPSG:4549", 4549)
    city = build(tmp_path, values, (30, 0, X0, 0, -30, Y0), "EPSG:4549", 4549, extent=(119.99, 31.78, 120.0, 31.79))
    assert city.summary.tiles < whole.summary.tiles
    assert city.summary.extent_deg == (119.99, 31.78, 120.0, 31.79)


def real_dem(read: Callable[[], Path]) -> tuple[np.ndarray, tuple[float, ...], str, float | None]:
    with rasterio.open(read()) as source:
        return source.read(1).astype(np.float32), tuple(source.transform)[:6], source.crs.to_wkt(), source.nodata


@pytest.mark.parametrize(("name", "srid", "crs"), [("dtm.tif", 26918, 26918), ("dem.tif", 26914, 4326), ("N49E011.hgt.zip", 25832, 4326)])
def test_real_dems_within_5_cm(tmp_path: Path, real_data: Path, name: str, srid: int, crs: int) -> None:
    source = real_data / "raster-dem" / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            archive.extract("N49E011.hgt", tmp_path)
        source = tmp_path / "N49E011.hgt"
    values, affine, wkt, _ = real_dem(lambda: source)
    extent = (11.0, 49.4, 11.2, 49.5) if name.endswith(".zip") else None
    built = build(tmp_path, values, affine, wkt, srid, extent=extent, maximum_tiles=400)
    compared, worst = compare_with_dem(built, crs, deepest(built)[::17])
    assert compared > 5_000
    assert worst < 0.05
