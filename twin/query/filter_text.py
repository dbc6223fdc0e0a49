"""CQL2 text → the tree of CQL2 JSON, in time that grows with the length of the text (OGC 21-065r2, annex B).

The `cql2` wheel is not used here: it doubles its time with every open parenthesis of a text that does not parse (12 ms at 12,
seconds at 20) and reads every number as a double, so that identifiers beyond 2^53 change. Tests hold both readers equal.
"""

from __future__ import annotations

import re
from types import MappingProxyType

import numpy as np
import shapely
from shapely.geometry import mapping

from twin.query.condition_grammar import MAX_DEPTH, ConditionParser, Token, Tree, bad_filter, tokens, too_complex

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


def parse_text(text: str) -> Tree:
    """Return the CQL2 JSON tree of a CQL2 text; BadRequestError with the place where it stops making sense."""
    return _Parser(text).whole()


class _Parser(ConditionParser):
    COMPARISONS = MappingProxyType({o: o for o in ("=", "<>", "<", ">", "<=", ">=")})
    FACTORS = frozenset({"*", "/", "%", "DIV"})
    POWER = "^"

    def __init__(self, text: str) -> None:
        super().__init__(tokens(text, _TOKEN))
        self._text = text

    def _string(self, text: str) -> str:
        return re.sub(r"''|\\'", "'", text[1:-1])

    def _parenthesis(self) -> Tree:
        """Read an expression or a list of several (or none) up to the closing parenthesis."""
        if self._take(")"):
            return []
        inner = self._or()
        if not self._take(","):
            self._expect(")")
            return inner
        return [inner, *self._list()]

    def _named(self, token: Token) -> Tree:
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

    def _geometry(self, keyword: Token) -> Tree:
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
