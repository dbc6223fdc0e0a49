"""Rules over whole pipe surveys: random ones judged as plain Python judges them row by row, published points as those of the same file."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import shapely

from ingest import staging as staged
from ingest.load import withdraw
from ingest.receiving import read_all, start
from ingest.set_rules.codes import NONE
from ingest.set_rules.context import SetContext
from ingest.set_rules.network_assembly import network_of
from ingest.set_rules.survey import Survey
from tests.integration.small_pieces import in_small_pieces
from tests.integration.surveys import ORIGIN, Parts, Row, Surveys
from twin.errors import RejectedError

GROUND_M = 5.0
POINTS = 120
Found = Counter[tuple[str, str, int]]


def random_survey(seed: int) -> Parts:
    """Points, some twice, and lines between near ones, some back to their start, twice, or to a point that is not there."""
    pick = random.Random(seed)
    numbers = [f"N{k}" for k in range(POINTS)]
    points = [point(number, k, pick.choice(["straight", "tee", "start_end"])) for k, number in enumerate(numbers)]
    points += pick.sample(points, 5)
    ends = [(k, k + pick.choice([0, 1, 1, 1, 2, 3])) for k in pick.choices(range(POINTS), k=150)] + [(POINTS - 1, POINTS)]
    lines = [line(a, b, pick.choice([2.0, 2.0, 2.0, 2.2])) for a, b in ends]
    return {"points": ("pipe_node", points), "lines": ("pipe_segment", lines + pick.sample(lines, 10))}


def point(number: str, k: int, feature: str) -> Row:
    place = shapely.Point(ORIGIN[0] + 10 * k, ORIGIN[1], GROUND_M)
    return Row(place, {"node_id": number, "kind": "WS", "feature": feature, "ground_elevation_m": GROUND_M})


def line(a: int, b: int, depth_m: float) -> Row:
    """A sewer between two of the points, the last of which are in no file."""
    places = [(ORIGIN[0] + 10 * k, ORIGIN[1] + (k == b) * 0.1, GROUND_M - 2.0) for k in (a, b)]
    fields = {"start_node": f"N{a}", "end_node": f"N{b}", "kind": "WS", "start_depth_m": depth_m, "end_depth_m": 2.0}
    return Row(shapely.LineString(places), fields | {"start_elevation_m": 3.0, "end_elevation_m": 3.0})


def expected(parts: Parts) -> Found:
    """Judge row by row, in the order of the rules, what is listed twice first."""
    found: Found = Counter()
    points: dict[str, Row] = {}
    for number, row in enumerate(parts["points"][1], 1):
        name = str(row.fields["node_id"])
        if name in points:
            found["points", "P02", number] += 1
        points.setdefault(name, row)
    lines, seen = [], set()
    for number, row in enumerate(parts["lines"][1], 1):
        a, b = str(row.fields["start_node"]), str(row.fields["end_node"])
        if a == b:
            found["lines", "L02", number] += 1
        elif frozenset((a, b)) in seen:
            found["lines", "L03", number] += 1
        else:
            seen.add(frozenset((a, b)))
            lines.append((number, a, b, row))
    met: Counter[str] = Counter()
    for number, a, b, row in lines:
        unknown = [name for name in (a, b) if name not in points]
        found["lines", "node-exists", number] += len(unknown)
        if not unknown:
            met += Counter((a, b))
            found["lines", "J03", number] += row.fields["start_depth_m"] != 2.0
    degrees = {"straight": 2, "tee": 3, "start_end": 1}
    for number, (name, row) in enumerate(points.items(), 1):
        found["points", "J02", number] += met[name] == 0
        found["points", "J06", number] += met[name] not in (0, degrees[str(row.fields["feature"])])
    return +found


@pytest.fixture(params=["whole", "in small pieces"])
def seeds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> range:
    """Seeds of surveys; in small pieces a few rows count as many: columns lie in files, and ends are looked at point by point."""
    if request.param == "whole":
        return range(2)
    in_small_pieces(monkeypatch)
    return range(2, 3)


def test_random_surveys_are_judged_as_row_by_row(surveys: Surveys, seeds: range) -> None:
    for seed in seeds:
        parts = random_survey(seed)
        judged = expected(parts)
        submission = surveys.check(parts, max_rejected=1.0)
        rules = {rule for _, rule, _ in judged}
        told = surveys.catalogue.submissions.findings(submission)
        names = dict(enumerate(parts))
        found = Counter((names[f["part"]], f["rule"], f["row"]) for f in told if f["rule"] in rules)
        assert rules == {"P02", "L02", "L03", "node-exists", "J02", "J03", "J06"}
        assert found == judged, f"seed {seed}"


def test_a_survey_that_comes_again_is_judged_as_before(surveys: Surveys, seeds: range) -> None:
    parts, rules = random_survey(seeds[0]), ("J02", "J03", "J06")
    surveys.load(parts, max_rejected=1.0)
    told = surveys.catalogue.submissions.findings(surveys.check(parts, max_rejected=1.0))
    found = Counter((part_name(parts, f), f["rule"], f["row"]) for f in told if f["rule"] in rules)
    assert found == Counter({place: count for place, count in expected(parts).items() if place[1] in rules})


def columns_of(surveys: Surveys, parts: Parts, look: Callable[[SetContext], dict[str, list[object]]]) -> dict[str, list[object]]:
    """Return what is seen of a survey once its rows are staged."""
    request, submission = surveys.request(parts), surveys.catalogue.submissions.receive("surveyor", [], {})
    with staged.claimed(surveys.catalogue.pool, submission):
        tallies = start(surveys.place(parts), submission, request)
        read_all(surveys.place(parts), request, tallies)
        stagings = [t.staging for t in tallies.values()]
        survey = Survey({t.staging.part: t.survey for t in tallies.values()})
        with surveys.catalogue.pool.connection() as connection:
            seen = look(SetContext(connection, stagings[0], stagings, {}, surveys.catalogue, survey))
        withdraw(surveys.catalogue, submission)
    return seen


def of_network(context: SetContext) -> dict[str, list[object]]:
    """Return points and lines of a network by number, words and names in place of their codes."""
    network, survey = network_of(context), context.survey

    def texts(codes: object, at: Callable[[int], str]) -> list[object]:
        return [None if code == NONE else at(int(code)) for code in codes]  # type: ignore[attr-defined]

    points, lines = network.points, network.lines
    words = {name: texts(getattr(points, name), survey.words.at) for name in ("kind", "feature", "appurtenance")}
    words |= {f"line {name}": texts(getattr(lines, name), survey.words.at) for name in ("kind", "material", "pressure")}
    names = {"node": texts(points.node, survey.names.at), "start": texts(lines.start, survey.names.at)}
    numbers = {
        name: getattr(lines, name).round(9).astype(str).tolist() for name in ("start_z", "length_3d_m", "end_azimuth", "start_depth_m")
    }
    return words | names | numbers | {"x": points.x.tolist(), "at": network.at.tolist()}


def test_what_is_published_is_read_as_it_was_staged(surveys: Surveys) -> None:
    odd = ['a "b"', "x,y", "two\nlines", " blank ", "甲", "\\N"]
    points = [
        Row(
            shapely.Point(ORIGIN[0] + 10 * k, ORIGIN[1] + 0.123, 5.0),
            {"node_id": name, "kind": pick, "feature": "straight" if k % 2 else None},
        )
        for k, (name, pick) in enumerate(zip(odd, ["WS", "YS", None] * 2, strict=True))
    ]
    lines = [
        Row(
            shapely.LineString(
                [
                    (ORIGIN[0] + 10 * k, ORIGIN[1], 3.0),
                    (ORIGIN[0] + 10 * k + 3, ORIGIN[1] + 2, 2.9),
                    (ORIGIN[0] + 10 * k + 10, ORIGIN[1], 2.8),
                ]
            ),
            {
                "start_node": odd[k],
                "end_node": odd[k + 1],
                "kind": "WS",
                "pressure": "" if k else None,
                "start_depth_m": 0.1 + k if k < 3 else None,
            },
        )
        for k in range(5)
    ]
    parts: Parts = {"points": ("pipe_node", points), "lines": ("pipe_segment", lines)}
    fresh = columns_of(surveys, parts, of_network)
    surveys.load(parts)
    elsewhere: Parts = {"other": ("pipe_node", [])}
    assert columns_of(surveys, elsewhere, of_network) == fresh


def test_a_survey_of_which_no_row_is_right_is_judged_all_the_same(surveys: Surveys) -> None:
    wrong = [Row(row.geometry, row.fields, rejected=True) for row in random_survey(0)["points"][1][:25]]
    with pytest.raises(RejectedError, match="25 of 25 rows for points are wrong"):
        surveys.load({"points": ("pipe_node", wrong), "lines": ("pipe_segment", random_survey(0)["lines"][1][:30])}, max_rejected=1.0)


def test_points_declared_deleted_in_a_first_load_are_not_there_for_any_rule(surveys: Surveys) -> None:
    points = [point(f"N{k}", k, "start_end") for k in range(4)]
    points[1:] = [replace(row, extra='{"op": "delete"}') if k in (1, 3) else row for k, row in enumerate(points[1:], 1)]
    parts: Parts = {"points": ("pipe_node", points), "lines": ("pipe_segment", [line(0, 1, 2.0), line(0, 2, 2.0)])}
    submission = surveys.check(parts, mode="delta")
    found = {(part_name(parts, f), f["rule"], f["row"]) for f in surveys.catalogue.submissions.findings(submission)}
    named = {"delete-unknown", "node-exists", "J02"}
    assert {f for f in found if f[1] in named} == {
        ("points", "delete-unknown", 2),
        ("points", "delete-unknown", 4),
        ("lines", "node-exists", 1),
    }


def named(row: Row) -> Row:
    return replace(row, fields=row.fields | {"segment_id": f"{row.fields['start_node']}-{row.fields['end_node']}"})


def deleted(row: Row) -> Row:
    return replace(row, extra='{"op": "delete"}')


def test_what_a_delta_deletes_is_not_there_for_any_rule(surveys: Surveys) -> None:
    points = [point(f"N{k}", k, "start_end") for k in range(4)]
    lines = [named(line(k, k + 1, 2.0)) for k in range(3)]
    surveys.load({"points": ("pipe_node", points), "lines": ("pipe_segment", lines)})
    gone = [deleted(points[1]), deleted(points[3]), deleted(points[3])]  # one of them twice, which is once
    parts: Parts = {"points": ("pipe_node", gone), "lines": ("pipe_segment", [deleted(lines[2]), named(line(0, 3, 2.0))])}
    submission = surveys.check(parts, mode="delta", max_rejected=1.0)
    told = surveys.catalogue.submissions.findings(submission)
    found = {(part_name(parts, f), f["rule"], f["row"]) for f in told if f["rule"] in ("node-exists", "reference-lost", "P02", "unique")}
    assert found == {("lines", "node-exists", 2), ("points", "reference-lost", 1)}
    assert Counter(f["rule"] for f in told)["reference-lost"] == 2, "both lines at N1 are named"
    published = surveys.publish(submission).counts
    assert published["points"] == {"insert": 0, "update": 0, "unchanged": 0, "delete": 2}
    assert published["lines"] == {"insert": 0, "update": 0, "unchanged": 0, "delete": 1}


def part_name(parts: Parts, finding: Mapping[str, object]) -> str:
    return list(parts)[int(str(finding["part"]))]
