"""The report as a workbook: an overview, and per rule a sheet of its findings with the source rows beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from ingest.protocol import CellValue
from ingest.reports.cells import defused
from ingest.reports.report import CheckReport, ReportedPart, ReportedRule
from ingest.reports.words import SEVERITIES, moment_text, severities_text, state_text, vertical_text
from twin.errors import Text
from twin.model import Finding

_HEAD = Font(bold=True)
_TITLE = Font(bold=True, size=14)
_OWN = PatternFill("solid", fgColor="DCE6F1")
_SOURCE = PatternFill("solid", fgColor="FFF2CC")
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\]")
_COLUMNS: Sequence[tuple[Text, int]] = (
    (Text("规则", "Rule"), 16),
    (Text("级别", "Severity"), 12),
    (Text("文件", "File"), 22),
    (Text("图层", "Layer"), 16),
    (Text("行号", "Row"), 8),
    (Text("编号", "Key"), 16),
    (Text("说明（中文）", "Message (zh)"), 44),
    (Text("说明（英文）", "Message (en)"), 44),
    (Text("值", "Value"), 16),
    (Text("建议值", "Proposal"), 16),
    (Text("X（存储坐标系）", "X (storage CRS)"), 16),
    (Text("Y（存储坐标系）", "Y (storage CRS)"), 16),
    (Text("经度", "Longitude"), 14),
    (Text("纬度", "Latitude"), 14),
    (Text("豁免原因", "Waived because"), 24),
    (Text("豁免人", "Waived by"), 14),
)


class _Heading(str):
    """A text that stands over others."""

    __slots__ = ()


def write_workbook(path: Path, report: CheckReport, language: str) -> None:
    """Write the workbook to ``path``; rows go out as they are made, so its size is not kept in memory."""
    book = Workbook(write_only=True)
    overview = book.create_sheet("总览" if language.startswith("zh") else "Overview")
    for letter, width in zip("ABCDEFGH", (26, 30, 14, 14, 14, 14, 14, 60), strict=True):
        overview.column_dimensions[letter].width = width
    for row in _overview(report, language):
        overview.append([_cell(overview, cell, _HEAD) if isinstance(cell, _Heading) else defused(cell) for cell in row])
    titles: set[str] = set()
    for entry in report.rules:
        _write_rule(book, report, entry, _sheet_title(entry.rule.id, titles), language)
    book.save(path)


def _write_rule(book: Workbook, report: CheckReport, entry: ReportedRule, title: str, language: str) -> None:
    sheet = book.create_sheet(title)
    located = [(f, deg) for f, deg in report.located() if f.rule == entry.rule.id]
    columns = _source_columns(report, (f for f, _ in located))
    for number, width in enumerate([*(w for _, w in _COLUMNS), *(16 for _ in columns)], 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A4"
    sheet.append([_cell(sheet, f"{entry.rule.id} {entry.rule.title.in_language(language)}", _TITLE)])
    advice = f"{entry.rule.advice.in_language(language)} {entry.rule.source.in_language(language)}"
    sheet.append([defused(f"{_left_out(report, entry, language)} {advice}".strip())])
    own = [_head(sheet, title.in_language(language), _OWN) for title, _ in _COLUMNS]
    sheet.append([*own, *(_head(sheet, name, _SOURCE) for name in columns)])
    for finding, deg in located:
        row = [*_finding_cells(finding, deg, language), *_source_cells(report, finding, columns)]
        sheet.append([defused(value) for value in row])


def _left_out(report: CheckReport, entry: ReportedRule, language: str) -> str:
    """Return what stands over the findings of a rule of which not all are in its sheet."""
    if entry.kept >= entry.count:
        return ""
    zh = f"共 {entry.count} 条，本表列出前 {entry.kept} 条；全部问题（含行号）见 {report.all_findings}。"
    en = f"{entry.count} in all, the first {entry.kept} in this sheet; every one, with its row, is in {report.all_findings}."
    return zh if language.startswith("zh") else en


def _finding_cells(f: Finding, deg: tuple[float, float] | None, language: str) -> Iterator[CellValue]:
    yield from (f.rule, SEVERITIES[f.severity].in_language(language), f.file, f.layer, f.row, f.key, f.message.zh, f.message.en)
    yield from (f.value, f.proposal, *(f.place or (None, None)), *(deg or (None, None)), f.waived, f.waived_by)


def _source_columns(report: CheckReport, findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the columns of the sources of the findings, in the order in which they come."""
    found: dict[str, None] = {}
    for f in findings:
        row = None if f.row is None else report.source_rows.get((f.file, f.layer, f.row))
        found.update(dict.fromkeys(row.columns if row else ()))
    return tuple(found)


