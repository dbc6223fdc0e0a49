"""Source columns → the fields of a FeatureType: which column feeds which, and the columns of the Arrow batch.

A column is taken by an override, else by a field's name, title or alias (`ingest.names.normalised`); what no field takes
travels in ``extra`` and is exported again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.names import normalised
from ingest.refusals import rejected
from twin.featuretypes.validity import validity_fields
from twin.model import FeatureType, Field

DBF_NAME_LENGTH = 10
"""DBF cuts longer column names, so a name of this length may be the beginning of a field's."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which source column feeds which field; ``unmapped`` are in source order."""

    columns: Mapping[str, str]
    """Source column → field name."""
    unmapped: tuple[str, ...]


def fields_of(feature_type: FeatureType) -> tuple[Field, ...]:
    """Return valid_from, valid_to and the type's own fields, in the order of the batch."""
    return (*validity_fields(), *feature_type.fields)


def match_columns(names: Sequence[str], feature_type: FeatureType, overrides: Mapping[str, str]) -> ColumnMapping:
    """Return the mapping of ``names``; each field takes one column, its name going before its title before its aliases.

    RejectedError ``mapping`` when an override names a field that does not exist.
    """
    fields = fields_of(feature_type)
    taken = _overridden(names, {f.name for f in fields}, overrides)
    free = {normalised(n): n for n in reversed(names) if n not in overrides}
    for field in fields:
        if field.name in taken.values():
            continue
        for spelling in (field.name, field.title.zh, field.title.en, *field.aliases):
            column = free.get(normalised(spelling))
            if column is not None and column not in taken:
                taken[column] = field.name
                break
    for column, field_name in _cut_names(names, fields, set(taken) | set(overrides), set(taken.values())):
        taken[column] = field_name
    return ColumnMapping(taken, tuple(n for n in names if n not in taken))


def _overridden(names: Sequence[str], known: set[str], overrides: Mapping[str, str]) -> dict[str, str]:
    taken: dict[str, str] = {}
    for column, field_name in overrides.items():
        if field_name and field_name not in known:
            raise rejected(
                "mapping", f"There is no field {field_name!r} to map {column!r} to.", f"没有字段“{field_name}”，无法映射列“{column}”。"
            )
        if field_name and column in names:
            taken[column] = field_name
    return taken


def _cut_names(names: Sequence[str], fields: Sequence[Field], used: set[str], fed: set[str]) -> list[tuple[str, str]]:
    """Return columns that are the first ten characters of exactly one field's name."""
    found: list[tuple[str, str]] = []
    for name in names:
        if name in used or len(name.encode()) != DBF_NAME_LENGTH:
            continue
        matches = [f.name for f in fields if f.name not in fed and f.name.casefold().startswith(name.casefold())]
        if len(matches) == 1:
            found.append((name, matches[0]))
            fed.add(matches[0])
    return found
