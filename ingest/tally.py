"""What is counted for one dataset while its rows come in, layer by layer and file by file (its sources)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from ingest.distinct import DistinctGauge
from ingest.further_findings import FurtherFindings, Room
from ingest.mapped_columns import MappedColumns
from ingest.protocol import KEPT_FINDINGS
from ingest.refusals import rejected
from ingest.rejected_keys import RejectedKeys
from ingest.rounding import tolerance_m
from ingest.row_numbers import MOST_ROWS, RowNumbers
from ingest.set_rules.survey_columns import StagedColumns
from ingest.staging import Staging
from ingest.waivers import Waiver, Waivers
from twin.errors import RejectedError
from twin.model import Finding, FindingKind

_MANY_ROWS = 20
"""Below this many rows the share of rejected ones says little, so it does not reject the file."""
ROWS_A_SOURCE = 10**10
"""Staged rows are numbered source × this + row: several files or layers may go into one dataset, each with rows from 1."""


@dataclass(slots=True)
class Tally:
    """The count of one dataset: rows read, copied and rejected, how its sources were understood, and what was found."""

    staging: Staging
    waivers: Waivers = field(default_factory=lambda: Waivers({}))
    work: Path | None = None
    """Folder for what does not stay in memory; None: where the machine has temporary files."""
    read: int = 0
    copied: int = 0
    rejected_rows: RowNumbers = field(default_factory=lambda: RowNumbers(ROWS_A_SOURCE))
    """Numbers as staged."""
    inputs: Mapping[int, int] = field(default_factory=dict)
    """Dataset id → commit of what is read of other datasets, taken before anything is read of them."""
    headers: list[Mapping[str, object]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """Of each kind the first `KEPT_FINDINGS`."""
    room: Room = field(default_factory=Room)
    """Of the submission, for the others."""
    further: FurtherFindings = field(init=False)
    """The others."""
    counts: Counter[FindingKind] = field(default_factory=Counter)
    """How many of each kind there are."""
    given: set[str] = field(default_factory=set)
    """Columns in which any staged row has a value."""
    lacking: set[str] = field(default_factory=set)
    """Columns in which any staged row has none."""
    rejected_keys: RejectedKeys = field(init=False)
    keys: DistinctGauge = field(init=False)
    places: DistinctGauge = field(init=False)
    """Of the natural keys and the geometries."""
    survey: StagedColumns = field(init=False)
    """What rules over a pipe survey compare, until they are asked."""
    passed: Counter[Waiver] = field(default_factory=Counter)
    """How many findings each waiver let pass."""

    def __post_init__(self) -> None:
        """Have keys, hashes and the columns of a survey kept."""
        self.further = FurtherFindings(self.work, self.room)
        self.rejected_keys = RejectedKeys(self.work)
        self.keys, self.places = DistinctGauge(self.work), DistinctGauge(self.work)
        self.survey = StagedColumns(self.staging.feature_type, MappedColumns(self.work))

    def note_given(self, batch: pa.RecordBatch) -> None:
        """Keep in which columns there are values, and in which not everywhere."""
        nulls = {name: batch.column(name).null_count for name in batch.schema.names}
        self.given |= {name for name, count in nulls.items() if count < batch.num_rows}
        self.lacking |= {name for name, count in nulls.items() if count}

    @property
    def first_number(self) -> int:
        """What is added to the row numbers of the source being read."""
        return max(len(self.headers) - 1, 0) * ROWS_A_SOURCE

    def number_of(self, row: int) -> int:
        """Return the number as staged of a row of the source being read; RejectedError ``parser-nonsense`` for one that no file has."""
        if not 0 <= row < MOST_ROWS:
            raise rejected("parser-nonsense", f"The reader sent row {row}, which no file has.", f"读取进程返回了不可能存在的行号 {row}。")
        return self.first_number + row

    @property
    def tolerance_m(self) -> float:
        """Within which distance a vertex of these rows counts as unmoved."""
        return tolerance_m(self.staging.dataset.tolerance_m, self.headers)

    @property
    def distinct(self) -> frozenset[str]:
        """Columns of which no two rows have the same value."""
        return frozenset(name for name, gauge in (("natural_key", self.keys), ("geom", self.places)) if gauge.all_differ)

    @property
    def omitted(self) -> Mapping[FindingKind, int]:
        """How many findings of each kind are not kept row by row."""
        return {kind: count - KEPT_FINDINGS for kind, count in self.counts.items() if count > KEPT_FINDINGS}

    def note_read(self, findings: Iterable[Finding]) -> None:
        """Keep what was found while reading the present source."""
        for f in findings:
            number = None if f.row is None else self.number_of(f.row)
            self._keep(replace(f, file=_said(self.headers, len(self.headers) - 1, "file")), number)

    def note_staged(self, findings: Iterable[Finding]) -> None:
        """Keep what was found among staged rows, saying the row, the layer and the file as the source does."""
        for f in findings:
            self._keep(self.as_source_says(f), f.row)

    def judged(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return findings among staged rows, still numbered as staged, those that a reviewer let pass saying so."""
        found = tuple(findings)
        if not self.waivers.by_rule:
            return found
        said = self.waivers.applied([self.as_source_says(f) for f in found])
        return tuple(replace(f, waived=s.waived, waived_by=s.waived_by) for f, s in zip(found, said, strict=True))

    def as_source_says(self, finding: Finding) -> Finding:
        """Return a finding among staged rows with row, layer and file as its source counts and calls them."""
        return as_source_says(finding, self.headers)

    def refusal(self, max_rejected: float) -> RejectedError | None:
        """Return why the files are rejected as a whole: nothing in them for this dataset, or too much of it wrong."""
        slug, rejected = self.staging.dataset.slug, len(self.rejected_rows)
        if self.read == 0:
            error = RejectedError(f"there is no feature for {slug} in the file", zh=f"文件中没有 {slug} 的要素")
            error.with_code("empty")
            return error
        too_many = self.read >= _MANY_ROWS and rejected > max_rejected * self.read
        if rejected < self.read and not too_many:
            return None
        examples = [f for f in self.findings if f.rejects][:3]
        of_all = [f for f in self.findings if f.row is None and f.rule in {e.rule for e in examples}]
        return _too_many_rejected(slug, rejected, self.read, [*of_all[:1], *examples])

    def _keep(self, finding: Finding, number: int | None) -> None:
        kind = FindingKind.of(finding)
        self.counts[kind] += 1
        if self.counts[kind] <= KEPT_FINDINGS:
            self.findings.append(finding)
        else:
            self.further.add(finding)
        if finding.waived is not None and (waiver := self.waivers.waiver_of(finding)) is not None:
            self.passed[waiver] += 1
        if finding.rejects and number is not None:
            self.rejected_rows.add(number)
            if finding.key is not None:
                self.rejected_keys.add(finding.key)


