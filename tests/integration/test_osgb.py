"""OSGB: tiles written by OpenSceneGraph's own osgconv are read with their levels, placed, tiled and served; what is broken is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.protocol import FileChunk, ModelFile, ModelHeader
from ingest.readers.osgb_scene import osgb_levels
from ingest.sandbox import inspect_file
from tests.integration.test_models import EXTENT, ORIGIN, SRID, described, drawn, metadata, packed, refusal
from tests.opened_city import get, load, opened_city, request
from twin.errors import TwinError
from twin.mesh_levels import MeshLevels, decode_levels
from twin.placed_mesh import PlacedMesh, decode_mesh

DATA = Path(__file__).parents[1] / "data"
NAME = "Tile_+000_+000"
FOLDER = f"Data/{NAME}"
VERSIONS = ["v91", "v161"]
"""As ContextCapture writes files, and as today's OpenSceneGraph does, with lengths of blocks and arrays as objects."""


def tiles(version: str = "v91") -> dict[str, bytes]:
    """Return the files of a delivery: one tile in three levels, the east of the finest with a level of its own."""
    with zipfile.ZipFile(DATA / f"osgb_{version}.zip") as archive:
        return {f"{FOLDER}/{name}": archive.read(name) for name in archive.namelist()}


def delivery(path: Path, version: str = "v91", changed: Mapping[str, bytes | None] = MappingProxyType({})) -> Path:
    """Write a delivery; ``changed`` replaces a file by the end of its name, None takes it out."""
    files: dict[str, bytes] = {}
    for name, content in tiles(version).items():
        key = name.removeprefix(f"{FOLDER}/{NAME}").removesuffix(".osgb").strip("_")
        new = changed.get(key or "top", content)
        files |= {} if new is None else {name: new}
    return packed(path, files | {"metadata.xml": metadata(f"EPSG:{SRID}", ORIGIN)})


def kept(messages: list[Any]) -> tuple[ModelHeader, MeshLevels, dict[str, PlacedMesh]]:
    """Return what is said of a model and what is kept of it."""
    header, *rest = messages
    files: dict[str, bytes] = {}
    here = ""
    for message in rest:
        if isinstance(message, ModelFile):
            here, files[message.path] = message.path, b""
        elif isinstance(message, FileChunk):
            files[here] += message.content
    assert (header.files, header.total_bytes) == (len(files), sum(map(len, files.values())))
    return header, decode_levels(files.pop("levels.json")), {name: decode_mesh(content) for name, content in files.items()}


WEST: list[list[float]] = [[0, 0, 0], [20, 0, 0], [0, 15, 6.5], [20, 15, 6.5], [0, 30, 12], [20, 30, 12]]
EAST: list[list[float]] = [[20, 0, 0], [40, 0, 0], [40, 15, 5.5], [40, 30, 12], [20, 30, 12]]
CORNERS = np.array([[0, 0, 0], [40, 0, 0], [40, 30, 12], [0, 30, 12]], dtype=np.float64)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_tile_comes_in_with_all_its_levels(tmp_path: Path, version: str) -> None:
    header, levels, meshes = kept(described(delivery(tmp_path / "倾斜.zip", version)))
    assert (header.format, header.textured) == ("OSGB", True)
    assert (header.vertices, header.triangles) == (4 + 4 + 4 + 6 + 3 + 5, 2 + 2 + 2 + 4 + 1 + 3)
    assert (header.minimum_m, header.maximum_m) == (20.0, 32.0)
    assert shapely.from_wkb(header.footprint).bounds == (*ORIGIN[:2], *(ORIGIN + CORNERS[2])[:2])
    (root,) = levels.roots

    def tree(number: int) -> Any:
        level = levels.levels[number]
        mesh = meshes[levels.name(number)]
        points = np.concatenate([p.positions for p in mesh.parts]) - ORIGIN
        return (level.error_m, sorted(np.unique(points.round(6), axis=0).tolist()), [tree(child) for child in level.children])

    error, points, (west, east) = tree(root)
    # half the width of a sphere of 25 m at 50 pixels; 20 m at 100; then 100 m away: 16 pixels each, as 3D Tiles refine
    assert (error, west[0], east[0], east[2][0][0]) == pytest.approx((16.0, 6.4, 6.4, 1.6))
    assert points == sorted(CORNERS.tolist())
    assert [w[1] for w in west[2]] == [sorted(WEST)]
    ((_, coarse, ((_, fine, _),)),) = east[2]
    assert (coarse, fine) == ([[20, 0, 0], [40, 0, 0], [40, 30, 12]], sorted(EAST))


@pytest.mark.parametrize("version", VERSIONS)
def test_pictures_are_taken_as_they_are(version: str) -> None:
    (level,) = osgb_levels(tiles(version)[f"{FOLDER}/{NAME}_L17_0.osgb"], "a", lambda _: b"", 1000, 1 << 20)
    assert level.mesh is not None
    with zipfile.ZipFile(DATA / "osgb_sources.zip") as archive:
        assert level.mesh.images == (archive.read("roof.png"),)
    (part,) = level.mesh.parts
    assert part.texture is not None
    # texture coordinates count upwards in OpenGL, downwards in glTF
    assert part.texture.tolist() == [[0, 1], [1, 1], [0, 0.5], [1, 0.5], [0, 0], [1, 0]]


