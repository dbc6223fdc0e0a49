"""Every GLB of a build through readers that are not ours; positions compared with shapely and PROJ, attributes with what went in."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from tests import tile_readers
from tests.official_schemas import official
from tests.tile_features import BUILDING, GEOCENTRIC, NODE, PIPE, SEPARATION_M, buildings, features, numbers, texts, to_geocentric
from tests.tile_trees import leaf_contents
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.checker.json_schemas import tileset_validator
from tiles.columns import FeatureColumns
from tiles.glb import Encoding
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget
from twin.model import FeatureType
from twin.representation import SurfaceType

ENCODINGS = {
    "compressed": Encoding(),
    "quantized": Encoding(meshopt=False),
    "float32": Encoding(quantize=False, meshopt=False),
    "float32_compressed": Encoding(quantize=False),
}
SMALL = Budget(vertices=6_000, bytes=60_000)


class Built:
    """A tileset in memory and on disk."""

    def __init__(self, folder: Path, run: FeatureColumns, kind: FeatureType, encoding: Encoding | None = None) -> None:
        self.store = MemoryStore()
        target = TilesetTarget("things", 3, "open", "2.25.1.2.1.")
        options = BuildOptions(budget=SMALL, encoding=encoding or Encoding())
        self.summary: TilesetSummary = build_tileset([run], kind, to_geocentric, target, self.store, options=options)
        for key, content in self.store.items():
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(content)
        self.glbs = sorted(folder.rglob("*.glb"))
        leaves = leaf_contents(self.store, "things", self.summary.tree)
        self.leaves = [glb for glb in self.glbs if glb.stem in leaves]

    def decoded(self) -> list[dict[str, Any]]:
        return tile_readers.run("read.mjs", self.leaves)


def vertices_by_fid(decoded: list[dict[str, Any]]) -> dict[int, np.ndarray]:
    """World positions (geocentric) of each feature, as the other reader has them."""
    found: dict[int, np.ndarray] = {}
    for tile in decoded:
        fid = np.array(tile["table"]["columns"]["fid"])[np.array(tile["features"])]
        positions = np.array(tile["positions"])
        for one in np.unique(fid):
            assert int(one) not in found
            found[int(one)] = positions[fid == one]
    return found


def in_storage_crs(ecef: np.ndarray) -> np.ndarray:
    """E, N, H of geocentric positions, by PROJ alone."""
    e, n, h = GEOCENTRIC.transform(ecef[:, 0], ecef[:, 1], ecef[:, 2], direction="INVERSE")
    return np.column_stack([e, n, np.array(h) - SEPARATION_M])


def nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance of each row of ``a`` from the nearest row of ``b``."""
    return np.array([np.linalg.norm(b - p, axis=1).min() for p in a])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_khronos_validator_finds_neither_errors_nor_warnings(encoding: str, tmp_path: Path) -> None:
    built = Built(tmp_path, buildings(400), BUILDING, ENCODINGS[encoding])
    reports = tile_readers.run("validate.mjs", built.glbs)
    assert len(reports) == built.summary.contents + built.summary.far_contents > 1
    assert [(r["errors"], r["warnings"], r["messages"]) for r in reports if r["errors"] or r["warnings"]] == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_building_vertex_is_within_a_centimetre_of_its_footprint(encoding: str, tmp_path: Path) -> None:
    run = buildings(300)
    built = Built(tmp_path, run, BUILDING, ENCODINGS[encoding])
    found = vertices_by_fid(built.decoded())
    assert set(found) == set(run.fid.tolist())
    shapes = [shapely.from_wkb(run.wkb[a:b].tobytes()) for a, b in zip(run.wkb_offsets[:-1], run.wkb_offsets[1:], strict=True)]
    base, height = (run.columns[name].values for name in ("base_height_m", "height_m"))  # type: ignore[union-attr]
    for i, fid in enumerate(run.fid.tolist()):
        corners = np.unique(shapely.get_coordinates(shapes[i]), axis=0)
        expected = np.concatenate([np.column_stack([corners, np.full(len(corners), h)]) for h in (base[i], base[i] + height[i])])
        x, y, z = to_geocentric(*expected.T)
        expected_ecef = np.column_stack([x, y, z])
        assert nearest(found[fid], expected_ecef).max() < 0.01
        assert nearest(expected_ecef, found[fid]).max() < 0.01


