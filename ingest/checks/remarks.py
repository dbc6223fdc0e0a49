"""What readers say of rows that they take all the same, as findings."""

from __future__ import annotations

from ingest.checks.rules import Severities
from ingest.readers.source import SourceBatch
from twin.model import FeatureType, Finding


def remark_findings(batch: SourceBatch, feature_type: FeatureType, layer: str) -> tuple[Finding, ...]:
    """Return the remarks of a batch, as grave as their rules say."""
    if not batch.remarks:
        return ()
    severities = Severities.of(feature_type)
    rows = (None if r.index is None else int(batch.rows[r.index]) for r in batch.remarks)
    return tuple(Finding(r.rule, severities.of_rule(r.rule), row, r.message, layer) for r, row in zip(batch.remarks, rows, strict=True))
