"""Real city models: what is in them, and that CityGML, CityJSON and shapefiles of the same things agree."""

from __future__ import annotations

import json
import re
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely

from ingest.protocol import PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types
from twin.representation import Faces, SurfaceType, decode

TYPES = load_feature_types()
YOKOSUKA = "citygml-plateau-yokosuka/52397519_bldg_6697_op.gml"
GEORES = "citygml-geores/geoRES_testdata_textured.zip"
KAWASAKI = "planning-plateau/kawasaki-shi.zip"
DEN_HAAG = "cityjson-denhaag/DenHaag_01_citygml_and_cityjson.zip"

LAYERS: dict[str, tuple[str, dict[str, int]]] = {
    YOKOSUKA: ("EPSG:6697", {"Building": 13}),
    "citygml-plateau-yokosuka/64413325_bldg_6697_op.gml": ("EPSG:6697", {"Building": 25}),
    "citygml-plateau-yokosuka/523965_dem_6697_05_op.gml": ("EPSG:6697", {"TINRelief": 2}),
    "citygml-potsdam/Potsdam_LoD1.gml": ("EPSG:25833+5783", {"Building": 97}),
    "citygml-citygml4j-samples/lod2_buildings_v3.gml": ("EPSG:3068+5783", {"Building": 100}),
    "citygml-ingolstadt-lod3/4018266.xml": ("EPSG:32632", {"Building": 1}),
    "citygml3-ogc/53394517_bldg_6697_2_op_CityGML3.gml": ("EPSG:6697", {"Building": 1}),
    "citygml3-ogc/Building_LOD3-EPSG25832.gml": ("EPSG:25832+5783", {"Building": 1, "TINRelief": 1}),
    "citygml3-ogc/citygml3_roads_3wayintersection.gml": ("EPSG:32755", {"Road": 2}),
    "citygml3-ogc/historicalSuccession_CityGML_3.0_LOD2_Versioning.gml": ("EPSG:3946", {"Building": 2}),  # of four: two are history
    GEORES: (
        "EPSG:31467",
        {"Building": 5, "SolitaryVegetationObject": 13, "CityFurniture": 9, "LandUse": 1, "TINRelief": 1, "Road": 1},
    ),
    "planning-plateau/523836_luse_6668_op.gml": ("EPSG:6697", {"LandUse": 225}),
    "planning-plateau/523857_lsld_6668_op.gml": ("EPSG:6697", {"SedimentDisasterProneArea": 81}),
    "planning-plateau/523857_urf_6668_op.gml": (
        "EPSG:6697",
        {"UseDistrict": 38, "SpecialUseDistrict": 2, "ScenicDistrict": 4, "AreaClassification": 3},
    ),
    "sewer-rotterdam/sewer.gml": (
        "EPSG:28992",
        {"Pipe": 246, "FunctionalElement": 231, "CityFurniture": 231},
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_in_a_file(name: str, real_data: Path) -> None:
    crs, counts = LAYERS[name]
    info = choose_reader(ReadRequest(real_data / name, (), 4549)).inspect()
    assert info.format == "CityGML"
    assert {layer.name: layer.rows for layer in info.layers} == counts
    assert {layer.crs for layer in info.layers} == {crs}


def read(path: Path, feature_type: str, srid: int, layer: str | None = None) -> tuple[PartHeader, list[PartBatch]]:
    """Return the header and batches of a part; nothing of it is rejected."""
    request = ReadRequest(path, (PartRequest(layer, TYPES[feature_type], "d"),), srid)
    header, *batches, end = read_parts(choose_reader(request), request)
    assert isinstance(header, PartHeader)
    assert isinstance(end, PartEnd)
    assert (end.rows, end.rejected) == (end.accepted, 0)
    return header, batches  # type: ignore[return-value]


def column(batches: list[PartBatch], name: str) -> list[Any]:
    return [v for b in batches for v in b.table[name].to_pylist()]


def geometries(batches: list[PartBatch]) -> Any:
    return shapely.from_wkb(column(batches, "geom"))


def bodies(batches: list[PartBatch]) -> dict[tuple[str, str], Faces]:
    """Return the faces by key and level of detail."""
    found = {}
    for batch in batches:
        keys = dict(zip(batch.table["row"].to_pylist(), batch.table["natural_key"].to_pylist(), strict=True))
        for row in batch.representations.to_pylist() if batch.representations is not None else ():
            found[keys[row["row"]], row["lod"]] = decode(row["faces"])
    return found


def volume(faces: Faces) -> float:
    """Signed volume by the divergence theorem over fans of every ring: flat faces, so any fan will do."""
    middle = faces.vertices.mean(axis=0)
    total = 0.0
    for a, b in pairwise([0, *faces.ring_ends.tolist()]):
        ring = faces.vertices[faces.indices[a:b]] - middle
        total += float(np.einsum("ij,ij->", np.cross(ring[1:-1], ring[2:]), np.broadcast_to(ring[0], ring[1:-1].shape))) / 6
    return total


def test_plateau_lies_where_its_envelope_says(real_data: Path) -> None:
    """Latitude first in the file."""
    header, batches = read(real_data / YOKOSUKA, "building", 6677)
    text = (real_data / YOKOSUKA).read_text("utf-8-sig")
    corners = [re.search(rf"<gml:{c}Corner>(\S+) (\S+)", text) for c in ("lower", "upper")]
    (south, west), (north, east) = ((float(c[1]), float(c[2])) for c in corners if c is not None)
    to_plane = pyproj.Transformer.from_crs(6668, 6677)  # both with the axes of EPSG: latitude, northing first
    (least_y, least_x), (most_y, most_x) = to_plane.transform(south, west), to_plane.transform(north, east)
    assert shapely.box(least_x, least_y, most_x, most_y).buffer(2).contains(shapely.box(*shapely.total_bounds(geometries(batches))))
    assert header.mapping["storeysAboveGround"] == "floors_above"
    assert "横須賀美術館" in column(batches, "name")
    levels = sorted(lod for _, lod in bodies(batches))
    assert [levels.count(lod) for lod in ("0", "1", "2")] == [13, 13, 2]  # one in LoD 2 itself, two parts of another


def test_the_same_hundred_buildings_in_three_formats(real_data: Path) -> None:
    folder = real_data / "citygml-citygml4j-samples"
    request = [ReadRequest(folder / f"lod2_buildings_{n}", (), 3068) for n in ("v3.gml", "v2.json", "as_CityJSON_features.jsonl")]
    part = PartRequest(None, TYPES["building"], "d")
    (gml,), (document,), (sequence,) = (list(choose_reader(r).open(part).batches()) for r in request)  # type: ignore[union-attr]
    order = [gml.columns["cityjson_id"].to_pylist().index(i) for i in document.columns["cityjson_id"].to_pylist()]
    assert set(gml.columns) == set(document.columns) == set(sequence.columns)
    for name in gml.columns:
        assert gml.columns[name].take(order).to_pylist() == document.columns[name].to_pylist()
    assert shapely.equals_exact(gml.geometry[order], document.geometry, 1e-9).all()
    for place, theirs in zip(order, document.representations, strict=True):
        ours = gml.representations[place]
        assert json.loads(ours.surface_attributes or "") == json.loads(theirs.surface_attributes or "")
        for array in ("vertices", "indices", "ring_ends", "face_ends", "shell_ends", "solid_ends", "surface_type", "part"):
            assert np.array_equal(getattr(ours.faces, array), getattr(theirs.faces, array)), array


@pytest.mark.slow
def test_a_tile_in_both_formats_is_the_same_city(real_data: Path) -> None:
    """CityGML 1.0 of 24 MB beside CityJSON 1.1, which somebody rounded to millimetres."""
    _, gml = read(real_data / DEN_HAAG, "building", 28992)
    _, document = read(real_data / "cityjson-denhaag/denhaag_lod2_v11.city.json", "building", 28992)
    ours, theirs = bodies(gml), bodies(document)
    assert len(ours) == 844
    assert ours.keys() == theirs.keys()
    for key, faces in theirs.items():
        assert len(ours[key].face_ends) == len(faces.face_ends)
        assert sorted(ours[key].surface_type) == sorted(faces.surface_type)
        assert volume(ours[key]) == pytest.approx(volume(faces), rel=1e-3)
    footprints = [dict(zip(column(b, "natural_key"), geometries(b), strict=True)) for b in (gml, document)]
    for key, footprint in footprints[0].items():
        assert footprint.symmetric_difference(footprints[1][key]).area < 0.002 * footprint.length + 0.01


def test_the_sample_city_in_both_formats_is_the_same_city(sample_city_folder: Path) -> None:
    _, gml = read(sample_city_folder / "中心区LOD2.gml", "building", 4549)
    _, document = read(sample_city_folder / "中心区LOD2.city.json", "building", 4549)
    assert sorted(column(gml, "natural_key")) == sorted(column(document, "natural_key"))
    ours, theirs = bodies(gml), bodies(document)
    assert ours.keys() == theirs.keys()
    for key, faces in theirs.items():
        assert sorted(ours[key].surface_type) == sorted(faces.surface_type)
        assert volume(ours[key]) == pytest.approx(volume(faces), rel=1e-6)
    for field in ("name", "floors_above", "height_m", "year_built", "usage"):
        values = [dict(zip(column(b, "natural_key"), column(b, field), strict=True)) for b in (gml, document)]
        assert values[0] == values[1]


def test_the_utility_network_is_that_of_the_shapefiles_beside_it(real_data: Path) -> None:
    folder = real_data / "sewer-rotterdam"
    _, pipes = read(folder / "sewer.gml", "pipe_segment", 28992)
    _, nodes = read(folder / "sewer.gml", "pipe_node", 28992)
    meta, _, wkb, columns = pyogrio.raw.read(folder / "sewer_lines.shp")
    source = dict(zip(meta["fields"], columns, strict=True))
    lines, theirs = geometries(pipes), shapely.from_wkb(wkb)
    assert (len(lines), len(column(nodes, "node_id"))) == (246, 231)
    assert np.sort(shapely.length(lines)) == pytest.approx(np.sort(shapely.length(theirs)), abs=1e-3)
    widths = sorted(float(w) for w, shape in zip(source["width"], source["shape"], strict=True) if shape == "round")
    assert sorted(d for d in column(pipes, "outer_diameter_mm") if d is not None) == widths
    assert sorted(m == "PVC" for m in column(pipes, "material")) == sorted(m == "PVC" for m in source["MATERIAAL_"])
    assert set(column(pipes, "kind")) == {"WS"}
    places = dict(zip(column(nodes, "node_id"), geometries(nodes), strict=True))
    for end, number in (("start_node", 0), ("end_node", -1)):
        joined = shapely.points([places[n].coords[0][:2] for n in column(pipes, end)])
        assert shapely.distance(joined, shapely.force_2d(shapely.get_point(lines, number))).max() < 0.01


def test_a_plateau_package_has_its_layers_and_the_names_of_its_codes(real_data: Path) -> None:
    reader = choose_reader(ReadRequest(real_data / KAWASAKI, (), 6677))
    assert {layer.name: layer.rows for layer in reader.inspect().layers} == {
        "CityFurniture": 28, "SpecialGreenSpaceConservationDistrict": 7, "PortZone": 2, "FirePreventionDistrict": 2,
        "SpecialUseDistrict": 4,
        "ProductiveGreenZone": 27, "UseDistrict": 4, "ParkingPlaceDevelopmentZone": 1, "AreaClassification": 2, "HeightControlDistrict": 1,
    }  # fmt: skip
    part = PartRequest("UseDistrict", TYPES["building"], "d")
    (batch,) = reader.open(part).batches()  # type: ignore[union-attr]
    codes, names = (batch.columns[c].to_pylist() for c in ("function", "function_name"))
    with zipfile.ZipFile(real_data / KAWASAKI) as archive:
        listed = archive.read("kawasaki-shi/codelists/Common_districtsAndZonesType.xml").decode()
    for code, name in zip(codes, names, strict=True):
        assert re.search(rf"<gml:description>{name}</gml:description>\s*<gml:name>{code}</gml:name>", listed)


def test_the_latest_version_is_taken_and_said_so(real_data: Path) -> None:
    path = real_data / "citygml3-ogc/historicalSuccession_CityGML_3.0_LOD2_Versioning.gml"
    header, batches = read(path, "building", 3946)
    assert column(batches, "building_id") == ["BU_69381AL49_2015-01-01", "BU_69381AL50_2015-01-01"]
    assert any("v2.0" in f.message.en for f in header.findings)


def test_trees_stand_at_their_reference_points_and_windows_are_windows(real_data: Path) -> None:
    reader = choose_reader(ReadRequest(real_data / GEORES, (), 31467))
    parts = [PartRequest(None, TYPES[t], "d") for t in ("vegetation", "building")]
    (trees,), buildings = (list(reader.open(part).batches()) for part in parts)  # type: ignore[union-attr]
    with zipfile.ZipFile(real_data / GEORES) as archive:
        text = archive.read("geoRES_testdata/geoRES_testdata.xml").decode()
    members = re.findall(r"<veg:SolitaryVegetationObject.*?</veg:SolitaryVegetationObject>", text, re.DOTALL)
    points = [re.search(r"<core:referencePoint>.*?<gml:pos[^>]*>([^<]+)", m, re.DOTALL) for m in members]
    expected = {tuple(map(float, p[1].split())) for p in points if p is not None}
    assert {g.coords[0] for g in trees.geometry} == expected
    windows = sum(int((r.faces.surface_type == SurfaceType.WINDOW).sum()) for b in buildings for r in b.representations)
    panes = re.findall(r"<bldg:Window.*?</bldg:Window>", text, re.DOTALL)
    assert windows == sum(p.count("<gml:Polygon") for p in panes) > 75


def test_roads_without_a_centre_line_are_said_to_be_so(real_data: Path) -> None:
    path = real_data / "citygml3-ogc/citygml3_roads_3wayintersection.gml"
    request = ReadRequest(path, (PartRequest(None, TYPES["road"], "d"),), 32755)
    messages = list(read_parts(choose_reader(request), request))
    refused = [f for m in messages if isinstance(m, PartBatch) for f in m.findings if f.rule == "geometry-type"]
    assert [f.message.zh for f in refused] == ["对象只有面，没有中心线"] * 2
