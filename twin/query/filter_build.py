"""CQL2 JSON tree → validated filter: unknown names, wrong types and excessive size are refused before any SQL is made."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from twin.crs import OutputCrs
from twin.errors import BadRequestError, NotFoundError
from twin.featuretypes.json_schema import ID_NAME
from twin.query import filter_ast as ast
from twin.query.area import MOST_POINTS, bbox_area, everywhere, to_storage
from twin.query.condition_grammar import MAX_DEPTH, Tree, bad_filter, too_complex, whole_number
from twin.query.filter_functions import FUNCTIONS
from twin.query.filter_target import FilterTarget
from twin.query.filter_text import parse_text
from twin.query.written import written_day, written_instant, written_number

MAX_BYTES = 8192
MAX_PREDICATES = 100
MAX_VERTICES = 1000
GEOMETRY_NAMES = ("geometry", "geom")

_RELATIONS = frozenset({"intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains"})
_SPANS = frozenset(
    {
        "after", "before", "contains", "disjoint", "during", "equals", "finishedby", "finishes", "intersects", "meets", "metby",
        "overlappedby", "overlaps", "startedby", "starts",
    }
)  # fmt: skip
_ARRAYS = frozenset({"equals", "contains", "containedby", "overlaps"})
_COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "div", "^"})
ARRAY_FIELDS = ("admin_codes",)
"""Columns of every type that hold lists of texts."""
_ID = {"property": ID_NAME}
"""A feature's OID; no field has that name."""
_BBOX_SIZES = frozenset({4, 6})


