"""The plane of a polygon that is fitted to its corners, as `planes` has it; compiled."""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import CONTACT_M, Floats
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel

FITTED_M = CONTACT_M / 100
"""By so much at most a corner is elsewhere in a plane that is fitted in another order of sums."""
_ROUNDING = 1e-15
"""Of the spread, for each corner: several times what adding and multiplying may make."""
_LEAST_COSINE = 0.5
"""Of the angle by which a plane is turned: area, and so how thick it is, stays half of what it was."""
_MOST_ROUNDS = 20


@bare_kernel
def is_fitted(xyz: Floats, corner: Indices, begin: int, count: int, face: int, normal: Floats, spread: Floats, turned: Floats) -> bool:
    """Turn the normal of a face to the direction in which its corners vary least; False where that is not sure to within `FITTED_M`.

    ``spread`` and ``turned`` (3, 3) are room. What is wrong with a sum is a part of the spread, and turns that direction by its ratio to
    what parts the least variance from the next (C. Davis, W. Kahan 1970); no corner is farther from the middle than the root of the spread.
    """
    total = _fill_spread(xyz, corner, begin, count, spread)
    _turn_to_axes(spread, turned)
    least = 0
    for axis in range(1, 3):
        least = axis if spread[axis, axis] < spread[least, least] else least
    gap = min(spread[(least + 1) % 3, (least + 1) % 3], spread[(least + 2) % 3, (least + 2) % 3]) - spread[least, least]
    if not (count + 50) * _ROUNDING * total * np.sqrt(total) < FITTED_M * gap:
        return False
    x, y, z = turned[0, least], turned[1, least], turned[2, least]
    cosine = x * normal[face, 0] + y * normal[face, 1] + z * normal[face, 2]
    if not abs(cosine) > _LEAST_COSINE:
        return False
    sign = 1.0 if cosine > 0 else -1.0
    size = sign * np.sqrt(x * x + y * y + z * z)
    normal[face, 0], normal[face, 1], normal[face, 2] = x / size, y / size, z / size
    return True


@bare_kernel
def _fill_spread(xyz: Floats, corner: Indices, begin: int, count: int, spread: Floats) -> float:
    """Fill in the sums of products of what corners are away from their middle; return the sum of squared distances."""
    x = y = z = 0.0
    for k in range(begin, begin + count):
        x, y, z = x + xyz[corner[k], 0], y + xyz[corner[k], 1], z + xyz[corner[k], 2]
    x, y, z = x / count, y / count, z / count
    xx = yy = zz = xy = yz = zx = 0.0
    for k in range(begin, begin + count):
        p = corner[k]
        dx, dy, dz = xyz[p, 0] - x, xyz[p, 1] - y, xyz[p, 2] - z
        xx, yy, zz = xx + dx * dx, yy + dy * dy, zz + dz * dz
        xy, yz, zx = xy + dx * dy, yz + dy * dz, zx + dz * dx
    spread[0, 0], spread[1, 1], spread[2, 2] = xx, yy, zz
    spread[0, 1] = spread[1, 0] = xy
    spread[1, 2] = spread[2, 1] = yz
    spread[2, 0] = spread[0, 2] = zx
    return xx + yy + zz


@bare_kernel
def _turn_to_axes(spread: Floats, turned: Floats) -> None:
    """Turn a symmetric matrix (3, 3) until it is diagonal; the columns of ``turned`` are its directions (C. Jacobi 1846)."""
    for i in range(3):
        for j in range(3):
            turned[i, j] = 1.0 if i == j else 0.0
    for _ in range(_MOST_ROUNDS):
        if spread[0, 1] == 0 and spread[1, 2] == 0 and spread[0, 2] == 0:
            return
        for p in range(2):
            for q in range(p + 1, 3):
                if spread[p, q] == 0:
                    continue
                half = (spread[q, q] - spread[p, p]) / (2 * spread[p, q])
                tangent = (1.0 if half >= 0 else -1.0) / (abs(half) + np.sqrt(half * half + 1))
                cosine = 1 / np.sqrt(tangent * tangent + 1)
                sine = tangent * cosine
                for k in range(3):
                    a, b = spread[k, p], spread[k, q]
                    spread[k, p], spread[k, q] = cosine * a - sine * b, sine * a + cosine * b
                    a, b = turned[k, p], turned[k, q]
                    turned[k, p], turned[k, q] = cosine * a - sine * b, sine * a + cosine * b
                for k in range(3):
                    a, b = spread[p, k], spread[q, k]
                    spread[p, k], spread[q, k] = cosine * a - sine * b, sine * a + cosine * b
                spread[p, q] = spread[q, p] = 0.0
