"""Of which classification the codes of a column are, told from a layer's sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ingest.crosswalks import classified_columns
from ingest.mapping import ColumnMapping
from ingest.understanding.evidence import Evidence
from ingest.understanding.sample import LayerSample
from twin.model import FeatureType

_TOLD, _OPEN = 0.9, 0.5


def codes_evidence(sample: LayerSample, mapping: Mapping[str, str], feature_type: FeatureType) -> Iterator[Evidence]:
    """Yield for every column whose codes may be of two classifications the one its values speak for, or that they leave it open."""
    rows = {c.name: c.values for c in sample.columns}
    for column, told in classified_columns(feature_type, ColumnMapping(mapping, ()), rows).items():
        yield Evidence("codes", told.likely, _TOLD if told.taken == told.likely else _OPEN, told.text, column, stated=told.taken)
