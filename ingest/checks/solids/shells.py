"""Shells as 2-manifolds: 301 and 302, 303, 305, 307.

TOO_FEW_POLYGONS, SHELL_NOT_CLOSED, NON_MANIFOLD_CASE, MULTIPLE_CONNECTED_COMPONENTS, POLYGON_WRONG_ORIENTATION.
Every corner is the half-edge to the next one. A closed shell pairs each with one of the opposite direction; it is connected when its
faces are, over pairs; it is simple at a vertex when the corners there form one cycle around it ("umbrella").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.checks.solids.boundaries import LOOSE, Boundaries, ranges, sums
from ingest.checks.solids.fault import Floats, Ints, Mask
from ingest.checks.solids.vectors import cross
from ingest.checks.solids.welding import welded

_TOO_FEW, _OPEN, _NON_MANIFOLD, _SEVERAL, _TURNED = 301, 302, 303, 305, 307
LEAST_FACES = 4
"""Of a shell: those of a tetrahedron."""


@dataclass(frozen=True, slots=True)
class ShellFault:
    """What is wrong with a shell, in which face, at which place from the body's origin."""

    code: int
    face: int
    place: Floats


def sound_shells(b: Boundaries, shells: Mask) -> tuple[Mask, Ints]:
    """Tell which of ``shells`` (S) are closed, oriented, connected and simple by the names of their vertices.

    With it goes for every corner (C) the one whose edge is the same, the other way; -1 where there is not exactly one.
    """
    sound = shells & (b.shell_end - b.shell_start >= LEAST_FACES)
    if not sound.any():
        return sound, np.full(len(b.corner), -1)
    shell = b.shell_of_face[b.face_of_corner]
    chosen = np.flatnonzero((shell != LOOSE) & sound[shell])
    twin = np.full(len(shell), -1)
    partners, unpaired = _pairs(b, chosen)
    twin[partners[0]], twin[partners[1]] = partners[1], partners[0]
    sound[np.unique(shell[unpaired])] = False
    chosen = chosen[sound[shell[chosen]]]
    sound[np.unique(shell[_off_the_first_umbrella(b, chosen, twin)])] = False
    sound[np.unique(b.shell_of_face[_off_the_first_component(b, chosen, twin)])] = False
    return sound, twin


def weld(b: Boundaries, shells: Ints, snap_m: float) -> bool:
    """Let the corners of each of ``shells`` that lie within ``snap_m`` of each other name one vertex; return whether any did not."""
    is_welded = False
    for shell in shells:
        corners = _corners(b, np.arange(b.shell_start[shell], b.shell_end[shell]))
        first, place = np.unique(b.corner[corners], return_inverse=True)
        least = welded(b.xyz[first], snap_m)
        if (least != np.arange(len(first))).any():
            b.corner[corners] = first[least][place.ravel()]
            is_welded = True
    return is_welded


def shell_faults(b: Boundaries, shell: int) -> list[ShellFault]:
    """Return what is wrong with one shell that is not sound: one kind of fault, the gravest; turned faces beside holes."""
    faces = np.arange(b.shell_start[shell], b.shell_end[shell])
    if len(faces) < LEAST_FACES:
        return [ShellFault(_TOO_FEW, int(faces[0]), _middle(b, int(faces[0])))]
    return surface_faults(b, faces, closed=True)


def surface_faults(b: Boundaries, faces: Ints, *, closed: bool) -> list[ShellFault]:
    """Return what keeps ``faces`` from being one oriented 2-manifold, ``closed`` or with a border."""
    corners = _corners(b, faces)
    vertex = b.corner
    start, end = vertex[corners], vertex[b.after[corners]]
    order = np.lexsort((np.maximum(start, end), np.minimum(start, end)))
    order = order[start[order] != end[order]]
    edges = _runs(np.minimum(start, end)[order], np.maximum(start, end)[order])
    crowded = [corners[order[a:z]] for a, z in edges if z - a > 2]
    if crowded:
        return [_at_edge(b, _NON_MANIFOLD, g) for g in crowded]
    groups = [corners[order[a:z]] for a, z in edges]
    pairs = [(int(g[0]), int(g[1])) for g in groups if len(g) == 2]
    component = _components(b, faces, pairs)
    if len(set(component.values())) > 1:
        return _several(b, faces, corners, vertex, component)
    border = [g for g in groups if len(g) == 1]
    turned = [ShellFault(_TURNED, f, _middle(b, f)) for f in _turned(b, faces, pairs)]
    if border and closed:
        return turned + [_at_edge(b, _OPEN, g) for g in _one_of_each_hole(border, vertex, b)]
    if split := _several_umbrellas(b, corners, vertex, pairs):
        return [ShellFault(_NON_MANIFOLD, int(b.face_of_corner[c]), b.xyz[b.corner[c]]) for c in split]
    return turned


