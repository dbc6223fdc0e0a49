"""The LoD 2 solids of the sample city: closed, planar, as large as footprint and heights say, and alike in CityJSON and CityGML."""

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sample_city.city import plan_city
from sample_city.footprints import courtyard, h_shape, l_shape, rectangle, u_shape
from sample_city.roof_types import FLAT, GABLE, HIP, MANSARD, bar_thickness_m, ridge_rise_m
from sample_city.roofs import building_solid
from sample_city.write_cityjson import write_document, write_sequence
from tests.sample_city_reading import read_layer

GML, XLINK = "{http://www.opengis.net/gml}", "{http://www.w3.org/1999/xlink}"
Shell = list[list[list[int]]]


def is_closed(shell: Shell) -> bool:
    edges = Counter(edge for face in shell for ring in face for edge in itertools.pairwise([*ring, ring[0]]))
    return all(count == 1 and edges[end, start] == 1 for (start, end), count in edges.items())


def volume_m3(vertices: np.ndarray, shell: Shell) -> float:
    """Volume by the divergence theorem, every ring as a fan."""
    total = 0.0
    places = vertices - vertices[shell[0][0][0]]
    for ring in itertools.chain.from_iterable(shell):
        for b, c in itertools.pairwise(ring[1:]):
            total += float(np.dot(places[ring[0]], np.cross(places[b], places[c])))
    return total / 6


def out_of_plane_m(vertices: np.ndarray, face: list[list[int]]) -> float:
    offset = vertices[[k for ring in face for k in ring]]
    offset = offset - offset.mean(axis=0)
    return float(np.abs(offset @ np.linalg.svd(offset)[2][2]).max())


def polygon_of(vertices: np.ndarray, face: list[list[int]]) -> shapely.Polygon:
    return shapely.Polygon(vertices[face[0]][:, :2], [vertices[ring][:, :2] for ring in face[1:]])


