"""Boxes of a request meet extents as shapely says, over the antimeridian too; cycles and ramps have no gaps."""

import datetime as dt

import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from ogc.degree_boxes import boxes_meet, degree_box
from styles.derive import RampChoice, color_classes
from twin.errors import BadRequestError, Text
from twin.update_cycle import UPDATE_CYCLES, freshness, next_due

LON, LAT = st.integers(-180, 180).map(float), st.integers(-90, 90).map(float)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    south, north = sorted((draw(LAT), draw(LAT)))
    return draw(LON), south, draw(LON), north


def shapes(box: tuple[float, float, float, float]) -> list[shapely.Geometry]:
    """Return what a box is, thrice around the Earth: areas, and lines and points where it has no width or height."""
    west, south, east, north = box
    turns = [(west + turn, (east if west <= east else east + 360) + turn) for turn in (-360, 0, 360)]
    poles = [shapely.LineString([(-180, pole), (180, pole)]) for pole in (-90, 90) if pole in (south, north)]
    return [shapely.MultiPoint([(a, south), (a, north), (b, south), (b, north)]).convex_hull for a, b in turns] + poles


@given(boxes(), boxes())
@example((1.0, 0.0, 180.0, 1.0), (180.0, 0.0, 0.0, 1.0))  # the second begins on the antimeridian: on this side it is a line
@example((170.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -170.0, 1.0))  # neighbours at the antimeridian
@example((0.0, 80.0, 10.0, 90.0), (50.0, 85.0, 60.0, 90.0))  # what has nothing in common but a pole
def test_boxes_meet_where_their_shapes_do(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> None:
    meet = any(a.intersects(b) for a in shapes(one) for b in shapes(other))
    assert boxes_meet(one, other) == boxes_meet(other, one) == meet


def test_heights_part_what_lies_above_one_another() -> None:
    assert boxes_meet((0, 0, 0, 1, 1, 9), (0, 0, 9, 1, 1, 20))
    assert not boxes_meet((0, 0, 0, 1, 1, 9), (0, 0, 9.1, 1, 1, 20))
    assert boxes_meet((0, 0, 0, 1, 1, 9), (0, 0, 1, 1))


@pytest.mark.parametrize(
    "text", ["", "1", "1,2,3", "0,0,1,91", "0,1,1,0", "nan,0,1,1", "0,0,inf,1", "181,0,181,1", "0,0,9,1,1,0", "a,b,c,d"]
)
def test_what_is_no_box_on_earth_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        degree_box(text)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6, unique=True).map(sorted))
def test_a_ramp_in_steps_covers_every_number_once(values: list[int]) -> None:
    ramp = RampChoice("h", Text("高", "h"), tuple((float(v), "#000000" if i % 2 else "#ffffff") for i, v in enumerate(values)), None)
    classes = color_classes(ramp)
    assert (classes[0].low, classes[-1].high) == (None, None)
    assert [c.high for c in classes[:-1]] == [c.low for c in classes[1:]]


@pytest.mark.parametrize("code", [*UPDATE_CYCLES, None, "whenever"])
def test_a_dataset_is_overdue_the_moment_its_cycle_has_passed(code: str | None) -> None:
    last = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    due = next_due(code, last)
    if due is None:
        assert freshness(code, last, last + dt.timedelta(days=9999)) == "unknown"
    else:
        assert freshness(code, last, due) == "current"
        assert freshness(code, last, due + dt.timedelta(seconds=1)) == "overdue"
