"""A second quarter's survey changes what its manifest says; a rollback brings back every tile and every byte of the exports."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from ingest.request import LoadRequest
from ingest.rollback import rollback
from sample_city import generate
from sample_city.manifest import Update
from tests.opened_city import load, opened_city, request
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.exports import export_dataset, export_dataset_as_cityjson

PIPES = (("管点", "pipe_node", "pipe_nodes"), ("管线", "pipe_segment", "pipe_segments"))
BUILDINGS = ((None, "building", "buildings"),)
DATASETS = ("buildings", "pipe_nodes", "pipe_segments")


def test_a_second_survey_and_the_way_back(database_url: str, open_folder: Path) -> None:
    folder = open_folder / "sample"
    manifest = generate(folder, scale=500)
    updates = {(u.mode, u.feature_type, Path(u.file).name): u for u in manifest.updates}
    with opened_city(database_url, open_folder / "data", 4549) as city:
        load(city, request(folder / "建筑物.gpkg", *BUILDINGS))
        lod2 = load(city, of_mode(request(folder / "中心区LOD2.city.json", *BUILDINGS), "delta"))
        assert lod2.datasets["buildings"] == counts(updates["delta", "building", "中心区LOD2.city.json"], whole=False)
        load(city, request(folder / "管线普查.xlsx", *PIPES, crs="EPSG:4549"))
        before, commit = state(city, open_folder), city.catalogue.last_commit()
        buildings = load(city, request(folder / "第二期" / "建筑物.gpkg", *BUILDINGS))
        # What a survey left out and the 3D of the building gave goes with the survey's next word: more updates than without 3D.
        expected = counts(updates["replace", "building", "建筑物.gpkg"])
        assert {buildings.datasets["buildings"][a] == expected[a] for a in ("insert", "delete")} == {True}
        assert buildings.datasets["buildings"]["update"] >= expected["update"]
        pipes = load(city, request(folder / "第二期" / "管线普查.xlsx", *PIPES, crs="EPSG:4549"))
        assert pipes.datasets["pipe_nodes"] == counts(updates["replace", "pipe_node", "管线普查.xlsx"])
        assert pipes.datasets["pipe_segments"] == counts(updates["replace", "pipe_segment", "管线普查.xlsx"])
        after = state(city, open_folder)
        assert all(before[key] != after[key] for key in before)
        rollback(city.catalogue, commit, "tester", "", city.extent_deg)
        assert state(city, open_folder) == before


def of_mode(asked: LoadRequest, mode: str) -> LoadRequest:
    return dataclasses.replace(asked, mode=mode)  # type: ignore[arg-type]


def counts(update: Update, *, whole: bool = True) -> dict[str, int]:
    """Return what a load says of an update; ``whole``: also of what stays as it is."""
    unchanged = update.unchanged if whole else 0
    return {"insert": update.inserted, "update": update.updated, "unchanged": unchanged, "delete": update.deleted}


def state(city: City, folder: Path) -> dict[str, object]:
    """Return of every dataset the names of its tiles, which are hashes, and the bytes of its exports."""
    assert build_missing(city, lambda *_: None) is None
    found: dict[str, object] = {}
    for slug in DATASETS:
        revision = city.catalogue.current_revision(slug)
        assert revision is not None
        tileset = json.loads(city.store.get(f"tiles/{slug}/open/r/{revision.commit}/tileset.json"))
        found[f"tiles of {slug}"] = sorted(contents(tileset["root"]))
        export_dataset(city, slug, None, folder / "export.geojsonl")
        found[f"features of {slug}"] = (folder / "export.geojsonl").read_bytes()
    export_dataset_as_cityjson(city, "buildings", None, "cityjsonseq", folder / "export.city.jsonl")
    found["3D of buildings"] = (folder / "export.city.jsonl").read_bytes()
    return found


def contents(tile: dict[str, object]) -> Iterator[str]:
    given = [tile["content"]] if "content" in tile else tile.get("contents", [])
    for content in given:  # type: ignore[attr-defined]
        yield content["uri"]
    for child in tile.get("children", []):  # type: ignore[attr-defined]
        yield from contents(child)
