"""CityJSON into a city: real files are read, published, changed, rolled back and told apart by what they are, not how they are written."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from tests.in_process import load
from tests.opened_city import load as load_in_sandbox
from tests.opened_city import opened_city, request
from twin.errors import RejectedError
from twin.model import Principal
from twin.query.collection import collection_of
from twin.query.feature_query import FeatureQuery
from twin.query.representations import representations_statement
from twin.representation import Faces, SurfaceType, decode
from twin.server.city import City

DELFT = "cityjson-3dbag-delft/delft.city.json"
DEN_HAAG = "cityjson-denhaag/denhaag_lod2_v11.city.json"
ROTTERDAM = "cityjson-rotterdam/rotterdam_delfshaven_lod2_v20.city.json"
ZURICH = "cityjson-zurich/zurich_subset_lod2.json"
VIENNA = "cityjson-vienna-seq/vienna.city.jsonl"


@pytest.fixture
def netherlands(database_url: str, open_folder: Path) -> Iterator[City]:
    with opened_city(database_url, open_folder / "city", 28992) as city:
        yield city


def _buildings(path: Path, **options: str) -> Any:
    return request(path, (None, "building", "buildings"), **options)


def _faces(city: City, lod: str = "all", as_of: int | None = None) -> dict[tuple[str, str], Faces]:
    """Return the stored faces by key and level of detail."""
    collection = collection_of(city.catalogue, city.deployment, city.catalogue.dataset("buildings"))
    assert collection is not None
    query = FeatureQuery(collection, collection.crs[0], as_of=as_of)
    statement = representations_statement(query, Principal.system(), lod)
    with city.pool.connection() as connection:
        rows = connection.execute(statement.text, statement.values).fetchall()
        assert [r[0] for r in rows] == sorted(r[0] for r in rows)
        tables = [f"city.building_d{collection.dataset.id}", f"history.building_d{collection.dataset.id}"]
        keys: dict[int, str] = {}
        for table in tables:
            keys |= dict(connection.execute(f"SELECT fid, natural_key FROM {table}").fetchall())
    return {(keys[fid], level): decode(bytes(faces)) for fid, level, faces in rows}


def _members(document: Any, name: str) -> list[Any]:
    """Return an object and its descendants, read with json alone."""
    found = [document["CityObjects"][name]]
    for child in found[0].get("children", []):
        found += _members(document, child)
    return found


def _surfaces(node: Any) -> list[list[list[int]]]:
    """Return every surface (a list of rings of numbers) anywhere in nested boundaries."""
    if node and node[0] and isinstance(node[0][0], int):
        return [node]
    return [s for inner in node for s in _surfaces(inner)]


def _volume(faces: Faces) -> float:
    """Signed volume by the divergence theorem over fans of every ring: flat faces, so any fan will do."""
    total = 0.0
    middle = faces.vertices.mean(axis=0)
    starts = np.concatenate([[0], faces.ring_ends])
    for a, b in pairwise(starts.tolist()):
        ring = faces.vertices[faces.indices[a:b]] - middle
        total += float(np.einsum("ij,ij->", np.cross(ring[1:-1], ring[2:]), np.broadcast_to(ring[0], ring[1:-1].shape))) / 6
    return total


def test_delft_has_four_levels_of_every_building(netherlands: City, real_data: Path) -> None:
    result = load(netherlands, _buildings(real_data / DELFT))
    assert (result.read, result.published, result.rejected) == (159, 159, 0)
    document = json.loads((real_data / DELFT).read_bytes())
    expected: Counter[tuple[str, str]] = Counter()
    for name, city_object in document["CityObjects"].items():
        if city_object["type"] == "Building":
            for member in _members(document, name):
                for geometry in member.get("geometry", []):
                    # 3DBAG writes a few surfaces whose outline names only two vertices: they bound nothing
                    expected[(name, geometry["lod"])] += sum(len(set(s[0])) >= 3 for s in _surfaces(geometry["boundaries"]))
    stored = _faces(netherlands)
    assert {key: len(faces.face_ends) for key, faces in stored.items()} == dict(expected)
    assert {lod for _, lod in _faces(netherlands, "highest")} == {"2.2"}
    assert {lod for _, lod in _faces(netherlands, "1.3")} == {"1.3"}


def test_json_and_sequence_are_the_same_city(netherlands: City, real_data: Path, tmp_path: Path) -> None:
    """Another container, other vertex numbers, another order, another transform: not one row changes."""
    load(netherlands, _buildings(real_data / DELFT))
    sequence = real_data / "cityjson-3dbag-delft/delft.city.jsonl"
    again = load(netherlands, _buildings(sequence))
    assert (again.commit, again.unchanged) == (None, 159)
    head, *lines = sequence.read_text("utf-8").splitlines()
    random.Random(4).shuffle(lines)
    shuffled = tmp_path / "shuffled.city.jsonl.gz"
    shuffled.write_bytes(gzip.compress("\n".join([head, *lines]).encode()))
    assert load(netherlands, _buildings(shuffled)).commit is None


def test_vertices_lie_where_pyproj_puts_them(database_url: str, open_folder: Path, real_data: Path) -> None:
    """Zürich in a city of another grid: every stored vertex against PROJ, applied to the file's own numbers."""
    with opened_city(database_url, open_folder / "city", 32632) as city:
        result = load(city, _buildings(real_data / ZURICH))
        assert (result.read, result.published) == (49, 49)
        stored = _faces(city)
    document = json.loads((real_data / ZURICH).read_bytes())
    scale, translate = (np.array(document["transform"][k]) for k in ("scale", "translate"))
    positions = np.array(document["vertices"]) * scale + translate
    to_utm = pyproj.transformer.TransformerGroup(2056, 32632, always_xy=True).transformers[0]
    x, y = to_utm.transform(positions[:, 0], positions[:, 1])
    for name, city_object in document["CityObjects"].items():
        if city_object["type"] != "Building":
            continue
        corners = [
            i for m in _members(document, name) for g in m.get("geometry", []) for s in _surfaces(g["boundaries"]) for r in s for i in r
        ]
        expected = np.column_stack([x, y, positions[:, 2]])[corners]
        faces = stored[(name, "2")]
        assert np.abs(faces.vertices[faces.indices] - expected).max() < 0.0006
        assert len(faces.indices) == len(corners)


