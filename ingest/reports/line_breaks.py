"""Where lines of Chinese may end: between any two characters, but none begins with what closes nor ends with what opens (GB/T 15834)."""

from __future__ import annotations

import re
from collections.abc import Callable

_OPENS = "（［【《〈“‘「『([{"
_CLOSES = "）］】》〉”’」』)]}、，。；：？！％%…·"
_WIDE = r"⺀-鿿가-힯豈-﫿︰-﹏＀-￯　-〿"
_UNIT = re.compile(
    rf"[{re.escape(_OPENS)}]*"
    rf"(?:[A-Z][A-Z/]*\ [0-9][^\s{_WIDE}{re.escape(_OPENS)}]*|[^\s{_WIDE}{re.escape(_OPENS + _CLOSES)}]+|[{_WIDE}]|[{re.escape(_OPENS)}]|.)"
    rf"(?:\s*[{re.escape(_CLOSES)}])*"
)
"""What is not broken in: a character, a word, or the number of a standard (``CJJ 61-2017``), with the signs that cling to it."""


def has_chinese(text: str) -> bool:
    """Return whether a text has characters between which lines may end."""
    return re.search(f"[{_WIDE}]", text) is not None


def broken(text: str, width: float, width_of: Callable[[str], float]) -> str:
    """Return a text with a newline wherever the next unit does not fit into ``width``; what is wider than a line by itself stays whole."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for match in _UNIT.finditer(paragraph):
            unit = match.group()
            if line and width_of((line + unit).rstrip()) > width:
                lines.append(line.rstrip())
                line = unit.lstrip()
            else:
                line += unit
        lines.append(line.rstrip())
    return "\n".join(lines)
