"""Units of length that a column may be in, as its header writes them, and what turns its numbers into those of a field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from ingest.mapping import ColumnMapping
from ingest.refusals import rejected
from twin.model import FeatureType, Field

METRES: Mapping[str, float] = {"mm": 1e-3, "cm": 1e-2, "dm": 1e-1, "m": 1.0, "km": 1e3, "in": 0.0254, "ft": 0.3048}
_NAMES: Mapping[str, str] = {
    "毫米": "mm",
    "厘米": "cm",
    "分米": "dm",
    "米": "m",
    "千米": "km",
    "公里": "km",
    "英寸": "in",
    "英尺": "ft",
    "inch": "in",
    "feet": "ft",
}
_IN_BRACKETS = re.compile(r"[(\[{][^()\[\]{}]*?([a-z]+|[\u4e00-\u9fff]+)\s*[)\]}]\s*$")
_AT_END = re.compile(r"[_\s/](mm|cm|dm|km|ft|in)$")


def unit_of_header(column: str) -> str | None:
    """Return the unit of length that a column's name ends with, in brackets or after a separator; None when it names none.

    >>> unit_of_header("管径（cm）"), unit_of_header("depth_cm"), unit_of_header("备注")
    ('cm', 'cm', None)
    """
    text = unicodedata.normalize("NFKC", column).strip().casefold()
    found = _IN_BRACKETS.search(text) or _AT_END.search(text)
    if found is None:
        return None
    name = _NAMES.get(found[1], found[1])
    return name if name in METRES else None


def factor(unit: str, field: Field) -> float | None:
    """Return by what numbers in ``unit`` are multiplied to be in the unit of ``field``; None where that is no length."""
    if field.type != "number" or field.unit is None or field.unit not in METRES or unit not in METRES:
        return None
    return METRES[unit] / METRES[field.unit]


def factors_of(mapping: ColumnMapping, feature_type: FeatureType, given: Mapping[str, str]) -> dict[str, float]:
    """Return field → factor for the columns that are not in their field's unit: by what is ``given`` (column → unit), else by their names.

    What is given of a column of codes may be the classification they are of, and is no unit. RejectedError ``unit`` when something is
    given that a column's field cannot be in.
    """
    fields = {f.name: f for f in feature_type.fields}
    found: dict[str, float] = {}
    for column, name in mapping.columns.items():
        unit = given.get(column) or unit_of_header(column)
        if unit is None or name not in fields:
            continue
        by = factor(unit, fields[name])
        if by is None and column in given and not _is_classification(unit, fields[name]):
            raise rejected("unit", f"{column}: {name} cannot be in {unit!r}.", f"列“{column}”的单位不能是“{unit}”。")
        if by is not None and by != 1.0:
            found[name] = by
    return found


def _is_classification(text: str, field: Field) -> bool:
    return field.codelist is not None and text in {field.codelist.id, *(c.id for c in field.codelist.crosswalks)}
