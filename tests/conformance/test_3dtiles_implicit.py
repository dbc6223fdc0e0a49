"""Our checker reads implicit tilesets as it reads explicit ones, and finds each named mutation of their subtree files and blocks."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tile_features import BUILDING, buildings, to_geocentric
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader, main
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget

type Json = dict[str, Any]
IMPLICIT, EXPLICIT, ROOT = "3/implicit.json@open", "3/tileset.json@open", "3/i/0/0/0.subtree"
SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "3dtiles-samples" / "1.1"


@pytest.fixture(scope="module")
def store() -> dict[str, bytes]:
    """A city deep enough for subtrees below the first."""
    objects = MemoryStore()
    target = TilesetTarget("b", 3, "open", "2.25.1.2.1.")
    build_tileset(
        [buildings(60, spacing_m=100.0)], BUILDING, to_geocentric, target, objects, options=BuildOptions(budget=Budget(260, 3_000))
    )
    return {key.removeprefix("tiles/b/"): value for key, value in objects.items()}


def codes(store: dict[str, bytes], entry: str = IMPLICIT, **changed: bytes | None) -> set[str]:
    """The codes of what is found where the files ``changed`` are others than those of the store (None: not there)."""
    read = dataset_reader(store.__getitem__)
    read(entry)

    def changed_read(path: str) -> bytes:
        if path in changed:
            content = changed[path]
            if content is None:
                raise KeyError(path)
            return content
        return read(path)

    return {p.code for p in check_tileset(changed_read, entry)}


def test_both_tilesets_of_a_build_have_no_problem(store: dict[str, bytes], tmp_path: Path) -> None:
    assert sum(key.startswith("open/s/") for key in store) > 2
    assert codes(store) == codes(store, EXPLICIT) == set()
    for key, content in store.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(content)
    assert main([str(tmp_path)]) == 0


def test_a_sample_of_the_standard_has_no_problem_of_tiling() -> None:
    """Its GLBs have no feature ids, which we ask of ours."""
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not at hand")
    folder = SAMPLES / "SparseImplicitQuadtree"
    found = check_tileset(lambda path: (folder / path).read_bytes())
    assert {p.code for p in found if ".glb" not in p.where} == set()
    assert sum(".glb" in p.where for p in found) > 0


class File:
    """A subtree file opened for mutation."""

    def __init__(self, data: bytes) -> None:
        self.version, length, _ = struct.unpack_from("<IQQ", data, 4)
        self.json: Json = orjson.loads(data[24 : 24 + length])
        self.bin = bytearray(data[24 + length :])

    def bytes(self) -> bytes:
        document = orjson.dumps(self.json)
        document += b" " * (-len(document) % 8)
        return struct.pack("<4sIQQ", b"subt", self.version, len(document), len(self.bin)) + document + bytes(self.bin)

    def view(self, index: int) -> Json:
        return self.json["bufferViews"][index]

    def column(self, table: int, name: str) -> Json:
        return self.view(self.json["propertyTables"][table]["properties"][name]["values"])

    def poke(self, view: Json, at: int, content: bytes) -> None:
        start = view["byteOffset"] + at
        self.bin[start : start + len(content)] = content

    def number(self, view: Json, at: int) -> float:
        return float(struct.unpack_from("<d", self.bin, view["byteOffset"] + 8 * at)[0])

    def poke_number(self, view: Json, at: int, value: float) -> None:
        self.poke(view, 8 * at, struct.pack("<d", value))


def another_version(f: File) -> None:
    f.version = 2


def bits_beyond_the_last(f: File) -> None:
    view = f.view(f.json["tileAvailability"]["bitstream"])
    f.poke(view, view["byteLength"] - 1, bytes([f.bin[view["byteOffset"] + view["byteLength"] - 1] | 0x80]))


def wrong_count_of_available_tiles(f: File) -> None:
    f.json["tileAvailability"]["availableCount"] += 1


def a_tile_without_its_parent(f: File) -> None:
    view = f.view(f.json["tileAvailability"]["bitstream"])
    f.poke(view, 0, bytes([f.bin[view["byteOffset"]] & ~0b11110]))


def contents_without_tiles(f: File) -> None:
    f.json["contentAvailability"] = [{"constant": 1}]


def subtrees_without_a_parent(f: File) -> None:
    f.json["childSubtreeAvailability"] = {"constant": 1}


def availability_of_neither_kind(f: File) -> None:
    f.json["tileAvailability"] = {}


def bitstream_a_byte_short(f: File) -> None:
    f.view(f.json["tileAvailability"]["bitstream"])["byteLength"] -= 1


def tile_outside_its_parent(f: File) -> None:
    view = f.column(0, "bounding_region")
    f.poke_number(view, 6 + 2, f.number(view, 6 + 2) + 0.01)


def region_inside_out(f: File) -> None:
    view = f.column(0, "bounding_region")
    f.poke_number(view, 6 + 5, f.number(view, 6 + 4) - 1)


def error_rising_downwards(f: File) -> None:
    f.poke_number(f.column(0, "geometric_error"), 1, 1e9)


def inner_tile_without_error(f: File) -> None:
    view = f.column(0, "geometric_error")
    for i in range(view["byteLength"] // 8):
        f.poke_number(view, i, 0.0)


def error_that_is_no_number(f: File) -> None:
    f.poke_number(f.column(0, "geometric_error"), 2, float("nan"))


def content_beyond_its_tile(f: File) -> None:
    view = f.column(1, "bounding_region")
    f.poke_number(view, 5, f.number(view, 5) + 500)


def content_outside_its_region(f: File) -> None:
    view = f.column(1, "bounding_region")
    f.poke_number(view, 5, f.number(view, 4) + 0.5)


def one_row_too_many(f: File) -> None:
    f.json["propertyTables"][0]["count"] += 1


def column_off_its_alignment(f: File) -> None:
    f.column(0, "geometric_error")["byteOffset"] += 4


def column_beyond_the_chunk(f: File) -> None:
    f.column(0, "geometric_error")["byteOffset"] = len(f.bin)


def column_one_value_short(f: File) -> None:
    f.column(0, "geometric_error")["byteLength"] -= 8


def class_that_the_schema_lacks(f: File) -> None:
    f.json["propertyTables"][0]["class"] = "tile"


def required_column_left_away(f: File) -> None:
    del f.json["propertyTables"][1]["properties"]["name"]


def table_that_is_not_there(f: File) -> None:
    f.json["tileMetadata"] = 7


def structure_of_another_kind(f: File) -> None:
    f.json["propertyTables"] = {"0": None}


SUBTREE_MUTATIONS: dict[Callable[[File], None], str] = {
    another_version: "SUBTREE_VERSION",
    bits_beyond_the_last: "SUBTREE_PADDING",
    wrong_count_of_available_tiles: "SUBTREE_AVAILABLE_COUNT",
    a_tile_without_its_parent: "SUBTREE_AVAILABILITY_INCONSISTENT",
    contents_without_tiles: "SUBTREE_AVAILABILITY_INCONSISTENT",
    subtrees_without_a_parent: "SUBTREE_AVAILABILITY_INCONSISTENT",
    availability_of_neither_kind: "SUBTREE_AVAILABILITY",
    bitstream_a_byte_short: "SUBTREE_BITSTREAM",
    tile_outside_its_parent: "BOUNDING_VOLUMES_INCONSISTENT",
    region_inside_out: "BOUNDING_REGION",
    error_rising_downwards: "TILE_GEOMETRIC_ERRORS_INCONSISTENT",
    inner_tile_without_error: "EMPTY_ERROR",
    error_that_is_no_number: "VALUE_NOT_FINITE",
    content_beyond_its_tile: "CONTENT_BOUNDING_VOLUME",
    content_outside_its_region: "CONTENT_OUTSIDE_BOUNDING_VOLUME",
    one_row_too_many: "SUBTREE_METADATA_COUNT",
    column_off_its_alignment: "METADATA_ALIGNMENT",
    column_beyond_the_chunk: "BUFFER_VIEW_RANGE",
    column_one_value_short: "METADATA_LENGTH",
    class_that_the_schema_lacks: "CLASS_UNKNOWN",
    required_column_left_away: "REQUIRED_PROPERTY_MISSING",
    table_that_is_not_there: "REFERENCE",
    structure_of_another_kind: "SUBTREE_STRUCTURE",
}


@pytest.mark.parametrize("mutate", SUBTREE_MUTATIONS, ids=lambda m: m.__name__)
def test_mutation_of_a_subtree_is_found(mutate: Callable[[File], None], store: dict[str, bytes]) -> None:
    root = dataset_reader(store.__getitem__)
    root(IMPLICIT)
    file = File(root(ROOT))
    assert file.bytes() == root(ROOT)
    mutate(file)
    assert SUBTREE_MUTATIONS[mutate] in codes(store, **{ROOT: file.bytes()})


@pytest.mark.parametrize(
    ("damaged", "code"),
    [
        (lambda good: good[:-8], "SUBTREE_LENGTH"),
        (lambda good: b"glTF" + good[4:], "SUBTREE_MAGIC"),
        (lambda good: good[:24] + b"[" + good[25:], "SUBTREE_JSON"),
        (lambda _: None, "CONTENT_MISSING"),
    ],
    ids=["cut", "of another kind", "no JSON", "missing"],
)
def test_a_damaged_file_is_found(damaged: Callable[[bytes], bytes | None], code: str, store: dict[str, bytes]) -> None:
    read = dataset_reader(store.__getitem__)
    read(IMPLICIT)
    assert code in codes(store, **{ROOT: damaged(read(ROOT))})


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_random_damage_never_raises(store: dict[str, bytes], seed: int) -> None:
    read = dataset_reader(store.__getitem__)
    read(IMPLICIT)
    chance, damaged = random.Random(seed), bytearray(read(ROOT))
    for _ in range(chance.randint(1, 20)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    tiny = {
        "asset": {"version": "1.1"},
        **{k: v for k, v in orjson.loads(read(IMPLICIT)).items() if k in ("geometricError", "root", "schema")},
    }
    files = {"t.json": orjson.dumps(tiny), "i/0/0/0.subtree": bytes(damaged)}
    check_tileset(files.__getitem__, "t.json")


def a_root_with_children(tile: Json) -> None:
    tile["children"] = []


def a_root_with_metadata(tile: Json) -> None:
    tile["metadata"] = {"class": "_tile"}


def a_template_with_bounds(tile: Json) -> None:
    tile["content"]["boundingVolume"] = {"region": [0, 0, 0, 0, 0, 0]}


def a_scheme_nobody_knows(tile: Json) -> None:
    tile["implicitTiling"]["subdivisionScheme"] = "HEXAGONS"


def a_template_without_a_column(tile: Json) -> None:
    tile["implicitTiling"]["subtrees"]["uri"] = "i/{level}/{y}.subtree"


def too_few_levels(tile: Json) -> None:
    tile["implicitTiling"]["availableLevels"] = 2


def no_template_of_contents(tile: Json) -> None:
    del tile["content"]


TILING_MUTATIONS: dict[Callable[[Json], None], str] = {
    a_root_with_children: "TILE_IMPLICIT_ROOT_INVALID",
    a_root_with_metadata: "TILE_IMPLICIT_ROOT_INVALID",
    a_template_with_bounds: "TILE_IMPLICIT_ROOT_INVALID",
    a_scheme_nobody_knows: "IMPLICIT_TILING_ERROR",
    a_template_without_a_column: "IMPLICIT_TILING_ERROR",
    too_few_levels: "IMPLICIT_TILING_ERROR",
    no_template_of_contents: "IMPLICIT_TILING_ERROR",
}


@pytest.mark.parametrize("mutate", TILING_MUTATIONS, ids=lambda m: m.__name__)
def test_mutation_of_an_implicit_root_is_found(mutate: Callable[[Json], None], store: dict[str, bytes]) -> None:
    tileset = orjson.loads(store["open/r/3/implicit.json"])
    mutate(tileset["root"])
    assert TILING_MUTATIONS[mutate] in codes(store, **{IMPLICIT: orjson.dumps(tileset)})


def test_blocks_of_another_number_of_features_are_found(store: dict[str, bytes]) -> None:
    tileset = orjson.loads(store["open/r/3/tileset.json"])
    path = "open/" + tileset["root"]["content"]["uri"].removeprefix("../open/")
    glb = bytearray(store[path])
    length = struct.unpack_from("<I", glb, 12)[0]
    document = orjson.loads(glb[20 : 20 + length])
    table = document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    assert table["class"] == "block"
    at = 28 + length + document["bufferViews"][table["properties"]["count"]["values"]]["byteOffset"]
    glb[at : at + 4] = (int(np.frombuffer(glb[at : at + 4], "<u4")[0]) + 1).to_bytes(4, "little")
    assert "BLOCK_COUNT" in codes(store, EXPLICIT, **{path: bytes(glb)})


def test_an_inner_content_of_features_that_are_not_below_is_found(store: dict[str, bytes]) -> None:
    tileset = orjson.loads(store["open/r/3/tileset.json"])
    inner, *_, leaf = tileset["root"]["children"]
    assert "children" in inner
    while "children" in leaf:
        leaf = leaf["children"][0]
    inner["content"]["uri"] = leaf["content"]["uri"]
    assert "COARSER_FEATURES" in codes(store, EXPLICIT, **{EXPLICIT: orjson.dumps(tileset)})
