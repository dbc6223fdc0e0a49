"""CQL2 text → the tree of CQL2 JSON, in time that grows with the length of the text (OGC 21-065r2, annex B).

The `cql2` wheel is not used here: it doubles its time with every open parenthesis of a text that does not parse (12 ms at 12,
seconds at 20) and reads every number as a double, so that identifiers beyond 2^53 change. Tests hold both readers equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import shapely
from shapely.geometry import mapping

from twin.errors import BadRequestError

Tree = dict[str, object] | list[object] | str | int | float | bool
MAX_DEPTH = 20
_EXACT_DIGITS = 20

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<string>'(?:[^'\\]|''|\\.)*')
      | (?P<quoted>"[^"\x00]+")
      | (?P<name>[^\W\d][\w.:]*)
      | (?P<symbol><>|<=|>=|[-+*/%^=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_GEOMETRIES = frozenset({"POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"})
_COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
_CANONICAL = {
    name.lower(): name
    for name in (
        "casei", "accenti",
        "a_equals", "a_contains", "a_containedBy", "a_overlaps",
        "s_contains", "s_crosses", "s_disjoint", "s_equals", "s_intersects", "s_overlaps", "s_touches", "s_within",
        "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedBy", "t_finishes", "t_intersects", "t_meets",
        "t_metBy", "t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts",
    )
}  # fmt: skip
"""Names of the standard's functions as CQL2 JSON writes them; other functions keep the case they have."""


def too_complex(what: str, what_zh: str) -> BadRequestError:
    """Return the error for a filter beyond the limits of reliability.md §2."""
    error = BadRequestError(f"the filter is too complex: {what}", zh=f"过滤条件过于复杂：{what_zh}")
    error.code = "filter-too-complex"
    return error


def bad_filter(en: str, zh: str | None = None) -> BadRequestError:
    """Return the error for a filter that is not CQL2 or does not fit the collection."""
    error = BadRequestError(f"filter: {en}", zh=f"过滤条件有误：{zh or en}")
    error.code = "bad-filter"
    return error


def whole_number(digits: str) -> float:
    """Return the number, exact as far as a column can hold it (bigint), beyond as the nearest double or infinity.

    Python refuses to read more than 4300 digits, and to make a double of more than 308.
    """
    return int(digits) if len(digits) <= _EXACT_DIGITS else float(digits)


def parse_text(text: str) -> Tree:
    """Return the CQL2 JSON tree of a CQL2 text; BadRequestError with the place where it stops making sense."""
    return _Parser(_tokens(text), text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "name" else self.text if self.kind == "symbol" else ""


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise bad_filter(f"not understood at character {place + 1}", f"第 {place + 1} 个字符处无法理解")
        found.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup), match.end()))
        place = match.end()
    return [*found, _Token("end", "", len(text), len(text))]


