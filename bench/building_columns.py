"""The bench's buildings as a tile build reads them from the database, without one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.workload import Buildings
from tiles.columns import FeatureColumns, NumberColumn, TextColumn, offsets_of

_BATCH = 50_000
_CODES = {"住宅": "residential", "商业": "commercial", "办公": "office", "工业": "industrial", "教育": "education", "医疗": "medical"}


def columns_of(buildings: Buildings) -> Iterator[FeatureColumns]:
    """Yield the buildings as a build reads them from the database, 50,000 at a time."""
    count, fields = len(buildings.footprints), buildings.fields
    wkb = shapely.to_wkb(shapely.force_3d(buildings.footprints, buildings.base_m), byte_order=1)
    given: dict[str, NDArray[np.generic]] = {
        "building_id": fields["建筑编号"], "name": fields["名称"],
        "usage": np.array([_CODES[use] for use in fields["建筑用途"].tolist()]), "base_height_source": np.full(count, "field"),
        "height_source": np.full(count, "field"),
        "floors_above": fields["地上层数"].astype(np.int64), "height_m": buildings.height_m, "base_height_m": buildings.base_m,
        "year_built": fields["建成年份"].astype(np.int64),
    }  # fmt: skip
    for first in range(0, count, _BATCH):
        some = slice(first, min(first + _BATCH, count))
        lengths = np.array([len(w) for w in wkb[some]], np.int64)
        columns = {name: _column(values[some]) for name, values in given.items()}
        fid = np.arange(first + 1, some.stop + 1, dtype=np.uint32)
        yield FeatureColumns(fid, np.frombuffer(bytearray(b"".join(wkb[some])), np.uint8), offsets_of(lengths), columns)


def _column(values: NDArray[np.generic]) -> TextColumn | NumberColumn:
    if values.dtype.kind in "OU":
        return TextColumn.from_texts([str(value) for value in values])
    return NumberColumn(values, np.ones(len(values), np.bool_))
