"""What is counted for one dataset while its rows come in, layer by layer and file by file (its sources)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ingest.rounding import tolerance_m
from ingest.staging import Staging
from twin.errors import RejectedError
from twin.model import Finding, Severity

_MANY_ROWS = 20
"""Below this many rows the share of rejected ones says little, so it does not reject the file."""
_ROWS_A_SOURCE = 10**10
"""Staged rows are numbered source × this + row: several files or layers may go into one dataset, each with rows from 1."""


@dataclass(slots=True)
class Tally:
    """The count of one dataset: rows read, copied and rejected, how its sources were understood, and what was found."""

    staging: Staging
    read: int = 0
    copied: int = 0
    rejected_rows: set[int] = field(default_factory=set)
    """Numbers as staged."""
    rejected_keys: set[str] = field(default_factory=set)
    inputs: Mapping[int, int] = field(default_factory=dict)
    """Dataset id → commit of what is read of other datasets, taken before anything is read of them."""
    headers: list[Mapping[str, object]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def first_number(self) -> int:
        """What is added to the row numbers of the source being read."""
        return max(len(self.headers) - 1, 0) * _ROWS_A_SOURCE

    @property
    def tolerance_m(self) -> float:
        """Within which distance a vertex of these rows counts as unmoved."""
        return tolerance_m(self.staging.dataset.tolerance_m, self.headers)

    def note_read(self, findings: Iterable[Finding]) -> None:
        """Keep what was found while reading the present source."""
        for f in findings:
            self._keep(f, None if f.row is None else self.first_number + f.row)

    def note_staged(self, findings: Iterable[Finding]) -> None:
        """Keep what was found among staged rows, saying the row and the layer as the source does."""
        for f in findings:
            self._keep(self.as_source_says(f), f.row)

    def as_source_says(self, finding: Finding) -> Finding:
        """Return a finding among staged rows with row and layer as its source counts and calls them."""
        if finding.row is None:
            return finding
        source, row = divmod(finding.row, _ROWS_A_SOURCE)
        layer = str(self.headers[source].get("layer") or "") if source < len(self.headers) else ""
        return replace(finding, row=row, layer=finding.layer or layer)

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
        examples = [f for f in self.findings if f.severity is Severity.ERROR][:3]
        zh = "；".join(f"第 {f.row} 行：{f.message.zh}" for f in examples)
        en = "; ".join(f"row {f.row}: {f.message.en}" for f in examples)
        error = RejectedError(
            f"{rejected} of {self.read} rows for {slug} are wrong ({en})", zh=f"{slug} 的 {self.read} 行中有 {rejected} 行有错（{zh}）"
        )
        error.with_code("too-many-rejected")
        return error

    def _keep(self, finding: Finding, number: int | None) -> None:
        self.findings.append(finding)
        if finding.severity is Severity.ERROR and number is not None:
            self.rejected_rows.add(number)
            if finding.key is not None:
                self.rejected_keys.add(finding.key)
