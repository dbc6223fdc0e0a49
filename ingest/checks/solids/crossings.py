"""Triangles in space: which pairs of them meet, and where; many pairs at once."""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.vectors import cross, dot, length, unit

EDGES = ((0, 1), (1, 2), (2, 0))
"""Corners of each side of a triangle."""


def pairs_of_meeting_boxes(low: Floats, high: Floats, one: Ints, other: Ints) -> Ints:
    """Return which pairs of boxes touch or overlap, given (3, n) coordinates of their least and greatest corners."""
    which = np.arange(len(one))
    for axis in range(3):
        lo, hi = low[axis], high[axis] + CONTACT_M
        p, q = one[which], other[which]
        which = which[(lo[p] <= hi[q]) & (lo[q] <= hi[p])]
    return which


def meet_beyond_shared(one: Floats, other: Floats, one_id: Ints, other_id: Ints) -> Mask:
    """Tell which pairs of (n, 3, 3) triangles meet elsewhere than at the vertices (n, 3) and edges they share by name.

    Triangles with an edge in common meet elsewhere where one lies on the other; with a vertex in common, where the edge opposite
    of it meets the other triangle. Without one, any point nearer than `CONTACT_M` is a meeting.
    """
    shared = one_id[:, :, None] == other_id[:, None, :]
    in_one, in_other = shared.any(axis=2), shared.any(axis=1)
    count = in_one.sum(axis=1)
    meets: Mask = count == 3
    flat = is_coplanar(one, other)
    gap = _greatest_gap(one[flat], other[flat])
    meets[flat] |= (gap < -CONTACT_M) | ((gap <= CONTACT_M) & (count[flat] == 0))
    apart = ~flat & (count < 2)
    for a, b, in_a in ((one, other, in_one), (other, one, in_other)):
        for i, j in EDGES:
            tested = np.flatnonzero(apart & ~meets & ~in_a[:, i] & ~in_a[:, j])
            meets[tested[reaches(a[tested, i], a[tested, j], b[tested])]] = True
    return meets


def reaches(start: Floats, end: Floats, triangle: Floats) -> Ints:
    """Return which segments come to a point of their (n, 3, 3) triangle within `CONTACT_M`; not those that lie in its plane."""
    normal = _normal(triangle)
    s, e = dot(start - triangle[:, 0], normal), dot(end - triangle[:, 0], normal)
    beside = ((s > CONTACT_M) & (e > CONTACT_M)) | ((s < -CONTACT_M) & (e < -CONTACT_M)) | (np.abs(s - e) < CONTACT_M / 1000)
    which = np.flatnonzero(~beside & (dot(normal, normal) > 0))
    t = np.clip(s[which] / (s[which] - e[which]), 0, 1)
    at = start[which] + t[:, None] * (end[which] - start[which])
    return which[_depth_in(at, triangle[which], normal[which]) >= -CONTACT_M]


def pierces(start: Floats, end: Floats, triangle: Floats) -> tuple[Ints, Floats]:
    """Return which segments pass from one side of their triangle to the other through its interior, and where."""
    normal = _normal(triangle)
    s, e = dot(start - triangle[:, 0], normal), dot(end - triangle[:, 0], normal)
    which = np.flatnonzero(((s > CONTACT_M) & (e < -CONTACT_M)) | ((s < -CONTACT_M) & (e > CONTACT_M)))
    t = s[which] / (s[which] - e[which])
    at = start[which] + t[:, None] * (end[which] - start[which])
    inside = _depth_in(at, triangle[which], normal[which]) > CONTACT_M
    return which[inside], at[inside]


def in_plane(start: Floats, end: Floats, triangle: Floats) -> Ints:
    """Return which segments lie in the plane of their triangle."""
    normal = _normal(triangle)
    off = [np.abs(dot(p - triangle[:, 0], normal)) for p in (start, end)]
    return np.flatnonzero((np.maximum(*off) <= CONTACT_M) & (dot(normal, normal) > 0))


def clipped(start: Floats, end: Floats, triangle: Floats) -> tuple[Floats, Floats]:
    """Return the parameters (0 to 1) between which segments in the plane of their triangle are in it; none where the first is greater."""
    normal = _normal(triangle)
    enter, leave = np.zeros(len(start)), np.ones(len(start))
    for i, j in EDGES:
        inwards = unit(cross(normal, triangle[:, j] - triangle[:, i]))
        s = dot(start - triangle[:, i], inwards) + CONTACT_M
        e = dot(end - triangle[:, i], inwards) + CONTACT_M
        t = s / np.where(s != e, s - e, 1)
        enter = np.where((s < 0) & (e >= 0), np.maximum(enter, t), enter)
        leave = np.where((s >= 0) & (e < 0), np.minimum(leave, t), leave)
        enter = np.where((s < 0) & (e < 0), 2.0, enter)
    return enter, leave


def overlap_in_plane(one: Floats, other: Floats) -> Mask:
    """Tell which coplanar triangles share an area: no side of either parts them."""
    return _greatest_gap(one, other) < -CONTACT_M


def is_coplanar(one: Floats, other: Floats) -> Mask:
    """Tell which pairs of triangles lie in one plane."""
    normal, theirs = _normal(one), _normal(other)
    flat = (np.abs(dot(other - one[:, :1], normal[:, None])) <= CONTACT_M).all(axis=1)
    flat &= (np.abs(dot(one - other[:, :1], theirs[:, None])) <= CONTACT_M).all(axis=1)
    return flat & (dot(normal, normal) > 0) & (dot(theirs, theirs) > 0)


def distance_to(point: Floats, triangle: Floats) -> Floats:
    """Return how far each of (n, 3) points is from its (n, 3, 3) triangle."""
    normal = _normal(triangle)
    height = dot(point - triangle[:, 0], normal)
    over = dot(normal, normal) > 0
    nearest = np.full(len(point), np.inf)
    for i, j in EDGES:
        edge, away = triangle[:, j] - triangle[:, i], point - triangle[:, i]
        over &= dot(cross(edge, away), normal) >= 0
        along = np.clip(dot(edge, away) / np.maximum(dot(edge, edge), 1e-300), 0, 1)
        nearest = np.minimum(nearest, length(away - along[:, None] * edge))
    return np.where(over, np.abs(height), nearest)


def _greatest_gap(one: Floats, other: Floats) -> Floats:
    """Return how far the side that parts two coplanar triangles best parts them; negative: by how much they overlap."""
    gap = np.full(len(one), -np.inf)
    for a, b in ((one, other), (other, one)):
        normal = _normal(a)
        for i, j in EDGES:
            outwards = unit(cross(a[:, j] - a[:, i], normal))
            gap = np.maximum(gap, dot(b - a[:, i, None], outwards[:, None]).min(axis=1))
    return gap


def _normal(triangle: Floats) -> Floats:
    return unit(cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]))


def _depth_in(point: Floats, triangle: Floats, normal: Floats) -> Floats:
    """Return how far points in the planes of triangles are from their nearest side, negative outside."""
    depth = np.full(len(point), np.inf)
    for i, j in EDGES:
        inwards = unit(cross(normal, triangle[:, j] - triangle[:, i]))
        depth = np.minimum(depth, dot(point - triangle[:, i], inwards))
    return depth
