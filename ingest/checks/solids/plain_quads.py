"""Polygons of four corners that are sound, convex and flat by a straight path; compiled.

Most faces of a building are such. What is not told here, `plain_faces` goes through corner by corner, with the same tests.
"""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import CONTACT_M, Floats
from ingest.checks.solids.planes import THIN_M
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel

_MARGIN = 1 + 1e-9


@bare_kernel
def is_flat_quad(
    xyz: Floats, corner: Indices, begin: int, face: int, least_step_m: float, planarity_m: float, least_cosine: float, normal: Floats,
    offset: Floats, deviation_m: Floats, low: Floats, high: Floats,
) -> bool:  # fmt: skip
    """Tell whether the four corners from ``begin`` on make a convex polygon that has its own normal, is even and does not bend.

    If so, its plane and box are filled in. A perimeter is at most twice the root of the sum of the squared sides. Normals of the four
    triangles that corners can make are had of three products: those of b, c and d from a, with each other.
    """
    p, q, r, t = corner[begin], corner[begin + 1], corner[begin + 2], corner[begin + 3]
    ax, ay, az = xyz[p, 0], xyz[p, 1], xyz[p, 2]
    bx, by, bz = xyz[q, 0] - ax, xyz[q, 1] - ay, xyz[q, 2] - az
    cx, cy, cz = xyz[r, 0] - ax, xyz[r, 1] - ay, xyz[r, 2] - az
    dx, dy, dz = xyz[t, 0] - ax, xyz[t, 1] - ay, xyz[t, 2] - az
    ab, cd = bx * bx + by * by + bz * bz, (dx - cx) * (dx - cx) + (dy - cy) * (dy - cy) + (dz - cz) * (dz - cz)
    bc, da = (cx - bx) * (cx - bx) + (cy - by) * (cy - by) + (cz - bz) * (cz - bz), dx * dx + dy * dy + dz * dz
    ix, iy, iz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    jx, jy, jz = cy * dz - cz * dy, cz * dx - cx * dz, cx * dy - cy * dx
    kx, ky, kz = by * dz - bz * dy, bz * dx - bx * dz, bx * dy - by * dx
    nx, ny, nz = ix + jx, iy + jy, iz + jz
    lx, ly, lz = nx - kx, ny - ky, nz - kz
    squared = nx * nx + ny * ny + nz * nz
    if not (
        min(ab, bc, cd, da) > least_step_m * least_step_m * _MARGIN
        and squared > 4 * (THIN_M * _MARGIN) ** 2 * _MARGIN * (ab + bc + cd + da)
    ):
        return False
    twice = np.sqrt(squared)
    nx, ny, nz = nx / twice, ny / twice, nz / twice
    at_b, at_d, at_a = ix * nx + iy * ny + iz * nz, jx * nx + jy * ny + jz * nz, kx * nx + ky * ny + kz * nz
    at_c = lx * nx + ly * ny + lz * nz
    if not min(at_a, at_b, at_c, at_d) > 0:
        return False
    b, c, d = bx * nx + by * ny + bz * nz, cx * nx + cy * ny + cz * nz, dx * nx + dy * ny + dz * nz
    middle = (b + c + d) / 4
    b, c, d = b - middle, c - middle, d - middle
    deviation = max(abs(middle), abs(b), abs(c), abs(d))
    if not (middle * middle + b * b + c * c + d * d) * _MARGIN * _MARGIN <= planarity_m * planarity_m:
        return False
    if not deviation * _MARGIN <= CONTACT_M:
        least = (least_cosine * _MARGIN) ** 2
        is_flat = (at_b * at_b >= least * (ix * ix + iy * iy + iz * iz)) & (at_d * at_d >= least * (jx * jx + jy * jy + jz * jz))
        is_flat |= (at_a * at_a >= least * (kx * kx + ky * ky + kz * kz)) & (at_c * at_c >= least * (lx * lx + ly * ly + lz * lz))
        if not is_flat:
            return False
    normal[face, 0], normal[face, 1], normal[face, 2] = nx, ny, nz
    offset[face], deviation_m[face] = ax * nx + ay * ny + az * nz + middle, deviation
    for axis in range(3):
        low[face, axis] = min(xyz[p, axis], xyz[q, axis], xyz[r, axis], xyz[t, axis])
        high[face, axis] = max(xyz[p, axis], xyz[q, axis], xyz[r, axis], xyz[t, axis])
    return True
