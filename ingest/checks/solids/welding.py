"""Vertices that lie within a tolerance of each other become one."""

from __future__ import annotations

import itertools

import numpy as np
import shapely

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints

_WAYS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), dtype=np.float64)
_CROWD = len(_WAYS)
"""Of more points in a cube that are one anyway, only those outermost in so many directions are asked for others near them."""


def welded(points: Floats, snap_m: float) -> Ints:
    """Return (n,) the first of (n, 3) points that each is merged with; points nearer than ``snap_m``, in chains too, are one.

    Points in one cube whose diagonal is shorter than that are one without being compared, however many they are.
    """
    reach_m = snap_m + CONTACT_M
    cubes = np.floor((points - points.min(axis=0)) / (reach_m / 2)).astype(np.int64) if len(points) else np.empty((0, 3), dtype=np.int64)
    _, first, of_cube, count = np.unique(cubes, axis=0, return_index=True, return_inverse=True, return_counts=True)
    place: Ints = first[of_cube.ravel()]
    some = _outermost(points, of_cube.ravel(), count)
    flat = shapely.points(points[some, :2])
    left, right = some[shapely.STRtree(flat).query(flat, predicate="dwithin", distance=reach_m)]
    near = (left < right) & (((points[left] - points[right]) ** 2).sum(axis=1) < reach_m**2)
    return _least(place, left[near], right[near])


def _outermost(points: Floats, of_cube: Ints, count: Ints) -> Ints:
    """Return all points of cubes with few, and of each cube with many those that lie farthest in some direction."""
    few = np.flatnonzero(count[of_cube] <= _CROWD)
    order = np.argsort(of_cube, kind="stable")
    start = np.cumsum(count) - count
    far = [order[s : s + n][(points[order[s : s + n]] @ _WAYS.T).argmax(axis=0)] for s, n in zip(start, count, strict=True) if n > _CROWD]
    return np.unique(np.concatenate([few, *far]))


def _least(place: Ints, left: Ints, right: Ints) -> Ints:
    """Return for each point the first of those it hangs together with: by ``place``, which is such a one, and over pairs."""
    while True:
        one, other = place[left], place[right]
        if (one == other).all():
            return place
        np.minimum.at(place, np.maximum(one, other), np.minimum(one, other))
        while (place[place] != place).any():
            place = place[place]
