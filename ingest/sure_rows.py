"""Which rows of a batch certainly break no geometry rule: no geometry is made of them, and what is found in a file is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest import sure_areas as areas
from ingest import sure_paths as paths
from ingest.areas import Mask
from ingest.body_arrays import laid_out
from ingest.checks.values import FieldValues
from ingest.georeference import Georeference
from ingest.protocol import Limits
from ingest.readers.source import SourceBatch
from twin.model import FeatureType


class SureRows(Protocol):
    """Rows of a batch that break no geometry rule, in the storage CRS."""

    @property
    def is_sure(self) -> Mask:
        """Which of all rows of the batch they are."""
        ...

    def place_of(self, index: int) -> tuple[float, float]:
        """Return the first vertex of the row at a position of the batch."""
        ...

    def encoded(self, keep: Mask, srid: int) -> pa.Array:
        """Return the EWKB of those that are kept, in order."""
        ...


@dataclass(frozen=True, slots=True)
class _Nobody:
    is_sure: Mask

    def place_of(self, index: int) -> tuple[float, float]:
        raise LookupError(index)

    def encoded(self, keep: Mask, srid: int) -> pa.Array:  # noqa: ARG002  # the protocol's
        return pa.array([], pa.binary())


def told_sure(
    batch: SourceBatch, columns: Mapping[str, FieldValues], feature_type: FeatureType, placing: Georeference, limits: Limits
) -> tuple[SourceBatch, SureRows]:
    """Return the batch with a geometry made of every row about which there is any doubt, and the other rows."""
    sure: SureRows = _Nobody(np.zeros(len(batch.rows), dtype=bool))
    if not placing.changes_heights:
        if feature_type.geometry_type == "MultiPolygon" and batch.areas is not None:
            faultless = batch.areas.of(~_rows(batch, [f.index for f in batch.faults])[batch.areas.rows])
            outlined = _rows(batch, laid_out(batch.representations).row)
            sure = areas.sure_areas(faultless, outlined, columns, feature_type, placing, limits)
        elif feature_type.geometry_type in ("Point", "LineString") and batch.paths is not None and not batch.faults:
            sure = paths.sure_paths(batch.paths, len(batch.rows), columns, feature_type, placing, limits)
    return batch.with_geometries(sure.is_sure), sure


def _rows(batch: SourceBatch, indices: npt.ArrayLike) -> Mask:
    """Return which rows of a batch are among ``indices``."""
    result = np.zeros(len(batch.rows), dtype=bool)
    result[np.asarray(indices, dtype=np.int64)] = True
    return result


def encoded_among(sure: SureRows, others: pa.Array, keep: Mask, srid: int) -> pa.Array:
    """Return the EWKB of all rows to ``keep``, where ``others`` is that of those which are not sure."""
    own = sure.encoded(keep, srid)
    if len(others) == 0:
        return own
    order = np.argsort(np.concatenate([np.flatnonzero(keep & sure.is_sure), np.flatnonzero(keep & ~sure.is_sure)]))
    return pa.concat_arrays([own, others]).take(pa.array(order))


def ready() -> None:
    """Have the loops compiled, or read from where they were kept, before the doors close."""
    areas.ready()
    paths.ready()
