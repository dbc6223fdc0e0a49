"""pygeofilter's tree of a filter → the tree of CQL2 JSON; pure.

pygeoapi parses filters with pygeofilter, whose own writer of CQL2 JSON forgets every NOT inside a predicate, cannot write a date and
nests BETWEEN. What its parser has made ambiguous is refused rather than answered wrongly: ``T_INTERSECTS`` reads as ``T_OVERLAPS``,
and an envelope is left in the CRS of ``filter-crs`` while geometries are not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from pygeofilter import ast, values

from twin.query.condition_grammar import Tree, bad_filter

_COMPARISONS: Mapping[str, str] = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_SPATIAL: Mapping[str, str] = {
    "INTERSECTS": "s_intersects", "DISJOINT": "s_disjoint", "CONTAINS": "s_contains", "WITHIN": "s_within", "TOUCHES": "s_touches",
    "CROSSES": "s_crosses", "OVERLAPS": "s_overlaps", "EQUALS": "s_equals",
}  # fmt: skip
_TEMPORAL: Mapping[str, str] = {
    "AFTER": "t_after", "BEFORE": "t_before", "BEGINS": "t_starts", "BEGUNBY": "t_startedby", "TCONTAINS": "t_contains",
    "DURING": "t_during", "ENDEDBY": "t_finishedby", "ENDS": "t_finishes", "TEQUALS": "t_equals", "MEETS": "t_meets", "METBY": "t_metby",
    "OVERLAPPEDBY": "t_overlappedby", "DISJOINT": "t_disjoint",
}  # fmt: skip
_FUNCTIONS: Mapping[str, str] = {"lower": "casei", "casei": "casei", "accenti": "accenti"}
"""``lower`` is what pygeofilter makes of CASEI."""


def cql2_tree(node: Any) -> Tree:
    """Return the CQL2 JSON tree of a node; BadRequestError ``bad-filter`` where it has none."""
    for kind, write in _WRITERS:
        if isinstance(node, kind):
            return write(node)
    raise bad_filter(f"{type(node).__name__} is not supported", f"不支持 {type(node).__name__}")


def _operation(operator: str, *arguments: Any) -> Tree:
    return {"op": operator, "args": [cql2_tree(a) for a in arguments]}


def _negated(tree: Tree, node: Any) -> Tree:
    return {"op": "not", "args": [tree]} if node.not_ else tree


def _combination(node: Any) -> Tree:
    operator = "and" if isinstance(node, ast.And) else "or"
    return {"op": operator, "args": [cql2_tree(part) for part in _parts(node, type(node))]}


def _parts(node: Any, kind: Any) -> list[Any]:
    # a AND b AND c is nested in pairs: as deep as it is long, which is not how deep it was written
    pending: list[Any] = [node]
    found: list[Any] = []
    while pending:
        part = pending.pop()
        if isinstance(part, kind):
            pending += [part.rhs, part.lhs]
        else:
            found.append(part)
    return found


def _like(node: Any) -> Tree:
    sides: list[Tree] = [cql2_tree(node.lhs), cql2_tree(node.pattern)]
    if node.nocase:
        sides = [{"op": "casei", "args": [side]} for side in sides]
    return _negated({"op": "like", "args": sides}, node)


def _in(node: Any) -> Tree:
    return _negated({"op": "in", "args": [cql2_tree(node.lhs), [cql2_tree(choice) for choice in node.sub_nodes]]}, node)


def _named(names: Mapping[str, str]) -> Callable[[Any], Tree]:
    def write(node: Any) -> Tree:
        if node.op.name not in names:
            raise bad_filter(f"{node.op.name} is not supported by this door", f"此接口不支持 {node.op.name}")
        return _operation(names[node.op.name], node.lhs, node.rhs)

    return write


def _function(node: Any) -> Tree:
    name = str(node.name).lower()
    return _operation(_FUNCTIONS.get(name, name), *node.arguments)


def _interval(node: Any) -> Tree:
    return {"interval": [".." if end is None else end.isoformat() for end in (node.start, node.end)]}


def _geometry(node: Any) -> Tree:
    return {name: member for name, member in node.geometry.items() if name in {"type", "coordinates", "geometries"}}


def _envelope(node: Any) -> Tree:
    raise bad_filter(f"this door takes no {type(node).__name__}: write a POLYGON", "此接口不支持 ENVELOPE，请写成 POLYGON")


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Tree]], ...] = (
    (ast.Combination, _combination),
    (ast.Not, lambda node: _operation("not", node.sub_node)),
    (ast.Comparison, _named(_COMPARISONS)),
    (ast.Between, lambda node: _negated(_operation("between", node.lhs, node.low, node.high), node)),
    (ast.Like, _like),
    (ast.In, _in),
    (ast.IsNull, lambda node: _negated(_operation("isNull", node.lhs), node)),
    (ast.Include, lambda node: not node.not_),
    (ast.SpatialComparisonPredicate, _named(_SPATIAL)),
    (ast.TemporalPredicate, _named(_TEMPORAL)),
    (ast.Arithmetic, lambda node: _operation(str(node.op.value), node.lhs, node.rhs)),
    (ast.Function, _function),
    (ast.Attribute, lambda node: {"property": str(node.name)}),
    (values.Geometry, _geometry),
    (values.Envelope, _envelope),
    (values.Interval, _interval),
    (dt.datetime, lambda node: {"timestamp": node.isoformat()}),
    (dt.date, lambda node: {"date": node.isoformat()}),
    (str, str),
    ((bool, int, float), lambda node: node),
)
