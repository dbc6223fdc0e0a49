"""``where`` of an ArcGIS query, a subset of SQL-92, → the tree of CQL2 JSON, which the query core checks and translates.

Taken are comparisons, AND, OR, NOT, LIKE (ESCAPE), IN, BETWEEN, IS NULL, arithmetic, dates (``DATE '…'``, ``TIMESTAMP '…'``, CURRENT_DATE,
CURRENT_TIMESTAMP) and the functions below. UPPER and LOWER make a comparison blind to case.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from types import MappingProxyType

from twin.query.condition_grammar import ConditionParser, Token, Tree, bad_filter, tokens, too_complex
from twin.query.filter_ast import ValueType

MOST_CHARACTERS = 8192
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<string>[nN]?'(?:[^']|'')*')
      | (?P<quoted>"[^"\x00]+")
      | (?P<name>[^\W\d][\w.]*)
      | (?P<symbol><>|!=|<=|>=|[-+*/=<>(),])
    )""",
    re.VERBOSE,
)
_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        "UPPER": "casei",
        "LOWER": "casei",
        "ABS": "abs",
        "FLOOR": "floor",
        "CEILING": "ceiling",
        "CEIL": "ceiling",
        "ROUND": "round",
        "CHAR_LENGTH": "charlength",
        "LENGTH": "charlength",
    }
)
_FLAGS = MappingProxyType({0: False, 1: True})


def parse_where(text: str, types: Mapping[str, ValueType], now: dt.datetime) -> Tree:
    """Return the tree of a condition; ``types`` are the properties it may name, whatever their case.

    BadRequestError ``bad-filter`` says where the text stops making sense, ``filter-too-complex`` that it is too long or too deep.
    """
    if len(text) > MOST_CHARACTERS:
        raise too_complex(f"over {MOST_CHARACTERS} characters", f"超过 {MOST_CHARACTERS} 个字符")
    return _Parser(text, types, now).whole()


class _Parser(ConditionParser):
    COMPARISONS = MappingProxyType({o: o for o in ("=", "<>", "<", ">", "<=", ">=")} | {"!=": "<>"})
    FACTORS = frozenset({"*", "/"})

    def __init__(self, text: str, types: Mapping[str, ValueType], now: dt.datetime) -> None:
        super().__init__(tokens(text, _TOKEN))
        self._types = types
        self._names = {name.lower(): name for name in types}
        self._now_is = now

    def _pattern(self) -> Tree:
        pattern = self._sum()
        escape = ""
        if self._take("ESCAPE"):
            if self._now.kind != "string":
                self._fail()
            escape = self._string(self._now.text)
            self._at += 1
        return _pattern_of(pattern, escape) if isinstance(pattern, str) else pattern

    def _operands(self, *operands: Tree) -> list[Tree]:
        """Return operands with literals of the type that the property among them has, all blind to case if one is."""
        names = [str(o["property"]) for o in operands if isinstance(o, dict) and "property" in o]
        kind = self._types.get(names[0]) if names else None
        made = [_of_type(o, kind) for o in operands]
        if any(isinstance(o, dict) and o.get("op") == "casei" for o in made):
            made = [{"op": "casei", "args": [o]} if isinstance(o, str) or _is_property(o) else o for o in made]
        return made

    def _string(self, text: str) -> str:
        return text.lstrip("nN")[1:-1].replace("''", "'")

    def _named(self, token: Token) -> Tree:
        word = token.word
        if word in {"DATE", "TIMESTAMP"} and self._now.kind == "string":
            self._at += 1
            return _time(self._string(self._tokens[self._at - 1].text), word)
        if word == "CURRENT_DATE":
            return {"date": self._now_is.date().isoformat()}
        if word == "CURRENT_TIMESTAMP":
            return {"timestamp": self._now_is.isoformat()}
        if self._take("("):
            if word not in _FUNCTIONS:
                raise bad_filter(f"there is no function {token.text[:40]!r}", f"没有函数 {token.text[:40]!r}")
            return {"op": _FUNCTIONS[word], "args": self._list()}
        return self._property(token.text)

    def _property(self, name: str) -> Tree:
        return {"property": self._names.get(name.rpartition(".")[2].lower(), name)}


def _of_type(operand: Tree, kind: ValueType | None) -> Tree:
    """Return a literal as one of the type that the other side has: Esri's clients write dates as texts and booleans as 0 and 1."""
    if kind == "boolean" and type(operand) is int and operand in _FLAGS:
        return _FLAGS[operand]
    if kind in {"date", "timestamp"} and isinstance(operand, str):
        return _time(operand, "DATE" if len(operand) == len("2000-01-01") else "TIMESTAMP")
    return operand


def _is_property(operand: object) -> bool:
    return isinstance(operand, dict) and "property" in operand


def _time(text: str, word: str) -> Tree:
    """Return a date, or a time that is UTC unless it says otherwise."""
    if word == "DATE" and len(text) == len("2000-01-01"):
        return {"date": text}
    stamp = text.strip().replace(" ", "T", 1)
    zoned = stamp.endswith("Z") or "+" in stamp[10:] or "-" in stamp[10:]
    return {"timestamp": stamp if zoned else f"{stamp}Z"}


def _pattern_of(text: str, escape: str) -> str:
    """Return a pattern of SQL, which has no escape but the one it states, with the backslash as its escape."""
    made, at = [], 0
    while at < len(text):
        if escape and text.startswith(escape, at) and at + 1 < len(text):
            made.append(f"\\{text[at + 1]}")
            at += 2
        else:
            made.append("\\\\" if text[at] == "\\" else text[at])
            at += 1
    return "".join(made)
