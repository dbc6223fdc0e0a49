"""What is wrong with a value of /api, in both languages: pydantic says it in English alone."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from typing import Any

from twin.errors import Text

_ZH: Mapping[str, str] = MappingProxyType(
    {
        "missing": "缺少该值",
        "extra_forbidden": "此处没有该成员",
        "json_invalid": "不是有效的 JSON",
        "model_attributes_type": "应为对象",
        "dict_type": "应为对象",
        "list_type": "应为数组",
        "string_type": "应为文本",
        "bool_type": "应为布尔值",
        "bool_parsing": "应为布尔值",
        "int_type": "应为整数",
        "int_parsing": "应为整数",
        "int_parsing_size": "整数过大",
        "int_from_float": "应为整数",
        "float_type": "应为数值",
        "float_parsing": "应为数值",
        "finite_number": "应为有限数值",
        "uuid_type": "应为 UUID",
        "uuid_parsing": "应为 UUID",
        "enum": "应为 {expected} 之一",
        "literal_error": "应为 {expected} 之一",
        "greater_than": "应大于 {gt}",
        "greater_than_equal": "应不小于 {ge}",
        "less_than": "应小于 {lt}",
        "less_than_equal": "应不大于 {le}",
        "string_too_short": "至少 {min_length} 个字符",
        "string_too_long": "至多 {max_length} 个字符",
        "string_pattern_mismatch": "格式不符",
        "too_short": "至少 {min_length} 项",
        "too_long": "至多 {max_length} 项",
    }
)
"""By pydantic's types of errors; what stands in braces is of the error's context."""
_OTHER = "值无效"


def fault_text(fault: Mapping[str, Any]) -> Text:
    """Return what one error of pydantic's (``type``, ``msg``, ``ctx``) says."""
    pattern, context = _ZH.get(str(fault["type"]), _OTHER), fault.get("ctx") or {}
    names = {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
    if "expected" in context:
        context = {**context, "expected": str(context["expected"]).replace(" or ", "、").replace(", ", "、")}
    zh = pattern.format_map(context) if names <= set(context) else _OTHER
    return Text(zh, str(fault["msg"]))
