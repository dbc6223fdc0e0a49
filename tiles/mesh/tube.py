"""Pipes: line strings swept by their section at true depth, with their walls and bores where these are known and can be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.kernel import kernel
from tiles.mesh.batch import HIGHEST_M, LOWEST_M, LeftOut, MeshBatch, sag_m
from tiles.mesh.bores import Bores, bores_of
from tiles.mesh.pipe_section import LONGEST_PIPE_M, Outlines, Pipes, outlines
from tiles.mesh.profile import (
    BOX,
    ROUND,
    balance,
    has_corners,
    inscribed_error,
    insets,
    slopes,
    widest_radius,
)
from tiles.mesh.sweep import Cells, Ending, Paths, Sections, plain_paths, sweep
from tiles.wkb import EMPTY, OK, Geometries

REPEATED_M = 1e-4
"""Points of a line that are nearer to one another are one."""
_DEGENERATE, _TOO_HIGH, _TOO_LONG = int(LeftOut.GEOMETRY_DEGENERATE), int(LeftOut.ELEVATION_ABSURD), int(LeftOut.OUTSIDE_CRS)
WIDEST_M = 20.0
"""No pipe or culvert section is larger: a greater size is an error of unit."""
_LOWEST_M, _HIGHEST_M = LOWEST_M - 5 * WIDEST_M, HIGHEST_M + 5 * WIDEST_M
"""Heights of a line beyond which its pipe is beyond LOWEST_M or HIGHEST_M, whatever part of it the line is."""
LONGEST_DIVIDED_M = 1_000_000.0
"""Length of the long segments of a feature: no line of a city is so long, and a number is wrong. Divided it takes 8 MB."""


def tube(geometries: Geometries, pipes: Pipes, outline: Outlines | None = None) -> MeshBatch:
    """Return pipes along line strings, closed meshes but for the seams of box ends; ``outline`` is what `outlines` gives of them.

    A gravity pipe (its line is its invert) opens into chambers and outfalls: where its wall is known its ends show it, and its bore is
    seen through them. Other pipes are joined or capped: they end in half a ball of their own size. So do the walls of open ends lean,
    and no gap shows where pipes meet at an angle, whatever lies beyond a pipe's own ends. Sections with corners end flat: culverts open
    by their ``holes``, ducts with the holes of their bank. A circle is drawn by the polygon that lies as far outside as inside of it.

    The axis lies half the section's height below the top, or that above the invert (less the wall), measured vertically. A feature
    without size is left out as SIZE_MISSING, above WIDEST_M as SIZE_ABSURD; with a point where nothing is built as ELEVATION_ABSURD, and
    with segments over LONGEST_DIVIDED_M as OUTSIDE_CRS, before anything is divided: a single wrong number would fill the memory.
    """
    outline = outlines(pipes) if outline is None else outline
    left_out = _left_out(geometries, outline.width_m, outline.height_m)
    points, offsets, feature = centre_lines(geometries, outline.shift_m, left_out)
    mesh = sweep(_paths(outline, bores_of(pipes, outline), points, offsets, feature), left_out)
    return replace(mesh, chord_error_m=mesh.chord_error_m + sag_m(_longest_level_m(points, offsets)))


def _paths(outline: Outlines, bores: Bores, points: NDArray[np.float64], offsets: Offsets, feature: NDArray[np.int64]) -> Paths:
    """Return each line's outer section, followed by its bores."""
    if not bores.count.any():
        return plain_paths(points, offsets, _closed(outline, bores.ending, feature), feature)
    count = 1 + bores.count[feature]
    line = np.repeat(np.arange(len(feature)), count)
    begin = np.cumsum(count) - count
    number = np.arange(len(line)) - begin[line] - 1
    owner = feature[line]
    is_bore, first = number >= 0, bores.offsets[owner]
    shape, wall, is_box = outline.shape[owner], bores.wall_m[owner], outline.shape[owner] == BOX
    sides = outline.sides[owner]
    wider = np.where(shape == ROUND, balance(sides), 1.0)
    half, wall = np.column_stack([outline.width_m, outline.height_m])[owner] * (wider / 2)[:, None], wall * wider
    cornered = has_corners(shape)
    reach = np.where(cornered, np.hypot(half[:, 0], half[:, 1]), half[:, 0])
    stretch = np.where(is_bore & ~cornered, np.sqrt(np.maximum(half[:, 0] ** 2 - (half[:, 0] - wall) ** 2, 0)), 0.0)
    centre = np.zeros((len(line), 2))
    slope = slopes(shape, half[:, 0], half[:, 1])
    inset = np.column_stack([insets(slope) * wall, wall])
    half[is_bore & ~is_box] -= inset[is_bore & ~is_box]
    drilled = np.flatnonzero(is_bore & is_box)
    opening = first[drilled] + number[drilled]
    centre[drilled], half[drilled] = bores.opening[opening, :2], bores.opening[opening, 2:]
    shape[drilled], sides[drilled] = np.where(bores.is_round[opening], ROUND, BOX), 8  # an octagon within its duct, not about it
    ending = np.where(is_bore, int(Ending.NONE), bores.ending[owner])
    error = inscribed_error(shape, widest_radius(shape, half[:, 0], half[:, 1]), sides)
    error[wider > 1] /= 2
    wall[is_bore] = 0.0
    sections = Sections(shape, half[:, 0], half[:, 1], sides, ending, is_bore, centre, wall, stretch, reach, slope, error)
    cells = Cells(first, np.where(is_bore, first, bores.offsets[owner + 1]), bores.cell, bores.opening, bores.is_round)
    return Paths(points, offsets, line, sections, cells, owner)