def area_m2(positions: NDArray[np.float64], triangles: NDArray[np.uint32]) -> float:
    """Return the area in plan, counted anticlockwise."""
    a, b, c = (positions[triangles[:, k], :2] for k in range(3))
    return float((((b - a)[:, 0] * (c - a)[:, 1]) - ((b - a)[:, 1] * (c - a)[:, 0])).sum() / 2)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_way_of_listing_triangles_faces_up_and_covers_its_part(version: str) -> None:
    found: dict[str, float] = {}
    for name, content in tiles(version).items():
        for level in osgb_levels(content, name, lambda _: b"", 1000, 1 << 20):
            for drawn_level in (level, *level.finer):
                assert drawn_level.mesh is not None
                (part,) = drawn_level.mesh.parts
                found[f"{name.rpartition('_')[0][-3:]}{len(found)}"] = area_m2(part.positions, part.triangles)
    # quads, two paged levels (fan, strip of quads), strip, one triangle, polygon
    assert sorted(found.values()) == [300.0, 600.0, 600.0, 600.0, 600.0, 1200.0]


def test_a_delivery_becomes_tiles_that_replace_each_other(database_url: str, open_folder: Path) -> None:
    path = delivery(open_folder / "倾斜模型.zip")
    assert [(layer.name, layer.crs) for layer in inspect_file(path).layers] == [("倾斜模型", f"EPSG:{SRID}")]
    with opened_city(database_url, open_folder / "data", SRID, EXTENT) as city:
        result = load(city, request(path, (None, "model_3d", "models")))
        assert (result.read, result.published) == (1, 1)
        assert result.commit is not None
        got, _ = drawn(city, "models", result.commit)
        (answer,) = get(city, f"/tiles/models/{result.commit}/tileset.json")
        (named,) = answer.json()["root"]["children"]
        assert named["metadata"]["properties"]["name"] == "倾斜模型"

        def shape(tile: dict[str, Any]) -> Any:
            return (round(tile["geometricError"], 3), "content" in tile, [shape(c) for c in tile.get("children", [])])

        leaf: Any = (0.0, True, [])
        west, east = (6.4, True, [leaf]), (6.4, True, [(1.6, True, [leaf])])
        assert shape(named) == (16.0, True, [west, east])
        assert answer.json()["root"]["refine"] == "REPLACE"
        longitude, latitude = pyproj.Transformer.from_crs(SRID, 4490, always_xy=True).transform(*(CORNERS + ORIGIN)[:, :2].T)
        separation = city.frame.vertical.separation_m(np.array(longitude), np.array(latitude))
        heights = (CORNERS + ORIGIN)[:, 2] + separation
        wanted = np.column_stack(pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(longitude, latitude, heights))
        assert np.linalg.norm(got[:, None] - wanted[None], axis=2).min(axis=0).max() < 0.01


def circle() -> bytes:
    """Return the middle file as one that names itself as its finer level."""
    content = tiles()[f"{FOLDER}/{NAME}_L16_0.osgb"]
    return content.replace(f"{NAME}_L17_0.osgb".encode(), f"{NAME}_L16_0.osgb".encode())


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"L17_0": None}, "model-content-missing"),
        ({"L17_0": b"no scene at all"}, "osgb-broken"),
        ({"L17_0": tiles()[f"{FOLDER}/{NAME}.osgb"]}, "osgb-broken"),
        ({"L16_0": circle()}, "osgb-broken"),
        ({"L17_1": tiles()[f"{FOLDER}/{NAME}_L17_1.osgb"].replace(b"osg::LOD", b"osg::XYZ")}, "osgb-unsupported"),
        ({"top": b"\x6c\x91\x0e\xa1\x1a\xfb\x45\x45" + bytes(64)}, "osgb-unsupported"),
        ({"top": tiles()[f"{FOLDER}/{NAME}.osgb"].replace(f"{NAME}_L".encode(), b"../../../../.." + b"_L")}, "model-uri-outside"),
    ],
)
def test_a_tree_that_does_not_hang_together_is_refused(tmp_path: Path, changed: dict[str, bytes | None], code: str) -> None:
    assert refusal(delivery(tmp_path / "m.zip", changed=changed)) == code


def test_a_file_alone_is_read_where_it_names_no_other(tmp_path: Path) -> None:
    path = tmp_path / "屋顶.osgb"
    path.write_bytes(tiles()[f"{FOLDER}/{NAME}_L17_0.osgb"])
    assert refusal(path) == "model-unplaced"
    assert refusal(path, f"EPSG:{SRID}") == "area-of-use"
    path.write_bytes(tiles()[f"{FOLDER}/{NAME}.osgb"])
    assert refusal(path, f"EPSG:{SRID}") == "model-content-missing"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(VERSIONS), st.sampled_from(["", "_L16_0", "_L17_0", "_L17_1"]), st.integers(0, 10_000), st.integers(0, 255))
@example("v161", "_L17_1", 1993, 95)  # a coordinate of 1e155
def test_a_file_with_a_byte_changed_or_cut_off_is_read_or_refused(version: str, name: str, at: int, byte: int) -> None:
    content = tiles(version)[f"{FOLDER}/{NAME}{name}.osgb"]
    at = len(b"........") + at % (len(content) - 8)
    for broken in (content[:at], content[:at] + bytes([byte]) + content[at + 1 :]):
        with suppress(TwinError):  # nothing else
            osgb_levels(broken, "a.osgb", lambda _: b"", 100_000, 1 << 20)


def test_levels_that_do_not_hang_together_are_no_levels() -> None:
    for levels, roots in (([[True, 1.0, [0]]], [0]), ([[True, 1.0, []]], []), ([[True, 1.0, [3]]], [0]), ([[True, -1.0, []]], [0])):
        with pytest.raises(ValueError, match="level"):
            decode_levels(json.dumps({"version": 1, "levels": levels, "roots": roots}).encode())
