"""CityJSON out of a city: what came as CityJSON leaves with its own digits, whatever else is in the dataset; both meet the schema."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyproj
import pytest
from psycopg import sql

from ingest.readers.choice import import_for
from tests.in_process import load
from tests.official_schemas import official
from tests.opened_city import get, opened_city, request
from twin.model import Principal
from twin.packed_documents import MAGIC, unpacked
from twin.server.city import City
from twin.server.cityjson.export import Format, export_cityjson
from twin.server.exports import export_dataset_as_cityjson
from twin.tables import table_name

FILES = {
    "cityjson-zurich/zurich_subset_lod2.json": (32632, None),  # a city of another grid: the digits stay those of the source
    "bad-cityjson-cjval/texture4.city.json": (3068, None),  # textured, LoD 3
}
LARGE_FILES = {
    "cityjson-vienna-seq/vienna.city.jsonl": (31256, "EPSG:31256"),  # no reference system in the file
    "cityjson-denhaag/denhaag_lod2_v11.city.json": (28992, None),  # 1.1, parts, materials
    "cityjson-rotterdam/rotterdam_delfshaven_lod2_v20.city.json": (28992, None),  # 2.0, textures
}


def _exported(city: City, form: Format = "cityjson", as_of: int | None = None) -> bytes:
    return b"".join(export_cityjson(city, "things", as_of, form, Principal.system()))


def _document(content: bytes) -> Any:
    """Return a document, or a sequence as objects that carry their own vertices and appearance."""
    try:
        return json.loads(content)
    except json.JSONDecodeError:
        first, *lines = content.splitlines()
        return json.loads(first) | {"features": [json.loads(line) for line in lines]}


def _objects(document: Any) -> dict[str, Any]:
    """Return every object with its numbers replaced by what they mean: integer vertices, materials, textures."""
    scopes = [{**document, **f} for f in document.get("features", [])] or [document]
    return {name: _meant(o, scope) for scope in scopes for name, o in scope["CityObjects"].items()}


def _meant(city_object: Any, scope: Any) -> Any:
    made = dict(city_object)
    appearance = scope.get("appearance", {})
    made["geometry"] = [_meant_geometry(g, scope["vertices"], appearance) for g in city_object.get("geometry", [])]
    return made


def _meant_geometry(geometry: Any, vertices: Any, appearance: Any) -> Any:
    made = dict(geometry)
    made["boundaries"] = _each(geometry["boundaries"], lambda i: tuple(vertices[i]))
    for theme, material in geometry.get("material", {}).items():
        values = {k: _each(v, lambda i: appearance["materials"][i]) for k, v in material.items()}
        made["material"] = {**made["material"], theme: values}
    for theme, texture in geometry.get("texture", {}).items():
        made["texture"] = {**made["texture"], theme: _meant_texture(texture["values"], appearance)}
    return made


def _meant_texture(node: Any, appearance: Any) -> Any:
    if node and not isinstance(node[0], list):
        return node if node[0] is None else [appearance["textures"][node[0]], *(tuple(appearance["vertices-texture"][i]) for i in node[1:])]
    return [_meant_texture(n, appearance) for n in node]


def _each(node: Any, meaning: Any) -> Any:
    if isinstance(node, list):
        return [_each(n, meaning) for n in node]
    return None if node is None else meaning(node)


def _of_buildings(document: Any) -> dict[str, Any]:
    """Return the objects that are buildings or belong to one."""
    return {name: o for name, o in _objects(document).items() if o["type"].startswith("Building")}


def _check_schema(document: Mapping[str, Any], objects: int = 12) -> None:
    """Hold a document to the schema of version 2.0, with its first objects only: the validator takes minutes for a whole one."""
    path = official("cityjson-2.0", "cityjson.min.schema.json")
    some = dict(itertools.islice(document["CityObjects"].items(), objects))
    appearance = {k: v[:50] if isinstance(v, list) else v for k, v in document.get("appearance", {}).items()}
    cut = {**document, "CityObjects": some, "vertices": document["vertices"][:50]} | ({"appearance": appearance} if appearance else {})
    validator = jsonschema.Draft7Validator(json.loads(path.read_bytes()))
    assert [e.message[:200] for e in validator.iter_errors(cut)] == []


def _check_the_ogc_door(city: City, content: bytes) -> None:
    """The door gives the same file; in a CRS that is asked for the same places; of some features those."""
    items = "/ogc/collections/things/items"
    own, moved, sequence, some = get(
        city, f"{items}?f=cityjson", f"{items}?f=cityjson&crs=OGC:CRS84h", f"{items}?f=cityjsonseq&limit=1", f"{items}?f=ndjson&limit=1"
    )
    assert (own.content, own.headers["content-type"]) == (content, "application/city+json")
    grid, degrees = (np.array(d["vertices"]) * d["transform"]["scale"] + d["transform"]["translate"] for d in (own.json(), moved.json()))
    if own.json()["metadata"]["referenceSystem"].rsplit("/", 1)[1] == str(city.deployment.storage_srid):
        to_degrees = pyproj.Transformer.from_crs(city.deployment.storage_srid, 4326, always_xy=True)
        expected = np.column_stack(to_degrees.transform(grid[:, 0], grid[:, 1]))
        away = np.abs(degrees[:, None, :2].min(axis=0) - expected.min(axis=0)).max() * 111_320
        assert away < 0.003
    assert len(sequence.content.splitlines()) == 2
    assert len(some.content.splitlines()) == 1


@pytest.mark.parametrize("name", [*FILES, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE_FILES)])
def test_what_came_as_cityjson_leaves_with_its_own_digits(name: str, database_url: str, open_folder: Path, real_data: Path) -> None:
    srid, crs = (FILES | LARGE_FILES)[name]
    source = _document((real_data / name).read_bytes())
    with opened_city(database_url, open_folder / "city", srid) as city:
        load(city, request(real_data / name, (None, "building", "things"), crs=crs))
        content = _exported(city)
        sequence = _exported(city, "cityjsonseq")
        _check_the_ogc_door(city, content)
    exported = json.loads(content)
    assert exported["transform"] == source["transform"]
    assert exported.get("extensions") == source.get("extensions")
    expected = _of_buildings(source)
    assert _of_buildings(exported) == expected
    assert _of_buildings(_document(sequence)) == expected
    if name != "bad-cityjson-cjval/texture4.city.json":  # that one breaks the schema itself
        _check_schema(exported)


def test_documents_kept_before_they_were_packed_still_say_the_same(database_url: str, open_folder: Path, real_data: Path) -> None:
    """What earlier versions kept, zstd frames, is exported as packed ones are, and the same file is no change to it."""
    path = real_data / "cityjson-vienna-seq/vienna.city.jsonl"
    import_for(path)  # without kernels nothing is packed
    asked = request(path, (None, "building", "things"), crs="EPSG:31256")
    with opened_city(database_url, open_folder / "city", 31256) as city:
        load(city, asked)
        packed = _exported(city)
        kept = sql.Identifier("city", table_name("source_object", city.catalogue.dataset("things").id))
        with city.pool.connection() as connection:
            documents = connection.execute(sql.SQL("SELECT fid, document FROM {}").format(kept)).fetchall()
            assert {bytes(d).startswith(MAGIC) for _, d in documents} == {True}
            frames = [(pa.Codec("zstd").compress(unpacked(bytes(d)), asbytes=True), fid) for fid, d in documents]
            connection.cursor().executemany(sql.SQL("UPDATE {} SET document = %s WHERE fid = %s").format(kept), frames)
        assert _exported(city) == packed
        again = load(city, asked)
        assert (again.commit, again.unchanged) == (None, len(documents))


def test_templates_and_their_instances_stay(database_url: str, open_folder: Path, real_data: Path, tmp_path: Path) -> None:
    """val3dity's tree, moved to Rotterdam: stored where matrix and anchor put it, exported as the instance it is."""
    source = json.loads((real_data / "bad-3d-val3dity/test_cityjson/geomtemplate_1.json").read_bytes())
    source["transform"]["translate"] = [92000.0, 437000.0, 1.0]
    path = tmp_path / "tree.city.json"
    path.write_text(json.dumps(source), "utf-8")
    with opened_city(database_url, open_folder / "city", 28992) as city:
        load(city, request(path, (None, "vegetation", "things"), crs="EPSG:28992"))
        exported = json.loads(_exported(city))
    (template,) = source["geometry-templates"]["templates"]
    assert template["lod"] == 3  # as version 1.0 wrote it
    assert exported["geometry-templates"] == {**source["geometry-templates"], "templates": [{**template, "lod": "3"}]}
    _check_schema(exported)
    assert _objects(exported) == _objects(source)


