"""Subtree files and the implicit tileset, by the text of the specification: the same tree as the explicit one, and cheap to edit."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.official_schemas import official
from tests.tile_features import GEOCENTRIC, SEPARATION_M, to_geocentric
from tiles.bounds import Region
from tiles.checker.json_schemas import schema_validator
from tiles.implicit import grid_box, implicit_schema, implicit_tileset
from tiles.node import Node, Summary
from tiles.statistics import Statistics
from tiles.subtree import SUBTREE_LEVELS, Subtree, SubtreeError, names_of, read_subtree, write_subtree
from tiles.subtrees import Before, find_content, find_subtree, write_subtrees
from tiles.tileset import ContentRef, Tile
from tiles.tiling import Cell, Weight

type Json = dict[str, Any]
type Place = tuple[int, int, int]

NOTHING = Summary(Statistics(0, {}, {}), {}, frozenset(), {}, {}, 0, {}, 0, 0)


def name_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


class Tree:
    """A tree of node records in memory, made from a set of paths: strings of quarters."""

    def __init__(self, paths: set[str], seed: int) -> None:
        self.nodes: dict[str, Node] = {}
        self.loaded: list[str] = []
        self.paths = {path[:i] for path in paths for i in range(len(path) + 1)}
        self.seed = seed
        self.root = self._node("", Cell(14, 1053, 1238))

    def _node(self, path: str, cell: Cell) -> Node:
        children = tuple((q, self._node(f"{path}{q}", cell.quarter(q))) for q in range(4) if f"{path}{q}" in self.paths)
        rng = np.random.default_rng([self.seed, *path.encode()])
        region = Region(*rng.uniform(0, 0.1, 2).tolist(), *rng.uniform(0.2, 0.3, 2).tolist(), *np.sort(rng.uniform(0, 90, 2)).tolist())
        has_content = not children or rng.random() < 0.8
        content = ContentRef(name_of(f"glb {path} {self.seed}".encode()), region, 1) if has_content else None
        tile = Tile(region if rng.random() < 0.5 else replace(region, maximum_m=99.0), 2.0 ** (20 - len(path)), {}, 0)
        below = tuple((q, child.name) for q, child in children)
        name = name_of(orjson.dumps([path, tile.region.as_list(), content and content.hash, below]))
        nothing = np.zeros(0, np.uint32)
        self.nodes[name] = Node(name, cell, Weight(), NOTHING, content, tile, b"", nothing, (), children=below)
        return self.nodes[name]

    def load(self, name: str) -> Node:
        self.loaded.append(name)
        return self.nodes[name]

    def tiles(self, node: Node | None = None, place: Place = (0, 0, 0)) -> Iterator[tuple[Place, Node]]:
        """Every node with its level, x, y below the root."""
        node = node or self.root
        yield place, node
        level, x, y = place
        for q, name in node.children:
            yield from self.tiles(self.nodes[name], (level + 1, 2 * x + q % 2, 2 * y + q // 2))


class Files:
    """Subtree files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.put_names: list[str] = []

    def put(self, content: bytes) -> str:
        name = name_of(content)
        self.files[name] = content
        self.put_names.append(name)
        return name


paths = st.sets(st.text("0123", max_size=12), min_size=1, max_size=40)


