"""Networks from afar through readers that are not ours: instances stand where the lines that went in are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from tests import tile_readers
from tests.tile_features import (
    GEOCENTRIC,
    NODE,
    PIPE,
    SEPARATION_M,
    code_list,
    feature_type,
    features,
    field,
    numbers,
    texts,
    to_geocentric,
)
from tests.tile_trees import nodes
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.columns import Column, FeatureColumns
from tiles.memory_store import MemoryStore
from tiles.mesh.fitting_models import FITTINGS
from tiles.metadata import metadata_class
from tiles.source import make_source
from tiles.tiling import Budget
from twin.model import FeatureType

COUNT = 400


def network() -> FeatureColumns:
    """Round pipes of 300 mm and culverts of 800 × 600, their axes known, some longer than a rotation of 16 bits serves."""
    rng = np.random.default_rng(8)
    start = np.column_stack([497_000 + rng.uniform(0, 900, COUNT), 3_521_000 + rng.uniform(0, 900, COUNT), rng.uniform(-3, 3, COUNT)])
    end = start + np.column_stack([rng.uniform(-60, 60, (COUNT, 2)), rng.uniform(-2, 2, COUNT)])
    box = np.arange(COUNT) % 5 == 0
    columns: dict[str, Column] = {
        "outer_diameter_mm": numbers(None if b else 300.0 for b in box),
        "width_mm": numbers(800.0 if b else None for b in box),
        "section_height_mm": numbers(600.0 if b else None for b in box),
        "z_reference": texts(["axis"] * COUNT),
    }
    return features([shapely.LineString([a, b]) for a, b in zip(start, end, strict=True)], columns)


def built(folder: Path, run: FeatureColumns, kind: FeatureType) -> dict[Path, float]:
    """Write the contents of inner tiles; return them with the errors of their tiles."""
    store = MemoryStore()
    target = TilesetTarget("net", 1, "open", "2.25.1.")
    tree = build_tileset([run], kind, to_geocentric, target, store, options=BuildOptions(Budget(2_000, 12_000))).tree
    written = {}
    for node in nodes(store, "net", tree):
        if node.children and node.content is not None and node.tile is not None:
            path = folder / f"{node.content.hash}.glb"
            path.write_bytes(next(store[key] for key in store if key.endswith(path.name)))
            written[path] = node.tile.geometric_error_m
    return written


def test_instances_are_where_the_lines_are(tmp_path: Path) -> None:
    run = network()
    axes = [shapely.get_coordinates(shapely.from_wkb(run.wkb[a:b].tobytes()), include_z=True) for a, b in _bounds(run)]
    glbs = built(tmp_path, run, PIPE)
    assert len(glbs) > 2
    shown: set[int] = set()
    for tile in tile_readers.run("read.mjs", glbs):
        pixel_m = glbs[Path(tile["file"])] / 16
        fid = np.array(tile["table"]["columns"]["fid"])[np.array(tile["features"])]
        x, y, z = np.array(tile["positions"]).T
        e, n, h = GEOCENTRIC.transform(x, y, z, direction="INVERSE")
        points = np.column_stack([e, n, np.array(h) - SEPARATION_M])
        for one in np.unique(fid).tolist():
            mine, (a, b) = points[fid == one], axes[one - 1]
            size = (0.8, 0.6) if (one - 1) % 5 == 0 else (0.3, 0.0)
            top = mine[:, 2].max() - max(a[2], b[2])
            assert top < max(size) / 2 * 1.09 + 0.02, "a run that is drawn wider than it is goes down, not up"
            high, part = (size[1], 1.0) if size[1] else (size[0], 1.055)
            level = np.hypot(*(b - a)[:2]) / np.linalg.norm(b - a)
            a, b = (end - (0, 0, max(pixel_m - high, 0) * part / 2 * level) for end in (a, b))
            along = (mine - a) @ (b - a) / ((b - a) @ (b - a))
            aside = np.linalg.norm(mine - a - along[:, None] * (b - a), axis=1)
            reach = np.hypot(max(size[0], pixel_m), max(size[1], pixel_m)) / 2 if size[1] else max(0.3, pixel_m) / 2 * 1.055
            assert np.linalg.norm(b - a) * np.abs(along - np.round(along)).max() < 0.01 + 0.02 * reach
            assert np.hypot(*size) / 2 - 0.02 < aside.max() < reach + 0.02
            shown.add(one)
    assert len(shown) == COUNT


def test_a_leaf_of_straight_and_bent_pipes_is_both_and_valid(tmp_path: Path) -> None:
    """Instances and triangles of one property table: every pipe is there, around its axis, by a reader that is not ours."""
    lines = [[(0, 0, 0), (40, 9, -1)], [(0, 20, 0), (30, 20, 0), (30, 50, -1)], [(0, 60, 0), (50, 60, -1)]]
    axes = [np.add(line, (497_000.0, 3_521_000.0, 0.0)) for line in lines]
    columns: dict[str, Column] = {
        "outer_diameter_mm": numbers([300.0, 600.0, None]),
        "width_mm": numbers([None, None, 800.0]),
        "section_height_mm": numbers([None, None, 600.0]),
        "z_reference": texts(["axis"] * 3),
    }
    store = MemoryStore()
    run = features([shapely.LineString(axis) for axis in axes], columns)
    build_tileset([run], PIPE, to_geocentric, TilesetTarget("net", 1, "open", "2.25.1."), store)
    [key] = [key for key in store if key.endswith(".glb")]
    (tmp_path / "leaf.glb").write_bytes(store[key])
    assert [(r["errors"], r["warnings"]) for r in tile_readers.run("validate.mjs", [tmp_path / "leaf.glb"])] == [(0, 0)]
    [tile] = tile_readers.run("read.mjs", [tmp_path / "leaf.glb"])
    assert len(tile["triangles"]) > 0
    x, y, z = np.array(tile["positions"]).T
    e, n, h = GEOCENTRIC.transform(x, y, z, direction="INVERSE")
    points, fid = np.column_stack([e, n, np.array(h) - SEPARATION_M]), np.array(tile["table"]["columns"]["fid"])[np.array(tile["features"])]
    meant = make_source(run, PIPE, metadata_class(PIPE)).mesh(np.arange(3))
    for one in range(3):
        drawn, wanted = points[fid == one + 1], meant.positions[meant.feature == one]
        assert [*drawn.min(axis=0), *drawn.max(axis=0)] == pytest.approx([*wanted.min(axis=0), *wanted.max(axis=0)], abs=0.01, rel=0)


def _bounds(run: FeatureColumns) -> list[tuple[int, int]]:
    return list(zip(run.wkb_offsets[:-1].tolist(), run.wkb_offsets[1:].tolist(), strict=True))


SURVEY = feature_type(
    "pipe_node",
    "Point",
    "well",
    {"depth": "depth_m", "kind": "appurtenance", "rotation": "rotation_deg"},
    (
        field("depth_m", "number", "井深", "m"),
        field("appurtenance", "code", "附属物", codes=code_list("node_appurtenance", {kind: kind for kind in FITTINGS})),
        field("rotation_deg", "number", "旋转角", "deg"),
    ),
)


def survey_points(count: int = 60) -> FeatureColumns:
    """Every kind of fitting twice, turned, every other one over a shaft."""
    points = [shapely.Point(497_000 + 40 * (i % 20), 3_521_000 + 40 * (i // 20), 5.0) for i in range(count)]
    columns: dict[str, Column] = {
        "depth_m": numbers(3.0 if i % 2 else None for i in range(count)),
        "appurtenance": texts(FITTINGS[i % len(FITTINGS)] for i in range(count)),
        "rotation_deg": numbers(7.0 * i for i in range(count)),
    }
    return features(points, columns)


def test_fittings_stand_where_they_were_surveyed(tmp_path: Path) -> None:
    """Decoded by a reader that is not ours, a leaf's instances are the vertices of the models in the storage CRS."""
    run, store = survey_points(), MemoryStore()
    build_tileset([run], SURVEY, to_geocentric, TilesetTarget("net", 1, "open", "2.25.1."), store)
    [key] = [key for key in store if key.endswith(".glb")]
    (tmp_path / "leaf.glb").write_bytes(store[key])
    assert [(r["errors"], r["warnings"]) for r in tile_readers.run("validate.mjs", [tmp_path / "leaf.glb"])] == [(0, 0)]
    [tile] = tile_readers.run("read.mjs", [tmp_path / "leaf.glb"])
    fid = np.array(tile["table"]["columns"]["fid"])[np.array(tile["features"])]
    x, y, z = np.array(tile["positions"]).T
    e, n, h = GEOCENTRIC.transform(x, y, z, direction="INVERSE")
    points = np.column_stack([e, n, np.array(h) - SEPARATION_M])
    wanted = make_source(run, SURVEY, metadata_class(SURVEY)).mesh(np.arange(len(run)))
    for one in range(len(run)):
        drawn, meant = points[fid == one + 1], wanted.positions[wanted.feature == one]
        assert len(drawn) >= len(np.unique(meant.round(6), axis=0))
        assert shapely.MultiPoint(drawn[:, :2]).hausdorff_distance(shapely.MultiPoint(meant[:, :2])) < 0.01
        assert [drawn[:, 2].min(), drawn[:, 2].max()] == pytest.approx([meant[:, 2].min(), meant[:, 2].max()], abs=0.005)


def test_khronos_validator_has_nothing_against_them(tmp_path: Path) -> None:
    points = [shapely.Point(497_000 + 40 * (i % 20), 3_521_000 + 40 * (i // 20), 5.0) for i in range(COUNT)]
    wells = features(points, {"depth_m": numbers([3.0] * COUNT)})
    reports = []
    for name, run, kind in (("pipes", network(), PIPE), ("wells", wells, NODE)):
        (tmp_path / name).mkdir()
        reports += tile_readers.run("validate.mjs", built(tmp_path / name, run, kind))
    assert len(reports) > 4
    assert [r for r in reports if r["errors"] or r["warnings"]] == []
