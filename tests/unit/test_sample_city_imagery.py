"""The images and the point cloud, read by rasterio and laspy: they show what the survey says, and every planted change can be seen."""

from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from sample_city import Manifest
from tests.sample_city_reading import Layer, faulty_rows, read_layer
from tests.unit.test_sample_city_grids import ground_at

GROUND, VEGETATION, BUILDING = 2, 5, 6


@pytest.fixture(scope="module")
def images(sample_city_folder: Path) -> tuple[np.ndarray, np.ndarray, rasterio.Affine]:
    found = []
    for name in ("影像2025.tif", "影像2026.tif"):
        with rasterio.open(sample_city_folder / name) as raster:
            assert raster.crs.to_epsg() == 4549
            assert (raster.count, set(raster.dtypes)) == (3, {"uint8"})
            assert raster.block_shapes == [(256, 256)] * 3
            assert raster.tags()["TIFFTAG_DATETIME"].startswith(name[2:6])
            found.append(raster.read().astype(float))
            transform = raster.transform
    return found[0], found[1], transform


@pytest.fixture(scope="module")
def buildings(sample_city_folder: Path, sample_city_manifest: Manifest) -> Layer:
    layer = read_layer(str(sample_city_folder / "建筑物.gpkg"))
    wrong = faulty_rows(sample_city_manifest, "建筑物")
    sound = np.array([k + 1 not in wrong for k in range(len(layer.shapes))])
    return Layer({name: values[sound] for name, values in layer.columns.items()}, layer.shapes[sound])


def changes(manifest: Manifest) -> dict[str, tuple[shapely.Polygon, dict]]:
    return {
        fact.values["change"]: (shapely.Polygon(np.reshape(fact.values["ring"], (-1, 2))), fact.values)
        for fact in manifest.facts
        if fact.kind == "image-change"
    }


def test_both_images_show_the_same_ground_in_colours_of_a_photograph(images) -> None:
    before, after, transform = images
    assert before.shape == after.shape
    assert transform.a == 0.5
    for image in (before, after):
        assert 60 < image.mean() < 170
        assert image.std() > 30
        # no flat colour: neighbours differ nearly everywhere, as in a photograph and not in a map
        assert (np.abs(np.diff(image, axis=2)).sum(axis=0) > 0).mean() > 0.8


def test_every_planted_change_is_seen_and_the_rest_stays_as_it_was(images, sample_city_manifest: Manifest) -> None:
    before, after, transform = images
    planted = changes(sample_city_manifest)
    assert set(planted) == {"new-building", "demolished-building", "resurfaced-road", "filled-lake"}
    # the images differ in gain; what is left after taking that out is change, cars and grain
    gain = before.reshape(3, -1).mean(axis=1) / after.reshape(3, -1).mean(axis=1)
    difference = np.abs(before - after * gain[:, None, None]).sum(axis=0)
    everything = shapely.union_all([shape.buffer(25.0) for shape, _ in planted.values()])
    elsewhere = rasterize([(everything, 0)], out_shape=difference.shape, transform=transform, fill=1).astype(bool)
    usual = np.median(difference[elsewhere])
    for kind, (shape, values) in planted.items():
        inside = rasterize([(shape.buffer(-1.0), 1)], out_shape=difference.shape, transform=transform).astype(bool)
        assert np.median(difference[inside]) > 3 * usual, kind
        assert shape.area == pytest.approx(values["area_m2"], abs=0.001)
    assert np.quantile(difference[elsewhere], 0.9) < 4 * usual


def test_changes_concern_what_the_other_files_say(buildings: Layer, sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    planted = changes(sample_city_manifest)
    shape, values = planted["demolished-building"]
    (row,) = np.flatnonzero(buildings.columns["建筑编号"] == values["feature"])
    assert buildings.shapes[row].equals(shape)
    new, _ = planted["new-building"]
    assert shapely.STRtree(buildings.shapes).query(new, predicate="intersects").size == 0
    lake, values = planted["filled-lake"]
    waters = read_layer(str(sample_city_folder / "基础地理.gpkg"), layer="水系")
    (row,) = np.flatnonzero(waters.columns["水体编号"] == values["feature"])
    assert shapely.equals(shapely.get_parts(waters.shapes[row])[0], lake)


@pytest.fixture(scope="module")
def cloud(sample_city_folder: Path) -> laspy.LasData:
    return laspy.read(sample_city_folder / "点云.laz")


def test_the_point_cloud_is_las_1_4_in_the_storage_crs(cloud: laspy.LasData, sample_city_manifest: Manifest) -> None:
    assert str(cloud.header.version) == "1.4"
    assert cloud.header.point_format.id == 7
    assert cloud.header.parse_crs().to_epsg(min_confidence=20) == 4549  # WKT 1 names no axes
    assert cloud.header.point_count <= 300_000
    (fact,) = [fact for fact in sample_city_manifest.facts if fact.kind == "points-by-class"]
    classes, counts = np.unique(np.asarray(cloud.classification), return_counts=True)
    assert {f"class_{c}": n for c, n in zip(classes.tolist(), counts.tolist(), strict=True)} == dict(fact.values)
    assert classes.tolist() == [GROUND, VEGETATION, BUILDING]


def test_ground_points_lie_on_the_elevation_model(cloud: laspy.LasData, sample_city_folder: Path) -> None:
    ground = np.asarray(cloud.classification) == GROUND
    places = np.column_stack([cloud.x, cloud.y])[ground]
    above = np.asarray(cloud.z)[ground] - ground_at(sample_city_folder, places)
    assert np.abs(np.median(above)) < 0.005
    assert np.abs(above).max() < 0.15


def test_building_points_lie_on_buildings_at_their_height(cloud: laspy.LasData, buildings: Layer) -> None:
    on_roof = np.asarray(cloud.classification) == BUILDING
    points = shapely.points(np.asarray(cloud.x)[on_roof], np.asarray(cloud.y)[on_roof])
    height = np.asarray(cloud.z)[on_roof]
    # a pixel of half a metre belongs to a roof when its middle does
    point, building = shapely.STRtree(buildings.shapes).query(points, predicate="dwithin", distance=0.36)
    assert len(np.unique(point)) == len(points)
    base, tall = buildings.columns["基底高程"][building], buildings.columns["建筑高度"][building]
    known = ~np.isnan(base) & ~np.isnan(tall)
    above_base = (height[point] - base)[known]
    tall = tall[known]
    assert (above_base > tall * 0.5).all()
    # a lift house stands 3.2 m above a flat roof, a ridge half its rise above the height that the survey gives
    assert (above_base < tall + 6.0).all()