class _Parser:
    """Precedence climbing: OR, AND, NOT, predicate, sum, product, sign, atom."""

    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Tree:
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

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_complex(f"deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")

    def _or(self) -> Tree:
        self._deeper()
        parts = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else {"op": "or", "args": list(parts)}

    def _and(self) -> Tree:
        parts = [self._not()]
        while self._take("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else {"op": "and", "args": list(parts)}

    def _not(self) -> Tree:
        if not self._take("NOT"):
            return self._predicate()
        self._deeper()
        inner = self._not()
        self._depth -= 1
        return {"op": "not", "args": [inner]}

    def _predicate(self) -> Tree:
        left = self._sum()
        if self._now.kind == "symbol" and self._now.text in _COMPARISONS:
            operator = self._now.text
            self._at += 1
            return {"op": operator, "args": [left, self._sum()]}
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return _negated({"op": "isNull", "args": [left]}, negated=negated)
        negated = self._take("NOT")
        if self._take("LIKE"):
            return _negated({"op": "like", "args": [left, self._sum()]}, negated=negated)
        if self._take("BETWEEN"):
            low = self._sum()
            self._expect("AND")
            return _negated({"op": "between", "args": [left, low, self._sum()]}, negated=negated)
        if self._take("IN"):
            self._expect("(")
            return _negated({"op": "in", "args": [left, self._list()]}, negated=negated)
        if negated:
            self._fail()
        return left

    def _sum(self) -> Tree:
        left = self._product()
        while self._now.kind == "symbol" and self._now.text in "+-":
            operator = self._now.text
            self._at += 1
            left = {"op": operator, "args": [left, self._product()]}
        return left

    def _product(self) -> Tree:
        left = self._power()
        while (self._now.kind == "symbol" and self._now.text in "*/%") or self._now.word == "DIV":
            operator = self._now.text.lower()
            self._at += 1
            left = {"op": operator, "args": [left, self._power()]}
        return left

    def _power(self) -> Tree:
        left = self._sign()
        while self._take("^"):
            left = {"op": "^", "args": [left, self._sign()]}
        return left

    def _sign(self) -> Tree:
        if self._take("+") and self._now.kind != "number":
            self._fail()
        if not self._take("-"):
            return self._atom()
        self._deeper()
        inner = self._sign()
        self._depth -= 1
        return -inner if isinstance(inner, int | float) and not isinstance(inner, bool) else {"op": "*", "args": [-1, inner]}

    def _atom(self) -> Tree:
        token = self._now
        if token.kind == "end":
            self._fail()
        self._at += 1
        match token.kind:
            case "number":
                return whole_number(token.text) if token.text.isdigit() else float(token.text)
            case "string":
                return re.sub(r"''|\\'", "'", token.text[1:-1])
            case "quoted":
                return {"property": token.text[1:-1]}
            case "name":
                return self._named(token)
        if token.text != "(":
            self._at -= 1
            self._fail()
        return self._parenthesis()

    def _parenthesis(self) -> Tree:
        """Read an expression or a list of several (or none) up to the closing parenthesis."""
        if self._take(")"):
            return []
        inner = self._or()
        if not self._take(","):
            self._expect(")")
            return inner
        return [inner, *self._list()]

    def _named(self, token: _Token) -> Tree:
        word = token.word
        if word in {"TRUE", "FALSE"}:
            return word == "TRUE"
        if word in _GEOMETRIES:
            return self._geometry(token)
        if not self._take("("):
            return {"property": token.text}
        arguments = self._list()
        match word:
            case "BBOX":
                return {"bbox": arguments}
            case "DATE" | "TIMESTAMP" if len(arguments) == 1:
                return {word.lower(): arguments[0]}
            case "INTERVAL":
                return {"interval": arguments}
            case _ if word.startswith("A_") and word.lower() in _CANONICAL:
                # A list of one looks like an expression in parentheses.
                return {"op": _CANONICAL[word.lower()], "args": [a if isinstance(a, list | dict) else [a] for a in arguments]}
            case _:
                return {"op": _CANONICAL.get(word.lower(), token.text), "args": arguments}

    def _list(self) -> list[object]:
        """Return what stands between a parenthesis already taken and its closing one."""
        parts: list[object] = [self._or()]
        while self._take(","):
            parts.append(self._or())
        self._expect(")")
        return parts

    def _geometry(self, keyword: _Token) -> Tree:
        """Read well-known text up to its closing parenthesis."""
        depth = 0
        while True:
            token = self._now
            if token.kind == "end":
                self._fail()
            self._at += 1
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth > MAX_DEPTH:
                raise too_complex(f"deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")
            if depth == 0 and token.word != "Z":
                break
        try:
            with np.errstate(all="ignore"):  # a number beyond float64 is refused later, as not finite
                shape = shapely.from_wkt(self._text[keyword.start : token.end])
        except shapely.errors.GEOSException:
            place = keyword.start + 1
            raise bad_filter(f"no geometry at character {place}", f"第 {place} 个字符处不是几何图形") from None
        return dict(mapping(shape))


def _negated(tree: Tree, *, negated: bool) -> Tree:
    return {"op": "not", "args": [tree]} if negated else tree
