"""Compiled loops over areas as arrays: taken out of WKB, told sound where that is certain, written as EWKB.

A row is told sound only where arithmetic of doubles leaves no doubt: every comparison that rounding could turn counts as unsure, and
whoever asks looks at those rows with GEOS.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.kernel import inlined_kernel, kernel

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

POLYGON, MULTIPOLYGON, Z, SRID = 3, 6, 0x80000000, 0x20000000
_ISO_Z = 1000
_HEAD, _COUNT = 5, 4
_ROUNDING = 1e-15
"""Three times Shewchuk's bound for the sign of an orientation (Adaptive Precision Floating-Point Arithmetic, 1997, §4.3)."""
_TOGETHER = 8
"""Edges of a ring that are kept apart from others at once."""
COURSE = 1e-9
"""Share of the lengths by which the cosine of two edges must be clear of a limit."""


@kernel
def measure(content: Bytes, offsets: Ints, rings: Ints, vertices: Ints, has_z: Mask) -> None:
    """Count rings and vertices of each WKB that is one little-endian polygon, or a multipolygon of one, of closed rings; 0 of any other."""
    for row in range(len(offsets) - 1):
        rings[row], vertices[row], has_z[row] = 0, 0, False
        at, end = offsets[row], offsets[row + 1]
        kind, solid = _kind(content, at, end)
        if kind == MULTIPOLYGON and end - at >= _HEAD + _COUNT and _uint32(content, at + _HEAD) == 1:
            at += _HEAD + _COUNT
            inner, inner_solid = _kind(content, at, end)
            kind = inner if inner_solid == solid else 0
        if kind != POLYGON or end - at < _HEAD + _COUNT:
            continue
        width = 24 if solid else 16
        count, total = _uint32(content, at + _HEAD), 0
        at += _HEAD + _COUNT
        for _ in range(count):
            size = _uint32(content, at) if end - at >= _COUNT else 0
            at += _COUNT
            if size < 4 or (end - at) // width < size or not _closes(content, at, size, width):
                total = 0
                at = -1
                break
            total += size
            at += size * width
        if at == end and total:
            rings[row], vertices[row], has_z[row] = count, total, solid


@kernel
def take(content: Bytes, offsets: Ints, rows: Ints, ring_sizes: Ints, xyz: Floats) -> None:
    """Write the ring sizes and coordinates (z NaN where there is none) of rows that `measure` has counted."""
    ring, vertex = 0, 0
    for row in rows:
        at = offsets[row]
        kind, solid = _kind(content, at, offsets[row + 1])
        if kind == MULTIPOLYGON:
            at += _HEAD + _COUNT
        count = _uint32(content, at + _HEAD)
        at += _HEAD + _COUNT
        for _ in range(count):
            size, width = _uint32(content, at), 3 if solid else 2
            at += _COUNT
            numbers = content[at : at + 8 * size * width].view(np.float64)
            for v in range(size):
                xyz[vertex, 0], xyz[vertex, 1] = numbers[v * width], numbers[v * width + 1]
                xyz[vertex, 2] = numbers[v * width + 2] if solid else np.nan
                vertex += 1
            ring_sizes[ring] = size
            ring += 1
            at += 8 * size * width


@kernel
def sound(xyz: Floats, ring_starts: Ints, row_starts: Ints, most_vertices: int, result: Mask) -> None:
    """Mark the rows whose rings certainly bound a valid polygon (OGC 06-103r4 §6.1.11): simple, apart, every hole within the shell."""
    for row in range(len(row_starts) - 1):
        first, last = row_starts[row], row_starts[row + 1]
        result[row] = ring_starts[last] - ring_starts[first] <= most_vertices and _is_sound(xyz, ring_starts, first, last)


@kernel
def well_shaped(
    xyz: Floats, ring_starts: Ints, row_starts: Ints, least_edge_m: float, spike_cosine: float, least_width_m: float, least_hole_m2: float,
    result: Mask,
) -> None:  # fmt: skip
    """Unmark the rows that have, or nearly have, what the shape rules look for: short edges, spikes, too little width, tiny holes."""
    for row in range(len(row_starts) - 1):
        area, perimeter, good = 0.0, 0.0, result[row]
        for ring in range(row_starts[row], row_starts[row + 1]):
            own = 0.0
            begin, end = ring_starts[ring], ring_starts[ring + 1] - 1
            into = end - 1
            for v in range(begin, end):
                ax, ay = xyz[into + 1, 0] - xyz[into, 0], xyz[into + 1, 1] - xyz[into, 1]
                bx, by = xyz[v + 1, 0] - xyz[v, 0], xyz[v + 1, 1] - xyz[v, 1]
                before, length = np.sqrt(ax * ax + ay * ay), np.sqrt(bx * bx + by * by)
                good = good and length > least_edge_m * (1.0 + COURSE)
                good = good and ax * bx + ay * by > -(spike_cosine - COURSE) * before * length
                own += (xyz[v, 0] - xyz[begin, 0]) * by - (xyz[v, 1] - xyz[begin, 1]) * bx
                perimeter += length
                into = v
            own = np.abs(own) / 2.0
            is_hole = ring > row_starts[row]
            good = good and (not is_hole or own > least_hole_m2 * (1.0 + COURSE))
            area += -own if is_hole else own
        result[row] = good and 2.0 * area > least_width_m * (1.0 + COURSE) * perimeter


