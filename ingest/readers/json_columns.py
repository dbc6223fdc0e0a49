"""Properties of JSON features as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import orjson
import pyarrow as pa

DEEPEST = 200
"""Levels of lists and objects within each other that can be written again as JSON, with what stands around them: orjson ends at 254."""
_CONTAINERS = frozenset({dict, list})


def is_too_deep(value: object, levels: int = DEEPEST) -> bool:
    """Return whether lists and objects stand in each other more than ``levels`` deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if levels < 0 or _CONTAINERS.isdisjoint(map(type, inner)):  # of most features it is all that is asked
        return levels < 0
    return any(is_too_deep(v, levels - 1) for v in inner if isinstance(v, dict | list))


def flattened(properties: Mapping[str, object]) -> Mapping[str, object]:
    """Return properties without objects among the values: {"parent": {"adcode": 320400}} is a property parent.adcode."""
    if dict not in set(map(type, properties.values())):
        return properties
    flat: dict[str, object] = {}
    for name, value in properties.items():
        flat |= {f"{name}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def columns_of(rows: Sequence[Mapping[str, object]]) -> dict[str, pa.Array]:
    """Return the properties of features as columns: one Arrow type where all values agree, else their JSON or text."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    columns = zip(*(map(row.get, names) for row in rows), strict=True)
    return {name: column_of(values) for name, values in zip(names, columns, strict=True)}


def column_of(values: Sequence[object]) -> pa.Array:
    """Return values as a column; of lists and objects Arrow is not asked, which would make one type with every key that any of them has."""
    if not any(issubclass(kind, dict | list) for kind in set(map(type, values))):
        with suppress(pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return pa.array(values)
    return pa.array([v if v is None or isinstance(v, str) else orjson.dumps(v, default=str).decode() for v in values], pa.string())


def json_column(texts: Sequence[str | None] | pa.StringArray) -> pa.Array:
    """Return JSON texts as a column that stays JSON where it goes into ``extra``."""
    storage = texts if isinstance(texts, pa.StringArray) else pa.array(texts, pa.string())
    return pa.ExtensionArray.from_storage(pa.json_(pa.string()), storage)
