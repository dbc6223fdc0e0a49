"""The build as a whole: pure in the features, content-addressed, nothing lost, the revision's file last."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pyproj
import pytest
import shapely

from bench.building_columns import columns_of
from bench.workload import make_buildings
from tests.tile_features import BUILDING, NODE, PIPE, buildings, feature_type, features, footprints, numbers, to_geocentric
from tiles.bounds import Region, geodetic, region_of
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset, left_out_features
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.columns import FeatureColumns, NumberColumn, TextColumn, concatenate, offsets_of
from tiles.glb import OUTLINE, Encoding
from tiles.local_frame import RESIDUAL_LIMIT_M, fit_projection
from tiles.memory_store import MemoryStore
from tiles.mesh.batch import LeftOut
from tiles.node_store import NodeStore
from tiles.recipes import RecipeError, recipe_for
from tiles.shared_fits import SharedFits
from tiles.tileset import ContentRef, Tile, pointing_tileset, revision_tileset, tile
from tiles.tiling import Budget
from tiles.wkb import read_wkb
from tiles.workers import ThreadWorkers, Workers
from twin.featuretypes.loader import load_feature_types

SMALL = BuildOptions(budget=Budget(3_000, 30_000))


def build(
    run: FeatureColumns, revision: int = 1, options: BuildOptions = SMALL, workers: Workers | None = None
) -> tuple[dict[str, bytes], TilesetSummary]:
    store, target = MemoryStore(), TilesetTarget("b", revision, "open", "2.25.9.2.1.")
    return store, build_tileset([run], BUILDING, to_geocentric, target, store, options=options, workers=workers)


def rows(run: FeatureColumns, index: np.ndarray) -> FeatureColumns:
    """The features ``index`` of a run, in that order."""

    def column(c: TextColumn | NumberColumn) -> TextColumn | NumberColumn:
        if isinstance(c, NumberColumn):
            return NumberColumn(c.values[index], c.valid[index])
        texts = c.texts()
        return TextColumn.from_texts(texts[i] for i in index.tolist())

    pieces = [run.wkb[run.wkb_offsets[i] : run.wkb_offsets[i + 1]] for i in index.tolist()]
    lengths = np.array([len(p) for p in pieces], np.int64)
    wkb = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
    return FeatureColumns(run.fid[index], wkb, offsets_of(lengths), {k: column(v) for k, v in run.columns.items()})


def contents(store: dict[str, bytes]) -> dict[str, bytes]:
    return {k: v for k, v in store.items() if "/r/" not in k}


def test_bytes_depend_on_the_features_alone() -> None:
    """Neither the order of input, nor the batches, nor the number of workers, nor the revision shows in a content."""
    run = buildings(500)
    first, _ = build(run)
    shuffled = rows(run, np.random.default_rng(1).permutation(500))
    with ThreadWorkers(1) as alone:
        again, _ = build(shuffled, revision=2, workers=alone)
    assert contents(first) == contents(again)
    halves = [rows(run, np.arange(0, 250)), rows(run, np.arange(250, 500))]
    assert contents(build(concatenate(halves))[0]) == contents(first)
    assert first["tiles/b/open/r/1/tileset.json"] != again["tiles/b/open/r/2/tileset.json"]


def test_features_in_are_features_drawn_and_listed() -> None:
    shapes = [*footprints(20), shapely.MultiPolygon(), shapely.to_wkb(footprints(1)[0])[:-3], shapely.box(9e7, 0, 9e7 + 5, 5)]
    height = [10.0] * 18 + [None, 99_999.0] + [10.0] * 3
    run = features(shapes, {"height_m": numbers(height), "base_height_m": numbers([5.0] * 23)}, first_fid=100)
    store, summary = build(run)
    assert summary.features == 23
    assert summary.drawn == 18
    listed = left_out_features(NodeStore(store, "b", "open"), summary.tree)
    assert sum(summary.left_out.values()) == len(listed)
    assert listed == [
        (118, LeftOut.HEIGHT_MISSING),
        (119, LeftOut.HEIGHT_ABSURD),
        (120, LeftOut.GEOMETRY_EMPTY),
        (121, LeftOut.GEOMETRY_UNREADABLE),
        (122, LeftOut.OUTSIDE_CRS),
    ]
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/b/{k}"]), "1/tileset.json@open") == []


WITHOUT_HEIGHT = features(footprints(5), {"height_m": numbers([None] * 5), "base_height_m": numbers([5.0] * 5)})


@pytest.mark.parametrize(
    "run", [features([], {}), features([shapely.MultiPolygon()], {}), WITHOUT_HEIGHT], ids=["no_rows", "nothing_drawable", "no_height"]
)
def test_a_dataset_that_shows_nothing_has_a_valid_tileset(run: FeatureColumns) -> None:
    store, summary = build(run)
    assert (summary.drawn, summary.contents, summary.region) == (0, 0, None)
    read = dataset_reader(lambda k: store[f"tiles/b/{k}"])
    assert check_tileset(read, "1/tileset.json@open") == []
    assert "statistics" not in orjson.loads(read("1/tileset.json@open"))  # the published validator refuses those of nothing


def test_the_revision_is_put_last_and_progress_reaches_the_end() -> None:
    store = MemoryStore()
    seen: list[tuple[int, int]] = []
    build_tileset(
        [buildings(800)],
        BUILDING,
        to_geocentric,
        TilesetTarget("b", 4, "open", "2.25.9.2.1."),
        store,
        lambda done, total: seen.append((done, total)),
        SMALL,
    )
    assert list(store)[-1] == "tiles/b/open/r/4/tileset.json"
    assert seen[-1] == (800, 800)
    assert [a for a, _ in seen] == sorted(a for a, _ in seen)


def quadrants(level: int, west: float, south: float, put_tree: Callable[[bytes], str]) -> Tile:
    """A full quadtree over one radian square, each leaf with a content named by its corner."""
    side = 0.5**level
    if level == 6:
        region = Region(west, south, west + side, south + side, 0.0, 10.0)
        return tile(ContentRef(f"{west:.6f}_{south:.6f}", region), [], 0.0, put_tree)
    half = side / 2
    corners = [(west, south), (west + half, south), (west, south + half), (west + half, south + half)]
    return tile(None, [quadrants(level + 1, *corner, put_tree) for corner in corners], None, put_tree)


def test_a_large_tree_is_cut_into_files_below_200_kilobytes() -> None:
    files: dict[str, bytes] = {}

    def put_tree(body: bytes) -> str:
        files[f"open/t/{len(files)}.json"] = body
        return str(len(files) - 1)

    files["1/tileset.json"] = revision_tileset(quadrants(0, 0.0, 0.0, put_tree), "open", {})
    assert len(files) > 4
    assert max(map(len, files.values())) < 200_000
    missing = [p.message for p in check_tileset(files.__getitem__, "1/tileset.json") if p.code == "CONTENT_MISSING"]
    assert len(set(missing)) == 4**6
    assert {p.code for p in check_tileset(files.__getitem__, "1/tileset.json")} == {"CONTENT_MISSING"}


def test_contents_keep_to_their_budget() -> None:
    store, summary = build(buildings(4_000), options=BuildOptions())
    sizes = [len(v) for k, v in store.items() if k.endswith(".glb")]
    assert max(sizes) < 300_000
    assert summary.content_bytes + summary.far_bytes == sum(sizes)


def test_a_block_with_seven_attributes_takes_at_most_320_bytes_near() -> None:
    """The benchmark's in full leaves, as nearly all of a large city are; what shows them from afar comes beside."""
    store, drawn = MemoryStore(), 12_000
    building = load_feature_types()["building"]
    batches = columns_of(make_buildings(drawn))
    summary = build_tileset(batches, building, to_geocentric, TilesetTarget("b", 1, "open", "2.25.9.2.1."), store)
    assert summary.drawn == drawn
    leaves = [
        (table_of(glb)["count"], len(glb)) for key, glb in store.items() if key.endswith(".glb") and table_of(glb)["class"] == "building"
    ]
    assert sum(size for _, size in leaves) == summary.content_bytes
    full = np.array([leaf for leaf in leaves if leaf[0] > 480])
    assert full[:, 0].sum() > drawn / 2
    assert full[:, 1].sum() / full[:, 0].sum() <= 318


