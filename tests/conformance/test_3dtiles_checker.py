"""Our checker finds each named mutation of a good GLB and of a good tileset; gltf-validator passes many of them."""

from __future__ import annotations

import copy
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
from tiles import meshopt
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_glb, check_tileset
from tiles.checker.__main__ import dataset_reader, main
from tiles.glb import Encoding
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget

type Json = dict[str, Any]
REVISION = "3/tileset.json@open"


def built(encoding: Encoding | None = None, count: int = 300) -> dict[str, bytes]:
    store = MemoryStore()
    options = BuildOptions(budget=Budget(4_000, 40_000), encoding=encoding or Encoding())
    target = TilesetTarget("b", 3, "open", "2.25.1.2.1.")
    build_tileset([buildings(count)], BUILDING, to_geocentric, target, store, options=options)
    return {key.removeprefix("tiles/b/"): value for key, value in store.items()}


@pytest.fixture(scope="module")
def compressed() -> dict[str, bytes]:
    return built()


@pytest.fixture(scope="module")
def plain() -> dict[str, bytes]:
    return built(Encoding(meshopt=False))


class Glb:
    """A GLB opened for mutation."""

    def __init__(self, data: bytes) -> None:
        length = struct.unpack_from("<I", data, 12)[0]
        self.json: Json = orjson.loads(data[20 : 20 + length])
        self.bin = bytearray(data[28 + length :])

    def bytes(self) -> bytes:
        document = orjson.dumps(self.json)
        document += b" " * (-(len(document) + 28) % 8)
        chunks = struct.pack("<I4s", len(document), b"JSON") + document + struct.pack("<I4s", len(self.bin), b"BIN\0") + bytes(self.bin)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    @property
    def primitive(self) -> Json:
        return self.json["meshes"][0]["primitives"][0]

    @property
    def metadata(self) -> Json:
        return self.json["extensions"]["EXT_structural_metadata"]

    @property
    def table(self) -> Json:
        return self.metadata["propertyTables"][0]

    def view(self, index: int) -> Json:
        return self.json["bufferViews"][index]

    def view_of(self, accessor: int) -> Json:
        return self.view(self.json["accessors"][accessor]["bufferView"])

    def poke(self, view: Json, at: int, content: bytes) -> None:
        start = view["byteOffset"] + at
        self.bin[start : start + len(content)] = content

    def column(self, name: str, part: str = "values") -> Json:
        return self.view(self.table["properties"][name][part])


def first_glb(store: dict[str, bytes]) -> bytes:
    return next(v for k, v in sorted(store.items()) if k.startswith("open/c/"))


def codes(data: bytes) -> set[str]:
    return {p.code for p in check_glb(data).problems}


def test_the_unchanged_files_have_no_problem(compressed: dict[str, bytes], plain: dict[str, bytes]) -> None:
    for store in (compressed, plain):
        assert check_tileset(dataset_reader(store.__getitem__), REVISION) == []
        assert Glb(first_glb(store)).bytes() == first_glb(store)


def index_beyond_vertices(g: Glb) -> None:
    g.poke(g.view_of(g.primitive["indices"]), 4, struct.pack("<H", 65_000))


def feature_id_beyond_features(g: Glb) -> None:
    g.poke(g.view_of(g.primitive["attributes"]["_FEATURE_ID_0"]), 0, struct.pack("<H", 60_000))


def surface_of_a_kind_that_has_no_row(g: Glb) -> None:
    g.poke(g.view_of(g.primitive["attributes"]["_FEATURE_ID_1"]), 4, bytes([15]))


def colours_that_are_not_normalized(g: Glb) -> None:
    del g.json["accessors"][g.primitive["attributes"]["COLOR_0"]]["normalized"]


def one_colour_less_than_vertices(g: Glb) -> None:
    g.json["accessors"][g.primitive["attributes"]["COLOR_0"]]["count"] -= 1


def property_table_that_is_not_there(g: Glb) -> None:
    g.primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]["propertyTable"] = 99


def feature_id_attribute_that_is_not_there(g: Glb) -> None:
    g.primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]["attribute"] = 7


def negative_table_count(g: Glb) -> None:
    g.table["count"] = -3


