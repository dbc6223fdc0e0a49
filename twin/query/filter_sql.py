"""Validated filter → SQL: columns by identifier, every value a bound parameter."""

from __future__ import annotations

from collections.abc import Mapping

import shapely
from psycopg import sql

from twin.query import filter_ast as ast
from twin.query.collection import VALIDITY_FIELDS
from twin.query.filter_functions import FUNCTIONS
from twin.query.parameters import Parameters

_COMPARISONS: Mapping[str, sql.SQL] = {
    "=": sql.SQL("="),
    "<>": sql.SQL("<>"),
    "<": sql.SQL("<"),
    ">": sql.SQL(">"),
    "<=": sql.SQL("<="),
    ">=": sql.SQL(">="),
}
_RELATIONS: Mapping[str, sql.SQL] = {
    "intersects": sql.SQL("ST_Intersects"),
    "equals": sql.SQL("ST_Equals"),
    "disjoint": sql.SQL("ST_Disjoint"),
    "touches": sql.SQL("ST_Touches"),
    "within": sql.SQL("ST_Within"),
    "overlaps": sql.SQL("ST_Overlaps"),
    "crosses": sql.SQL("ST_Crosses"),
    "contains": sql.SQL("ST_Contains"),
}
_CASTS: Mapping[str, sql.SQL] = {
    "text": sql.SQL("::text"),
    "boolean": sql.SQL("::boolean"),
    "date": sql.SQL("::date"),
    "timestamp": sql.SQL("::timestamptz"),
}
_ARRAYS: Mapping[str, sql.SQL] = {
    "equals": sql.SQL("({0} @> {1} AND {0} <@ {1})"),
    "contains": sql.SQL("{} @> {}"),
    "containedby": sql.SQL("{} <@ {}"),
    "overlaps": sql.SQL("{} && {}"),
}
# Full case folding (ß as SS, final sigma as sigma) by way of the capitals; Unicode's rules whatever the database's locale is.
_FOLDED = sql.SQL("""lower(upper({} COLLATE "und-x-icu"))""")
# Without the marks that canonical decomposition sets apart. Chinese has none; Hangul and the like are put together again.
_WITHOUT_ACCENTS = sql.SQL("normalize(regexp_replace(normalize({}, NFD), '[\\u0300-\\u036f]', '', 'g'), NFC)")
# What has no real power has no value. Each side stands here once, and OFFSET keeps the planner from putting it in place of its name: powers
# of powers would be expressions without end.
_POWER = sql.SQL(
    "(SELECT CASE WHEN base > 0 OR (base = 0 AND exponent >= 0) OR exponent = floor(exponent) AND base <> 0 THEN power(base, exponent) END"
    " FROM (SELECT ({})::float8, ({})::float8 OFFSET 0) AS of (base, exponent))"
)
# a, b: the spans; s, e: their starts and ends (OGC 21-065r2, table 8).
_SPANS: Mapping[str, sql.SQL] = {
    "after": sql.SQL("{as_} > {be}"),
    "before": sql.SQL("{ae} < {bs}"),
    "contains": sql.SQL("{as_} < {bs} AND {ae} > {be}"),
    "disjoint": sql.SQL("({ae} < {bs} OR {as_} > {be})"),
    "during": sql.SQL("{as_} > {bs} AND {ae} < {be}"),
    "equals": sql.SQL("{as_} = {bs} AND {ae} = {be}"),
    "finishedby": sql.SQL("{as_} < {bs} AND {ae} = {be}"),
    "finishes": sql.SQL("{as_} > {bs} AND {ae} = {be}"),
    "intersects": sql.SQL("{ae} >= {bs} AND {as_} <= {be}"),
    "meets": sql.SQL("{ae} = {bs}"),
    "metby": sql.SQL("{as_} = {be}"),
    "overlappedby": sql.SQL("{as_} > {bs} AND {as_} < {be} AND {ae} > {be}"),
    "overlaps": sql.SQL("{as_} < {bs} AND {ae} > {bs} AND {ae} < {be}"),
    "startedby": sql.SQL("{as_} = {bs} AND {ae} > {be}"),
    "starts": sql.SQL("{as_} = {bs} AND {ae} < {be}"),
}


def filter_sql(predicate: ast.Predicate, parameters: Parameters, srid: int) -> sql.Composable:
    """Return the SQL condition of a filter on a row of a city table, its values added to ``parameters``."""
    return _Translation(parameters, srid).predicate(predicate)


