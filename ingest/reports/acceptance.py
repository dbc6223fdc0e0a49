"""The acceptance sheet (成果验收单): what was handed in, by whom, what of it is right, and where to sign; A4, to be printed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, VAlign
from fpdf.fonts import FontFace
from fpdf.table import Table

from ingest.reports.fonts import FontFile
from ingest.reports.line_breaks import broken, has_chinese
from ingest.reports.report import CheckReport
from ingest.reports.words import moment_text, operation_text, severities_text, state_text, vertical_text
from ingest.reports.workbook import feature_name
from twin.errors import Text
from twin.model import Severity

_FAMILY = "sheet"
_MARGIN_MM = 16.0
_SIZE_PT, _SMALL_PT = 9.0, 7.0
_LINE_MM = 5.0
_PADDING_MM = (0.6, 1.2)
_RULE_MM = (20.0, 44.0)
"""Of a column of rule ids: what holds the words above it, and what leaves room for the others."""
_GRID_MM = (24.0, 72.0, 24.0, 58.0)
_HEADING_MM = 9
_SIGNATURE_MM = 26.0
_HEAD_FILL = (232, 237, 243)
_RULE = (90, 100, 112)
_MOST_WAIVERS = 200
"""More are in the workbook."""
Align = Literal["LEFT", "RIGHT", "CENTER"]
Row = Sequence[str]


def acceptance_sheet(report: CheckReport, language: str, font: FontFile) -> bytes:
    """Return the sheet as PDF, the characters it uses embedded; ``language`` is ``zh…`` or anything else for English."""
    sheet = _Sheet(report, language, font)
    sheet.write()
    return bytes(sheet.output())


def conclusion(report: CheckReport) -> Text:
    """Return what a report comes to in one line."""
    if report.refusal is not None or report.state == "rejected":
        return Text("不合格：文件整体拒收", "not accepted: the files are refused as a whole")
    open_reviews = sum(min(r.severities.get(Severity.REVIEW, 0), r.count - r.waived) for r in report.rules)
    left_out = report.rejected
    if left_out:
        return Text(f"部分合格：{left_out} 行拒收，其余可入库", f"accepted in part: {left_out} rows are left out")
    if open_reviews:
        return Text(f"合格，另有 {open_reviews} 项待核查", f"accepted; {open_reviews} findings are to be reviewed")
    return Text("合格", "accepted")


class _Sheet(FPDF):
    """The pages, from top to bottom."""

    def __init__(self, report: CheckReport, language: str, font: FontFile) -> None:
        super().__init__(format="A4", unit="mm")
        self._report = report
        self._language = language
        self._sections = 0
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=_MARGIN_MM + 4)
        self.add_font(_FAMILY, fname=font.path, collection_font_number=font.face)
        self.set_font(_FAMILY, size=_SIZE_PT)
        self.set_draw_color(*_RULE)
        self.set_title(self._say("成果验收单", "Acceptance sheet"))
        self.set_creator("citytwin")
        self.set_creation_date(report.checked_at)

    def write(self) -> None:  # type: ignore[override]  # its own `write` sets text, which nothing here calls
        """Write every section."""
        self.add_page()
        self._title()
        self._submission()
        self._files()
        self._reference()
        self._counts()
        self._measures()
        self._faults()
        self._waivers()
        self._signatures()

    def footer(self) -> None:
        """Write the page's number and which sheet it belongs to."""
        self.set_y(-_MARGIN_MM)
        self.set_font_size(_SMALL_PT)
        self.cell(0, 5, f"{self._report.submission or ''}", align="L")
        self.set_x(_MARGIN_MM)
        self.cell(0, 5, self._say(f"第 {self.page_no()} 页 / 共 {{nb}} 页", f"page {self.page_no()} of {{nb}}"), align="R")
        self.set_font_size(_SIZE_PT)

    def _title(self) -> None:
        self.set_font_size(11)
        self.cell(0, 7, self._report.city, align="C", new_x="LMARGIN", new_y="NEXT")
        self.set_font_size(18)
        self.cell(0, 11, self._say("空间数据成果验收单", "Acceptance sheet of spatial data"), align="C", new_x="LMARGIN", new_y="NEXT")
        self.set_line_width(0.6)
        self.line(_MARGIN_MM, self.get_y() + 1, self.w - _MARGIN_MM, self.get_y() + 1)
        self.set_line_width(0.2)
        self.line(_MARGIN_MM, self.get_y() + 2, self.w - _MARGIN_MM, self.get_y() + 2)
        self.set_font_size(_SIZE_PT)
        self.ln(4)

    def _submission(self) -> None:
        r = self._report
        self._heading("提交与结论", "Submission and conclusion")
        commit = "—" if r.commit is None else f"{r.commit.number} {r.commit.name or ''} {moment_text(r.commit.time)}".replace("  ", " ")
        pairs = [
            (
                self._say("提交编号", "Submission"),
                r.submission or "—",
                self._say("状态", "State"),
                state_text(r.state).in_language(self._language),
            ),
            (self._say("提交人", "Submitted by"), r.actor, self._say("接收时间", "Received"), moment_text(r.received_at)),
            (self._say("发布提交", "Commit"), commit, self._say("检查时间", "Checked"), moment_text(r.checked_at)),
        ]
        self._grid(pairs)
        verdict = conclusion(r).in_language(self._language)
        refusal = "" if r.refusal is None else f"（{r.refusal.zh}）" if self._language.startswith("zh") else f" ({r.refusal.en})"
        self._table(None, [(self._say("检查结论", "Conclusion"), verdict + refusal)], (24, 154), fill_first=True)

    def _files(self) -> None:
        self._heading("成果文件", "Files")
        head = (self._say("文件名", "Name"), self._say("字节", "Bytes"), "SHA-256")
        rows = [(f.name, f"{f.size:,}", f.sha256 or "—") for f in self._report.files]
        self._table(head, rows, (50, 20, 108), ("LEFT", "RIGHT", "LEFT"), small=True)

    def _reference(self) -> None:
        r = self._report
        self._heading("坐标与高程", "Reference systems")
        self._grid(
            [
                (
                    self._say("存储坐标系", "Storage CRS"),
                    r.storage_crs,
                    self._say("高程系统", "Heights"),
                    vertical_text(r.vertical).in_language(self._language),
                )
            ]
        )
        head = (
            self._say("文件", "File"),
            self._say("图层", "Layer"),
            self._say("格式", "Format"),
            self._say("来源坐标系", "CRS of the source"),
            self._say("转换", "Operation"),
        )
        named = ("file", "layer", "format", "crs")
        operations = [operation_text(_text(s.get("operation"))).in_language(self._language) for s in r.sources]
        rows = [(*(_text(s.get(name)) for name in named), done) for s, done in zip(r.sources, operations, strict=True)]
        self._table(head, rows, (48, 28, 16, 40, 46), small=True)

    def _counts(self) -> None:
        self._heading("数量", "Counts")
        head = [self._say(zh, en) for zh, en in _COUNTS]
        rows = [
            (
                p.dataset,
                p.feature_type.title.in_language(self._language),
                f"{p.read:,}",
                f"{p.accepted:,}",
                f"{p.rejected:,}",
                *_changes(p.changes),
            )
            for p in self._report.parts
        ]
        self._table(head, rows, (38, 32, *(18,) * 7), ("LEFT", "LEFT", *("RIGHT",) * 7))

    def _measures(self) -> None:
        rows = [row for part in self._report.parts for row in self._measure_rows(part.dataset)]
        if not rows:
            return
        self._heading("合格成果量（平面长度与面积，存储坐标系）", "What was accepted, by kind (in plan, on the storage grid)")
        head = [self._say(zh, en) for zh, en in _MEASURES]
        self._table(head, rows, (44, 54, 22, 30, 30), ("LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT"))

    def _measure_rows(self, dataset: str) -> Iterator[Row]:
        part = next(p for p in self._report.parts if p.dataset == dataset)
        for m in part.measures:
            yield (part.dataset, part.kind_title(m.code, self._language), f"{m.count:,}", _number(m.length_m), _number(m.area_m2))
        if len(part.measures) > 1:
            length, area = sum(m.length_m for m in part.measures), sum(m.area_m2 for m in part.measures)
            yield (part.dataset, self._say("合计", "all"), f"{sum(m.count for m in part.measures):,}", _number(length), _number(area))

    def _faults(self) -> None:
        self._heading("问题统计", "Findings by rule and severity")
        if not self._report.rules:
            self._table(None, [(self._say("未发现问题", "nothing was found wrong"),)], (1,))
            return
        head = [self._say(zh, en) for zh, en in _FAULTS]
        rows = [
            (
                r.rule.id,
                r.rule.title.in_language(self._language),
                severities_text(r.severities, self._language),
                f"{r.count:,}",
                f"{r.waived:,}",
                r.rule.source.in_language(self._language) or "—",
            )
            for r in self._report.rules
        ]
        rule = self._rule_width(r.rule.id for r in self._report.rules)
        title = 44.0 if rule < 30 else 40.0
        widths = (rule, title, 18, 14, 14, self.epw - rule - title - 46)
        self._table(head, rows, widths, ("LEFT", "LEFT", "LEFT", "RIGHT", "RIGHT", "LEFT"))

    def _waivers(self) -> None:
        waivers = self._report.waivers
        if not waivers:
            return
        self._heading("豁免", "Waivers")
        head = [self._say(zh, en) for zh, en in _WAIVERS]
        rows = [
            (
                w.waiver.rule,
                feature_name(w.waiver.key, w.waiver.layer, w.waiver.row, self._language),
                w.waiver.reason,
                w.waiver.reviewer,
                _when(w.made_at),
            )
            for w in waivers[:_MOST_WAIVERS]
        ]
        if len(waivers) > _MOST_WAIVERS:
            rows.append(("…", self._say(f"共 {len(waivers)} 项", f"{len(waivers)} in all"), "", "", ""))
        rule = self._rule_width(row[0] for row in rows)
        self._table(head, rows, (rule, 40, self.epw - rule - 90, 24, 26))

    def _signatures(self) -> None:
        if self.will_page_break(_HEADING_MM + _SIGNATURE_MM):
            self.add_page()  # with its heading
        self._heading("签署", "Signatures")
        signers = [self._say(zh, en) for zh, en in _SIGNERS]
        width, top = self.epw / len(signers), self.get_y()
        for number, signer in enumerate(signers):
            x = _MARGIN_MM + number * width
            self.rect(x, top, width, _SIGNATURE_MM)
            self.set_xy(x + 2, top + 2)
            self.multi_cell(width - 4, _LINE_MM, signer, align="L")
            self.set_xy(x + 2, top + _SIGNATURE_MM - _LINE_MM - 1)
            self.cell(
                width - 4, _LINE_MM, self._say("        年    月    日", "Date:"), align="R" if self._language.startswith("zh") else "L"
            )
        self.set_y(top + _SIGNATURE_MM + 2)

    def _heading(self, zh: str, en: str) -> None:
        self._sections += 1
        if self.will_page_break(20):
            self.add_page()
        number = "一二三四五六七八九"[self._sections - 1] + "、" if self._language.startswith("zh") else f"{self._sections}. "
        self.ln(2)
        self.set_font_size(10.5)
        self.cell(0, 7, number + self._say(zh, en), new_x="LMARGIN", new_y="NEXT")
        self.set_font_size(_SIZE_PT)

    def _grid(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Write labels and values side by side, the labels shaded."""
        label = FontFace(fill_color=_HEAD_FILL)
        with self._open_table(_GRID_MM, first_row_as_headings=False) as table:
            for texts in rows:
                line = table.row()
                for number, text in enumerate(texts):
                    line.cell(self._in_column(text, _GRID_MM, number), style=label if number % 2 == 0 else None)

    def _table(
        self,
        head: Row | None,
        rows: Iterable[Row],
        widths: Sequence[float],
        align: Sequence[Align] | None = None,
        *,
        small: bool = False,
        fill_first: bool = False,
    ) -> None:
        """Write rows below a head that is repeated on every page."""
        label = FontFace(fill_color=_HEAD_FILL)
        self.set_font_size(_SMALL_PT if small else _SIZE_PT)
        with self._open_table(widths, align, first_row_as_headings=head is not None) as table:
            for texts in ([head] if head is not None else []) + list(rows):
                line = table.row()
                for number, text in enumerate(texts):
                    line.cell(self._in_column(text, widths, number), style=label if fill_first and number == 0 else None)
        self.set_font_size(_SIZE_PT)

    def _in_column(self, text: str, widths: Sequence[float], number: int) -> str:
        """Return a text as its lines fill a column of a table: FPDF ends lines at spaces, else anywhere."""
        if not has_chinese(text):
            return text
        room = widths[number] / sum(widths) * self.epw - 2 * (_PADDING_MM[1] + self.c_margin)
        return broken(text, room, self.get_string_width)

    def _rule_width(self, ids: Iterable[str]) -> float:
        """Return how wide a column is that no rule's id is broken in."""
        low, high = _RULE_MM
        around = 2 * (_PADDING_MM[1] + self.c_margin)
        return min(max([low, *(self.get_string_width(rule) + around for rule in ids)]), high)

    def _open_table(
        self, widths: Sequence[float], align: Sequence[Align] | None = None, *, first_row_as_headings: bool
    ) -> AbstractContextManager[Table]:
        return self.table(
            col_widths=tuple(widths),
            text_align=tuple(align) if align else "LEFT",
            borders_layout=TableBordersLayout.ALL,
            line_height=_LINE_MM - 0.4,
            padding=_PADDING_MM,
            v_align=VAlign.M,
            headings_style=FontFace(emphasis="", fill_color=_HEAD_FILL),
            first_row_as_headings=first_row_as_headings,
            width=self.epw,
        )

    def _say(self, zh: str, en: str) -> str:
        return zh if self._language.startswith("zh") else en


_COUNTS = (
    ("数据集", "Dataset"),
    ("类型", "Type"),
    ("读入", "Read"),
    ("合格", "Accepted"),
    ("拒收", "Rejected"),
    ("新增", "New"),
    ("修改", "Changed"),
    ("未变", "Same"),
    ("删除", "Deleted"),
)
_MEASURES = (("数据集", "Dataset"), ("类别", "Kind"), ("数量", "Features"), ("长度 (m)", "Length (m)"), ("面积 (m²)", "Area (m²)"))
_FAULTS = (("规则", "Rule"), ("名称", "Title"), ("级别", "Severity"), ("数量", "Count"), ("豁免", "Waived"), ("依据", "Clause"))
_WAIVERS = (("规则", "Rule"), ("要素", "Feature"), ("原因", "Reason"), ("复核人", "Reviewer"), ("时间", "When"))
_SIGNERS = (("提交单位（盖章）", "Submitted by"), ("检查人", "Checked by"), ("复核人", "Reviewed by"), ("接收单位（盖章）", "Received by"))


def _changes(changes: Mapping[str, int]) -> Iterator[str]:
    return (f"{changes[name]:,}" if name in changes else "—" for name in ("insert", "update", "unchanged", "delete"))


def _when(moment: dt.datetime | None) -> str:
    return "—" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _number(value: float) -> str:
    return f"{value:,.2f}" if value else "—"


def _text(value: object) -> str:
    return "—" if value in (None, "") else str(value)
