"""What a city knows of a file before it is loaded, and that everything of it can be declared otherwise."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyproj
import pytest
import shapely

from ingest.part_reading import PartReading
from ingest.proposals import Proposal, propose
from ingest.reports import write_reports
from ingest.request import LoadRequest, PartSpec
from ingest.understanding.review import Answered, doubts
from tests.in_process import load
from tests.opened_city import look, opened_city, request
from tests.reading import inspect_file
from twin.crs import CrsError
from twin.errors import BadRequestError
from twin.server.check_reports import report_of_check
from twin.server.checks import run_check
from twin.server.city import City
from twin.server.orders import CheckOrder, PartOrder, PublishOrder
from twin.server.submission_desk import SubmissionDesk
from twin.server.surroundings import surroundings
from twin.server.uploads import StoredFile
from twin.store import sha256_of

ORIGIN = (119.974, 31.811)
GRID = (497_538.0, 3_520_895.0)
SECRET = {"shift_north_m": 3500123.4567, "shift_east_m": 480987.6543, "rotation_sec": 1234.5678, "scale": 1.0000123456}


def gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Return the web map's position by the formula as it stands in public implementations, written for one point."""
    x, y = lon - 105, lat - 35
    wave = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + wave
    d_lat += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    d_lat += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + wave
    d_lon += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    d_lon += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    magic = 1 - 0.00669342162296594323 * math.sin(math.radians(lat)) ** 2
    d_lat = d_lat * 180 / (6378245.0 * (1 - 0.00669342162296594323) / (magic * math.sqrt(magic)) * math.pi)
    d_lon = d_lon * 180 / (6378245.0 / math.sqrt(magic) * math.cos(math.radians(lat)) * math.pi)
    return lon + d_lon, lat + d_lat


def write(path: Path, features: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")
    return path


def proposal(city: City, path: Path) -> Proposal:
    [found] = propose(path.name, inspect_file(path), city.catalogue.feature_types(), city.catalogue.datasets(), surroundings(city))
    return found


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[City]:
    with opened_city(database_url, tmp_path / "city", 4549, (119.8, 31.7, 120.1, 31.9)) as opened:
        yield opened


def survey(path: Path, rows: list[tuple[object, ...]], header: str = "物探点号,X,Y,地面高程,井深,材料", encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode(encoding))
    return path


def nodes(city: City) -> dict[str, tuple[float, ...]]:
    with city.pool.connection() as connection:
        query = "SELECT node_id, ST_X(geom), ST_Y(geom), ST_Z(geom), ground_elevation_m, depth_m FROM city.pipe_node"
        return {str(row[0]): tuple(float(v or 0.0) for v in row[1:]) for row in connection.execute(query).fetchall()}


def test_a_file_of_a_web_map_is_told_by_the_buildings_of_the_city(database_url: str, tmp_path: Path, real_data: Path) -> None:
    features = [
        f
        for f in json.loads((real_data / "footprints-beijing/beijing_buildings.geojson").read_text("utf-8"))["features"]
        if f["geometry"]["type"] == "Polygon"
    ][:200]
    for number, feature in enumerate(features):
        feature["properties"] = {"building_id": f"b{number}"}
    web = [
        {**f, "geometry": shapely.geometry.mapping(shapely.transform(shapely.geometry.shape(f["geometry"]), _as_gcj02))} for f in features
    ]
    with opened_city(database_url, tmp_path / "city", 4548, (116.0, 39.6, 116.8, 40.2)) as beijing:
        load(beijing, request(write(tmp_path / "buildings.geojson", features), (None, "building", "buildings")))
        own = proposal(beijing, tmp_path / "buildings.geojson")
        shifted = proposal(beijing, write(tmp_path / "web.geojson", web))
        assert own.understanding.crs.value == "OGC:CRS84"
        assert "100%" in own.understanding.crs.text.en
        assert shifted.understanding.crs.value == "X-GCJ02"
        assert shifted.understanding.crs.confidence > 0.9
        assert [f.rule for f in doubts(shifted.understanding, "web", Answered())] == ["crs-obfuscated"]
        result = look(beijing, request(tmp_path / "web.geojson", (None, "building", "buildings"), crs="X-GCJ02"))
        changes = result.datasets["buildings"]
        assert changes["unchanged"] + changes["update"] == changes["unchanged"], "with the offset taken off they are where they were"


def _as_gcj02(coordinates: np.ndarray) -> np.ndarray:
    return np.array([gcj02(lon, lat) for lon, lat in coordinates])


def add(city: City, path: Path, part: PartSpec, **more: Any) -> None:
    load(city, LoadRequest(files=(path,), parts=(part,), mode="delta", **more))


def test_every_aspect_can_be_declared_for_a_part(city: City, tmp_path: Path) -> None:
    """And what a header says of its unit is believed without being declared."""
    east, north = GRID
    reading = PartReading(
        crs="EPSG:4549",
        axes="xy",
        units=(("井深", "cm"),),
        height_offset_m=-0.5,
        encoding="GBK",
        mapping=(("材料", "well_material"),),
    )
    declared = PartSpec(None, "pipe_node", "nodes", reading=reading)
    add(city, survey(tmp_path / "a.csv", [("给1", east, north, 7.5, 150, "铸铁")], encoding="gb18030"), declared, crs="EPSG:4548")
    assert nodes(city)["给1"] == pytest.approx((east, north, 7.0, 7.0, 1.5))

    plain = PartSpec(None, "pipe_node", "nodes")
    add(city, survey(tmp_path / "b.csv", [("b", north, east, 12.0, 1.5, "")]), plain, crs="EPSG:4549", vertical="ellipsoidal")
    _, _, z, ground, depth = nodes(city)["b"]
    assert z == pytest.approx(ground), "elevations among the attributes are lowered with the geometry"
    assert 3.0 < 12.0 - ground < 6.5, "by N of EGM96 there"
    assert depth == 1.5

    header = "物探点号,X,Y,地面高程,井深(cm),材料"
    add(city, survey(tmp_path / "c.csv", [("c", north, east, 7.5, 150, "")], header=header), plain, crs="EPSG:4549")
    assert nodes(city)["c"][4] == pytest.approx(1.5)

    x, y = ORIGIN
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [y, x]}, "properties": {"node_id": "d"}}
    swapped = write(tmp_path / "d.geojson", [point])
    axes = proposal(city, swapped).understanding.axes
    assert axes is not None
    assert (axes.value, axes.gainsays) == ("yx", True)
    add(city, swapped, PartSpec(None, "pipe_node", "nodes", reading=PartReading(axes="yx")))
    expected = pyproj.Transformer.from_crs(4490, 4549, always_xy=True).transform(x, y)
    assert nodes(city)["d"][:2] == pytest.approx(expected, abs=1e-3)


