"""The grammar that texts of conditions share, CQL2 and the SQL of ArcGIS alike, into the tree of CQL2 JSON; a dialect says what differs.

Reading takes time that grows with the length of a text, and its depth is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from twin.errors import BadRequestError

Tree = dict[str, object] | list[object] | str | int | float | bool
MAX_DEPTH = 20
_EXACT_DIGITS = 20


def too_complex(what: str, what_zh: str) -> BadRequestError:
    """Return the error for a filter beyond the limits of reliability.md §2."""
    return BadRequestError(f"the filter is too complex: {what}", zh=f"过滤条件过于复杂：{what_zh}").with_code("filter-too-complex")


def bad_filter(en: str, zh: str | None = None) -> BadRequestError:
    """Return the error for a filter that makes no sense or does not fit the collection."""
    return BadRequestError(f"filter: {en}", zh=f"过滤条件有误：{zh or en}").with_code("bad-filter")


def whole_number(digits: str) -> float:
    """Return the number, exact as far as a column can hold it (bigint), beyond as the nearest double or infinity.

    Python refuses to read more than 4300 digits, and to make a double of more than 308.
    """
    return int(digits) if len(digits) <= _EXACT_DIGITS else float(digits)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text; its ``kind`` is the group of the dialect's pattern that took it, ``end`` after the last."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The keyword or symbol that it may be."""
        return self.text.upper() if self.kind == "name" else self.text if self.kind == "symbol" else ""


def tokens(text: str, pattern: re.Pattern[str]) -> list[Token]:
    """Return the tokens of a text and one that ends it; BadRequestError where the pattern takes none.

    The pattern has the groups ``number``, ``string``, ``quoted``, ``name`` and ``symbol``.
    """
    found: list[Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = pattern.match(text, place)
        if match is None or match.lastgroup is None:
            raise bad_filter(f"not understood at character {place + 1}", f"第 {place + 1} 个字符处无法理解")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup), match.end()))
        place = match.end()
    return [*found, Token("end", "", len(text), len(text))]


class ConditionParser:
    """Precedence climbing: OR, AND, NOT, predicate, sum, product, power, sign, atom. Dialects override what they write otherwise."""

    COMPARISONS: Mapping[str, str]
    """Operators as the dialect writes them, and as CQL2 does."""
    FACTORS: frozenset[str]
    """Symbols and words of products."""
    POWER: str | None = None

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0

    def whole(self) -> Tree:
        """Return the tree of the whole text; BadRequestError with the place where it stops making sense."""
        tree = self._or()
        if self._now.kind != "end":
            self._fail()
        return tree

    # -- what dialects say -----------------------------------------------------------------------------------------------------

    def _string(self, text: str) -> str:
        """Return the text that a string token stands for."""
        raise NotImplementedError

    def _named(self, token: Token) -> Tree:
        """Return what begins with a name that has been taken."""
        raise NotImplementedError

    def _property(self, name: str) -> Tree:
        return {"property": name}

    def _operands(self, *operands: Tree) -> list[Tree]:
        """Return the sides of one comparison, made alike."""
        return list(operands)

    def _pattern(self) -> Tree:
        """Read what LIKE compares with."""
        return self._sum()

    def _parenthesis(self) -> Tree:
        """Read an expression up to its closing parenthesis; the opening one has been taken."""
        inner = self._or()
        self._expect(")")
        return inner

    # -- the grammar -----------------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Token:
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
        parts: list[object] = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        self._depth -= 1
        return _joined("or", parts)

    def _and(self) -> Tree:
        parts: list[object] = [self._not()]
        while self._take("AND"):
            parts.append(self._not())
        return _joined("and", parts)

    def _not(self) -> Tree:
        if not self._take("NOT"):
            return self._predicate()
        self._deeper()
        inner = self._not()
        self._depth -= 1
        return {"op": "not", "args": [inner]}

    def _predicate(self) -> Tree:
        left = self._sum()
        if self._now.kind == "symbol" and self._now.text in self.COMPARISONS:
            operator = self.COMPARISONS[self._now.text]
            self._at += 1
            return {"op": operator, "args": self._operands(left, self._sum())}
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return _negated({"op": "isNull", "args": [left]}, negated=negated)
        negated = self._take("NOT")
        if self._take("LIKE"):
            return _negated({"op": "like", "args": self._operands(left, self._pattern())}, negated=negated)
        if self._take("BETWEEN"):
            low = self._sum()
            self._expect("AND")
            return _negated({"op": "between", "args": self._operands(left, low, self._sum())}, negated=negated)
        if self._take("IN"):
            self._expect("(")
            of, *choices = self._operands(left, *self._list())
            return _negated({"op": "in", "args": [of, choices]}, negated=negated)
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
        while self._now.kind != "end" and self._now.word in self.FACTORS:
            operator = self._now.text.lower()
            self._at += 1
            left = {"op": operator, "args": [left, self._power()]}
        return left

    def _power(self) -> Tree:
        left = self._sign()
        while self.POWER is not None and self._take(self.POWER):
            left = {"op": self.POWER, "args": [left, self._sign()]}
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
                return self._string(token.text)
            case "quoted":
                return self._property(token.text[1:-1])
            case "name":
                return self._named(token)
        if token.text != "(":
            self._at -= 1
            self._fail()
        return self._parenthesis()

    def _list(self) -> list[Tree]:
        """Return what stands between a parenthesis already taken and its closing one."""
        parts = [self._or()]
        while self._take(","):
            parts.append(self._or())
        self._expect(")")
        return parts


def _joined(operator: str, parts: list[object]) -> Tree:
    return parts[0] if len(parts) == 1 else {"op": operator, "args": parts}  # type: ignore[return-value]  # each is a tree


def _negated(tree: Tree, *, negated: bool) -> Tree:
    return {"op": "not", "args": [tree]} if negated else tree
