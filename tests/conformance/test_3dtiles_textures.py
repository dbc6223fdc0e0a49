"""Textured houses as tiles, through readers that are not ours: what is seen on a wall is what the picture has there."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests import tile_readers
from tests.textured_city import APART_M, COLORS, HEIGHT_M, ORIGIN, REPEATS, WALL_M, columns, faces, quarters, store_with
from tests.tile_features import BUILDING, to_geocentric
from tests.tile_trees import leaf_contents
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.glb import Encoding
from tiles.memory_store import MemoryStore
from twin.pictures import name_of

NAME = name_of(quarters())


def built(**encoding: Any) -> tuple[MemoryStore, TilesetSummary]:
    """Return the tiles of a textured house, one whose picture repeats and one without any."""
    houses = [faces(0, NAME), faces(1, NAME, repeats=REPEATS), replace(faces(2, NAME), textures=None)]
    store = store_with(quarters())
    target = TilesetTarget("b", 1, "open", "2.25.1.2.1.")
    options = BuildOptions(encoding=Encoding(**encoding))
    return store, build_tileset([columns(houses)], BUILDING, to_geocentric, target, store, options=options)


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store, summary = built()
    (name,) = leaf_contents(store, "b", summary.tree)
    assert summary.textured == 2
    path = tmp_path_factory.mktemp("textures") / "leaf.glb"
    path.write_bytes(store[f"tiles/b/open/c/{name}.glb"])
    return path


@pytest.fixture(scope="module")
def decoded(leaf: Path) -> dict[str, Any]:
    return tile_readers.run("read.mjs", [leaf])[0]


def on_the_wall(house: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where a south wall begins, and its sides along the ground and upwards, geocentric metres."""
    corner = np.add(ORIGIN, (house * APART_M, 0, 0))
    points = np.stack([corner, np.add(corner, (WALL_M, 0, 0)), np.add(corner, (0, 0, HEIGHT_M))])
    placed = np.column_stack(to_geocentric(*points.T))
    return placed[0], (placed[1:] - placed[0]).T


def seen_at(decoded: dict[str, Any], house: int, east: float, up: float) -> NDArray[np.int64]:
    """Return the colour that is drawn at a share of a south wall's length and height."""
    positions = np.array(decoded["positions"])
    origin, sides = on_the_wall(house)
    share = np.linalg.lstsq(sides, (positions - origin).T, rcond=None)[0]
    off_m = np.linalg.norm(sides @ share - (positions - origin).T, axis=0)
    for triangle in decoded["triangles"]:
        if max(off_m[i] for i in triangle) > 0.05 or any(decoded["places"][i] is None for i in triangle):
            continue
        corners = np.vstack([share[:, triangle], np.ones(3)])
        if abs(np.linalg.det(corners)) < 1e-9:
            continue
        weight = np.linalg.solve(corners, [east, up, 1.0])
        if weight.min() >= -1e-6:
            with Image.open(io.BytesIO(base64.b64decode(decoded["picture"]))) as image:
                assert image.format == "WEBP"
                u, v = weight @ np.array([decoded["places"][i] for i in triangle])
                pixel = image.convert("RGB").getpixel((int(u * image.width), int(v * image.height)))
            return np.array(pixel, np.int64)
    raise AssertionError("no textured triangle lies there")


QUARTERS = {"upper left": (0.25, 0.75), "upper right": (0.75, 0.75), "lower left": (0.25, 0.25), "lower right": (0.75, 0.25)}


@pytest.mark.parametrize("quarter", QUARTERS)
def test_a_wall_shows_its_picture(decoded: dict[str, Any], quarter: str) -> None:
    east, up = QUARTERS[quarter]
    assert np.abs(seen_at(decoded, 0, east, up) - COLORS[quarter]).max() <= 12
    for turn in range(int(REPEATS)):
        assert np.abs(seen_at(decoded, 1, (turn + east) / REPEATS, up) - COLORS[quarter]).max() <= 12


def test_features_and_surfaces_are_told_as_without_pictures(decoded: dict[str, Any]) -> None:
    feature, surface = np.array(decoded["features"]), np.array(decoded["surfaces"])
    shows = np.array([place is not None for place in decoded["places"]])
    assert sorted(set(feature.tolist())) == [0, 1, 2]
    assert sorted(set(feature[shows].tolist())) == [0, 1]
    assert set(surface[shows].tolist()) == {2}
    assert set(surface[~shows].tolist()) == {1, 2, 3}
    assert decoded["table"]["count"] == 3


@pytest.mark.parametrize("encoding", [{}, {"meshopt": False}, {"quantize": False, "meshopt": False}], ids=["default", "plain", "float"])
def test_the_khronos_validator_finds_nothing(tmp_path: Path, encoding: dict[str, bool]) -> None:
    store, summary = built(**encoding)
    paths = []
    for name in leaf_contents(store, "b", summary.tree):
        paths.append(tmp_path / f"{name}.glb")
        paths[-1].write_bytes(store[f"tiles/b/open/c/{name}.glb"])
    for report in tile_readers.run("validate.mjs", paths):
        assert (report["errors"], report["warnings"], report["messages"]) == (0, 0, [])
    read = dataset_reader(lambda key: store[f"tiles/b/{key}"])
    for form in ("tileset", "implicit"):
        assert check_tileset(read, f"1/{form}.json@open") == []
