"""Reports of checks: put together from what is kept of a submission, or from a check of the command line."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ingest.described_files import described
from ingest.faulty_rows import faulty_rows
from ingest.load import CheckResult
from ingest.measures import Measure
from ingest.register import Register, Submission
from ingest.reports import CheckReport
from ingest.reports.report import ReportedFile, ReportedPart, ReportedRule, ReportedWaiver, gravest_first, places_in_degrees
from ingest.request import LoadRequest
from ingest.rule_counts import RuleCount, rule_counts
from ingest.waiver_book import WaiverBook
from twin.errors import Text
from twin.model import FindingKind, Severity
from twin.rules.loader import load_rules, title_of
from twin.rules.rule import Rule
from twin.server.checks import load_request
from twin.server.city import City
from twin.server.inspection import laid_out
from twin.server.loading import workplace
from twin.server.orders import CheckOrder
from twin.server.uploads import StoredFile

_ALL = 10_000_000


def report_of_submission(city: City, submission: Submission, *, rows: bool) -> CheckReport:
    """Return the report of a submission's last check; with ``rows`` the source rows are read again out of the kept files."""
    register, result = Register(city.catalogue), submission.result or {}
    findings = tuple(f for _, f in register.findings(submission.id, None, 0, _ALL))
    waivers = WaiverBook(city.catalogue).all_of(submission.id)
    checked_at = dt.datetime.fromisoformat(result["checked_at"]) if "checked_at" in result else submission.changed_at
    problem = submission.problem if submission.state.value == "rejected" else None
    report = _report(
        city,
        submission=str(submission.id),
        state=submission.state.value,
        actor=submission.actor,
        received_at=submission.received_at,
        checked_at=checked_at,
        commit=next((c for c in city.catalogue.commits() if c.number == submission.commit), None),
        refusal=None if problem is None else Text(**problem["detail"]),
        files=tuple(ReportedFile(f["name"], f["size"], f.get("sha256")) for f in submission.files),
        sources=tuple(result.get("sources", ())),
        parts=tuple(_part(city, part, result["datasets"]) for part in result.get("parts", ())),
        rules=_rules(register.finding_counts(submission.id)),
        findings=findings,
        places_deg=places_in_degrees(findings, city.to_crs84),
        waivers=tuple(ReportedWaiver(k.waiver, k.made_at) for k in waivers if k.withdrawn_at is None),
    )
    return _with_rows(city, submission, report) if rows and submission.stored and submission.request else report


def report_of_check(city: City, request: LoadRequest, result: CheckResult) -> CheckReport:
    """Return the report of a check of the command line, with the source rows of what it found."""
    rows = faulty_rows(workplace(city, lambda *_: None), request, result.findings)
    return _report(
        city,
        submission=None,
        state="accepted" if result.refusal is None else "rejected",
        actor=request.actor,
        received_at=None,
        checked_at=dt.datetime.now(dt.UTC),
        commit=None,
        refusal=None if result.refusal is None else result.refusal.text,
        files=tuple(ReportedFile(str(f["name"]), int(str(f["size"])), str(f["sha256"])) for f in described(request.files)),
        sources=result.sources,
        parts=tuple(
            ReportedPart(
                p.dataset,
                city.catalogue.feature_type(p.feature_type),
                p.read,
                p.rejected,
                result.datasets.get(p.dataset, {}),
                p.kind_field,
                p.measures,
            )
            for p in result.parts
        ),
        rules=_rules(counts_by_rule(result)),
        findings=result.findings,
        places_deg=places_in_degrees(result.findings, city.to_crs84),
        source_rows=rows.by_place,
        rows_omitted=rows.omitted,
    )


def counts_by_rule(result: CheckResult) -> Mapping[str, RuleCount]:
    """Return rule → how many findings, and of which severities."""
    kept = Counter(FindingKind.of(f) for f in result.findings)
    return rule_counts((kind.rule, kind.severity, count, count * kind.waived, kept[kind]) for kind, count in result.counts.items())


def _report(city: City, **said: Any) -> CheckReport:  # noqa: ANN401 - the fields of the report but those a deployment says
    d, name = city.deployment, city.storage.crs.name
    return CheckReport(city=d.name, storage_crs=f"EPSG:{d.storage_srid} {name}", vertical=d.vertical, **said)


def _with_rows(city: City, submission: Submission, report: CheckReport) -> CheckReport:
    files = tuple(StoredFile(f["name"], f["size"], f["sha256"]) for f in submission.files)
    with laid_out(city.settings.data_dir, city.store, files) as paths:
        request = load_request(CheckOrder.model_validate(submission.request), submission, paths)
        rows = faulty_rows(workplace(city, lambda *_: None), request, report.findings)
    return replace(report, source_rows=rows.by_place, rows_omitted=rows.omitted, is_unread=rows.is_unread)


def _part(city: City, part: Mapping[str, Any], datasets: Mapping[str, Mapping[str, int]]) -> ReportedPart:
    return ReportedPart(
        dataset=part["dataset"],
        feature_type=city.catalogue.feature_type(part["feature_type"]),
        read=part["read"],
        rejected=part["rejected"],
        changes=datasets.get(part["dataset"], {}),
        kind_field=part["kind_field"],
        measures=tuple(Measure(**m) for m in part["measures"]),
    )


def _rules(counts: Mapping[str, RuleCount]) -> tuple[ReportedRule, ...]:
    return gravest_first([ReportedRule(_known(rule, c.severity), c.severities, c.count, c.waived, c.kept) for rule, c in counts.items()])


def _known(rule: str, severity: Severity) -> Rule:
    """Return a rule; of one that is no more only its id is known."""
    known = load_rules().get(rule)
    if known is not None:
        return known
    nothing = Text("", "")
    return Rule(
        id=rule,
        family="",
        title=title_of(rule),
        advice=nothing,
        severity=severity,
        needs=(),
        parameters={},
        clause="",
        edition="",
        source=nothing,
        confidence="high",
        waivable=False,
    )
