import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from shapely.validation import explain_validity

from sample_city import Manifest, generate
from tests.sample_city_reading import read_layer, read_sheet


def plots_of(folder: Path):
    return read_layer(f"/vsizip/{folder}/用地规划.zip/用地规划.shp", encoding="GBK")


def test_equal_seeds_give_equal_bytes_and_another_seed_another_city(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        generate(tmp_path / name, scale=500, seed=seed)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(files) == 6
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    differing = [n for n in files if (tmp_path / "a" / n).read_bytes() != (tmp_path / "c" / n).read_bytes()]
    assert set(files) - set(differing) == {"行政区划.geojson"}


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    first = generate(tmp_path, scale=700, seed=1)
    second = generate(tmp_path, scale=500, seed=1)
    rows = [next(s.rows for s in m.sources if s.layer == "建筑物") for m in (first, second)]
    assert rows == [700, 500]
    assert len(read_layer(str(tmp_path / "建筑物.gpkg")).shapes) == 500


def test_too_small_a_city_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="499"):
        generate(tmp_path, scale=499)


def test_the_manifest_reads_back_as_returned(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    assert Manifest.read(sample_city_folder) == sample_city_manifest


def test_the_manifest_counts_what_other_readers_count(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    counted = {
        "建筑物": len(read_layer(str(sample_city_folder / "建筑物.gpkg"), layer="建筑物").shapes),
        "管点": len(read_sheet(sample_city_folder, "管点")),
        "管线": len(read_sheet(sample_city_folder, "管线")),
        "用地规划": len(plots_of(sample_city_folder).shapes),
        "行政区划": len(read_layer(str(sample_city_folder / "行政区划.geojson")).shapes),
        "高程": 1,
    }
    assert counted == {source.layer: source.rows for source in sample_city_manifest.sources}
    assert counted["建筑物"] == 3000
    assert 3500 < counted["管线"] < 4500


def test_rejected_counts_are_those_of_the_planted_errors(sample_city_manifest: Manifest) -> None:
    wrong = Counter(layer for layer, _ in {(f.layer, f.row) for f in sample_city_manifest.faults if f.severity == "error"})
    assert {s.layer: s.rejected for s in sample_city_manifest.sources} == {s.layer: wrong[s.layer] for s in sample_city_manifest.sources}


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
    assert wrong == {f.row for f in sample_city_manifest.faults if f.layer == "用地规划"}


def test_exactly_the_planted_survey_rows_are_wrong(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    kinds = {"YS", "WS", "JP", "TR", "GD", "XX"}
    points, wrong, seen = read_sheet(sample_city_folder, "管点"), set(), set()
    for number, p in enumerate(points, start=2):
        lost = not 3_400_000 < p["X"] < 3_600_000 or not 400_000 < p["Y"] < 600_000
        if p["管线点编号"] in seen | {None} or p["管线类型"] not in kinds or p["地面高程"] > 9000 or lost:
            wrong.add(number)
        seen.add(p["管线点编号"])
    assert wrong == {f.row for f in sample_city_manifest.faults if f.layer == "管点"}
    wrong, pairs = set(), set()
    for number, s in enumerate(read_sheet(sample_city_folder, "管线"), start=2):
        ends = (s["起点点号"], s["终点点号"])
        if not set(ends) <= seen or ends in pairs or s["管线类型"] not in kinds:
            wrong.add(number)
        pairs.add(ends)
    assert wrong == {f.row for f in sample_city_manifest.faults if f.layer == "管线"}


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
