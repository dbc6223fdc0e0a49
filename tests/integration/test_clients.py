"""Programs that others wrote read the OGC door: GDAL, OWSLib, QGIS. What they push down is seen in the requests."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import odd_values
import ogc_server
import pytest
import query_city as city
import shapely
from owslib.ogcapi.features import Features

from tests.gdal_reading import debian, read
from tests.written_city import city_folder, written_city
from twin.embedded import EmbeddedCluster

CLIENT = Path(__file__).parents[1] / "qgis_client.py"
OLDEST_QGIS = 34000
"""The first with what is asked of it: Debian 13's."""


class Served:
    """The door of a small city, and what was asked of it."""

    def __init__(self, base: str, seen: list[str]) -> None:
        self.base = base
        self.seen = seen

    def asked(self, collection: str) -> list[str]:
        """The requests for a collection's items since the last look."""
        found = [path for path in self.seen if path.startswith(f"/ogc/collections/{collection}/items?")]
        self.seen.clear()
        return found


@pytest.fixture(scope="module")
def city_values(cluster: EmbeddedCluster, template: str) -> Iterator[tuple[Served, Any]]:
    with city.clone_of(template, cluster.dsn) as url:
        catalogue = city.small_city(url)
        values = odd_values.publish(catalogue)
        seen: list[str] = []
        with ogc_server.served(catalogue, url, seen=seen) as base:
            yield Served(base, seen), values
        catalogue.pool.close()


@pytest.fixture
def door(city_values: tuple[Served, Any]) -> Served:
    served = city_values[0]
    served.seen.clear()
    return served


def _names(columns: dict[str, list[Any]]) -> dict[str, Any]:
    return dict(zip(columns["building_id"], columns["name"], strict=True))


TRUTH = {f"O{fid}": text for fid, text in enumerate(odd_values.TEXTS, 1)} | {"none": None}


# -- GDAL ----------------------------------------------------------------------------------------------------------------------


def test_gdal_gives_every_value_as_it_is(door: Served) -> None:
    got = read(f"OAPIF:{door.base}", odd_values.SLUG)
    assert _names(got["columns"]) == TRUTH
    floors = dict(zip(got["columns"]["building_id"], got["columns"]["floors_above"], strict=True))
    assert floors["O1"] == odd_values.BEYOND_DOUBLE + 2
    heights = dict(zip(got["columns"]["building_id"], got["columns"]["height_m"], strict=True))
    assert heights["O3"] == 3 / 7
    assert heights["none"] is None
    assert got["crs"] == "EPSG:4549"
    first = shapely.from_wkt(got["geometry"][got["columns"]["building_id"].index("O1")])
    assert shapely.hausdorff_distance(first, city.square(30, 900)) < 1e-3
    assert shapely.get_coordinates(first, include_z=True)[0, 2] == 7.0


def test_gdal_takes_a_number_that_begins_whole_for_a_number(door: Served) -> None:
    assert all(isinstance(v, float) for v in read(f"OAPIF:{door.base}", "buildings")["columns"]["height_m"] if v is not None)


def test_gdal_pushes_equality_and_boxes_down(door: Served) -> None:
    """GDAL knows CQL of a draft only: of a filter it sends what is an equality, as a parameter, and tests the rest itself."""
    assert read(f"OAPIF:{door.base}", "buildings", where="floors_above = 12 AND height_m > 30")["columns"]["building_id"] == ["B12"]
    assert any("floors_above=12" in path for path in door.asked("buildings"))
    assert len(read(f"OAPIF:{door.base}", "buildings", where="floors_above > 28 AND name LIKE '学府%'")["geometry"]) == 4
    box = city.square(-5, 25, 48).bounds
    door.seen.clear()
    assert len(read(f"OAPIF:{door.base}", "buildings", bbox=box)["geometry"]) == 4
    assert any("bbox=" in path for path in door.asked("buildings"))


