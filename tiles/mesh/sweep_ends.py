"""How swept sections end: flat caps, balls, the walls of open ends, and the faces of boxes about their openings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel


@kernel
def emit_cap(
    ring: NDArray[np.float64],
    faces: int,
    d: NDArray[np.float64],
    ahead: bool,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> tuple[int, int]:
    """Close ``ring`` with a flat fan that looks along ``d`` (``ahead``) or against it; return (vertices, triangles)."""
    stride, sign = len(ring) // faces, 1.0 if ahead else -1.0
    for k in range(faces):
        positions[k] = ring[k * stride]
        for a in range(3):
            normals[k, a] = sign * d[a]
    second, third = (1, 0) if ahead else (0, 1)
    for k in range(1, faces - 1):
        triangles[k - 1, 0], triangles[k - 1, 1], triangles[k - 1, 2] = v, v + k + second, v + k + third
    return faces, faces - 2


@kernel
def join_rings(lower: int, upper: int, around: int, faces: int, ahead: bool, triangles: NDArray[np.uint32]) -> int:
    """Join two rings, the second further along; ``ahead`` or not, seen from outside; return the number of triangles.

    Where a ring has more vertices than faces, each face has two of its own.
    """
    stride = around // faces
    for k in range(faces):
        a, b = k * stride, (k * stride + 1) % around
        if not ahead:
            a, b = b, a
        triangles[2 * k, 0], triangles[2 * k, 1], triangles[2 * k, 2] = lower + a, upper + a, upper + b
        triangles[2 * k + 1, 0], triangles[2 * k + 1, 1], triangles[2 * k + 1, 2] = lower + a, upper + b, lower + b
    return 2 * faces


@kernel
def emit_dome(
    centre: NDArray[np.float64],
    ring: int,
    around: int,
    d: NDArray[np.float64],
    ahead: bool,
    reach: float,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> tuple[int, int]:
    """Close the ring of ``around`` vertices at ``ring``, whose normals lie in its plane, with half a ball that goes on by ``reach``.

    Coarse, for it stands for a joint and no surface: half as many vertices half way up, and its point. Written behind vertex ``v`` of the
    same arrays; return (vertices, triangles).
    """
    sign, half, share = 1.0 if ahead else -1.0, around // 2, np.sqrt(0.5)
    for k in range(half):
        below = ring + 2 * k
        for a in range(3):
            positions[v + k, a] = centre[a] + share * (positions[below, a] - centre[a]) + share * reach * sign * d[a]
            normals[v + k, a] = share * normals[below, a] + share * sign * d[a]
    point = v + half
    for a in range(3):
        positions[point, a], normals[point, a] = centre[a] + reach * sign * d[a], sign * d[a]
    second, third = (1, 2) if ahead else (2, 1)
    for k in range(half):
        here, between, onward = ring + 2 * k, ring + 2 * k + 1, ring + (2 * k + 2) % around
        upper, next_upper = v + k, v + (k + 1) % half
        for t, (a, b, c) in enumerate(
            ((here, upper, between), (between, upper, next_upper), (between, next_upper, onward), (upper, point, next_upper))
        ):
            triangles[4 * k + t, 0], triangles[4 * k + t, second], triangles[4 * k + t, third] = a, b, c
    return half + 1, 4 * half


@kernel
def emit_rim(
    centre: NDArray[np.float64],
    ring: int,
    bore: NDArray[np.float64],
    lean: float,
    d: NDArray[np.float64],
    right: NDArray[np.float64],
    up: NDArray[np.float64],
    ahead: bool,
    stretch: float,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> tuple[int, int]:
    """Lead the ring at ``ring`` over to the profile ``bore``, which lies ``stretch`` further on: the wall of an open end.

    ``lean`` cosine of the angle by which the wall's normals there lean forward.
    """
    sign, around, forward = 1.0 if ahead else -1.0, len(bore), np.sqrt(1 - lean * lean)
    for k in range(around):
        for a in range(3):
            positions[v + k, a] = centre[a] + bore[k, 0] * right[a] + bore[k, 1] * up[a] + sign * stretch * d[a]
            normals[v + k, a] = lean * normals[ring + k, a] + forward * sign * d[a]
    return around, join_rings(ring, v, around, around, ahead, triangles)


@kernel
def emit_flat_rim(
    centre: NDArray[np.float64],
    ring: NDArray[np.float64],
    bore: NDArray[np.float64],
    faces: int,
    d: NDArray[np.float64],
    right: NDArray[np.float64],
    up: NDArray[np.float64],
    ahead: bool,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> tuple[int, int]:
    """Close ``ring``, of two points a face, up to the profile ``bore``: the wall of an open end that looks along ``d`` or against it.

    Where a face of the bore has no length one triangle does.
    """
    sign = 1.0 if ahead else -1.0
    for k in range(faces):
        for a in range(3):
            positions[k, a] = ring[2 * k, a]
            positions[faces + k, a] = centre[a] + bore[2 * k, 0] * right[a] + bore[2 * k, 1] * up[a]
            normals[k, a] = normals[faces + k, a] = sign * d[a]
    joined, kept = join_rings(v, v + faces, faces, faces, ahead, triangles), 0
    for t in range(joined):
        start, end = t // 2 * 2, t // 2 * 2 + 1
        if t == end or np.hypot(bore[end, 0] - bore[start, 0], bore[end, 1] - bore[start, 1]) > 1e-9:
            triangles[kept] = triangles[t]
            kept += 1
    return 2 * faces, kept


@kernel
def emit_frames(
    centre: NDArray[np.float64],
    cell: NDArray[np.float64],
    opening: NDArray[np.float64],
    is_round: NDArray[np.bool_],
    d: NDArray[np.float64],
    right: NDArray[np.float64],
    up: NDArray[np.float64],
    ahead: bool,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
    v: int,
) -> tuple[int, int]:
    """Close the end of a box by the flat cells it is divided into, each about its opening; return (vertices, triangles)."""
    count, t, corners = 0, 0, np.empty((12, 2))
    for c in range(len(cell)):
        points = _corners(cell[c], opening[c], is_round[c], corners)
        for k in range(points):
            for a in range(3):
                positions[v + count + k, a] = centre[a] + corners[k, 0] * right[a] + corners[k, 1] * up[a]
                normals[v + count + k, a] = d[a] if ahead else -d[a]
        t += _frame(v + count, points - 4, ahead, triangles[t:])
        count += points
    return count, t


@kernel
def _corners(cell: NDArray[np.float64], opening: NDArray[np.float64], is_round: bool, out: NDArray[np.float64]) -> int:
    """Write the four corners of a cell and those of its opening, both from the upper right one on; return how many."""
    for k in range(4):
        is_right, is_high = k in (0, 3), k in (0, 1)
        out[k, 0], out[k, 1] = cell[2] if is_right else cell[0], cell[3] if is_high else cell[1]
        out[4 + k, 0] = opening[0] + (opening[2] if is_right else -opening[2])
        out[4 + k, 1] = opening[1] + (opening[3] if is_high else -opening[3])
    if opening[2] == 0:
        return 4
    if not is_round:
        return 8
    for k in range(8):
        out[4 + k, 0] = opening[0] + opening[2] * np.cos(np.pi / 4 * k)
        out[4 + k, 1] = opening[1] + opening[3] * np.sin(np.pi / 4 * k)
    return 12


@kernel
def _frame(v: int, inner: int, ahead: bool, triangles: NDArray[np.uint32]) -> int:
    """Write the triangles between a cell's corners at ``v`` and the ``inner`` ones of its opening, which follow them."""
    t = 0
    second, third = (2, 1) if ahead else (1, 2)
    for k in range(4):
        corner, next_corner, hole = v + k, v + (k + 1) % 4, v + 4
        if inner == 0:
            if k < 2:
                triangles[t, 0], triangles[t, second], triangles[t, third] = v, v + k + 1, v + k + 2
                t += 1
            continue
        if inner == 4:
            here, onward = hole + k, hole + (k + 1) % 4
            triangles[t, 0], triangles[t, second], triangles[t, third] = corner, onward, here
            t += 1
        else:
            before, here, onward = hole + 2 * k, hole + 2 * k + 1, hole + (2 * k + 2) % 8
            triangles[t, 0], triangles[t, second], triangles[t, third] = corner, here, before
            triangles[t + 1, 0], triangles[t + 1, second], triangles[t + 1, third] = corner, onward, here
            t += 2
        triangles[t, 0], triangles[t, second], triangles[t, third] = corner, next_corner, onward
        t += 1
    return t
