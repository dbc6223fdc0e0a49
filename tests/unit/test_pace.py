"""Progress tells a rate and the time that is left, once it can."""

from __future__ import annotations

from twin.server.pace import Pace


def test_rate_and_time_left_are_told_once_there_is_something_to_tell_from() -> None:
    pace = Pace()
    assert pace.line("buildings", 0, 10_000, 5.0) == "buildings  0 / 10,000"
    assert pace.line("buildings", 0, 10_000, 7.0) == "buildings  0 / 10,000"
    assert pace.line("buildings", 2_000, 10_000, 7.0) == "buildings  2,000 / 10,000  1,000/s  ETA 0:08"
    assert pace.line("rows", 10, None, 8.0) == "rows  10"
    assert pace.line("rows", 600_010, None, 68.0) == "rows  600,010  10,000/s"


def test_a_count_that_falls_back_begins_anew() -> None:
    pace = Pace()
    pace.line("x", 0, 100, 0.0)
    pace.line("x", 90, 100, 10.0)
    assert pace.line("x", 10, 1_000, 20.0) == "x  10 / 1,000"
    assert pace.line("x", 20, 1_000, 21.0) == "x  20 / 1,000  10/s  ETA 1:38"