def _source_cells(report: CheckReport, finding: Finding, columns: Sequence[str]) -> Iterator[CellValue]:
    row = None if finding.row is None else report.source_rows.get((finding.file, finding.layer, finding.row))
    values = dict(zip(row.columns, row.values, strict=True)) if row else {}
    return (values.get(name) for name in columns)


def _overview(report: CheckReport, language: str) -> Iterator[Sequence[CellValue]]:
    """Yield the rows of the first sheet."""

    def say(zh: str, en: str) -> str:
        return zh if language.startswith("zh") else en

    def head(zh: str, en: str) -> _Heading:
        return _Heading(say(zh, en))

    yield (head("数据检查报告", "Report of a check"),)
    yield (say("城市", "City"), report.city)
    yield (say("存储坐标系", "Storage CRS"), report.storage_crs)
    yield (say("高程", "Heights"), vertical_text(report.vertical).in_language(language))
    yield (say("提交编号", "Submission"), report.submission or "")
    yield (say("状态", "State"), state_text(report.state).in_language(language))
    yield (say("提交人", "Submitted by"), report.actor)
    yield (say("检查时间", "Checked at"), moment_text(report.checked_at))
    if report.commit is not None:
        yield (say("发布提交", "Commit"), report.commit.number, report.commit.name or "")
    if report.refusal is not None:
        yield (say("整体拒收原因", "Refused as a whole"), report.refusal.in_language(language))
    yield (say("读入 / 合格 / 拒收", "Read / accepted / rejected"), report.read, report.read - report.rejected, report.rejected)
    if report.rows_omitted:
        yield (say("未附原始行", "Rows without their source"), report.rows_omitted)
    yield ()
    yield (head("文件", "File"), _Heading("SHA-256"), head("字节", "Bytes"))
    yield from ((f.name, f.sha256, f.size) for f in report.files)
    yield ()
    yield from _parts(report.parts, language)
    heads = (("规则", "Rule"), ("名称", "Title"), ("级别", "Severity"), ("数量", "Count"), ("已豁免", "Waived"), ("已列出", "Listed"))
    yield tuple(head(*texts) for texts in heads)
    for r in report.rules:
        title, severity = r.rule.title.in_language(language), severities_text(r.severities, language)
        yield (r.rule.id, title, severity, r.count, r.waived, r.kept, "", _left_out(report, r, language))
    yield ()
    if report.waivers:
        yield (
            head("豁免的规则", "Rule waived"),
            head("要素", "Feature"),
            head("复核人", "Reviewer"),
            head("时间", "When"),
            head("原因", "Reason"),
        )
        for entry in report.waivers:
            w = entry.waiver
            yield (
                w.rule,
                feature_name(entry.waiver.key, w.layer, w.row, language),
                w.reviewer,
                moment_text(entry.made_at),
                w.reason,
            )


def _parts(parts: Sequence[ReportedPart], language: str) -> Iterator[Sequence[CellValue]]:
    zh = ("数据集", "类型", "读入", "合格", "拒收", "长度 (m)", "面积 (m²)")
    en = ("Dataset", "Type", "Read", "Accepted", "Rejected", "Length (m)", "Area (m²)")
    yield tuple(map(_Heading, zh if language.startswith("zh") else en))
    for part in parts:
        length, area = sum(m.length_m for m in part.measures), sum(m.area_m2 for m in part.measures)
        yield (
            part.dataset,
            part.feature_type.title.in_language(language),
            part.read,
            part.accepted,
            part.rejected,
            _measure(length),
            _measure(area),
        )
        for m in part.measures if part.kind_field else ():
            yield ("", part.kind_title(m.code, language), "", m.count, "", _measure(m.length_m), _measure(m.area_m2))
    yield ()


def feature_name(key: str | None, layer: str | None, row: int | None, language: str) -> str:
    """Return how a waiver's feature is spoken of."""
    if key is not None:
        return key
    zh = language.startswith("zh")
    if row is not None:
        return f"{layer or ''} 第 {row} 行".strip() if zh else f"{layer or ''} row {row}".strip()
    return "全部要素" if zh else "every feature"


def _measure(value: float) -> float | None:
    return round(value, 3) or None


def _sheet_title(rule: str, taken: set[str]) -> str:
    """Return a name a sheet can have: at most 31 characters, no two alike to a spreadsheet, which does not tell a from A."""
    base = _NOT_IN_TITLES.sub("_", rule)[:31]
    title, number = base, 2
    while title.casefold() in taken:
        title, number = f"{base[:28]}_{number}", number + 1
    taken.add(title.casefold())
    return title


def _cell(sheet: WriteOnlyWorksheet, text: str, font: Font) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value=defused(text))
    cell.font = font
    return cell


def _head(sheet: WriteOnlyWorksheet, text: str, fill: PatternFill) -> WriteOnlyCell:
    cell = _cell(sheet, text, _HEAD)
    cell.fill, cell.alignment = fill, _WRAPPED
    return cell