@pytest.mark.parametrize(
    ("crs", "srid"),
    [
        ("EPSG:4490", 4490),
        pytest.param("EPSG:3857", 3857, marks=pytest.mark.slow),
        pytest.param("EPSG:4528", 4528, marks=pytest.mark.slow),
        pytest.param("OGC:CRS84", 4326, marks=pytest.mark.slow),
    ],
)
def test_gdal_has_the_axes_right_in_every_crs(door: Served, crs: str, srid: int) -> None:
    import pyproj

    got = read(f"OAPIF:{door.base}", "plots", CRS=crs)
    turn = pyproj.Transformer.from_crs(4549, srid, always_xy=True)
    truth = shapely.transform(city.square(100, 500, 90), turn.transform, interleaved=False)
    first = shapely.from_wkt(got["geometry"][got["columns"]["plot_id"].index("A-1")])
    assert shapely.hausdorff_distance(first, truth) < (1e-8 if srid in {4490, 4326} else 2e-3)


def test_debians_gdal_reads_the_same(door: Served, tmp_path: Path) -> None:
    copied = tmp_path / "odd.fgb"
    debian("ogr2ogr", "-f", "FlatGeobuf", copied, f"OAPIF:{door.base}", odd_values.SLUG)
    got = read(str(copied))["columns"]
    assert _names(got) == TRUTH
    assert odd_values.BEYOND_DOUBLE + 2 in got["floors_above"]
    door.seen.clear()
    # the layers of Debian 12 (GDAL 3.6) are in degrees, those of 13 (3.10) in the storage CRS: the box says its own
    box = ["-spat", 119.98, 31.8, 120, 31.82, "-spat_srs", "OGC:CRS84"]
    chosen = tmp_path / "chosen.fgb"
    debian("ogr2ogr", "-f", "FlatGeobuf", chosen, f"OAPIF:{door.base}", "buildings", "-where", "floors_above = 12", *box)
    assert read(str(chosen))["columns"]["building_id"] == ["B12"]
    assert any("bbox=" in path for path in door.asked("buildings"))


# -- OWSLib --------------------------------------------------------------------------------------------------------------------


def test_owslib_reads_filters_and_schemas(door: Served) -> None:
    client = Features(f"{door.base}/")
    assert set(client.feature_collections()) >= {"buildings", "odd", "pipes", "plots"}
    found = client.collection_items(odd_values.SLUG, limit=100)
    assert {f["properties"]["building_id"]: f["properties"]["name"] for f in found["features"]} == TRUTH
    tree = {"op": ">", "args": [{"property": "floors_above"}, 28]}
    asked = client.collection_items("buildings", filter=json.dumps(tree), **{"filter-lang": "cql2-json"})
    assert len(asked["features"]) == 4
    assert client.collection_schema("buildings")["properties"]["height_m"]["type"] == "number"
    assert client.collection_item("buildings", found["features"][0]["id"].replace(".5.", ".1."))["properties"]["building_id"] == "B1"


# -- QGIS ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def qgis() -> list[str]:
    """The command of a Python that has QGIS: TWIN_QGIS_PYTHON, or Debian's."""
    command = shlex.split(os.environ.get("TWIN_QGIS_PYTHON", "/usr/bin/python3"))
    try:
        said = _run_qgis(command)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Python with QGIS here: apt-get install python3-qgis, or name one in TWIN_QGIS_PYTHON")
    if int(said) < OLDEST_QGIS:
        pytest.skip(f"QGIS {said.strip()} is older than that of Debian 13")
    return command


def _run_qgis(command: list[str], asked: dict[str, Any] | None = None) -> str:
    words = [*command, "-", *([json.dumps(asked)] if asked is not None else [])]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    with CLIENT.open(encoding="utf-8") as script:
        return subprocess.run(words, stdin=script, capture_output=True, text=True, timeout=300, check=True, env=environment).stdout


def ask_qgis(command: list[str], **asked: Any) -> dict[str, Any]:
    """Have QGIS do something and return what it saw."""
    return dict(json.loads(_run_qgis(command, asked)))


