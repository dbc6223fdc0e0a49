"""The page of a code list in docs/data/codes, and its legend as a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from twin.model import CodeList, Crosswalk, FeatureType

_ROW_PX, _SWATCH_PX, _WIDTH_PX, _COLUMN_ROWS = 22, 14, 320, 30
_NO_COLOR = "#ffffff"


def code_lists(types: Mapping[str, FeatureType]) -> dict[str, CodeList]:
    """Return every code list that a field of ``types`` has, by id."""
    found = {f.codelist.id: f.codelist for ft in types.values() for f in ft.fields if f.codelist is not None}
    return dict(sorted(found.items()))


def code_page(code_list: CodeList, types: Mapping[str, FeatureType]) -> str:
    """Return the page of a code list: where it comes from, who uses it, and every code with titles, colour and spellings."""
    return "\n".join(_page(code_list, types)) + "\n"


def _page(code_list: CodeList, types: Mapping[str, FeatureType]) -> Iterator[str]:
    compared = "已与来源核对 · compared with its source" if code_list.verified else "未与来源原文核对 · not compared with the source's text"
    users = [f"[{ft.name}](../{ft.name}.md)`.{f.name}`" for ft in types.values() for f in ft.fields if f.codelist == code_list]
    yield f"# {code_list.title.zh} · {code_list.title.en}"
    yield ""
    yield f"`{code_list.id}`；{compared}。"
    yield ""
    yield f"来源 · Source: {code_list.source}"
    yield ""
    yield f"用于 · Used by: {'、'.join(users)}"
    yield ""
    yield f"![{code_list.title.zh}]({code_list.id}.svg)"
    yield ""
    yield "| 代码 · Code | 中文 | English | 颜色 · Colour | 上级 · Parent | 其他写法 · Spellings |"
    yield "|---|---|---|---|---|---|"
    for code in code_list.codes:
        spellings = "、".join(code.aliases).replace("|", "\\|")
        yield f"| `{code.code}` | {code.title.zh} | {code.title.en} | {code.color or ''} | {code.parent or ''} | {spellings} |"
    for crosswalk in code_list.crosswalks:
        yield from _crosswalk(crosswalk)


def _crosswalk(crosswalk: Crosswalk) -> Iterator[str]:
    """Yield what codes of another classification become, and where they are taken for such."""
    compared = "已与来源核对 · compared with its source" if crosswalk.verified else "未与来源原文核对 · not compared with the source's text"
    yield ""
    yield f"## {crosswalk.title.zh} · {crosswalk.title.en}"
    yield ""
    yield f"来源 · Source: {crosswalk.source}（{compared}）"
    yield ""
    if crosswalk.columns:
        columns = "、".join(f"`{name}`" for name in crosswalk.columns)
        yield f"下列名称的列按此分类理解 · Columns of these names hold codes of this classification: {columns}"
        yield ""
    if crosswalk.columns_perhaps:
        columns = "、".join(f"`{name}`" for name in crosswalk.columns_perhaps)
        yield f"下列名称的列由数据判断，不能判断时询问 · Columns of these names are told by their values, else asked about: {columns}"
        yield ""
    if crosswalk.prefix:
        yield f"其他列中代码前加 `{crosswalk.prefix}` · In other columns with `{crosswalk.prefix}` before the code"
        yield ""
    yield "| 原代码 · Code there | 中文 | 代码 · Code here |"
    yield "|---|---|---|"
    for crossed in crosswalk.codes:
        yield f"| `{crossed.code}` | {crossed.title_zh or ''} | `{crossed.to}` |"


def code_legend(code_list: CodeList) -> str:
    """Return the legend of a code list as SVG: a swatch, the code and both titles a line, in columns of thirty."""
    columns = -(-len(code_list.codes) // _COLUMN_ROWS)
    rows = min(len(code_list.codes), _COLUMN_ROWS)
    width, height = columns * _WIDTH_PX, rows * _ROW_PX + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<g font-family="sans-serif" font-size="12" fill="#222222">',
    ]
    for number, code in enumerate(code_list.codes):
        x, y = number // _COLUMN_ROWS * _WIDTH_PX + 8, number % _COLUMN_ROWS * _ROW_PX + 8
        text = escape(f"{code.code}  {code.title.zh}  {code.title.en}")
        lines.append(
            f'<rect x="{x}" y="{y}" width="{_SWATCH_PX}" height="{_SWATCH_PX}" fill="{code.color or _NO_COLOR}" stroke="#888888"/>'
            f'<text x="{x + 22}" y="{y + 11}">{text}</text>'
        )
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"