def one_row_more_than_features(g: Glb) -> None:
    g.primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]["featureCount"] += 1


def column_one_value_short(g: Glb) -> None:
    g.column("height_m")["byteLength"] -= 8


def column_off_its_alignment(g: Glb) -> None:
    g.column("height_m")["byteOffset"] += 4


def falling_string_offsets(g: Glb) -> None:
    g.poke(g.column("building_id", "stringOffsets"), 2, b"\xff\xff")


def string_cut_inside_a_character(g: Glb) -> None:
    g.poke(g.column("name"), 0, b"\xe6")
    g.poke(g.column("name"), 1, b"A")


def enum_value_nobody_defined(g: Glb) -> None:
    g.poke(g.column("usage"), 0, b"\xc8")


def not_a_number_in_a_column(g: Glb) -> None:
    g.poke(g.column("height_m"), 0, struct.pack("<d", float("nan")))


def required_column_left_away(g: Glb) -> None:
    del g.table["properties"]["fid"]


def two_rows_of_one_fid(g: Glb) -> None:
    view = g.column("fid")
    g.poke(view, 4, bytes(g.bin[view["byteOffset"] : view["byteOffset"] + 4]))


def class_that_the_schema_lacks(g: Glb) -> None:
    g.table["class"] = "bridge"


def property_that_the_class_lacks(g: Glb) -> None:
    g.table["properties"]["colour"] = dict(g.table["properties"]["height_m"])


def no_data_that_is_no_enum_name(g: Glb) -> None:
    g.metadata["schema"]["classes"]["building"]["properties"]["usage"]["noData"] = "void"


def enum_that_the_schema_lacks(g: Glb) -> None:
    g.metadata["schema"]["classes"]["building"]["properties"]["usage"]["enumType"] = "colours"


def values_above_what_the_class_allows(g: Glb) -> None:
    g.metadata["schema"]["classes"]["building"]["properties"]["height_m"]["max"] = 4.0


def wrong_maximum_of_positions(g: Glb) -> None:
    g.json["accessors"][g.primitive["attributes"]["POSITION"]]["max"][0] += 1


def extension_not_declared(g: Glb) -> None:
    g.json["extensionsUsed"].remove("EXT_mesh_features")


def extension_declared_for_nothing(g: Glb) -> None:
    g.json["extensionsUsed"].append("KHR_draco_mesh_compression")


def quantization_not_required(g: Glb) -> None:
    g.json["extensionsRequired"].remove("KHR_mesh_quantization")


def view_beyond_the_chunk(g: Glb) -> None:
    g.json["bufferViews"][-1]["byteOffset"] = len(g.bin)


def node_that_is_its_own_child(g: Glb) -> None:
    g.json["nodes"][1]["children"] = [0]


def matrix_that_is_not_finite(g: Glb) -> None:
    g.json["nodes"][0]["matrix"] = [0] * 15


def normal_of_no_length(g: Glb) -> None:
    g.poke(g.view_of(g.primitive["attributes"]["NORMAL"]), 0, b"\0\0\0")


def row_without_a_mesh(g: Glb) -> None:
    view = g.view_of(g.primitive["attributes"]["_FEATURE_ID_0"])
    for at in range(0, view["byteLength"], 4):
        if g.bin[view["byteOffset"] + at] == 1:
            g.poke(view, at, b"\0")


def material_that_is_not_there(g: Glb) -> None:
    g.primitive["material"] = 5


def semantic_that_nobody_defined(g: Glb) -> None:
    g.metadata["schema"]["classes"]["building"]["properties"]["height_m"]["semantic"] = "HEIGHT_ABOVE_GROUND"


