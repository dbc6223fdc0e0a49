"""What a workbook's XML says of its cells and its values do not: errors, formulas that were never calculated, rows that a filter hides.

Such cells come as empty ones: whoever handed the workbook in is told where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import unescape
from posixpath import join, normpath

from ingest.readers.archive import Archive
from ingest.readers.element_pieces import PIECE_BYTES, cut_behind
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
    return {
        name: notes
        for name, part in sheet_parts(archive).items()
        if (notes := _notes(cut_behind(b"row>", archive.pieces(part), PIECE_BYTES)))
    }


def sheet_parts(archive: Archive) -> dict[str, str]:
    """Return the part that holds each sheet of an XLSX, by the sheet's name; nothing where the parts are called otherwise."""
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


@dataclass
class _Found:
    """The first cells or rows of a kind, and how many there are in all."""

    what: re.Pattern[bytes]
    shown: list[str] = field(default_factory=list)
    count: int = 0

    def look(self, piece: bytes) -> None:
        for found in self.what.finditer(piece):
            self.count += 1
            if self.count <= _SHOWN:
                self.shown.append(found[1].decode())

    def named(self) -> Text:
        if self.count > _SHOWN:
            return Text(f"{'、'.join(self.shown)} 等 {self.count} 处", f"{', '.join(self.shown)} and others, {self.count} in all,")
        return Text(f"{'、'.join(self.shown)} ", ", ".join(self.shown))


def _notes(sheet: Iterable[bytes]) -> tuple[Text, ...]:
    """Return the notes of a sheet that comes in pieces, each of whole rows."""
    errors, uncalculated, hidden = _Found(_ERROR), _Found(_UNCALCULATED), _Found(_HIDDEN_ROW)
    for piece in sheet:
        for each in (errors, uncalculated, hidden):
            each.look(piece)
    notes: list[Text] = []
    if errors.count:
        named = errors.named()
        zh, en = (
            f"单元格 {named.zh}是错误值（如 #REF!、#N/A），按空值处理",
            f"cells {named.en} hold errors (such as #REF!): they count as empty",
        )
        notes.append(Text(zh, en))
    if uncalculated.count:
        named = uncalculated.named()
        zh = f"单元格 {named.zh}的公式没有计算结果，按空值处理：请用 Excel 或 WPS 打开并保存后再提交"
        en = f"formulas of cells {named.en} were never calculated and count as empty: open and save the workbook, then hand it in"
        notes.append(Text(zh, en))
    if hidden.count:
        named = hidden.named()
        zh, en = f"第 {named.zh}行被筛选或隐藏，仍作为数据读取", f"rows {named.en} are hidden or filtered out and are read all the same"
        notes.append(Text(zh, en))
    return tuple(notes)