def table_of(glb: bytes) -> dict[str, Any]:
    """Return the first property table of a content."""
    document = orjson.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    return dict(document["extensions"]["EXT_structural_metadata"]["propertyTables"][0])


def test_one_feature_of_more_than_64k_vertices_is_drawn_in_several_primitives() -> None:
    shape = shapely.force_3d(shapely.MultiPolygon([shapely.Point(500_000, 3_520_000).buffer(150, quad_segs=4_000)]))
    store, summary = build(features([shape], {"height_m": numbers([12.0]), "base_height_m": numbers([3.0])}))
    assert summary.drawn == 1
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/b/{k}"]), "1/tileset.json@open") == []
    glb = next(v for k, v in store.items() if k.endswith(".glb"))
    document = orjson.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    assert len(document["meshes"]) == 2


def test_positions_stay_within_five_millimetres_however_far_apart_features_are() -> None:
    near, far = build(buildings(100), options=BuildOptions()), build(buildings(100, spacing_m=500), options=BuildOptions())
    assert 0 < near[1].accuracy["position_error_m"] <= 0.005
    assert 0 < far[1].accuracy["position_error_m"] <= 0.005
    assert b'"scale"' in next(v for k, v in near[0].items() if k.endswith(".glb"))
    assert b"EXPONENTIAL" in next(v for k, v in far[0].items() if k.endswith(".glb"))


