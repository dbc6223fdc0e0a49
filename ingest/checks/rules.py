"""The row rules that always run, and how loud each is for a FeatureType."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twin.errors import Text
from twin.model import FeatureType, Finding, Severity

ROW_RULES: Mapping[str, Text] = {
    "structure": Text(zh="要素结构", en="structure of the feature"),
    "geometry-structure": Text(zh="几何结构", en="structure of the geometry"),
    "geometry-empty": Text(zh="几何为空", en="empty geometry"),
    "geometry-type": Text(zh="几何类型", en="geometry type"),
    "geometry-finite": Text(zh="坐标非数值", en="finite coordinates"),
    "geometry-limit": Text(zh="顶点过多", en="number of vertices"),
    "geometry-valid": Text(zh="几何无效", en="validity of the geometry"),
    "area-of-use": Text(zh="超出范围", en="area of use"),
    "end-point": Text(zh="端点缺失", en="end points of a line"),
    "type": Text(zh="值的类型", en="type of a value"),
    "code": Text(zh="代码", en="code"),
    "required": Text(zh="必填", en="required value"),
    "range": Text(zh="取值范围", en="range"),
    "max-length": Text(zh="长度", en="length of text"),
    "date-order": Text(zh="日期先后", en="order of dates"),
    "no-value": Text(zh="无值", en="numbers that stand for no value"),
    "geometry-noded": Text(zh="投影后重建结点", en="noding after projection"),
    "height-missing": Text(zh="缺少高程", en="missing elevation"),
    "height-differs": Text(zh="高程不一致", en="elevations that differ"),
}
"""Rule id → title."""

_SET_RULES: Mapping[str, Text] = {
    "unique": Text(zh="重复", en="repeated value"),
    "node-exists": Text(zh="端点不存在", en="ends that meet no node"),
    "reference": Text(zh="引用不存在", en="references that name nothing"),
    "natural-key": Text(zh="没有唯一编号", en="features without a key"),
    "kept": Text(zh="保留已发布要素", en="published features that stay"),
    "delete-unknown": Text(zh="要删除的要素不存在", en="deletes of nothing"),
    "reading": Text(zh="读取说明", en="how the file was understood"),
}
"""The same for rules over all rows, and for what reading and matching say."""

_WARNINGS = ("height-missing", "height-differs", "reference")
NEVER_SOFTENED = frozenset({"structure", "geometry-structure", "geometry-empty", "geometry-type", "geometry-finite", "geometry-limit"})


@dataclass(frozen=True, slots=True)
class Severities:
    """How loud each rule is for one FeatureType: ERROR unless a check of the type says otherwise."""

    by_rule: Mapping[tuple[str, str | None], Severity]

    @staticmethod
    def of(feature_type: FeatureType) -> Severities:
        """Return the severities; the validity of polygons cannot be softened (the doors would repair it at every request)."""
        found: dict[tuple[str, str | None], Severity] = {(rule, None): Severity.WARNING for rule in _WARNINGS}
        for check in feature_type.checks:
            severity = check.parameters.get("severity")
            polygon = check.rule == "geometry-valid" and feature_type.geometry_type == "MultiPolygon"
            if severity is None or polygon or check.rule in NEVER_SOFTENED:
                continue
            fields = check.parameters.get("fields")
            names = tuple(str(f) for f in fields) if isinstance(fields, list | tuple) else (None,)
            found.update({(check.rule, name): Severity(str(severity)) for name in names})
        return Severities(found)

    def of_rule(self, rule: str, field: str | None = None) -> Severity:
        """Return the severity of ``rule`` for ``field``."""
        general = self.by_rule.get((rule, None), Severity.ERROR)
        return self.by_rule.get((rule, field), general)


def title_of(rule: str) -> Text:
    """Return the title of a rule, its id where it has none."""
    return ROW_RULES.get(rule) or _SET_RULES.get(rule) or Text(rule, rule)


def is_rejection(finding: Finding) -> bool:
    """Return whether the row of this finding is left out."""
    return finding.severity in (Severity.ERROR, Severity.BLOCKING)
