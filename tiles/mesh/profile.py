"""Cross-sections of pipes as polygons: circles, eggs, and the upright ones with corners: rectangles, arches, trapezoids, U shapes."""

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
    ARCH = 3
    """A half circle over upright walls; where it is lower than half its width, half an ellipse."""
    TRAPEZOID = 4
    """Narrower below: its sides lean by TRAPEZOID_SLOPE, less where the floor of its outside would be narrower than half its width."""
    U = 5
    """An arch upside down."""


ROUND, BOX, EGG, ARCH, TRAPEZOID, U = (int(shape) for shape in Shape)
TRAPEZOID_SLOPE = 0.25
"""Across by upright: surveys give one width, the upper one; walls of masonry lean about so. Nobody compared it with a standard."""
CHORD_ERROR_M = 0.004
"""How far the flat sides of a round profile may lie off the circle: with its sag, a millimetre, what a straight edge may of a building."""
FEWEST_SIDES, MOST_SIDES = 8, 96
MOST_POINTS = MOST_SIDES + 6
_SIDE_ARC = float(np.arctan2(0.6, 0.8))
"""The angle that each side of an egg turns by, from its widest place down to where its invert begins."""


def sides_for(radius_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of sides for which r (1 - cos π/n) stays within CHORD_ERROR_M; 8 to 96, even."""
    ratio = np.clip(CHORD_ERROR_M / np.maximum(radius_m, CHORD_ERROR_M), 0.0, 1.0)
    return _even(np.pi / np.arccos(1.0 - ratio))


def balanced_sides_for(radius_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of sides for which a polygon of ``balance`` stays within CHORD_ERROR_M of the circle; 8 to 96, even."""
    ratio = np.clip(CHORD_ERROR_M / np.maximum(radius_m, CHORD_ERROR_M), 0.0, 1.0)
    return _even(np.pi / (2 * np.arctan(np.sqrt(ratio))))


def balance(sides: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the radius of the corners by that of the circle for which corners lie as far outside as the middles of sides inside."""
    return 2 / (1 + np.cos(np.pi / sides))


def _even(sides: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(2 * np.ceil(sides / 2), FEWEST_SIDES, MOST_SIDES).astype(np.int64)


def has_corners(shape: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which shapes have flat faces that meet at an edge: they end flat."""
    return (shape != ROUND) & (shape != EGG)


def faces_of(shape: NDArray[np.int64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many faces a section has at most whose curve, were it a whole circle, has ``sides``.

    A face has two points of its own where the section has corners, else one.
    """
    return np.where((shape == BOX) | (shape == TRAPEZOID), 4, np.where(has_corners(shape), sides // 2 + 3, sides))


def widest_radius(shape: NDArray[np.int64], half_width: NDArray[np.float64], half_height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the radius of the flattest arc of each section, which its polygon has to follow."""
    round_radius = np.where(has_corners(shape), half_width, np.maximum(half_width, half_height))
    return np.where(shape == EGG, 3 * np.maximum(half_width, half_height / 1.5), round_radius)


def section_sides(shape: NDArray[np.int64], width_m: NDArray[np.float64], height_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of sides of sections whose circles are drawn by polygons of ``balance``, other curves by inscribed ones."""
    radius = np.nan_to_num(widest_radius(shape, width_m / 2, height_m / 2))
    return np.where(shape == ROUND, balanced_sides_for(radius), sides_for(radius))


def inscribed_error(shape: NDArray[np.int64], radius_m: NDArray[np.float64], sides: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return r (1 - cos π/n), how far the sides of inscribed profiles lie inside their curves; 0 where there is none."""
    return np.where((shape == BOX) | (shape == TRAPEZOID), 0.0, radius_m * (1 - np.cos(np.pi / np.maximum(sides, 1))))


def slopes(shape: NDArray[np.int64], half_width: NDArray[np.float64], half_height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the sides of sections lean, across by upright: 0 but for trapezoids."""
    leaning = np.zeros(len(shape))
    rows = np.flatnonzero(shape == TRAPEZOID)
    leaning[rows] = np.minimum(TRAPEZOID_SLOPE, half_width[rows] / (4 * half_height[rows]))
    return leaning


def slopes_about(
    shape: NDArray[np.int64], half_width: NDArray[np.float64], half_height: NDArray[np.float64], wall_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `slopes` of the sections that lie ``wall_m`` about bores of these sizes.

    Where a section leans by its own width W / 4 H, with W = w + wall (s + √(1 + s²)) and H = h + wall: a quadratic equation of s.
    """
    leaning = np.zeros(len(shape))
    rows = np.flatnonzero(shape == TRAPEZOID)
    width, wall = half_width[rows], wall_m[rows]
    room = 4 * half_height[rows] + 3 * wall
    own = (room * width + wall * np.sqrt(room**2 + width**2 - wall**2)) / (room**2 - wall**2)
    leaning[rows] = np.minimum(TRAPEZOID_SLOPE, own)
    return leaning


def insets(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much half the upper width of a bore is less than that of its outside, by the wall: 1 where sides are upright."""
    return slope + np.hypot(1.0, slope)


@kernel
def has_walls(half_width: float, half_height: float) -> bool:
    """Return whether an arch is higher than its curve."""
    return 2 * half_height - min(half_width, 2 * half_height) > 1e-9


@kernel
def write_profile(
    shape: int, half_width: float, half_height: float, slope: float, sides: int, walled: bool, out: NDArray[np.float64]
) -> tuple[int, int]:
    """Write (across, upright, normal across, normal upright); return (vertices, faces): a section with corners has two a face.

    Arches have the faces of upright walls where ``walled``, be these of no height: so a bore has a face for each of what is about it.
    """
    if shape == BOX:
        return _write_corners(half_width, half_width, half_height, out)
    if shape == TRAPEZOID:
        return _write_corners(half_width, half_width - 2 * half_height * slope, half_height, out)
    if shape in (ARCH, U):
        return _write_arch(half_width, half_height, sides // 2, walled, 1.0 if shape == ARCH else -1.0, out)
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
def _write_face(face: int, x0: float, y0: float, x1: float, y1: float, out: NDArray[np.float64]) -> int:
    """Write the face from one point to the next, flat; return the number of the one after it. One without length looks nowhere."""
    length = max(np.hypot(x1 - x0, y1 - y0), 1e-12)
    for end in range(2):
        out[2 * face + end, 0], out[2 * face + end, 1] = (x0, y0) if end == 0 else (x1, y1)
        out[2 * face + end, 2], out[2 * face + end, 3] = (y1 - y0) / length, (x0 - x1) / length
    return face + 1


@kernel
def _write_corners(half_width: float, half_floor: float, half_height: float, out: NDArray[np.float64]) -> tuple[int, int]:
    """Write a section of four corners, symmetric, with an upper and a lower width."""
    _write_face(0, half_floor, -half_height, half_width, half_height, out)
    _write_face(1, half_width, half_height, -half_width, half_height, out)
    _write_face(2, -half_width, half_height, -half_floor, -half_height, out)
    _write_face(3, -half_floor, -half_height, half_floor, -half_height, out)
    return 8, 4


@kernel
def _write_arch(half_width: float, half_height: float, arcs: int, walled: bool, upward: float, out: NDArray[np.float64]) -> tuple[int, int]:
    """Write an arch, or one turned about its axis (``upward`` -1), its crown smooth."""
    rise = min(half_width, 2 * half_height)
    spring = half_height - rise
    face = 0
    if walled:
        face = _write_face(face, half_width, -half_height, half_width, spring, out)
    for k in range(arcs):
        for end in range(2):
            angle = np.pi * (k + end) / arcs
            c, s = np.cos(angle), np.sin(angle)
            at, size = 2 * face + end, np.hypot(c / half_width, s / rise)
            out[at, 0], out[at, 1] = half_width * c, spring + rise * s
            out[at, 2], out[at, 3] = c / half_width / size, s / rise / size
        face += 1
    if walled:
        face = _write_face(face, -half_width, spring, -half_width, -half_height, out)
    face = _write_face(face, -half_width, -half_height, half_width, -half_height, out)
    for at in range(2 * face):
        for column in range(4):
            out[at, column] *= upward
    return 2 * face, face
