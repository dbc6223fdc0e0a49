"""Values of features as Esri's JSON has them: dates and times are milliseconds since 1970, booleans 0 and 1."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType

from twin.model import FieldType

_EPOCH = dt.date(1970, 1, 1)
_MS_A_DAY = 86_400_000


def writer(kind: FieldType | None) -> Callable[[object], object] | None:
    """Return what writes a value of a field of this type otherwise than JSON does; None where nothing is to be done."""
    return None if kind is None else _WRITERS.get(kind)


def _day_ms(value: object) -> object:
    try:
        return (dt.date.fromisoformat(str(value)) - _EPOCH).days * _MS_A_DAY
    except ValueError:  # PostgreSQL's days before year 1, or beyond 9999
        return value


def _time_ms(value: object) -> object:
    try:
        time = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return value
    return round(time.timestamp() * 1000)


_WRITERS: Mapping[FieldType, Callable[[object], object]] = MappingProxyType(
    {"date": _day_ms, "datetime": _time_ms, "boolean": lambda value: 1 if value else 0}
)
