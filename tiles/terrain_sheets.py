"""Which sheets have a say in a tile of terrain, named by a digest: the same sheets in the same order make the same tile."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.crs import Extent, FloatArray
from twin.heights import GroundSampler

type Which = Sequence[int]
"""Numbers of sheets, highest priority first."""

_BULGE = 0.05
"""The corners of a tile are told; its sides bulge by less than this share of its width, the line beyond its edge included."""


@dataclass(frozen=True)
class SheetBoxes:
    """The boxes around the sheets of a sampler."""

    names: tuple[str, ...]
    systems: npt.NDArray[np.int64]
    """For each sheet the number of its CRS."""
    own: FloatArray
    """West, south, east, north in the CRS of each sheet; (n, 4)."""
    pixel: FloatArray
    """The longer side of a pixel in the units of that."""
    storage_m: FloatArray
    """The same boxes in the storage CRS, outlines followed."""
    coarsest_m: float
    """The widest pixel of all."""

    @property
    def bounds_m(self) -> Extent:
        """The box around all of them in the storage CRS."""
        low, high = self.storage_m[:, :2].min(axis=0), self.storage_m[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def cover(self, x: FloatArray, y: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which points of the storage CRS are in the box of some sheet."""
        covered = np.zeros(x.shape, np.bool_)
        for west, south, east, north in self.storage_m:
            covered |= (x >= west) & (x <= east) & (y >= south) & (y <= north)
        return covered

    def near(self, corners: FloatArray) -> Which:
        """Return the sheets that heights within ``corners``, positions of (2 + 2k, n), may come from; all where a position is not known.

        In the outer half of a border pixel the sheets beside it have a say, so those one pixel further are among them.
        """
        if not np.isfinite(corners).all():
            return range(len(self.names))
        boxes = np.stack([_box(corners[2 + 2 * system : 4 + 2 * system]) for system in range((len(corners) - 2) // 2)])
        boxes = boxes[self.systems]
        touched = _meet(self.own, boxes, np.zeros(len(self.names)))
        seam = np.zeros(len(boxes))
        for system in np.unique(self.systems[touched]):
            of_it = self.systems == system
            seam[of_it] = self.pixel[touched & of_it].max() * 1.01
        return np.flatnonzero(_meet(self.own, boxes, seam)).tolist()

    def around(self, corners: FloatArray, way_m: float) -> Which:
        """Return the sheets at most ``way_m`` from ``corners``, positions of (2 + 2k, n); all where a position is not known."""
        if not np.isfinite(corners[:2]).all():
            return range(len(self.names))
        return np.flatnonzero(_meet(self.storage_m, _box(corners[:2])[np.newaxis], np.array([way_m]))).tolist()

    def digest(self, which: Which, *more: float) -> bytes:
        """Return 16 bytes that stand for these sheets, in this order, and some numbers more."""
        text = "\n".join([*(self.names[i] for i in which), *map(repr, more)])
        return hashlib.blake2b(text.encode(), digest_size=16).digest()


def sheet_boxes(sampler: GroundSampler) -> SheetBoxes:
    """Return the boxes around the sheets of ``sampler``."""
    outlines = sampler.outlines_m()
    return SheetBoxes(
        tuple(c.name for c in sampler.coverages),
        np.array(sampler.systems),
        np.array([c.box for c in sampler.coverages]),
        np.array([c.resolution for c in sampler.coverages]),
        np.array([[np.nanmin(x), np.nanmin(y), np.nanmax(x), np.nanmax(y)] for x, y in outlines]),
        max(sampler.resolutions_m()),
    )


def _box(points: FloatArray) -> FloatArray:
    """Return west, south, east, north around points (2, n), by `_BULGE` wider on each side."""
    low, high = points.min(axis=1), points.max(axis=1)
    margin = _BULGE * (high - low).max()
    return np.concatenate([low - margin, high + margin])


def _meet(boxes: FloatArray, others: FloatArray, margin: FloatArray) -> npt.NDArray[np.bool_]:
    m = margin
    west, south, east, north = others.T
    return np.asarray((boxes[:, 0] <= east + m) & (west - m <= boxes[:, 2]) & (boxes[:, 1] <= north + m) & (south - m <= boxes[:, 3]))
