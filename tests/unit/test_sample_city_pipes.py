import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import rasterio
import shapely

from sample_city import Manifest
from tests.sample_city_reading import faulty_rows, read_layer, read_sheet

SEWERS = {"YS", "WS"}
KINDS = {"YS", "WS", "JP", "SS", "TR", "RS", "GD", "LD", "XX", "DQ", "BM"}


def is_planted(number: str) -> bool:
    """Whether a point belongs to the small networks that are wrong by design."""
    return number.startswith("CX")


@pytest.fixture(scope="module")
def points(sample_city_folder: Path, sample_city_manifest: Manifest):
    wrong = faulty_rows(sample_city_manifest, "管点")
    rows = read_sheet(sample_city_folder, "管点")
    return {p["管线点编号"]: p for number, p in enumerate(rows, start=2) if number not in wrong and not is_planted(p["管线点编号"])}


@pytest.fixture(scope="module")
def conflicts(sample_city_manifest: Manifest):
    return {f.key: f for f in sample_city_manifest.facts if f.kind == "pipes-too-close"}


@pytest.fixture(scope="module")
def lines(sample_city_folder: Path, sample_city_manifest: Manifest):
    wrong = faulty_rows(sample_city_manifest, "管线")
    rows = enumerate(read_sheet(sample_city_folder, "管线"), start=2)
    return [s for number, s in rows if number not in wrong and not is_planted(s["起点点号"])]


@pytest.fixture(scope="module")
def sound_lines(lines, conflicts):
    return [s for s in lines if name(s) not in conflicts]


@pytest.fixture(scope="module")
def axes(sound_lines, points):
    ends = [[(points[s[end]]["Y"], points[s[end]]["X"]) for end in ("起点点号", "终点点号")] for s in sound_lines]
    return shapely.linestrings(ends)


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
            graphs[s["管线类型"]].add_edge(upper, lower, high=high, low=low, mm=size_mm(s)[1])
    return graphs


def name(line) -> str:
    return f"{line['起点点号']}-{line['终点点号']}"


def size_mm(line) -> tuple[int, int]:
    """Width and height of the section."""
    numbers = [int(number) for number in line["管径"].split("X")]
    return numbers[0], numbers[-1]


def network(lines, kind: str) -> nx.Graph:
    return nx.Graph((s["起点点号"], s["终点点号"]) for s in lines if s["管线类型"] == kind)


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
        for node, depth in (("起点点号", "起点埋深"), ("终点点号", "终点埋深")):
            assert 0.35 <= s[depth] < (8 if s["埋设方式"] != "ZH" else 12)
            deepest[s[node]] = max(deepest[s[node]], s[depth])
    for number, p in points.items():
        if p["井深"] is not None and number in deepest:
            assert p["井深"] >= deepest[number] - 1e-9
            assert p["井底高程"] == pytest.approx(p["地面高程"] - p["井深"], abs=1e-6)


def test_a_conduit_has_one_depth_at_a_point(lines) -> None:
    depth: dict[str, set[float]] = defaultdict(set)
    for s in lines:
        if s["管线类型"] not in SEWERS:
            depth[s["起点点号"]].add(s["起点埋深"])
            depth[s["终点点号"]].add(s["终点埋深"])
    assert {len(found) for found in depth.values()} == {1}


def test_declared_joints_have_as_many_lines_as_they_say(lines, points) -> None:
    graph = nx.Graph((s["起点点号"], s["终点点号"]) for s in lines)
    expected = {"起讫点": 1, "进出户点": 1, "出测区点": 1, "出水口": 1, "直通点": 2, "变径点": 2, "三通点": 3, "四通点": 4}
    declared = [p for p in points.values() if p["特征"] in expected and p["管线点编号"] in graph]
    assert {p["特征"] for p in declared} == set(expected)
    for p in declared:
        assert graph.degree(p["管线点编号"]) == expected[p["特征"]], p


@pytest.mark.parametrize("kind", ["JP", "TR"])
def test_water_and_gas_are_one_network_on_each_bank(sound_lines, kind: str) -> None:
    sizes = sorted((len(c) for c in nx.connected_components(network(sound_lines, kind))), reverse=True)
    assert sum(sizes[:2]) > 0.95 * sum(sizes)