def test_decoded_solids_have_the_volume_and_the_roofs_of_their_footprints(tmp_path: Path) -> None:
    """Courtyards, several parts, points on a straight wall, a comb, each on its own base; a metre of grid is a metre here to 1e-6."""
    parts = shapely.MultiPolygon([shapely.box(0, 0, 12, 9), shapely.box(15, 2, 28, 20)])
    comb = shapely.Polygon([(x, (i % 2) * 9 + 4) for i, x in enumerate(range(0, 40, 2))] + [(38, 0), (0, 0)])
    holes = shapely.box(0, 0, 40, 40).difference(shapely.MultiPolygon([shapely.box(4, 4, 12, 30), shapely.box(20, 6, 34, 22)]))
    straight = shapely.Polygon([(0, 0), (5, 0), (11, 0), (20, 0), (20, 15), (0, 15), (0, 7)])
    shapes = [affinity.translate(s, 497_000 + 50 * i, 3_521_000) for i, s in enumerate((parts, comb, holes, straight))]
    height, base = np.array([12.0, 30.0, 9.5, 54.0]), [3.0, -1.5, 120.0, 0.0]
    run = features([shapely.force_3d(s) for s in shapes], {"height_m": numbers(height), "base_height_m": numbers(base)})
    (decoded,) = Built(tmp_path, run, BUILDING).decoded()
    corners = np.array(decoded["positions"])[np.array(decoded["triangles"])]
    fid = np.array(decoded["table"]["columns"]["fid"])[np.array(decoded["features"])[np.array(decoded["triangles"])[:, 0]]]
    kind = np.array(decoded["surfaces"])[np.array(decoded["triangles"])[:, 0]]
    a, b, c = np.moveaxis(corners - corners[0, 0], 1, 0)
    volume = np.bincount(fid - 1, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)
    roofs = np.bincount(fid - 1, np.where(kind == SurfaceType.ROOF, np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2, 0))
    area = np.array([s.area for s in shapes])
    np.testing.assert_allclose(roofs, area, rtol=2e-3)
    np.testing.assert_allclose(volume, area * height, rtol=3e-3)


def test_attributes_come_back_as_they_went_in(tmp_path: Path) -> None:
    run = buildings(300)
    decoded = Built(tmp_path, run, BUILDING).decoded()
    rows: dict[int, dict[str, object]] = {}
    for tile in decoded:
        columns = tile["table"]["columns"]
        for i in range(tile["table"]["count"]):
            rows[columns["fid"][i]] = {name: columns[name][i] for name in columns}
    for i, fid in enumerate(run.fid.tolist()):
        usage, name = run.columns["usage"].texts()[i], run.columns["name"].texts()[i]  # type: ignore[union-attr]
        height, floors = run.columns["height_m"], run.columns["floors_above"]
        assert rows[fid]["usage"] == usage
        assert rows[fid]["name"] == name
        assert rows[fid]["height_m"] == height.values[i]  # type: ignore[union-attr]
        assert rows[fid]["floors_above"] == (int(floors.values[i]) if floors.valid[i] else None)  # type: ignore[union-attr]
        listed, built_on = run.columns["listed"], run.columns["built_on"]
        assert rows[fid]["listed"] == (str(bool(listed.values[i])).lower() if listed.valid[i] else None)  # type: ignore[union-attr]
        assert rows[fid]["built_on"] == (str(built_on.values[i]) if built_on.valid[i] else None)  # type: ignore[union-attr]