class _Translation:
    def __init__(self, parameters: Parameters, srid: int) -> None:
        self._parameters = parameters
        self._srid = srid

    def predicate(self, node: ast.Predicate) -> sql.Composable:
        match node:
            case ast.And(of) | ast.Or(of):
                word = sql.SQL(" AND ") if isinstance(node, ast.And) else sql.SQL(" OR ")
                return sql.SQL("({})").format(word.join([self.predicate(p) for p in of]))
            case ast.Not(inner):
                return sql.SQL("(NOT {})").format(self.predicate(inner))
            case ast.Constant(value):
                return sql.SQL("true") if value else sql.SQL("false")
            case ast.Truth(of):
                return sql.Identifier(of.name)
            case ast.Spatial():
                return self._spatial(node)
            case ast.Temporal():
                return self._temporal(node)
            case ast.Array(relation, left, right):
                return _ARRAYS[relation].format(self._texts(left), self._texts(right))
            case _:
                return sql.SQL("({})").format(self._leaf(node))

    def _leaf(self, node: ast.Predicate) -> sql.Composable:
        match node:
            case ast.Comparison(operator, left, right):
                return sql.SQL("{} {} {}").format(self.scalar(left), _COMPARISONS[operator], self.scalar(right))
            case ast.Like(text, pattern):
                return sql.SQL("{} LIKE {}").format(self.scalar(text), self.scalar(pattern))
            case ast.Between(of, low, high):
                return sql.SQL("{} BETWEEN {} AND {}").format(self.scalar(of), self.scalar(low), self.scalar(high))
            case ast.In(of, choices):
                return sql.SQL("{} IN ({})").format(self.scalar(of), sql.SQL(", ").join([self.scalar(c) for c in choices]))
            case ast.IsNull(ast.ArrayProperty(name)):
                return sql.SQL("{} IS NULL").format(sql.Identifier(name))
            case ast.IsNull(ast.Geometry() as geometry):
                return sql.SQL("{} IS NULL").format(self._geometry(geometry))
            case ast.IsNull(of):
                return sql.SQL("{} IS NULL").format(self.scalar(of))  # type: ignore[arg-type]  # the other two are above
            case _:
                raise TypeError(node)

    def scalar(self, node: ast.Scalar) -> sql.Composable:
        match node:
            case ast.Property(name):
                return sql.Identifier(name)
            case ast.Value(value, "number"):
                kind = sql.SQL("::bigint") if isinstance(value, int) else sql.SQL("::float8")
                return self._parameters.add(value) + kind
            case ast.Value(value, kind):
                return self._parameters.add(value) + _CASTS[kind]
            case ast.CaseInsensitive(of):
                return _FOLDED.format(self.scalar(of))
            case ast.AccentInsensitive(of):
                return _WITHOUT_ACCENTS.format(self.scalar(of))
            case ast.Call(name, arguments):
                return FUNCTIONS[name].expression.format(*(self._argument(a) for a in arguments))
            case ast.Arithmetic(operator, left, right):
                return self._arithmetic(operator, self.scalar(left), self.scalar(right))

    def _arithmetic(self, operator: str, left: sql.Composable, right: sql.Composable) -> sql.Composable:
        match operator:
            case "/":
                return sql.SQL("(({})::float8 / NULLIF({}, 0))").format(left, right)
            case "%":
                return sql.SQL("mod(({})::numeric, NULLIF(({})::numeric, 0))").format(left, right)
            case "div":
                return sql.SQL("div(({})::numeric, NULLIF(({})::numeric, 0))").format(left, right)
            case "^":
                return _POWER.format(left, right)
            case "*":
                return sql.SQL("(({})::float8 * {})").format(left, right)
            case "+":
                return sql.SQL("(({})::float8 + {})").format(left, right)
            case _:
                return sql.SQL("(({})::float8 - {})").format(left, right)

    def _spatial(self, node: ast.Spatial) -> sql.Composable:
        return sql.SQL("{}({}, {})").format(_RELATIONS[node.relation], self._geometry(node.left), self._geometry(node.right))

    def _geometry(self, geometry: ast.Geometry) -> sql.Composable:
        if geometry.literal is None:
            return sql.Identifier("geom")
        return sql.SQL("ST_GeomFromWKB({}, {})").format(self._parameters.add(shapely.to_wkb(geometry.literal)), sql.Literal(self._srid))

    def _texts(self, texts: ast.ArrayProperty | ast.Texts) -> sql.Composable:
        if isinstance(texts, ast.ArrayProperty):
            return sql.Identifier(texts.name)
        return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join([self.scalar(text) for text in texts.of]))

    def _argument(self, argument: ast.Scalar | ast.Geometry) -> sql.Composable:
        return self._geometry(argument) if isinstance(argument, ast.Geometry) else self.scalar(argument)

    def _temporal(self, node: ast.Temporal) -> sql.Composable:
        (a_start, a_end), (b_start, b_end) = (self._ends(span) for span in (node.left, node.right))
        return sql.SQL("({})").format(_SPANS[node.relation].format(as_=a_start, ae=a_end, bs=b_start, be=b_end))

    def _ends(self, span: ast.Span) -> tuple[sql.Composable, sql.Composable]:
        if span.start == span.end and span.start is not None:
            instant = self._end(span.start)
            return instant, instant
        start_field, end_field = VALIDITY_FIELDS
        return self._open_end(span.start, start_field, sql.SQL("'-infinity'")), self._open_end(span.end, end_field, sql.SQL("'infinity'"))

    def _open_end(self, end: ast.Scalar | None, validity_field: str, infinity: sql.SQL) -> sql.Composable:
        """Return an end of an interval: a validity without a start or an end is open there, any other missing date is unknown."""
        if end is None:
            return infinity + sql.SQL("::timestamptz")
        value = self._end(end)
        if isinstance(end, ast.Property) and end.name == validity_field:
            return sql.SQL("coalesce({}, {}::timestamptz)").format(value, infinity)
        return value

    def _end(self, end: ast.Scalar) -> sql.Composable:
        return self.scalar(end) + sql.SQL("::timestamptz")
