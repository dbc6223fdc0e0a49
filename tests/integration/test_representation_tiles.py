"""A real CityJSON file through the database into tiles and scene: another roof is another tile, and what was built before stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.opened_city import load, opened_city, request
from tiles import read
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.columns import FeatureColumns
from tiles.read import ReadError, read_drawn, read_representations
from twin.heights import VerticalModel
from twin.model import Principal
from twin.query.collection import collection_of
from twin.query.feature_query import FeatureQuery
from twin.query.representations import representations_statement
from twin.representation import decode, encode_unpacked
from twin.server.assets import build_asset, build_missing
from twin.server.city import City
from twin.server.scene import scene_document

ZURICH = "cityjson-zurich/zurich_subset_lod2.json"


@pytest.fixture
def city(database_url: str, open_folder: Path) -> Iterator[City]:
    with opened_city(database_url, open_folder / "city", 2056) as opened:
        yield opened


def quiet(*_: object) -> None:
    """Progress nobody watches."""


def publish(city: City, path: Path) -> int:
    assert load(city, request(path, (None, "building", "buildings"))).rejected == 0
    assert build_missing(city, quiet) is None
    return city.catalogue.last_commit()


def with_another_roof(source: Path, target: Path) -> Path:
    """The same buildings, the highest vertex of the first part a metre higher."""
    document: Any = json.loads(source.read_text())
    part = next(thing for thing in document["CityObjects"].values() if thing.get("geometry"))
    used = np.unique([i for face in part["geometry"][0]["boundaries"] for ring in face for i in ring]).tolist()
    top = max(used, key=lambda i: document["vertices"][i][2])
    document["vertices"][top][2] += round(1 / document["transform"]["scale"][2])
    target.write_text(json.dumps(document))
    return target


def query(city: City, as_of: int) -> FeatureQuery:
    collection = collection_of(city.catalogue, city.deployment, city.catalogue.dataset("buildings"))
    assert collection is not None
    return FeatureQuery(collection, collection.crs[0], as_of=as_of)


def drawn(city: City, as_of: int) -> FeatureColumns:
    wanted = query(city, as_of)
    with city.pool.connection() as connection:
        return read_drawn(connection, wanted, Principal.system(), wanted.collection.feature_type)


def tiles_of(city: City) -> dict[str, bytes]:
    folder = city.store.path("tiles/buildings")
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def problems(city: City, revision: int) -> list[object]:
    return list(check_tileset(dataset_reader(lambda key: city.store.get(f"tiles/buildings/{key}")), f"{revision}/tileset.json@open"))


def test_roofs_go_from_file_to_tiles_and_old_revisions_stay(
    city: City, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(city, real_data / ZURICH)
    before = tiles_of(city)
    tileset = json.loads(before[f"open/r/{first}/tileset.json"])
    assert tileset["extras"]["lod"] == {"2": 49}
    assert problems(city, first) == []

    second = publish(city, with_another_roof(real_data / ZURICH, tmp_path / "later.city.json"))
    assert second == first + 1
    after = tiles_of(city)
    assert {k: after[k] for k in before} == before
    assert sum(k.endswith(".glb") for k in after.keys() - before.keys()) == 1
    assert problems(city, second) == problems(city, first) == []

    # What is read is what the table holds at each commit, in pieces as in one, and builds to the same bytes again.
    rows = {commit: stored(city, commit) for commit in (first, second)}
    assert sum(rows[first][fid] != rows[second][fid] for fid in rows[first]) == 1
    monkeypatch.setattr(read, "BATCH_BYTES", 20_000)
    for commit, expected in rows.items():
        features = drawn(city, commit)
        r = features.representations
        assert r is not None
        pieces = [r.data[a:b].tobytes() for a, b in zip(r.offsets[:-1], r.offsets[1:], strict=True)]
        assert dict(zip(features.fid.tolist(), zip(r.lod.tolist(), pieces, strict=True), strict=True)) == expected
    for key in before:
        city.store.path(f"tiles/buildings/{key}").unlink()
    forget(city, first)
    assert build_asset(city, "buildings", first, quiet)
    assert {k: v for k, v in tiles_of(city).items() if k in before} == before

    with city.pool.connection() as connection, pytest.raises(ReadError):
        read_representations(connection, query(city, second), Principal.system(), drawn(city, second).fid[1:])

    choices = layer(city)["style"]["choices"]
    assert choices[-1]["kind"] == "surface"
    assert {e["value"]: e["id"] for e in choices[-1]["legend"]} == {"roof": 1, "wall": 2, "ground": 3}


def test_tiles_are_the_same_whatever_version_faces_are_stored_in(city: City, real_data: Path) -> None:
    revision = publish(city, real_data / ZURICH)
    packed = tiles_of(city)
    with city.pool.connection() as connection:
        before = stored(city, revision)
        connection.execute("UPDATE city.representation SET faces = catalog.unpacked_faces_v1(faces) WHERE fid % 3 > 0")
        heads = connection.execute("SELECT DISTINCT convert_from(substr(faces, 1, 4), 'UTF8') FROM city.representation").fetchall()
    assert {head for (head,) in heads} == {"TWR1", "TWR3"}
    assert stored(city, revision) == before
    for key in packed:
        city.store.path(f"tiles/buildings/{key}").unlink()
    forget(city, revision)
    assert build_asset(city, "buildings", revision, quiet)
    assert tiles_of(city) == packed


def stored(city: City, commit: int) -> dict[int, tuple[int, bytes]]:
    """Level in tenths and bytes of each feature, as psycopg reads them, in version 1."""
    statement = representations_statement(query(city, commit), Principal.system())
    with city.pool.connection() as connection:
        found = connection.execute(statement.text, statement.values).fetchall()
    return {fid: (round(float(lod) * 10), encode_unpacked(decode(bytes(faces)))) for fid, lod, faces in found}


def forget(city: City, commit: int) -> None:
    """Let the catalogue forget what was built of a revision."""
    with city.pool.connection() as connection:
        connection.execute("DELETE FROM catalog.asset WHERE revision = %s", (commit,))


def layer(city: City) -> Any:
    document: Any = scene_document(city.catalogue, Principal.anonymous(), VerticalModel("none"))
    return document["layers"][0]
