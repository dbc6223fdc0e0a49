"""What a face is to the plane of another: so are nearly all pairs told apart; compiled.

Each test has a margin, so whatever is parted here does not meet in `self_crossing` either.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel

PARTED, TOUCHES, CROSSES = 1, 0, -1
"""What a face is to the plane of another: parted by it; on one side, with what the other has not within its plane; on both."""


@bare_kernel
def side_with_few(
    points: Floats, begin: int, stop: int, normal: Floats, offsets: Floats, deviation_m: Floats, face: int, common: int
) -> int:  # fmt: skip
    """Return what `side_of` does of a face that has one vertex in ``common`` with the other, or none: else only strange ones are in it."""
    nx, ny, nz, offset = normal[face, 0], normal[face, 1], normal[face, 2], offsets[face]
    thickness = deviation_m[face] + 10 * CONTACT_M
    above, below = 0, 0
    for k in range(max(begin, 0), stop):
        height = points[k, 0] * nx + points[k, 1] * ny + points[k, 2] * nz - offset
        above += height > thickness
        below += height < -thickness
    if (above > 0) & (below > 0) or above + below == 0:
        return CROSSES
    return PARTED if stop - begin - above - below == common else TOUCHES


@bare_kernel
def side_of(
    points: Floats, begin: int, stop: int, shift: int, normal: Floats, offsets: Floats, deviation_m: Floats, corner: Indices,
    after: Indices, before: Indices, face_start: Ints, twin: Indices, face_of_corner: Indices, face: int, level: npt.NDArray[np.int8],
) -> int:  # fmt: skip
    """Return what a face with corners ``begin`` to ``stop`` is to the plane of ``face``: so are nearly all pairs told apart.

    It is `PARTED` where it is on one side and has in the plane only what ``face`` has too. ``points`` are the places of corners from
    ``shift`` on. Arrays are handed over one by one: as a tuple they take three times as long.
    """
    nx, ny, nz, offset = normal[face, 0], normal[face, 1], normal[face, 2], offsets[face]
    thickness = deviation_m[face] + 10 * CONTACT_M
    above, below, on, count = 0, 0, 0, stop - begin
    for k in range(count):
        height = points[begin - shift + k, 0] * nx + points[begin - shift + k, 1] * ny + points[begin - shift + k, 2] * nz - offset
        is_above, is_below = height > thickness, height < -thickness
        above, below = above | is_above, below | is_below
        level[k] = is_above - is_below
        on += 1 - (is_above | is_below)
    if above and below:
        return CROSSES
    if on in (0, count):
        return PARTED if on == 0 else CROSSES
    for k in range(count):
        if level[k] != 0:
            continue
        if level[after[begin + k] - begin] == 0:
            if face_of_corner[twin[begin + k]] != face:
                return TOUCHES
        elif level[before[begin + k] - begin] != 0 and not is_among(corner, face_start[face], face_start[face + 1], corner[begin + k]):
            return TOUCHES
    return PARTED


@bare_kernel
def is_among(corner: Indices, begin: int, stop: int, vertex: int) -> bool:
    """Tell whether some corner has a vertex."""
    for k in range(begin, stop):  # noqa: SIM110  # numba has no any() of a generator
        if corner[k] == vertex:
            return True
    return False
