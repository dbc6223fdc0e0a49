"""Findings and whole reports as JSON and GeoJSON, for programs."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TextIO

import orjson

from ingest.reports.cells import defused
from ingest.reports.report import CheckReport, ReportedPart, ReportedRule, ReportedWaiver
from twin.errors import Text
from twin.model import Finding

Json = dict[str, object]
VERSION = 1
"""Of the JSON report; raised with every change that is more than an addition."""
_HEADER = ("规则 rule", "级别 severity", "文件 file", "图层 layer", "行号 row", "编号 key", "说明", "message", "值 value", "建议 proposal")
_ROWS_A_TEXT = 500
_HEADER_TAIL = ("豁免 waived", "复核人 waived by", "x", "y")


def finding_document(finding: Finding) -> Json:
    """Return a finding, its place in the storage CRS."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": finding.file,
        "layer": finding.layer,
        "row": finding.row,
        "key": finding.key,
        "message": text_document(finding.message),
        "value": finding.value,
        "proposal": finding.proposal,
        "waived": None if finding.waived is None else {"reason": finding.waived, "reviewer": finding.waived_by},
        "place": list(finding.place) if finding.place else None,
    }


def report_document(report: CheckReport) -> bytes:
    """Return the whole report as JSON, as `report.schema.json` describes it; with the source rows if the report has them."""
    document = {
        "version": VERSION,
        "city": {"name": report.city, "storage_crs": report.storage_crs, "vertical": report.vertical},
        "submission": report.submission,
        "state": report.state,
        "actor": report.actor,
        "received_at": report.received_at and report.received_at.isoformat(),
        "checked_at": report.checked_at.isoformat(),
        "commit": report.commit and {"number": report.commit.number, "time": report.commit.time.isoformat(), "name": report.commit.name},
        "refusal": report.refusal and text_document(report.refusal),
        "files": [asdict(f) for f in report.files],
        "sources": [dict(s) for s in report.sources],
        "read": report.read,
        "accepted": report.read - report.rejected,
        "rejected": report.rejected,
        "rows_omitted": report.rows_omitted,
        **_whole(report),
        "parts": [_part(p) for p in report.parts],
        "rules": [_rule(r) for r in report.rules],
        "waivers": [_waiver(w) for w in report.waivers],
        "findings": [finding_document(f) | {"place_deg": list(deg) if deg else None, **_source(report, f)} for f, deg in report.located()],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def places_document(report: CheckReport) -> bytes:
    """Return the findings that have a place as GeoJSON in CRS84 (RFC 7946)."""
    return located_findings(report.findings, report.places_deg, _whole(report))


def located_findings(findings: Sequence[Finding], places_deg: Sequence[tuple[float, float] | None], also: Json) -> bytes:
    """Return those of the findings that have a place as GeoJSON in CRS84 (RFC 7946), with the foreign members ``also``."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": list(deg)},
            "properties": {k: v for k, v in finding_document(f).items() if k != "place"},
        }
        for f, deg in zip(findings, places_deg, strict=True)
        if deg is not None
    ]
    return orjson.dumps({"type": "FeatureCollection", **also, "features": features})


def table_texts(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield a table of comma-separated values, a header first, places in the storage CRS: texts of some hundreds of findings each."""
    rest = iter(findings)
    text = io.StringIO(newline="")
    text.write("\ufeff")  # the mark makes Excel read UTF-8
    csv.writer(text).writerow((*_HEADER, *_HEADER_TAIL))
    while text.tell():
        yield text.getvalue()
        text = io.StringIO(newline="")
        _write_rows(text, itertools.islice(rest, _ROWS_A_TEXT))


def _write_rows(file: TextIO, findings: Iterable[Finding]) -> None:
    table = csv.writer(file)
    for f in findings:
        what = (f.rule, f.severity.value, f.file, f.layer, f.row, f.key, f.message.zh, f.message.en, f.value, f.proposal)
        table.writerow([*(defused(v) for v in (*what, f.waived, f.waived_by)), *(f.place or ("", ""))])


def text_document(text: Text) -> Json:
    """Return a text in both languages."""
    return {"zh": text.zh, "en": text.en}


def _part(part: ReportedPart) -> Json:
    return {
        "dataset": part.dataset,
        "feature_type": part.feature_type.name,
        "title": text_document(part.feature_type.title),
        "read": part.read,
        "accepted": part.accepted,
        "rejected": part.rejected,
        "changes": dict(part.changes),
        "kind_field": part.kind_field,
        "measures": [asdict(m) for m in part.measures],
    }


def whole_document(found: int, listed: int, all_findings: str) -> Json:
    """Return how many findings there are, how many of them stand beside this, and where all of them are listed."""
    return {"findings_found": found, "findings_listed": listed, "all_findings": all_findings}


def _whole(report: CheckReport) -> Json:
    return whole_document(sum(r.count for r in report.rules), len(report.findings), report.all_findings)


def _rule(entry: ReportedRule) -> Json:
    rule = entry.rule
    return {
        "id": rule.id,
        "title": text_document(rule.title),
        "advice": text_document(rule.advice),
        "clause": rule.clause,
        "edition": rule.edition,
        "source": text_document(rule.source),
        "confidence": rule.confidence,
        "severity": entry.severity.value,
        "severities": {of.value: count for of, count in entry.severities.items()},
        "count": entry.count,
        "waived": entry.waived,
        "listed": entry.kept,
    }


def _waiver(entry: ReportedWaiver) -> Json:
    w = entry.waiver
    of: Mapping[str, object] = {"dataset": w.dataset, "key": w.key, "file": w.file, "layer": w.layer, "row": w.row}
    return {"rule": w.rule, **of, "reason": w.reason, "reviewer": w.reviewer, "made_at": entry.made_at and entry.made_at.isoformat()}


def _source(report: CheckReport, finding: Finding) -> Json:
    row = None if finding.row is None else report.source_rows.get((finding.file, finding.layer, finding.row))
    return {} if row is None else {"source": dict(zip(row.columns, row.values, strict=True))}