def signed_volumes_m3(b: Boundaries) -> Floats:
    """Return (S,) the volume each closed shell bounds, negative where its faces look inwards."""
    points = b.points()
    first = b.first_corner()
    area = sums(cross(points, points[b.after]), first)
    centre = sums(points, first) / np.maximum(np.diff(first), 1)[:, None]
    cone = np.append((area * centre).sum(axis=1), 0.0)
    total = np.concatenate([[0.0], np.cumsum(cone)]) / 6
    volumes: Floats = total[b.shell_end] - total[b.shell_start]
    return volumes


def _pairs(b: Boundaries, chosen: Ints) -> tuple[tuple[Ints, Ints], Ints]:
    """Return the half-edges among ``chosen`` that pair off in opposite directions, and those of edges that do not."""
    start, end = b.corner[chosen], b.corner[b.after[chosen]]
    key = np.minimum(start, end) * len(b.xyz) + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    key, ascending = key[order], (start < end)[order]
    new = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    length = np.diff(np.append(new, len(key)))
    first = new[length == 2]
    first = first[ascending[first] != ascending[first + 1]]
    paired = np.zeros(len(key), dtype=bool)
    paired[first] = paired[first + 1] = True
    return (chosen[order[first]], chosen[order[first + 1]]), chosen[order[~paired]]


def _off_the_first_umbrella(b: Boundaries, chosen: Ints, twin: Ints) -> Ints:
    """Return corners that walking around their vertex from another corner of it does not reach."""
    reach = np.arange(len(twin))
    step = np.arange(len(twin))
    step[chosen] = b.after[twin[chosen]]
    while True:
        further = np.minimum(reach[chosen], reach[step[chosen]])
        if (further == reach[chosen]).all():
            break
        reach[chosen] = further
        step[chosen] = step[step[chosen]]
    heads = chosen[reach[chosen] == chosen]
    vertices, count = np.unique(b.corner[heads], return_counts=True)
    several = np.zeros(len(b.xyz), dtype=bool)
    several[vertices[count > 1]] = True
    return heads[several[b.corner[heads]]]


def _off_the_first_component(b: Boundaries, chosen: Ints, twin: Ints) -> Ints:
    """Return faces that cannot be reached from the first face of their shell over paired edges."""
    if not len(chosen):
        return chosen
    faces, first = np.unique(b.face_of_corner[chosen], return_index=True)
    label = np.arange(len(b.face_start))
    beyond = b.face_of_corner[twin[chosen]]
    while True:
        nearest = np.minimum.reduceat(label[beyond], first)
        if (nearest >= label[faces]).all():
            break
        # the least face that a part of the shell has got to takes with it all that are known to be of one with this face
        np.minimum.at(label, label[faces], nearest)
        label[faces] = np.minimum(label[faces], nearest)
        while (label[label[faces]] != label[faces]).any():
            label[faces] = label[label[faces]]
    return faces[label[faces] != b.shell_start[b.shell_of_face[faces]]]