def by_the_text(content: bytes, levels: int) -> tuple[dict[Place, Json], set[tuple[int, int]]]:
    """A subtree file read bit by bit: what is said of each available tile by its place, and the child subtrees."""
    magic, version, json_length, binary_length = struct.unpack_from("<4sIQQ", content)
    assert (magic, version) == (b"subt", 1)
    assert json_length % 8 == binary_length % 8 == 0
    document, binary = orjson.loads(content[24 : 24 + json_length]), content[24 + json_length :]
    assert len(binary) == binary_length == document["buffers"][0]["byteLength"] + -document["buffers"][0]["byteLength"] % 8

    def view(index: int) -> bytes:
        found = document["bufferViews"][index]
        assert found["byteOffset"] % 8 == 0
        return binary[found["byteOffset"] : found["byteOffset"] + found["byteLength"]]

    def available(entry: Json, count: int) -> list[bool]:
        if "constant" in entry:
            return [bool(entry["constant"])] * count
        bits = view(entry["bitstream"])
        assert len(bits) == math.ceil(count / 8)
        out = [bool(bits[i // 8] >> i % 8 & 1) for i in range(8 * len(bits))]
        assert not any(out[count:])
        assert sum(out) == entry["availableCount"]
        return out[:count]

    def place(index: int, level: int) -> tuple[int, int]:
        x = sum((index >> 2 * bit & 1) << bit for bit in range(level))
        return x, sum((index >> 2 * bit + 1 & 1) << bit for bit in range(level))

    order = [(level, *place(i, level)) for level in range(levels) for i in range(4**level)]
    tiles = [p for p, is_there in zip(order, available(document["tileAvailability"], len(order)), strict=True) if is_there]
    contents = [p for p, is_there in zip(order, available(document["contentAvailability"][0], len(order)), strict=True) if is_there]
    found: dict[Place, Json] = {p: {} for p in tiles}
    table = document["propertyTables"][document["tileMetadata"]]
    assert (table["class"], table["count"]) == ("_tile", len(tiles))
    for i, p in enumerate(tiles):
        found[p]["region"] = struct.unpack_from("<6d", view(table["properties"]["bounding_region"]["values"]), 48 * i)
        found[p]["error"] = struct.unpack_from("<d", view(table["properties"]["geometric_error"]["values"]), 8 * i)[0]
    if contents:
        table = document["propertyTables"][document["contentMetadata"][0]]
        assert (table["class"], table["count"]) == ("_content", len(contents))
    for i, p in enumerate(contents):
        found[p]["content_region"] = struct.unpack_from("<6d", view(table["properties"]["bounding_region"]["values"]), 48 * i)
        found[p]["content"] = view(table["properties"]["name"]["values"])[16 * i : 16 * i + 16].hex()
    below = available(document["childSubtreeAvailability"], 4**levels)
    return found, {place(i, levels) for i, is_there in enumerate(below) if is_there}


@given(paths, st.integers(0, 2**32))
@settings(max_examples=12, deadline=None)
def test_the_implicit_tree_is_the_explicit_one(some: set[str], seed: int) -> None:
    """Every tile, its region, error, content and the content's region, through files found by their template alone."""
    tree, files = Tree(some, seed), Files()
    name = write_subtrees(tree.root, tree.load, files.put)
    expected = dict(tree.tiles())
    seen: set[Place] = set()
    roots = {p for p in expected if p[0] % SUBTREE_LEVELS == 0}
    for level, x, y in roots:
        file = find_subtree(files.files.__getitem__, name, level, x, y)
        assert file is not None
        tiles, below = by_the_text(files.files[file], SUBTREE_LEVELS)
        assert {(level + SUBTREE_LEVELS, (x << SUBTREE_LEVELS) + a, (y << SUBTREE_LEVELS) + b) for a, b in below} <= roots
        for (down, a, b), tile in tiles.items():
            place = (level + down, (x << down) + a, (y << down) + b)
            node = expected[place]
            assert node.tile is not None
            assert (list(tile["region"]), tile["error"]) == (node.tile.region.as_list(), node.tile.geometric_error_m)
            assert tile.get("content") == (node.content and node.content.hash)
            assert list(tile.get("content_region", ())) == (node.content.region.as_list() if node.content else [])
            assert find_content(files.files.__getitem__, name, *place) == tile.get("content")
            seen.add(place)
    assert seen == set(expected)
    assert len(files.files) == len(roots)


@given(paths, st.text("0123", max_size=12), st.integers(0, 40), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_an_edit_writes_the_files_of_its_path_and_the_same_bytes(some: set[str], grown: str, cut: int, seed: int) -> None:
    """A path that grows and one that is cut off: as a whole writing gives it, and nothing loaded beside the paths."""
    before, files = Tree(some, seed), Files()
    name = write_subtrees(before.root, before.load, files.put)
    after = Tree((some | {grown}) - {sorted(some)[cut % len(some)]} or {"0"}, seed)
    after.nodes = {**before.nodes, **after.nodes}
    files.put_names.clear()
    again = write_subtrees(after.root, after.load, files.put, Before(before.root, name, files.files.__getitem__))
    whole = Files()
    assert again == write_subtrees(after.root, after.nodes.__getitem__, whole.put)
    assert set(whole.files) <= set(files.files)
    assert set(files.put_names) <= set(whole.files)
    changed = {node.name for _, node in before.tiles()} ^ {node.name for _, node in after.tiles()}
    assert set(after.loaded) <= changed
    if not changed:
        assert files.put_names == []


def test_what_is_not_there_is_not_found() -> None:
    tree, files = Tree({"01230", "3", "0123012301"}, 1), Files()
    name = write_subtrees(tree.root, tree.load, files.put)
    read = files.files.__getitem__
    for level, x, y in ((5, 31, 31), (1, 0, 1), (3, 0, 0), (40, 0, 0), (-1, 0, 0), (0, 1, 0), (5, 1 << 80, 0), (0, -1, 0), (10**9, 0, 0)):
        assert find_subtree(read, name, level, x, y) is None
        assert find_content(read, name, level, x, y) is None
    assert find_subtree(read, name, 0, 0, 0) == name


def one_tile(**more: Any) -> Subtree:
    none = np.zeros(0, np.int64)
    subtree = Subtree(
        SUBTREE_LEVELS,
        *np.zeros((3, 1), np.int64),
        np.array([[0.0, 0, 1, 1, 0, 5]]),
        np.zeros(1),
        np.full((1, 6), np.nan),
        names_of(["00" * 16]),
        none.reshape(0, 2),
        names_of([]),
    )
    return replace(subtree, **more)


@pytest.mark.parametrize(
    "broken",
    [
        {"level": np.array([1])},
        {"children": np.array([[0, 0]]), "child_name": names_of(["11" * 16])},
        {"level": np.array([SUBTREE_LEVELS])},
    ],
    ids=["no root", "a child subtree without a parent", "below its levels"],
)
def test_tiles_that_are_no_tree_are_refused(broken: Json) -> None:
    with pytest.raises(SubtreeError):
        write_subtree(one_tile(**broken))


def test_bytes_that_are_no_subtree_are_refused() -> None:
    good = write_subtree(one_tile())
    for bad in (b"", b"glTF" + good[4:], good[:-8], good[:24] + b"[" + good[25:], good.replace(b"bounding_region", b"bounding_regian")):
        with pytest.raises(SubtreeError):
            read_subtree(bad)


def test_files_and_tileset_meet_the_json_schemas() -> None:
    schemas = official("3dtiles-1.1")
    tree, files = Tree({"012301", "3", "0123", "2222", "11111111"}, 2), Files()
    write_subtrees(tree.root, tree.load, files.put)
    messages = schema_validator(schemas, "Subtree/subtree.schema.json")
    assert messages({"tileAvailability": {}}) != []
    for content in files.files.values():
        length = struct.unpack_from("<Q", content, 8)[0]
        assert messages(orjson.loads(content[24 : 24 + length])) == []
    members = {"schema": {"id": "s", "classes": {}}, "extras": {"lod": {"1": 3}}}
    tileset = implicit_tileset(tree.root, "5" * 32, {"region": [0, 0, 1, 1, 0, 1]}, members)
    assert schema_validator(schemas, "tileset.schema.json")(orjson.loads(tileset)) == []
    assert schema_validator(schemas, "Schema/schema.schema.json")(dict(implicit_schema({"id": "s"}))) == []


@pytest.mark.parametrize(("side_level", "shift"), [(10, 0), (15, 3_000), (20, 200_000)])
def test_quarters_of_the_box_are_cells_and_it_encloses_the_root(side_level: int, shift: int) -> None:
    """The box of a cell holds its region; at the data, a cell 32 times smaller lies where the box derived for it is."""
    east, north = 497_000 + 2.0**24, 3_521_000 + shift + 2.0**24
    root = Cell(side_level, int(east) >> side_level, int(north) >> side_level)
    place, reach = (east - 2.0**24, north - 2.0**24), min(2.0**side_level, 30_000.0)
    corners = np.array([(x * reach, y * reach, h) for x in (-0.4, 0.4) for y in (-0.4, 0.4) for h in (-20.0, 300.0)])
    low = np.array([root.column, root.row]) * 2.0**side_level - 2.0**24
    points = np.clip(np.array(place) + corners[:, :2], low + 1, low + 2.0**side_level - 1)
    region = enclosing(points, corners[:, 2])
    box = np.array(grid_box(root, region, to_geocentric, place))
    centre, axes = box[:3], box[3:].reshape(3, 3)
    ecef = np.column_stack(to_geocentric(points[:, 0], points[:, 1], corners[:, 2]))
    inside = np.abs((ecef - centre) @ axes.T / (axes**2).sum(axis=1))
    assert (inside <= 1).all()
    small = Cell(side_level - 5, int(east) >> side_level - 5, int(north) >> side_level - 5)
    column, row = small.column - (root.column << 5), small.row - (root.row << 5)
    derived = centre + axes[0] * (2 * (column + 0.5) / 32 - 1) + axes[1] * (2 * (row + 0.5) / 32 - 1)
    side = 2.0**small.level
    middle = np.column_stack(
        to_geocentric(*np.array([[(small.column + 0.5) * side - 2.0**24], [(small.row + 0.5) * side - 2.0**24], [0.0]]))
    )[0]
    across = (middle - derived) @ (axes[:2] / np.linalg.norm(axes[:2], axis=1)[:, None]).T
    assert np.abs(across).max() < side / 50


def enclosing(points: np.ndarray, heights: np.ndarray) -> Region:
    """The region of places in the storage CRS, by PROJ."""
    x, y, z = GEOCENTRIC.transform(points[:, 0], points[:, 1], heights + SEPARATION_M)
    e2 = 0.006694380022900788
    lon, p = np.arctan2(y, x), np.hypot(x, y)
    lat = np.arctan2(z, p * (1 - e2))
    for _ in range(5):
        normal = 6_378_137 / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        lat = np.arctan2(z + e2 * normal * np.sin(lat), p)
    h = heights + SEPARATION_M
    return Region(*(float(v) for v in (lon.min(), lat.min(), lon.max(), lat.max(), h.min(), h.max())))
