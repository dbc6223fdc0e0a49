import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sample_city import Manifest
from sample_city.footprints import courtyard, h_shape, l_shape, rectangle, u_shape
from sample_city.relief import Relief
from sample_city.streets import plan_streets
from sample_city.town import grow_town
from sample_city.trees import block_trees
from sample_city.zoning import PARK
from tests.sample_city_reading import faulty_rows, read_layer


def good(shapes, wrong: set[int]):
    return shapes[[k for k in range(len(shapes)) if k + 1 not in wrong]]


@pytest.fixture(scope="module")
def buildings(sample_city_folder: Path, sample_city_manifest: Manifest):
    return good(read_layer(str(sample_city_folder / "建筑物.gpkg")).shapes, faulty_rows(sample_city_manifest, "建筑物"))


@pytest.fixture(scope="module")
def plots(sample_city_folder: Path):
    return read_layer(f"/vsizip/{sample_city_folder}/用地规划.zip/用地规划.shp", encoding="GBK")


def test_no_building_overlaps_another(buildings) -> None:
    first, second = shapely.STRtree(buildings).query(buildings, predicate="intersects")
    assert (first == second).all()


def test_buildings_stand_on_plots_not_on_streets_or_water(buildings, plots) -> None:
    unbuilt = np.isin(plots.columns["用地代码"].astype(str), ["1207", "1701", "0102", "0301"])
    tree = shapely.STRtree(plots.shapes[unbuilt & shapely.is_valid(plots.shapes)])
    assert tree.query(buildings, predicate="intersects").size == 0


def test_footprints_have_courtyards_and_corners(buildings) -> None:
    assert (shapely.get_num_interior_rings(buildings) > 0).sum() > 20
    corners = shapely.get_num_coordinates(buildings)
    assert {5, 7, 9, 13} <= set(corners.tolist())


def test_plots_in_force_cover_the_city_without_gap_or_overlap(plots) -> None:
    current = (plots.columns["规划状态"] != "废止") & shapely.is_valid(plots.shapes)
    broken = shapely.box(*shapely.total_bounds(plots.shapes[~shapely.is_valid(plots.shapes)]))
    shapes = plots.shapes[current]
    union = shapely.union_all(shapes)
    assert shapely.area(shapes).sum() == pytest.approx(union.area, abs=5.0)
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(union) for ring in part.interiors]
    gaps = shapely.union_all(holes).difference(broken.buffer(60)) if holes else shapely.Polygon()
    assert gaps.area < 5.0


def test_stated_areas_are_the_plots_areas(plots) -> None:
    valid = shapely.is_valid(plots.shapes)
    assert np.abs(plots.columns["用地面积"][valid] - shapely.area(plots.shapes[valid])).max() < 0.01


def test_repealed_plots_lie_on_plots_in_force(plots) -> None:
    repealed = plots.columns["规划状态"] == "废止"
    tree = shapely.STRtree(plots.shapes[~repealed & shapely.is_valid(plots.shapes)])
    assert 5 <= repealed.sum() <= 30
    assert len(set(tree.query(plots.shapes[repealed], predicate="covered_by")[0].tolist())) == repealed.sum()


