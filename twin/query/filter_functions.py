"""The functions a filter may call (OGC 21-065r2, 7.13): a fixed list, each a pure expression of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from psycopg import sql

from twin.errors import Text
from twin.query.filter_ast import ValueType

ArgumentType = Literal["geometry", "number", "text"]


@dataclass(frozen=True, slots=True)
class FilterFunction:
    """A function of filters: what it takes and gives, and how PostgreSQL computes it."""

    description: Text
    arguments: tuple[ArgumentType, ...]
    returns: ValueType
    expression: sql.SQL
    """With one placeholder an argument."""


def _of(zh: str, en: str, arguments: tuple[ArgumentType, ...], expression: str) -> FilterFunction:
    return FilterFunction(Text(zh, en), arguments, "number", sql.SQL(expression))


FUNCTIONS: Mapping[str, FilterFunction] = MappingProxyType(
    {
        "area": _of("面积（存储坐标系，平方米）", "Area in the storage CRS, in square metres", ("geometry",), "ST_Area({})"),
        "length": _of("平面长度（米）", "Length in the plane, in metres", ("geometry",), "ST_Length({})"),
        "length3d": _of("三维长度（米）", "Length in space, in metres", ("geometry",), "ST_3DLength({})"),
        "distance": _of("平面距离（米）", "Distance in the plane, in metres", ("geometry", "geometry"), "ST_Distance({}, {})"),
        "minz": _of("最低高程（米）", "Lowest height, in metres", ("geometry",), "ST_ZMin({})"),
        "maxz": _of("最高高程（米）", "Highest height, in metres", ("geometry",), "ST_ZMax({})"),
        "numpoints": _of("顶点数", "Number of vertices", ("geometry",), "ST_NPoints({})"),
        "charlength": _of("字符数", "Number of characters", ("text",), "char_length({})"),
        "abs": _of("绝对值", "Absolute value", ("number",), "abs({})"),
        "floor": _of("向下取整", "Greatest whole number not above", ("number",), "floor({})"),
        "ceiling": _of("向上取整", "Least whole number not below", ("number",), "ceil({})"),
        "round": _of("四舍五入", "Nearest whole number", ("number",), "round({})"),
    }
)
"""By lower-case name: names of functions are not case-sensitive."""
