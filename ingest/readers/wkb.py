"""A column of WKB as the rows of a batch: plain points, lines and areas as arrays, everything else as geometries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.areas import Areas, areas_of
from ingest.paths import paths_of
from ingest.readers.curves import TOLERANCE_M, geometries_of_wkb
from ingest.readers.source import SourceBatch


def batch_of_wkb(
    rows: npt.NDArray[np.int64], wkb: pa.Array, columns: Mapping[str, pa.Array], tolerance: float = TOLERANCE_M
) -> SourceBatch:
    """Return rows whose WKB that cannot be read is None, and whose arcs have chords within ``tolerance`` (units of the CRS).

    ArrowException for a column whose type holds no bytes, or that is not as its type says.
    """
    wkb = _as_binary(wkb)
    paths = paths_of(wkb)
    areas = areas_of(wkb) if len(paths) < len(wkb) else Areas.none()
    geometry = np.full(len(wkb), None, dtype=object)
    others = np.ones(len(wkb), dtype=bool)
    others[areas.rows] = False
    others[paths.rows] = False
    if others.any():
        geometry[others] = geometries_of_wkb(wkb.filter(pa.array(others)).to_numpy(zero_copy_only=False), tolerance)
    return SourceBatch(rows, geometry, columns, areas=areas if len(areas) else None, paths=paths if len(paths) else None)


def _as_binary(wkb: pa.Array) -> pa.Array:
    """Return the column as one of plain bytes: a file may say that it is one of views, of a dictionary, of bytes of one length."""
    if pa.types.is_binary(wkb.type) or pa.types.is_large_binary(wkb.type):
        return wkb
    wkb.validate(full=True)  # a cast believes the keys of a dictionary
    return wkb.cast(pa.binary())
