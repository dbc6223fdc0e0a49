"""Every file of the sample city's tilesets through the Khronos validator, the published JSON Schemas, our checker and 3d-tiles-tools."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests import tile_readers
from tests.official_schemas import official
from tests.served_city import City
from tiles.checker.__main__ import problems_at
from tiles.checker.json_schemas import schema_validator

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).parents[1] / "node" / "tools"
type Validate = Callable[[dict[str, Any]], list[str]]


@pytest.fixture(scope="module")
def tiled(city_server: httpx.Client) -> list[str]:
    """The datasets that have a tileset of contents of ours."""
    layers = city_server.get("/scene.json").json()["layers"]
    found = [str(layer["dataset"]) for layer in layers if layer["tileset"] is not None and layer["recipe"] != "model"]
    assert {"buildings", "pipe_segments", "pipe_nodes", "point_clouds", "underground_spaces"} <= set(found)
    return found


@pytest.fixture(scope="module")
def tiles(demo_city: City) -> Path:
    """The folder of the store in which all tiles lie."""
    return demo_city.data_dir / "store" / "tiles"


def test_the_khronos_validator_finds_nothing_in_any_content(tiles: Path) -> None:
    glbs = sorted(tiles.glob("*/*/c/*.glb"))
    reports = tile_readers.run("validate.mjs", glbs)
    assert len(reports) == len(glbs) > 50
    assert [r for r in reports if r["errors"] or r["warnings"]] == []


def test_every_document_is_of_its_published_schema(tiles: Path) -> None:
    published = official("3dtiles-1.1")
    of_tileset = schema_validator(published, "tileset.schema.json")
    of_subtree = schema_validator(published, "Subtree/subtree.schema.json")
    of_schema = schema_validator(published, "Schema/schema.schema.json")
    tilesets = [*tiles.glob("*/*/r/*/*.json"), *tiles.glob("*/*/t/*.json")]
    counts = (
        judged(of_tileset, (orjson.loads(p.read_bytes()) for p in tilesets)),
        judged(of_subtree, (subtree_json(p.read_bytes()) for p in tiles.glob("*/*/s/*.subtree"))),
        judged(of_schema, (schema for p in tiles.glob("*/*/c/*.glb") for schema in schemas(glb_json(p.read_bytes())))),
    )
    assert min(counts) >= 5


def judged(validate: Validate, documents: Iterator[dict[str, Any]]) -> int:
    """Find nothing wrong with any of the documents and return how many they are."""
    count = 0
    for document in documents:
        assert validate(document) == []
        count += 1
    return count


def glb_json(file: bytes) -> dict[str, Any]:
    return dict(orjson.loads(file[20 : 20 + struct.unpack_from("<I", file, 12)[0]]))


def subtree_json(file: bytes) -> dict[str, Any]:
    return dict(orjson.loads(file[24 : 24 + struct.unpack_from("<Q", file, 8)[0]]))


def schemas(gltf: dict[str, Any]) -> Iterator[dict[str, Any]]:
    metadata = gltf.get("extensions", {}).get("EXT_structural_metadata", {})
    if "schema" in metadata:
        yield metadata["schema"]


def test_every_property_table_has_all_numbers_and_enums(tiles: Path) -> None:
    """The schema lets any be omitted that has no value, but the published validator (0.6.1) ends with an error of its own then."""
    for path in tiles.glob("*/*/c/*.glb"):
        metadata = glb_json(path.read_bytes()).get("extensions", {}).get("EXT_structural_metadata", {})
        for table in metadata.get("propertyTables", []):
            known = metadata["schema"]["classes"][table["class"]]["properties"]
            assert {name for name, prop in known.items() if prop["type"] != "STRING"} <= set(table["properties"]), path


def test_no_content_and_no_document_is_larger_than_a_client_likes(tiles: Path) -> None:
    """300 kB a content unless one feature has more, 200 kB a tileset file."""
    large = {p: glb_json(p.read_bytes()) for p in tiles.glob("*/*/c/*.glb") if p.stat().st_size > 300_000}
    tables = {p: gltf["extensions"]["EXT_structural_metadata"].get("propertyTables", [{"count": 0}]) for p, gltf in large.items()}
    assert {p: table["count"] for p, (table, *_) in tables.items() if table["count"] != 1} == {}
    assert max(p.stat().st_size for pattern in ("*/*/t/*.json", "*/*/r/*/*.json") for p in tiles.glob(pattern)) <= 200_000


def test_our_checker_finds_nothing_in_any_revision(tiles: Path, tiled: list[str]) -> None:
    for dataset in tiled:
        if list((tiles / dataset).glob("*/r/*/implicit.json")):
            assert problems_at(tiles / dataset) == [], dataset


@pytest.mark.parametrize("dataset", ["buildings", "pipe_segments", "point_clouds"])
def test_3d_tiles_tools_reads_converts_and_analyses_our_tilesets(dataset: str, city_server: httpx.Client, tmp_path: Path) -> None:
    ours, folder, theirs, joined = tmp_path / "ours.3tz", tmp_path / "folder", tmp_path / "theirs.3tz", tmp_path / "joined"
    ours.write_bytes(city_server.get(f"/tiles/{dataset}/export.3tz").raise_for_status().content)
    run_tools("convert", "-i", ours, "-o", folder)
    run_tools("convert", "-i", folder, "-o", theirs)
    run_tools("combine", "-i", folder, "-o", joined)
    files = entries(ours)
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == files
    assert entries(theirs) == files
    assert problems_at(joined) == []
    contents = [name for name in files if name.endswith(".glb")]
    for name in contents[:2]:
        run_tools("analyze", "-i", folder / name, "-o", tmp_path / "analysed")
    assert len(list((tmp_path / "analysed").glob("*.glb.json"))) == len(contents[:2])


def entries(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
        return {name: opened.read(name) for name in opened.namelist() if not name.startswith("@3dtilesIndex")}


def run_tools(*arguments: object) -> None:
    """Run a command of 3d-tiles-tools, which says what it does not like and ends well all the same."""
    script = TOOLS / "node_modules" / "3d-tiles-tools" / "build" / "src" / "cli" / "main.js"
    if not script.is_file():
        pytest.skip("tests/node/tools has no 3d-tiles-tools: run npm ci there")
    words = [tile_readers.node(), str(script), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "NO_COLOR": "1"})
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not any(word in said for word in ("ERROR", "WARN", "Error:")), said