@pytest.mark.slow
def test_qgis_gives_every_value_as_it_is(door: Served, qgis: list[str]) -> None:
    got = ask_qgis(qgis, url=door.base, collection=odd_values.SLUG, page_size=5)
    assert {row["building_id"]: row["name"] for row in got["rows"]} == TRUTH
    assert {row["floors_above"] for row in got["rows"]} >= {odd_values.BEYOND_DOUBLE + 2, -odd_values.BEYOND_DOUBLE}
    assert got["fields"]["height_m"] == "Real"
    assert got["crs"] == "EPSG:4549"
    assert len(door.asked(odd_values.SLUG)) > 3  # page by page


@pytest.mark.slow
def test_qgis_pushes_filters_and_boxes_down(door: Served, qgis: list[str]) -> None:
    west, south, east, north = city.square(-5, 25, 48).bounds
    got = ask_qgis(
        qgis, url=door.base, collection="buildings", filter="floors_above > 28 AND name LIKE '学府%'", box=[west, south, east, north],
        expressions=['"floors_above" > 28', '"height_m" IS NULL', "\"building_id\" IN ('B1', 'B2')"],
    )  # fmt: skip
    assert len(got["rows"]) == 29
    assert got["fields"]["height_m"] == "Real"
    assert [row["height_m"] for row in got["rows"] if row["building_id"] == "B1"] == [3.0]
    assert len(got["filter"]) == 4
    assert [len(rows) for rows in got["expressions"]] == [4, 1, 2]
    asked = door.asked("buildings")
    assert sum("filter=" in path and "学府" in path for path in asked) >= 1
    for pushed in ('"height_m" IS NULL', "\"building_id\" IN ('B1','B2')"):
        assert any(pushed in path for path in asked), (pushed, asked)


def test_what_qgis_would_read_wrong_is_written_otherwise(door: Served) -> None:
    """Escapes that QGIS up to 3.44.10 takes apart (qgis#66700), and whole numbers of a real field, are not in what we send."""
    text = httpx.get(f"{door.base}/collections/{odd_values.SLUG}/items", timeout=60).text
    assert "\\\\" not in text
    assert '\\"' not in text
    assert '"height_m":1.0' in text


@pytest.mark.slow
def test_qgis_edits_through_the_door(database_url: str, run_folder: Path, qgis: list[str]) -> None:
    """Attributes, shapes, a new feature and one that goes: what is saved at the map is a commit like any other."""
    with city_folder(run_folder) as folder, written_city(database_url, folder) as written:
        token = written.writer.headers["Authorization"].split()[1]
        first = written.city.catalogue.last_commit()
        said = ask_qgis(
            qgis,
            url=written.base,
            collection="buildings",
            token=token,
            key="building_id",
            edit={
                "change": "B2", "values": {"name": 'QGIS 改 "2"', "height_m": 10.5}, "wkt": _box_wkt(499_000, 3_521_000),
                "add": {"building_id": "B77", "name": "新增", "floors_above": 7, "height_m": 21.0}, "add_wkt": _box_wkt(499_100, 3_521_000),
                "delete": "B3",
            },
        )  # fmt: skip
        for step in ("changed", "moved", "added", "deleted"):
            assert said[step][0] is True, said
        features = written.reader.get("/collections/buildings/items", params={"crs": "EPSG:4549"}).json()["features"]
        by_key = {f["properties"]["building_id"]: f for f in features}
        assert set(by_key) == {"B1", "B2", "B4", "B5", "B6", "B77"}
        assert by_key["B2"]["properties"] | {"name": 'QGIS 改 "2"', "height_m": 10.5} == by_key["B2"]["properties"]
        moved = shapely.from_geojson(json.dumps(by_key["B2"]["geometry"])).bounds
        assert moved == pytest.approx((3_521_000, 499_000, 3_521_010, 499_010), abs=2e-3)  # northing first
        assert by_key["B77"]["properties"]["floors_above"] == 7
        made = [c for c in written.city.catalogue.commits() if c.number > first]
        assert [c.actor for c in made] == ["测绘院"] * 4


def _box_wkt(east: float, north: float) -> str:
    return shapely.multipolygons([shapely.force_3d(shapely.box(east, north, east + 10, north + 10), 5.0)]).wkt
