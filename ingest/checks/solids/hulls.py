"""One closed surface as triangles: which points it holds, and how it stands to another."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.checks.solids.boundaries import Boundaries, ranges
from ingest.checks.solids.crossings import (
    EDGES,
    clipped,
    distance_to,
    in_plane,
    is_coplanar,
    overlap_in_plane,
    pairs_of_meeting_boxes,
    pierces,
    reaches,
)
from ingest.checks.solids.fault import CONTACT_M, Floats, Ints, Mask
from ingest.checks.solids.looks import A_PAIR, A_TRIANGLE, BOXES_A_LOOK, Looks
from ingest.checks.solids.planes import Planes
from ingest.checks.solids.triangles import triangles_of
from ingest.checks.solids.vectors import cross, dot, length

_PAIRS_AT_A_TIME = 1 << 19
_PLANES = 32
"""So many faces of a hull, its largest, are asked whether they look away from all of another: enough for plates, walls and boxes."""


class Relation(enum.Enum):
    """How the interior of one closed surface stands to that of another."""

    APART = enum.auto()
    INSIDE = enum.auto()
    AROUND = enum.auto()
    EQUAL = enum.auto()
    CROSSING = enum.auto()


@dataclass(frozen=True, slots=True, eq=False)
class Hull:
    """The triangles of one or more shells, and the edges of their polygons (diagonals of a triangulation are none)."""

    triangles: Floats
    """(T, 3, 3)"""
    edges: Floats
    """(E, 2, 3)"""
    face: int
    """One of its faces, to name it by."""
    low: Floats = field(init=False)
    """Least coordinates."""
    high: Floats = field(init=False)
    """Greatest coordinates."""

    def __post_init__(self) -> None:
        """Look for the box once: a hull is held against very many."""
        object.__setattr__(self, "low", self.triangles.min(axis=(0, 1)))
        object.__setattr__(self, "high", self.triangles.max(axis=(0, 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Relation of two hulls, where they touch, and a place to show."""

    relation: Relation
    place: Floats
    touch: bool
    """They have a point in common."""
    share_area: bool
    """Parts of their faces coincide."""


def hulls_of(b: Boundaries, planes: Planes, shells: Ints) -> list[Hull]:
    """Return the surface of each of ``shells``."""
    if not len(shells):
        return []
    faces = ranges(b.shell_start[shells], b.shell_end[shells])
    vertices, begins = triangles_of(b, planes, faces)
    triangles = b.xyz[vertices]
    ends = np.cumsum(b.shell_end[shells] - b.shell_start[shells])
    return [
        Hull(triangles[begins[start] : begins[end]], _edges(b, faces[start:end]), int(faces[start]))
        for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]


def _edges(b: Boundaries, faces: Ints) -> Floats:
    first = b.first_corner()
    corners = np.arange(first[faces[0]], first[faces[-1] + 1])
    start, end = b.corner[corners], b.corner[b.after[corners]]
    return b.xyz[np.stack([start, end], axis=1)[start < end]]


def boxes_apart(one: Hull, other: Hull) -> bool:
    """Tell whether the hulls' boxes have no point in common."""
    return bool(((one.low > other.high + CONTACT_M) | (other.low > one.high + CONTACT_M)).any())