@pytest.mark.parametrize("is_sequence", [False, True])
def test_integers_beyond_64_bits_leave_as_they_came(city: City, tmp_path: Path, is_sequence: bool) -> None:
    """Of parcels that are told apart by 28 digits exports made one number, a double."""
    long, corners = 3205010000000000000000000001, [[0, 0, 0], [10_000, 0, 0], [10_000, 10_000, 0], [0, 10_000, 0]]
    building: dict[str, Any] = {"type": "Building", "attributes": {"own_number": long, "numbers": [-long, 2**64 - 1, 0.5]}}
    building["geometry"] = [{"type": "MultiSurface", "lod": "0", "boundaries": [[[0, 1, 2, 3]]]}]
    head: dict[str, Any] = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [92000.0, 437000.0, 0.0]},
    }
    head["metadata"] = {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/28992"}
    objects = {"CityObjects": {"B1": building}, "vertices": corners}
    path = tmp_path / ("one.city.jsonl" if is_sequence else "one.city.json")
    lines = (
        [head | {"CityObjects": {}, "vertices": []}, {"type": "CityJSONFeature", "id": "B1", **objects}]
        if is_sequence
        else [head | objects]
    )
    path.write_text("\n".join(map(json.dumps, lines)))
    load(city, request(path, (None, "building", "things")))
    for form in ("cityjson", "cityjsonseq"):
        assert _objects(_document(_exported(city, form)))["B1"]["attributes"] == building["attributes"]


@pytest.fixture
def city(database_url: str, open_folder: Path) -> Iterator[City]:
    with opened_city(database_url, open_folder / "city", 28992) as opened:
        yield opened


def _footprint(path: Path, **properties: object) -> Path:
    ring = [[92000, 437000], [92010, 437000], [92010, 437020], [92000, 437020], [92000, 437000]]
    hole = [[92002, 437002], [92002, 437004], [92004, 437004], [92004, 437002], [92002, 437002]]
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring, hole]}}
    crs = {"type": "name", "properties": {"name": "EPSG:28992"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}), "utf-8")
    return path


