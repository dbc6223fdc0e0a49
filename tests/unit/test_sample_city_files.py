import shutil
import zipfile
from collections import Counter
from pathlib import Path

import laspy
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from shapely.validation import explain_validity

from sample_city import Manifest, Source, generate
from tests.sample_city_reading import faulty_rows, read_layer, read_sheet


def plots_of(folder: Path):
    return read_layer(f"/vsizip/{folder}/用地规划.zip/用地规划.shp", encoding="GBK")


def test_equal_seeds_give_equal_bytes_and_another_seed_another_city(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        generate(tmp_path / name, scale=500, seed=seed)
    files = sorted(p.relative_to(tmp_path / "a").as_posix() for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) > 6
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    differing = [n for n in files if (tmp_path / "a" / n).read_bytes() != (tmp_path / "c" / n).read_bytes()]
    assert set(files) - set(differing) <= {"行政区划.geojson"}


def test_a_second_run_replaces_the_first(tmp_path: Path, sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    folder = shutil.copytree(sample_city_folder, tmp_path / "city")
    second = generate(folder, scale=500, seed=1)
    rows = [next(s.rows - s.rejected for s in m.sources if s.layer == "建筑物") for m in (sample_city_manifest, second)]
    assert rows == [3000, 500]
    assert len(read_layer(str(folder / "建筑物.gpkg")).shapes) == 506
    assert Manifest.read(folder) == second


def test_too_small_a_city_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="499"):
        generate(tmp_path, scale=499)


def test_the_manifest_reads_back_as_returned(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    assert Manifest.read(sample_city_folder) == sample_city_manifest


def count_rows(folder: Path, source: Source) -> int:
    path = folder / source.file
    match path.suffix:
        case ".gpkg":
            return int(pyogrio.read_info(path, layer=source.layer)["features"])
        case ".xlsx":
            return len(read_sheet(folder, source.layer, source.file))
        case ".zip":
            return len(plots_of(folder).shapes)
        case ".geojson":
            return len(read_layer(str(path)).shapes)
        case ".laz":
            with laspy.open(path) as cloud:
                return 1 if cloud.header.point_count else 0
        case ".tif":
            with rasterio.open(path) as raster:
                return 1 if raster.width else 0
    raise AssertionError(path.suffix)


def test_the_manifest_counts_what_other_readers_count(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    counted = {(s.file, s.layer): count_rows(sample_city_folder, s) for s in sample_city_manifest.sources}
    assert counted == {(s.file, s.layer): s.rows for s in sample_city_manifest.sources}
    buildings = next(s for s in sample_city_manifest.sources if s.layer == "建筑物")
    assert buildings.rows - buildings.rejected == 3000


def test_every_layer_of_every_file_is_in_the_manifest(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    named = {(s.file, s.layer) for s in (*sample_city_manifest.sources, *sample_city_manifest.updates)}
    for path in sample_city_folder.rglob("*.gpkg"):
        file = path.relative_to(sample_city_folder).as_posix()
        assert {(file, str(layer)) for layer, _ in pyogrio.list_layers(path)} == {(f, layer) for f, layer in named if f == file}
    files = {p.relative_to(sample_city_folder).as_posix() for p in sample_city_folder.rglob("*") if p.is_file()}
    assert files - {"manifest.json"} == {file for file, _ in named}


def test_rejected_counts_are_those_of_the_planted_errors(sample_city_manifest: Manifest) -> None:
    faulty = {(f.file, f.layer, f.row) for f in sample_city_manifest.faults if f.severity == "error"}
    wrong = Counter((file, layer) for file, layer, _ in faulty)
    assert all(s.rejected == wrong[s.file, s.layer] for s in sample_city_manifest.sources)


def test_exactly_the_planted_buildings_are_wrong(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    layer = read_layer(str(sample_city_folder / "建筑物.gpkg"))
    column = layer.columns
    wrong = set()
    seen: set[str] = set()
    for k, shape in enumerate(layer.shapes):
        bad = not shape.is_valid or column["建筑高度"][k] < 0 or column["建筑高度"][k] > 1500 or column["地上层数"][k] < 0
        bad |= column["建筑编号"][k] in seen or shape.bounds[0] > 600_000
        seen.add(column["建筑编号"][k])
        wrong |= {k + 1} if bad else set()
    assert wrong == {f.row for f in sample_city_manifest.faults if f.layer == "建筑物" and f.severity == "error"}


def test_exactly_the_planted_plots_are_wrong(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    layer = plots_of(sample_city_folder)
    column = layer.columns
    ends_first = column["停用日期"] < column["启用日期"]
    wrong = {
        k + 1
        for k, shape in enumerate(layer.shapes)
        if explain_validity(shape) != "Valid Geometry"
        or column["用地代码"][k] in (None, "9999")
        or column["规划状态"][k] not in ("编制", "批准", "废止")
        or column["绿地率"][k] > 100
        or ends_first[k]
    }
    assert wrong == faulty_rows(sample_city_manifest, "用地规划")


def test_exactly_the_planted_survey_rows_are_wrong(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    kinds = {"YS", "WS", "JP", "SS", "TR", "RS", "GD", "LD", "XX", "DQ", "BM"}
    points, wrong, seen = read_sheet(sample_city_folder, "管点"), set(), set()
    for number, p in enumerate(points, start=2):
        lost = not 3_400_000 < p["X"] < 3_600_000 or not 400_000 < p["Y"] < 600_000
        if p["管线点编号"] in seen | {None} or p["管线类型"] not in kinds or p["地面高程"] > 9000 or lost:
            wrong.add(number)
        seen.add(p["管线点编号"])
    assert wrong == faulty_rows(sample_city_manifest, "管点")
    ground = {p["管线点编号"]: p["地面高程"] for p in reversed(points)}
    wrong, pipes = set(), set()
    for number, s in enumerate(read_sheet(sample_city_folder, "管线"), start=2):
        ends = [(s["起点点号"], s["起点埋深"], s["起点管线高程"]), (s["终点点号"], s["终点埋深"], s["终点管线高程"])]
        pipe = (frozenset((node, elevation) for node, _, elevation in ends), s["管线类型"])
        nodes = {node for node, _, _ in ends}
        known = nodes <= seen - {None} and len(nodes) == 2
        off = known and any(abs(ground[node] - depth - elevation) > 0.05 for node, depth, elevation in ends)
        if not known or off or pipe in pipes or s["管线类型"] not in kinds:
            wrong.add(number)
        pipes.add(pipe)
    assert wrong == faulty_rows(sample_city_manifest, "管线")


def test_the_shapefile_is_gbk_without_cpg(sample_city_folder: Path) -> None:
    with zipfile.ZipFile(sample_city_folder / "用地规划.zip") as archive:
        assert sorted(Path(n).suffix for n in archive.namelist()) == [".dbf", ".prj", ".shp", ".shx"]
        table = archive.read("用地规划.dbf")
    assert table[29] == 0x4D
    assert "容积率".encode("gbk") in table
    assert {s for s in plots_of(sample_city_folder).columns["规划状态"] if s} == {"编制", "批准", "废止"}


def test_some_heights_are_left_for_the_platform_to_find(sample_city_folder: Path) -> None:
    column = read_layer(str(sample_city_folder / "建筑物.gpkg")).columns
    assert 0.05 < np.isnan(column["基底高程"]).mean() < 0.2
    assert 0 < np.isnan(column["建筑高度"]).mean() < 0.05


def test_buildings_stand_on_the_elevation_model(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    layer = read_layer(str(sample_city_folder / "建筑物.gpkg"))
    outside = {f.row for f in sample_city_manifest.faults if f.layer == "建筑物"}
    kept = [k for k in range(len(layer.shapes)) if k + 1 not in outside and not np.isnan(layer.columns["基底高程"][k])]
    middles = shapely.get_coordinates(shapely.centroid(layer.shapes[kept]))
    with rasterio.open(sample_city_folder / "高程.tif") as raster:
        nearest = np.array([value[0] for value in raster.sample(middles)])
    plinth = layer.columns["基底高程"][kept] - nearest
    assert plinth.min() > -0.3
    assert plinth.max() < 1.1
