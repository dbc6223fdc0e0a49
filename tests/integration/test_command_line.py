"""The commands as a surveyor and an operator use them; those that say how a process ends are one, and the server always is."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely

from tests import served_city
from tests.commands import CityAtHand
from tests.served_city import City
from twin.embedded import EmbeddedCluster

ORIGIN = (119.974, 31.811)


def feature(number: int, **properties: object) -> dict[str, object]:
    x, y = ORIGIN[0] + number * 0.001, ORIGIN[1]
    ring = [[x, y], [x + 0.0003, y], [x + 0.0003, y + 0.0002], [x, y + 0.0002], [x, y]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"建筑编号": f"B{number}", "建筑高度": 10 + number, **properties},
    }


def write(path: Path, features: list[dict[str, object]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture
def city(open_folder: Path, database_url: str) -> City:
    return served_city.make(open_folder, of=CityAtHand, TWIN_DATABASE_URL=database_url)


@pytest.fixture
def buildings(open_folder: Path) -> Path:
    return write(open_folder / "buildings.geojson", [feature(i) for i in range(6)])


@pytest.fixture(scope="module")
def any_city(run_folder: Path) -> Iterator[tuple[City, Path]]:
    """A city with nothing in it, and a file of buildings, for commands that change nothing."""
    folder = Path(tempfile.mkdtemp(dir=run_folder))
    folder.chmod(0o711)
    made = served_city.make(folder)
    with EmbeddedCluster(made.data_dir).use():  # it stays up: each command alone would start and stop it
        yield made, write(folder / "buildings.geojson", [feature(0)])
    shutil.rmtree(folder, ignore_errors=True)


def load(city: City, file: Path, *more: object, code: int = 0) -> dict[str, object]:
    return city.run("load", file, "--type", "building", "--dataset", "buildings", *more, code=code)


def test_load_again_rollback_and_export(city: City, buildings: Path, open_folder: Path) -> None:
    first = load(city, buildings)
    assert {k: first[k] for k in ("published", "unchanged", "rejected", "deleted", "commit")} == {
        "published": 6,
        "unchanged": 0,
        "rejected": 0,
        "deleted": 0,
        "commit": 1,
    }
    again = load(city, buildings)
    assert (again["published"], again["unchanged"], again["commit"]) == (0, 6, None)
    load(city, write(open_folder / "v2.geojson", [feature(i, 建筑高度=99 if i == 0 else 10 + i) for i in range(6)]))
    exports = []
    for commit, name in (("1", "a"), ("2", "b")):
        city.run("export", "buildings", "--as-of", commit, "-o", open_folder / f"{name}.geojsonl")
        exports.append((open_folder / f"{name}.geojsonl").read_bytes())
    assert exports[0] != exports[1]
    assert city.run("rollback", "1")["commit"] == 3
    city.run("export", "buildings", "-o", open_folder / "c.geojsonl")
    assert (open_folder / "c.geojsonl").read_bytes() == exports[0], "a rollback restores the export byte for byte"
    assert [c["kind"] for c in city.run("commits")["commits"]] == ["publish", "publish", "rollback"]
    positions = [shapely.from_geojson(json.dumps(json.loads(line)["geometry"])) for line in exports[0].splitlines()]
    assert all(p.has_z for p in positions)


def test_an_export_can_be_loaded_again_unchanged(city: City, buildings: Path, open_folder: Path) -> None:
    load(city, buildings)
    city.run("export", "buildings", "-o", open_folder / "all.geojsonl")
    collection = [json.loads(line) for line in (open_folder / "all.geojsonl").read_text(encoding="utf-8").splitlines()]
    crs = collection[0]["crs"]
    document = {"type": "FeatureCollection", "crs": crs, "features": collection}
    (open_folder / "back.geojson").write_text(json.dumps(document), encoding="utf-8")
    back = load(city, open_folder / "back.geojson")
    assert (back["published"], back["unchanged"], back["commit"]) == (0, 6, None)


def test_two_files_go_into_one_dataset_and_rows_are_told_as_in_their_file(city: City, open_folder: Path) -> None:
    first = write(open_folder / "east.geojson", [feature(0), feature(1)])
    second = write(open_folder / "west.geojson", [feature(2), feature(3, 建筑高度=-1), feature(1)])
    words = ("load", first, second, "--type", "building", "--dataset", "buildings")
    result = city.run(*words)
    assert (result["read"], result["published"], result["rejected"]) == (5, 3, 2)
    assert result["findings"] == {"range": 1, "unique": 1}
    again = city.run(*words)
    assert (again["published"], again["unchanged"], again["rejected"], again["commit"]) == (0, 3, 2, None)
    with city.served() as client:
        rows = client.get(f"/api/submissions/{result['submission']}/findings").json()
    assert {(f["rule"], f["row"]) for f in rows} == {("range", 2), ("unique", 3)}


def test_a_footprint_lies_at_the_base_height_of_its_building(city: City, open_folder: Path) -> None:
    load(city, write(open_folder / "based.geojson", [feature(0, 基底高程=7.25), feature(1)]))
    city.run("export", "buildings", "-o", open_folder / "out.geojsonl")
    lines = [json.loads(line) for line in (open_folder / "out.geojsonl").read_text(encoding="utf-8").splitlines()]
    heights = {f["properties"]["building_id"]: {p[2] for p in f["geometry"]["coordinates"][0][0]} for f in lines}
    assert heights == {"B0": {7.25}, "B1": {0.0}}


def test_check_publishes_nothing_and_writes_a_report(city: City, open_folder: Path) -> None:
    file = write(open_folder / "bad.geojson", [feature(0), feature(1, 建筑高度=-5), feature(0)])
    hopeless = write(open_folder / "hopeless.geojson", [feature(1, 建筑高度=-5)])
    city.run("check", hopeless, "--type", "building", code=1)
    result = city.run("check", file, "--type", "building", "--report", open_folder / "report")
    assert (result["read"], result["rejected"]) == (3, 2)
    document = json.loads((open_folder / "report" / "findings.json").read_text(encoding="utf-8"))
    assert {(f["rule"], f["row"]) for f in document["findings"]} == {("range", 2), ("unique", 3)}
    places = json.loads((open_folder / "report" / "findings.geojson").read_text(encoding="utf-8"))
    assert places["features"]
    assert all(abs(f["geometry"]["coordinates"][0] - ORIGIN[0]) < 0.01 for f in places["features"])
    assert (open_folder / "report" / "findings.csv").read_text(encoding="utf-8-sig").startswith("规则")
    assert city.run("commits")["commits"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("load", "nowhere.geojson", "--type", "building"), 2, "no-such-file"),
        (("load", "{file}", "--type", "building", "--mode", "area"), 2, "bad-request"),
        (("load", "{file}", "--type", "building", "--area", "{file}"), 2, "bad-request"),
        (("load", "{file}"), 2, "bad-request"),
        (("load", "{file}", "--type", "castle"), 2, "not-found"),
        (("load", "{file}", "--type", "building", "--dataset", "Bad-Name"), 2, "bad-request"),
        (("load", "{file}", "--part", "nonsense"), 2, "bad-request"),
        (("rollback", "7"), 2, "bad-request"),
        (("export", "nothing", "-o", "{file}.out"), 2, "not-found"),
        (("tiles", "build", "nothing"), 2, "not-found"),
        (("demo", "--city", "atlantis"), 2, "bad-request"),
        (("init", "--city", "{file}"), 2, "bad-request"),
    ],
)
def test_wrong_use_is_one_line_and_an_exit_code(any_city: tuple[City, Path], arguments: tuple[str, ...], code: int, said: str) -> None:
    city, buildings = any_city
    done = CityAtHand(city.data_dir).process(*(a.format(file=buildings) for a in arguments))
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].endswith(f"[{said}]"), done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told_at_once(any_city: tuple[City, Path]) -> None:
    city, _ = any_city
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = city.process("serve", "--port", taken.getsockname()[1])
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].endswith("[port-taken]")


def test_load_beside_a_running_server_shows_at_once(city: City, buildings: Path, open_folder: Path) -> None:
    load(city, buildings)
    with city.served() as client:
        assert client.get("/scene.json").json()["commit"] == 1
        pointer = client.get("/tiles/buildings/tileset.json").json()
        assert pointer["root"]["content"]["uri"] == "1/tileset.json"
        load(city, write(open_folder / "more.geojson", [feature(i) for i in range(7)]))
        items = client.get("/ogc/collections/buildings/items", params={"limit": 100, "f": "json"}).json()
        assert items["numberReturned"] == 7
        assert client.get("/scene.json").json()["commit"] == 2
        pointer = client.get("/tiles/buildings/tileset.json").json()
        assert pointer["root"]["content"]["uri"] == "2/tileset.json"
        assert client.get("/tiles/buildings/1/tileset.json").status_code == 200, "an old revision stays viewable"


def test_a_new_type_by_a_yaml_alone_reaches_every_door(city: City, open_folder: Path) -> None:
    """Table, checks, schema, items, tiles, style and legend come from the file and from nothing else."""
    folder = city.data_dir / "featuretypes"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kiosk.yaml").write_text(KIOSK, encoding="utf-8")
    rows = [feature(i, kiosk_no=f"K{i}", kind="tea", tall=3.5) for i in range(3)] + [feature(9, kiosk_no="K9", kind="castle", tall=3.5)]
    rows.append(feature(10, kiosk_no="K10", kind="tea", tall=500))
    file = write(open_folder / "kiosks.geojson", rows)
    result = city.run("load", file, "--type", "kiosk", "--dataset", "kiosks")
    assert (result["published"], result["rejected"]) == (3, 2)
    assert result["findings"] == {"code": 1, "range": 1}
    with city.served() as client:
        schema = client.get("/ogc/collections/kiosks/schema", params={"f": "json"}).json()
        assert schema["properties"]["tall"]["x-ogc-unit"] == "m"
        items = client.get("/ogc/collections/kiosks/items", params={"f": "json"}).json()
        assert {f["properties"]["kind"] for f in items["features"]} == {"tea"}
        layer = client.get("/scene.json").json()["layers"][0]
        assert layer["style"]["choices"][0]["legend"][0]["title"] == {"zh": "茶水亭", "en": "Tea kiosk"}
        tileset = client.get("/" + layer["tileset"]["url"]).json()
        assert "kiosk" in tileset["schema"]["classes"]
        x, y, zoom = 13652, 6663, 14  # the tile of ORIGIN
        tile = client.get(f"/ogc/collections/kiosks/tiles/WebMercatorQuad/{zoom}/{y}/{x}")
        assert tile.status_code == 200
        assert b"kiosk_no" in tile.content


KIOSK = """
name: kiosk
version: 1
title: {zh: 街亭, en: Kiosk}
description: {zh: 路边的小亭, en: A small booth by the road}
cim: {class: 时空基础/三维模型/建筑, level: CIM3, verified: false}
geometry: {type: MultiPolygon, z: true}
fields:
  - {name: kiosk_no, type: string, title: {zh: 编号, en: Number}, required: true}
  - {name: kind, type: code, title: {zh: 类别, en: Kind}, codes: {
      id: kiosk_kind, title: {zh: 类别, en: Kind}, source: ours, verified: true, codes: [
      {code: tea, zh: 茶水亭, en: Tea kiosk, color: "#aa7733"}, {code: news, zh: 报刊亭, en: News stand, color: "#3377aa"}]}}
  - {name: tall, type: number, title: {zh: 高度, en: Height}, unit: m, minimum: 0, maximum: 20}
  - {name: foot, type: number, title: {zh: 底高, en: Foot}, unit: m, derived: ground_height}
  - {name: foot_source, type: code, title: {zh: 底高来源, en: Source of the foot}, codes: base_height_source, derived: ground_height}
key: [kiosk_no]
checks:
  - {rule: unique, fields: [kiosk_no]}
recipe: {form: extrude, fields: {base: foot, height: tall}}
style:
  color_by: kind
  default_color: "#888888"
  choices: [kind, tall]
  ramps: {tall: [[0, "#ffffff"], [20, "#000000"]]}
"""


def test_doubts_are_asked_before_anything_is_loaded(any_city: tuple[City, Path], tmp_path: Path) -> None:
    city, _ = any_city
    survey = tmp_path / "管点.csv"
    rows = [f"J{i},{3_520_895 + 10 * i},{497_538 + 10 * i},7.5,150" for i in range(12)]
    survey.write_text("\n".join(["物探点号,X,Y,地面高程,井深", *rows]), encoding="utf-8")
    done = city.process("load", survey, "--type", "pipe_node", "--crs", "EPSG:4549", "--json")
    assert done.returncode == 1
    assert "--unit 井深=cm" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["error"]["code"] == "doubts-unanswered"