@pytest.mark.slow
def test_solids_have_the_volume_of_their_walls_and_roofs(netherlands: City, real_data: Path) -> None:
    """A closed solid measured two ways: by its faces in space, and (LoD 1.2, flat roofs) as outlines times heights by shapely."""
    load(netherlands, _buildings(real_data / DELFT))
    compared = 0
    for (_, lod), faces in _faces(netherlands).items():
        if lod != "1.2" or len(faces.solid_ends) != 1:
            continue
        starts = np.concatenate([[0], faces.ring_ends])
        rings = [faces.vertices[faces.indices[a:b]] for a, b in pairwise(starts.tolist())]
        firsts = np.concatenate([[0], faces.face_ends])
        volume = 0.0
        for face, (a, b) in enumerate(pairwise(firsts.tolist())):
            if faces.surface_type[face] in (SurfaceType.ROOF, SurfaceType.GROUND):
                sign = 1 if faces.surface_type[face] == SurfaceType.ROOF else -1
                volume += sign * shapely.Polygon(rings[a][:, :2], [r[:, :2] for r in rings[a + 1 : b]]).area * rings[a][:, 2].mean()
        assert _volume(faces) == pytest.approx(volume, rel=0.01, abs=0.5)
        compared += 1
    assert compared > 100


def test_den_haag_is_one_feature_a_building_with_its_parts(netherlands: City, real_data: Path) -> None:
    result = load(netherlands, _buildings(real_data / DEN_HAAG))
    assert (result.read, result.published) == (844, 844)
    document = json.loads((real_data / DEN_HAAG).read_bytes())
    stored = _faces(netherlands)
    for name, city_object in document["CityObjects"].items():
        if city_object["type"] == "Building":
            members = _members(document, name)
            solids = [g for m in members for g in m.get("geometry", [])]
            faces = stored[(name, "2")]
            assert len(faces.solid_ends) == len(solids)
            assert len(set(faces.part.tolist())) == sum(bool(m.get("geometry")) for m in members)
    roofs = sum(int((f.surface_type == SurfaceType.ROOF).sum()) for f in stored.values())
    expected = 0
    for city_object in document["CityObjects"].values():
        for geometry in city_object.get("geometry", []) if city_object["type"] != "TINRelief" else ():
            kinds = [s["type"] for s in geometry["semantics"]["surfaces"]]
            expected += sum(kinds[v] == "RoofSurface" for shell in geometry["semantics"]["values"] for v in shell if v is not None)
    assert roofs == expected > 844


@pytest.mark.slow
def test_rotterdam_stands_on_its_ground_surfaces(netherlands: City, real_data: Path) -> None:
    result = load(netherlands, _buildings(real_data / ROTTERDAM))
    assert (result.read, result.published, result.rejected) == (853, 853, 0)
    document = json.loads((real_data / ROTTERDAM).read_bytes())
    scale, translate = (np.array(document["transform"][k]) for k in ("scale", "translate"))
    positions = np.array(document["vertices"]) * scale + translate
    dataset = netherlands.catalogue.dataset("buildings")
    with netherlands.pool.connection() as connection:
        rows = connection.execute(
            f"SELECT natural_key, ST_AsBinary(geom), height_m, height_source FROM city.building_d{dataset.id}"
        ).fetchall()
    compared = 0
    for key, wkb, height_m, height_source in rows:
        geometry = document["CityObjects"][key]["geometry"][0]
        kinds = [s["type"] for s in geometry["semantics"]["surfaces"]]
        ground = [b for b, v in zip(geometry["boundaries"], geometry["semantics"]["values"], strict=True) if kinds[v] == "GroundSurface"]
        assert height_m > 0
        assert height_source == "geometry"
        polygons = [shapely.Polygon(positions[b[0]][:, :2], [positions[r][:, :2] for r in b[1:]]) for b in ground]
        if polygons and all(p.is_valid for p in polygons):
            expected = shapely.union_all(polygons)
            assert shapely.from_wkb(bytes(wkb)).symmetric_difference(expected).area < 0.01 * expected.area + 0.01
            compared += 1
    assert compared > 800


def test_vienna_must_say_its_reference_system(database_url: str, open_folder: Path, real_data: Path) -> None:
    with opened_city(database_url, open_folder / "city", 31256) as city:
        with pytest.raises(RejectedError) as refused:
            load_in_sandbox(city, _buildings(real_data / VIENNA))
        assert refused.value.code == "crs-undeclared"
        result = load_in_sandbox(city, _buildings(real_data / VIENNA, crs="EPSG:31256"))
        assert (result.read, result.published) == (149, 149)
        # the exporter wrote every body twice, as solid and as surfaces: drawn once, the solid with the meaning of the surfaces
        stored = _faces(city)
        assert {lod for _, lod in stored} == {"2"}
        bodies = [f for f in stored.values() if len(f.solid_ends)]
        assert all(int(f.solid_ends[-1]) == len(f.shell_ends) and int(f.shell_ends[-1]) == len(f.face_ends) for f in bodies)
        assert sum(int((f.surface_type == SurfaceType.ROOF).sum()) for f in bodies) > 149
