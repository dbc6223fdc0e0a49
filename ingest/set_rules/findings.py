"""What rules over whole submissions say: findings about staged rows, surveyed points and lines, and the words they are said in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.network import Ends
from ingest.set_rules.survey import Lines, Points
from ingest.tally import ROWS_A_SOURCE
from twin.errors import Text
from twin.model import Finding


def has_fields(context: SetContext, *names: str) -> bool:
    """Return whether the FeatureType of the part has all these fields: a deployment's own may lack some, then there is nothing to judge."""
    return set(names) <= set(context.feature_type.field_names)


def row_in_source(number: int) -> int:
    """Return the number a row has in its own source."""
    return number % ROWS_A_SOURCE


def finding(check: SetCheck, row: tuple[Any, ...], message: Text, value: object = None) -> Finding:
    """Return a finding about a row that a query gave as (row, natural key, x, y, …)."""
    number, key, x, y = row[:4]
    place = None if x is None or y is None else (float(x), float(y))
    return Finding(check.rule.id, check.severity, number, message, key=key, place=place, value=None if value is None else str(value))


def finding_at(
    check: SetCheck, rows: Points | Lines, index: int, message: Text, value: object = None, place: tuple[float, float] | None = None
) -> Finding:
    """Return a finding about a point or a line, where it is (a line: where it starts) or at ``place``."""
    row = (int(rows.row[index]), rows.key[int(index)].as_py(), *(place or rows.place(index)))
    return finding(check, row, message, value)


def finding_at_end(check: SetCheck, ends: Ends, end: int, message: Text, value: object) -> Finding:
    """Return a finding about a line where one of its ends is."""
    return finding_at(check, ends.network.lines, int(ends.line[end]), message, value, ends.place(end))


def size_texts(lines: Lines, which: Iterable[int]) -> list[str]:
    """Return the sizes of some lines as they are written: diameter, or width X height, in mm."""
    round_mm, width_mm, height_mm = lines.outer_diameter_mm, lines.width_mm, lines.section_height_mm
    given = ((width_mm[k], height_mm[k]) if np.isnan(round_mm[k]) else (round_mm[k],) for k in which)
    return ["X".join(np.format_float_positional(mm, trim="-") for mm in of_line if not np.isnan(mm)) for of_line in given]


def title_of_code(context: SetContext, field: str, code: str) -> Text:
    """Return what a code of a field of the part is called, the code itself where no list says so."""
    codelist = context.feature_type.field(field).codelist if field in context.feature_type.field_names else None
    known = codelist.by_code().get(code) if codelist else None
    return known.title if known else Text(code, code)
