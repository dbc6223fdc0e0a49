"""The second building survey differs from the first as the manifest says, found by comparing the two files."""

from pathlib import Path

import numpy as np
import shapely

from sample_city import Manifest
from tests.sample_city_reading import faulty_rows, read_layer

TOLERANCE_M = 0.001


def test_the_second_survey_differs_as_the_manifest_says(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    first, second = (read_layer(str(sample_city_folder / file), layer="建筑物") for file in ("建筑物.gpkg", "第二期/建筑物.gpkg"))
    wrong = faulty_rows(sample_city_manifest, "建筑物")
    before = {key: k for k, key in enumerate(first.columns["建筑编号"].tolist()) if k + 1 not in wrong}
    after = {key: k for k, key in enumerate(second.columns["建筑编号"].tolist())}
    assert len(after) == len(second.shapes)
    attributes = moved = 0
    for key in before.keys() & after.keys():
        a, b = before[key], after[key]
        old, new = (tuple(str(values[k]) for values in layer.columns.values()) for layer, k in ((first, a), (second, b)))
        far = vertex_distance_m(first.shapes[a], second.shapes[b])
        attributes += old != new
        moved += old == new and far > TOLERANCE_M
    (update,) = (u for u in sample_city_manifest.updates if u.file == "第二期/建筑物.gpkg")
    assert update.mode == "replace"
    assert update.inserted == len(after.keys() - before.keys())
    assert update.deleted == len(before.keys() - after.keys())
    assert update.updated == attributes + moved
    assert update.unchanged == len(before.keys() & after.keys()) - attributes - moved
    assert min(attributes, moved, update.inserted, update.deleted) > 5
    order = [before[key] for key in second.columns["建筑编号"].tolist() if key in before]
    assert np.mean(np.diff(order) == 1) < 0.01, "the rows stand in another order"


def vertex_distance_m(one: shapely.Polygon, other: shapely.Polygon) -> float:
    a, b = shapely.get_coordinates(one), shapely.get_coordinates(other)
    return float("inf") if a.shape != b.shape else float(np.hypot(*(a - b).T).max())


def test_new_buildings_overlap_no_other_and_stand_on_registered_parcels(sample_city_folder: Path) -> None:
    survey = read_layer(str(sample_city_folder / "第二期/建筑物.gpkg"), layer="建筑物")
    parcels = read_layer(str(sample_city_folder / "房屋与地址.gpkg"), layer="宗地")
    projects = read_layer(str(sample_city_folder / "规划.gpkg"), layer="建设项目").columns["建设工程规划许可证号"]
    new = survey.columns["建成年份"] == 2026
    assert new.sum() >= 20
    first, second = shapely.STRtree(survey.shapes).query(survey.shapes[new], predicate="intersects")
    assert (np.flatnonzero(new)[first] == second).all()
    shapes = dict(zip(parcels.columns["宗地代码"], parcels.shapes, strict=True))
    assert all(shapes[p].contains(s) for p, s in zip(survey.columns["宗地代码"][new], survey.shapes[new], strict=True))
    assert set(survey.columns["规划许可证号"][new]) <= set(projects)
