"""Vertices that lie within a tolerance of each other become one."""

from __future__ import annotations

import itertools

import numpy as np

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask

_WAYS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), dtype=np.float64)
_CROWD = len(_WAYS)
"""Of more points in a cube that are one anyway, only those outermost in so many directions are asked for others near them."""
_REACH = 2
"""So many cubes away in each direction a point may be that is near."""
_STEPS = sorted((s for s in itertools.product(range(-_REACH, _REACH + 1), repeat=3) if s > (0, 0, 0)), key=lambda s: sum(k * k for k in s))
_PAIRS_AT_A_TIME = 1 << 20


def welded(points: Floats, snap_m: float) -> Ints:
    """Return (n,) the first of (n, 3) points that each is merged with; points nearer than ``snap_m``, in chains too, are one.

    Points in one cube whose diagonal is shorter than that are one without being compared, however many they are, and cubes that are one
    already are not compared either. Of a crowd in a cube only outermost points are: crowds that are near by others alone stay two.
    """
    if not len(points):
        return np.empty(0, dtype=np.int64)
    reach_m = snap_m + CONTACT_M
    cubes = np.floor((points - points.min(axis=0)) / (reach_m / 2)).astype(np.int64)
    cube, first, of_cube, count = np.unique(cubes, axis=0, return_index=True, return_inverse=True, return_counts=True)
    some, count = _outermost(points, of_cube.ravel(), count)
    start, place = np.cumsum(count) - count, np.arange(len(cube))
    beside = _Beside(cube)
    for step in _STEPS:
        one, other = beside.by(step)
        apart = place[one] != place[other]
        one, other = one[apart], other[apart]
        near = _are_near(points[some], start, count, one, other, reach_m)
        place = _least(place, one[near], other[near])
    least = first.copy()
    np.minimum.at(least, place, first)
    result: Ints = least[place][of_cube.ravel()]
    return result


class _Beside:
    """Which of so many different cubes (K, 3), in their order, lies a step from which."""

    def __init__(self, cube: Ints) -> None:
        x, y, self._z = (_closer(cube[:, axis]) for axis in range(3))
        self._wide, self._high = y.max() + 2 * _REACH + 1, self._z.max() + 2 * _REACH + 1
        self._columns, self._column = np.unique(x * self._wide + y, return_inverse=True)
        self._keys = self._column * self._high + self._z

    def by(self, step: tuple[int, ...]) -> tuple[Ints, Ints]:
        """Return the numbers of cubes and of those that lie by ``step`` from them."""
        column, one = _found(self._columns, self._columns[self._column] + step[0] * self._wide + step[1])
        other, some = _found(self._keys, column * self._high + self._z[one] + step[2])
        return one[some], other


def _closer(numbers: Ints) -> Ints:
    """Return them with all gaps that no step bridges made small, from `_REACH` on."""
    values, which = np.unique(numbers, return_inverse=True)
    gaps = np.minimum(np.diff(values, prepend=values[0]), _REACH + 1)
    result: Ints = np.cumsum(gaps)[which.ravel()] + _REACH
    return result


def _found(keys: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """Return where in ascending ``keys`` those of the wanted are that are among them, and which these are."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    which = np.flatnonzero(keys[at] == wanted)
    return at[which], which


def _are_near(points: Floats, start: Ints, count: Ints, one: Ints, other: Ints, reach_m: float) -> Mask:
    """Tell of pairs of cubes, whose points begin at ``start``, which have two points near each other."""
    near, total = np.zeros(len(one), dtype=bool), count[one] * count[other]
    for part in np.split(np.arange(len(one)), np.flatnonzero(np.diff(np.cumsum(total) // _PAIRS_AT_A_TIME)) + 1):
        pair = np.repeat(part, total[part])
        number = np.arange(len(pair)) - np.repeat(np.cumsum(total[part]) - total[part], total[part])
        left = start[one[pair]] + number // count[other[pair]]
        right = start[other[pair]] + number % count[other[pair]]
        near[pair[((points[left] - points[right]) ** 2).sum(axis=1) < reach_m**2]] = True
    return near


def _outermost(points: Floats, of_cube: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Return all points of cubes with few, and of each cube with many those that lie farthest in some direction: by cube, and how many."""
    order = np.argsort(of_cube, kind="stable")
    start = np.cumsum(count) - count
    chosen = np.repeat(count <= _CROWD, count)
    for s, n in zip(start[count > _CROWD].tolist(), count[count > _CROWD].tolist(), strict=True):
        chosen[s + (points[order[s : s + n]] @ _WAYS.T).argmax(axis=0)] = True
    return order[chosen], np.add.reduceat(chosen.astype(np.int64), start)


def _least(place: Ints, left: Ints, right: Ints) -> Ints:
    """Return for each the first of those it hangs together with: by ``place``, which is such a one, and over pairs."""
    while True:
        one, other = place[left], place[right]
        if (one == other).all():
            return place
        np.minimum.at(place, np.maximum(one, other), np.minimum(one, other))
        while (place[place] != place).any():
            place = place[place]
