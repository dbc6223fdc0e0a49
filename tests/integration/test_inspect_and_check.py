"""`twin inspect` and `twin check` where there is no server and no city."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.commands import CityAtHand, city_at_hand
from tests.ogr2ogr import ogr2ogr
from tests.served_city import City
from twin.embedded import EmbeddedCluster, locks
from twin.server.scratch_city import sweep_scratch

NORTH, EAST = 3_520_895.0, 497_538.0


def survey(folder: Path) -> Path:
    rows = [f"J{i},{NORTH + 10 * i},{EAST + 10 * i},7.5,150,铸铁" for i in range(12)]
    path = folder / "管点.csv"
    path.write_bytes("\n".join(["物探点号,X,Y,地面高程,井深,材料", *rows]).encode("gb18030"))
    return path


def nowhere(folder: Path) -> City:
    return City(folder / "no such city")


def test_a_file_is_told_without_a_city(tmp_path: Path) -> None:
    path, broken = survey(tmp_path), tmp_path / "broken.bin"
    broken.write_bytes(b"\x00\x01\x02\x03" * 99)
    city_file = tmp_path / "city.yaml"
    city_file.write_text("name: 常州\nstorage_crs: EPSG:4549\nextent: [119.1, 31.1, 120.3, 32.1]\n", encoding="utf-8")
    done = nowhere(tmp_path).process("inspect", path, broken, "--city", city_file, "--json")
    assert done.returncode == 0, done.stderr
    layer, unread = json.loads(done.stdout.splitlines()[-1])["layers"]
    assert (layer["feature_type"], layer["crs"], layer["encoding"]) == ("pipe_node", None, "gb18030")
    known = layer["understanding"]
    assert (known["crs"]["value"], known["axes"]["value"]) == ("EPSG:4549", "yx")
    assert [(u["subject"], u["value"]) for u in known["units"]] == [("井深", "cm")]
    assert unread["problem"]["code"] == "unsupported-media"
    table = done.stdout.splitlines()[:-1]
    assert any("pipe_node Pipe node" in line for line in table)
    assert any(line.startswith("! unit") and "井深: cm" in line for line in table), "a doubt is marked"
    assert not (tmp_path / "no such city").exists()
    assert CityAtHand(nowhere(tmp_path).data_dir).process("inspect", broken).returncode == 1


def test_the_city_of_a_killed_check_is_removed_by_the_next(tmp_path: Path) -> None:
    used, dead, young, other = (tmp_path / name for name in ("twin-check-used", "twin-check-dead", "twin-check-young", "twin-demo"))
    for folder in (used, dead, young, other):
        (folder / "city" / "pg").mkdir(parents=True)
        if folder != young:
            os.utime(folder, (0, 0))
    with locks.exclusive(used / "in-use", deadline_s=0):
        os.utime(used, (0, 0))
        sweep_scratch(tmp_path)
        assert {f.name for f in tmp_path.iterdir()} == {"twin-check-used", "twin-check-young", "twin-demo"}
    sweep_scratch(tmp_path)
    assert not used.exists()


@pytest.mark.slow
def test_files_are_checked_without_a_city(tmp_path: Path) -> None:
    path, report = survey(tmp_path), tmp_path / "report"
    before = set(Path(tempfile.gettempdir()).iterdir())
    done = nowhere(tmp_path).run(
        "check", path, "--crs", "EPSG:4549", "--unit", "井深=cm", "--map", "材料=well_material", "--report", report
    )
    assert (done["read"], done["rejected"]) == (12, 0)
    assert "unit-doubtful" not in done["findings"], "it is answered"
    assert done["sources"][0]["mapping"]["材料"] == "well_material"
    assert json.loads((report / "findings.json").read_text("utf-8"))
    refused = nowhere(tmp_path).run("check", path, "--type", "pipe_node", code=1)
    assert refused["error"]["code"] == "crs-undeclared"
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(
        "\n".join(["物探点号,X,Y", *(f"{'' if i % 3 else f'J{i}'},{NORTH + i},{EAST + i}" for i in range(30))]), encoding="utf-8"
    )
    asked = ("check", wrong, "--type", "pipe_node", "--crs", "EPSG:4549")
    assert nowhere(tmp_path).run(*asked, code=1)["rejected"] == 20, "a load would refuse it too: more than half of its rows are wrong"
    assert nowhere(tmp_path).run(*asked, "--max-rejected", "0.9", code=0)["rejected"] == 20
    left = {name for name in set(Path(tempfile.gettempdir()).iterdir()) - before if name.name.startswith("twin-")}
    assert not left, "nothing stays of the city made for the moment"
    assert not (tmp_path / "no such city").exists()


@pytest.mark.slow
def test_a_raster_in_degrees_far_away_asks_for_the_city(tmp_path: Path) -> None:
    """Nobody can tell its grid: it was said to lie beyond a deployment of which nobody had heard."""
    grid = rasterio.transform.from_origin(-122.5, 38.0, 0.001, 0.001)
    profile = {"driver": "GTiff", "width": 20, "height": 20, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "transform": grid}
    with rasterio.open(path := tmp_path / "dem.tif", "w", **profile) as raster:
        raster.write(np.ones((1, 20, 20), np.float32))
    refused = nowhere(tmp_path).run("check", path, "--type", "terrain", code=1)["error"]
    assert (refused["code"], "--city city.yaml" in refused["en"], "--city city.yaml" in refused["zh"]) == ("area-of-use", True, True)


def test_a_check_in_a_city_is_held_against_the_dataset_that_the_page_would_propose(
    run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path
) -> None:
    path = survey(tmp_path)
    points = ("--crs", "EPSG:4549", "--unit", "井深=cm")
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        city.run("load", path, "--type", "pipe_node", "--dataset", "wells", *points)
        for asked in ((), ("--type", "pipe_node")):
            [(dataset, counts)] = city.run("check", path, *asked, *points)["datasets"].items()
            assert (dataset, counts["unchanged"], counts["insert"]) == ("wells", 12, 0)


def test_a_check_without_a_type_says_why_a_file_cannot_be_read_and_which_layers_nobody_knows(
    run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path
) -> None:
    (broken := tmp_path / "broken.tif").write_bytes(b"II*\x00\xff\xff\xff\xff" + bytes(64))
    point = {"type": "Feature", "properties": {"qq": 1}, "geometry": {"type": "Point", "coordinates": [119.9, 31.8]}}
    (unknown := tmp_path / "qq.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [point]}), encoding="utf-8")
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        assert city.run("check", broken, code=1)["error"]["code"] != "bad-request"
        refused = city.run("check", unknown, code=2)["error"]
        assert refused["code"] == "bad-request"
        assert "what qq is cannot be told" in refused["en"]
        point["properties"] = {"name": "a", "x1": 1, "x2": 1}
        unknown.write_text(json.dumps({"type": "FeatureCollection", "features": [point]}), encoding="utf-8")
        assert "perhaps --type " in city.run("check", unknown, code=2)["error"]["en"]


def test_files_beside_a_shapefile_may_be_named_with_it(run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path) -> None:
    point = {"type": "Feature", "properties": {"name": "站", "poi_id": "1"}, "geometry": {"type": "Point", "coordinates": [119.9, 31.8]}}
    (source := tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [point]}), encoding="utf-8")
    ogr2ogr(tmp_path / "地点.shp", source)
    files = sorted(tmp_path.glob("地点.*"))
    assert {f.suffix for f in files} > {".dbf", ".shp", ".shx"}
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        for asked in (("--type", "poi"), ("--part", "地点=poi:poi")):
            assert city.run("check", *files, *asked)["read"] == 1
        assert city.run("load", *files, "--type", "poi", "--accept-doubts")["published"] == 1


def test_of_two_datasets_of_a_type_a_check_is_held_against_the_one_that_is_called_as_the_layer(
    run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path
) -> None:
    path, points = survey(tmp_path).rename(tmp_path / "neighbours.csv"), ("--crs", "EPSG:4549", "--unit", "井深=cm")
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        for dataset in ("pipe_node", "neighbours"):
            city.run("load", path, "--type", "pipe_node", "--dataset", dataset, *points)
        for asked in ((), ("--layer", "neighbours")):
            assert list(city.run("check", path, "--type", "pipe_node", *asked, *points)["datasets"]) == ["neighbours"]


def test_what_publishing_would_delete_is_said_and_is_no_fault_of_the_file(
    run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path
) -> None:
    whole, part = survey(tmp_path), tmp_path / "some.csv"
    head, *rows = whole.read_bytes().splitlines()
    part.write_bytes(b"\n".join([head, *rows[:8]]))
    points = ("--type", "pipe_node", "--crs", "EPSG:4549", "--unit", "井深=cm")
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        city.run("load", whole, "--dataset", "wells", *points)
        done = city.process("check", part, *points, "--report", tmp_path / "report", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        assert (said["needs_allow_deletes"], said["datasets"]["wells"]["delete"]) == (True, 4)
        assert "4 of 12 features of wells are missing from the file" in done.stderr
        assert "--allow-deletes" not in done.stderr, "check has no such option"
        assert json.loads((tmp_path / "report" / "findings.json").read_bytes())["refusal"] is None
        assert not city.run("check", whole, *points)["needs_allow_deletes"]
        refused = city.process("load", part, "--dataset", "wells", *points)
        assert (refused.returncode, "allow-deletes" in refused.stderr) == (1, True)
