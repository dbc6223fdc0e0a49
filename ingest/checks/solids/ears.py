"""Whether a polygon can be cut into triangles ear by ear, none of which leans away from its plane."""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import Floats, Ints
from ingest.checks.solids.surfaces import Indices

MOST_CORNERS = 200
"""Looking for ears grows with the cube of the corners."""


def has_flat_ears(
    at: Floats, xyz: Floats, corner: Indices, begin: int, count: int, normal: Floats, least_cosine: float, ahead: Ints, behind: Ints
) -> bool:
    """Tell whether ears can be cut off a simple ring until nothing is left, each within the angle of ``normal`` (G. H. Meisters 1975).

    ``at`` (count, 2) are the corners from ``begin`` on in the plane, counterclockwise; ``ahead`` and ``behind`` have room for ``count``.
    One function without others, as it is run both compiled and not: the two ways of checking must agree.
    """
    for k in range(count):
        ahead[k], behind[k] = k + 1, k - 1
    ahead[count - 1], behind[0] = 0, count - 1
    left, missed, k = count, 0, 0
    while left > 2:
        if missed == left:
            return False
        p, q = behind[k], ahead[k]
        px, py, kx, ky, qx, qy = at[p, 0], at[p, 1], at[k, 0], at[k, 1], at[q, 0], at[q, 1]
        is_ear = (kx - px) * (qy - py) - (ky - py) * (qx - px) > 0
        if is_ear:
            a, b, c = corner[begin + p], corner[begin + k], corner[begin + q]
            ux, uy, uz = xyz[b, 0] - xyz[a, 0], xyz[b, 1] - xyz[a, 1], xyz[b, 2] - xyz[a, 2]
            wx, wy, wz = xyz[c, 0] - xyz[a, 0], xyz[c, 1] - xyz[a, 1], xyz[c, 2] - xyz[a, 2]
            nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
            is_ear = nx * normal[0] + ny * normal[1] + nz * normal[2] >= least_cosine * np.sqrt(nx * nx + ny * ny + nz * nz)
        v = ahead[q]
        while is_ear and v != p:
            x, y = at[v, 0], at[v, 1]
            is_ear = (
                (px - qx) * (y - qy) - (py - qy) * (x - qx) < 0  # so are nearly all: beyond what the ear is cut off along
                or (kx - px) * (y - py) - (ky - py) * (x - px) < 0
                or (qx - kx) * (y - ky) - (qy - ky) * (x - kx) < 0
            )
            v = ahead[v]
        if is_ear:
            ahead[p], behind[q] = q, p
            left, missed = left - 1, 0
        else:
            missed += 1
        k = q
    return True