PLAIN_MUTATIONS: dict[Callable[[Glb], None], str] = {
    index_beyond_vertices: "INDEX_OUT_OF_RANGE",
    feature_id_beyond_features: "FEATURE_ID_OUT_OF_RANGE",
    surface_of_a_kind_that_has_no_row: "FEATURE_ID_OUT_OF_RANGE",
    colours_that_are_not_normalized: "COLOR_FORM",
    one_colour_less_than_vertices: "ATTRIBUTE_COUNT",
    property_table_that_is_not_there: "PROPERTY_TABLE_REFERENCE",
    feature_id_attribute_that_is_not_there: "FEATURE_ID_ATTRIBUTE",
    negative_table_count: "TABLE_COUNT",
    one_row_more_than_features: "FEATURE_COUNT_MISMATCH",
    column_one_value_short: "METADATA_LENGTH",
    column_off_its_alignment: "METADATA_ALIGNMENT",
    falling_string_offsets: "STRING_OFFSETS",
    string_cut_inside_a_character: "STRING_UTF8",
    enum_value_nobody_defined: "ENUM_VALUE",
    not_a_number_in_a_column: "VALUE_NOT_FINITE",
    required_column_left_away: "REQUIRED_PROPERTY_MISSING",
    two_rows_of_one_fid: "FID_REPEATED",
    class_that_the_schema_lacks: "CLASS_UNKNOWN",
    property_that_the_class_lacks: "PROPERTY_UNKNOWN",
    no_data_that_is_no_enum_name: "NO_DATA_VALUE",
    enum_that_the_schema_lacks: "ENUM_UNKNOWN",
    values_above_what_the_class_allows: "VALUE_NOT_IN_RANGE",
    wrong_maximum_of_positions: "ACCESSOR_MIN_MAX",
    extension_not_declared: "EXTENSION_FOUND_BUT_NOT_USED",
    extension_declared_for_nothing: "EXTENSION_USED_BUT_NOT_FOUND",
    quantization_not_required: "EXTENSION_REQUIRED",
    view_beyond_the_chunk: "BUFFER_VIEW_RANGE",
    node_that_is_its_own_child: "NODE_CYCLE",
    matrix_that_is_not_finite: "NODE_MATRIX",
    normal_of_no_length: "NORMAL_LENGTH",
    row_without_a_mesh: "ROW_WITHOUT_MESH",
    material_that_is_not_there: "REFERENCE",
    semantic_that_nobody_defined: "METADATA_SEMANTIC_UNKNOWN",
}


@pytest.mark.parametrize("mutate", PLAIN_MUTATIONS, ids=lambda m: m.__name__)
def test_mutation_of_a_glb_is_found(mutate: Callable[[Glb], None], plain: dict[str, bytes]) -> None:
    glb = Glb(first_glb(plain))
    mutate(glb)
    assert PLAIN_MUTATIONS[mutate] in codes(glb.bytes())


def test_not_a_number_among_float_positions_is_found() -> None:
    glb = Glb(first_glb(built(Encoding(quantize=False, meshopt=False), count=20)))
    glb.poke(glb.view_of(glb.primitive["attributes"]["POSITION"]), 0, struct.pack("<f", float("nan")))
    assert "POSITION_NOT_FINITE" in codes(glb.bytes())


def stream(glb: Glb, accessor: int) -> Json:
    return glb.view_of(accessor)["extensions"]["EXT_meshopt_compression"]


def test_a_glb_of_random_bytes_is_found(compressed: dict[str, bytes]) -> None:
    """gltf-validator has nothing to say about it: it never decompresses."""
    glb = Glb(first_glb(compressed))
    glb.bin[:] = random.Random(1).randbytes(len(glb.bin))
    assert "MESHOPT_CODEC" in codes(glb.bytes())


def test_a_cut_stream_is_found(compressed: dict[str, bytes]) -> None:
    glb = Glb(first_glb(compressed))
    stream(glb, glb.primitive["attributes"]["POSITION"])["byteLength"] //= 2
    assert "MESHOPT_STREAM" in codes(glb.bytes())


def test_a_stream_of_the_newer_vertex_codec_is_found(compressed: dict[str, bytes]) -> None:
    """EXT_meshopt_compression allows version 0 only; clients of today cannot read version 1."""
    glb = Glb(first_glb(compressed))
    glb.bin[stream(glb, glb.primitive["attributes"]["POSITION"])["byteOffset"]] = 0xA1
    assert "MESHOPT_CODEC" in codes(glb.bytes())


