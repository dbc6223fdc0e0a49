"""Values as a source writes them → values of a field's type, column-wise; each value that cannot be taken is marked.

Text is converted once per distinct value. Numbers may carry a unit or thousands commas; dates come as ISO, 2019年5月, 20190501,
2019.5 or as a spreadsheet's serial day. Where only year or month is given, the first day of it is meant.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.crosswalks import code_spellings
from ingest.names import spelled
from ingest.protocol import arrow_type
from twin.model import Field, Scalar

_NUMBER = re.compile(r"([+-]?(?:\d+(?:,\d{3})*|\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?")
_UNITS: Mapping[str, frozenset[str]] = {
    "m": frozenset({"m", "米"}),
    "mm": frozenset({"mm", "毫米"}),
    "kV": frozenset({"kv", "千伏"}),
    "%": frozenset({"%"}),
    "deg": frozenset({"°", "度", "deg"}),
    "m2": frozenset({"m2", "㎡", "平方米"}),
    "s": frozenset({"s", "秒"}),
    "/m2": frozenset({"/m2", "点/m2", "点/㎡", "点/平方米"}),
}
_COUNTERS = frozenset({"层", "年", "条", "孔", "根", "f"})
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2}))?\s*[日月]?(?:[T\s]\d{1,2}:\d{2}.*)?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})?(\d{2})?年?")
_TRUE, _FALSE = frozenset({"true", "t", "yes", "y", "1", "是", "有"}), frozenset({"false", "f", "no", "n", "0", "否", "无"})
_FIRST_YEAR, _LAST_YEAR = 1000, 9999
_SERIAL_DAY_ZERO = dt.date(1899, 12, 30)
_SERIAL_DIGITS = 5
"""As many as the days of `_SERIAL_DAYS` have."""
_SERIAL_DAYS = range(20_000, 80_000)
"""From 1954 to 2119."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A column in its field's Arrow type; ``bad`` marks source values that could not be taken (null in ``values``)."""

    values: pa.Array
    bad: npt.NDArray[np.bool_]


def convert(array: pa.Array, field: Field, column: str = "", classification: str | None = None) -> Converted:
    """Return ``array`` in the type of ``field``. Empty text counts as no value, except in a plain string field.

    ``column`` is what the source calls it: by its name the codes of some are known to be of another classification, and by
    ``classification`` those of a column where that was found out (`ingest.crosswalks.code_spellings`).
    """
    target = arrow_type(field.type)
    if isinstance(array.type, pa.JsonType):
        array = _as_said(array.storage)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if field.type == "string":
        return _to_string(array)
    if array.type.equals(target) and field.type not in ("code", "number") and not _are_dates_for_years(array, field):
        return Converted(array, np.zeros(len(array), dtype=bool))
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    direct = _direct(array, field, target)
    return direct if direct is not None else _by_distinct_value(array, field, target, column, classification)


def _as_said(texts: pa.Array) -> pa.Array:
    """Return JSON as a person reads it: texts without their quotes."""
    quoted = pc.starts_with(texts, '"')
    if not pc.any(quoted).as_py():
        return texts
    said = [orjson.loads(text) if is_text else text for text, is_text in zip(texts.to_pylist(), quoted.to_pylist(), strict=True)]
    return pa.array(said, pa.string())


def _direct(array: pa.Array, field: Field, target: pa.DataType) -> Converted | None:
    """Return the conversion that Arrow does itself, None where values have to be looked at."""
    if pa.types.is_null(array.type):
        return Converted(pa.nulls(len(array), target), np.zeros(len(array), dtype=bool))
    number_to_number = field.type in ("integer", "number") and (pa.types.is_integer(array.type) or pa.types.is_floating(array.type))
    if number_to_number and _are_dates_for_years(array, field):
        return None
    if number_to_number or (pa.types.is_temporal(array.type) and field.type in ("date", "datetime")):
        try:
            return Converted(array.cast(target, safe=field.type == "integer"), np.zeros(len(array), dtype=bool))
        except pa.ArrowInvalid:
            return None
    return None


def _is_of_years(field: Field) -> bool:
    """Return whether a field holds years: whole numbers of four digits."""
    return field.type == "integer" and (field.minimum or 0) >= _FIRST_YEAR and (field.maximum or np.inf) <= _LAST_YEAR


def _are_dates_for_years(array: pa.Array, field: Field) -> bool:
    """Return whether numbers for a field of years are too large for that, as 20150630 and a spreadsheet's serial days are."""
    return _is_of_years(field) and (pc.max(array).as_py() or 0) > _LAST_YEAR


def _to_string(array: pa.Array) -> Converted:
    text = plain_text(array)
    bad = pc.fill_null(pc.match_substring(text, "\0"), False).to_numpy(zero_copy_only=False).astype(bool)
    return Converted(pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), text) if bad.any() else text, bad)