def test_no_parameter_of_a_local_system_is_kept_or_said_anywhere(city: City, tmp_path: Path) -> None:
    secret = city.settings.local_crs_path
    text = "plane:\n  base: EPSG:4549\n  four: {" + ", ".join(f"{k}: {v}" for k, v in SECRET.items()) + "}\n"
    secret.write_text(text, encoding="utf-8")
    secret.chmod(0o644)
    path = survey(tmp_path / "点表.csv", [("a", 20_000.0, 16_000.0, 7.5, 1.5, ""), ("b", 20_010.0, 16_000.0, "?", 1.5, "")])
    asked = request(path, (None, "pipe_node", "nodes"), crs="X-LOCAL:plane")
    said: list[str] = []
    with pytest.raises(BadRequestError, match="chmod 600") as open_to_all:
        look(city, asked)
    secret.chmod(0o600)
    with pytest.raises(CrsError) as unknown:
        look(city, request(path, (None, "pipe_node", "nodes"), crs="X-LOCAL:nobody"))
    assert unknown.value.code == "crs-local-unknown"
    result = look(city, asked)
    write_reports(tmp_path / "report", report_of_check(city, asked, result))
    load(city, asked)
    cos, sin = math.cos(math.radians(SECRET["rotation_sec"] / 3600)), math.sin(math.radians(SECRET["rotation_sec"] / 3600))
    east = SECRET["shift_east_m"] + SECRET["scale"] * (20_000 * sin + 16_000 * cos)
    north = SECRET["shift_north_m"] + SECRET["scale"] * (20_000 * cos - 16_000 * sin)
    assert nodes(city)["a"][:2] == pytest.approx((east, north), abs=1e-6)
    said += [repr(asked), repr(result), str(open_to_all.value), str(unknown.value), *_all_records(city)]
    said += [p.read_bytes().decode("utf-8", "ignore") for p in (tmp_path / "report").iterdir()]
    assert any("X-LOCAL:plane" in s for s in said), "its name is kept"
    for key, value in SECRET.items():
        for written in (str(value), str(value)[:-1], f"{value:.3f}"):
            assert not [s[:80] for s in said if written in s], key


def _all_records(city: City) -> list[str]:
    with psycopg.connect(city.database_url) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('catalog', 'jobs', 'staging', 'history')"
        ).fetchall()
        return [str(row[0]) for (name,) in names for row in connection.execute(f"SELECT t::text FROM {name} t").fetchall()]


def test_what_a_department_published_is_proposed_to_it_again(city: City, tmp_path: Path) -> None:
    desk = SubmissionDesk(city)

    def hand_in(name: str, actor: str, header: str) -> dict[str, Any]:
        path = survey(tmp_path / name, [("a", *GRID[::-1], 7.5, 150, "铸铁")], header=header)
        stored = StoredFile(name, path.stat().st_size, sha256_of(path))
        city.store.put_file(stored.key, path)
        return dict(desk.receive(actor, (stored,)))

    header = "甲,X,Y,乙,丙,丁"
    first = hand_in("a.csv", "一队", "物探点号,X,Y,地面高程,丙,丁")
    mapping = {"物探点号": "node_id", "丙": "depth_m", "丁": "well_material"}
    part = PartOrder(feature_type="pipe_node", dataset="nodes", crs="EPSG:4549", mapping=mapping, units={"丙": "cm"})
    submission = uuid.UUID(str(first["id"]))
    desk.check(submission, "一队", CheckOrder(parts=[part]))
    run_check(city, submission)
    desk.publish(submission, "一队", PublishOrder())
    [again] = hand_in("b.csv", "一队", "物探点号,Y,X,地面高程,丁,丙 ")["proposals"]
    assert (again["feature_type"], again["confidence"]) == ("pipe_node", 1.0)
    assert again["mapping"] == {"物探点号": "node_id", "地面高程": "ground_elevation_m", "丁": "well_material", "丙": "depth_m"}
    assert again["units"] == {"丙": "cm"}
    assert again["evidence"]["en"].startswith("as confirmed on ")
    for name, actor, columns in (("c.csv", "二队", "物探点号,X,Y,地面高程,丙,丁"), ("d.csv", "一队", header)):
        [other] = hand_in(name, actor, columns)["proposals"]
        assert other["confidence"] != 1.0, "another department's, or a file of another shape"
        assert not other["units"]
