"""Which spellings the codes of a column have, and which columns hold codes of another classification than the field's."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.mapping import ColumnMapping
from ingest.names import normalised, spelled
from twin.errors import Text
from twin.model import CodeList, Crosswalk, FeatureType


def code_spellings(code_list: CodeList, column: str = "") -> dict[str, str]:
    """Return every spelling of the codes, as `spelled` gives it, in a column of that name → code."""
    result = {spelled(text): code for text, code in code_list.resolve().items()}
    for crosswalk in _crosswalks_of(code_list, column):
        result |= {spelled(crossed.code): crossed.to for crossed in crosswalk.codes}
    return result


def crossing_notes(feature_type: FeatureType, mapping: ColumnMapping) -> Iterator[Text]:
    """Yield what a surveyor should know of columns whose codes are taken for those of another classification."""
    lists = {f.name: f.codelist for f in feature_type.fields if f.codelist is not None}
    for column, field in mapping.columns.items():
        for crosswalk in _crosswalks_of(lists[field], column) if field in lists else ():
            yield Text(
                zh=f"列“{column}”的代码按{crosswalk.title.zh}理解，并换算为{lists[field].title.zh}",
                en=f"column '{column}' holds codes of the {crosswalk.title.en}, taken over as {lists[field].title.en}",
            )


def _crosswalks_of(code_list: CodeList, column: str) -> tuple[Crosswalk, ...]:
    return tuple(c for c in code_list.crosswalks if normalised(column) in {normalised(name) for name in c.columns})
