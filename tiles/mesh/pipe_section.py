"""What is known of the cross-sections of pipes, and the outer sections that follow from it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tiles.mesh.profile import ARCH, BOX, EGG, ROUND, insets, section_sides, slopes_about

LONGEST_PIPE_M = 225.0
"""Longest undivided segment: it sags 1 mm below the curved surface of equal height between its ends."""
EGG_HEIGHT = 1.5
"""Height of a sewer egg by its width, where only one of them is known."""


class ZReference(enum.IntEnum):
    """What the Z of a pipe's line stands for (surveys give the crown of pressure pipes and cables, the invert of gravity sewers)."""

    AXIS = 0
    TOP = 1
    INVERT = 2


@dataclass(frozen=True, slots=True)
class Pipes:
    """What is known of pipes, all (features,), NaN or 0 missing.

    ``shape`` of tiles.mesh.profile.Shape, -1 not known; ``diameter_m``, ``width_m``, ``height_m`` of the outside, of the bore where
    ``is_of_bore``; ``wall_m`` thickness of the wall;
    ``holes``: how many ducts or openings a box has; ``z_reference`` of ZReference.
    """

    shape: NDArray[np.int64]
    diameter_m: NDArray[np.float64]
    width_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    wall_m: NDArray[np.float64]
    is_of_bore: NDArray[np.bool_]
    holes: NDArray[np.int64]
    z_reference: NDArray[np.int64]

    def rows(self, rows: NDArray[np.int64]) -> Pipes:
        """Return those of ``rows``."""
        return Pipes(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Outlines:
    """The outer sections of pipes, all (features,).

    ``shift_m``: how far the axis lies above the line; ``sides`` of the polygon of a curve, as `section_sides` gives them.
    """

    shape: NDArray[np.int64]
    width_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    shift_m: NDArray[np.float64]
    sides: NDArray[np.int64]

    def rows(self, rows: NDArray[np.int64]) -> Outlines:
        """Return those of ``rows``."""
        return Outlines(self.shape[rows], self.width_m[rows], self.height_m[rows], self.shift_m[rows], self.sides[rows])


def outlines(pipes: Pipes) -> Outlines:
    """Return the outer sections, NaN where a size is not known: eggs, circles, and what has corners where it has width and height.

    What has width and height and no shape is a box. An egg is higher than it is wide, whichever of its sizes a register calls its height
    (Rotterdam's calls the smaller one so).
    """
    p = pipes
    has_both = (p.width_m > 0) & (p.height_m > 0)
    cornered = np.where(p.shape >= ARCH, p.shape, BOX)
    shape = np.where(p.shape == EGG, EGG, np.where(has_both & (p.shape != ROUND), cornered, ROUND))
    across, upright = (np.where(side > 0, side, np.nan) for side in (p.width_m, p.height_m))
    across = np.where(np.isfinite(across), across, np.where(p.diameter_m > 0, p.diameter_m, upright / EGG_HEIGHT))
    upright = np.where(np.isfinite(upright), upright, EGG_HEIGHT * across)
    egg = np.minimum(across, upright), np.maximum(across, upright)
    diameter = np.where((p.shape == ROUND) & ~(p.diameter_m > 0), p.width_m, p.diameter_m)
    width, height = (
        np.select([shape == EGG, shape == ROUND], [of_egg, diameter], of_other)
        for of_egg, of_other in zip(egg, (p.width_m, p.height_m), strict=True)
    )
    around = np.where(p.is_of_bore & (p.wall_m > 0), 2 * p.wall_m, 0.0)
    width, height = width + insets(slopes_about(shape, width / 2, height / 2, around / 2)) * around, height + around
    inside = np.where((p.wall_m > 0) & (2 * p.wall_m < np.minimum(width, height)), p.wall_m, 0.0)
    above_invert = height / 2 - inside
    shift = np.select([p.z_reference == ZReference.TOP, p.z_reference == ZReference.INVERT], [-height / 2, above_invert], 0.0)
    return Outlines(shape, width, height, shift, section_sides(shape, width, height))