def pipes(count: int) -> tuple[list[BaseGeometry], FeatureColumns]:
    rng = np.random.default_rng(8)
    lines: list[BaseGeometry] = []
    for i in range(count):
        start = np.array([497_000 + 40.0 * (i % 20), 3_521_000 + 40.0 * (i // 20), 2.0])
        steps = rng.uniform([5, -20, -0.4], [40, 20, 0.4], (rng.integers(1, 4), 3))
        lines.append(shapely.LineString(np.vstack([start, start + np.cumsum(steps, axis=0)])))
    columns = {
        "segment_id": texts(f"S{i}" for i in range(count)),
        "outer_diameter_mm": numbers(float(d) for d in rng.choice([110, 315, 600, 1200, 2400], count)),
        "z_reference": texts(["top", "invert", "axis"][i % 3] for i in range(count)),
    }
    return lines, features(lines, columns)


def test_tube_vertices_lie_on_the_outer_radius_from_the_stored_axis(tmp_path: Path) -> None:
    lines, run = pipes(150)
    found = vertices_by_fid(Built(tmp_path, run, PIPE).decoded())
    diameters = run.columns["outer_diameter_mm"].values / 1000  # type: ignore[union-attr]
    for i, fid in enumerate(run.fid.tolist()):
        radius = float(diameters[i]) / 2
        axis = np.add(lines[i].coords, [0, 0, (-radius, radius, 0.0)[i % 3]])
        vertices = in_storage_crs(found[fid])
        distance = np.full(len(vertices), np.inf)
        inside = np.zeros(len(vertices), np.bool_)
        for a, b in itertools.pairwise(axis):
            d = (b - a) / np.linalg.norm(b - a)
            along = (vertices - a) @ d
            across = np.linalg.norm(vertices - a - along[:, None] * d, axis=1)
            ball = np.linalg.norm(vertices - a - np.clip(along, 0, np.linalg.norm(b - a))[:, None] * d, axis=1)  # at an end
            for found_m in (across, ball):
                distance = np.where(np.abs(found_m - radius) < np.abs(distance - radius), found_m, distance)
            inside |= (along > -3 * radius - 0.01) & (along < np.linalg.norm(b - a) + 3 * radius + 0.01)
        assert np.abs(distance - radius).max() < 0.01
        assert inside.all()


def test_manholes_stand_from_ground_to_bottom(tmp_path: Path) -> None:
    points = [shapely.Point(497_000 + 11 * i, 3_521_000, 5 + i / 100) for i in range(60)]
    run = features(points, {"depth_m": numbers([1 + i / 50 for i in range(60)]), "well_diameter_mm": numbers([None, 1000.0] * 30)})
    found = vertices_by_fid(Built(tmp_path, run, NODE).decoded())
    for i, fid in enumerate(run.fid.tolist()):
        heights = in_storage_crs(found[fid])[:, 2]
        assert 5 + i / 100 - 0.01 <= heights.max() <= 5 + i / 100 + 0.05, "a cover lies on the ground"
        assert heights.min() == pytest.approx(5 + i / 100 - 1 - i / 50, abs=0.01)


def test_the_published_vector_is_met(tmp_path: Path) -> None:
    """(119.974 E, 31.811 N, H = 7, N = 5.118) is at (-2710440.123, 4699543.709, 3342646.743): the corner of a building put there."""
    easting, northing = GEOCENTRIC.transform(-2710440.123, 4699543.709, 3342646.743, direction="INVERSE")[:2]
    corner = shapely.force_3d(shapely.box(easting, northing, easting + 10, northing + 10))
    run = features([corner], {"height_m": numbers([20.0]), "base_height_m": numbers([7.0])})
    found = vertices_by_fid(Built(tmp_path, run, BUILDING).decoded())[1]
    assert np.linalg.norm(found - [-2710440.123, 4699543.709, 3342646.743], axis=1).min() < 0.01


def test_tilesets_meet_the_json_schemas_and_our_checker(tmp_path: Path) -> None:
    schemas = official("3dtiles-1.1")
    built = Built(tmp_path, buildings(1_500), BUILDING)
    read = dataset_reader(lambda key: built.store[f"tiles/things/{key}"])
    messages = tileset_validator(schemas)
    assert messages({"asset": {"version": "1.1"}}) != []
    assert check_tileset(read, "3/tileset.json@open", messages) == []
