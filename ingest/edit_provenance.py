"""Where the values of an edited feature come from: what a person writes over a derived value is derived no longer.

A feature that is read from a door carries derived heights, and beside them the field that says where they came from. Written back as
it was they stay derived and follow the ground; a height that was changed has been measured, whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ingest.elevation import DEPTH
from twin.model import FeatureType


def with_provenance(feature_type: FeatureType, properties: Mapping[str, object], stored: Mapping[str, object]) -> dict[str, object]:
    """Return ``properties`` with the sources of the values that are as they are ``stored``, and without those of values that differ.

    A source that was given and is not the stored one is the writer's word and stays.
    """
    kept = dict(properties)
    for source, numbers in derivations(feature_type):
        is_same = bool(stored) and all(kept.get(number) == stored[number] for number in numbers)
        if is_same and kept.get(source) is None:
            kept[source] = stored[source]
        elif not is_same and kept.get(source) == stored.get(source):
            kept[source] = None
    return kept


def derivations(feature_type: FeatureType) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (field that says where values came from, the fields of those values)."""
    for field in feature_type.fields:
        if field.derived is None or field.type != "code":
            continue
        numbers = tuple(f.name for f in feature_type.fields if f.derived == field.derived and f.type == "number")
        match field.derived:
            case "building_height":
                yield field.name, tuple(feature_type.recipe_fields[role] for role in ("height",) if role in feature_type.recipe_fields)
            case "well_bottom":
                yield field.name, (*numbers, DEPTH)
            case _:
                yield field.name, numbers
