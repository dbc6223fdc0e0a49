"""Faces of representations to flat-shaded triangles: any polygon in space with holes, planar or nearly so (CityJSON 2.0 §3, ISO 19107)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Offsets
from tiles.face_bytes import FaceArrays
from tiles.kernel import kernel
from tiles.mesh.batch import LeftOut, MeshBatch, Shown
from tiles.mesh.densify import densified
from tiles.mesh.triangulate import Triangulation, triangulate
from tiles.wkb import EMPTY, OK
from twin.face_textures import Texture

SMALLEST_FACE_M2 = 1e-5
"""A face below is a line or a point to the millimetre that representations are stored to."""


@dataclass(frozen=True, slots=True)
class _Polygons:
    """Clean faces: rings open and without repeated corners, wound as the outside sees them; ``xy`` along the axis they face most.

    ``corners`` (c, 3), or (c, 5) with places in pictures, ``xy`` (c, 2); ``normals`` (faces, 3) float32; ``face`` (faces,) which face of
    the source each is.
    """

    corners: NDArray[np.float64]
    xy: NDArray[np.float64]
    ring_offsets: Offsets
    face_offsets: Offsets
    normals: NDArray[np.float32]
    face: NDArray[np.int64]


def mesh_faces(faces: FaceArrays, textures: Sequence[tuple[Texture, ...]] = ()) -> MeshBatch:
    """Return the triangles of all faces, each with the flat normal of its face (M. Newell's, so that a face need not be planar).

    Faces keep the side they are given; those of a solid whose exterior shell is inside out are turned over. A face that crosses itself is
    drawn as earcut cuts it. Faces without area are counted and not drawn; a feature without any other is left out. ``textures``: of each
    feature those that its faces count.
    """
    left_out = _left_out(faces.status)
    is_inverted = _inverted(faces.corners, faces.ring_offsets, faces.face_offsets, faces.solid, faces.is_exterior, faces.solids)
    polygons = _polygons(faces, is_inverted)
    triangulation = triangulate(polygons.xy, polygons.ring_offsets, polygons.face_offsets, exact=False)
    return densified(_mesh(faces, polygons, triangulation, left_out, textures))


def _left_out(status: NDArray[np.uint8]) -> NDArray[np.uint8]:
    left_out = np.zeros(len(status), np.uint8)
    left_out[status == EMPTY] = LeftOut.GEOMETRY_EMPTY
    left_out[(status != OK) & (status != EMPTY)] = LeftOut.REPRESENTATION_UNREADABLE
    return left_out


@kernel
def _inverted(
    corners: NDArray[np.float64],
    ring_offsets: Offsets,
    face_offsets: Offsets,
    solid: NDArray[np.int64],
    is_exterior: NDArray[np.bool_],
    solids: int,
) -> NDArray[np.bool_]:
    """Return which solids have an exterior shell of negative volume: by the divergence theorem over the fans of all rings."""
    volume, first = np.zeros(solids), np.full(solids, -1, np.int64)
    a, b, c = np.empty(3), np.empty(3), np.empty(3)
    for face in range(len(solid)):
        s = solid[face]
        if s < 0 or not is_exterior[face]:
            continue
        for ring in range(face_offsets[face], face_offsets[face + 1]):
            start, end = ring_offsets[ring], ring_offsets[ring + 1]
            if first[s] < 0:
                first[s] = start
            for i in range(start + 1, end - 1):
                for k in range(3):
                    o = corners[first[s], k]
                    a[k], b[k], c[k] = corners[start, k] - o, corners[i, k] - o, corners[i + 1, k] - o
                volume[s] += a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    return volume < 0


def _polygons(faces: FaceArrays, is_inverted: NDArray[np.bool_]) -> _Polygons:
    count, rings, total = len(faces.corners), len(faces.ring_offsets), len(faces.surface)
    made = _Polygons(
        np.empty_like(faces.corners),
        np.empty((count, 2)),
        np.zeros(rings, np.int64),
        np.zeros(total + 1, np.int64),
        np.empty((total, 3), np.float32),
        np.empty(total, np.int64),
    )
    corners, rings, kept = _clean(
        faces.corners,
        faces.ring_offsets,
        faces.face_offsets,
        faces.solid,
        is_inverted,
        made.corners,
        made.xy,
        made.ring_offsets,
        made.face_offsets,
        made.normals,
        made.face,
    )
    return _Polygons(
        made.corners[:corners],
        made.xy[:corners],
        made.ring_offsets[: rings + 1],
        made.face_offsets[: kept + 1],
        made.normals[:kept],
        made.face[:kept],
    )


@kernel
def _same(a: NDArray[np.float64], i: int, b: NDArray[np.float64], j: int) -> bool:
    return a[i, 0] == b[j, 0] and a[i, 1] == b[j, 1] and a[i, 2] == b[j, 2]


# These write and read a ring of ``count`` corners from row ``at`` on: a slice of an array costs as much as a corner.


@kernel
def _ring(corners: NDArray[np.float64], start: int, end: int, backwards: bool, out: NDArray[np.float64], at: int) -> int:
    """Write the ring without corners that repeat the one before; return how many there are."""
    last = end
    while last - start > 1 and _same(corners, start, corners, last - 1):
        last -= 1
    count = 0
    for n in range(last - start):
        i = last - 1 - n if backwards else start + n
        if count == 0 or not _same(out, at + count - 1, corners, i):
            for k in range(corners.shape[1]):
                out[at + count, k] = corners[i, k]
            count += 1
    return count


@kernel
def _newell(ring: NDArray[np.float64], at: int, count: int, normal: NDArray[np.float64]) -> float:
    """Write the unit normal of the ring's mean plane; return its area."""
    nx, ny, nz = 0.0, 0.0, 0.0
    x0, y0, z0 = ring[at, 0], ring[at, 1], ring[at, 2]
    ax, ay, az = ring[at + 1, 0] - x0, ring[at + 1, 1] - y0, ring[at + 1, 2] - z0
    for i in range(at + 2, at + count):
        bx, by, bz = ring[i, 0] - x0, ring[i, 1] - y0, ring[i, 2] - z0
        nx += ay * bz - az * by
        ny += az * bx - ax * bz
        nz += ax * by - ay * bx
        ax, ay, az = bx, by, bz
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    if length > 0:
        nx, ny, nz = nx / length, ny / length, nz / length
    normal[0], normal[1], normal[2] = nx, ny, nz
    return length / 2


@kernel
def _project(ring: NDArray[np.float64], at: int, count: int, normal: NDArray[np.float64], xy: NDArray[np.float64]) -> None:
    """Write the ring as seen along the axis its face looks along most: exact, and counter-clockwise stays so."""
    x, y, axis = 0, 1, 2
    if abs(normal[0]) > abs(normal[1]) and abs(normal[0]) > abs(normal[2]):
        x, y, axis = 1, 2, 0
    elif abs(normal[1]) > abs(normal[2]):
        x, y, axis = 2, 0, 1
    if normal[axis] < 0:
        x, y = y, x
    for i in range(at, at + count):
        xy[i, 0], xy[i, 1] = ring[i, x], ring[i, y]


@kernel
def _turn_over(rows: NDArray[np.float64], at: int, count: int) -> None:
    for i in range(count // 2):
        j = count - 1 - i
        for k in range(rows.shape[1]):
            rows[at + i, k], rows[at + j, k] = rows[at + j, k], rows[at + i, k]


@kernel
def _is_counter_clockwise(xy: NDArray[np.float64], at: int, count: int) -> bool:
    doubled = 0.0
    for i in range(at + 1, at + count - 1):
        doubled += (xy[i, 0] - xy[at, 0]) * (xy[i + 1, 1] - xy[at, 1]) - (xy[i + 1, 0] - xy[at, 0]) * (xy[i, 1] - xy[at, 1])
    return doubled > 0


@kernel
def _clean(
    corners: NDArray[np.float64],
    ring_offsets: Offsets,
    face_offsets: Offsets,
    solid: NDArray[np.int64],
    is_inverted: NDArray[np.bool_],
    out: NDArray[np.float64],
    xy: NDArray[np.float64],
    new_rings: Offsets,
    new_faces: Offsets,
    normals: NDArray[np.float32],
    source: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Write the faces that have an area, their holes wound against them; return the numbers of corners, rings and faces."""
    at, rings, faces = 0, 0, 0
    normal = np.empty(3)
    for face in range(len(solid)):
        backwards = solid[face] >= 0 and is_inverted[solid[face]]
        first = face_offsets[face]
        for ring in range(first, face_offsets[face + 1]):
            count = _ring(corners, ring_offsets[ring], ring_offsets[ring + 1], backwards, out, at)
            if ring == first and (count < 3 or _newell(out, at, count, normal) < SMALLEST_FACE_M2):
                break
            if count < 3:
                continue
            _project(out, at, count, normal, xy)
            if ring > first and _is_counter_clockwise(xy, at, count):
                _turn_over(out, at, count)
                _turn_over(xy, at, count)
            at, rings = at + count, rings + 1
            new_rings[rings] = at
        if rings > new_faces[faces]:
            for k in range(3):
                normals[faces, k] = normal[k]
            source[faces] = face
            faces += 1
            new_faces[faces] = rings
    return at, rings, faces


def _mesh(
    faces: FaceArrays,
    polygons: _Polygons,
    triangulation: Triangulation,
    left_out: NDArray[np.uint8],
    textures: Sequence[tuple[Texture, ...]],
) -> MeshBatch:
    count = len(polygons.corners)
    positions, normals = np.empty((count, 3)), np.empty((count, 3), np.float32)
    feature, surface = np.empty(count, np.uint32), np.empty(count, np.uint8)
    triangles = np.empty((len(triangulation.triangles), 3), np.uint32)
    has_pictures = len(faces.texture) > 0
    place, face = np.empty((count if has_pictures else 0, 2)), np.empty(count if has_pictures else 0, np.int32)
    feature_of = np.repeat(np.arange(len(left_out), dtype=np.uint32), np.diff(faces.feature_offsets))
    # Surfaces of a kind side by side: their attributes repeat, and compress to half.
    order = np.lexsort((faces.surface[polygons.face], feature_of[polygons.face]))
    vertices, written = _emit(
        order,
        polygons.corners,
        polygons.ring_offsets,
        polygons.face_offsets,
        polygons.normals,
        polygons.face,
        feature_of,
        faces.surface,
        triangulation.triangles,
        triangulation.offsets,
        positions,
        normals,
        feature,
        surface,
        triangles,
        place,
        face,
    )
    drawn_faces = np.diff(triangulation.offsets) > 0
    is_drawn = np.zeros(len(left_out), np.bool_)
    is_drawn[feature_of[polygons.face[drawn_faces]]] = True
    left_out[(left_out == LeftOut.DRAWN) & ~is_drawn] = LeftOut.GEOMETRY_DEGENERATE
    return MeshBatch(
        positions[:vertices],
        normals[:vertices],
        triangles[:written],
        feature[:vertices],
        left_out,
        surface=surface[:vertices],
        is_closed=bool((faces.solid[polygons.face] >= 0).all()),
        faces_left_out=int(is_drawn[feature_of].sum() - drawn_faces.sum()),
        shown=_shown(faces, textures, place[:vertices], face[:vertices], feature[:vertices]) if has_pictures else None,
    )


def _shown(
    faces: FaceArrays,
    textures: Sequence[tuple[Texture, ...]],
    place: NDArray[np.float64],
    face: NDArray[np.int32],
    feature: NDArray[np.uint32],
) -> Shown:
    """Return what the vertices of ``face`` and ``feature`` show, the textures of all features counted together."""
    number: dict[Texture, int] = {}
    together = [number.setdefault(texture, len(number)) for some in textures for texture in some]
    first = np.cumsum([0, *(len(some) for some in textures)])
    own = faces.texture[face].astype(np.int64)
    at = np.where(own > 0, first[feature] + own - 1, len(together))
    return Shown(tuple(number), np.array([*together, -1], np.int32)[at], place, face)


@kernel
def _emit(
    order: NDArray[np.int64],
    corners: NDArray[np.float64],
    ring_offsets: Offsets,
    face_offsets: Offsets,
    face_normals: NDArray[np.float32],
    source: NDArray[np.int64],
    feature_of: NDArray[np.uint32],
    surface_of: NDArray[np.uint8],
    pieces: NDArray[np.int64],
    piece_offsets: Offsets,
    positions: NDArray[np.float64],
    normals: NDArray[np.float32],
    feature: NDArray[np.uint32],
    surface: NDArray[np.uint8],
    triangles: NDArray[np.uint32],
    place: NDArray[np.float64],
    face_of: NDArray[np.int32],
) -> tuple[int, int]:
    """Write the faces that have triangles, in ``order``; return the numbers of vertices and triangles.

    ``place`` and ``face_of`` are written where they have room: for corners that lie in pictures.
    """
    v, t = 0, 0
    for face in order:
        if piece_offsets[face + 1] == piece_offsets[face]:
            continue
        start, end = ring_offsets[face_offsets[face]], ring_offsets[face_offsets[face + 1]]
        for i in range(start, end):
            at = v + i - start
            for k in range(3):
                positions[at, k] = corners[i, k]
                normals[at, k] = face_normals[face, k]
            feature[at] = feature_of[source[face]]
            surface[at] = surface_of[source[face]]
            if len(face_of):
                place[at, 0], place[at, 1] = corners[i, 3], corners[i, 4]
                face_of[at] = source[face]
        for piece in range(piece_offsets[face], piece_offsets[face + 1]):
            for k in range(3):
                triangles[t, k] = v + pieces[piece, k] - start
            t += 1
        v += end - start
    return v, t
