"""Lines between the rows of a table that are none: its header printed again on every page, totals, who made it and who checked it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twin.errors import Text

_SUMS = re.compile(r"[合总小共累]\s*计")
_SIGNED = re.compile(r"(?:制表|填表|制图|绘图|测量|作业|计算|校核|校对|复核|检查|审核|审定|批准)(?:人|者|员|单位)?\s*[:：].*", re.DOTALL)
_MOST_FILLED = 0.5
"""A line that is not of the data fills no more of the columns."""
_SHOWN = 8


def is_aside(row: Sequence[object], header_lines: frozenset[tuple[str, ...]], columns: int) -> bool:
    """Return whether a line is the header (or a title above it) once more, or begins as totals and signatures do.

    Of these ``columns`` lines of the latter kind fill few.
    """
    texts = plain_line(row)
    filled = [t for t in texts if t]
    if not filled:
        return False
    if texts in header_lines:
        return True
    begins = _SUMS.fullmatch(filled[0]) or _SIGNED.fullmatch(filled[0])
    return begins is not None and len(filled) <= max(1, _MOST_FILLED * columns)


def plain_line(row: Sequence[object]) -> tuple[str, ...]:
    """Return the texts of a line up to the last cell that has any."""
    texts = ["" if c is None else str(c).strip() for c in row]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def aside_note(numbers: Sequence[int]) -> Text:
    """Return what the surveyor is told of lines that were passed over, by their numbers in the sheet."""
    shown = [str(n) for n in numbers[:_SHOWN]]
    zh, en = "、".join(shown), ", ".join(shown)
    if len(numbers) > _SHOWN:
        zh, en = f"{zh} 等 {len(numbers)} 行", f"{en} and others, {len(numbers)} in all"
    else:
        zh = f"{zh} 行"
    return Text(zh=f"第 {zh}是重复的表头、合计或签名，不作为数据", en=f"rows {en} are the header again, totals or signatures: no data")