def first_of_each_kind(findings: Iterable[Finding], further: FurtherFindings) -> tuple[tuple[Finding, ...], Mapping[FindingKind, int]]:
    """Return of each kind the first `KEPT_FINDINGS`, and how many there are of it beyond those, which go to ``further``."""
    kept: list[Finding] = []
    counts: Counter[FindingKind] = Counter()
    for finding in findings:
        kind = FindingKind.of(finding)
        counts[kind] += 1
        if counts[kind] <= KEPT_FINDINGS:
            kept.append(finding)
        else:
            further.add(finding)
    return tuple(kept), {kind: count - KEPT_FINDINGS for kind, count in counts.items() if count > KEPT_FINDINGS}


def as_source_says(finding: Finding, sources: Sequence[Mapping[str, object]]) -> Finding:
    """Return a finding among staged rows with row, layer and file as its source, one of ``sources``, counts and calls them."""
    if finding.row is None:
        return finding
    source, row = divmod(finding.row, ROWS_A_SOURCE)
    return replace(finding, row=row, layer=finding.layer or _said(sources, source, "layer"), file=_said(sources, source, "file"))


def _said(sources: Sequence[Mapping[str, object]], source: int, what: str) -> str:
    return str(sources[source].get(what) or "") if 0 <= source < len(sources) else ""


def _too_many_rejected(slug: str, rejected: int, read: int, examples: Sequence[Finding]) -> RejectedError:
    zh = "；".join(f.message.zh if f.row is None else f"第 {f.row} 行：{f.message.zh}" for f in examples)
    en = "; ".join(f.message.en if f.row is None else f"row {f.row}: {f.message.en}" for f in examples)
    error = RejectedError(f"{rejected} of {read} rows for {slug} are wrong ({en})", zh=f"{slug} 的 {read} 行中有 {rejected} 行有错（{zh}）")
    error.with_code("too-many-rejected")
    return error
