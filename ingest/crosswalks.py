"""Which spellings the codes of a column have, and which columns hold codes of another classification than the field's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ingest.classifications import Classified, Rows, classified, is_named
from ingest.mapping import ColumnMapping
from ingest.names import spelled
from twin.errors import Text
from twin.model import CodeList, Crosswalk, FeatureType, Field

_AS_NAMED: Mapping[str, str] = MappingProxyType({})


def code_spellings(code_list: CodeList, column: str = "", classification: str | None = None) -> dict[str, str]:
    """Return every spelling of the codes, as `spelled` gives it, in a column of that name → code.

    ``classification`` is the id of the crosswalk or list its codes are of, where that was found out; None: as the column's name says.
    Codes of ours are none in a column of a classification whose codes would be taken for them.
    """
    crosswalks = crosswalks_of(code_list, column, classification)
    result = {spelled(text): code for text, code in code_list.resolve().items()}
    if any(crosswalk.prefix for crosswalk in crosswalks):  # its codes would be ours: 1301 of a survey is no waterworks
        ours = {spelled(c.code) for c in code_list.codes}
        result = {text: code for text, code in result.items() if text not in ours}
    for crosswalk in crosswalks:
        result |= {spelled(crossed.code): crossed.to for crossed in crosswalk.codes}
    return result


def crosswalks_of(code_list: CodeList, column: str, classification: str | None = None) -> tuple[Crosswalk, ...]:
    """Return the classifications that the codes of a column are of besides the list's own."""
    if classification is not None:
        return tuple(c for c in code_list.crosswalks if c.id == classification)
    return tuple(c for c in code_list.crosswalks if is_named(column, c.columns))


def perhaps_of(field: Field, column: str) -> tuple[str, ...]:
    """Return the ids of the classifications that codes in a column of that name may be of."""
    crosswalks = () if field.codelist is None else field.codelist.crosswalks
    return tuple(c.id for c in crosswalks if is_named(column, c.columns_perhaps))


def crossing_notes(
    feature_type: FeatureType, mapping: ColumnMapping, classifications: Mapping[str, str] = _AS_NAMED, why: Mapping[str, Text] | None = None
) -> Iterator[Text]:
    """Yield what a surveyor should know of columns whose codes are taken for those of another classification, with why where that is known.

    ``classifications`` are those that were found out or declared, by column.
    """
    for column, code_list in _coded(feature_type, mapping):
        for crosswalk in crosswalks_of(code_list, column, classifications.get(column)):
            told = (why or {}).get(column)
            yield Text(
                zh=f"列“{column}”的代码按{crosswalk.title.zh}理解，并换算为{code_list.title.zh}" + (f"：{told.zh}" if told else ""),
                en=f"column '{column}' holds codes of the {crosswalk.title.en}, taken over as {code_list.title.en}"
                + (f": {told.en}" if told else ""),
            )


def may_be_classified(feature_type: FeatureType, mapping: ColumnMapping) -> bool:
    """Return whether a column is mapped whose codes may be of another classification than its name or field says."""
    return any(
        is_named(column, (*c.columns, *c.columns_perhaps)) for column, known in _coded(feature_type, mapping) for c in known.crosswalks
    )


def classified_columns(
    feature_type: FeatureType, mapping: ColumnMapping, rows: Rows, given: Mapping[str, str] = _AS_NAMED
) -> dict[str, Classified]:
    """Return column → of which classification its codes are, for those where that is asked and not ``given`` (column → id)."""
    found = {
        column: classified(column, rows, code_list)
        for column, code_list in _coded(feature_type, mapping)
        if column in rows and column not in given
    }
    return {column: told for column, told in found.items() if told is not None}


def given_classifications(feature_type: FeatureType, mapping: ColumnMapping, given: Mapping[str, str]) -> dict[str, str]:
    """Return those of ``given`` (column → unit or classification) that name a classification of the column's codes."""
    return {
        column: given[column]
        for column, code_list in _coded(feature_type, mapping)
        if given.get(column) in {code_list.id, *(c.id for c in code_list.crosswalks)}
    }


def _coded(feature_type: FeatureType, mapping: ColumnMapping) -> Iterator[tuple[str, CodeList]]:
    lists = {f.name: f.codelist for f in feature_type.fields if f.codelist is not None}
    yield from ((column, lists[field]) for column, field in mapping.columns.items() if field in lists)