def test_a_footprint_leaves_as_lod_0_and_a_block(city: City, tmp_path: Path) -> None:
    file = _footprint(tmp_path / "one.geojson", building_id="B1", height_m=12.5, base_height_m=1.5, colour="red")
    load(city, request(file, (None, "building", "things")))
    exported = json.loads(_exported(city))
    _check_schema(exported)
    made = exported["CityObjects"]["B1"]
    assert made["attributes"]["height_m"] == 12.5
    assert made["attributes"]["colour"] == "red"
    assert [(g["type"], g["lod"]) for g in made["geometry"]] == [("MultiSurface", "0"), ("Solid", "1")]
    vertices = np.array(exported["vertices"]) * exported["transform"]["scale"] + exported["transform"]["translate"]
    assert sorted(set(vertices[:, 2].round(3))) == [1.5, 14.0]
    volume = 0.0
    for ring, *holes in made["geometry"][1]["boundaries"][0]:
        for corners in (ring, *holes):
            p = vertices[corners] - vertices.mean(axis=0)
            volume += sum(float(np.dot(p[0], np.cross(p[i], p[i + 1]))) for i in range(1, len(p) - 1)) / 6
    assert volume == pytest.approx((200 - 4) * 12.5)


def test_a_feature_from_elsewhere_joins_the_frame_of_the_others(
    database_url: str, open_folder: Path, real_data: Path, tmp_path: Path
) -> None:
    """Zürich's buildings in a city of UTM 32, and one footprint added from a survey: it goes out in the Swiss grid, where PROJ puts it."""
    with opened_city(database_url, open_folder / "city", 32632) as city:
        load(city, request(real_data / "cityjson-zurich/zurich_subset_lod2.json", (None, "building", "things")))
        x, y = 465000.0, 5247000.0
        ring = [[x, y], [x + 10, y], [x + 10, y + 10], [x, y + 10], [x, y]]
        feature = {
            "type": "Feature",
            "properties": {"building_id": "NEW", "height_m": 10, "base_height_m": 500},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        crs = {"type": "name", "properties": {"name": "EPSG:32632"}}
        file = tmp_path / "more.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}), "utf-8")
        asked = request(file, (None, "building", "things"))
        load(city, type(asked)(files=asked.files, parts=asked.parts, mode="delta"))
        exported = json.loads(_exported(city))
    _check_schema(exported)
    source = json.loads((real_data / "cityjson-zurich/zurich_subset_lod2.json").read_bytes())
    objects = _objects(exported)
    assert {n: o for n, o in objects.items() if n != "NEW"} == _of_buildings(source)
    to_swiss = pyproj.Transformer.from_crs(32632, 2056, always_xy=True)
    first = (
        np.array(objects["NEW"]["geometry"][0]["boundaries"][0][0][0]) * exported["transform"]["scale"] + exported["transform"]["translate"]
    )
    corners = [to_swiss.transform(east, north) for east, north in ring]
    assert min(np.hypot(first[0] - a, first[1] - b) for a, b in corners) < 0.002


def test_command_line_and_door_give_the_same_file(city: City, tmp_path: Path) -> None:
    load(city, request(_footprint(tmp_path / "one.geojson", building_id="B1", height_m=12.5), (None, "building", "things")))
    load(city, request(_footprint(tmp_path / "one.geojson", building_id="B1", height_m=15.0), (None, "building", "things")))
    assert export_dataset_as_cityjson(city, "things", None, "cityjson", tmp_path / "out.city.json") == 1
    assert export_dataset_as_cityjson(city, "things", 1, "cityjsonseq", tmp_path / "out.city.jsonl") == 1
    asked = ["things/export", "things/export?f=cityjsonseq&as-of=1", "nothing/export", "things/export?f=dwg"]
    whole, former, missing, wrong = get(city, *(f"/api/datasets/{path}" for path in asked))
    assert whole.content == (tmp_path / "out.city.json").read_bytes()
    assert whole.headers["content-type"] == "application/city+json"
    assert former.content == (tmp_path / "out.city.jsonl").read_bytes()
    heights = [_document(content)["features"][0]["CityObjects"]["B1"]["attributes"]["height_m"] for content in (former.content,)]
    assert heights == [12.5]
    assert json.loads(whole.content)["CityObjects"]["B1"]["attributes"]["height_m"] == 15.0
    assert (missing.status_code, wrong.status_code) == (404, 400)