def _components(b: Boundaries, faces: Ints, pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return for each face the least face it is connected with over ``pairs``."""
    parent = {int(f): int(f) for f in faces}

    def root(face: int) -> int:
        while parent[face] != face:
            parent[face] = parent[parent[face]]
            face = parent[face]
        return face

    for one, other in pairs:
        p, q = root(int(b.face_of_corner[one])), root(int(b.face_of_corner[other]))
        parent[max(p, q)] = min(p, q)
    return {f: root(f) for f in parent}


def _several(b: Boundaries, faces: Ints, corners: Ints, vertex: Ints, component: dict[int, int]) -> list[ShellFault]:
    """Parts that meet in a vertex are a non-manifold vertex (303); parts that do not are several components (305)."""
    of_vertex: dict[int, int] = {}
    found: list[ShellFault] = []
    touching: set[int] = set()
    for corner in corners:
        part = component[int(b.face_of_corner[corner])]
        other = of_vertex.setdefault(int(vertex[corner]), part)
        if other != part and not touching.issuperset((part, other)):
            touching.update((part, other))
            found.append(ShellFault(_NON_MANIFOLD, int(b.face_of_corner[corner]), b.xyz[b.corner[corner]]))
    sizes = Counter(component.values())
    largest = max(sizes, key=lambda p: (sizes[p], -p))
    apart = {c for c in component.values() if c != largest and c not in touching}
    return found + [ShellFault(_SEVERAL, f, _middle(b, f)) for f in map(int, faces) if f in apart]


def _one_of_each_hole(border: Sequence[Ints], vertex: Ints, b: Boundaries) -> list[Ints]:
    """Return one border edge of each hole: border edges that follow each other are around one."""
    parent: dict[int, int] = {}

    def root(v: int) -> int:
        while parent.setdefault(v, v) != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for g in border:
        parent[root(int(vertex[g[0]]))] = root(int(vertex[b.after[g[0]]]))
    first: dict[int, Ints] = {}
    for g in border:
        first.setdefault(root(int(vertex[g[0]])), g)
    return list(first.values())


def _several_umbrellas(b: Boundaries, corners: Ints, vertex: Ints, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return a corner of each vertex whose corners, joined over the edges they share, are more than one fan."""
    parent = {int(c): int(c) for c in corners}

    def root(c: int) -> int:
        while parent[c] != c:
            parent[c] = parent[parent[c]]
            c = parent[c]
        return c

    for one, other in pairs:
        ends = (one, int(b.after[one]))
        theirs = (other, int(b.after[other]))
        same_way = vertex[one] == vertex[other]
        for c, d in zip(ends, theirs if same_way else theirs[::-1], strict=True):
            parent[root(c)] = root(d)
    fan: dict[int, int] = {}
    found: dict[int, int] = {}
    for c in map(int, corners):
        if fan.setdefault(int(vertex[c]), root(c)) != root(c):
            found.setdefault(int(vertex[c]), c)
    return list(found.values())


def _turned(b: Boundaries, faces: Ints, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the faces that look the other way than most of the surface's faces do."""
    beside: dict[int, list[tuple[int, bool]]] = {int(f): [] for f in faces}
    for one, other in pairs:
        f, g = int(b.face_of_corner[one]), int(b.face_of_corner[other])
        against = bool(b.corner[one] == b.corner[other])
        beside[f].append((g, against))
        beside[g].append((f, against))
    turned = {int(faces[0]): False}
    waiting = [int(faces[0])]
    while waiting:
        face = waiting.pop()
        for other, against in beside[face]:
            if other not in turned:
                turned[other] = turned[face] ^ against
                waiting.append(other)
    minority = sum(turned.values()) * 2 <= len(turned)
    return [f for f, t in turned.items() if t == minority]


def _corners(b: Boundaries, faces: Ints) -> Ints:
    return ranges(b.ring_start[b.face_start[faces]], b.ring_start[b.face_start[faces + 1]])


def _runs(low: Ints, high: Ints) -> list[tuple[int, int]]:
    if not len(low):
        return []
    new = np.flatnonzero(np.concatenate([[True], (low[1:] != low[:-1]) | (high[1:] != high[:-1])]))
    return list(zip(new.tolist(), np.append(new[1:], len(low)).tolist(), strict=True))


def _at_edge(b: Boundaries, code: int, group: Ints) -> ShellFault:
    corner = int(group[0])
    middle = (b.xyz[b.corner[corner]] + b.xyz[b.corner[b.after[corner]]]) / 2
    return ShellFault(code, int(b.face_of_corner[corner]), middle)


def _middle(b: Boundaries, face: int) -> Floats:
    middle: Floats = b.xyz[b.corner[b.corners_of(face)]].mean(axis=0)
    return middle
