"""Cross-sections of pipes as polygons: circles, upright rectangles and eggs."""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel


class Shape(enum.IntEnum):
    """The form of a cross-section."""

    ROUND = 0
    BOX = 1
    EGG = 2
    """The sewer egg, three high by two wide, stretched upright to its height: crown r, sides 3 r, invert r / 2, all tangent."""


ROUND, BOX, EGG = (int(shape) for shape in Shape)
CHORD_ERROR_M = 0.005
"""How far the flat sides of a round profile may lie inside the circle."""
FEWEST_SIDES, MOST_SIDES = 8, 96
_SIDE_ARC = float(np.arctan2(0.6, 0.8))
"""The angle that each side of an egg turns by, from its widest place down to where its invert begins."""


def sides_for(radius_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of sides for which r (1 - cos π/n) stays within CHORD_ERROR_M; 8 to 96, even."""
    ratio = np.clip(CHORD_ERROR_M / np.maximum(radius_m, CHORD_ERROR_M), 0.0, 1.0)
    exact = np.pi / np.arccos(1.0 - ratio)
    return np.clip(2 * np.ceil(exact / 2), FEWEST_SIDES, MOST_SIDES).astype(np.int64)


def widest_radius(shape: NDArray[np.int64], half_width: NDArray[np.float64], half_height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the radius of the flattest arc of each section, which its polygon has to follow."""
    round_radius = np.maximum(half_width, half_height)
    return np.where(shape == EGG, 3 * np.maximum(half_width, half_height / 1.5), round_radius)


def chord_error(shape: NDArray[np.int64], radius_m: NDArray[np.float64], sides: NDArray[np.int64]) -> float:
    """Return the largest r (1 - cos π/n) of the profiles that are not boxes."""
    curved = shape != BOX
    if not curved.any():
        return 0.0
    return float((radius_m[curved] * (1 - np.cos(np.pi / sides[curved]))).max())


@kernel
def write_profile(shape: int, half_width: float, half_height: float, sides: int, out: NDArray[np.float64]) -> tuple[int, int]:
    """Write (across, upright, normal across, normal upright); return (vertices, faces): a rectangle has each corner twice."""
    if shape == BOX:
        return _write_box(half_width, half_height, out)
    for k in range(sides):
        angle = 2 * np.pi * k / sides
        c, s = np.cos(angle), np.sin(angle)
        if shape == EGG:
            stretch = half_height / (1.5 * half_width)
            across, upright, radius = _arc_of_egg(angle)
            out[k, 0], out[k, 1] = half_width * (across + radius * c), half_width * (upright + radius * s) * stretch
            size = np.hypot(c, s / stretch)
            out[k, 2], out[k, 3] = c / size, s / stretch / size
        else:
            out[k, 0], out[k, 1], out[k, 2], out[k, 3] = half_width * c, half_height * s, c, s
    return sides, sides


@kernel
def _arc_of_egg(angle: float) -> tuple[float, float, float]:
    """Return centre and radius of the arc whose normal has ``angle``, by half the width, from the middle of the height."""
    if angle <= np.pi:
        return 0.0, 0.5, 1.0
    if angle < np.pi + _SIDE_ARC:
        return 2.0, 0.5, 3.0
    if angle > 2 * np.pi - _SIDE_ARC:
        return -2.0, 0.5, 3.0
    return 0.0, -1.0, 0.5


@kernel
def _write_box(half_width: float, half_height: float, out: NDArray[np.float64]) -> tuple[int, int]:
    for k in range(4):
        c, s = (1.0, 0.0, -1.0, 0.0)[k], (0.0, 1.0, 0.0, -1.0)[k]
        for end in range(2):
            along = -1.0 if end == 0 else 1.0
            out[2 * k + end, 0] = half_width * (c - s * along)
            out[2 * k + end, 1] = half_height * (s + c * along)
            out[2 * k + end, 2], out[2 * k + end, 3] = c, s
    return 8, 4
