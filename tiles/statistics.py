"""Statistics of properties, merged from contents to tileset so that nobody rescans the city (3D Tiles 1.1 §6.9.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.metadata import EncodedTable, MetadataClass


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
        if column.is_empty:
            occurrences |= {column.prop.id: {}} if column.prop.kind == "enum" else {}
        elif column.prop.kind == "enum":
            counts = np.zeros(len(column.prop.names), np.int64)
            _count(column.values, rows, counts)
            occurrences[column.prop.id] = {column.prop.names[v]: int(counts[v]) for v in np.flatnonzero(counts).tolist() if v > 0}
        else:
            count, *values = _reduced(column.values, column.present, rows)
            if count:
                numbers[column.prop.id] = NumberStatistics(count, *values)
    return Statistics(len(rows), numbers, occurrences)


@kernel
def _count(values: NDArray[np.generic], rows: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Count how often each value occurs; IndexError for one that has no place in ``counts``, which compiled code does not look at."""
    for row in rows:
        value = int(values[row])
        if not 0 <= value < len(counts):
            raise IndexError("a value that its enumeration does not have")
        counts[value] += 1


@kernel
def _reduced(values: NDArray[np.generic], present: NDArray[np.bool_], rows: NDArray[np.int64]) -> tuple[int, float, float, float]:
    """Return how many values there are, the least, the greatest and the sum."""
    count, low, high, total = 0, np.inf, -np.inf, 0.0
    for row in rows:
        if present[row]:
            value = float(values[row])
            count, low, high, total = count + 1, min(low, value), max(high, value), total + value
    return count, low, high, total


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


def statistics_json(metadata: MetadataClass, statistics: Statistics) -> dict[str, object] | None:
    """Return the ``statistics`` object of a tileset: min, max, mean, sum of numbers, occurrences of enum names.

    None where no feature has a value of either.
    """
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
    # the published validator: "The statistics class MUST have at least 1 property"
    return {"classes": {metadata.id: {"count": statistics.count, "properties": properties}}} if properties else None
