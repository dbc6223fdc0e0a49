"""Attribute rules: type, code, required, range, length, order of dates, what is still to come. Pure and column-wise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.checks.proposals import proposer
from ingest.checks.rules import Severities
from ingest.crosswalks import crosswalks_of
from twin.errors import Text
from twin.model import Code, FeatureType, Field, Finding, Severity

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_SHOWN = 60
_KINDS: Mapping[str, Text] = {
    "number": Text("数值", "a number"),
    "integer": Text("整数", "a whole number"),
    "boolean": Text("“是”或“否”", "yes or no"),
    "date": Text("日期", "a date"),
    "datetime": Text("时间", "a moment in time"),
    "string": Text("可用的文字", "a usable text"),
}
"""What the values of a type are called by people."""
_VALUE = "{value}"


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field's column with the source values it came from: ``bad`` marks those that could not be taken."""

    field: Field
    values: pa.Array
    bad: Mask
    source: pa.Array | None
    voids: int = 0
    """How many values of the source were numbers that say there is none (``no_value`` of the field)."""
    name: str = ""
    """The column of the source, as it stands there; empty where none feeds the field."""
    classification: str | None = None
    """Of which classification its codes are, where that was found out."""

    @property
    def named(self) -> Text:
        """What a message calls the field: by the source's column, which is what a person mends, and by our name where that differs."""
        column = " ".join(self.name.split())
        column = column if len(column) <= _SHOWN else column[:_SHOWN] + "…"
        title, own = self.field.title.zh, self.field.name
        zh = title if column in ("", title) else f"{column}（{title}）"
        return Text(zh=zh, en=own if column in ("", own) else f"{column} ({own})")


@dataclass(frozen=True, slots=True)
class _Fault:
    """A rule that some values of a column break, and what to say of each: ``{value}`` stands for what the source has there."""

    rule: str
    which: Mask
    text: Text
    propose: Callable[[str], Code | None] = lambda _: None


def check_values(
    rows: Rows, columns: Mapping[str, FieldValues], feature_type: FeatureType, layer: str, today: dt.date
) -> Iterator[Finding]:
    """Yield what is wrong with the values, per field in order; what lies after ``today`` has not happened."""
    severities = Severities.of(feature_type)
    for column in columns.values():
        if column.voids:
            numbers = ", ".join(f"{number:g}" for number in column.field.no_value)
            note = _text(column, f"{column.voids} 个值（{numbers}）按无值处理", f"{column.voids} values ({numbers}) count as none")
            yield Finding("no-value", Severity.INFO, None, note, layer)
        for fault in (*_faults(column), *_of_the_future(column, severities, today)):
            severity = severities.of_rule(fault.rule, column.field.name)
            for index in np.flatnonzero(fault.which):
                finding = _finding(fault, severity, _source_value(column, int(index)), int(rows[index]), layer)
                yield replace(finding, field=column.field.name)
    yield from _date_order(rows, columns, severities, layer)


def _finding(fault: _Fault, severity: Severity, value: str | None, row: int, layer: str) -> Finding:
    shown = "" if value is None else value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    zh, en = fault.text.zh.replace(_VALUE, shown), fault.text.en.replace(_VALUE, shown)
    code = None if value is None else fault.propose(value)
    if code is not None:
        zh, en = f"{zh}；是否为 {code.code}（{code.title.zh}）？", f"{en}; is it {code.code} ({code.title.en})?"
    return Finding(fault.rule, severity, row, Text(zh, en), layer, value=value, proposal=None if code is None else code.code)


def _faults(column: FieldValues) -> Iterator[_Fault]:
    field = column.field
    if column.bad.any():
        yield _conversion_fault(column)
    if field.required:
        yield _Fault("required", _missing(column.values) & ~column.bad, _text(column, "缺少必填值", "a value is required"))
    if column.values.null_count == len(column.values):
        return  # nothing is too large, too small or too long
    if field.minimum is not None or field.maximum is not None:
        low = "-∞" if field.minimum is None else f"{field.minimum:g}"
        high = "∞" if field.maximum is None else f"{field.maximum:g}"
        limits = f"{low}…{high} {field.unit or ''}".rstrip()
        text = _text(column, f"{_VALUE} 超出范围 {limits}", f"{_VALUE} is outside {limits}")
        yield _Fault("range", _outside(column.values, field), text)
    if field.max_length is not None and pa.types.is_string(column.values.type):
        longer = _mask(pc.fill_null(pc.greater(pc.utf8_length(column.values), field.max_length), False))
        said = _text(column, f"“{_VALUE}”长度超过 {field.max_length}", f"'{_VALUE}' is longer than {field.max_length} characters")
        yield _Fault("max-length", longer, said)


def _conversion_fault(column: FieldValues) -> _Fault:
    field = column.field
    if field.type != "code" or field.codelist is None:
        kind = _KINDS.get(field.type, Text(f"{field.type} 类型的值", f"a value of type {field.type}"))
        said = _text(column, f"“{_VALUE}”不是{kind.zh}", f"'{_VALUE}' is not {kind.en}")
        return _Fault("type", column.bad, said)
    name = field.codelist.id
    said = _text(column, f"“{_VALUE}”不在代码表 {name} 中", f"'{_VALUE}' is no code of {name}")
    return _Fault("code", column.bad, said, proposer(field.codelist, crosswalks_of(field.codelist, column.name, column.classification)))


def _of_the_future(column: FieldValues, severities: Severities, today: dt.date) -> Iterator[_Fault]:
    """Yield the values of a field under rule ``future-date`` that lie after today: days, moments, or numbers of years."""
    if column.field.name not in severities.fields("future-date"):
        return
    last = today + dt.timedelta(days=severities.number("future-date", "margin_days"))
    limit = pa.scalar(last.year) if pa.types.is_integer(column.values.type) else pa.scalar(last)
    values = column.values.cast(pa.date32()) if pa.types.is_temporal(column.values.type) else column.values
    later = _mask(pc.fill_null(pc.greater(values, limit), False))
    yield _Fault("future-date", later, _text(column, f"{_VALUE} 在今天之后", f"{_VALUE} is in the future"))


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
    begun, ended = columns["valid_from"].named, columns["valid_to"].named
    for index in np.flatnonzero(_mask(pc.fill_null(pc.greater_equal(start, end), False))):
        first, last = _day(start, index), _day(end, index)
        message = Text(zh=f"{ended.zh} {last} 不晚于{begun.zh} {first}", en=f"{ended.en} {last} is not after {begun.en} {first}")
        yield Finding("date-order", severities.of_rule("date-order"), int(rows[index]), message, layer, value=str(last), field="valid_to")


def _day(values: pa.Array, index: int) -> dt.date:
    day: dt.date = values[int(index)].as_py()
    return day


def _source_value(column: FieldValues, index: int) -> str | None:
    value = (column.values if column.source is None else column.source)[index].as_py()
    return None if value is None else str(value)


def _text(column: FieldValues, zh: str, en: str) -> Text:
    named = column.named
    return Text(zh=f"{named.zh}：{zh}", en=f"{named.en}: {en}")


def _mask(array: pa.Array) -> Mask:
    return array.to_numpy(zero_copy_only=False).astype(bool)
