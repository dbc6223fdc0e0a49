"""What a report of a check says, whichever form it is written in; frozen, complete, and without a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.faulty_rows import RowPlace, SourceRow
from ingest.measures import Measure
from ingest.waivers import Waiver
from twin.crs import Operation
from twin.errors import Text
from twin.model import Commit, FeatureType, Finding, Severity
from twin.rules.rule import Rule

_DECIMALS = 9
"""Of a degree: a tenth of a millimetre."""


@dataclass(frozen=True, slots=True)
class ReportedFile:
    """A file as it was handed in."""

    name: str
    size: int
    sha256: str | None
    """None while a load of the command line reads it, and of one that was stopped or refused before it was known."""


@dataclass(frozen=True, slots=True)
class ReportedPart:
    """What came of the rows for one dataset."""

    dataset: str
    feature_type: FeatureType
    read: int
    rejected: int
    changes: Mapping[str, int]
    """What publishing would do, or did: insert, update, unchanged, delete; empty where the files are refused as a whole."""
    kind_field: str | None
    measures: tuple[Measure, ...]

    @property
    def accepted(self) -> int:
        """Rows that can be published."""
        return self.read - self.rejected

    def kind_title(self, code: str | None, language: str) -> str:
        """Return what a code of the field by which the features are told apart means."""
        if self.kind_field is None:
            return self.feature_type.title.in_language(language)
        if code is None:
            return "未注明" if language.startswith("zh") else "not stated"
        codelist = self.feature_type.field(self.kind_field).codelist
        known = None if codelist is None else codelist.by_code().get(code)
        return code if known is None else f"{known.title.in_language(language)} {code}"


@dataclass(frozen=True, slots=True)
class ReportedRule:
    """A rule that something broke, and how often."""

    rule: Rule
    severities: Mapping[Severity, int]
    """How many findings of each severity, the gravest first."""
    count: int
    waived: int
    kept: int
    """So many of them are listed one by one."""

    @property
    def severity(self) -> Severity:
        """The gravest there was."""
        return next(iter(self.severities))


@dataclass(frozen=True, slots=True)
class ReportedWaiver:
    """What a reviewer let pass."""

    waiver: Waiver
    made_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything a report of a check says."""

    city: str
    storage_crs: str
    """``EPSG:n`` and its name."""
    vertical: str
    submission: str | None
    """None for a check of the command line."""
    state: str
    actor: str
    received_at: dt.datetime | None
    checked_at: dt.datetime
    commit: Commit | None
    refusal: Text | None
    """Why the files are refused as a whole."""
    files: tuple[ReportedFile, ...]
    sources: tuple[Mapping[str, object], ...]
    """How each layer was understood, as a revision's lineage has it."""
    parts: tuple[ReportedPart, ...]
    rules: tuple[ReportedRule, ...]
    """Gravest first."""
    findings: tuple[Finding, ...]
    places_deg: tuple[tuple[float, float] | None, ...]
    """Longitude and latitude of each finding that has a place."""
    waivers: tuple[ReportedWaiver, ...] = ()
    source_rows: Mapping[RowPlace, SourceRow] = field(default_factory=dict)
    rows_omitted: int = 0
    """So many faulty rows are not among the source rows: a report holds the first 20,000."""
    is_unread: bool = False
    """Whether rows are missing because a file's reader failed: made again, it may hold them."""

    @property
    def all_findings(self) -> str:
        """Where every finding is listed, those too that a report leaves out: a path of the server, or the file beside this one."""
        return "findings.csv" if self.submission is None else all_findings_of(self.submission)

    @property
    def read(self) -> int:
        """Rows read, of all datasets."""
        return sum(p.read for p in self.parts)

    @property
    def rejected(self) -> int:
        """Rows left out, of all datasets."""
        return sum(p.rejected for p in self.parts)

    def located(self) -> Iterator[tuple[Finding, tuple[float, float] | None]]:
        """Yield the findings with their places in degrees."""
        return zip(self.findings, self.places_deg, strict=True)


def all_findings_of(submission: str) -> str:
    """Return the path of the server at which every finding of a submission is listed."""
    return f"/api/submissions/{submission}/findings?f=csv"


def places_in_degrees(findings: Sequence[Finding], to_crs84: Operation) -> tuple[tuple[float, float] | None, ...]:
    """Return longitude and latitude of each finding, None for one that has no place."""
    known = [f.place for f in findings if f.place is not None]
    if not known:
        return (None,) * len(findings)
    lon, lat = to_crs84.transform([p[0] for p in known], [p[1] for p in known])
    degrees = iter(zip(np.round(lon, _DECIMALS).tolist(), np.round(lat, _DECIMALS).tolist(), strict=True))
    return tuple(None if f.place is None else next(degrees) for f in findings)


def gravest_first(rules: Sequence[ReportedRule]) -> tuple[ReportedRule, ...]:
    """Return rules in the order in which a person has to look at them."""
    order = list(Severity)
    return tuple(sorted(rules, key=lambda r: (order.index(r.severity), -r.count, r.rule.id)))