def build_filter(text: str, language: str, filter_crs: OutputCrs, target: FilterTarget) -> ast.Predicate:
    """Return the filter written in ``language`` (``cql2-text`` or ``cql2-json``) about ``target``.

    Positions in it are in ``filter_crs`` and its axis order. Raises BadRequestError with code ``bad-filter`` or, beyond 8 KiB,
    20 levels, 100 predicates, 1,000 vertices or for an invalid geometry, ``filter-too-complex``.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise too_complex(f"over {MAX_BYTES} bytes", f"超过 {MAX_BYTES} 字节")
    if "\x00" in text:
        raise bad_filter("contains a NUL character", "含有 NUL 字符")
    tree = parse_text(text) if language == "cql2-text" else _parse_json(text)
    return _Builder(target, filter_crs).predicate(tree, 0)


def build_tree(
    tree: Tree, filter_crs: OutputCrs, target: FilterTarget, names: Mapping[str, ast.Property] = MappingProxyType({})
) -> ast.Predicate:
    """Return the filter of a CQL2 JSON tree, as a door made it of another language; its errors are those of :func:`build_filter`.

    ``names``: what is called so there beside the target's properties, e.g. ``objectid``.
    """
    return _Builder(target, filter_crs, names).predicate(tree, 0)


def literal(text: str, kind: ast.ValueType) -> ast.Value:
    """Return the value that ``text`` (of a query parameter) denotes for a property of type ``kind``."""
    try:
        value = _READERS[kind](text)
    except (ValueError, KeyError):
        value = None
    if value is None or "\x00" in text:
        raise bad_filter(f"{text[:40]!r} is no {kind}", f"{text[:40]!r} 不是{_TITLES_ZH[kind]}")
    return ast.Value(value, kind)


def _text_of(text: str) -> str:
    text.encode()  # half a character (JSON can write one) is a ValueError: no database takes it
    return text


def _number_of(text: str) -> float | None:
    number = written_number(text)
    whole = number is not None and text.lstrip("+-").isdigit() and len(text) < 19
    return int(text) if whole else number


_TITLES_ZH: Mapping[str, str] = MappingProxyType(
    {"text": "文本", "number": "数值", "boolean": "布尔值", "date": "日期", "timestamp": "时间", "geometry": "几何图形"}
)
"""Types of values and arguments, for Chinese messages."""
_READERS: Mapping[ast.ValueType, Callable[[str], str | float | bool | dt.date | dt.datetime | None]] = {
    "text": _text_of,
    "number": _number_of,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "date": written_day,
    "timestamp": written_instant,
}


def _parse_json(text: str) -> Tree:
    if text.count("{") + text.count("[") > MAX_BYTES // 4:
        raise too_complex("too many brackets", "括号过多")
    try:
        return cast("Tree", json.loads(text, parse_constant=lambda _: math.nan, parse_int=whole_number))
    except RecursionError:
        raise too_complex(f"deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层") from None
    except ValueError:
        raise bad_filter("is not JSON", "不是合法的 JSON") from None


@dataclass(slots=True)
class _Builder:
    target: FilterTarget
    filter_crs: OutputCrs
    names: Mapping[str, ast.Property] = MappingProxyType({})
    predicates: int = 0
    vertices: int = 0
    points: int = 0
    """Those of its literal geometries as they are asked of the database."""

    def predicate(self, tree: object, depth: int) -> ast.Predicate:
        if depth > MAX_DEPTH:
            raise too_complex(f"deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")
        if isinstance(tree, bool):
            return ast.Constant(tree)
        if isinstance(tree, dict) and "property" in tree:
            return self._truth(tree, depth)
        operator, arguments = _operation(tree)
        if self.target.oid_prefix and any(argument == _ID for argument in arguments):
            return self._of_ids(operator, arguments)
        if operator in {"and", "or"}:
            if not arguments:
                raise bad_filter(f"{operator} of nothing", f"{operator} 缺少参数")
            parts = tuple(self.predicate(a, depth + 1) for a in arguments)
            return ast.And(parts) if operator == "and" else ast.Or(parts)
        if operator == "not":
            return ast.Not(self.predicate(_exactly(operator, arguments, 1)[0], depth + 1))
        self._count_predicate()
        return self._leaf(operator, arguments, depth + 1)

    def _truth(self, tree: object, depth: int) -> ast.Predicate:
        scalar = self._scalar(tree, depth + 1)
        if not isinstance(scalar, ast.Property) or scalar.type != "boolean":
            raise bad_filter("a property alone must be boolean", "单独使用的属性须为布尔型")
        return ast.Truth(scalar)

    def _leaf(self, operator: str, arguments: Sequence[object], depth: int) -> ast.Predicate:
        lower = operator.lower()
        if operator in _COMPARISONS:
            left, right = self._pair(operator, arguments, depth)
            return ast.Comparison(cast("ast.ComparisonOperator", operator), left, right)
        if lower == "like":
            left, right = self._pair(operator, arguments, depth)
            _require_texts(left, right)
            _require_pattern(right)
            return ast.Like(left, right)
        if lower == "between":
            of, low, high = (self._scalar(a, depth) for a in _exactly(operator, arguments, 3))
            _same_types(of, low)
            _same_types(of, high)
            return ast.Between(of, low, high)
        if lower == "in":
            return self._in(arguments, depth)
        if lower == "isnull":
            return self._is_null(_exactly(operator, arguments, 1)[0], depth)
        if lower.startswith("s_") and lower[2:] in _RELATIONS:
            one, other = (self._geometry(a) for a in _exactly(operator, arguments, 2))
            return ast.Spatial(lower[2:], one, other)  # type: ignore[arg-type]  # held by _RELATIONS
        if lower.startswith("a_") and lower[2:] in _ARRAYS:
            these, those = (self._texts(a, depth) for a in _exactly(operator, arguments, 2))
            return ast.Array(lower[2:], these, those)  # type: ignore[arg-type]  # held by _ARRAYS
        if lower.startswith("t_") and lower[2:] in _SPANS:
            first, second = (self._span(a, depth) for a in _exactly(operator, arguments, 2))
            return ast.Temporal(lower[2:], first, second)
        raise bad_filter(f"{operator[:40]!r} is not supported", f"不支持 {operator[:40]!r}")

    def _of_ids(self, operator: str, arguments: Sequence[object]) -> ast.Predicate:
        """Return the condition that a feature is one of those named by their OIDs, or by the sequence numbers in them."""
        self._count_predicate()
        left, right = _exactly(operator, arguments, 2)
        named = right if operator.lower() == "in" and left == _ID else [right if left == _ID else left]
        if operator.lower() not in {"=", "<>", "in"} or not isinstance(named, list) or any(type(n) not in {str, int} for n in named):
            raise bad_filter("id is compared with ids by =, <> or IN", "id 只能用 =、<> 或 IN 与标识比较")
        if len(named) > MAX_VERTICES:
            raise too_complex("the list is too long", "列表过长")
        fids = [ast.Value(fid, "number") for n in named if (fid := self._fid(str(n))) is not None]
        of_them: ast.Predicate = ast.In(ast.Property("fid", "number"), tuple(fids)) if fids else ast.Constant(value=False)
        return ast.Not(of_them) if operator == "<>" else of_them

    def _fid(self, identifier: str) -> int | None:
        """Return the sequence number in an id, None where no feature here can have it."""
        try:
            return self.target.fid(identifier)
        except NotFoundError:
            return None

    def _count_predicate(self) -> None:
        self.predicates += 1
        if self.predicates > MAX_PREDICATES:
            raise too_complex(f"more than {MAX_PREDICATES} predicates", f"谓词超过 {MAX_PREDICATES} 个")

    def _pair(self, operator: str, arguments: Sequence[object], depth: int) -> tuple[ast.Scalar, ast.Scalar]:
        left, right = (self._scalar(a, depth) for a in _exactly(operator, arguments, 2))
        _same_types(left, right)
        return left, right

    def _in(self, arguments: Sequence[object], depth: int) -> ast.Predicate:
        of, choices = _exactly("in", arguments, 2)
        if not isinstance(choices, list) or not choices:
            raise bad_filter("in takes a list", "in 需要一个列表")
        if len(choices) > MAX_VERTICES:
            raise too_complex("the list is too long", "列表过长")
        scalar = self._scalar(of, depth)
        made = tuple(self._scalar(c, depth) for c in choices)
        for choice in made:
            _same_types(scalar, choice)
        return ast.In(scalar, made)

    def _is_null(self, tree: object, depth: int) -> ast.Predicate:
        if isinstance(tree, dict):
            if tree.get("property") in GEOMETRY_NAMES:
                return ast.IsNull(ast.Geometry(None))
            if tree.get("property") in ARRAY_FIELDS:
                return ast.IsNull(ast.ArrayProperty(str(tree["property"])))
        return ast.IsNull(self._scalar(tree, depth))

    def _texts(self, tree: object, depth: int) -> ast.ArrayProperty | ast.Texts:
        if isinstance(tree, dict) and tree.get("property") in ARRAY_FIELDS:
            return ast.ArrayProperty(str(tree["property"]))
        members = tree if isinstance(tree, list) else [tree]
        if len(members) > MAX_VERTICES:
            raise too_complex("the list is too long", "列表过长")
        made = tuple(self._scalar(member, depth) for member in members)
        if any(member.type != "text" for member in made):
            raise bad_filter("the list holds texts", "该列表的元素为文本")
        return ast.Texts(made)

    def _scalar(self, tree: object, depth: int) -> ast.Scalar:
        if depth > MAX_DEPTH:
            raise too_complex(f"deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")
        match tree:
            case bool():
                return ast.Value(tree, "boolean")
            case int() | float():
                return _number(tree)
            case str():
                return literal(tree, "text")
            case {"property": str(name)}:
                return self._property(name)
            case {"date": str(text)}:
                return literal(text, "date")
            case {"timestamp": str(text)}:
                return literal(text, "timestamp")
        return self._expression(*_operation(tree), depth)

    def _expression(self, operator: str, arguments: Sequence[object], depth: int) -> ast.Scalar:
        lower = operator.lower()
        if lower in {"casei", "accenti"}:
            inner = self._scalar(_exactly(operator, arguments, 1)[0], depth + 1)
            _require_texts(inner)
            return ast.CaseInsensitive(inner) if lower == "casei" else ast.AccentInsensitive(inner)
        if operator in _ARITHMETIC:
            left, right = (self._scalar(a, depth + 1) for a in _exactly(operator, arguments, 2))
            if left.type != "number" or right.type != "number":
                raise bad_filter(f"{operator} takes numbers", f"{operator} 只用于数值")
            return ast.Arithmetic(operator, left, right)  # type: ignore[arg-type]  # held by _ARITHMETIC
        if lower in FUNCTIONS:
            return self._call(lower, arguments, depth + 1)
        raise bad_filter(f"{operator[:40]!r} is not supported", f"不支持 {operator[:40]!r}")

    def _call(self, name: str, arguments: Sequence[object], depth: int) -> ast.Call:
        function = FUNCTIONS[name]
        made: list[ast.Scalar | ast.Geometry] = []
        for kind, tree in zip(function.arguments, _exactly(name, arguments, len(function.arguments)), strict=True):
            argument = self._geometry(tree) if kind == "geometry" else self._scalar(tree, depth)
            if not isinstance(argument, ast.Geometry) and argument.type != kind:
                raise bad_filter(f"{name} takes a {kind}", f"{name} 的参数应为{_TITLES_ZH[kind]}")
            made.append(argument)
        return ast.Call(name, tuple(made), function.returns)

    def _property(self, name: str) -> ast.Property:
        if name in self.names:
            return self.names[name]
        kind = self.target.value_types.get(name)
        if name in ARRAY_FIELDS:
            raise bad_filter(f"{name} is a list: ask it with A_CONTAINS and the like", f"{name} 为列表，请用 A_CONTAINS 等数组函数")
        if kind is None:
            raise BadRequestError(f"the collection has no property {name[:40]!r}", zh=f"该集合没有属性 {name[:40]!r}").with_code(
                "unknown-property"
            )
        return ast.Property(name, kind)

    def _span(self, tree: object, depth: int) -> ast.Span:
        if not (isinstance(tree, dict) and "interval" in tree):
            instant = self._end(tree, depth)
            return ast.Span(instant, instant)
        ends = tree["interval"]
        if not isinstance(ends, list) or len(ends) != 2:
            raise bad_filter("an interval has two ends", "时间区间须有两端")
        start, end = (None if e == ".." else self._end(e, depth) for e in ends)
        return ast.Span(start, end)

    def _end(self, tree: object, depth: int) -> ast.Scalar:
        if isinstance(tree, str):
            tree = {"timestamp": tree} if "T" in tree.upper() else {"date": tree}
        scalar = self._scalar(tree, depth)
        if not isinstance(scalar, ast.Property | ast.Value) or scalar.type not in {"date", "timestamp"}:
            raise bad_filter("a temporal predicate takes dates and timestamps", "时间谓词只用于日期和时间")
        return scalar

    def _geometry(self, tree: object) -> ast.Geometry:
        if isinstance(tree, dict) and "property" in tree:
            if tree["property"] not in GEOMETRY_NAMES:
                raise bad_filter(f"{str(tree['property'])[:40]!r} is no geometry", f"{str(tree['property'])[:40]!r} 不是几何属性")
            return ast.Geometry(None)
        if isinstance(tree, dict) and "bbox" in tree:
            return ast.Geometry(self._box(tree["bbox"]))
        try:
            made = shape(cast("Mapping[str, object]", tree))
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, GEOSException):
            raise bad_filter("that is no geometry", "不是几何图形") from None
        return ast.Geometry(self._literal_geometry(made))

    def _box(self, bounds: object) -> BaseGeometry:
        if not isinstance(bounds, list) or len(bounds) not in _BBOX_SIZES or not all(type(b) in {int, float} for b in bounds):
            raise bad_filter("BBOX takes 4 or 6 numbers", "BBOX 须为 4 个或 6 个数值")
        # Spatial predicates are in the plane: heights are read and left aside.
        half = len(bounds) // 2
        flat = tuple(float(b) for b in (*bounds[:2], *bounds[half : half + 2]))
        area = bbox_area(flat, self.filter_crs, self.target.storage_srid)
        return shapely.from_wkb(area.region) if area.region is not None else everywhere(self.target.storage_srid)

    def _literal_geometry(self, made: BaseGeometry) -> BaseGeometry:
        self.vertices += int(shapely.get_num_coordinates(made))
        if self.vertices > MAX_VERTICES:
            raise too_complex(f"more than {MAX_VERTICES} vertices", f"顶点超过 {MAX_VERTICES} 个")
        flat = shapely.force_2d(made)
        if not all(math.isfinite(b) for b in flat.bounds) or flat.is_empty:
            raise bad_filter("a geometry needs finite positions", "几何图形的坐标须为有限值")
        if not shapely.is_valid(flat):
            raise too_complex(f"invalid geometry ({shapely.is_valid_reason(flat)})", "几何图形无效")
        if not self.filter_crs.xy:
            flat = shapely.transform(flat, lambda xy: xy[:, ::-1])
        stored = to_storage(flat, self.filter_crs, self.target.storage_srid, MOST_POINTS - self.points)
        self.points += int(shapely.get_num_coordinates(stored))
        return stored


def _operation(tree: object) -> tuple[str, list[object]]:
    match tree:
        case {"op": str(operator), "args": list(arguments)}:
            return operator, arguments
        case _:
            raise bad_filter("an expression is missing or of an unknown form", "缺少表达式或形式未知")


def _exactly(operator: str, arguments: Sequence[object], count: int) -> Sequence[object]:
    if len(arguments) != count:
        raise bad_filter(f"{operator} takes {count} arguments", f"{operator} 需要 {count} 个参数")
    return arguments


def _number(value: float) -> ast.Value:
    if not math.isfinite(value):
        raise bad_filter("a number is not finite", "数值须为有限值")
    exact = isinstance(value, int) and abs(value) < 2**63
    return ast.Value(value if exact else float(value), "number")


def _require_texts(*scalars: ast.Scalar) -> None:
    if any(s.type != "text" for s in scalars):
        raise bad_filter("LIKE and CASEI take texts", "LIKE 和 CASEI 只用于文本")


def _require_pattern(scalar: ast.Scalar) -> None:
    # PostgreSQL refuses a pattern that ends in its escape character.
    pattern = scalar
    while isinstance(pattern, ast.CaseInsensitive | ast.AccentInsensitive):
        pattern = pattern.of
    if isinstance(pattern, ast.Value):
        text = str(pattern.value)
        if (len(text) - len(text.rstrip("\\"))) % 2 == 1:
            raise bad_filter("the pattern ends in an escape", "模式以转义符结尾")


def _same_types(left: ast.Scalar, right: ast.Scalar) -> None:
    times = {"date", "timestamp"}
    if left.type != right.type and not {left.type, right.type} <= times:
        raise bad_filter(f"{left.type} is compared with {right.type}", f"{_TITLES_ZH[left.type]}与{_TITLES_ZH[right.type]}不能比较")
