"""What is hollow in a pipe: the bore within its wall, the openings of a culvert, the ducts of a bank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets, offsets_of
from tiles.kernel import kernel
from tiles.mesh.pipe_section import Outlines, Pipes, ZReference
from tiles.mesh.profile import BOX, insets, slopes
from tiles.mesh.sweep import Ending

_MOST_HOLES = 48
"""A bank of more is drawn without its holes: such a number is rather a count of something else."""
_DUCT_SHARE = 0.7
"""Diameter of a duct by the side of its cell, where a survey says how many there are and nothing of their size."""


@dataclass(frozen=True, slots=True)
class Bores:
    """Of pipes (features,): ``ending`` of their outer sections, ``wall_m`` about the bore of what is no box, ``count`` of bores.

    Open ends of box ``f`` have the cells ``offsets[f]`` to ``offsets[f + 1]``, as in Cells; its bores are the openings of the first
    ``count[f]`` of them.
    """

    ending: NDArray[np.int64]
    wall_m: NDArray[np.float64]
    count: NDArray[np.int64]
    offsets: Offsets
    cell: NDArray[np.float64]
    opening: NDArray[np.float64]
    is_round: NDArray[np.bool_]

    @staticmethod
    def none(count: int) -> Bores:
        """Return what is hollow in so many solid pipes."""
        zero, ending = np.zeros(count, np.int64), np.full(count, int(Ending.BALL))
        return Bores(
            ending, np.zeros(count), zero, np.zeros(count + 1, np.int64), np.empty((0, 4)), np.empty((0, 4)), np.empty(0, np.bool_)
        )


def bores_of(pipes: Pipes, outlines: Outlines) -> Bores:
    """Return what is hollow: pipes of gravity open at their ends with a known wall, and banks of ducts.

    A culvert has ``holes`` openings side by side (one where it is not said), with a wall about each; a bank its ducts in rows.
    """
    width, height = outlines.width_m, outlines.height_m
    if not ((pipes.wall_m > 0) & (pipes.z_reference == ZReference.INVERT)).any() and not (pipes.holes > 0).any():
        return Bores.none(len(width))
    is_box, is_gravity = outlines.shape == BOX, pipes.z_reference == ZReference.INVERT
    openings = np.where(is_box, np.clip(pipes.holes, 1, _MOST_HOLES), 1)
    wall = np.where(pipes.wall_m > 0, pipes.wall_m, 0.0)
    across = insets(slopes(outlines.shape, width / 2, height / 2)) * wall
    room = np.minimum(width - (openings + 1) * across, height - 2 * wall)
    is_open = is_gravity & (wall > 0) & (room > 0)
    is_bank = is_box & ~is_gravity & (pipes.holes > 0) & (pipes.holes <= _MOST_HOLES) & (width > 0) & (height > 0)
    count = np.where(is_open, openings, np.where(is_bank, pipes.holes, 0)).astype(np.int64)
    columns = np.where(is_bank, _columns(count, width, height), np.where(is_open & is_box, count, 0)).astype(np.int64)
    rows = np.where(columns > 0, -(-count // np.maximum(columns, 1)), 0)
    offsets = offsets_of(columns * rows)
    cell, opening = np.empty((int(offsets[-1]), 4)), np.zeros((int(offsets[-1]), 4))
    _write_cells(np.where(is_bank, 0.0, wall), width, height, count, columns, rows, cell, opening)
    ending = np.where(is_open | is_bank, int(Ending.OPEN), int(Ending.BALL))
    return Bores(ending, wall, count, offsets, cell, opening, np.repeat(is_bank, columns * rows))


def _columns(count: NDArray[np.int64], width: NDArray[np.float64], height: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return in how many columns a bank has its ducts, so that their cells are as square as can be."""
    wanted = np.sqrt(count * np.nan_to_num(width) / np.maximum(np.nan_to_num(height), 1e-3))
    return np.clip(np.rint(wanted), 1, np.maximum(count, 1)).astype(np.int64)


@kernel
def _write_cells(
    wall: NDArray[np.float64],
    width: NDArray[np.float64],
    height: NDArray[np.float64],
    count: NDArray[np.int64],
    columns: NDArray[np.int64],
    rows: NDArray[np.int64],
    cell: NDArray[np.float64],
    opening: NDArray[np.float64],
) -> None:
    """Write cells and openings row by row from below; a wall of 0 is that of a bank of round ducts."""
    c = 0
    for f in range(len(count)):
        for k in range(columns[f] * rows[f]):
            column, row = k % columns[f], k // columns[f]
            pitch, rise = (width[f] - wall[f]) / columns[f], height[f] / rows[f]
            left, low = wall[f] / 2 + column * pitch - width[f] / 2, row * rise - height[f] / 2
            cell[c, 0], cell[c, 1] = left if column > 0 else -width[f] / 2, low
            cell[c, 2], cell[c, 3] = left + pitch if column < columns[f] - 1 else width[f] / 2, low + rise
            opening[c, 0], opening[c, 1] = left + pitch / 2, low + rise / 2
            if wall[f] > 0:
                opening[c, 2], opening[c, 3] = (pitch - wall[f]) / 2, rise / 2 - wall[f]
            elif k < count[f]:
                opening[c, 2] = opening[c, 3] = _DUCT_SHARE * min(pitch, rise) / 2
            c += 1
