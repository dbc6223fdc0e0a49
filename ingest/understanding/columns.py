"""Which column feeds which field, each with how sure that is: by its name, and by what its values are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ingest.convert import convert
from ingest.crosswalks import perhaps_of
from ingest.mapping import match_columns
from ingest.names import normalised
from ingest.sections import is_section_field, split_sections
from ingest.understanding.evidence import Evidence
from ingest.understanding.sample import Cell, ColumnSample, LayerSample
from ingest.units import factor, unit_of_header
from twin.errors import Text
from twin.featuretypes.validity import validity_fields
from twin.model import FeatureType, Field

_NAME, _TITLE, _ALIAS, _CUT = 1.0, 0.97, 0.93, 0.75
_UNSEEN = 0.9
"""What is left of a name's word where no value confirms it."""
_BY_NAME_ALONE = 0.3
"""How much of a name's word stays when no value fits the field."""
_HITS, _BY_CODES = 0.8, 0.5
_LEAST_CODES = 3


def column_evidence(
    columns: Sequence[str], feature_type: FeatureType, sample: LayerSample | None
) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """Return for each column that a field takes that field, and apart the columns whose values alone look like a free field's."""
    mapping = match_columns(columns, feature_type, {}).columns
    fields = {f.name: f for f in (*validity_fields(), *feature_type.fields)}
    taken = tuple(
        _taken(column, fields[name], None if sample is None else sample.column(column), is_section=is_section_field(feature_type, name))
        for column, name in mapping.items()
    )
    free = [f for f in feature_type.fields if f.name not in mapping.values()]
    return taken, () if sample is None else tuple(_by_codes(sample, set(mapping), free))


def fit(values: Sequence[Cell], field: Field, unit: str | None = None, column: str = "") -> tuple[float, Text]:
    """Return which part of the cells that hold anything are values of ``field``, and of what kind that is; 1 without any.

    Codes may be of any classification that a column of that name has.
    """
    filled = [v for v in values if v is not None and v != ""]
    if not filled:
        return 1.0, Text("没有值", "no values")
    converted = convert(_array(filled), field, column)
    good = ~converted.bad
    if field.type == "code":
        for other in perhaps_of(field, column):
            good |= ~convert(_array(filled), field, column, other).bad
        share = float(np.mean(good))
        return share, Text(f"{share:.0%} 的值在代码表中", f"{share:.0%} of the values are codes of its list")
    if field.type in ("number", "integer"):
        numbers = converted.values.to_numpy(zero_copy_only=False).astype(np.float64) * (factor(unit, field) or 1.0 if unit else 1.0)
        low, high = field.minimum, field.maximum
        good &= (numbers >= (-np.inf if low is None else low)) & (numbers <= (np.inf if high is None else high))
        share = float(np.mean(good))
        return share, Text(f"{share:.0%} 的值为范围内的数", f"{share:.0%} of the values are numbers in its range")
    share = float(np.mean(good))
    return share, Text(f"{share:.0%} 的值类型相符", f"{share:.0%} of the values are of its type")


def _taken(column: str, field: Field, sample: ColumnSample | None, *, is_section: bool) -> Evidence:
    word, text = _by_name(column, field)
    if sample is None or not sample.filled:
        return Evidence("column", field.name, round(word * _UNSEEN, 2), text, column)
    share, values = _sections(sample) if is_section else fit(sample.values, field, unit_of_header(column), column)
    confidence = word * (_BY_NAME_ALONE + (1 - _BY_NAME_ALONE) * share)
    return Evidence("column", field.name, round(confidence, 2), Text(f"{text.zh}；{values.zh}", f"{text.en}; {values.en}"), column)


def _sections(sample: ColumnSample) -> tuple[float, Text]:
    """Return which part of the cells are sizes of pipes: a diameter, or width × height."""
    diameter, _, _ = split_sections(pa.array([str(v) for v in sample.filled], pa.string()))
    good = float(np.mean(~diameter.bad))
    return good, Text(f"{good:.0%} 的值为管径或断面", f"{good:.0%} of the values are sizes of pipes")


def _by_name(column: str, field: Field) -> tuple[float, Text]:
    plain = normalised(column)
    if plain == normalised(field.name):
        return _NAME, Text("字段名相同", "the field's name")
    if plain in (normalised(field.title.zh), normalised(field.title.en)):
        return _TITLE, Text("字段标题相同", "the field's title")
    if any(plain == normalised(a) for a in field.aliases):
        return _ALIAS, Text("字段别名", "an alias of the field")
    return _CUT, Text("字段名被截断", "the field's name, cut off")


def _by_codes(sample: LayerSample, taken: set[str], free: Sequence[Field]) -> Iterator[Evidence]:
    """Yield columns nobody's name fits whose texts are codes of a free field; numbers are codes of too many lists to say anything."""
    coded = [f for f in free if f.codelist is not None and len(f.codelist.codes) >= _LEAST_CODES]
    for column in sample.columns:
        texts = {str(v) for v in column.filled if not str(v).replace(".", "").isdigit()}
        if column.name in taken or len(texts) < 2:
            continue
        shares: Mapping[str, float] = {f.name: fit(sorted(texts), f)[0] for f in coded}
        best = max(shares, key=lambda name: shares[name], default=None)
        if best is not None and shares[best] >= _HITS:
            zh, en = (
                f"列名不相符，但 {shares[best]:.0%} 的值在代码表中",
                f"not by its name, but {shares[best]:.0%} of its values are codes of the field",
            )
            yield Evidence("column", best, round(_BY_CODES * shares[best], 2), Text(zh, en), column.name)


def _array(values: Sequence[Cell]) -> pa.Array:
    try:
        return pa.array(list(values))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([str(v) for v in values], pa.string())
