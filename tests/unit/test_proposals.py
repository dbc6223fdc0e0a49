"""What files are proposed as: every layer of the sample city is known for what it is, by its names and columns alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import from_origin

import sample_city
from ingest.proposals import Proposal, dataset_for, propose
from ingest.protocol import FileInfo, LayerInfo, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.understanding.area import deployment_area
from ingest.understanding.defined import told_by_file
from ingest.understanding.evidence import LIKELY
from ingest.understanding.layer import Surroundings
from ingest.understanding.sample import ColumnSample, LayerSample
from twin.crs import CrsError
from twin.errors import Text
from twin.featuretypes.loader import load_feature_types
from twin.model import Dataset, Recipe, SharingClass

TYPES = load_feature_types()


def proposals(path: Path) -> dict[str, Proposal]:
    """Look into a file without the sandbox: it is ours."""
    info = choose_reader(ReadRequest(path, (), storage_srid=0)).inspect()
    return {p.layer: p for p in propose(path.name, info, TYPES, [])}


def test_every_layer_of_the_sample_city_is_proposed_as_what_it_is(
    sample_city_folder: Path, sample_city_manifest: sample_city.Manifest
) -> None:
    wrong = []
    for source in sample_city_manifest.sources:
        if source.file.endswith(".gml"):
            continue
        found = proposals(sample_city_folder / source.file)
        layer = found.get(source.layer) or (next(iter(found.values())) if len(found) == 1 else None)
        guess = layer.guesses[0].feature_type if layer and layer.guesses else None
        if guess != source.feature_type:
            wrong.append((source.file, source.layer, source.feature_type, guess))
    assert not wrong


def layer(name: str, *columns: str, geometry: str | None = "MultiPolygon", crs: str | None = None, assumed: bool = False) -> Proposal:
    [found] = propose("file.gpkg", FileInfo("GeoPackage", (LayerInfo(name, geometry, columns, crs, 3, assumed),)), TYPES, [])
    return found


def test_columns_tell_where_the_name_says_nothing() -> None:
    found = layer("图层1", "建筑编号", "建筑高度", "地上层数", "备注")
    best = found.guesses[0]
    assert best.feature_type == "building"
    assert best.mapping == {"建筑编号": "building_id", "建筑高度": "height_m", "地上层数": "floors_above"}
    assert best.confidence < layer("建筑物", "建筑编号", "建筑高度", "地上层数", "备注").guesses[0].confidence
    assert "备注" not in best.mapping


@pytest.mark.parametrize("columns", [("GlobalID",), ("NAME",), ("名称", "备注")])
def test_a_layer_of_one_column_of_any_type_is_not_known_by_it(columns: tuple[str, ...]) -> None:
    """The boundary of Cambridge (one column, GlobalID) was a room at 84 %."""
    assert all(guess.confidence < LIKELY for guess in layer("图层1", *columns).guesses)
    assert layer("房间", *columns).guesses[0].feature_type == "space"


def test_columns_of_coordinates_and_of_the_survey_take_nothing_from_what_a_table_is() -> None:
    fields, others = (
        ("管线点号", "管类", "特征", "附属物", "地面高程"),
        ("X", "Y", "经度", "纬度", "起点X", "终点Y", "普查日期", "测量单位"),
    )
    both = [FileInfo("CSV", (LayerInfo("表", "table", columns, None, 3),)) for columns in (fields, (*fields, *others))]
    [plain], [placed] = (propose("a.csv", info, TYPES, []) for info in both)
    assert plain.guesses[0].feature_type == placed.guesses[0].feature_type == "pipe_node"
    assert plain.guesses[0].confidence == placed.guesses[0].confidence > 0.6
    [named] = propose("a.csv", FileInfo("CSV", (LayerInfo("表", "table", ("name", "X", "Y"), None, 3),)), TYPES, [])
    assert all(guess.confidence < 0.5 for guess in named.guesses), "a name is a field of most types"


def test_columns_that_every_drawing_has_take_nothing_from_what_its_blocks_say() -> None:
    columns = ("layer", "handle", "entity", "cass_code", "cass_more", "xdata", "block", "rotation_deg", "点号")
    [drawn] = propose("a.dxf", FileInfo("DXF", (LayerInfo("WS:点", "Point", columns, None, 3),)), TYPES, [])
    assert (drawn.guesses[0].feature_type, drawn.guesses[0].confidence > 0.5) == ("pipe_node", True)
    [bare] = propose("a.dxf", FileInfo("DXF", (LayerInfo("管线:线", "LineString", columns[:6], None, 3),)), TYPES, [])
    assert "0 of" not in bare.guesses[0].evidence.en


def test_a_type_whose_geometry_cannot_be_is_not_proposed() -> None:
    for shape in ("MultiPolygon", "MultiSurface"):
        assert {TYPES[g.feature_type].geometry_type for g in layer("管线", "管线编号", geometry=shape).guesses} <= {"MultiPolygon"}
    assert layer("管线", "管线编号", "起点点号", "终点点号", geometry="LineString Z").guesses[0].feature_type == "pipe_segment"


@pytest.mark.parametrize(
    ("crs", "assumed", "word"), [(None, False, "declare"), ("EPSG:4549", False, "declared"), ("OGC:CRS84", True, "rule")]
)
def test_where_the_crs_comes_from_is_said(crs: str | None, assumed: bool, word: str) -> None:
    assert word in layer("建筑物", "建筑编号", crs=crs, assumed=assumed).understanding.crs.text.en


CHOICES = json.loads((Path(__file__).parents[2] / "twin/viewer/test/dataset_choices.json").read_text())
"""The page for submitting is held to the same."""


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: c["why"])
def test_the_dataset_of_a_type_is_the_one_that_the_page_chooses(choice: dict[str, Any]) -> None:
    datasets = [
        Dataset(number, d["slug"], d["type"], number, Text(**d["title"]), "", "", "", SharingClass.OPEN, 0.001)
        for number, d in enumerate(choice["datasets"], 1)
    ]
    assert dataset_for(choice["type"], choice["layer"], datasets) == choice["chosen"]


def test_an_existing_dataset_goes_before_a_new_one() -> None:
    def dataset(number: int, slug: str, feature_type: str) -> Dataset:
        return Dataset(number, slug, feature_type, number, Text(slug, slug), "", "", "", SharingClass.OPEN, 0.001)

    info = FileInfo("GeoPackage", (LayerInfo("town_b", "MultiPolygon", ("建筑编号", "建筑高度"), None, 3),))
    have = [dataset(1, "town_a", "building"), dataset(2, "town_b", "building"), dataset(3, "building", "parcel")]
    assert propose("x.gpkg", info, TYPES, have)[0].dataset == "town_b", "the one that is called so"
    assert propose("x.gpkg", info, TYPES, have[:1])[0].dataset == "town_a"
    neighbours = [*have[:1], dataset(4, "buildings", "building")]
    assert propose("x.gpkg", info, TYPES, neighbours)[0].dataset == "buildings", "the one named after the type"
    both = [dataset(5, "building_neighbour", "building"), *neighbours]
    assert propose("x.gpkg", info, TYPES, both)[0].dataset == "buildings", "the one with least added to the type"
    assert propose("x.gpkg", info, TYPES, have[2:])[0].dataset == "building_2", "a name that is taken names nothing new"


def test_codes_of_a_drawing_tell_its_type_where_the_layer_is_called_anything() -> None:
    def proposed(*codes: str) -> Proposal:
        sample = LayerSample(len(codes), (ColumnSample("cass_code", codes),))
        info = LayerInfo("JMD", "Polygon", ("cass_code",), None, len(codes), sample=sample)
        return propose("drawing.dxf", FileInfo("DXF", (info,)), TYPES, [])[0]

    sure = proposed("141101", "141101", "141101").guesses[0]
    assert (sure.feature_type, sure.confidence) == ("building", 0.9)
    assert "CASS" in sure.evidence.en
    hint = proposed("181101", "181101", "000000").guesses[0]
    assert hint.feature_type == "water"
    assert hint.confidence < 0.6, "what is known from one place alone is a hint"


def test_a_raster_is_proposed_as_what_its_bands_can_be() -> None:
    def proposed(name: str, *recipes: Recipe) -> list[str]:
        raster = LayerInfo(name, "coverage", (), "EPSG:4549", 1, recipes=frozenset(recipes))
        return [g.feature_type for g in propose(f"{name}.tif", FileInfo("GeoTIFF", (raster,)), TYPES, [])[0].guesses if g.confidence >= 0.6]

    assert (proposed("a1", "imagery"), proposed("影像2026", "imagery"), proposed("dem", "imagery")) == (["imagery"],) * 3
    assert (proposed("a1", "imagery", "terrain"), proposed("a1", "terrain"), proposed("影像", "terrain")) == (["terrain"],) * 3
    assert proposed("a1") == []
    assert [proposed(name, "imagery", "terrain")[0] for name in ("影像2026", "常州DOM_03", "ortho_2026", "航空影像")] == ["imagery"] * 4
    assert [proposed(name, "imagery", "terrain")[0] for name in ("dem", "高程", "高程2026")] == ["terrain"] * 3


def test_layers_of_openstreetmap_are_proposed_as_types_that_name_tags() -> None:
    kinds = {"Point": "points", "LineString": "lines", "MultiPolygon": "multipolygons"}
    info = FileInfo("OSM PBF", tuple(LayerInfo(name, kind, (), "EPSG:4326", None) for kind, name in kinds.items()))
    found = propose("town.osm.pbf", info, TYPES, [])
    assert [p.guesses[0].feature_type for p in found] == ["poi", "road", "building"]
    assert all(TYPES[g.feature_type].osm_tags and g.confidence < 0.6 for p in found for g in p.guesses)


def test_lines_of_a_survey_are_placed_by_the_points_that_are_called_alike() -> None:
    places = LayerSample(1, places=((497_538.0, 3_520_895.0),))
    layers = (LayerInfo(f"{kind}_POINT", "table", ("Exp_No", "X", "Y"), None, 1, sample=places) for kind in ("JS", "WS"))
    info = FileInfo("MDB", (*layers, LayerInfo("WS_LINE", "table", ("S_Exp", "E_Exp"), None, 1)))
    area = Surroundings(deployment_area(4549, (119.0, 31.0, 121.0, 33.0)))
    assert "'WS_POINT'" in propose("census.mdb", info, TYPES, [], area)[2].understanding.crs.text.en


def test_a_crs_defined_in_full_is_shown_by_its_name() -> None:
    wkt = pyproj.CRS("+proj=tmerc +lat_0=0 +lon_0=120 +x_0=500000 +ellps=GRS80 +units=m").to_wkt()
    sample = LayerSample(1, places=((500_000.0, 3_500_000.0),))
    label, defined = told_by_file(wkt, sample)
    info = LayerInfo("建筑物", "MultiPolygon", ("建筑编号",), label, 3, defined=defined, sample=sample)
    area = deployment_area(4549, (119.0, 31.0, 121.0, 33.0))
    for around in (None, Surroundings(area)):
        crs = propose("file.shp", FileInfo("ESRI Shapefile", (info,)), TYPES, [], around)[0].understanding.crs
        assert (crs.value, crs.stated, crs.confidence) == ("unknown", "unknown", 0.98)


def test_a_crs_whose_name_looks_like_a_code_is_known_for_a_definition() -> None:
    wkt = pyproj.CRS("+proj=tmerc +lat_0=0 +lon_0=120 +x_0=500000 +ellps=krass +units=m").to_wkt().replace("unknown", "EPSG:4549", 1)
    label, defined = told_by_file(wkt, None)
    assert label == '"EPSG:4549"'
    assert defined is not None
    assert (defined.srid, defined.in_degrees) == (None, False)
    with pytest.raises(CrsError):
        told_by_file("x" * 100_000, None)


def test_what_the_child_gives_for_a_crs_is_never_parsed_as_a_definition() -> None:
    wkt = pyproj.CRS(4549).to_wkt()
    info = LayerInfo("建筑物", "MultiPolygon", ("建筑编号",), wkt, 3)
    assert info.stated_crs is None
    assert propose("file.shp", FileInfo("ESRI Shapefile", (info,)), TYPES, [])[0].understanding.crs.stated is None


def test_a_band_with_a_palette_is_a_picture(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "uint8", "crs": "EPSG:4549"}
    with rasterio.open(tmp_path / "a.tif", "w", transform=from_origin(497000, 3521000, 1, 1), **profile) as image:
        image.write(np.ones((4, 4), dtype=np.uint8), 1)
        image.write_colormap(1, {1: (200, 30, 40, 255)})
    [found] = proposals(tmp_path / "a.tif").values()
    assert [guess.feature_type for guess in found.guesses] == ["imagery"]
