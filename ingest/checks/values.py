"""Attribute rules: type, code, required, range, length, order of dates. Pure and column-wise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.checks.rules import Severities
from twin.errors import Text
from twin.model import FeatureType, Field, Finding, Severity

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field's column with the source values it came from: ``bad`` marks those that could not be taken."""

    field: Field
    values: pa.Array
    bad: Mask
    source: pa.Array | None
    voids: int = 0
    """How many values of the source were numbers that say there is none (``no_value`` of the field)."""


def check_values(rows: Rows, columns: Mapping[str, FieldValues], feature_type: FeatureType, layer: str) -> Iterator[Finding]:
    """Yield what is wrong with the values, per field in order."""
    severities = Severities.of(feature_type)
    for column in columns.values():
        if column.voids:
            numbers = ", ".join(f"{number:g}" for number in column.field.no_value)
            note = _text(column.field, f"{column.voids} 个值({numbers})按无值处理", f"{column.voids} values ({numbers}) count as none")
            yield Finding("no-value", Severity.INFO, None, note, layer)
        for rule, mask, text in _faults(column):
            for index in np.flatnonzero(mask):
                value = _source_value(column, int(index))
                message = Text(zh=text.zh.format(value=value), en=text.en.format(value=value))
                yield Finding(rule, severities.of_rule(rule, column.field.name), int(rows[index]), message, layer)
    yield from _date_order(rows, columns, severities, layer)


def _faults(column: FieldValues) -> Iterator[tuple[str, Mask, Text]]:
    field = column.field
    if column.bad.any():
        yield _conversion_rule(field, column.bad)
    if field.required:
        yield "required", _missing(column.values) & ~column.bad, _text(field, "缺少必填值", "a value is required")
    if field.minimum is not None or field.maximum is not None:
        low = "-∞" if field.minimum is None else f"{field.minimum:g}"
        high = "∞" if field.maximum is None else f"{field.maximum:g}"
        text = _text(field, f"{{value}} 超出范围 {low}…{high}", f"{{value}} is outside {low}…{high}")
        yield "range", _outside(column.values, field), text
    if field.max_length is not None and pa.types.is_string(column.values.type):
        longer = pc.fill_null(pc.greater(pc.utf8_length(column.values), field.max_length), False)
        yield "max-length", _mask(longer), _text(field, f"长度超过 {field.max_length}", f"longer than {field.max_length} characters")


def _conversion_rule(field: Field, bad: Mask) -> tuple[str, Mask, Text]:
    if field.type == "code":
        name = field.codelist.id if field.codelist else field.name
        return "code", bad, _text(field, f"“{{value}}”不在代码表 {name} 中", f"{{value!r}} is no code of {name}")
    return "type", bad, _text(field, f"“{{value}}”不是 {field.type} 类型的值", f"{{value!r}} is not a value of type {field.type}")


def _missing(values: pa.Array) -> Mask:
    if pa.types.is_string(values.type):
        return _mask(pc.fill_null(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(values)), 0), True))
    return _mask(pc.is_null(values))


def _outside(values: pa.Array, field: Field) -> Mask:
    outside = np.zeros(len(values), dtype=bool)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return outside
    if field.minimum is not None:
        outside |= _mask(pc.fill_null(pc.less(values, field.minimum), False))
    if field.maximum is not None:
        outside |= _mask(pc.fill_null(pc.greater(values, field.maximum), False))
    return outside


def _date_order(rows: Rows, columns: Mapping[str, FieldValues], severities: Severities, layer: str) -> Iterator[Finding]:
    start, end = columns["valid_from"].values, columns["valid_to"].values
    for index in np.flatnonzero(_mask(pc.fill_null(pc.greater_equal(start, end), False))):
        first, last = _day(start, index), _day(end, index)
        message = Text(zh=f"停用日期 {last} 不晚于启用日期 {first}", en=f"valid_to {last} is not after valid_from {first}")
        yield Finding("date-order", severities.of_rule("date-order"), int(rows[index]), message, layer)


def _day(values: pa.Array, index: int) -> dt.date:
    day: dt.date = values[int(index)].as_py()
    return day


def _source_value(column: FieldValues, index: int) -> str:
    array = column.values if column.source is None else column.source
    text = str(array[index].as_py())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _text(field: Field, zh: str, en: str) -> Text:
    return Text(zh=f"{field.title.zh}:{zh}", en=f"{field.name}: {en}")


def _mask(array: pa.Array) -> Mask:
    return array.to_numpy(zero_copy_only=False).astype(bool)
