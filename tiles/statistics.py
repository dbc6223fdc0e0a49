"""Statistics of properties, merged from contents to tileset so that nobody rescans the city (3D Tiles 1.1 §6.9.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.metadata import EncodedColumn, EncodedTable, MetadataClass


@dataclass(frozen=True, slots=True)
class NumberStatistics:
    """Count, extremes and sum of the values that are there."""

    count: int
    minimum: float
    maximum: float
    total: float

    def merged(self, other: NumberStatistics) -> NumberStatistics:
        """Return the statistics of both."""
        return NumberStatistics(
            self.count + other.count, min(self.minimum, other.minimum), max(self.maximum, other.maximum), self.total + other.total
        )


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a set of features holds: its count, numbers by property id, occurrences of enum names by property id."""

    count: int
    numbers: Mapping[str, NumberStatistics]
    occurrences: Mapping[str, Mapping[str, int]]


def statistics_of(table: EncodedTable, rows: NDArray[np.int64]) -> Statistics:
    """Return the statistics of ``rows``; noData does not count."""
    numbers: dict[str, NumberStatistics] = {}
    occurrences: dict[str, Mapping[str, int]] = {}
    for column in table.columns:
        if column.values is None or column.prop.field is None:
            continue
        if column.prop.kind == "enum":
            occurrences[column.prop.id] = _occurrences(column, rows)
        elif column.present[rows].any():
            values = column.values[rows][column.present[rows]].astype(np.float64)
            numbers[column.prop.id] = NumberStatistics(len(values), float(values.min()), float(values.max()), float(values.sum()))
    return Statistics(len(rows), numbers, occurrences)


def _occurrences(column: EncodedColumn, rows: NDArray[np.int64]) -> Mapping[str, int]:
    if column.values is None:
        return {}
    counts = np.bincount(column.values[rows].astype(np.int64), minlength=1)
    return {column.prop.names[v]: int(counts[v]) for v in np.flatnonzero(counts) if v > 0}


def merge(parts: list[Statistics]) -> Statistics:
    """Return the statistics of all ``parts`` together."""
    numbers: dict[str, NumberStatistics] = {}
    occurrences: dict[str, dict[str, int]] = {}
    for part in parts:
        for key, one in part.numbers.items():
            numbers[key] = numbers[key].merged(one) if key in numbers else one
        for key, names in part.occurrences.items():
            merged = occurrences.setdefault(key, {})
            for name, count in names.items():
                merged[name] = merged.get(name, 0) + count
    return Statistics(sum(p.count for p in parts), numbers, occurrences)


def statistics_json(metadata: MetadataClass, statistics: Statistics) -> dict[str, object]:
    """Return the ``statistics`` object of a tileset: min, max, mean, sum of numbers, occurrences of enum names."""
    properties: dict[str, object] = {}
    for prop in metadata.properties:
        if prop.id in statistics.numbers:
            n = statistics.numbers[prop.id]
            values = [n.minimum, n.maximum, n.total / n.count, n.total]
            properties[prop.id] = dict(zip(("min", "max", "mean", "sum"), values, strict=True))
        elif statistics.occurrences.get(prop.id):
            order = {name: i for i, name in enumerate(prop.names)}
            names = statistics.occurrences[prop.id]
            properties[prop.id] = {"occurrences": {k: names[k] for k in sorted(names, key=order.__getitem__)}}
    body: dict[str, object] = {"count": statistics.count}
    if properties:
        body["properties"] = properties
    return {"classes": {metadata.id: body}}
