"""Straight closed pipes: what is known of each by its two ends and its section, without a triangle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import sag_m
from tiles.mesh.pipe_section import LONGEST_PIPE_M, Outlines
from tiles.mesh.profile import BOX, ROUND, balance, inscribed_error
from tiles.mesh.tube import REPEATED_M, WIDEST_M
from tiles.wkb import Geometries

_UPRIGHT = 1e-3
"""Level part of a length below which a pipe stands: which way its section is turned is then not to be told from its ends."""


@dataclass(frozen=True, slots=True)
class Straights:
    """Pipes (n,) along one straight axis, closed: circles in half a ball of their size at both ends, boxes by flat ends.

    ``ends_m`` (n, 2, 3) E, N, H of the axis; ``is_box``, else a circle; ``width_m``, ``height_m``, the same of a circle; ``sides`` of a
    circle's polygon, as `section_sides` gives them; ``feature`` index in the run, rising.
    """

    ends_m: NDArray[np.float64]
    is_box: NDArray[np.bool_]
    width_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    sides: NDArray[np.int64]
    feature: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.feature)

    def among(self, rows: NDArray[np.int64]) -> Straights:
        """Return those that are ``rows`` (k,) of the run, in that order; ``feature`` of them is the index in ``rows``."""
        at = np.searchsorted(self.feature, rows)
        place = np.flatnonzero(self.feature.take(at, mode="clip") == rows) if len(self) else np.zeros(0, np.int64)
        at = at[place]
        return Straights(self.ends_m[at], self.is_box[at], self.width_m[at], self.height_m[at], self.sides[at], place)

    @property
    def most_sides(self) -> int:
        """Return the sides of the polygon that serves the circle that needs most, 0 where there is none."""
        return int(self.sides[~self.is_box].max(initial=0))

    @property
    def reach_m(self) -> float:
        """Return how far from its axis and beyond its ends any of them goes."""
        box = np.hypot(self.width_m, self.height_m)
        across = np.where(self.is_box, box, self.width_m * balance(np.maximum(self.sides, 1)))
        return float(across.max(initial=0.0)) / 2

    @property
    def chord_error_m(self) -> float:
        """Return how far the polygon of `most_sides` may lie off the circles, inside as much as outside, and how far the longest sags."""
        way = self.ends_m[:, 1, :2] - self.ends_m[:, 0, :2]
        sag = sag_m(float(np.hypot(way[:, 0], way[:, 1]).max(initial=0.0)))
        if not self.most_sides:
            return sag
        sides = np.array([self.most_sides])
        radius = self.width_m[~self.is_box].max(keepdims=True) / 2 * balance(sides)
        return float(inscribed_error(np.array([ROUND]), radius, sides)[0]) / 2 + sag


def straights(geometries: Geometries, outline: Outlines, is_closed: NDArray[np.bool_]) -> Straights:
    """Return those of the pipes that are a circle or a box, closed, and run from one point to another, not upright."""
    o = outline
    of_form = is_closed & ((o.shape == ROUND) | (o.shape == BOX))
    of_form &= (o.width_m > 0) & (o.height_m > 0) & (o.width_m <= WIDEST_M) & (o.height_m <= WIDEST_M)
    ends, feature = np.empty((len(of_form), 2, 3)), np.empty(len(of_form), np.int64)
    g = geometries
    count = _write_ends(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, o.shift_m, of_form, ends, feature)
    rows = feature[:count]
    return Straights(ends[:count], o.shape[rows] == BOX, o.width_m[rows], o.height_m[rows], o.sides[rows], rows)


@kernel
def _write_ends(
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    shift_m: NDArray[np.float64],
    of_form: NDArray[np.bool_],
    ends: NDArray[np.float64],
    feature: NDArray[np.int64],
) -> int:
    count = 0
    for f in range(len(of_form)):
        part = feature_offsets[f]
        if not of_form[f] or feature_offsets[f + 1] != part + 1:
            continue
        ring = part_offsets[part]
        first = ring_offsets[ring]
        if part_offsets[part + 1] != ring + 1 or ring_offsets[ring + 1] != first + 2:
            continue
        level = np.hypot(coordinates[first + 1, 0] - coordinates[first, 0], coordinates[first + 1, 1] - coordinates[first, 1])
        length = np.hypot(level, coordinates[first + 1, 2] - coordinates[first, 2])
        if not REPEATED_M <= length <= LONGEST_PIPE_M or level < _UPRIGHT * length:
            continue
        for end in range(2):
            for axis in range(3):
                ends[count, end, axis] = coordinates[first + end, axis]
            ends[count, end, 2] += shift_m[f]
        feature[count] = f
        count += 1
    return count