def plain_text(array: pa.Array) -> pa.Array:
    """Return values as text as a person would write them: 3.0 as "3", dates as ISO."""
    if pa.types.is_string(array.type):
        return array
    if (
        pa.types.is_large_string(array.type)
        or pa.types.is_integer(array.type)
        or pa.types.is_null(array.type)
        or pa.types.is_date(array.type)
    ):
        return array.cast(pa.string())
    if pa.types.is_floating(array.type):
        return pa.array([None if v is None else _number_text(v) for v in array.to_pylist()], pa.string())
    return pa.array([None if v is None else _scalar_text(v) for v in array.to_pylist()], pa.string())


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _scalar_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _by_distinct_value(array: pa.Array, field: Field, target: pa.DataType, column: str, classification: str | None) -> Converted:
    distinct = array.dictionary_encode()
    values_once = distinct.dictionary.to_pylist()
    take = _taker(field, column, classification, has_years=_is_of_years(field) and any(map(_is_plain_year, values_once)))
    results: list[Scalar] = []
    failed: list[bool] = []
    for value in values_once:
        try:
            results.append(None if _is_blank(value) else take(value))
            failed.append(False)
        except (ValueError, OverflowError):
            results.append(None)
            failed.append(True)
    indices = distinct.indices
    values = pa.array(results, target).take(indices)
    bad = pc.fill_null(pa.array(failed, pa.bool_()).take(indices), False).to_numpy(zero_copy_only=False)
    return Converted(values, bad.astype(bool))


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _taker(field: Field, column: str, classification: str | None, *, has_years: bool) -> Callable[[object], Scalar]:
    match field.type:
        case "number":
            return lambda value: number(value, field.unit)
        case "integer":
            return partial(year, is_day=not has_years) if _is_of_years(field) else integer
        case "boolean":
            return boolean
        case "date":
            return date
        case "datetime":
            return datetime
        case _:
            spellings = code_spellings(field.codelist, column, classification) if field.codelist else {}
            return lambda value: _code(value, spellings)


def number(value: object, unit: str | None = None) -> float:
    """Return a number, read out of text with a thousands comma or its own unit if need be; ValueError when it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        result = float(value)
    else:
        match = _NUMBER.fullmatch(unicodedata.normalize("NFKC", str(value)).strip())
        if match is None or not match[1].strip("+-."):
            raise ValueError(value)
        known = _UNITS.get(unit or "", frozenset()) | _COUNTERS
        if match[2] and match[2].strip().casefold() not in known:
            raise ValueError(value)
        result = float(match[1].replace(",", ""))
    if not np.isfinite(result):
        raise ValueError(value)
    return result


def integer(value: object) -> int:
    """Return a whole number; a date gives its year ("2019年5月", where a survey's year column holds dates)."""
    if isinstance(value, dt.date):
        return value.year
    try:
        result = number(value)
    except ValueError:
        return date(value).year
    if not result.is_integer() or abs(result) > 2**53:
        raise ValueError(value)
    return int(result)


def _is_plain_year(value: object) -> bool:
    text = _number_text(value) if isinstance(value, float) else str(value).strip()
    return len(text) == len(str(_LAST_YEAR)) and text.isdecimal()


def year(value: object, *, is_day: bool = True) -> int:
    """Return a year, also out of a date written as one number (20150630, or a spreadsheet's serial day where the column has days)."""
    result = integer(value)
    if result in _SERIAL_DAYS and not is_day:
        return result  # among years 20190 is one mistyped, not a day of 1955
    try:
        return date(result).year if result > _LAST_YEAR else result
    except ValueError:
        return result


def boolean(value: object) -> bool:
    """Return a truth value; ValueError when it is none."""
    text = spelled(_number_text(value) if isinstance(value, float) else str(value))
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(value)


def date(value: object) -> dt.date:
    """Return a day; ValueError when it is none."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, int | float) and _SERIAL_DAYS.start <= value < _SERIAL_DAYS.stop:
        return _SERIAL_DAY_ZERO + dt.timedelta(days=int(value))
    text = unicodedata.normalize("NFKC", _number_text(value) if isinstance(value, float) else str(value)).strip()
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    if match is None:
        if text.isdecimal() and len(text) == _SERIAL_DIGITS and int(text) in _SERIAL_DAYS:  # beside texts a sheet's numbers are texts
            return _SERIAL_DAY_ZERO + dt.timedelta(days=int(text))
        raise ValueError(value)
    year, month, day = (int(g) if g else 1 for g in match.groups())
    return dt.date(year, month, day)


def datetime(value: object) -> dt.datetime:
    """Return a moment, UTC where no zone is given; ValueError when it is none."""
    if isinstance(value, dt.datetime):
        moment = value
    else:
        try:
            moment = dt.datetime.fromisoformat(str(value).strip())
        except ValueError:
            moment = dt.datetime.combine(date(value), dt.time())
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _code(value: object, spellings: Mapping[str, str]) -> str:
    text = spelled(_number_text(value) if isinstance(value, float) else str(value))
    code = spellings.get(text)
    if code is None:
        raise ValueError(value)
    return code