def test_a_compressed_index_beyond_the_vertices_is_found(compressed: dict[str, bytes]) -> None:
    glb = Glb(first_glb(compressed))
    indices = glb.json["accessors"][glb.primitive["indices"]]
    vertices = glb.json["accessors"][glb.primitive["attributes"]["POSITION"]]["count"]
    # Each triangle of three new vertices: there are not that many, and the codec says so in few bytes.
    wrong = np.arange(indices["count"], dtype=np.uint32).reshape(-1, 3)
    assert wrong.max() >= vertices
    encoded = meshopt.encode_triangles(wrong)
    extension = stream(glb, glb.primitive["indices"])
    assert len(encoded) <= extension["byteLength"]
    glb.bin[extension["byteOffset"] : extension["byteOffset"] + len(encoded)] = encoded
    extension["byteLength"] = len(encoded)
    assert "INDEX_OUT_OF_RANGE" in codes(glb.bytes())


def test_a_count_that_does_not_fill_the_view_is_found(compressed: dict[str, bytes]) -> None:
    glb = Glb(first_glb(compressed))
    stream(glb, glb.primitive["attributes"]["NORMAL"])["count"] -= 1
    assert "MESHOPT_SIZE" in codes(glb.bytes())


def test_a_truncated_file_is_found(compressed: dict[str, bytes]) -> None:
    assert "GLB_LENGTH" in codes(first_glb(compressed)[:-40])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_random_damage_never_raises(compressed: dict[str, bytes], seed: int) -> None:
    """Bytes turned over anywhere give problems or nothing, never an exception (and never a crash of the decoder)."""
    chance = random.Random(seed)
    damaged = bytearray(first_glb(compressed))
    for _ in range(chance.randint(1, 30)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    check_glb(bytes(damaged))


def nested(store: dict[str, bytes]) -> tuple[Json, dict[str, bytes]]:
    return orjson.loads(store["open/r/3/tileset.json"]), dict(store)


def leaves(tile: Json) -> list[Json]:
    children = tile.get("children", [])
    return [leaf for child in children for leaf in leaves(child)] if children else [tile]


def child_outside_its_parent(tileset: Json) -> None:
    tileset["root"]["children"][0]["boundingVolume"]["region"][2] += 0.01


def content_outside_its_tile(tileset: Json) -> None:
    region = leaves(tileset["root"])[0]["boundingVolume"]["region"]
    region[5] = region[4] + 0.5


def error_rising_downwards(tileset: Json) -> None:
    leaves(tileset["root"])[0]["geometricError"] = 1e6


def error_below_that_of_the_root(tileset: Json) -> None:
    tileset["geometricError"] = tileset["root"]["geometricError"] / 2


def inner_tile_without_error(tileset: Json) -> None:
    """Cesium selects nothing below it and says nothing."""
    tileset["root"]["geometricError"] = 0
    for child in tileset["root"]["children"]:
        child["geometricError"] = 0


def root_without_refine(tileset: Json) -> None:
    del tileset["root"]["refine"]


def refine_in_lower_case(tileset: Json) -> None:
    tileset["root"]["refine"] = "add"


def content_that_is_not_there(tileset: Json) -> None:
    leaves(tileset["root"])[0]["content"]["uri"] = "../open/c/00.glb"


def absolute_address(tileset: Json) -> None:
    leaves(tileset["root"])[0]["content"]["uri"] = "/tiles/b/open/c/00.glb"


def region_inside_out(tileset: Json) -> None:
    region = tileset["root"]["boundingVolume"]["region"]
    region[0], region[2] = region[2], region[0]


def one_content_twice(tileset: Json) -> None:
    first, second, *_ = leaves(tileset["root"])
    second.update(copy.deepcopy(first))


def statistics_of_a_class_nobody_knows(tileset: Json) -> None:
    tileset["statistics"]["classes"]["bridge"] = {"count": 1}


def wrong_count_in_statistics(tileset: Json) -> None:
    tileset["statistics"]["classes"]["building"]["count"] += 1


def missing_oid_prefix(tileset: Json) -> None:
    del tileset["metadata"]["properties"]["oid_prefix"]


def unknown_version(tileset: Json) -> None:
    tileset["asset"]["version"] = "3.0"


def extension_in_a_tileset_not_declared(tileset: Json) -> None:
    tileset["root"]["extensions"] = {"3DTILES_bounding_volume_S2": {}}


def transform_that_cannot_be_undone(tileset: Json) -> None:
    tileset["root"]["transform"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5, 5, 5, 1]


def transform_with_a_perspective(tileset: Json) -> None:
    tileset["root"]["transform"] = [1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def transform_of_nine_numbers(tileset: Json) -> None:
    tileset["root"]["transform"] = [1, 0, 0, 0, 1, 0, 0, 0, 1]


def semantic_nobody_defined(tileset: Json) -> None:
    tileset["schema"]["classes"]["building"]["properties"]["height_m"]["semantic"] = "HEIGHT_ABOVE_GROUND"


def semantic_of_a_property_of_another_type(tileset: Json) -> None:
    tileset["schema"]["classes"]["building"]["properties"]["height_m"]["semantic"] = "NAME"


def two_properties_of_one_semantic(tileset: Json) -> None:
    properties = tileset["schema"]["classes"]["building"]["properties"]
    properties["name"]["semantic"] = properties["building_id"]["semantic"] = "NAME"


TILESET_MUTATIONS: dict[Callable[[Json], None], str] = {
    child_outside_its_parent: "BOUNDING_VOLUMES_INCONSISTENT",
    content_outside_its_tile: "CONTENT_OUTSIDE_BOUNDING_VOLUME",
    error_rising_downwards: "TILE_GEOMETRIC_ERRORS_INCONSISTENT",
    error_below_that_of_the_root: "TILESET_GEOMETRIC_ERROR",
    inner_tile_without_error: "EMPTY_ERROR",
    root_without_refine: "TILE_REFINE_MISSING_IN_ROOT",
    refine_in_lower_case: "TILE_REFINE_WRONG_CASE",
    content_that_is_not_there: "CONTENT_MISSING",
    absolute_address: "URI",
    region_inside_out: "BOUNDING_REGION",
    one_content_twice: "FEATURE_REPEATED",
    statistics_of_a_class_nobody_knows: "CLASS_UNKNOWN",
    wrong_count_in_statistics: "STATISTICS_COUNT",
    missing_oid_prefix: "REQUIRED_PROPERTY_MISSING",
    unknown_version: "ASSET_VERSION",
    extension_in_a_tileset_not_declared: "EXTENSION_FOUND_BUT_NOT_USED",
    transform_that_cannot_be_undone: "TRANSFORM_INVALID",
    transform_with_a_perspective: "TRANSFORM_INVALID",
    transform_of_nine_numbers: "TRANSFORM_INVALID",
    semantic_nobody_defined: "METADATA_SEMANTIC_UNKNOWN",
    semantic_of_a_property_of_another_type: "METADATA_SEMANTIC_INVALID",
    two_properties_of_one_semantic: "METADATA_SEMANTIC_REPEATED",
}


@pytest.mark.parametrize("mutate", TILESET_MUTATIONS, ids=lambda m: m.__name__)
def test_mutation_of_a_tileset_is_found(mutate: Callable[[Json], None], plain: dict[str, bytes]) -> None:
    tileset, store = nested(plain)
    mutate(tileset)
    store["open/r/3/tileset.json"] = orjson.dumps(tileset)
    assert TILESET_MUTATIONS[mutate] in {p.code for p in check_tileset(dataset_reader(store.__getitem__), REVISION)}


def test_a_tileset_that_contains_itself_is_found() -> None:
    root = {"boundingVolume": {"region": [0, 0, 1, 1, 0, 1]}, "geometricError": 1, "refine": "ADD", "content": {"uri": "tileset.json"}}
    files = {"tileset.json": orjson.dumps({"asset": {"version": "1.1"}, "geometricError": 1, "root": root})}
    assert "TILESET_CYCLE" in {p.code for p in check_tileset(files.__getitem__)}


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_line_reports_by_its_exit_code(
    broken: bool, tmp_path: Path, plain: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    for key, content in plain.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(content)
    glb = next(iter(sorted(tmp_path.rglob("*.glb"))))
    if broken:
        glb.write_bytes(glb.read_bytes()[:-8])
    assert main([str(tmp_path)]) == int(broken)
    assert main([str(glb)]) == int(broken)
    assert ("GLB_LENGTH" in capsys.readouterr().out) == broken


def test_the_command_line_says_when_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 2
