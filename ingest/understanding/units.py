"""In which unit a column of lengths is: as its header says, else by what its numbers would be in each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from ingest.understanding.evidence import Evidence
from ingest.understanding.sample import LayerSample, numbers
from ingest.units import METRES, factor, unit_of_header
from twin.errors import Text
from twin.model import FeatureType, Field

_USUAL_M: Mapping[str, tuple[float, float]] = {
    "outer_diameter_mm": (0.05, 3.5),
    "width_mm": (0.1, 6.0),
    "section_height_mm": (0.1, 6.0),
    "well_diameter_mm": (0.3, 3.0),
    "trunk_mm": (0.03, 1.5),
    "depth_m": (0.2, 15.0),
    "start_depth_m": (0.2, 15.0),
    "end_depth_m": (0.2, 15.0),
    "storey_height_m": (2.0, 12.0),
}
"""Within what the middle value of a real data set lies, in metres. Ours, from the surveys in the tests; wide on purpose."""
_TRIED = ("mm", "cm", "m")
_IN_HEADER, _AS_EXPECTED, _BY_VALUES = 0.95, 0.8, 0.7
_LEAST_VALUES = 5


def unit_evidence(sample: LayerSample, mapping: Mapping[str, str], feature_type: FeatureType) -> Iterator[Evidence]:
    """Yield the unit of every column that feeds a field of length and says or shows it."""
    for column, name in mapping.items():
        field = next((f for f in feature_type.fields if f.name == name), None)
        found = sample.column(column)
        if field is None or found is None or field.unit not in METRES or field.type != "number":
            continue
        header = unit_of_header(column)
        if header is not None and factor(header, field) is not None:
            yield Evidence("unit", header, _IN_HEADER, Text(f"列名注明单位 {header}", f"the column's name says {header}"), column, header)
            continue
        values = numbers(found.values)
        values = values[np.isfinite(values) & (values > 0)]
        if name in _USUAL_M and len(values) >= _LEAST_VALUES:
            evidence = _by_values(float(np.median(values)), field, _USUAL_M[name], column)
            if evidence is not None:
                yield evidence


def _by_values(middle: float, field: Field, usual_m: tuple[float, float], column: str) -> Evidence | None:
    own = field.unit or "m"
    low, high = usual_m
    if low <= middle * METRES[own] <= high:
        return Evidence("unit", own, _AS_EXPECTED, Text(f"中位数 {middle:g} {own} 合理", f"a median of {middle:g} {own} is usual"), column)
    fitting = [u for u in _TRIED if low <= middle * METRES[u] <= high]
    if not fitting:
        return None
    centre = math.log(math.sqrt(low * high))
    best = min(fitting, key=lambda u: abs(math.log(middle * METRES[u]) - centre))
    zh, en = f"中位数 {middle:g}：按 {own} 不合理，按 {best} 合理", f"a median of {middle:g} is unusual in {own} and usual in {best}"
    return Evidence("unit", best, round(_BY_VALUES - 0.2 * (len(fitting) - 1), 2), Text(zh, en), column, own)