@kernel
def write(xyz: Floats, ring_starts: Ints, row_starts: Ints, offsets: Ints, srid: int, with_z: bool, base_m: Floats, content: Bytes) -> None:
    """Write each row as the EWKB of a multipolygon of one polygon, little-endian, from ``offsets`` on.

    A vertex without height has that of ``base_m`` for its row, 0 where that is NaN.
    """
    flag, width = (Z, 3) if with_z else (0, 2)
    for row in range(len(row_starts) - 1):
        at = offsets[row]
        content[at], content[at + 13] = 1, 1
        _put_uint32(content, at + 1, MULTIPOLYGON | SRID | flag)
        _put_uint32(content, at + 5, srid)
        _put_uint32(content, at + 9, 1)
        _put_uint32(content, at + 14, POLYGON | flag)
        _put_uint32(content, at + 18, row_starts[row + 1] - row_starts[row])
        at += 22
        base = 0.0 if np.isnan(base_m[row]) else base_m[row]
        for ring in range(row_starts[row], row_starts[row + 1]):
            first, size = ring_starts[ring], ring_starts[ring + 1] - ring_starts[ring]
            _put_uint32(content, at, size)
            at += 4
            numbers = content[at : at + 8 * size * width].view(np.float64)
            for v in range(size):
                numbers[v * width], numbers[v * width + 1] = xyz[first + v, 0], xyz[first + v, 1]
                if with_z:
                    numbers[v * width + 2] = base if np.isnan(xyz[first + v, 2]) else xyz[first + v, 2]
            at += 8 * size * width


@inlined_kernel
def _is_sound(xyz: Floats, ring_starts: Ints, first: int, last: int) -> bool:
    for ring in range(first, last):
        if not _is_simple(xyz, ring_starts[ring], ring_starts[ring + 1] - 1):
            return False
        for other in range(first, ring):
            if not _are_apart(xyz, ring_starts, other, ring, is_shell=other == first):
                return False
    return True


