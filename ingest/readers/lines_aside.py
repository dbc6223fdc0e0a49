"""Lines between the rows of a table that are none: its header printed again on every page, totals, who made it and who checked it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twin.errors import Text

_BEGINS = re.compile(
    r"[合总小共累]\s*计"
    r"|(?:制表|填表|制图|绘图|测量|作业|计算|校核|校对|复核|检查|审核|审定|批准)(?:人|者|员|单位)?\s*[:：].*",
    re.DOTALL,
)
_MOST_FILLED = 0.5
"""A line that is not of the data fills no more of the columns."""
_SHOWN = 8


def lines_aside(rows: Sequence[Sequence[object]], first: int, header_lines: frozenset[tuple[str, ...]], columns: int) -> list[int]:
    """Return which rows from ``first`` on are the header (or a title above it) once more, or begin as totals and signatures do.

    Of these ``columns`` lines of the latter kind fill few.
    """
    headers_begin = frozenset(_first_text(line) for line in header_lines)
    return [
        index
        for index, row in enumerate(rows)
        # of most rows the first text tells enough
        if index >= first
        and ((begin := _first_text(row)) in headers_begin or _BEGINS.fullmatch(begin))
        and _is_aside(plain_line(row), begin, header_lines, columns)
    ]


def _is_aside(line: tuple[str, ...], begin: str, header_lines: frozenset[tuple[str, ...]], columns: int) -> bool:
    is_short = sum(map(bool, line)) <= max(1, _MOST_FILLED * columns)
    return line in header_lines or (is_short and _BEGINS.fullmatch(begin) is not None)


def _first_text(row: Sequence[object]) -> str:
    return next((text for cell in row if cell is not None and (text := str(cell).strip())), "")


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