def _closed(outline: Outlines, ending: NDArray[np.int64], owner: NDArray[np.int64]) -> Sections:
    """Return the sections of lines without bores: what `_paths` would make of them."""
    shape, sides = outline.shape[owner], outline.sides[owner]
    wider = np.where(shape == ROUND, balance(sides), 1.0)
    sections = Sections.closed(shape, outline.width_m[owner] * (wider / 2), outline.height_m[owner] * (wider / 2), sides, ending[owner])
    sections.error[wider > 1] /= 2
    return sections


def _left_out(geometries: Geometries, width: NDArray[np.float64], height: NDArray[np.float64]) -> NDArray[np.uint8]:
    left_out = np.zeros(len(geometries), np.uint8)
    left_out[(width > WIDEST_M) | (height > WIDEST_M)] = LeftOut.SIZE_ABSURD
    left_out[~((width > 0) & (height > 0))] = LeftOut.SIZE_MISSING
    left_out[geometries.status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(geometries.status != OK) & (geometries.status != EMPTY)] = LeftOut.GEOMETRY_UNREADABLE
    return left_out


def centre_lines(
    geometries: Geometries, shift_m: NDArray[np.float64], left_out: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], Offsets, NDArray[np.int64]]:
    """Return (points, offsets, feature) of the lines, raised by ``shift_m``, without repeated points, long segments divided.

    A feature without two distinct points is marked GEOMETRY_DEGENERATE in ``left_out``, what `line_room` refuses with its reason.
    """
    g = geometries
    room = _room(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, left_out)
    points, offsets, feature = np.empty((room, 3)), np.zeros_like(g.ring_offsets), np.empty(len(g.ring_offsets), np.int64)
    count, lines = _lines(g.coordinates, g.ring_offsets, g.part_offsets, g.feature_offsets, shift_m, left_out, points, offsets, feature)
    return points[:count], offsets[: lines + 1], feature[:lines]


@kernel
def _longest_level_m(points: NDArray[np.float64], offsets: Offsets) -> float:
    """Return the length on the ground of the longest segment."""
    longest = 0.0
    for line in range(len(offsets) - 1):
        for i in range(offsets[line] + 1, offsets[line + 1]):
            dx, dy = points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1]
            longest = max(longest, dx * dx + dy * dy)
    return float(np.sqrt(longest))


@kernel
def _distance(coordinates: NDArray[np.float64], a: int, b: int) -> float:
    dx, dy, dz = coordinates[b, 0] - coordinates[a, 0], coordinates[b, 1] - coordinates[a, 1], coordinates[b, 2] - coordinates[a, 2]
    return np.sqrt(dx * dx + dy * dy + dz * dz)


