"""The parameters of the list of jobs as values (18-062r2, 11.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ogc.parameters import EVERYWHERE, bad_parameter, page_limit, whole_number
from ogc.processes.job import STATES, JobFilter, State
from twin.query.written import written_day, written_instant

JOBS = EVERYWHERE | {"limit", "cursor", "type", "processID", "status", "datetime", "minDuration", "maxDuration"}
MOST_SECONDS = 10**9
"""Longest duration that jobs are asked for by."""


def job_filter(given: Mapping[str, str]) -> JobFilter:
    """Return which jobs are asked for; BadRequestError for a value that makes no sense."""
    if "type" in given and set(given["type"].split(",")) != {"process"}:
        raise bad_parameter("type")
    start, end = _interval(given.get("datetime"))
    before = whole_number(given["cursor"]) if "cursor" in given else None
    if "cursor" in given and before is None:
        raise bad_parameter("cursor")
    return JobFilter(
        processes=_listed(given, "processID"),
        states=[_state(text) for text in given["status"].split(",")] if "status" in given else (),
        created_from=start,
        created_to=end,
        least_duration_s=_seconds(given, "minDuration"),
        most_duration_s=_seconds(given, "maxDuration"),
        before=before,
        limit=page_limit(given.get("limit")),
    )


def _listed(given: Mapping[str, str], name: str) -> list[str]:
    return [part for part in given.get(name, "").split(",") if part]


def _state(text: str) -> State:
    for state in STATES:
        if state == text:
            return state
    raise bad_parameter("status")


def _seconds(given: Mapping[str, str], name: str) -> float | None:
    if name not in given:
        return None
    seconds = whole_number(given[name], MOST_SECONDS)
    if seconds is None:
        raise bad_parameter(name)
    return float(seconds)


def _interval(text: str | None) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return the first and the last moment of an RFC 3339 time or interval, None for an open end."""
    if text is None:
        return None, None
    ends = text.split("/")
    if len(ends) > 2 or set(ends) <= {"", ".."}:
        raise bad_parameter("datetime")
    first, last = (None if end in {"", ".."} else _time(end) for end in (ends[0], ends[-1]))
    if first is not None and last is not None and last < first:
        raise bad_parameter("datetime")
    return first, last


def _time(text: str) -> dt.datetime:
    time, day = written_instant(text), written_day(text)
    if time is None and day is not None:
        time = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    if time is None:
        raise bad_parameter("datetime")
    return time
