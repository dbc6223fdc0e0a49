"""A survey in one table (成果表) from the file to the map: checked with its faults at their rows, then published as points and lines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import city_at_hand
from tests.workbooks import workbook
from twin.embedded import EmbeddedCluster

NORTH, EAST = 3_520_895.0, 497_538.0
HEADER = ("管线点号", "连接点号", "特征", "附属物", "X", "Y", "地面高程", "管线高程", "埋深", "材质", "管径", "流向", "建设年代")
POINTS = 20
Rows = list[list[Any]]


def sewer() -> Rows:
    """A sewer that falls 1 cm every 20 m, told from its start to its end, with a lateral at WS5 in a row without that number."""
    rows: Rows = []
    for i in range(1, POINTS + 1):
        invert = 3.0 - 0.01 * i
        feature, well = (None, "检查井") if i % 3 == 0 or i == 5 else ("起讫点" if i == 1 else "直线点", None)
        feature, well = ("出水口", None) if i == POINTS else (feature, well)
        to = f"WS{i + 1}" if i < POINTS else None
        rows.append([f"WS{i}", to, feature, well, NORTH + 20 * i, EAST, 5.0, invert, 5.0 - invert, "混凝土", "300", "+", "2010年"])
        if i == 5:
            rows.append([None, "WS5A", *[None] * 5, 2.95, 2.05, "混凝土", "300", "-", "2010年"])
    rows.append(["WS5A", None, "起讫点", None, NORTH + 100, EAST + 20, 5.0, 2.96, 2.04, "混凝土", "300", "+", "2010年"])
    return rows


def written(folder: Path, rows: Rows) -> Path:
    return workbook(folder / "成果表.xlsx", {"WS": [["某市地下管线成果表"], HEADER, *rows]}, {"WS": ["A1:M1"]})


def row_of(rows: Rows, number: str) -> int:
    """Return the row of the sheet in which a point stands, below a title and the header."""
    return 3 + next(i for i, row in enumerate(rows) if row[0] == number)


Check = Callable[[Rows], dict[str, set[tuple[str, int]]]]


@pytest.fixture
def checked(run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path) -> Check:
    def check(rows: Rows) -> dict[str, set[tuple[str, int]]]:
        """Return the findings of `twin check` at rows: rule → (layer, row)."""
        with city_at_hand(run_folder, template, cluster.dsn) as city:
            done = city.run("check", written(tmp_path, rows), "--crs", "EPSG:4549", "--max-rejected", "1", "--report", tmp_path / "report")
        found = defaultdict[str, set[tuple[str, int]]](set)
        for source in json.loads((tmp_path / "report" / "findings.json").read_text("utf-8"))["findings"]:
            if source["row"] is not None:
                found[source["rule"]].add((source["layer"], source["row"]))
        assert done["read"] == POINTS + 1 + POINTS, "points, and lines"
        return found

    return check


def test_a_sound_one_has_no_fault(checked: Check) -> None:
    assert checked(sewer()) == {}


def test_planted_faults_are_found_by_their_rules_at_their_rows(checked: Check) -> None:
    rows = sewer()
    numbers = {row[0]: row for row in rows if row[0]}
    numbers["WS8"][8] += 0.5  # the depth of WS8 no more adds up with its elevation
    numbers["WS12"][7:9] = [2.7, 2.3]  # from there to WS13 it runs uphill
    numbers["WS17"][1] = "WS81"  # there is none
    numbers["WS5A"][6] = 9.0
    found = checked(rows)
    assert found["J03"] == {("WS 管线", row_of(rows, n)) for n in ("WS7", "WS8")} | {("WS 管线", row_of(rows, "WS5") + 1)}
    assert found["gravity-uphill"] == {("WS 管线", row_of(rows, "WS12"))}
    assert found["node-exists"] == {("WS 管线", row_of(rows, "WS17"))}
    assert found["J06"] == {("WS 管点", row_of(rows, "WS17"))}, "one line too few"
    assert set(found) == {"J03", "J06", "gravity-uphill", "node-exists", "connectivity"}


def test_points_and_lines_are_published(run_folder: Path, template: str, cluster: EmbeddedCluster, tmp_path: Path) -> None:
    path = written(tmp_path, sewer())
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        parts = ("--part", "WS=pipe_node:nodes", "--part", "WS=pipe_segment:segments")
        done = city.run("load", path, *parts, "--crs", "EPSG:4549")
        assert (done["published"], done["rejected"]) == (POINTS + 1 + POINTS, 0)
        again = city.run("load", path, *parts, "--crs", "EPSG:4549")
        assert (again["published"], again["unchanged"]) == (0, POINTS + 1 + POINTS)
        city.run("export", "segments", "-o", tmp_path / "segments.geojsonl")
    lines = [json.loads(line) for line in (tmp_path / "segments.geojsonl").read_text("utf-8").splitlines()]
    by_ends = {(f["properties"]["start_node"], f["properties"]["end_node"]): f for f in lines}
    assert len(lines) == len(by_ends) == POINTS
    lateral = by_ends["WS5", "WS5A"]
    assert [round(z, 3) for *_, z in lateral["geometry"]["coordinates"]] == [2.95, 2.96]
    assert (lateral["properties"]["start_depth_m"], lateral["properties"]["end_depth_m"]) == (2.05, 2.04)
    assert {f["properties"]["kind"] for f in lines} == {"WS"}
