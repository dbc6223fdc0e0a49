"""Survey control points in four densities: GNSS points of grades C, D and E at crossings of arterials, and traverse points between."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from sample_city.relief import WATER_HALF_WIDTH_M
from sample_city.seeding import rng_at
from sample_city.streets import ARTERIAL_EVERY, StreetGrid, half_width_m

_SUBJECT_CONTROL = 94
_CLEAR_OF_WATER_M = 25.0
_KERB_M = 1.5
_LOST_SHARE, _DAMAGED_SHARE = 0.04, 0.06


@dataclass(frozen=True, slots=True)
class _Order:
    """One density: a point at every ``every``-th crossing both ways."""

    every: int
    letter: str
    grade: str
    elevation_grade: str
    mark: str
    first_year: int


_ORDERS = (
    _Order(4 * ARTERIAL_EVERY, "C", "C级", "二等水准", "基岩标", 2006),
    _Order(2 * ARTERIAL_EVERY, "D", "D级", "三等水准", "混凝土标石", 2010),
    _Order(ARTERIAL_EVERY, "E", "E级", "四等水准", "混凝土标石", 2014),
    _Order(2, "I", "一级", "等外水准", "道钉", 2018),
)


@dataclass(frozen=True, slots=True)
class ControlPoint:
    """One point; ``e`` and ``n`` are EPSG:4549, the elevation is that of the top of its mark, in 1985 heights."""

    point_id: str
    name: str
    grade: str
    elevation_grade: str
    mark: str
    established_on: dt.date
    state: str
    e: float
    n: float
    elevation_m: float


def control_points(grid: StreetGrid) -> Iterator[ControlPoint]:
    """Yield the points row by row; each stands at the kerb of a crossing, off the water."""
    counts: dict[str, int] = {}
    for i, j in itertools.product(range(0, grid.rows + 1, 2), range(0, grid.columns + 1, 2)):
        order = next(order for order in _ORDERS if i % order.every == 0 and j % order.every == 0)
        rng = rng_at(grid.relief.seed, _SUBJECT_CONTROL, i, j)
        kerb = (half_width_m(j) - _KERB_M, half_width_m(i) - _KERB_M)
        e, n = (round(float(c + k), 3) for c, k in zip(grid.junctions[i, j], kerb, strict=True))
        if float(grid.relief.river_distance_m(e, n)) < WATER_HALF_WIDTH_M + _CLEAR_OF_WATER_M:
            continue
        number = counts[order.letter] = counts.get(order.letter, 0) + 1
        yield ControlPoint(
            point_id=f"{order.letter}{number:05d}",
            name=_crossing(grid, i, j),
            grade=order.grade,
            elevation_grade=order.elevation_grade,
            mark=order.mark,
            established_on=dt.date(order.first_year, 1, 1) + dt.timedelta(days=int(rng.integers(0, 1400))),
            state=_state(float(rng.random())),
            e=e,
            n=n,
            elevation_m=round(float(grid.relief.ground_m(e, n)) + float(rng.uniform(0.005, 0.06)), 3),
        )


def _crossing(grid: StreetGrid, i: int, j: int) -> str:
    across, along = min(i, grid.rows - 1), min(j, grid.columns - 1)
    return f"{grid.horizontal_name(i, along)}{grid.vertical_name(across, j)}口"


def _state(draw: float) -> str:
    if draw < _LOST_SHARE:
        return "丢失"
    return "损坏" if draw < _LOST_SHARE + _DAMAGED_SHARE else "完好"
