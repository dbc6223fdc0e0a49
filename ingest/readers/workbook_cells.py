"""What a workbook's XML says of its cells and its values do not: errors, formulas that were never calculated, rows that a filter hides.

Such cells come as empty ones: whoever handed the workbook in is told where they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from posixpath import join, normpath

from ingest.readers.archive import Archive
from twin.errors import Text

_SHEET = re.compile(r"<(?:\w{1,40}:)?sheet\b[^<>]{0,4000}>")
_RELATION = re.compile(r"<(?:\w{1,40}:)?Relationship\b[^<>]{0,4000}>")
_ATTRIBUTE = re.compile(r'\b([\w:]{1,80})="([^"]*)"')
_ERROR = re.compile(rb'<c r="([A-Z]{1,3}[0-9]{1,7})"[^>]{0,80}\bt="e"')
_UNCALCULATED = re.compile(
    rb'<c r="([A-Z]{1,3}[0-9]{1,7})"(?![^>]{0,80}\bt="str")[^>]{0,80}><f(?:[^>]{0,200}/>|[^>]{0,200}>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>'
)
"""A formula whose result is the empty text has that as its type."""
_HIDDEN_ROW = re.compile(rb'<row r="([0-9]{1,7})"[^>]{0,200}\bhidden="(?:1|true)"')
_SHOWN = 8


def cell_notes(archive: Archive) -> Mapping[str, tuple[Text, ...]]:
    """Return for each sheet of an XLSX, by name, what is to be said of its cells; nothing where the parts are called otherwise."""
    return {name: notes for name, part in _parts(archive).items() if (notes := _notes(archive.read(part)))}


def _parts(archive: Archive) -> dict[str, str]:
    """Return the part that holds each sheet."""
    relations, book = "xl/_rels/workbook.xml.rels", "xl/workbook.xml"
    if not {relations, book} <= {*archive.names}:
        return {}
    targets = {a.get("Id"): a.get("Target", "") for a in _elements(_RELATION, archive.read(relations))}
    found = {a.get("name", ""): targets.get(a.get("r:id"), "") for a in _elements(_SHEET, archive.read(book))}
    parts = {name: target.lstrip("/") if target.startswith("/") else normpath(join("xl", target)) for name, target in found.items()}
    return {name: part for name, part in parts.items() if part in archive.names}


def _elements(kind: re.Pattern[str], content: bytes) -> list[dict[str, str]]:
    text = content.decode("utf-8", "replace")
    return [{name: unescape(value) for name, value in _ATTRIBUTE.findall(element)} for element in kind.findall(text)]


def _notes(sheet: bytes) -> tuple[Text, ...]:
    notes: list[Text] = []
    if (named := _named(_ERROR, sheet)) is not None:
        zh, en = (
            f"单元格 {named.zh}是错误值（如 #REF!、#N/A），按空值处理",
            f"cells {named.en} hold errors (such as #REF!): they count as empty",
        )
        notes.append(Text(zh, en))
    if (named := _named(_UNCALCULATED, sheet)) is not None:
        zh = f"单元格 {named.zh}的公式没有计算结果，按空值处理：请用 Excel 或 WPS 打开并保存后再提交"
        en = f"formulas of cells {named.en} were never calculated and count as empty: open and save the workbook, then hand it in"
        notes.append(Text(zh, en))
    if (named := _named(_HIDDEN_ROW, sheet)) is not None:
        zh, en = f"第 {named.zh}行被筛选或隐藏，仍作为数据读取", f"rows {named.en} are hidden or filtered out and are read all the same"
        notes.append(Text(zh, en))
    return tuple(notes)


def _named(what: re.Pattern[bytes], sheet: bytes) -> Text | None:
    """Return the first cells or rows that are found, and how many there are in all; None without any."""
    shown: list[str] = []
    count = 0
    for count, found in enumerate(what.finditer(sheet), start=1):
        if count <= _SHOWN:
            shown.append(found[1].decode())
    if count > _SHOWN:
        return Text(f"{'、'.join(shown)} 等 {count} 处", f"{', '.join(shown)} and others, {count} in all,")
    return Text(f"{'、'.join(shown)} ", ", ".join(shown)) if shown else None
