"""docs/rules.md: every rule with what it says, where it comes from and which FeatureTypes use it, in Chinese and English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from twin.model import FeatureType
from twin.rules.parameters import thawed
from twin.rules.rule import Parameter, Rule

_HEAD = """# 检查规则 · Rules

每次检查所用的规则，由规则文件（`twin/rules/*.yaml`）生成，不手工修改。单看一条：`twin rules ID` 或 `GET /api/rules`。
The rules every file is checked by, generated from the rule files by `twin rules --page docs/rules.md` and not edited.
One of them: `twin rules ID`, all as JSON: `GET /api/rules`.

| | |
|---|---|
| `blocking` | 整个文件拒收 · the file is refused |
| `error` | 该行拒收 · the row is left out |
| `review` | 保留该行，须人工核查 · the row stays, a person must look |
| `warning`, `info` | 保留该行 · the row stays |

每条规则注明出处：条款和版本，未与原文核对的予以说明；没有标准依据的写明“本系统自定”和理由。
Every rule says where it comes from: clause and edition, and whether they were compared with the book.
One that no standard gives says `own` and why.

可信度为 `low` 的规则（出处未经核对，或可能误判）从不判错，只提请核查。可豁免的规则，复核人可写明理由放行。
要素类型的 `checks` 可改级别和参数（[说明](featuretypes.md#checks)）。
A rule of confidence `low` (nobody compared it with its source, or it errs at times) never rejects: its hits are for review.
Where a rule is waivable a reviewer may let a hit pass with a reason.
The `checks` of a FeatureType change severities and parameters ([how](featuretypes.md#checks))."""

_FAMILIES: Mapping[str, str] = {
    "attributes": "属性 · Attributes",
    "geometry": "二维几何 · 2D geometry",
    "neighbours": "与已发布数据 · Against what is published",
    "network": "管网 · Networks",
    "planning": "规划与覆盖 · Planning and coverages",
    "sets": "全部行与引用 · All rows at once, references",
    "solids": "三维实体 · Solids (ISO 19107)",
    "structure": "读取与匹配 · Reading and matching",
    "understanding": "对文件的理解 · How a file is understood",
}
_PARAMETER_TYPES = {
    "number": "数值 · number",
    "integer": "整数 · integer",
    "text": "文本 · text",
    "boolean": "是否 · yes or no",
    "field": "字段 · field",
    "fields": "字段 · fields",
    "texts": "文本列表 · texts",
    "numbers": "数值列表 · numbers",
    "table": "表 · table",
}


def rules_page(rules: Mapping[str, Rule], types: Mapping[str, FeatureType]) -> str:
    """Return the page of all ``rules``; ``types`` are those whose checks may name them."""
    lines = [_HEAD, "", "| | | |", "|---|---|---|"]
    lines += [f"| [{r.id}](#{r.id.lower()}) | {r.title.zh} · {r.title.en} | `{r.severity.value}` |" for r in rules.values()]
    for family in dict.fromkeys(r.family for r in rules.values()):
        lines += ["", f"## {_FAMILIES[family]}"]
        for rule in (r for r in rules.values() if r.family == family):
            lines += ["", *rule_lines(rule, types)]
    return "\n".join(lines) + "\n"


def rule_lines(rule: Rule, types: Mapping[str, FeatureType]) -> Iterator[str]:
    """Yield everything about one rule, as Markdown."""
    yield f"### {rule.id}"
    yield ""
    yield f"**{rule.title.zh} · {rule.title.en}**"
    yield ""
    yield rule.advice.zh
    yield rule.advice.en
    yield ""
    hard = f"，{'、'.join(rule.hard_for)} 除外 · but of {', '.join(rule.hard_for)}" if rule.hard_for else ""
    waivable = f"可豁免 · waivable{hard}" if rule.waivable else "不可豁免 · not waivable"
    yield f"- 级别 · Severity: `{rule.severity.value}`；可信度 · confidence: {rule.confidence}；{waivable}"
    if rule.aliases:
        yield f"- 又称 · Also known as: {', '.join(rule.aliases)}"
    yield f"- 出处 · Source: {rule.source.zh if _is_alike(rule) else f'{rule.source.zh} · {rule.source.en}'}"
    if rule.needs:
        yield f"- 需要 · Needs: {', '.join(f'`{name}`' for name in rule.needs)}"
    for name, parameter in rule.parameters.items():
        yield f"- 参数 · Parameter `{name}`: {_parameter(parameter)}"
    yield f"- 适用 · Used by: {_users(rule, types)}"


def _is_alike(rule: Rule) -> bool:
    """Return whether a source is the same in both languages but for its brackets: no more than the number of a clause."""
    return rule.source.en == rule.source.zh.replace("（", " (").replace("）", ")")


def _parameter(parameter: Parameter) -> str:
    said = [_PARAMETER_TYPES[parameter.type]]
    if parameter.title is not None:
        said.insert(0, f"{parameter.title.zh} · {parameter.title.en}")
    if parameter.unit is not None:
        said.append(f"`{parameter.unit}`")
    if parameter.choices:
        said.append(f"取值 · one of {', '.join(f'`{choice}`' for choice in parameter.choices)}")
    if parameter.required:
        said.append("必填 · required")
    elif parameter.default is not None:
        said.append(f"默认 · default {thawed(parameter.default)}")
    return "；".join(said)


def _users(rule: Rule, types: Mapping[str, FeatureType]) -> str:
    """Say which FeatureTypes use a rule, each with what it changes."""
    named = [_use(ft, rule) for ft in types.values() if any(check.rule == rule.id for check in ft.checks)]
    everybody = ["所有要素类型 · every FeatureType"] if rule.run == "always" else []
    return _joined([*everybody, *named]) or "无 · none"


def _use(ft: FeatureType, rule: Rule) -> str:
    graver = {str(check.parameters["severity"]) for check in ft.checks if check.rule == rule.id and "severity" in check.parameters}
    changed = f" ({', '.join(sorted(graver))})" if graver - {rule.severity.value} else ""
    return f"`{ft.name}`{changed}"


def _joined(texts: Sequence[str]) -> str:
    return ", ".join(texts)
