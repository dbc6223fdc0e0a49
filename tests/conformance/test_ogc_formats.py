"""Files of items: every format, read by a reader that is not ours, says what GeoJSON says of the same query."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ezdxf
import httpx
import numpy as np
import ogc_server
import pyarrow.parquet as pq
import pyogrio
import pyogrio.raw
import pyproj
import pytest
import query_city as city
import shapely
from ezdxf.lldxf.encoding import decode_dxf_unicode
from psycopg import sql

from twin.catalogue import Catalogue
from twin.representation import Faces, SurfaceType, encode

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
GRID = f"{EPSG}4549"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
PROFILE = "http://www.opengis.net/def/profile/OGC/0/"
LARGEST = 2**53 + 1
TEXTS = ('=HYPERLINK("x")', "'quoted", "", "-5", "＋1", "\ttab", 'a,"b"\nc', city.HOSTILE_TEXT, "@", "长" * 300)
Get = Callable[..., httpx.Response]
Read = tuple[dict[str, Any], shapely.Geometry]


@pytest.fixture(scope="module")
def catalogue(database: str) -> Iterator[Catalogue]:
    made = city.small_city(database)
    rows = [
        city.Row(
            i + 1, shapely.Point(city.EAST + i, city.NORTH, 4.5), {"node_id": f"N{i}", "kind": "WS", "map_number": text, "depth_m": 0.1}
        )
        for i, text in enumerate(TEXTS)
    ]
    city.publish_first(made, "nodes", "pipe_node", rows)
    high = {"building_id": "T", "floors_above": LARGEST, "height_m": math.nan, "base_height_m": math.inf}
    city.publish_first(
        made, "towers", "building", [city.Row(1, city.square(0, 0, z=1), high), city.Row(2, city.square(50, 0, z=1), _block())]
    )
    _give_body(made)
    yield made
    made.pool.close()


@pytest.fixture(scope="module")
def get(catalogue: Catalogue, database: str) -> Iterator[Get]:
    with ogc_server.served(catalogue, database) as base, httpx.Client(timeout=60) as client:
        yield lambda path="", **kwargs: client.get(path if path.startswith("http") else f"{base}{path}", **kwargs)


def _block() -> dict[str, object]:
    return {"building_id": "P", "height_m": 12.0, "base_height_m": 3.0, "valid_from": dt.date(2001, 1, 1), "valid_to": dt.date(2011, 1, 1)}


def _give_body(catalogue: Catalogue) -> None:
    """Give the first tower a solid: a tetrahedron 10 m high."""
    corners = np.add([[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]], (city.EAST, city.NORTH, 5.0))
    faces = [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)]
    content = encode(
        Faces(
            vertices=corners,
            indices=np.array(faces, np.uint32).ravel(),
            ring_ends=np.arange(3, 13, 3, dtype=np.uint32),
            face_ends=np.arange(1, 5, dtype=np.uint32),
            surface_type=np.full(4, SurfaceType.WALL, np.uint8),
            part=np.zeros(4, np.uint16),
            shell_ends=np.array([4], np.uint32),
            solid_ends=np.array([1], np.uint32),
        )
    )
    dataset = catalogue.dataset("towers").id
    with catalogue.pool.connection() as connection:
        part = sql.Identifier("city", f"representation_d{dataset}")
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF city.representation FOR VALUES IN ({})").format(part, sql.Literal(dataset))
        )
        connection.execute(
            "INSERT INTO city.representation (dataset, fid, lod, commit_from, faces) VALUES (%s, 1, '2', 1, %s)", (dataset, content)
        )


# -- readers ---------------------------------------------------------------------------------------------------------------------


def _of_lines(content: bytes) -> dict[str, Read]:
    features = [json.loads(line.removeprefix("\x1e")) for line in content.decode().removesuffix("\n").split("\n")]
    return _of_geojson(features)


def _of_geojson(features: list[dict[str, Any]]) -> dict[str, Read]:
    return {f["id"]: (f["properties"], shapely.from_geojson(json.dumps(f["geometry"]))) for f in features}


def _of_csv(content: bytes) -> dict[str, Read]:
    # csv cannot tell NULL from "": an empty cell is compared as either
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return {row.pop("id"): (row, shapely.from_wkt(row.pop("wkt"))) for row in rows}


def _of_gdal(content: bytes, folder: Path, suffix: str) -> dict[str, Read]:
    path = folder / f"read.{suffix}"
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    about, table = pyogrio.raw.read_arrow(path, datetime_as_string=False)
    geometry = table.column(about["geometry_name"] or "wkb_geometry")
    found = {}
    for row, wkb in zip(table.to_pylist(), geometry.to_pylist(), strict=True):
        values = {k: v for k, v in row.items() if k not in {about["geometry_name"], "wkb_geometry", "fid", "OGC_FID"}}
        found[values.pop("id")] = values, shapely.from_wkb(wkb)
    return found


def _of_parquet(content: bytes) -> dict[str, Read]:
    rows = pq.read_table(io.BytesIO(content)).to_pylist()
    for row in rows:
        west, south, east, north = row.pop("bbox").values()
        assert (west, south, east, north) == shapely.from_wkb(row["geometry"]).bounds
    return {row.pop("id"): (row, shapely.from_wkb(row.pop("geometry"))) for row in rows}


def _of_dxf(content: bytes) -> dict[str, Read]:
    drawing = ezdxf.read(io.StringIO(content.decode()))
    assert not drawing.audit().errors
    found = {}
    for entity in drawing.modelspace():
        assert drawing.layers.has_entry(entity.dxf.layer)
        values = _extended(entity.get_xdata("CITYTWIN"))
        match entity.dxftype():
            case "INSERT":
                geometry = shapely.Point(entity.dxf.insert)
            case "LINE":
                geometry = shapely.LineString([entity.dxf.start, entity.dxf.end])
            case _:
                geometry = shapely.LineString([v.dxf.location for v in entity.vertices])
        found[values.pop("id")] = values, geometry
    return found


def _extended(tags: Any) -> dict[str, Any]:
    values, pending, pieces = {}, None, None
    for code, raw in tags:
        value = decode_dxf_unicode(raw) if isinstance(raw, str) else raw
        if code == 1002:
            if value == "{":
                pieces = []
            else:
                values[pending], pending, pieces = "".join(pieces or []), None, None
        elif pieces is not None:
            pieces.append(value)
        elif pending is None:
            pending = value
        else:
            values[pending], pending = value, None
    return values


READERS: Mapping[str, Callable[[bytes, Path], dict[str, Read]]] = {
    "geojsonseq": lambda content, _: _of_lines(content),
    "ndjson": lambda content, _: _of_lines(content),
    "csv": lambda content, _: _of_csv(content),
    "fgb": lambda content, folder: _of_gdal(content, folder, "fgb"),
    "gpkg": lambda content, folder: _of_gdal(content, folder, "gpkg"),
    "parquet": lambda content, _: _of_parquet(content),
    "dxf": lambda content, _: _of_dxf(content),
}
EAST_FIRST = {"fgb", "gpkg", "parquet", "dxf"}


def _plain(value: Any, form: str) -> Any:
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if form == "fgb" else value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def _same_values(form: str, given: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    if form == "csv":
        texts = {k: "" if v is None else v if isinstance(v, str) else json.dumps(v) for k, v in expected.items()}
        read = {k: v.removeprefix("'") for k, v in given.items()}
        numbers = {k for k, v in expected.items() if isinstance(v, int | float)}
        assert {k: v for k, v in read.items() if k not in numbers} == {k: v for k, v in texts.items() if k not in numbers}
        assert all(float(read[k]) == float(texts[k]) for k in numbers)
        return
    known = {k: _plain(v, form) for k, v in given.items()}
    assert known == ({k: v for k, v in expected.items() if v is not None} if form == "dxf" else expected)


def _compare(get: Get, form: str, folder: Path, collection: str, asked: Mapping[str, str]) -> None:
    address = f"/collections/{collection}/items"
    expected = _of_geojson(get(address, params={"limit": "10000", **asked}).json()["features"])
    response = get(address, params={"f": form, **asked})
    assert response.status_code == 200, response.text
    crs = asked.get("crs", CRS84H)
    assert response.headers["content-crs"] == f"<{crs}>"
    given = READERS[form](response.content, folder)
    assert list(given) == list(expected) if form != "fgb" else set(given) == set(expected)  # FlatGeobuf is sorted by place
    for name, (values, geometry) in given.items():
        _same_values(form, values, expected[name][0])
        as_written = expected[name][1]
        if form in EAST_FIRST and crs != CRS84H:
            as_written = shapely.transform(as_written, lambda xyz: xyz[:, [1, 0, 2]], include_z=True)
        away = shapely.get_coordinates(geometry, include_z=True) - shapely.get_coordinates(as_written, include_z=True)
        assert np.abs(away).max() < (1e-3 if crs == GRID else 2e-3)
        assert np.abs(away[:, :2]).max() < (1e-3 if crs == GRID else 1e-8)


@pytest.mark.parametrize("form", READERS)
def test_a_file_says_what_geojson_says(get: Get, tmp_path: Path, form: str) -> None:
    collection = "pipes" if form == "dxf" else "buildings"
    for asked in ({"crs": CRS84H}, {"crs": GRID}, {"as-of": "1" if form != "dxf" else "2", "crs": GRID, "limit": "4"}):
        _compare(get, form, tmp_path, collection, asked)
    if form != "dxf":
        _compare(
            get,
            form,
            tmp_path,
            collection,
            {"crs": GRID, "filter": "floors_above > 10", "datetime": "2012-06-01", "properties": "name,floors_above"},
        )
        _compare(get, form, tmp_path, collection, {"bbox": "119.989,31.802,119.991,31.8033", "crs": CRS84H})
    _compare(get, form, tmp_path, "nodes", {"crs": GRID})


CRSS = {
    CRS84H: ("OGC:CRS84h", False), "http://www.opengis.net/def/crs/OGC/1.3/CRS84": ("OGC:CRS84", False), f"{EPSG}4326": ("EPSG:4326", True),
    f"{EPSG}4490": ("EPSG:4490", True), f"{EPSG}3857": ("EPSG:3857", False), GRID: ("EPSG:4549", True), f"{EPSG}4528": ("EPSG:4528", True),
}  # fmt: skip
"""The CRSs of the collections: what files call them, and whether GeoJSON writes the northing or the latitude first."""


@pytest.mark.parametrize("crs", CRSS)
@pytest.mark.parametrize("form", READERS)
def test_crs_filter_and_as_of_apply_together_to_every_form(get: Get, tmp_path: Path, form: str, crs: str) -> None:
    collection, condition, then = ("pipes", "segment_id <> 'P2'", "2") if form == "dxf" else ("buildings", "floors_above > 3", "1")
    asked = {"crs": crs, "filter": condition, "as-of": then, "bbox": "119.989,31.802,119.9915,31.8042"}
    address = f"/collections/{collection}/items"
    expected = _of_geojson(get(address, params={"limit": "10000", **asked}).json()["features"])
    content = get(address, params={"f": form, **asked}).content
    given = READERS[form](content, tmp_path)
    assert 3 < len(expected) < len(get(address, params={"limit": "10000", "as-of": then}).json()["features"])
    assert given.keys() == expected.keys()
    name, is_turned = CRSS[crs]
    for oid, (values, geometry) in given.items():
        _same_values(form, values, expected[oid][0])
        here = shapely.get_coordinates(expected[oid][1], include_z=expected[oid][1].has_z)
        if is_turned and form in EAST_FIRST:
            here[:, :2] = here[:, [1, 0]]
        there = shapely.get_coordinates(geometry, include_z=geometry.has_z)
        assert there.shape == here.shape or form == "dxf"  # a drawing has three coordinates always
        assert np.abs(there[:, : here.shape[1]] - here).max() < (1e-3 if abs(here[0, 0]) > 180 else 1e-8 if here.shape[1] == 2 else 2e-3)
    if form in {"fgb", "gpkg", "parquet"}:
        # GDAL's files have their longitude first whatever they say, and know OGC's CRSs by the EPSG's numbers only
        ours = {"OGC:CRS84h": "EPSG:4979", "OGC:CRS84": "EPSG:4326"}
        assert _crs_of(content, form, tmp_path) == (name if form == "parquet" else ours.get(name, name))


def _crs_of(content: bytes, form: str, folder: Path) -> str:
    if form == "parquet":  # the wheel's GDAL does not read it
        columns = json.loads(pq.ParquetFile(io.BytesIO(content)).metadata.metadata[b"geo"])["columns"]
        told = columns["geometry"].get("crs")  # without any it is CRS84 (GeoParquet 1.1)
        return "OGC:CRS84" if told is None else ":".join(map(str, pyproj.CRS.from_json_dict(told).to_authority()))
    (path := folder / f"crs.{form}").write_bytes(content)
    return str(pyogrio.read_info(path)["crs"])


@pytest.mark.parametrize("form", ["jsonfg", *READERS])
def test_a_time_is_negotiated_alike_for_every_form(get: Get, tmp_path: Path, form: str) -> None:
    """A time before the first state means that one, whatever form it is asked for in (RFC 7089, 4.5.2)."""
    collection, first = ("pipes", "2") if form == "dxf" else ("buildings", "1")
    address, then = f"/collections/{collection}/items", {"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"}
    plain = get(address, headers=then)
    answer = get(address, params={"f": form}, headers=then)
    fixed = get(address, params={"f": form, "as-of": first})
    ids = [f["id"] for f in answer.json()["features"]] if form == "jsonfg" else list(READERS[form](answer.content, tmp_path))
    assert sorted(ids) == sorted(f["id"] for f in plain.json()["features"])
    for header in ("memento-datetime", "vary"):
        assert answer.headers[header] == plain.headers[header] == fixed.headers[header]
    assert answer.headers["content-location"].endswith(f"/items?f={form}&as-of={first}")
    assert '/items>; rel="original timegate"' in plain.headers["link"]
    assert f'/items?f={form}>; rel="original timegate"' in answer.headers["link"]
    tag = {"If-None-Match": answer.headers["etag"]}
    assert get(address, params={"f": form}, headers=then | tag).status_code == 304
    assert get(address, params={"f": form}, headers=tag).status_code == (304 if collection == "pipes" else 200)  # no other state since
    assert "memento-datetime" not in get(address, params={"f": form}).headers


@pytest.mark.parametrize(
    "address",
    [
        "/search?collections=buildings", "/tiles/WebMercatorQuad/0/0/0", "/collections/buildings/tiles/WebMercatorQuad/0/0/0",
        "/collections/buildings/download?f=csv",
        *(f"/collections/buildings/items/2.25.7.2.1.4?f={form}" for form in ("json", "jsonfg")),
        *(f"/collections/buildings/items?f={form}" for form in ("json", "html", "jsonfg", "csv")),
    ],
)  # fmt: skip
def test_a_held_answer_is_told_of_what_state_it_is_as_it_was(get: Get, address: str) -> None:
    """What a 304 says is what the 200 said (RFC 9110, 15.4.5), of a time as of a commit."""
    fixed = f"{address}{'&' if '?' in address else '?'}as-of=1"
    for asked, time in ((address, {"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"}), (fixed, {}), (address, {})):
        whole = get(asked, headers=time)
        held = get(asked, headers=time | {"If-None-Match": whole.headers["etag"]})
        assert (whole.status_code, held.status_code, held.content) == (200, 304, b"")
        names = ("content-location", "memento-datetime", "vary", "etag", "cache-control")
        assert [held.headers.get(name) for name in names] == [whole.headers.get(name) for name in names]
        assert ("content-location" in held.headers, "memento-datetime" in held.headers) == (bool(time), bool(time) or asked == fixed)


def test_a_feature_in_json_fg_is_of_the_time_that_is_asked_for(get: Get) -> None:
    address, early = "/collections/buildings/items/2.25.7.2.1.5", {"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"}
    gone = get(address, params={"f": "jsonfg"})
    assert (gone.status_code, gone.json()["versions"]) == (404, get(address).json()["versions"])  # deleted since
    plain, answer = (get(address, params={"f": form}, headers=early) for form in ("json", "jsonfg"))
    assert answer.json()["properties"] == plain.json()["properties"]
    assert answer.headers["memento-datetime"] == plain.headers["memento-datetime"]
    assert 'rel="timemap"' in answer.headers["link"]
    assert f'<{PROFILE}jsonfg-plus>; rel="profile"' in answer.headers["link"]


def test_numbers_no_format_has_are_null_and_whole_numbers_keep_every_digit(get: Get, tmp_path: Path) -> None:
    for form in ("fgb", "gpkg", "parquet"):
        values, _ = READERS[form](get("/collections/towers/items", params={"f": form}).content, tmp_path)["2.25.7.2.1.1"]
        assert (values["floors_above"], values["height_m"], values["base_height_m"]) == (LARGEST, None, None), form
    plain = get("/collections/towers/items").json()["features"][0]["properties"]
    assert (plain["floors_above"], plain["height_m"], plain["base_height_m"]) == (LARGEST, None, None)
    row = next(csv.DictReader(io.StringIO(get("/collections/towers/items", params={"f": "csv"}).text)))
    assert (row["floors_above"], row["height_m"], row["base_height_m"]) == (str(LARGEST), "", "")


def test_csv_for_spreadsheets_and_for_scripts(get: Get) -> None:
    asked = {"f": "csv", "csv-geometry": "xy", "csv-bom": "true", "crs": GRID, "properties": "map_number"}
    content = get("/collections/nodes/items", params=asked).content
    assert content.startswith(b"\xef\xbb\xbfid,map_number,x,y,z\n")
    assert b',"",' in content  # an empty text, where NULL has nothing between its commas
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [float(rows[0][axis]) for axis in "xyz"] == [city.EAST, city.NORTH, 4.5]
    for row, text in zip(rows, TEXTS, strict=True):
        cell = row["map_number"]
        assert not cell.startswith(tuple("=+-@\t＋"))
        assert cell.removeprefix("'") == text if not text.startswith("'") else cell == f"'{text}"
    assert get("/collections/buildings/items", params={"f": "csv", "csv-geometry": "xy"}).json()["code"] == "bad-parameter"


def test_layers_and_colours_of_a_drawing_are_those_of_cjj_61(get: Get) -> None:
    drawing = ezdxf.read(io.StringIO(get("/collections/nodes/items", params={"f": "dxf"}).text))
    assert {e.dxf.layer for e in drawing.modelspace()} == {"WSPOINT"}
    layer = drawing.layers.get("JSPOINT")
    assert (layer.rgb, layer.color) == ((0, 255, 255), 4)
    assert drawing.header.custom_vars.get("CRS") == GRID
    assert "dxf" not in get("/collections/buildings/items", params={"f": "dxf", "lang": "en"}).json()["detail"].split("files of")[1]


def test_json_fg_has_place_time_type_and_bodies(get: Get, tmp_path: Path) -> None:
    document = get("/collections/towers/items", params={"f": "jsonfg"}).json()
    solid, block = document["features"]
    assert {c.rsplit("/", 1)[1] for c in document["conformsTo"]} == {"core", "types-schemas", "polyhedra", "prisms"}
    assert (document["featureType"], document["coordRefSys"], document["geometryDimension"]) == ("building", CRS84H, 3)
    assert (solid["place"]["type"], block["place"]["type"]) == ("Polyhedron", "Prism")
    assert block["time"] == {"interval": ["2001-01-01", "2010-12-31"]}
    corners = np.array([p for face in solid["place"]["coordinates"][0] for p in face[0]])
    lon, lat = pyproj.Transformer.from_crs(4549, 4326, always_xy=True).transform(city.EAST, city.NORTH)
    assert np.abs(corners[:, :2] - (lon, lat)).max() < 2e-4
    assert corners[:, 2].max() - corners[:, 2].min() == pytest.approx(10, abs=1e-3)
    above = np.mean([p[2] for p in block["geometry"]["coordinates"][0][0]]) - 1  # it lies at 1 m above the geoid
    assert (block["place"]["lower"], block["place"]["upper"]) == pytest.approx((3 + above, 15 + above), abs=2e-3)


def test_json_fg_in_the_grid_is_read_by_gdal(get: Get, tmp_path: Path) -> None:
    document = get("/collections/pipes/items", params={"f": "jsonfg", "crs": GRID}).json()
    assert document["coordRefSys"] == [GRID, "http://www.opengis.net/def/crs/EPSG/0/5773"]
    plain = get("/collections/pipes/items", params={"crs": GRID}).json()["features"]
    lonlat = get("/collections/pipes/items").json()["features"]
    for feature, expected, fallback in zip(document["features"], plain, lonlat, strict=True):
        assert (feature["place"], feature["geometry"]) == (expected["geometry"], fallback["geometry"])
        assert feature["properties"] == expected["properties"]
    path = tmp_path / "pipes.json"
    path.write_text(json.dumps(document))
    about, table = pyogrio.raw.read_arrow(f"JSONFG:{path}")
    assert table.num_rows == 12
    given = shapely.from_wkb(table.column(about["geometry_name"] or "wkb_geometry").to_pylist()[0])
    assert shapely.get_coordinates(given)[0] == pytest.approx((city.EAST + 20, city.NORTH), abs=1e-3)


def test_json_fg_pages_and_single_features(get: Get) -> None:
    seen, address = [], "/collections/buildings/items?f=jsonfg&limit=10"
    while address:
        document = get(address).json()
        seen += [f["id"] for f in document["features"]]
        address = next((entry["href"] for entry in document["links"] if entry["rel"] == "next"), None)
    assert seen == [f["id"] for f in get("/collections/buildings/items").json()["features"]]
    one = get("/collections/towers/items/2.25.7.2.1.1", headers={"Accept": "application/vnd.ogc.fg+json"})
    assert one.headers["content-type"] == "application/geo+json"  # 21-045r1, clause 16
    assert one.json()["place"]["type"] == "Polyhedron"
    assert get("/collections/towers/items/2.25.7.2.1.9?f=jsonfg").status_code == 404


@pytest.mark.parametrize(
    ("asked", "accept", "profile"),
    [
        ("", "*/*", "rfc7946"),
        ("", f'application/geo+json; profile="{PROFILE}jsonfg"', "jsonfg"),
        ("", f'text/html;q=0.5, application/geo+json;profile="{PROFILE}jsonfg-plus";q=0.9', "jsonfg-plus"),
        ("", f'application/geo+json; profile="{PROFILE.lower()}jsonfg"', "jsonfg"),  # as QGIS writes it
        ("", 'application/geo+json; profile="http://example.org/other"', "rfc7946"),
        ("profile=jsonfg", "*/*", "jsonfg"),
        (f"f=json&profile={PROFILE}jsonfg-plus", "*/*", "jsonfg-plus"),
        ("f=jsonfg", "*/*", "jsonfg-plus"),
        ("f=jsonfg&profile=rfc7946,jsonfg", "*/*", "jsonfg"),
        ("profile=rfc7946", f'application/geo+json; profile="{PROFILE}jsonfg"', "rfc7946"),
    ],
)
@pytest.mark.parametrize("path", ["", "/2.25.7.2.1.1"])
def test_a_profile_of_geojson_is_asked_for_and_named(get: Get, path: str, asked: str, accept: str, profile: str) -> None:
    answer = get(f"/collections/towers/items{path}?{asked}", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/geo+json"
    assert f'<{PROFILE}{profile}>; rel="profile"' in answer.headers["link"]
    found = answer.json()["features"][0] if not path else answer.json()
    assert ("place" in found, found["geometry"] is None) == (profile != "rfc7946", profile == "jsonfg")


@pytest.mark.parametrize("wrong", ["profile=gml", "f=jsonfg&profile=rfc7946", "f=csv&profile=jsonfg", "f=html&profile=gml"])
def test_a_profile_that_is_none_is_refused(get: Get, wrong: str) -> None:
    assert get(f"/collections/towers/items?{wrong}").json()["code"] == "bad-parameter"


def test_every_form_is_linked_to_and_is_what_its_link_says(get: Get) -> None:
    own = "/collections/buildings"
    for path, relation in (
        (own, "items"),
        (f"{own}/items?limit=2&bbox=119,31,121,32", "alternate"),
        (f"{own}/items/2.25.7.2.1.1", "alternate"),
    ):
        forms = {entry["title"]: entry for entry in get(path).json()["links"] if entry["rel"] == relation}
        assert forms["JSON-FG"]["profile"] == [f"{PROFILE}jsonfg-plus"]
        kinds = {entry["type"] for entry in forms.values()}
        files = {"text/csv", "application/flatgeobuf", "application/vnd.apache.parquet"}
        assert (kinds >= files) == ("items/" not in path)
        for entry in forms.values():
            answer = get(entry["href"])
            assert answer.headers["content-type"].split(";")[0] == entry["type"], entry
            assert f'<{PROFILE}jsonfg-plus>; rel="profile"' in answer.headers.get("link", "") or "profile" not in entry
    of_features = [entry for entry in get(own).json()["links"] if (entry["rel"], entry["type"]) == ("items", "application/geo+json")]
    assert ["profile" in entry for entry in of_features] == [True, False]  # GDAL takes the last one
    page = get(f"{own}/items?limit=2").json()["links"]
    second = get(next(entry["href"] for entry in page if entry["rel"] == "next")).json()["links"]
    assert {entry["type"] for entry in second if entry["rel"] == "alternate"} == {"text/html", "application/geo+json"}


@pytest.mark.parametrize(
    ("accept", "got"),
    [
        ("image/png", None),
        ("application/vnd.google-earth.kml+xml, image/*;q=0.5", None),
        ("application/json;q=0, text/plain", None),
        ("application/json;q=0, */*", "html"),
        ("application/json;q=0", None),
        (f"{'image/png, ' * 99}application/json", "json"),
        ("image/png, */*;q=0.1", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),  # a browser
        ("application/vnd.oai.openapi+json;version=3.0, application/openapi+json;version=3.0, application/json", "json"),  # QGIS, GDAL
        ("application/ld+json", "json"),
        ("text/*", "html"),
        ("nonsense", "json"),
    ],
)
def test_what_nothing_here_can_meet_is_refused(get: Get, accept: str, got: str | None) -> None:
    """RFC 9110, 15.5.7; 17-069r4, table 3."""
    for path in (
        "",
        "/collections",
        "/collections/buildings/items",
        "/collections/buildings/items/2.25.7.2.1.1",
        "/conformance",
        "/openapi",
    ):
        answer = get(path, headers={"Accept": accept})
        if got is None:
            assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
            assert answer.json()["code"] == "not-acceptable"
            assert answer.headers["vary"] == "Accept, Accept-Language"
        else:
            assert answer.status_code == 200
            assert got in answer.headers["content-type"]
        assert get(f"{path}?f=json", headers={"Accept": accept}).status_code == 200


def test_forms_are_negotiated_and_parameters_of_pages_refused(get: Get) -> None:
    address = "/collections/buildings/items"
    assert get(address, headers={"Accept": "text/csv, application/json;q=0.5"}).headers["content-type"].startswith("text/csv")
    for wrong, code in (
        ("f=csv&cursor=1.2", "bad-parameter"),
        ("f=csv&resulttype=hits", "bad-parameter"),
        ("f=fgb&csv-bom=true", "bad-parameter"),
        ("csv-geometry=wkt", "bad-parameter"),
        ("f=jsonfg&csv-bom=true", "bad-parameter"),
        ("f=csv&csv-bom=2", "bad-parameter"),
        ("f=csv&limit=0", "bad-limit"),
        ("f=parquet&nope=1", "unknown-parameter"),
        ("f=xyz", "bad-format"),
        ("f=csv&lang=fr", "bad-language"),
        ("f=csv&f=csv", "bad-parameter"),
    ):
        response = get(f"{address}?{wrong}")
        assert (response.status_code, response.json()["code"]) == (400, code), wrong
    first = get(f"{address}?f=fgb")
    assert get(f"{address}?f=fgb", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert get("/collections/secret/items?f=csv").status_code == 404


@pytest.mark.parametrize("room", ["most_given", "most_of_an_address"])
def test_more_exports_than_there_is_room_for_are_asked_to_come_back(catalogue: Catalogue, database: str, room: str) -> None:
    with ogc_server.served(catalogue, database, **{room: 0}) as base:
        response = httpx.get(f"{base}/collections/buildings/items?f=csv", timeout=60)
    assert (response.status_code, response.json()["code"]) == (429, "too-many-requests")
    assert int(response.headers["retry-after"]) > 0


def test_the_file_of_a_dataset_is_negotiated_in_time_as_its_items_are(get: Get) -> None:
    address, early = "/collections/buildings/download?f=csv", {"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"}
    first, fixed, now = get(address, headers=early), get(f"{address}&as-of=1"), get(address)
    assert first.content == fixed.content != now.content
    items = get("/collections/buildings/items", headers=early).headers
    assert first.headers["memento-datetime"] == fixed.headers["memento-datetime"] == items["memento-datetime"]
    assert {answer.headers["vary"] for answer in (first, fixed, now)} == {items["vary"]}
    assert first.headers["cache-control"] == "no-cache"  # another time may be asked for next
    assert first.headers["content-location"].endswith(f"{address}&as-of=1")
    assert f'{address}>; rel="original timegate"' in now.headers["link"]
    assert '/collections/buildings/versions>; rel="timemap"' in now.headers["link"]
    assert "memento-datetime" not in now.headers
    assert get(address, headers={"Accept-Datetime": "yesterday"}).json()["code"] == "bad-accept-datetime"
    # as-of says what it means where both are given: before the first commit there was no file
    assert get(f"{address}&as-of=2000-01-01T00:00:00Z", headers=early).status_code == 404


def test_a_dataset_is_downloaded_whole_once_made_and_unchanging(get: Get, tmp_path: Path) -> None:
    address = "/collections/pipes/download?f=parquet&as-of=2"
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: get(address), range(4)))
    assert {(r.status_code, r.headers["etag"]) for r in responses} == {(200, responses[0].headers["etag"])}
    whole = responses[0]
    assert whole.headers["cache-control"] == "public, max-age=86400"
    assert set(_of_parquet(whole.content)) == set(_of_geojson(get("/collections/pipes/items").json()["features"]))
    part = get(address, headers={"Range": "bytes=4-9", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert get(address, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    current = get("/collections/pipes/download?f=parquet")
    assert (current.content, current.headers["cache-control"]) == (whole.content, "no-cache")
    links = [entry for entry in get("/collections/pipes").json()["links"] if entry["rel"] == "enclosure"]
    assert {entry["type"]: entry.get("length") for entry in links}["application/vnd.apache.parquet"] == len(whole.content)
    assert get(next(e["href"] for e in links if e["type"] == "image/vnd.dxf")).status_code == 200
    for wrong, status in (("", 400), ("?f=csv&limit=1", 400), ("?f=csv&as-of=1", 404)):
        assert get(f"/collections/pipes/download{wrong}").status_code == status
    assert get("/collections/secret/download?f=csv").status_code == 404
