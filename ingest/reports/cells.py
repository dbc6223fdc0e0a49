"""Values of a file as cells of a table that somebody opens in a spreadsheet: nothing in them is a formula or breaks the workbook."""

from __future__ import annotations

import re
import unicodedata

from ingest.protocol import CellValue

_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_HARMLESS = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?|[+＋－-]")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 32_000
"""A cell of a workbook holds 32,767 characters."""


def defused(value: CellValue) -> CellValue:
    """Return a value that no spreadsheet takes for a formula: an apostrophe before = + - @ (full width too), tab and line ends.

    So too where blanks or characters that are not seen (a byte order mark, a zero-width space) stand before them. Plain numbers
    keep their sign, and a sign alone (the direction of a flow) stays what it is.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = _NOT_IN_XML.sub("\ufffd", value[:_LONGEST])
    is_formula = text.startswith(_FORMULA_STARTS) or _first_seen(text) in _FORMULA_STARTS
    return f"'{text}" if is_formula and not _HARMLESS.fullmatch(text.strip(" ")) else text


def _first_seen(text: str) -> str:
    return next((c for c in text if not (c.isspace() or unicodedata.category(c) == "Cf")), "")
