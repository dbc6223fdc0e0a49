"""Rules that follow sewers as far as they go: random networks of several systems and layers, judged as networkx sees them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator

import networkx as nx
import pytest
import shapely

from tests.integration.small_pieces import in_small_pieces
from tests.integration.surveys import ORIGIN, Parts, Row, Surveys

POINTS, FIRST_LAYER, PIPES = 90, 60, 75
SYSTEMS = ("YS", "WS")
STEP_M = 30.0
MOST_M = {300.0: 75.0, 700.0: 100.0}
Found = Counter[tuple[str, str, int]]


def random_sewers(seed: int) -> Parts:
    """Points in two layers, few of them outfalls or manholes, and pipes to near ones in two layers, some of them of a point unknown."""
    pick = random.Random(seed)
    points = [point(k, pick.choice([*[None] * 12, "outfall"]), pick.choice([*[None] * 6, "manhole"])) for k in range(POINTS)]
    pipes = [
        pipe(k, k + pick.choice([1, 1, 1, 2]), pick.choice(SYSTEMS), pick.choice(list(MOST_M))) for k in pick.sample(range(POINTS), PIPES)
    ]
    return {
        "points": ("pipe_node", points[:FIRST_LAYER]),
        "more_points": ("pipe_node", points[FIRST_LAYER:]),
        "pipes": ("pipe_segment", pipes[: PIPES // 2]),
        "more_pipes": ("pipe_segment", pipes[PIPES // 2 :]),
    }


def point(k: int, feature: str | None, appurtenance: str | None) -> Row:
    place = shapely.Point(ORIGIN[0] + STEP_M * k, ORIGIN[1], 5.0)
    return Row(place, {"node_id": f"N{k}", "kind": "WS", "feature": feature, "appurtenance": appurtenance})


def pipe(a: int, b: int, system: str, diameter_mm: float) -> Row:
    places = [(ORIGIN[0] + STEP_M * k, ORIGIN[1], 3.0) for k in (a, b)]
    return Row(shapely.LineString(places), {"start_node": f"N{a}", "end_node": f"N{b}", "kind": system, "outer_diameter_mm": diameter_mm})


def numbered(parts: Parts, kind: str) -> Iterator[tuple[str, int, Row]]:
    for layer, (feature_type, rows) in parts.items():
        if feature_type == kind:
            yield from ((layer, number, row) for number, row in enumerate(rows, 1))


def dead_parts(parts: Parts) -> Found:
    """Return the first point in each layer of each connected part of a system that has no outfall."""
    found: Found = Counter()
    points = {str(row.fields["node_id"]): (layer, number, row) for layer, number, row in numbered(parts, "pipe_node")}
    for system in SYSTEMS:
        pipes = [row.fields for _, _, row in numbered(parts, "pipe_segment") if row.fields["kind"] == system]
        ends = [(str(f["start_node"]), str(f["end_node"])) for f in pipes]
        graph = nx.Graph([pair for pair in ends if points.keys() >= set(pair)])
        for part in nx.connected_components(graph):
            if not any(points[name][2].fields["feature"] == "outfall" for name in part):
                for layer in {points[name][0] for name in part}:
                    found[layer, "connectivity", min(points[name][1] for name in part if points[name][0] == layer)] += 1
    return found


def long_runs(parts: Parts) -> Found:
    """Return the first pipe in each layer of each run between manholes that is too long for its smallest diameter.

    A pipe of a point unknown is rejected and leads nowhere.
    """
    known = {str(row.fields["node_id"]): row for _, _, row in numbered(parts, "pipe_node")}
    pipes = [pipe for pipe in numbered(parts, "pipe_segment") if known.keys() >= {pipe[2].fields["start_node"], pipe[2].fields["end_node"]}]
    meeting: dict[str, list[int]] = defaultdict(list)
    for k, (_, _, row) in enumerate(pipes):
        for end in ("start_node", "end_node"):
            meeting[str(row.fields[end])].append(k)
    graph = nx.Graph()
    graph.add_nodes_from(range(len(pipes)))
    through = (m for name, m in meeting.items() if len(m) == 2 and name in known and known[name].fields["appurtenance"] is None)
    graph.add_edges_from(through)
    found: Found = Counter()
    for run in nx.connected_components(graph):
        length_m = sum(pipes[k][2].geometry.length for k in run)
        if length_m > MOST_M[min(float(str(pipes[k][2].fields["outer_diameter_mm"])) for k in run)]:
            for layer in {pipes[k][0] for k in run}:
                found[layer, "manhole-spacing", min(pipes[k][1] for k in run if pipes[k][0] == layer)] += 1
    return found


@pytest.fixture(params=["whole", "in small pieces"])
def seeds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> range:
    """Seeds of networks; in small pieces a few rows count as many."""
    if request.param == "whole":
        return range(2)
    in_small_pieces(monkeypatch)
    return range(2, 4)


def test_random_sewers_are_judged_as_networkx_sees_them(surveys: Surveys, seeds: range) -> None:
    for seed in seeds:
        parts = random_sewers(seed)
        judged = dead_parts(parts) + long_runs(parts)
        layers = list(parts)
        told = surveys.catalogue.submissions.findings(surveys.check(parts, max_rejected=1.0))
        found = Counter(
            (layers[int(str(f["part"]))], f["rule"], f["row"]) for f in told if f["rule"] in ("connectivity", "manhole-spacing")
        )
        assert {rule for _, rule, _ in judged} == {"connectivity", "manhole-spacing"}
        assert found == judged, f"seed {seed}"
