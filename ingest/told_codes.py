"""Of which classification the codes of a part are: as declared, else as its first rows tell, before its header goes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa

from ingest.classifications import CODES_DOUBTFUL, SEEN_ROWS, Classified, Rows
from ingest.crosswalks import classified_columns, crossing_notes, given_classifications, may_be_classified
from ingest.mapping import ColumnMapping
from ingest.protocol import PartRequest
from ingest.readers.source import SourceBatch
from twin.errors import Text
from twin.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class ToldCodes:
    """What a part's columns of codes are read as."""

    classifications: Mapping[str, str] = field(default_factory=dict)
    """Column → id of crosswalk or list, for those whose names do not say it."""
    notes: tuple[Text, ...] = ()
    doubts: tuple[Finding, ...] = ()


def told_codes(
    part: PartRequest, layer: str, mapping: ColumnMapping, batches: Iterable[SourceBatch]
) -> tuple[ToldCodes, Iterator[SourceBatch]]:
    """Return what the codes of a part are read as, and its batches, of which the first is read only where its rows have to tell.

    A doubt that nobody was asked about before stays a finding: codes of two meanings are never taken for one without a word.
    """
    coming = iter(batches)
    given = given_classifications(part.feature_type, mapping, dict(part.reading.units))
    rows: Rows = {}
    if may_be_classified(part.feature_type, mapping):
        first = next(coming, None)
        rows = {} if first is None else _seen(first, mapping)
        coming = coming if first is None else chain((first,), coming)
    found = classified_columns(part.feature_type, mapping, rows, given)
    chosen = given | {column: told.taken for column, told in found.items()}
    sure = {column: told.text for column, told in found.items() if told.taken == told.likely}
    asked = {d.rule for d in part.reading.doubts}
    open_columns = [] if CODES_DOUBTFUL in asked else [(column, told) for column, told in found.items() if told.taken != told.likely]
    doubts = tuple(_doubt(column, told, layer) for column, told in open_columns)
    return ToldCodes(chosen, tuple(crossing_notes(part.feature_type, mapping, chosen, sure)), doubts), coming


def _doubt(column: str, told: Classified, layer: str) -> Finding:
    text = Text(f"{column}：{told.text.zh}", f"{column}: {told.text.en}")
    return Finding(CODES_DOUBTFUL, Severity.REVIEW, None, text, layer, value=told.taken, proposal=told.likely)


def _seen(batch: SourceBatch, mapping: ColumnMapping) -> Rows:
    """Return the first rows by column; of those that no field takes texts only."""
    return {name: _values(array.slice(0, SEEN_ROWS), is_taken=name in mapping.columns) for name, array in batch.columns.items()}


def _values(array: pa.Array, *, is_taken: bool) -> list[object]:
    is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_dictionary(array.type)
    return list(array.to_pylist()) if is_taken or is_text else [None] * len(array)
