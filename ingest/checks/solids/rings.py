"""Rings: 101 TOO_FEW_POINTS, 102 CONSECUTIVE_POINTS_SAME, 104 RING_SELF_INTERSECTION.

103 RING_NOT_CLOSED belongs to formats that repeat the first point: the rings here name each corner once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

from ingest.checks.solids.boundaries import Boundaries, sums
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.planes import Planes, projected
from ingest.checks.solids.vectors import cross

PAIRWISE = 128
"""Rings of more corners are left to GEOS: comparing every edge with every other grows with the square."""
_PAIRS_AT_A_TIME = 1 << 20
_BESIDE = 100
_MOST_BESIDE = 5_000_000
"""A ring is tangled that has more pairs of edges beside each other, and more than `_BESIDE` for each edge: GEOS would compare most of
them. Stars of 16,000 corners have so many; one of 32,000 takes GEOS 4 s, and with the square of the corners more."""
_A_STRIP = 8
"""So many edges of a ring there are for each strip that its extent is cut into."""
_STRIPS_AN_EDGE = 16
"""Rings whose edges lie in more strips on average are not told by them."""


def too_few_points(b: Boundaries) -> Ints:
    """Return the rings of fewer than three corners."""
    return np.flatnonzero(np.diff(b.ring_start) < 3)


def same_points(b: Boundaries, snap_m: float) -> Ints:
    """Return the corners that lie where the next one of their ring does."""
    points = b.points()
    step = points[b.after] - points
    near = (step**2).sum(axis=1) < (snap_m + CONTACT_M) ** 2
    return np.flatnonzero(near & (b.after != np.arange(len(near))))


def is_convex(b: Boundaries, planes: Planes) -> Mask:
    """Tell which rings (R) turn once to the left and hardly ever to the right: those cannot meet themselves.

    A ring that turns once and never right is convex; one that departs from it by right turns of ε in all lies within ε·perimeter
    of a convex one, too little to meet itself where it is thicker than that.
    """
    points = b.points()
    normal = planes.normal[b.face_of_corner]
    into, out = points - points[b.before], points[b.after] - points
    turn = np.arctan2((cross(into, out) * normal).sum(axis=1), (into * out).sum(axis=1))
    total = sums(turn, b.ring_start)
    to_the_right = -sums(np.minimum(turn, 0), b.ring_start)
    thickness = 2 * planes.area_m2 / np.maximum(planes.perimeter_m, 1e-300)
    sound: Mask = (np.abs(total - 2 * np.pi) < 0.1) & (to_the_right * planes.perimeter_m < thickness / 4) & (thickness > 1e-4)
    return sound


def tangled(b: Boundaries, planes: Planes, rings: Ints) -> Ints:
    """Return those of ``rings`` that are not held against themselves, for that would grow with the square of their corners."""
    length = np.diff(b.ring_start)[rings]
    return np.array([ring for ring in rings[length > PAIRWISE].tolist() if _is_tangled(b, planes, ring)], dtype=np.int64)


def _is_tangled(b: Boundaries, planes: Planes, ring: int) -> bool:
    corners = np.arange(b.ring_start[ring], b.ring_start[ring + 1])
    at = projected(b, planes, b.face_of_corner[corners], corners)
    ahead = np.roll(at, -1, axis=0)
    low, high = np.minimum(at, ahead), np.maximum(at, ahead)
    most = max(_MOST_BESIDE, _BESIDE * len(at))
    return all(_beside(low[:, axis], high[:, axis]) > most for axis in range(2)) and _beside_in_strips(low, high) > most


def _beside(low: Floats, high: Floats) -> int:
    """Return how many pairs of intervals overlap."""
    order = np.argsort(low)
    return int((np.searchsorted(low[order], high[order]) - np.arange(len(low)) - 1).sum())


def _beside_in_strips(low: Floats, high: Floats) -> float:
    """Return no less than how many pairs of boxes (n, 2) meet: those beside each other in strips along x; infinity where many are long.

    A ring that runs along both axes, as a river does, has many edges beside each other along either and hardly any near each other.
    """
    width, height = np.maximum(high.max(axis=0) - low.min(axis=0), 1e-9).tolist()
    of_height = len(low) // _A_STRIP / height
    first, last = (((y[:, 1] - low[:, 1].min()) * of_height).astype(np.int64) for y in (low, high))
    count = last - first + 1
    if count.sum() > _STRIPS_AN_EDGE * len(low):
        return np.inf
    edge = np.repeat(np.arange(len(low)), count)
    strip = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count - first, count)
    begin = strip * (2 * width)
    return _beside(begin + low[edge, 0], begin + high[edge, 0])


def self_intersections(b: Boundaries, planes: Planes, rings: Ints) -> Iterator[tuple[int, Floats]]:
    """Yield those of ``rings`` that meet themselves in the plane of their polygon, with the place (3D, from the body's origin)."""
    length = np.diff(b.ring_start)[rings]
    for n in np.unique(length):
        same = rings[length == n]
        if n > PAIRWISE:
            yield from _by_geos(b, planes, same)
            continue
        size = max(1, _PAIRS_AT_A_TIME // int(n * n))
        for at in range(0, len(same), size):
            yield from _by_pairs(b, planes, same[at : at + size], int(n))


def _by_pairs(b: Boundaries, planes: Planes, rings: Ints, n: int) -> Iterator[tuple[int, Floats]]:
    """Compare edges and corners with edges j → j + 1 whose boxes meet theirs."""
    corners = b.ring_start[rings][:, None] + np.arange(n)
    flat = corners.ravel()
    at = projected(b, planes, b.face_of_corner[flat], flat).reshape(-1, n, 2)
    ahead = np.roll(at, -1, axis=1)
    low, high = np.minimum(at, ahead), np.maximum(at, ahead) + CONTACT_M
    near = np.ones((len(rings), n, n), dtype=bool)
    for axis in range(2):
        near &= low[:, :, None, axis] <= high[:, None, :, axis]
        near &= low[:, None, :, axis] <= high[:, :, None, axis]
    ring, i, j = np.nonzero(near)
    apart = (i != j) & (i != (j + 1) % n)
    ring, i, j = ring[apart], i[apart], j[apart]
    edge, away, away_next = (ahead - at)[ring, j], at[ring, i] - at[ring, j], ahead[ring, i] - at[ring, j]
    own, before = (ahead - at)[ring, i], at[ring, j] - at[ring, i]
    squared = (edge**2).sum(axis=1)
    along = np.clip((away * edge).sum(axis=1) / np.where(squared > 0, squared, 1), 0, 1)
    touches = ((away - along[:, None] * edge) ** 2).sum(axis=1) < CONTACT_M**2
    crosses = (_side(edge, away) * _side(edge, away_next) < 0) & (_side(own, before) * _side(own, ahead[ring, j] - at[ring, i]) < 0)
    found = np.flatnonzero(touches | (crosses & ((i + 1) % n != j)))
    for k in found[np.unique(ring[found], return_index=True)[1]]:
        yield int(rings[ring[k]]), b.xyz[b.corner[corners[ring[k], i[k]]]]


def _side(edge: Floats, away: Floats) -> Floats:
    """Return to which side of each edge a point lies that is so far ``away`` from its start: positive to the left."""
    side: Floats = edge[:, 0] * away[:, 1] - edge[:, 1] * away[:, 0]
    return side


def _by_geos(b: Boundaries, planes: Planes, rings: Ints) -> Iterator[tuple[int, Floats]]:
    for ring in rings:
        corners = np.arange(b.ring_start[ring], b.ring_start[ring + 1])
        outline = shapely.Polygon(projected(b, planes, b.face_of_corner[corners], corners))
        if not outline.is_valid or shapely.minimum_clearance(outline) < CONTACT_M:
            yield int(ring), b.xyz[b.corner[corners[0]]]