def test_trunks_in_tunnels_end_where_the_survey_ends(sound_lines, points) -> None:
    trunks = nx.Graph((s["起点点号"], s["终点点号"]) for s in sound_lines if s["管廊编号"])
    assert {s["埋设方式"] for s in sound_lines if s["管廊编号"]} == {"ZH"}
    assert {s["管廊编号"] is not None for s in sound_lines if s["埋设方式"] == "ZH"} == {True}
    for trunk in nx.connected_components(trunks):
        ends = [node for node in trunk if trunks.degree(node) == 1]
        assert [points[node]["特征"] for node in ends] == ["出测区点"] * 2


def test_hydrants_stand_on_water_at_most_120_m_apart(sound_lines, points) -> None:
    graph = network(sound_lines, "JP")
    hydrants = [number for number, p in points.items() if p["附属物"] == "消防栓"]
    assert len(hydrants) > 400
    assert {graph.degree(number) for number in hydrants} == {1}
    places = np.array([(points[number]["Y"], points[number]["X"]) for number in hydrants])
    _, nearest = shapely.STRtree(shapely.points(places)).query_nearest(
        shapely.points(places), exclusive=True, return_distance=True, all_matches=False
    )
    assert nearest.max() <= 120
    mains = shapely.points([(p["Y"], p["X"]) for n, p in points.items() if p["管线类型"] == "JP" and "Y" not in n and n in graph])
    _, reach = shapely.STRtree(shapely.points(places)).query_nearest(mains, return_distance=True, all_matches=False)
    assert reach.max() <= 75


