"""Textured houses through the sandbox, the database and the tiles: a picture is as much a part of a body as its roof."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from ingest.rollback import rollback
from tests.integration.test_filtered_tiles import crawled
from tests.opened_city import load, opened_city, request
from tests.textured_city import SRID, as_file, quarters, textured_zip
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from twin.heights import VerticalModel
from twin.model import Principal
from twin.pictures import decode, key_of, name_of
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.scene import scene_document
from twin.server.tile_garbage import collect

OTHER = quarters()[::-1, ::-1].copy()


@pytest.fixture
def city(database_url: str, open_folder: Path) -> Iterator[City]:
    with opened_city(database_url, open_folder / "city", SRID) as opened:
        yield opened


def quiet(*_: object) -> None:
    """Progress nobody watches."""


def deliver(city: City, path: Path, picture: bytes | None = None) -> Any:
    result = load(city, request(textured_zip(path, picture=picture), (None, "building", "houses")))
    assert build_missing(city, quiet) is None
    return result


def contents(city: City, revision: int) -> dict[str, bytes]:
    """The GLBs that the tileset of a revision comes to, with what is in their JSON."""
    read = dataset_reader(lambda key: city.store.get(f"tiles/houses/{key}"))
    assert check_tileset(read, f"{revision}/tileset.json@open") == []
    root = json.loads(read(f"{revision}/tileset.json@open"))["root"]
    uris = [tile["content"]["uri"] for tile in (root, *root.get("children", [])) if "content" in tile]
    return {uri: city.store.get(f"tiles/houses/open/c/{uri.rpartition('/')[2]}") for uri in uris}


def shows(glb: bytes) -> bool:
    (length,) = struct.unpack_from("<I", glb, 12)
    return "images" in json.loads(glb[20 : 20 + length])


def test_pictures_are_published_compared_and_rolled_back(city: City, tmp_path: Path) -> None:
    first = deliver(city, tmp_path / "houses.zip")
    assert (first.published, dict(first.findings)) == (2, {})
    kept = decode(city.store.get(key_of(name_of(quarters()))))
    assert np.abs(kept[16::32, 16::32].astype(int) - quarters()[16::32, 16::32]).max() < 12
    drawn = contents(city, first.commit)
    assert sum(map(shows, drawn.values())) == 1

    one = crawled(city, "/tiles/houses/tileset.json?filter=" + quote("building_id = 'house-1'"))
    assert [shows(body) for path, body in one.items() if path.endswith(".glb")] == [True]

    again = deliver(city, tmp_path / "again.zip", as_file(quarters(), "BMP"))
    assert (again.published, again.unchanged, again.commit) == (0, 2, None)

    second = deliver(city, tmp_path / "other.zip", as_file(OTHER))
    assert (second.published, second.unchanged) == (2, 0)
    assert contents(city, second.commit) != drawn

    rolled_back = rollback(city.catalogue, first.commit, "operator", "the first pictures again", lambda extent: extent)
    assert build_missing(city, quiet) is None
    assert contents(city, rolled_back.commit) == drawn
    collect(city, city.catalogue.dataset("houses"), 1)
    assert contents(city, rolled_back.commit) == drawn
    assert city.store.exists(key_of(name_of(quarters())))

    (layer,) = scene_document(city.catalogue, Principal.anonymous(), VerticalModel("none"))["layers"]
    assert layer["style"]["color_by"] == "texture"
    assert layer["style"]["choices"][-1]["kind"] == "texture"

    # The database reads bodies of this version, too.
    with city.pool.connection() as connection:
        rows = connection.execute(
            "SELECT substring(faces FROM 1 FOR 4), ST_AsText(catalog.representation_geometry_v2(faces, 4549)),"
            " ST_AsText(catalog.representation_geometry_v1('TWR1'::bytea || substring(faces FROM 5), 4549)) FROM city.representation"
        ).fetchall()
    assert [bytes(magic) for magic, *_ in rows] == [b"TWR2"] * 2
    assert all(both == plain and both.startswith("POLYHEDRALSURFACE Z") for _, both, plain in rows)
