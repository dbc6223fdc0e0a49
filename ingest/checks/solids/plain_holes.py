"""Which polygons are plainly sound although a hole touches the outline in one corner; compiled."""

from __future__ import annotations

from ingest.checks.solids.ears import MOST_CORNERS
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints
from ingest.checks.solids.plain_edges import are_clear, is_clear_about, is_inside, side
from ingest.checks.solids.surfaces import Indices
from twin.kernel import bare_kernel

_SAME_M = CONTACT_M / 10
_LEAST_SINE = 0.1
"""Of the angle between edges that touch: what is within contact of both is far shorter than a line that rings would share."""


@bare_kernel
def holes_touch_soundly(at: Floats, after: Indices, begin: int, count: int, ring_start: Ints, first: int, last: int, touched: Ints) -> bool:
    """Tell whether rings are an outline and holes in it, clear of each other but where a hole has one corner with the outline in common.

    ``at`` (n, 2) are the corners in the plane; rings ``first`` to ``last``. So the interior is connected, and rings share no line.
    """
    end = ring_start[first + 1] - begin
    if count > MOST_CORNERS or not _find_touched(at, begin, ring_start, first, last, touched):
        return False
    for j in range(count):
        m = after[begin + j] - begin
        if not is_clear_about(at, j, m, after[begin + m] - begin):
            return False
        for i in range(j):
            if are_clear(at, after, begin, i, j):
                continue
            k, v = after[begin + i] - begin, j if touched[j] >= 0 else m
            if j < end or i >= end or touched[v] < 0 or touched[v] not in (i, k):
                return False
            if not _part(at, touched[v], k if touched[v] == i else i, v, m if v == j else j):
                return False
    for ring in range(first + 1, last):  # noqa: SIM110  # numba has no all() of a generator
        if not _is_hole(at, begin, ring_start, first, last, ring, touched):
            return False
    return True


@bare_kernel
def _find_touched(at: Floats, begin: int, ring_start: Ints, first: int, last: int, touched: Ints) -> bool:
    """Fill in for each corner the one of the outline at the same place, -1 without; False where a hole has several."""
    end = ring_start[first + 1] - begin
    for k in range(end):
        touched[k] = -1
    for ring in range(first + 1, last):
        found = 0
        for v in range(ring_start[ring] - begin, ring_start[ring + 1] - begin):
            touched[v] = -1
            for u in range(end):
                if (at[u, 0] - at[v, 0]) ** 2 + (at[u, 1] - at[v, 1]) ** 2 < _SAME_M**2:
                    touched[v] = u
                    found += 1
        if found > 1:
            return False
    return True


@bare_kernel
def _part(at: Floats, u: int, p: int, v: int, q: int) -> bool:
    """Tell whether the edges from two corners at one place to ``p`` and ``q`` part at once."""
    ax, ay, bx, by = at[p, 0] - at[u, 0], at[p, 1] - at[u, 1], at[q, 0] - at[v, 0], at[q, 1] - at[v, 1]
    cross = ax * by - ay * bx
    return ax * bx + ay * by < 0 or cross * cross > _LEAST_SINE**2 * (ax * ax + ay * ay) * (bx * bx + by * by)


@bare_kernel
def _is_hole(at: Floats, begin: int, ring_start: Ints, first: int, last: int, ring: int, touched: Ints) -> bool:
    """Tell whether a ring is turned as a hole, and a corner of it that touches nothing is in the outline and in no other hole."""
    start, stop = ring_start[ring] - begin, ring_start[ring + 1] - begin
    area = 0.0
    for k in range(start + 1, stop - 1):
        area += side(at, start, k, k + 1)
    corner = start if touched[start] < 0 else start + 1
    for other in range(first, last):
        inside = is_inside(at, ring_start[other] - begin, ring_start[other + 1] - begin, corner)
        if other != ring and inside != (other == first):
            return False
    return area < 0
