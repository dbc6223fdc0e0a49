"""Values that name features of other datasets: told when nothing answers, an error only where the rule is one."""

from __future__ import annotations

import random

import pytest
import shapely
from integration.surveys import ORIGIN, Row, Surveys, square

from twin.errors import RejectedError


def parcel(key: str, x: float) -> Row:
    return Row(square(x, 0, 20), {"parcel_id": key, "right_type": "state_granted"})


def building(key: str, x: float, parcel_id: str | None) -> Row:
    return Row(square(x, 5), {"building_id": key, "height_m": 9.0, "base_height_m": 5.0, "parcel_id": parcel_id})


def node(key: str, x: float, *, rejected: bool = False) -> Row:
    place = shapely.Point(ORIGIN[0] + x, ORIGIN[1], 5.0)
    return Row(place, {"node_id": key, "kind": "YS", "depth_m": 2.0}, rejected=rejected)


def segment(start: str, end: str, x: float) -> Row:
    line = shapely.LineString([(ORIGIN[0] + x, ORIGIN[1], 3.0), (ORIGIN[0] + x + 10, ORIGIN[1], 2.9)])
    fields = {"segment_id": f"{start}-{end}", "start_node": start, "end_node": end, "kind": "YS", "outer_diameter_mm": 300.0}
    return Row(line, fields)


def told(surveys: Surveys, submission: object) -> list[tuple[str, str, str | None, str]]:
    """Return rule, severity, key and English message of what a submission's values name and is not there."""
    with surveys.catalogue.pool.connection() as connection:
        return connection.execute(
            "SELECT rule, severity, key, message_en FROM catalog.finding WHERE submission = %s"
            " AND rule IN ('reference', 'node-exists', 'L01') ORDER BY key, message_en",
            (submission,),
        ).fetchall()


def test_a_value_that_names_nothing_is_a_warning_and_the_row_stays(surveys: Surveys) -> None:
    first = surveys.load({"buildings": ("building", [building("b1", 0, "p1"), building("b2", 30, None)])})
    assert first.published == 2
    assert told(surveys, first.submission) == [
        ("reference", "info", None, "there is no dataset of Parcel to check Parcel against"),
    ], "one line says what could not be checked; a field without any value (the permit) is not spoken of"
    both = surveys.load(
        {
            "buildings": ("building", [building("b1", 0, "p1"), building("b2", 30, "p9"), building("b3", 60, "")]),
            "parcels": ("parcel", [parcel("p1", 0), parcel("p2", 30)]),
        }
    )
    assert (both.published, both.rejected) == (4, 0)
    assert told(surveys, both.submission) == [("reference", "warning", "b2", "Parcel p9 does not exist (or its row is rejected)")]


def test_a_plan_refers_to_plans_of_its_own_file(surveys: Surveys) -> None:
    def plan(key: str, supersedes: str | None) -> Row:
        return Row(square(0, 0), {"plan_id": key, "state": "approved", "supersedes": supersedes})

    result = surveys.load({"plans": ("spatial_plan", [plan("g2", "g1"), plan("g1", None), plan("x", "g0")])})
    assert told(surveys, result.submission) == [("reference", "warning", "x", "Supersedes g0 does not exist (or its row is rejected)")]


def test_lines_without_their_points_are_told_so_once(surveys: Surveys) -> None:
    surveys.load({"nodes": ("pipe_node", [node("n1", 0), node("n2", 10)])})
    lines = [segment("n1", "n2", 0), *(segment(f"m{i}", f"m{i + 1}", 10.0 * i) for i in range(30))]
    with pytest.raises(RejectedError, match=r"30 of 31 rows for segments are wrong .no table of Pipe node was handed in: 60") as caught:
        surveys.load({"segments": ("pipe_segment", lines)})
    assert "本次没有提交管线点表：60 个端点" in caught.value.text.zh
    result = surveys.load({"segments": ("pipe_segment", lines)}, max_rejected=1.0)
    assert (result.published, result.rejected) == (1, 30)
    assert [f[1:3] for f in told(surveys, result.submission) if f[2] is None] == [("warning", None)]
    along = surveys.load({"segments": ("pipe_segment", lines), "nodes": ("pipe_node", [node("n1", 0), node("n2", 10)])}, max_rejected=1.0)
    assert [f for f in told(surveys, along.submission) if f[2] is None] == [], "points came along, if too few"


def test_what_goes_in_the_same_commit_answers_no_longer_and_what_is_kept_does(surveys: Surveys) -> None:
    lines = [segment("n1", "n2", 0), segment("n2", "n3", 10), segment("n3", "n4", 20), segment("n4", "n5", 30), segment("n5", "n6", 40)]
    nodes = [node(f"n{i}", 10.0 * i) for i in range(1, 7)]
    surveys.load({"segments": ("pipe_segment", lines), "nodes": ("pipe_node", nodes)})
    fewer = [node("n1", 0, rejected=True), *nodes[1:5]]
    result = surveys.load({"segments": ("pipe_segment", lines), "nodes": ("pipe_node", fewer)})
    found = [f for f in told(surveys, result.submission) if f[0] == "node-exists"]
    lost = "End node n6 does not exist (or its row is rejected)"
    assert found == [("node-exists", "error", "n5-n6", lost)], "n1 was wrong and stays, n6 goes"
    assert set(surveys.state("nodes")) == {"n1", "n2", "n3", "n4", "n5"}


@pytest.mark.parametrize("seed", [1, 2])
def test_findings_are_the_values_that_no_published_or_loaded_parcel_has(surveys: Surveys, seed: int) -> None:
    chance = random.Random(seed)
    keys = [f"p{i}" for i in range(40)]
    published, loaded = set(chance.sample(keys, 15)), set(chance.sample(keys, 15))
    surveys.load({"old": ("parcel", [parcel(k, 25.0 * i) for i, k in enumerate(sorted(published))])})
    named = {f"b{i}": chance.choice([*keys, None]) for i in range(120)}
    result = surveys.load(
        {
            "new": ("parcel", [parcel(k, 25.0 * i) for i, k in enumerate(sorted(loaded))]),
            "buildings": ("building", [building(b, 12.0 * i, p) for i, (b, p) in enumerate(named.items())]),
        }
    )
    expected = {b for b, p in named.items() if p is not None and p not in published | loaded}
    assert {f[2] for f in told(surveys, result.submission)} == expected
    assert result.published == 120 + len(loaded)