@kernel
def line_room(coordinates: NDArray[np.float64], longest: float) -> int:
    """Return an upper bound for the points of `divided_line`, or minus the reason (LeftOut) why the line cannot be drawn."""
    added = 0.0
    for i in range(1, len(coordinates)):
        length = _distance(coordinates, i - 1, i)
        lower, upper = min(coordinates[i - 1, 2], coordinates[i, 2]), max(coordinates[i - 1, 2], coordinates[i, 2])
        if length >= REPEATED_M and not (lower > _LOWEST_M and upper < _HIGHEST_M):
            return -_TOO_HIGH
        added += np.floor(length / longest)
        if added * longest > LONGEST_DIVIDED_M:
            return -_TOO_LONG
    return len(coordinates) + int(added)


@kernel
def pieces_more(
    coordinates: NDArray[np.float64], ring_offsets: Offsets, part_offsets: Offsets, feature_offsets: Offsets
) -> NDArray[np.int64]:
    """Return into how many segments more than it has the long ones of each feature are divided at most; 0 where `line_room` refuses it."""
    more = np.zeros(len(feature_offsets) - 1, np.int64)
    for f in range(len(more)):
        for ring in range(part_offsets[feature_offsets[f]], part_offsets[feature_offsets[f + 1]]):
            begin, end = ring_offsets[ring], ring_offsets[ring + 1]
            more[f] += max(0, line_room(coordinates[begin:end], LONGEST_PIPE_M) - (end - begin))
    return more


@kernel
def _room(
    coordinates: NDArray[np.float64], ring_offsets: Offsets, part_offsets: Offsets, feature_offsets: Offsets, left_out: NDArray[np.uint8]
) -> int:
    """Mark features that cannot be drawn in ``left_out``; return an upper bound for the points of the lines of all others."""
    total = 0
    for f in range(len(left_out)):
        if left_out[f] != 0:
            continue
        room = stored = 0
        for ring in range(part_offsets[feature_offsets[f]], part_offsets[feature_offsets[f + 1]]):
            line = coordinates[ring_offsets[ring] : ring_offsets[ring + 1]]
            more = line_room(line, LONGEST_PIPE_M)
            if more < 0:
                left_out[f] = -more
                break
            room, stored = room + more, stored + len(line)
        if left_out[f] == 0 and (room - stored) * LONGEST_PIPE_M > LONGEST_DIVIDED_M:
            left_out[f] = _TOO_LONG
        if left_out[f] == 0:
            total += room
    return total


@kernel
def divided_line(coordinates: NDArray[np.float64], shift_m: float, longest: float, out: NDArray[np.float64]) -> int:
    """Write one line, raised by ``shift_m``, without repeated points, in segments of ``longest`` at most; return its number of points."""
    if len(coordinates) == 0:
        return 0
    out[0] = coordinates[0]
    count, previous = 1, 0
    for i in range(1, len(coordinates)):
        length = _distance(coordinates, previous, i)
        if length < REPEATED_M:
            continue
        pieces = int(np.ceil(length / longest))
        for p in range(1, pieces + 1):
            for k in range(3):
                out[count, k] = coordinates[previous, k] + (coordinates[i, k] - coordinates[previous, k]) * p / pieces
            count += 1
        previous = i
    out[:count, 2] += shift_m
    return count


@kernel
def _lines(
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    shift_m: NDArray[np.float64],
    left_out: NDArray[np.uint8],
    out: NDArray[np.float64],
    offsets: Offsets,
    feature: NDArray[np.int64],
) -> tuple[int, int]:
    points, lines = 0, 0
    for f in range(len(left_out)):
        if left_out[f] != 0:
            continue
        first_line = lines
        for ring in range(part_offsets[feature_offsets[f]], part_offsets[feature_offsets[f + 1]]):
            count = divided_line(coordinates[ring_offsets[ring] : ring_offsets[ring + 1]], shift_m[f], LONGEST_PIPE_M, out[points:])
            if count > 1:
                points += count
                feature[lines] = f
                lines += 1
                offsets[lines] = points
        if lines == first_line:
            left_out[f] = _DEGENERATE
    return points, lines