def test_buildings_near_have_outlines_where_they_are_asked_for_and_blocks_far_away_never() -> None:
    store, summary = build(buildings(200), options=BuildOptions(budget=SMALL.budget, encoding=Encoding(outlines=True)))
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/b/{k}"]), "1/tileset.json@open") == []
    glbs = [v for k, v in store.items() if k.endswith(".glb")]
    assert sum(OUTLINE.encode() in glb for glb in glbs) == summary.contents > 1
    assert len(glbs) == summary.contents + summary.far_contents > summary.contents


def test_the_current_tileset_points_to_the_revision() -> None:
    store, _ = build(buildings(200), revision=7)
    pointer = pointing_tileset(store["tiles/b/open/r/7/tileset.json"], "7/tileset.json")
    files = {"tileset.json": pointer} | {k.removeprefix("tiles/b/"): v for k, v in store.items()}
    files["7/tileset.json"] = store["tiles/b/open/r/7/tileset.json"]
    assert check_tileset(files.__getitem__) == []
    assert orjson.loads(pointer)["root"]["content"]["uri"] == "7/tileset.json"


def test_a_type_without_a_3d_form_is_refused() -> None:
    flat = feature_type("plan", "MultiPolygon", "drape", {}, ())
    with pytest.raises(RecipeError):
        build_tileset([features([], {})], flat, to_geocentric, TilesetTarget("p", 1, "open", "1."), MemoryStore())


def test_a_diameter_in_millimetres_is_one_in_metres() -> None:
    run = features([shapely.Point(500_000, 3_520_000, 5)], {"depth_m": numbers([2.0]), "well_diameter_mm": numbers([1500.0])})
    store = MemoryStore()
    summary = build_tileset([run], NODE, to_geocentric, TilesetTarget("n", 1, "open", "1."), store)
    assert summary.region is not None
    east_west = (summary.region.east_rad - summary.region.west_rad) * 6_378_137 * np.cos(summary.region.south_rad)
    assert east_west == pytest.approx(1.5 + 2 * 0.01, abs=0.02)


def exact(positions: np.ndarray) -> np.ndarray:
    return np.column_stack(to_geocentric(*positions.T))


@pytest.mark.parametrize("width_m", [50, 1_000, 20_000])
def test_the_fit_is_exact_to_a_tenth_of_a_millimetre(width_m: float) -> None:
    rng = np.random.default_rng(2)
    positions = np.column_stack(
        [rng.uniform(480_000, 480_000 + width_m, 500), rng.uniform(3.5e6, 3.5e6 + width_m, 500), rng.uniform(-20, 300, 500)]
    )
    projection = fit_projection(to_geocentric, positions)
    found = projection.frame.to_ecef(projection.project(positions)[0])
    assert np.abs(found - exact(positions)).max() < 1e-4
    assert projection.coefficients is not None
    assert projection.residual_m < 1e-4


@pytest.mark.parametrize("height_m", [0.0, 3_650.0])
def test_a_shared_fit_is_as_exact_and_leaves_no_trace_of_who_shares_it(height_m: float) -> None:
    """Contents anywhere in a block, over its edges and above it; the same numbers whatever was asked before."""
    rng = np.random.default_rng(5)
    fits = SharedFits(to_geocentric)
    for width_m in (5, 400, 1_000, 6_000):
        corner = np.array([rng.uniform(480_000, 500_000), rng.uniform(3.5e6, 3.52e6), height_m])
        positions = corner + rng.uniform(0, 1, (300, 3)) * [width_m, width_m, 90.0]
        projection = fits.over(positions)
        local, region = projection.project(positions)
        assert np.abs(projection.frame.to_ecef(local) - exact(positions)).max() < 1e-4
        np.testing.assert_allclose(projection.frame.axes.T @ projection.frame.axes, np.eye(3), atol=1e-12)
        assert np.abs(local).max() < width_m + 90
        fresh, same_region = SharedFits(to_geocentric).over(positions).project(positions)
        np.testing.assert_array_equal(local, fresh)
        assert region == same_region
        assert region.encloses(region_of(exact(positions), 0.0))


