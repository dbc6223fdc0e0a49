"""What an inner tile shows where no coarser form of every feature below it fits: made from the summaries of its children alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import Region
from tiles.local_frame import ToGeocentric
from tiles.mesh.batch import MeshBatch
from tiles.source import Source
from tiles.tiling import Cell


@dataclass(frozen=True, slots=True)
class FarTile:
    """What an inner tile shows of all below it, and the ``summary`` that its parent is made from; ``glb`` None where it shows nothing."""

    summary: bytes
    glb: bytes | None
    region: Region | None
    error_m: float


class FarForm(Protocol):
    """The far look of one FeatureType; pure in the features, whatever the order in which children were made."""

    def summary_of(self, source: Source, rows: NDArray[np.int64], mesh: MeshBatch, cell: Cell) -> bytes:
        """Return the summary of a leaf of ``cell`` over ``rows`` of ``source``, whose mesh, by place in ``rows``, is ``mesh``."""

    def merged(self, cell: Cell, children: Sequence[bytes]) -> bytes:
        """Return the summary of ``cell`` from those of its quarters, at least one, where something else is shown of it."""

    def tile(self, cell: Cell, children: Sequence[bytes], to_geocentric: ToGeocentric) -> FarTile:
        """Return the tile of ``cell`` from the summaries of its quarters, at least one."""
