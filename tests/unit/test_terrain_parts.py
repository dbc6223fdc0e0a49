"""The parts of the terrain builder: pyramid, lattice, the nearest heights, the fitted surface."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiles.memory_store import MemoryStore
from tiles.terrain import TerrainTarget, build_terrain, warm_terrain_kernels
from tiles.terrain_index import Entry, MadeFrom, TerrainIndex, read_index
from tiles.terrain_kernels import enclosing, lattice_heights, nearest_known, oct_normals, zigzag_delta
from tiles.terrain_levels import rectangles
from tiles.terrain_mesh import EDGE_STEP_M, quantise_heights
from tiles.terrain_places import BlockPlaces, block_of
from tiles.terrain_pyramid import INTERVALS, covering, level_for_spacing, posts_deg, spacing_m, tile_size_deg
from tiles.terrain_surface import FADE_M, GroundSurface, ground_surface
from twin.crs import geocentric, storage_crs
from twin.heights import Frame, GroundSampler, open_coverage, vertical_model, write_coverage


@settings(deadline=None)
@given(st.integers(1, 20), st.floats(-179, 179), st.floats(-89, 89), st.floats(1e-4, 1), st.floats(1e-4, 1))
def test_covering_tiles_cover_and_come_as_siblings(level: int, west: float, south: float, width: float, height: float) -> None:
    tiles, size = covering(level, (west, south, west + width, south + height)), tile_size_deg(level)
    assert tiles.start_x * size - 180 <= west + 1e-9
    assert tiles.start_y * size - 90 <= south + 1e-9
    assert (tiles.end_x + 1) * size - 180 >= west + width - 1e-9
    assert (tiles.end_y + 1) * size - 90 >= south + height - 1e-9
    assert (tiles.start_x % 2, tiles.start_y % 2, tiles.end_x % 2, tiles.end_y % 2) == (0, 0, 1, 1)
    assert (tiles.end_x - tiles.start_x) * size < width + 4 * size


@settings(deadline=None)
@given(st.floats(0.1, 1000))
def test_the_first_level_fine_enough_is_taken(wanted_m: float) -> None:
    level = level_for_spacing(wanted_m)
    assert spacing_m(level) <= wanted_m
    assert level == 0 or spacing_m(level - 1) > wanted_m


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(0, 1 << 20))
def test_a_line_that_two_tiles_share_has_the_same_bits(level: int, tile: int) -> None:
    mine, next_one = posts_deg(tile, tile, level, -180.0), posts_deg(tile + 1, tile + 1, level, -180.0)
    assert mine.size == INTERVALS + 3
    assert mine[INTERVALS + 1] == next_one[1]
    assert mine[INTERVALS] == next_one[0]  # the line beyond the edge is the neighbour's own, so normals agree as well
    assert np.array_equal(posts_deg(tile, tile + 3, level, -180.0)[: INTERVALS + 3], mine)
    assert (np.diff(mine) > 0).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(-400, 8500), st.floats(0, 5000), st.integers(0, 2**32 - 1))
def test_quantised_heights_decode_within_half_a_step(base: float, relief: float, seed: int) -> None:
    heights = base + relief * np.random.default_rng(seed).random((INTERVALS + 1, INTERVALS + 1))
    found = quantise_heights(heights)
    low, high = struct.unpack("<2f", struct.pack("<2f", found.minimum_m, found.maximum_m))
    assert (low, high) == (found.minimum_m, found.maximum_m)  # exact in float32
    decoded = low + found.values / 32767 * (high - low)
    assert found.values.min() >= 0
    assert found.values.max() <= 32767
    step = (high - low) / 32767
    assert np.abs(decoded - heights)[1:-1, 1:-1].max() <= step / 2 + 1e-5
    assert np.abs(decoded - heights).max() <= max(step, EDGE_STEP_M) / 2 + 1e-5
    assert step <= max(2 * (relief + 1) / 32767, 2**-9)
    if relief < 500:
        edge = np.concatenate([decoded[0], decoded[-1], decoded[:, 0], decoded[:, -1]])
        assert np.abs(edge / EDGE_STEP_M - np.round(edge / EDGE_STEP_M)).max() < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_nearest_known_node_is_found_whatever_lies_farther_off(rows: int, columns: int, seeds: int, reach: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.zeros((rows, columns), np.bool_)
    known[rng.integers(0, rows, seeds), rng.integers(0, columns, seeds)] = True
    j, i = np.nonzero(known)
    expected = np.full((rows, columns), -1)
    for y, x in np.ndindex(rows, columns):
        there = (np.abs(j - y) <= reach) & (np.abs(i - x) <= reach)
        ranked = sorted(((b - x) ** 2 + (a - y) ** 2, b, abs(a - y), a) for a, b in zip(j[there].tolist(), i[there].tolist(), strict=True))
        if ranked:
            expected[y, x] = ranked[0][3] * columns + ranked[0][1]
    assert np.array_equal(nearest_known(known, reach), expected)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1))
def test_rectangles_hold_each_tile_once(tiles: set[tuple[int, int]]) -> None:
    codes = np.array(sorted(y << 22 | x for x, y in tiles))
    found = [(x, y) for r in rectangles(5, codes) for y in range(r.start_y, r.end_y + 1) for x in range(r.start_x, r.end_x + 1)]
    assert sorted(found) == sorted(tiles)


def test_an_index_is_read_back_whatever_bytes_its_digests_end_with() -> None:
    entries = [
        Entry(20, 2**21 - 1, 2**20 - 1, MadeFrom(b"a" * 14 + b"\0\0", b"\0" * 16), b"h" * 15 + b"\0", 7, carried=True),
        Entry(0, 1, 0, MadeFrom(b"n" * 16, b"a" * 16), b"x" * 16, 0, carried=False),
    ]
    read = read_index(TerrainIndex(b"m" * 16, entries).to_bytes())
    assert read.made_by == b"m" * 16
    assert sorted(read, key=lambda e: -e.level) == entries


def test_half_a_globe_is_never_culled() -> None:
    lon, lat = np.meshgrid(np.radians(np.linspace(0, 180, 65)), np.radians(np.linspace(-90, 90, 65)))
    x, y, z = 6378137 * np.cos(lat) * np.cos(lon), 6378137 * np.cos(lat) * np.sin(lon), 6356752 * np.sin(lat)
    found = enclosing(x, y, z)
    assert np.isfinite(found).all()
    assert np.linalg.norm(found[4:]) > 100


def test_normals_of_level_ground_point_up_everywhere() -> None:
    lon, lat = np.radians(np.linspace(-179, 179, 40)), np.radians(np.linspace(-89, 89, 30))
    codes = oct_normals(lon, lat, np.full((30, 40), 7.0)).astype(float) / 255 * 2 - 1
    x, y = codes[..., 0], codes[..., 1]
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.maximum(-z, 0)
    vectors = np.stack([x - np.sign(x) * fold, y - np.sign(y) * fold, z], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    up_lon, up_lat = np.meshgrid(lon[1:-1], lat[1:-1])
    up = np.stack([np.cos(up_lat) * np.cos(up_lon), np.cos(up_lat) * np.sin(up_lon), np.sin(up_lat)], axis=-1)
    assert np.degrees(np.arccos(np.clip((vectors * up).sum(axis=-1), -1, 1))).max() < 1.0


@pytest.fixture
def surface(tmp_path: Path) -> GroundSurface:
    row, column = np.mgrid[0:300, 0:300]
    values = (20 + 5 * np.sin(column / 9) * np.cos(row / 7)).astype(np.float32)
    write_coverage(
        tmp_path / "a.tif", [values], width=300, height=300, affine=(5, 0, 495_000, 0, -5, 3_521_500), crs_wkt="EPSG:4549", nodata=None
    )
    storage = storage_crs(4549)
    return ground_surface(
        GroundSampler.over([open_coverage(tmp_path / "a.tif")], storage),
        Frame(geocentric(storage).operation, vertical_model("none")),
    )


def test_the_fitted_grid_equals_the_exact_one(surface: GroundSurface) -> None:
    level = 14
    x, y = (int((at + offset) / tile_size_deg(level)) for at, offset in ((surface.extent_deg[0], 180), (surface.extent_deg[1], 90)))
    block = block_of(level, x // 8 * 8, y // 8 * 8, 8)
    places = BlockPlaces(surface, block)
    rows, columns = block.window(x, y)
    exact = surface.exact(block.lon_deg[columns], block.lat_deg[rows])
    assert np.abs(places.places(rows, columns) - exact).max() < 1e-4
    assert np.abs(places.corners(x, y)[:, 0] - exact[:, 1, 1]).max() < 1e-4


def test_the_border_is_continuous_and_fades_to_zero(surface: GroundSurface) -> None:
    y = np.full(4000, 3_520_700.0)
    x = 495_000 - np.linspace(-20, FADE_M + 50, 4000)
    heights, _ = surface.heights_m(np.stack([x, y, *surface.sampler.positions(x, y)]), None, None)
    assert np.abs(np.diff(heights)).max() < 0.6 * 1.3  # 1.27 m between points, slope of the relief below 0.56
    assert heights[-1] == 0
    assert heights[2000] == pytest.approx(heights[100] / 2, rel=0.2)


def test_beyond_the_reach_and_around_the_globe_it_is_zero(surface: GroundSurface) -> None:
    assert not surface.grid_m(np.linspace(-180, 180, 65), np.linspace(-90, 90, 65))[0].any()


def test_warming_compiles_what_a_build_needs(surface: GroundSurface) -> None:
    compiled = (lattice_heights, zigzag_delta, enclosing, oct_normals, nearest_known)
    warm_terrain_kernels()
    before = [set(k.signatures) for k in compiled]
    build_terrain(surface.sampler, surface.frame, MemoryStore(), TerrainTarget("t", "test", maximum_tiles=200))
    assert [set(k.signatures) for k in compiled] == before
