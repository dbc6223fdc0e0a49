"""Point clouds as tiles: every point once in the leaves, where it was put, and no tile coarser than its error says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import tile_readers
from tests.tile_features import to_geocentric
from tiles.bounds import Region, geodetic_rows
from tiles.checker import check_tileset
from tiles.checker.gltf_file import GltfFile
from tiles.checker.problem import Problems
from tiles.glb import Encoding
from tiles.local_frame import LocalFrame
from tiles.point_clouds import Cloud, CloudsSummary, CloudsTarget, build_point_clouds
from tiles.point_glb import write_point_glb
from tiles.point_spill import sort_points
from tiles.point_tree import MOST_POINTS
from twin.placed_points import PlacedPointsError, PointsHead, open_points

HEAD = PointsHead(0, (480_000.0, 3_510_000.0, 10.0), has_colors=True, has_kinds=True)
PRIMES = (251, 241, 239)
Built = tuple[dict[str, bytes], CloudsSummary]


def relief(count: int) -> NDArray[np.float64]:
    """Return points on hills with trees, 700 m wide, and a thicket of 60,000 in 20 cm."""
    rng = np.random.default_rng(7)
    plane = rng.uniform(0, 700, (count, 2))
    ground = 30 + 15 * np.sin(plane[:, 0] / 90) + np.where(rng.random(count) < 0.3, rng.uniform(0, 12, count), 0)
    thicket = rng.uniform(0, 0.2, (60_000, 3)) + np.array([100.01, 100.01, 40])
    return np.concatenate([np.column_stack([plane, ground]), thicket]) + HEAD.origin


def written(path: Path, positions: NDArray[np.float64]) -> Path:
    """Write points whose colours tell them apart by their order."""
    number = np.arange(len(positions))
    colors = np.column_stack([number % p for p in PRIMES]).astype(np.uint8)
    head = PointsHead(len(positions), HEAD.origin, has_colors=True, has_kinds=True)
    path.write_bytes(head.encoded() + head.points(positions, colors, (number % 19).astype(np.uint8)).tobytes())
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("points")
    path = written(folder / "a.twp", relief(180_000))
    store: dict[str, bytes] = {}
    clouds = [Cloud(3, "山", path), Cloud(4, "空", written(folder / "b.twp", np.zeros((0, 3))))]
    return store, build_point_clouds(clouds, to_geocentric, CloudsTarget("c", 2, "open", {}, folder), store.__setitem__, lambda *_: None)


def tiles_of(store: dict[str, bytes]) -> Iterator[dict[str, object]]:
    """Yield the tiles with points, of all files of the tileset, a parent before its children."""
    waiting = [json.loads(store["tiles/c/open/r/2/tileset.json"])["root"]]
    while waiting:
        tile = waiting.pop()
        uri = str(tile.get("content", {}).get("uri", ""))
        name = uri.rpartition("/")[2]
        if uri.endswith(".json"):
            waiting.append(json.loads(store[f"tiles/c/open/t/{name}"])["root"])
            continue
        waiting += tile.get("children", [])
        if uri:
            yield tile | {"glb": store[f"tiles/c/open/c/{name}"]}


def read(glb: object) -> tuple[NDArray[np.float64], NDArray[np.uint16], NDArray[np.uint8]]:
    """Return geocentric positions, linear colours and classes."""
    problems = Problems("glb")
    gltf = GltfFile(glb, problems)  # type: ignore[arg-type]
    ((_, matrix),) = gltf.placements()
    (primitive,) = gltf.items("meshes")[0]["primitives"]
    assert primitive["mode"] == 0
    attributes = primitive["attributes"]
    stored, color, kind = (gltf.accessor(attributes[name], name) for name in ("POSITION", "COLOR_0", "_CLASSIFICATION"))
    assert not problems.found
    assert stored is not None
    assert color is not None
    assert kind is not None
    return stored.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3], color.astype(np.uint16), kind.ravel().astype(np.uint8)


def test_every_point_is_drawn_once_where_it_was_with_its_colour_and_class(built: Built) -> None:
    store, summary = built
    positions = relief(180_000)
    leaves = [read(tile["glb"]) for tile in tiles_of(store) if "children" not in tile]
    assert len(leaves) > 4
    assert max(len(leaf[0]) for leaf in leaves) <= MOST_POINTS
    assert summary.points == len(positions) == sum(len(leaf[0]) for leaf in leaves)
    drawn, linear, kinds = (np.concatenate(parts) for parts in zip(*leaves, strict=True))
    share = linear / 65_535
    srgb = np.rint(255 * np.where(share <= 0.0031308, share * 12.92, 1.055 * share ** (1 / 2.4) - 0.055)).astype(np.int64)
    number = numbered(srgb)
    assert np.array_equal(np.sort(number), np.arange(len(positions)))
    assert np.array_equal(kinds, number % 19)
    true = np.column_stack(to_geocentric(*positions[number].T))
    assert np.linalg.norm(drawn - true, axis=1).max() <= summary.accuracy_m + 0.001 < 0.012


def numbered(colors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers that have these remainders (Chinese remainder theorem)."""
    whole = math.prod(PRIMES)
    return sum(colors[:, n] * (whole // p) * pow(whole // p, -1, p) for n, p in enumerate(PRIMES)) % whole  # type: ignore[return-value]


def test_a_tile_shows_something_within_its_error_of_all_that_its_children_show(built: Built) -> None:
    inner = 0
    for tile in tiles_of(built[0]):
        children = tile.get("children", [])
        assert isinstance(children, list)
        points = read(tile["glb"])[0]
        region = Region(*tile["boundingVolume"]["region"])  # type: ignore[index]
        rows = geodetic_rows(points)
        assert region.encloses(Region(*rows.min(axis=0)[:2], *rows.max(axis=0)[:2], rows[:, 2].min(), rows[:, 2].max()), 0.001)
        for child in children:
            uri = child.get("content", {}).get("uri", "")
            if not uri.endswith(".glb"):
                continue
            inner += 1
            below = read(built[0][f"tiles/c/open/c/{uri.rpartition('/')[2]}"])[0]
            some = below[:: max(1, len(below) // 40)]
            farthest = max(float(np.linalg.norm(points - one, axis=1).min()) for one in some)
            assert farthest <= float(str(tile["geometricError"])) * 17 / 16 + 0.01
            assert child["geometricError"] <= tile["geometricError"]
    assert inner > 4


@pytest.mark.parametrize("largest", [2_000, 30_000, 10**6])
def test_points_sorted_by_buckets_are_those_of_the_file(tmp_path: Path, largest: int) -> None:
    _, points = open_points(written(tmp_path / "a.twp", relief(50_000)))
    buckets = sort_points(points, tmp_path / "sorted", largest)
    assert sorted(row.tobytes() for row in buckets.points) == sorted(row.tobytes() for row in points)
    for square, run in buckets.slices.items():
        within = buckets.points[run]["place"][:, :2] >> np.uint32(buckets.width - square.level)
        assert np.array_equal(np.unique(within, axis=0), [[square.column, square.row]])


def test_buckets_make_no_difference_to_the_tiles(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.twp", relief(180_000))
    monkeypatch.setattr("tiles.point_clouds.sort_points", lambda points, scratch: sort_points(points, scratch, 60_000))
    store: dict[str, bytes] = {}
    build_point_clouds(
        [Cloud(3, "山", path)], to_geocentric, CloudsTarget("c", 2, "open", {}, tmp_path), store.__setitem__, lambda *_: None
    )
    assert store == built[0]


def test_the_khronos_validator_finds_no_fault(built: Built, tmp_path: Path) -> None:
    paths = []
    for number, tile in enumerate(list(tiles_of(built[0]))[:3]):
        paths.append(tmp_path / f"{number}.glb")
        paths[-1].write_bytes(tile["glb"])  # type: ignore[arg-type]
    frame = LocalFrame(np.array([-2_700_000.0, 4_600_000.0, 3_400_000.0]), np.eye(3))
    wide = write_point_glb(frame, np.random.default_rng(1).uniform(0, 4000, (500, 3)), np.zeros((500, 3), np.uint8), None, Encoding())
    (tmp_path / "wide.glb").write_bytes(wide.data)
    for report in tile_readers.run("validate.mjs", [*paths, tmp_path / "wide.glb"]):
        assert not report["errors"], report


def test_the_checker_finds_no_fault_and_knows_points_that_lack_something(built: Built) -> None:
    files = {key.replace("tiles/c/open/r/2/", "2/").removeprefix("tiles/c/"): value for key, value in built[0].items()}
    assert check_tileset(files.__getitem__, "2/tileset.json") == []
    name = next(key for key in files if key.endswith(".glb"))
    files[name] = files[name].replace(b'"COLOR_0"', b'"COLOR_9"')
    assert "POINTS_WITHOUT_COLOR" in {problem.code for problem in check_tileset(files.__getitem__, "2/tileset.json")}


def test_bytes_that_are_no_points_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.twp", relief(10))
    for content in (b"", b"TWP1", path.read_bytes()[:-1], b"X" + path.read_bytes()[1:]):
        (tmp_path / "b.twp").write_bytes(content)
        with pytest.raises(PlacedPointsError):
            open_points(tmp_path / "b.twp")
