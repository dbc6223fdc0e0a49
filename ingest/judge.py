"""What is found in a batch is said of a feature, and of some a reviewer has said that it may pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from ingest.checks.values import FieldValues
from ingest.fields import natural_key
from ingest.readers.source import SourceBatch
from ingest.waivers import Waivers
from twin.model import FeatureType, Finding


class Judge:
    """Says of what was found in a batch which feature it is about, and whether a reviewer let that pass."""

    def __init__(self, waivers: Waivers, batch: SourceBatch, columns: Mapping[str, FieldValues], feature_type: FeatureType) -> None:
        self._waivers = waivers
        self._keys = cache(lambda: natural_key(columns, feature_type))
        self._index = cache(lambda: {int(row): i for i, row in enumerate(batch.rows)})

    def one(self, finding: Finding) -> Finding:
        """Return a finding that says so if it is let pass."""
        return self.all((finding,))[0] if finding.rule in self._waivers.by_rule else finding

    def all(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Return findings with the natural key of their rows, in row order, those that are let pass saying so."""
        return self._waivers.applied([self._keyed(f) for f in sorted(findings, key=lambda f: f.row or 0)])

    def index_of(self, row: int) -> int:
        """Return the place of a row in the batch."""
        return self._index()[row]

    def _keyed(self, finding: Finding) -> Finding:
        return finding if finding.row is None else replace(finding, key=self._keys()[self.index_of(finding.row)].as_py())
