import re
from collections import defaultdict
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import rasterio

from sample_city import Manifest
from tests.sample_city_reading import faulty_rows, read_sheet


@pytest.fixture(scope="module")
def points(sample_city_folder: Path, sample_city_manifest: Manifest):
    wrong = faulty_rows(sample_city_manifest, "管点")
    rows = read_sheet(sample_city_folder, "管点")
    return {p["管线点编号"]: p for number, p in enumerate(rows, start=2) if number not in wrong}


@pytest.fixture(scope="module")
def lines(sample_city_folder: Path, sample_city_manifest: Manifest):
    wrong = faulty_rows(sample_city_manifest, "管线")
    return [s for number, s in enumerate(read_sheet(sample_city_folder, "管线"), start=2) if number not in wrong]


@pytest.fixture(scope="module")
def sewers(lines):
    """Directed downstream, one graph per kind; an edge knows its upper and lower invert and its diameter."""
    graphs = {"YS": nx.DiGraph(), "WS": nx.DiGraph()}
    for s in lines:
        if s["管线类型"] in graphs:
            ends = [(s["起点点号"], s["起点管线高程"]), (s["终点点号"], s["终点管线高程"])]
            if s["流向"] == "-":
                ends.reverse()
            (upper, high), (lower, low) = ends
            height_mm = int(s["管径"].split("X")[-1])
            graphs[s["管线类型"]].add_edge(upper, lower, high=high, low=low, mm=height_mm)
    return graphs


@pytest.mark.parametrize("kind", ["YS", "WS"])
def test_every_sewer_drains_to_one_outlet_per_network(sewers, points, kind: str) -> None:
    graph = sewers[kind]
    assert nx.is_directed_acyclic_graph(graph)
    assert max(degree for _, degree in graph.out_degree()) == 1
    for network in nx.weakly_connected_components(graph):
        outlets = [node for node in network if graph.out_degree(node) == 0]
        assert len(outlets) == 1
        assert (points[outlets[0]]["特征"] or points[outlets[0]]["附属物"]) in {"出水口", "泵站"}


@pytest.mark.parametrize("kind", ["YS", "WS"])
def test_every_sewer_pipe_falls_and_none_climbs_out_of_a_manhole(sewers, kind: str) -> None:
    graph = sewers[kind]
    for upper, lower, pipe in graph.edges(data=True):
        assert pipe["high"] > pipe["low"], (upper, lower)
        for _, _, onward in graph.out_edges(lower, data=True):
            assert onward["high"] <= pipe["low"] + 1e-9, lower
            assert onward["mm"] >= pipe["mm"], lower


def test_ground_is_depth_plus_pipe_elevation_at_both_ends(lines, points) -> None:
    for s in lines:
        for node, depth, elevation in (("起点点号", "起点埋深", "起点管线高程"), ("终点点号", "终点埋深", "终点管线高程")):
            assert points[s[node]]["地面高程"] == pytest.approx(s[depth] + s[elevation], abs=1e-6)


def test_pipes_lie_below_the_ground_and_within_their_wells(lines, points) -> None:
    deepest: dict[str, float] = defaultdict(float)
    for s in lines:
        assert 0.6 <= s["起点埋深"] < 9
        assert 0.6 <= s["终点埋深"] < 9
        deepest[s["起点点号"]] = max(deepest[s["起点点号"]], s["起点埋深"])
        deepest[s["终点点号"]] = max(deepest[s["终点点号"]], s["终点埋深"])
    for number, p in points.items():
        if p["井深"] is not None and number in deepest:
            assert p["井深"] >= deepest[number] - 1e-9
            assert p["井底高程"] == pytest.approx(p["地面高程"] - p["井深"], abs=1e-6)


def test_a_conduit_has_one_depth_at_a_point(lines) -> None:
    depth: dict[str, set[float]] = defaultdict(set)
    for s in lines:
        if s["管线类型"] not in {"YS", "WS"}:
            depth[s["起点点号"]].add(s["起点埋深"])
            depth[s["终点点号"]].add(s["终点埋深"])
    assert {len(found) for found in depth.values()} == {1}


def test_declared_tees_and_crosses_have_three_and_four_lines(lines, points) -> None:
    graph = nx.Graph((s["起点点号"], s["终点点号"]) for s in lines)
    expected = {"起讫点": 1, "直通点": 2, "三通点": 3, "四通点": 4}
    declared = [p for p in points.values() if p["特征"] in expected and p["管线类型"] in {"JP", "TR"} and p["管线点编号"] in graph]
    assert len(declared) > 100
    for p in declared:
        assert graph.degree(p["管线点编号"]) == expected[p["特征"]], p


def test_water_is_one_network_on_each_bank(lines) -> None:
    water = nx.Graph((s["起点点号"], s["终点点号"]) for s in lines if s["管线类型"] == "JP")
    sizes = sorted((len(c) for c in nx.connected_components(water)), reverse=True)
    assert sum(sizes[:2]) > 0.95 * sum(sizes)


def test_every_point_has_a_feature_or_an_appurtenance_never_both(points) -> None:
    assert {(p["特征"] is None) + (p["附属物"] is None) for p in points.values()} == {1}


def test_lines_are_as_short_as_a_survey_asks_and_sizes_are_written_as_surveyors_do(lines, points) -> None:
    for s in lines:
        a, b = points[s["起点点号"]], points[s["终点点号"]]
        assert 0.05 < np.hypot(a["X"] - b["X"], a["Y"] - b["Y"]) < 140
        assert re.fullmatch(r"\d+(X\d+)?", s["管径"])
    assert {s["管线类型"] for s in lines} == {"YS", "WS", "JP", "TR", "GD", "XX"}
    assert {s["流向"] for s in lines if s["管线类型"] in {"YS", "WS"}} == {"+", "-"}


def test_ground_elevations_are_the_elevation_model_bilinear(sample_city_folder: Path, points) -> None:
    with rasterio.open(sample_city_folder / "高程.tif") as raster:
        heights, corner, pixel = raster.read(1).astype(float), raster.transform @ (0, 0), raster.transform.a
    e = np.array([p["Y"] for p in points.values()])
    n = np.array([p["X"] for p in points.values()])
    x, y = (e - corner[0]) / pixel, (corner[1] - n) / pixel
    column, row = np.floor(x - 0.5).astype(int), np.floor(y - 0.5).astype(int)
    u, v = x - 0.5 - column, y - 0.5 - row
    north = heights[row, column] * (1 - u) + heights[row, column + 1] * u
    south = heights[row + 1, column] * (1 - u) + heights[row + 1, column + 1] * u
    assert np.abs(north * (1 - v) + south * v - [p["地面高程"] for p in points.values()]).max() < 0.001
