"""The rows that feature ids name, and whether each is named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.checker.gltf_file import GltfFile, Json


@dataclass(slots=True)
class FeatureTable:
    """A property table of ``count`` rows; ``seen`` says which of them something is shown of."""

    count: int
    fids: NDArray[np.uint32] | None
    blocks: int | None
    seen: NDArray[np.bool_]


def check_ids(gltf: GltfFile, ids: Json, values: NDArray[np.int64], tables: list[FeatureTable], where: str) -> None:
    """Record feature ids beyond their table; mark the rows that they name as seen."""
    count = ids.get("featureCount", 0)
    inside = gltf.problems.unless(
        isinstance(count, int) and values.min() >= 0 and values.max() < count, "FEATURE_ID_OUT_OF_RANGE", where, f"beyond {count} features"
    )
    table = ids.get("propertyTable")
    if not isinstance(table, int) or not 0 <= table < len(tables):
        gltf.problems.add("PROPERTY_TABLE_REFERENCE", where, f"no table {table}")
        return
    gltf.problems.unless(count == tables[table].count, "FEATURE_COUNT_MISMATCH", where, f"{count} features, {tables[table].count} rows")
    if inside and count == tables[table].count:
        tables[table].seen[values] = True
