"""``where`` of an ArcGIS query, a subset of SQL-92, → the tree of CQL2 JSON, which the query core checks and translates.

Taken are comparisons, AND, OR, NOT, LIKE (ESCAPE), IN, BETWEEN, IS NULL, arithmetic, dates (``DATE '…'``, ``TIMESTAMP '…'``, CURRENT_DATE,
CURRENT_TIMESTAMP) and the functions below. UPPER and LOWER make a comparison blind to case.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from twin.query.filter_ast import ValueType
from twin.query.filter_text import MAX_DEPTH, bad_filter, too_complex, whole_number

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
_COMPARISONS = frozenset({"=", "<>", "!=", "<", ">", "<=", ">="})
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
Tree = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind in {"name", "symbol"} else ""


def parse_where(text: str, types: Mapping[str, ValueType], now: dt.datetime) -> object:
    """Return the tree of a condition; ``types`` are the properties it may name, whatever their case.

    BadRequestError ``bad-filter`` says where the text stops making sense, ``filter-too-complex`` that it is too long or too deep.
    """
    if len(text) > MOST_CHARACTERS:
        raise too_complex(f"over {MOST_CHARACTERS} characters", f"超过 {MOST_CHARACTERS} 个字符")
    return _Parser(_tokens(text), types, now).whole()


def _tokens(text: str) -> list[_Token]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise bad_filter(f"not understood at character {place + 1}", f"第 {place + 1} 个字符处无法理解")
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return [*found, _Token("end", "", len(text))]


class _Parser:
    """Precedence climbing: OR, AND, NOT, predicate, sum, product, sign, atom."""

    def __init__(self, tokens: list[_Token], types: Mapping[str, ValueType], now: dt.datetime) -> None:
        self._tokens = tokens
        self._types = types
        self._names = {name.lower(): name for name in types}
        self._now_is = now
        self._at = 0
        self._depth = 0

    def whole(self) -> object:
        tree = self._or()
        if self._now.kind != "end":
            self._fail()
        return tree

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _fail(self) -> NoReturn:
        place = self._now.start + 1
        raise bad_filter(f"not understood at character {place}", f"第 {place} 个字符处无法理解")

    def _take(self, *words: str) -> bool:
        if self._now.word in words and self._now.kind != "end":
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            self._fail()

    def _or(self) -> object:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_complex(f"deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")
        parts = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else {"op": "or", "args": parts}

    def _and(self) -> object:
        parts = [self._not()]
        while self._take("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else {"op": "and", "args": parts}

    def _not(self) -> object:
        negations = 0
        while self._take("NOT"):
            negations += 1
        predicate = self._predicate()
        return {"op": "not", "args": [predicate]} if negations % 2 else predicate

    def _predicate(self) -> object:
        left = self._sum()
        if self._now.kind == "symbol" and self._now.text in _COMPARISONS:
            operator = self._now.text.replace("!=", "<>")
            self._at += 1
            return {"op": operator, "args": self._alike(left, self._sum())}
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return _negated({"op": "isNull", "args": [left]}, negated=negated)
        negated = self._take("NOT")
        if self._take("LIKE"):
            return _negated({"op": "like", "args": self._alike(left, self._pattern())}, negated=negated)
        if self._take("BETWEEN"):
            low = self._sum()
            self._expect("AND")
            of, *ends = self._alike(left, low, self._sum())
            return _negated({"op": "between", "args": [of, *ends]}, negated=negated)
        if self._take("IN"):
            self._expect("(")
            of, *choices = self._alike(left, *self._list())
            return _negated({"op": "in", "args": [of, choices]}, negated=negated)
        if negated:
            self._fail()
        return left

    def _pattern(self) -> object:
        pattern = self._sum()
        escape = ""
        if self._take("ESCAPE"):
            if self._now.kind != "string":
                self._fail()
            escape = _string(self._now.text)
            self._at += 1
        return _pattern_of(pattern, escape) if isinstance(pattern, str) else pattern

    def _alike(self, *operands: object) -> list[object]:
        """Return operands with literals of the type that the property among them has, all blind to case if one is."""
        names = [str(o["property"]) for o in operands if isinstance(o, dict) and "property" in o]
        kind = self._types.get(names[0]) if names else None
        made = [_of_type(o, kind) for o in operands]
        if any(isinstance(o, dict) and o.get("op") == "casei" for o in made):
            made = [{"op": "casei", "args": [o]} if isinstance(o, str) or _is_property(o) else o for o in made]
        return made

    def _sum(self) -> object:
        left = self._product()
        while self._now.kind == "symbol" and self._now.text in "+-":
            operator = self._now.text
            self._at += 1
            left = {"op": operator, "args": [left, self._product()]}
        return left

    def _product(self) -> object:
        left = self._sign()
        while self._now.kind == "symbol" and self._now.text in "*/":
            operator = self._now.text
            self._at += 1
            left = {"op": operator, "args": [left, self._sign()]}
        return left

    def _sign(self) -> object:
        negative = False
        while self._now.kind == "symbol" and self._now.text in "+-":
            negative ^= self._now.text == "-"
            self._at += 1
        atom = self._atom()
        if not negative:
            return atom
        return -atom if isinstance(atom, int | float) and not isinstance(atom, bool) else {"op": "*", "args": [-1, atom]}

    def _atom(self) -> object:
        token = self._now
        if token.kind == "end":
            self._fail()
        self._at += 1
        match token.kind:
            case "number":
                return whole_number(token.text) if token.text.isdigit() else float(token.text)
            case "string":
                return _string(token.text)
            case "quoted":
                return self._property(token.text[1:-1])
            case "name":
                return self._named(token)
        if token.text != "(":
            self._at -= 1
            self._fail()
        inner = self._or()
        self._expect(")")
        return inner

    def _named(self, token: _Token) -> object:
        word = token.word
        if word in {"DATE", "TIMESTAMP"} and self._now.kind == "string":
            self._at += 1
            return _time(_string(self._tokens[self._at - 1].text), word)
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

    def _list(self) -> list[object]:
        parts = [self._or()]
        while self._take(","):
            parts.append(self._or())
        self._expect(")")
        return parts


def _of_type(operand: object, kind: ValueType | None) -> object:
    """Return a literal as one of the type that the other side has: Esri's clients write dates as texts and booleans as 0 and 1."""
    if kind == "boolean" and type(operand) is int and operand in _FLAGS:
        return _FLAGS[operand]
    if kind in {"date", "timestamp"} and isinstance(operand, str):
        return _time(operand, "DATE" if len(operand) == len("2000-01-01") else "TIMESTAMP")
    return operand


def _is_property(operand: object) -> bool:
    return isinstance(operand, dict) and "property" in operand


def _string(text: str) -> str:
    return text.lstrip("nN")[1:-1].replace("''", "'")


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


def _negated(tree: Tree, *, negated: bool) -> Tree:
    return {"op": "not", "args": [tree]} if negated else tree