def test_admin_units_are_real_and_nest(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    layer = read_layer(str(sample_city_folder / "行政区划.geojson"))
    wrong = faulty_rows(sample_city_manifest, "行政区划")
    unit = {
        code: (name, parent, shape)
        for k, (code, name, parent, shape) in enumerate(
            zip(layer.columns["行政区划代码"], layer.columns["名称"], layer.columns["上级代码"], layer.shapes, strict=True)
        )
        if k + 1 not in wrong and not name.startswith("虚构")
    }
    assert sorted(len(code) for code in unit) == [6] * 7 + [9] * 58
    assert all(shapely.is_valid(shape) and shape.geom_type == "Polygon" for _, _, shape in unit.values())
    for parent in [code for code in unit if len(code) == 6]:
        children = [shape for _, up, shape in unit.values() if up == parent]
        assert shapely.union_all(children).symmetric_difference(unit[parent][2]).area < 1e-9
        assert sum(c.area for c in children) == pytest.approx(unit[parent][2].area, abs=1e-9)


def test_town_codes_and_names_are_those_of_the_public_list(sample_city_folder: Path, real_data: Path) -> None:
    with (real_data / "admin-changzhou" / "changzhou_streets_3204_extract.csv").open(encoding="utf-8") as table:
        public = {row["code"]: row["name"] for row in csv.DictReader(table)}
    layer = read_layer(str(sample_city_folder / "行政区划.geojson"))
    ours = dict(zip(layer.columns["行政区划代码"][:65], layer.columns["名称"][:65], strict=True))
    assert {code: name for code, name in ours.items() if len(code) == 9}.items() <= public.items()


def test_admin_boundaries_are_longitude_latitude_to_seven_decimals(sample_city_folder: Path) -> None:
    text = (sample_city_folder / "行政区划.geojson").read_text(encoding="utf-8")
    assert '"crs"' not in text
    places = shapely.get_coordinates(read_layer(str(sample_city_folder / "行政区划.geojson")).shapes)
    assert np.abs(places * 1e7 - np.round(places * 1e7)).max() < 1e-4
    assert (places.min(axis=0) > (119, 31)).all()
    assert (places.max(axis=0) < (120.3, 32.1)).all()


def test_relief_has_a_hill_a_river_and_no_edges(sample_city_folder: Path) -> None:
    with rasterio.open(sample_city_folder / "高程.tif") as raster:
        assert raster.crs.to_epsg() == 4549
        heights, pixel = raster.read(1).astype(float), raster.transform.a
    assert heights.max() > 30
    assert heights.min() < 2.5
    bend = max(np.abs(np.diff(heights, 2, axis=axis)).max() for axis in (0, 1)) / pixel**2
    # A straight facet between two samples at distance d is off by bend · d² / 8 in each direction.
    assert 2 * bend * pixel**2 / 8 < 0.05


@given(e=st.floats(480_000, 520_000), n=st.floats(3_500_000, 3_540_000), seed=st.integers(0, 2**31))
def test_ground_is_the_surface_to_a_few_centimetres_anywhere(e: float, n: float, seed: int) -> None:
    relief = Relief(seed, 497_200.0, 3_519_700.0, 5.0)
    assert abs(float(relief.ground_m(e, n)) - float(relief.surface_m(e, n))) < 0.06


def test_a_block_is_the_same_in_a_small_and_a_large_town() -> None:
    grid = plan_streets(Relief(4549, 497_200.0, 3_519_700.0, 5.0), 2000)
    small, large = list(grow_town(grid, 500)), list(grow_town(grid, 900))
    assert [b.footprints for b in small[:-1]] == [b.footprints for b in large[: len(small) - 1]]
    assert sum(len(b.houses) for b in small) == 500


@given(x=st.floats(-1e3, 1e3), y=st.floats(-1e3, 1e3), width=st.floats(20, 90), depth=st.floats(20, 90), wing=st.floats(2, 9))
def test_footprints_are_valid_and_as_large_as_their_sides_say(x: float, y: float, width: float, depth: float, wing: float) -> None:
    whole = width * depth
    area = [
        (rectangle(x, y, width, depth), whole),
        (l_shape(x, y, width, depth, wing), whole - (width - wing) * (depth - wing)),
        (u_shape(x, y, width, depth, wing), whole - (width - 2 * wing) * (depth - wing)),
        (h_shape(x, y, width, depth, wing), whole - (width - 2 * wing) * (depth - wing)),
        (courtyard(x, y, width, depth, wing), whole - (width - 2 * wing) * (depth - 2 * wing)),
    ]
    for rings, expected in area:
        shape = shapely.Polygon(rings[0], rings[1:])
        assert shape.is_valid
        assert shape.exterior.is_ccw
        assert shape.area == pytest.approx(expected)


def test_a_park_that_its_pavilions_and_lake_take_whole_has_no_trees() -> None:
    """The 2,000th house of the city of seed 4549 stood beside such a park."""
    relief = Relief(4549, 497_538.0, 3_520_895.0, 10.0)
    park = next(block for block in grow_town(plan_streets(relief, 500), 500) if block.zone is PARK and block.land)
    taken = dataclasses.replace(park, footprints=park.land)
    assert len(list(block_trees(relief, park, None))) > 0
    assert list(block_trees(relief, taken, None)) == []
    assert list(block_trees(relief, park, park.land[0])) == []
