"""The first page of docs/data: all FeatureTypes, and a diagram of what refers to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twin.model import FeatureType


def index_page(types: Mapping[str, FeatureType]) -> str:
    """Return the index of ``types``: what they are, by place in the city information model, and their references as a Mermaid graph."""
    return "\n".join(_page(types)) + "\n"


def _page(types: Mapping[str, FeatureType]) -> Iterator[str]:
    yield "# 数据说明 · The data"
    yield ""
    yield "每种要素一页：字段、单位、代码、别名、检查、引用、三维形式和样例。各页由要素类型文件生成，不手工修改。"
    yield ""
    yield "A page for every FeatureType: fields, units, codes, aliases, checks, references, 3D form and an example. The pages are"
    yield "generated from the FeatureType files by `twin types --pages docs/data` and not edited. How such a file is written:"
    yield "[featuretypes.md](../featuretypes.md); how you add one of your own: [own-type.md](../own-type.md)."
    yield ""
    yield "每种要素另有 `valid_from`、`valid_to`（有效期）、`admin_codes`（发布时求得的行政区划）和 `extra`（未映射的源列，JSON）。"
    yield "CIM 分类与级别凭公开资料整理，未与标准原文核对。Classes and levels of CIM were not compared with the standard's text."
    yield ""
    yield "| 要素 · Type | | CIM | 几何 · Geometry | 自然键 · Key |"
    yield "|---|---|---|---|---|"
    for ft in sorted(types.values(), key=lambda t: (t.cim_class, t.cim_level, t.name)):
        key = " + ".join(f"`{name}`" for name in ft.natural_key)
        geometry = f"{ft.geometry_type}{' Z' if ft.has_z else ''}"
        yield f"| [{ft.title.zh}]({ft.name}.md) | {ft.title.en} | {ft.cim_class}，{ft.cim_level} | {geometry} | {key} |"
    yield ""
    yield "## 引用关系 · What refers to what"
    yield ""
    yield "虚线是必须存在的端点（规则 `node-exists`）。A dotted line is an end that must be there (rule `node-exists`)."
    yield ""
    yield "```mermaid"
    yield from _graph(types)
    yield "```"


def _graph(types: Mapping[str, FeatureType]) -> Iterator[str]:
    yield "graph LR"
    edges: list[str] = []
    joined: set[str] = set()
    for ft in types.values():
        for field in ft.fields:
            if field.reference is not None:
                joined |= {ft.name, field.reference.type}
                edges.append(f"  {ft.name} -->|{field.reference.title.zh}| {field.reference.type}")
        for check in ft.checks:
            if check.rule == "node-exists":
                joined |= {ft.name, str(check.parameters["type"])}
                edges.append(f"  {ft.name} -.-> {check.parameters['type']}")
    yield from (f'  {ft.name}["{ft.title.zh}<br/>{ft.name}"]' for ft in types.values() if ft.name in joined)
    yield from edges