def meeting_boxes(hulls: Sequence[Hull], looks: Looks, kin: Ints | None = None) -> Iterator[tuple[int, int]]:
    """Yield the positions of two hulls whose boxes have a point in common, the smaller first, in their order; none of two of one ``kin``.

    LooksSpentError where they are more than there are ``looks`` for.
    """
    if not hulls or (kin is not None and (kin == kin[0]).all()):
        return
    looks.spend(len(hulls) ** 2 // (2 * BOXES_A_LOOK))
    low, high = (np.array([getattr(hull, end) for hull in hulls]) for end in ("low", "high"))
    for k in range(len(hulls) - 1):
        meet = ((low[k + 1 :] <= high[k] + CONTACT_M) & (low[k] <= high[k + 1 :] + CONTACT_M)).all(axis=1)
        if kin is not None:
            meet &= kin[k + 1 :] != kin[k]
        yield from ((k, k + 1 + int(n)) for n in np.flatnonzero(meet))


def standing(one: Hull, other: Hull, looks: Looks) -> Standing:
    """Compare two closed surfaces that are sound in themselves.

    Faces that pass through each other cross. Otherwise each lies on one side of the other, and any of its points off the other tells which.
    LooksSpentError where that takes more than there are ``looks``.
    """
    _spend_on(one, other, looks)
    if _is_parted(one, other) or _is_parted(other, one):
        return Standing(Relation.APART, one.triangles[0].mean(axis=0), touch=False, share_area=False)
    s, t = _near_pairs(one.triangles, other.triangles, looks)
    a, b = one.triangles[s], other.triangles[t]
    through, at = pierces(*_sides_against(a, b))
    if len(through):
        return Standing(Relation.CROSSING, at[0], touch=True, share_area=False)
    coplanar = np.flatnonzero(is_coplanar(a, b))
    shared = coplanar[overlap_in_plane(a[coplanar], b[coplanar])]
    touch = len(shared) > 0 or len(reaches(*_sides_against(a, b))) > 0
    where = a[shared[0]].mean(axis=0) if len(shared) else one.triangles[0].mean(axis=0)
    mine, theirs = _sides(one, other, looks), _sides(other, one, looks)
    relation = _relation(mine, theirs)
    return Standing(relation, where, touch=touch, share_area=len(shared) > 0)


def _spend_on(one: Hull, other: Hull, looks: Looks) -> None:
    """Count what is asked of each triangle of two hulls, however few of them are near."""
    looks.spend(A_PAIR + A_TRIANGLE * (len(one.triangles) + len(other.triangles)))


def _is_parted(one: Hull, other: Hull) -> bool:
    """Tell whether a plane along one of the largest faces of ``one`` lies between both, as between most that are apart."""
    of = one.triangles
    normal = cross(of[:, 1] - of[:, 0], of[:, 2] - of[:, 0])
    size = length(normal)
    largest = np.argsort(-size, kind="stable")[: min(_PLANES, _PAIRS_AT_A_TIME // (3 * (len(of) + len(other.triangles))))]
    largest = largest[size[largest] > 0]
    across = (normal[largest] / size[largest][:, None]).T
    mine, theirs = (hull.triangles.reshape(-1, 3) @ across for hull in (one, other))
    gap = np.maximum(mine.min(axis=0) - theirs.max(axis=0), theirs.min(axis=0) - mine.max(axis=0))
    return bool((gap > 2 * CONTACT_M).any())


def contact_segments(one: Hull, other: Hull, looks: Looks) -> Floats:
    """Return (n, 2, 3) the parts of the edges of either hull that lie in the surface of the other; errors as of `standing`."""
    found: list[Floats] = []
    _spend_on(one, other, looks)
    for edges, triangles in ((one.edges, other.triangles), (other.edges, one.triangles)):
        e, t = _near_pairs(edges, triangles, looks)
        start, end, triangle = edges[e, 0], edges[e, 1], triangles[t]
        flat = in_plane(start, end, triangle)
        start, end = start[flat], end[flat]
        enter, leave = clipped(start, end, triangle[flat])
        real = (leave - enter) * length(end - start) > 10 * CONTACT_M
        along = np.stack([enter, leave], axis=1)[real][:, :, None]
        found.append(start[real][:, None] + along * (end - start)[real][:, None])
    return np.concatenate(found)


def holds(hull: Hull, points: Floats) -> Mask:
    """Tell which of (n, 3) points off the surface are inside, by the solid angle it is seen under."""
    inside = np.zeros(len(points), dtype=bool)
    step = max(1, _PAIRS_AT_A_TIME // len(hull.triangles))
    for at in range(0, len(points), step):
        a, b, c = (hull.triangles[None, :, k] - points[at : at + step, None] for k in range(3))
        la, lb, lc = length(a), length(b), length(c)
        along = la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb
        inside[at : at + step] = np.abs(np.arctan2(dot(a, cross(b, c)), along).sum(axis=1)) > np.pi
    return inside


def _sides(one: Hull, other: Hull, looks: Looks) -> tuple[bool, bool]:
    """Tell whether some point of ``one`` is inside, and some outside of ``other``; those on its surface are neither."""
    points = np.concatenate([one.triangles.mean(axis=1), one.edges.mean(axis=1), one.edges.reshape(-1, 3)])
    beyond = ((points < other.low - CONTACT_M) | (points > other.high + CONTACT_M)).any(axis=1)
    near = np.unique(points[~beyond], axis=0)
    looks.spend(len(near) * len(other.triangles))
    near = near[_are_off(near, other)]
    inside = holds(other, near)
    return bool(inside.any()), bool(beyond.any() or (~inside).any())


def _relation(mine: tuple[bool, bool], theirs: tuple[bool, bool]) -> Relation:
    (in_other, out_of_other), (other_in, other_out) = mine, theirs
    if (in_other and out_of_other) or (other_in and other_out) or (in_other and other_in):
        return Relation.CROSSING
    if in_other:
        return Relation.INSIDE
    if other_in:
        return Relation.AROUND
    return Relation.APART if out_of_other or other_out else Relation.EQUAL


def _are_off(points: Floats, hull: Hull) -> Mask:
    """Tell which of (n, 3) points are farther from the surface than what touches it: nearly all are in the box of no triangle."""
    result = np.ones(len(points), dtype=bool)
    low, high = hull.triangles.min(axis=1) - 3 * CONTACT_M, hull.triangles.max(axis=1) + 3 * CONTACT_M
    step = max(1, _PAIRS_AT_A_TIME // len(low))
    for at in range(0, len(points), step):
        some = points[at : at + step, None]
        p, t = np.nonzero(((low <= some) & (some <= high)).all(axis=2))
        near = distance_to(points[at + p], hull.triangles[t]) <= 2 * CONTACT_M
        result[at + p[near]] = False
    return result


def _sides_against(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sides of either triangle of n pairs (start and end), and the other triangle: 6n of each."""
    starts = [t[:, i] for t in (a, b) for i, _ in EDGES]
    ends = [t[:, j] for t in (a, b) for _, j in EDGES]
    return np.concatenate(starts), np.concatenate(ends), np.concatenate([b, b, b, a, a, a])


def _near_pairs(one: Floats, other: Floats, looks: Looks) -> tuple[Ints, Ints]:
    """Return the pairs of elements (n, k, 3) and (m, l, 3) whose boxes meet."""
    low, high = (np.concatenate([f(one, axis=1), f(other, axis=1)]).T for f in (np.min, np.max))
    mine, theirs = (_in_box(low[:, part], high[:, part], _box(of)) for part, of in _halves(one, other))
    looks.spend(len(mine) * len(theirs))
    pairs: list[tuple[Ints, Ints]] = [(mine[:0], theirs[:0])]
    step = max(1, _PAIRS_AT_A_TIME // max(len(theirs), 1))
    for at in range(0, len(mine), step):
        s, t = (x.ravel() for x in np.meshgrid(mine[at : at + step], theirs, indexing="ij"))
        meet = pairs_of_meeting_boxes(low, high, s, t + len(one))
        pairs.append((s[meet], t[meet]))
    return np.concatenate([s for s, _ in pairs]), np.concatenate([t for _, t in pairs])


def _halves(one: Floats, other: Floats) -> tuple[tuple[slice, Floats], tuple[slice, Floats]]:
    return (slice(0, len(one)), other), (slice(len(one), None), one)


def _box(elements: Floats) -> tuple[Floats, Floats]:
    return elements.min(axis=(0, 1)), elements.max(axis=(0, 1))


def _in_box(low: Floats, high: Floats, box: tuple[Floats, Floats]) -> Ints:
    return np.flatnonzero(((low <= box[1][:, None] + CONTACT_M) & (high >= box[0][:, None] - CONTACT_M)).all(axis=0))