def test_house_connections_enter_the_wall_of_a_building_that_stands(
    sample_city_folder: Path, sample_city_manifest: Manifest, points
) -> None:
    layer = read_layer(str(sample_city_folder / "建筑物.gpkg"), layer="建筑物")
    wrong = faulty_rows(sample_city_manifest, "建筑物")
    shapes = {
        number: shape for k, (number, shape) in enumerate(zip(layer.columns["建筑编号"], layer.shapes, strict=True)) if k + 1 not in wrong
    }
    (lost,) = {f.key for f in sample_city_manifest.faults if f.layer == "管点" and f.rule == "reference"}
    assert points[lost]["建筑编号"] not in shapes
    entries = [p for number, p in points.items() if p["特征"] == "进出户点" and number != lost]
    assert {p["建筑编号"] is None for p in points.values() if p["特征"] != "进出户点"} == {True}
    assert Counter(p["管线类型"] for p in entries) == {kind: len(entries) // 3 for kind in ("WS", "JP", "TR")}
    assert len(entries) > 300
    for p in entries:
        assert shapes[p["建筑编号"]].exterior.distance(shapely.Point(p["Y"], p["X"])) < 0.01, p


def test_every_connected_building_reaches_the_main_in_its_street(sound_lines, points) -> None:
    for kind in ("JP", "TR", "WS"):
        graph = network(sound_lines, kind)
        for part in nx.connected_components(graph):
            if any(points[node]["特征"] == "进出户点" for node in part):
                assert any("Y" not in node for node in part)


def test_every_point_has_a_feature_or_an_appurtenance_never_both(points) -> None:
    assert {(p["特征"] is None) + (p["附属物"] is None) for p in points.values()} == {1}


def test_all_eight_classes_are_there_in_plausible_shares(sound_lines, axes) -> None:
    km: Counter[str] = Counter()
    for s, axis in zip(sound_lines, axes, strict=True):
        km[s["管线类型"]] += axis.length / 1000
    assert set(km) == KINDS
    assert km["JP"] > km["TR"] > 0.7 * km["JP"]
    assert 0.7 < km["WS"] / km["YS"] < 1.4
    assert km["GD"] < 0.5 * km["JP"]
    assert km["BM"] < 0.005 * km.total()


def test_lines_are_as_short_as_a_survey_asks_and_sizes_are_written_as_surveyors_do(lines, points) -> None:
    for s in lines:
        a, b = points[s["起点点号"]], points[s["终点点号"]]
        assert 0.05 < np.hypot(a["X"] - b["X"], a["Y"] - b["Y"]) <= 75
        assert re.fullmatch(r"\d+(X\d+)?", s["管径"])
    assert {s["流向"] for s in lines if s["管线类型"] in SEWERS} == {"+", "-"}


CLEAR_BESIDE_M = {("TR", "WS"): 1.2, ("TR", "YS"): 1.2, ("WS", "XX"): 1.0, ("XX", "YS"): 1.0, ("GD", "WS"): 0.5, ("GD", "YS"): 0.5}
"""GB 50289-2016 table 4.1.9, surface to surface; for water and sewers it depends on the diameter."""


def test_parallel_pipes_keep_their_clearance_but_the_planted_one(lines, axes, sound_lines, points, conflicts) -> None:
    planted = by_name(lines, points, conflicts)
    checked = 0
    for a, b, first, second, _ in pairs(sound_lines, axes):
        required = required_beside_m(first, second)
        if required and not axes[a].crosses(axes[b]) and parallel(axes[a], axes[b]):
            checked += 1
            assert clear_m(first, axes[a], second, axes[b]) >= required, (name(first), name(second))
    assert checked > 100
    for key, fact in conflicts.items():
        if fact.values["direction"] == "horizontal":
            found = clear_m(*planted[key], *planted[str(fact.values["other"])])
            assert found == pytest.approx(fact.values["clear_m"], abs=2e-3)
            assert found < float(str(fact.values["required_m"]))


def test_crossing_pipes_pass_each_other_but_the_planted_one(lines, axes, sound_lines, points, conflicts) -> None:
    planted = by_name(lines, points, conflicts)
    crossings = 0
    for a, b, first, second, same in pairs(sound_lines, axes):
        if not same and axes[a].crosses(axes[b]):
            crossings += 1
            assert gap_m(first, axes[a], second, axes[b]) > 0.13, (name(first), name(second))
    assert crossings > 1000
    (fact,) = (f for f in conflicts.values() if f.values["direction"] == "vertical")
    found = gap_m(*planted[fact.key], *planted[str(fact.values["other"])])
    assert found == pytest.approx(fact.values["clear_m"], abs=5e-3)


def test_sewers_keep_clear_of_buildings(sample_city_folder: Path, sample_city_manifest: Manifest, sound_lines, axes, points) -> None:
    layer = read_layer(str(sample_city_folder / "建筑物.gpkg"), layer="建筑物")
    wrong = faulty_rows(sample_city_manifest, "建筑物")
    shapes = layer.shapes[[k for k in range(len(layer.shapes)) if k + 1 not in wrong]]
    mains = [k for k, s in enumerate(sound_lines) if s["管线类型"] in SEWERS and not entry(s, points)]
    near, _ = shapely.STRtree(shapes).query(axes[mains], predicate="dwithin", distance=2.5 + 0.1)
    assert near.size == 0
    tree = shapely.STRtree(shapes)
    others = [k for k, s in enumerate(sound_lines) if not entry(s, points)]
    assert tree.query(axes[others], predicate="dwithin", distance=0.7)[0].size == 0


def entry(line, points) -> bool:
    return any(points[line[end]]["特征"] == "进出户点" for end in ("起点点号", "终点点号"))


def by_name(lines, points, conflicts):
    wanted = {*conflicts, *(str(f.values["other"]) for f in conflicts.values())}
    found = {}
    for s in lines:
        if name(s) in wanted:
            found[name(s)] = (s, shapely.LineString([(points[s[end]]["Y"], points[s[end]]["X"]) for end in ("起点点号", "终点点号")]))
    return found


def pairs(lines, axes):
    """Every two lines outside tunnels that come within 3 m in plan; the last value says whether they are of one kind."""
    for a, b in np.column_stack(shapely.STRtree(axes).query(axes, predicate="dwithin", distance=3.0)).tolist():
        if a < b and not lines[a]["管廊编号"] and not lines[b]["管廊编号"]:
            yield a, b, lines[a], lines[b], lines[a]["管线类型"] == lines[b]["管线类型"]


def parallel(a, b) -> bool:
    (along, beside) = (np.diff(shapely.get_coordinates(axis), axis=0)[0] for axis in (a, b))
    return abs(along @ beside) > 0.9 * np.linalg.norm(along) * np.linalg.norm(beside)


def required_beside_m(first, second) -> float | None:
    kinds = sorted((first["管线类型"], second["管线类型"]))
    if kinds[0] == "JP" and kinds[1] in SEWERS:
        water = next(s for s in (first, second) if s["管线类型"] == "JP")
        return 1.5 if size_mm(water)[0] > 200 else 1.0
    return CLEAR_BESIDE_M.get((kinds[0], kinds[1]))


def clear_m(first, first_axis, second, second_axis) -> float:
    return first_axis.distance(second_axis) - (size_mm(first)[0] + size_mm(second)[0]) / 2000


def gap_m(first, first_axis, second, second_axis) -> float:
    """Vertical distance between two lines where they cross."""
    place = first_axis.intersection(second_axis)
    (low, high), (other_low, other_high) = (
        body(s, axis.project(place, normalized=True)) for s, axis in ((first, first_axis), (second, second_axis))
    )
    return max(low - other_high, other_low - high)


def body(line, share: float) -> tuple[float, float]:
    """Bottom and top at a share of the length: sewers are surveyed at the invert, others at the top."""
    level = line["起点管线高程"] * (1 - share) + line["终点管线高程"] * share
    height = size_mm(line)[1] / 1000
    return (level, level + height) if line["管线类型"] in SEWERS else (level - height, level)


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


SHEETS = {"管点": ("管线点编号",), "管线": ("起点点号", "终点点号")}


def test_the_second_survey_differs_as_the_manifest_says(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    first, second = (published(folder, sample_city_manifest) for folder in (sample_city_folder, sample_city_folder / "第二期"))
    updates = {u.layer: u for u in sample_city_manifest.updates if u.file == "第二期/管线普查.xlsx"}
    for sheet in SHEETS:
        before, after = first[sheet], second[sheet]
        both = before.keys() & after.keys()
        updated = sum(before[key] != after[key] for key in both)
        u = updates[sheet]
        assert (u.inserted, u.updated, u.deleted, u.unchanged) == (
            len(after) - len(both),
            updated,
            len(before) - len(both),
            len(both) - updated,
        )
        assert min(u.inserted, u.updated, u.deleted) >= 10
        assert [key for key in after if key in both] != [key for key in before if key in both], "the rows are not shuffled"


def published(folder: Path, manifest: Manifest):
    """Rows of both sheets by their key, a line with the places of its ends; a line that lacks a point is left out."""
    found = {}
    for sheet, key in SHEETS.items():
        wrong = faulty_rows(manifest, sheet) if folder.name != "第二期" else set()
        rows = [row for number, row in enumerate(read_sheet(folder, sheet), start=2) if number not in wrong]
        found[sheet] = {tuple(row[column] for column in key): list(row.values()) for row in rows}
    at = {number: tuple(row[3:5]) for (number,), row in found["管点"].items()}
    found["管线"] = {ends: [*row, *(at[end] for end in ends)] for ends, row in found["管线"].items() if set(ends) <= at.keys()}
    return found


def test_moved_points_stay_on_the_ground_and_take_their_pipes_along(sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    before, after = (
        {p["管线点编号"]: p for p in read_sheet(folder, "管点")} for folder in (sample_city_folder, sample_city_folder / "第二期")
    )
    moved = {
        n for n in before.keys() & after.keys() if (before[n]["X"], before[n]["Y"]) != (after[n]["X"], after[n]["Y"]) and n[:2] != "TC"
    }
    (fact,) = (f for f in sample_city_manifest.facts if f.kind == "points-moved")
    assert fact.values == {"nodes": [n for n in before if n in moved]}
    assert len(moved) >= 5
    for n in moved:
        assert 0.25 < np.hypot(before[n]["X"] - after[n]["X"], before[n]["Y"] - after[n]["Y"]) < 1
    graph = nx.Graph()
    for s in read_sheet(sample_city_folder / "第二期", "管线"):
        for end, depth, level in (("起点点号", "起点埋深", "起点管线高程"), ("终点点号", "终点埋深", "终点管线高程")):
            if s[end] in moved:
                assert after[s[end]]["地面高程"] == pytest.approx(s[depth] + s[level], abs=1e-6)
        graph.add_edge(s["起点点号"], s["终点点号"])
    expected = {"起讫点": 1, "进出户点": 1, "预留口": 1, "直通点": 2, "转折点": 2, "三通点": 3, "四通点": 4}
    faulty = {n for n in graph if n not in after}
    for n, p in after.items():
        if p["特征"] in expected and n in graph and not faulty & set(graph[n]) and not is_planted(n):
            assert graph.degree(n) == expected[p["特征"]], p
    assert any(p["特征"] == "预留口" for p in after.values())


def test_taps_of_branches_lie_on_the_main(sound_lines, points) -> None:
    graph = nx.Graph((s["起点点号"], s["终点点号"]) for s in sound_lines)
    taps = [n for n in graph if re.fullmatch(r"(JP|TR|WS)\d+NT\d+", n)]
    assert len(taps) > 60
    for tap in taps:
        mains = [np.array([points[n]["Y"], points[n]["X"]]) for n in graph[tap] if "Y" not in n[2:]]
        here = np.array([points[tap]["Y"], points[tap]["X"]])
        for a, b in itertools.pairwise(mains):
            across = np.cross(np.append(b - a, 0), np.append(here - a, 0))[2] / np.linalg.norm(b - a)
            assert abs(across) < 0.005
