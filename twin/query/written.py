"""Numbers, days and times as requests write them, read strictly.

Python alone takes underscores and digits of every script for numbers, and weeks, commas and times without an offset for dates: who writes
so has made a mistake, and is told.
"""

from __future__ import annotations

import datetime as dt
import math
import re

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})")


def written_number(text: str) -> float | None:
    """Return the decimal number that a text is, None where it is none or not finite as a double."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def written_numbers(text: str) -> tuple[float, ...]:
    """Return the decimal numbers between the commas of a text, spaces around them left aside; none at all where one is no number."""
    numbers = [written_number(part.strip(" ")) for part in text.split(",")]
    found = tuple(number for number in numbers if number is not None)
    return found if len(found) == len(numbers) else ()


def written_day(text: str) -> dt.date | None:
    """Return the day that a text is (RFC 3339 ``full-date``), None where it is none of the years 1 to 9999."""
    try:
        return dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def written_instant(text: str) -> dt.datetime | None:
    """Return the time that a text is (RFC 3339 ``date-time``, whose seconds may be missing), in its own offset; None where it is none."""
    capital = text.upper()
    try:
        return dt.datetime.fromisoformat(capital) if _INSTANT.fullmatch(capital) else None
    except ValueError:
        return None