@pytest.fixture(scope="module")
def document(sample_city_folder: Path) -> dict[str, Any]:
    return json.loads((sample_city_folder / "中心区LOD2.city.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def vertices(document: dict[str, Any]) -> np.ndarray:
    return np.round(np.array(document["vertices"]) * document["transform"]["scale"] + document["transform"]["translate"], 3)


def shells(document: dict[str, Any]) -> dict[str, Shell]:
    return {key: building["geometry"][0]["boundaries"][0] for key, building in document["CityObjects"].items()}


def test_every_solid_is_closed_planar_and_fills_what_footprint_and_roof_span(document: dict[str, Any], vertices: np.ndarray) -> None:
    for key, shell in shells(document).items():
        assert is_closed(shell), key
        assert max(out_of_plane_m(vertices, face) for face in shell) < 0.002, key
        assert len(document["CityObjects"][key]["geometry"][0]["semantics"]["values"][0]) == len(shell)
        heights = vertices[[k for face in shell for ring in face for k in ring], 2]
        box = polygon_of(vertices, shell[0]).area * float(heights.max() - heights.min())
        assert 0.5 * box < volume_m3(vertices, shell) < box, key


def test_roofs_look_up_grounds_look_down_and_both_cover_the_footprint(document: dict[str, Any], vertices: np.ndarray) -> None:
    for key, building in document["CityObjects"].items():
        (solid,) = building["geometry"]
        kinds = [solid["semantics"]["surfaces"][value]["type"] for value in solid["semantics"]["values"][0]]
        area = dict.fromkeys(("GroundSurface", "WallSurface", "RoofSurface"), 0.0)
        for kind, face in zip(kinds, solid["boundaries"][0], strict=True):
            # Signed in plan: counter-clockwise rings count, holes are taken off, walls are nothing.
            rings = [vertices[ring][:, :2] - vertices[face[0][0]][:2] for ring in face]
            area[kind] += sum(float(np.sum(r[:, 0] * np.roll(r[:, 1], -1) - np.roll(r[:, 0], -1) * r[:, 1])) / 2 for r in rings)
        footprint = polygon_of(vertices, solid["boundaries"][0][0]).area
        assert area["GroundSurface"] == pytest.approx(-footprint, abs=1e-3), key
        assert area["RoofSurface"] == pytest.approx(footprint, abs=0.03), key
        assert area["WallSurface"] == pytest.approx(0, abs=0.03), key


def test_solids_carry_number_attributes_and_footprint_of_the_survey(
    document: dict[str, Any], vertices: np.ndarray, sample_city_folder: Path
) -> None:
    survey = read_layer(str(sample_city_folder / "建筑物.gpkg"), layer="建筑物")
    rows = {key: k for k, key in reversed(list(enumerate(survey.columns["建筑编号"].tolist())))}
    for key, building in document["CityObjects"].items():
        listed = {name: values[rows[key]] for name, values in survey.columns.items()}
        assert building["attributes"] == {n: v for n, v in listed.items() if v is not None and not (isinstance(v, float) and math.isnan(v))}
        ground = polygon_of(vertices, building["geometry"][0]["boundaries"][0][0])
        assert ground.normalize().equals_exact(survey.shapes[rows[key]].normalize(), 1e-6), key


def test_citygml_holds_the_same_polygons_easting_first(document: dict[str, Any], vertices: np.ndarray, sample_city_folder: Path) -> None:
    found = {}
    for building in ET.parse(sample_city_folder / "中心区LOD2.gml").iterfind(".//{*}Building"):
        polygons = building.findall(f".//{GML}Polygon")
        found[building.get(f"{GML}id")] = [
            [
                np.array((places.text or "").split(), dtype=float).reshape(-1, 3)[:-1].tolist()
                for places in polygon.iterfind(f".//{GML}posList")
            ]
            for polygon in polygons
        ]
        linked = [member.attrib[f"{XLINK}href"] for member in building.iterfind(f".//{GML}CompositeSurface/{GML}surfaceMember")]
        assert linked == [f"#{polygon.get(f'{GML}id')}" for polygon in polygons]
    assert found == {key: [[vertices[ring].tolist() for ring in face] for face in shell] for key, shell in shells(document).items()}


def test_a_sequence_holds_the_buildings_of_the_document(tmp_path: Path) -> None:
    city = plan_city(tmp_path, 500, 3)
    buildings = [b for _, block in city.blocks() for b in block][:40]
    models = [(b.building_id, {"n": 1}, building_solid(b.footprint, b.plinth_m, b.eaves_m, b.roof_type, b.floors_above)) for b in buildings]
    assert write_document(tmp_path / "a.city.json", "t", (490_000.0, 3_510_000.0), models) == 40
    assert write_sequence(tmp_path / "a.city.jsonl", "t", (490_000.0, 3_510_000.0), models) == 40
    whole = json.loads((tmp_path / "a.city.json").read_text(encoding="utf-8"))
    head, *features = [json.loads(line) for line in (tmp_path / "a.city.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (head["transform"], head["CityObjects"], head["vertices"]) == (whole["transform"], {}, [])
    for feature in features:
        (shell,) = feature["CityObjects"][feature["id"]]["geometry"][0]["boundaries"]
        places = [[[feature["vertices"][k] for k in ring] for ring in face] for face in shell]
        assert places == [[[whole["vertices"][k] for k in ring] for ring in face] for face in shells(whole)[feature["id"]]]


SHAPES = {
    "rectangle": lambda width, depth, _: rectangle(0, 0, width, depth),
    "L": lambda width, depth, wing: l_shape(0, 0, width, depth, wing),
    "U": lambda width, depth, wing: u_shape(0, 0, width, depth, wing),
    "H": lambda width, depth, wing: h_shape(0, 0, width, depth, wing),
    "courtyard": lambda width, depth, wing: courtyard(0, 0, width, depth, wing),
}


@given(
    shape=st.sampled_from(sorted(SHAPES)),
    width=st.floats(30, 90),
    depth=st.floats(30, 90),
    wing=st.floats(7, 13),
    turn=st.floats(0, 2 * math.pi),
    roof=st.sampled_from([FLAT, GABLE, HIP, MANSARD]),
)
def test_any_building_has_a_closed_solid_of_the_volume_of_its_roof(
    shape: str, width: float, depth: float, wing: float, turn: float, roof: str
) -> None:
    across, up = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    rings = [np.round(ring[:, :1] * across + ring[:, 1:] * up + 1000, 3) for ring in SHAPES[shape](width, depth, wing)]
    footprint = shapely.Polygon(rings[0], rings[1:])
    thickness = min(width, depth) if shape == "rectangle" else wing
    assert bar_thickness_m(footprint) == pytest.approx(thickness, abs=0.01)
    solid = building_solid(footprint, 5.0, 25.0, roof, 6)
    shell = [[list(ring) for ring in face.rings] for face in solid.faces]
    places = np.array(solid.vertices)
    assert is_closed(shell)
    assert max(out_of_plane_m(places, face) for face in shell) < 0.004
    block, top = 20.0 * footprint.area, footprint.area * ridge_rise_m(roof, footprint)
    volume = volume_m3(places, shell)
    # A gable over a bar fills half of the box over the eaves, somewhat more where bars meet; hips take from that, the flat part of a
    # mansard and a parapet add.
    least, most = {FLAT: (0.0, 0.2), GABLE: (0.35, 0.6), HIP: (0.3, 0.6), MANSARD: (0.3, 0.95)}[roof]
    assert block + least * top < volume < block + most * top + 1.0