@inlined_kernel
def _is_simple(xyz: Floats, begin: int, end: int) -> bool:
    """Tell whether the edges of a ring (each from ``begin`` to ``end - 1`` to its next vertex) certainly meet in its vertices only.

    Edges that follow each other lie together, so some of them at a time are kept apart by their boxes.
    """
    if end - begin < 3:
        return False
    for i in range(begin, end):
        if not goes_on(xyz, i, begin if i + 1 == end else i + 1):
            return False
    boxes = np.empty(((end - begin + _TOGETHER - 1) // _TOGETHER, 4))
    for b in range(len(boxes)):
        _enclose(xyz, begin + b * _TOGETHER, min(begin + (b + 1) * _TOGETHER, end), boxes[b])
    for one in range(len(boxes)):
        for other in range(one, len(boxes)):
            if other > one and _are_boxes_apart(boxes[one], boxes[other]):
                continue
            for i in range(begin + one * _TOGETHER, min(begin + (one + 1) * _TOGETHER, end)):
                last = end - 1 if i == begin else end
                for j in range(max(begin + other * _TOGETHER, i + 2), min(begin + (other + 1) * _TOGETHER, last)):
                    if not are_clear(xyz, i, j):
                        return False
    return True


@inlined_kernel
def _enclose(xyz: Floats, first: int, end: int, box: Floats) -> None:
    """Fill ``box`` with least and greatest x, least and greatest y of edges."""
    for axis in range(2):
        low = high = xyz[first, axis]
        for v in range(first + 1, end + 1):
            low, high = min(low, xyz[v, axis]), max(high, xyz[v, axis])
        box[2 * axis], box[2 * axis + 1] = low, high


@inlined_kernel
def _are_boxes_apart(one: Floats, other: Floats) -> bool:
    return bool(one[1] < other[0] or other[1] < one[0] or one[3] < other[2] or other[3] < one[2])


@inlined_kernel
def goes_on(xyz: Floats, i: int, k: int) -> bool:
    """Tell whether edge ``k``, which begins where edge ``i`` ends, certainly does not run back along it."""
    ax, ay = xyz[i + 1, 0] - xyz[i, 0], xyz[i + 1, 1] - xyz[i, 1]
    bx, by = xyz[k + 1, 0] - xyz[k, 0], xyz[k + 1, 1] - xyz[k, 1]
    if ax * bx + ay * by > COURSE * (np.abs(ax) + np.abs(ay)) * (np.abs(bx) + np.abs(by)):
        return True
    return _side(xyz, i, i + 1, k + 1) != 0


@inlined_kernel
def are_clear(xyz: Floats, i: int, j: int) -> bool:
    """Tell whether two edges certainly have no point in common."""
    if max(xyz[i, 0], xyz[i + 1, 0]) < min(xyz[j, 0], xyz[j + 1, 0]) or max(xyz[j, 0], xyz[j + 1, 0]) < min(xyz[i, 0], xyz[i + 1, 0]):
        return True
    if max(xyz[i, 1], xyz[i + 1, 1]) < min(xyz[j, 1], xyz[j + 1, 1]) or max(xyz[j, 1], xyz[j + 1, 1]) < min(xyz[i, 1], xyz[i + 1, 1]):
        return True
    return _side(xyz, i, i + 1, j) * _side(xyz, i, i + 1, j + 1) > 0 or _side(xyz, j, j + 1, i) * _side(xyz, j, j + 1, i + 1) > 0


@inlined_kernel
def _are_apart(xyz: Floats, ring_starts: Ints, one: int, other: int, is_shell: bool) -> bool:
    """Tell whether no edge of one ring meets one of the other, and ``other`` lies within the first, a shell, or beside it, a hole."""
    a, b = ring_starts[one], ring_starts[one + 1] - 1
    c, d = ring_starts[other], ring_starts[other + 1] - 1
    if not is_shell:
        return _beside(xyz, a, b, c, d, 0) or _beside(xyz, a, b, c, d, 1)
    for i in range(a, b):
        for j in range(c, d):
            if not are_clear(xyz, i, j):
                return False
    within = False
    for i in range(a, b):
        if (xyz[i, 1] > xyz[c, 1]) != (xyz[i + 1, 1] > xyz[c, 1]):
            side = _side(xyz, i, i + 1, c)
            if side == 0:
                return False
            if (side > 0) == (xyz[i + 1, 1] > xyz[i, 1]):
                within = not within
    return within


@inlined_kernel
def _beside(xyz: Floats, a: int, b: int, c: int, d: int, axis: int) -> bool:
    low, high = np.min(xyz[a:b, axis]), np.max(xyz[a:b, axis])
    return bool(high < np.min(xyz[c:d, axis]) or np.max(xyz[c:d, axis]) < low)


@inlined_kernel
def _side(xyz: Floats, a: int, b: int, p: int) -> int:
    """Return on which side of the line from ``a`` to ``b`` a point certainly lies: 1 left, -1 right, 0 where rounding may decide."""
    left = (xyz[a, 0] - xyz[p, 0]) * (xyz[b, 1] - xyz[p, 1])
    right = (xyz[a, 1] - xyz[p, 1]) * (xyz[b, 0] - xyz[p, 0])
    doubt = _ROUNDING * (np.abs(left) + np.abs(right))
    if left - right > doubt:
        return 1
    return -1 if right - left > doubt else 0


@kernel
def _kind(content: Bytes, at: int, end: int) -> tuple[int, bool]:
    """Return the type of the WKB at a place, and whether it has Z; 0 for one that is not little-endian, or has measures or an SRID."""
    if end - at < _HEAD or content[at] != 1:
        return 0, False
    code = _uint32(content, at + 1)
    if code in (POLYGON, MULTIPOLYGON):
        return code, False
    if code in (POLYGON + _ISO_Z, MULTIPOLYGON + _ISO_Z):
        return code - _ISO_Z, True
    if code in (POLYGON + Z, MULTIPOLYGON + Z):
        return code - Z, True
    return 0, False


@kernel
def _closes(content: Bytes, at: int, size: int, width: int) -> bool:
    last = at + (size - 1) * width
    first_place, last_place = content[at : at + width].view(np.float64), content[last : last + width].view(np.float64)
    differ = 0
    for axis in range(width // 8):
        differ += first_place[axis] != last_place[axis]
    return bool(differ == 0)


@kernel
def _uint32(content: Bytes, at: int) -> int:
    return int(content[at : at + 4].view(np.uint32)[0])


@kernel
def _put_uint32(content: Bytes, at: int, value: int) -> None:
    content[at : at + 4].view(np.uint32)[0] = np.uint32(value)
