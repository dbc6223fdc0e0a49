"""Whether a value is one a parameter can take: types, ranges, tables."""

from __future__ import annotations

import math

from twin.rules.rule import Parameter, ParameterValue


def frozen(value: object) -> ParameterValue:
    """Return a value of a YAML document with its lists, however deep, as tuples."""
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


def thawed(value: ParameterValue) -> object:
    """Return what `frozen` froze as a document has it."""
    return [thawed(item) for item in value] if isinstance(value, tuple) else value


def fault_of(parameter: Parameter, value: ParameterValue) -> str | None:
    """Return why ``value`` is none this parameter can take, None when it is one."""
    if not _fits(parameter, value):
        return f"{thawed(value)!r} is not a value of type {parameter.type}"
    if parameter.choices and value not in parameter.choices:
        return f"{value!r} is none of {', '.join(parameter.choices)}"
    for number in _numbers(value):
        if parameter.minimum is not None and number < parameter.minimum:
            return f"{number:g} is below {parameter.minimum:g}"
        if parameter.maximum is not None and number > parameter.maximum:
            return f"{number:g} is above {parameter.maximum:g}"
    return None


def _fits(parameter: Parameter, value: ParameterValue) -> bool:
    match parameter.type:
        case "number":
            return _is_number(value)
        case "integer":
            return _is_number(value) and isinstance(value, int)
        case "boolean":
            return isinstance(value, bool)
        case "text" | "field":
            return isinstance(value, str)
        case "texts" | "fields":
            return isinstance(value, tuple) and len(value) > 0 and all(isinstance(item, str) for item in value)
        case "numbers":
            return isinstance(value, tuple) and len(value) > 0 and all(map(_is_number, value))
        case "table":
            return isinstance(value, tuple) and len(value) > 0 and all(map(_is_row, value)) and _is_like(parameter.default, value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_row(row: object) -> bool:
    return isinstance(row, tuple) and len(row) > 0 and all(item is None or isinstance(item, str | bool) or _is_number(item) for item in row)


def _is_like(default: ParameterValue, table: tuple[ParameterValue, ...]) -> bool:
    """Return whether every row has the columns of the default's rows, words where those have words and numbers where those have numbers."""
    if not isinstance(default, tuple):
        return True
    kinds = [{type(item) is str for item in column if item is not None} for column in zip(*map(_columns, default), strict=True)]
    rows = [_columns(row) for row in table]
    return all(len(row) == len(kinds) for row in rows) and all(
        item is None or not kind or (type(item) is str) in kind for row in rows for item, kind in zip(row, kinds, strict=True)
    )


def _columns(row: ParameterValue) -> tuple[ParameterValue, ...]:
    return row if isinstance(row, tuple) else ()


def _numbers(value: ParameterValue) -> list[float]:
    """Return the numbers a range holds for: the value itself or those of a list; the columns of a table have none in common."""
    items = value if isinstance(value, tuple) else (value,)
    return [float(item) for item in items if isinstance(item, int | float) and not isinstance(item, bool)]