def test_a_block_with_a_kink_leaves_its_contents_fits_of_their_own() -> None:
    def kinked(e: np.ndarray, n: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return to_geocentric(e, n, h + np.maximum(e - 500_000, 0) * 1e-3)

    rng = np.random.default_rng(2)
    for east, is_fit in ((498_000.0, True), (499_900.0, False)):
        positions = np.array([east, 3.5e6, 0.0]) + rng.uniform(0, 1, (300, 3)) * [200.0, 200.0, 9.0]
        projection = SharedFits(kinked).over(positions)
        assert (projection.coefficients is not None) == is_fit
        found = projection.frame.to_ecef(projection.project(positions)[0])
        assert np.abs(found - np.column_stack(kinked(*positions.T))).max() < 1e-4


@pytest.mark.parametrize("period_m", [64.0, 128.0, 256.0])
def test_waves_that_fit_into_a_block_many_times_are_seen_by_its_fit(period_m: float) -> None:
    """Once the fit was measured on a grid that stood at the same place in all waves of 128 m: 20 mm off, its residual said 0."""

    def waved(e: np.ndarray, n: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        block = 0.02 * np.sin(2 * np.pi * e / period_m) * np.sin(2 * np.pi * n / period_m)
        return to_geocentric(e, n, h + block)

    positions = np.array([498_000.0, 3.5e6, 0.0]) + np.random.default_rng(2).uniform(0, 1, (300, 3)) * [200.0, 200.0, 9.0]
    projection = SharedFits(waved).over(positions)
    found = projection.frame.to_ecef(projection.project(positions)[0])
    assert np.abs(found - np.column_stack(waved(*positions.T))).max() < RESIDUAL_LIMIT_M


def test_a_kink_in_the_geoid_sends_every_vertex_through_the_exact_function() -> None:
    def kinked(e: np.ndarray, n: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return to_geocentric(e, n, h + np.maximum(e - 500_000, 0) * 1e-3)

    rng = np.random.default_rng(2)
    positions = np.column_stack([rng.uniform(499_500, 500_500, 300), rng.uniform(3.5e6, 3.501e6, 300), rng.uniform(0, 9, 300)])
    projection = fit_projection(kinked, positions)
    assert projection.coefficients is None
    found = projection.frame.to_ecef(projection.project(positions)[0])
    assert np.abs(found - np.column_stack(kinked(*positions.T))).max() < RESIDUAL_LIMIT_M


@pytest.mark.parametrize("undefined", [np.nan, np.inf])
def test_features_where_the_crs_is_not_defined_are_listed_and_the_others_drawn(undefined: float) -> None:
    def partial(e: np.ndarray, n: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, y, z = to_geocentric(e, n, h)
        return np.where(e > 497_050, undefined, x), y, z

    store = MemoryStore()
    run = buildings(16)
    summary = build_tileset([run], BUILDING, partial, TilesetTarget("b", 1, "open", "1."), store)
    assert (summary.drawn, summary.left_out) == (8, {LeftOut.OUTSIDE_CRS: 8})
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/b/{k}"]), "1/tileset.json@open") == []


def test_pipes_at_the_no_data_elevation_are_listed_and_the_others_drawn() -> None:
    """The sewers of Rotterdam carry Z = -9999 where nobody measured: once drawn ten kilometres below the city."""
    lines = [
        shapely.LineString([(500_000 + 30 * i, 3_520_000, z), (500_020 + 30 * i, 3_520_000, 2.0)])
        for i, z in enumerate([2.5, -9999.0, 2.0])
    ]
    run = features(lines, {"outer_diameter_mm": numbers([400.0] * 3)})
    summary = build_tileset([run], PIPE, to_geocentric, TilesetTarget("p", 1, "open", "1."), MemoryStore())
    assert summary.left_out == {LeftOut.ELEVATION_ABSURD: 1}
    assert summary.drawn == 2


@pytest.mark.parametrize(
    ("axis", "wrong", "reason"),
    [(2, z, LeftOut.ELEVATION_ABSURD) for z in (-9999.0, 1e6, 1e12, -1e30, 3.4e38, 1e200)]
    + [(axis, wrong, LeftOut.OUTSIDE_CRS) for axis in (0, 1) for wrong in (7.2e5, 1.5e7, 1e12, 1e30, 1e200)],
)
@pytest.mark.parametrize("has_bend", [True, False])
def test_a_pipe_with_one_wrong_number_is_listed_and_the_others_drawn(axis: int, wrong: float, reason: LeftOut, has_bend: bool) -> None:
    """The line was to be divided into four thousand million pieces, and the build ended for want of memory."""
    lines = [
        [(500_000.0 + 30 * i, 3_520_000.0, 2.0), (500_010.0 + 30 * i, 3_520_005.0, 2.0), (500_020.0 + 30 * i, 3_520_000.0, 2.0)]
        for i in range(4)
    ]
    bent = np.array(lines[1])
    bent[1, axis] = wrong
    if axis < 2:  # about the middle of the grid, else it has no place at all
        bent[0, axis] = bent[2, axis] = -wrong
    shapes = [shapely.LineString(line) for line in lines]
    shapes[1] = shapely.LineString(bent if has_bend else bent[:2])
    run = features(shapes, {"outer_diameter_mm": numbers([400.0] * 4)})
    store = MemoryStore()
    summary = build_tileset([run], PIPE, to_geocentric, TilesetTarget("p", 1, "open", "1."), store)
    assert summary.left_out == {reason: 1}
    assert summary.drawn == 3
    assert check_tileset(dataset_reader(lambda k: store[f"tiles/p/{k}"]), "1/tileset.json@open") == []


@pytest.mark.parametrize("length_m", [150.0, 460.0, 20_000.0, 290_000.0])
def test_a_long_pipe_counts_for_what_is_drawn_of_it(length_m: float) -> None:
    """A pipe of one wrong digit was drawn with 64,060 vertices and counted for 62: many of them would have filled the memory of a part."""
    at = (500_000.0, 3_520_000.0, 2.0)
    line = shapely.LineString([at, (at[0] + 10, at[1] - length_m, 2.0), (at[0] + 20, *at[1:])])
    run = features([line], {"outer_diameter_mm": numbers([400.0])})
    geometries, recipe = read_wkb(run.wkb, run.wkb_offsets), recipe_for(PIPE, run)
    drawn = len(recipe.mesh(geometries, np.arange(1)).positions)
    assert 0.8 * drawn <= recipe.vertices(geometries)[0] <= 1.2 * drawn


def test_up_is_up_and_grid_east_is_to_the_right() -> None:
    positions = np.array([[500_000.0, 3.52e6, 0.0], [500_100.0, 3.52e6, 0.0], [500_000.0, 3.5201e6, 0.0], [500_000.0, 3.52e6, 100.0]])
    local = fit_projection(to_geocentric, positions).project(positions)[0]
    steps = local[1:] - local[0]
    assert np.abs(steps - np.diag([100.0, 100.0, 100.0])).max() < 0.05


@pytest.mark.parametrize(("lon", "lat", "h"), list(itertools.product([-170.0, 0.0, 119.974], [-80.0, 0.0, 31.811], [-200.0, 0.0, 9_000.0])))
def test_geodetic_is_the_inverse_of_proj(lon: float, lat: float, h: float) -> None:
    ecef = pyproj.Transformer.from_pipeline("+proj=cart +ellps=WGS84").transform(lon, lat, h, radians=False)
    found = geodetic(*ecef)
    assert np.degrees(found[:2]) == pytest.approx([lon, lat], abs=1e-11)
    assert found[2] == pytest.approx(h, abs=1e-6)


def test_a_region_encloses_its_points_with_the_margin() -> None:
    rng = np.random.default_rng(4)
    ecef = exact(np.column_stack([rng.uniform(5e5, 5.01e5, 50), rng.uniform(3.5e6, 3.501e6, 50), rng.uniform(0, 50, 50)]))
    region = region_of(ecef)
    assert region.encloses(region_of(ecef, 0.0), 0.0)
    assert region.maximum_m - region_of(ecef, 0.0).maximum_m == pytest.approx(0.01, abs=1e-9)
