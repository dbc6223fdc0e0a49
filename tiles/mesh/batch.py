"""The value every mesher returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.face_textures import Texture


class LeftOut(enum.IntEnum):
    """Why a feature has no mesh; DRAWN when it has one."""

    DRAWN = 0
    GEOMETRY_UNREADABLE = 1
    GEOMETRY_EMPTY = 2
    GEOMETRY_DEGENERATE = 3
    TRIANGULATION_FAILED = 4
    HEIGHT_MISSING = 5
    HEIGHT_ABSURD = 6
    SIZE_MISSING = 7
    SIZE_ABSURD = 8
    DEPTH_MISSING = 9
    DEPTH_ABSURD = 10
    OUTSIDE_CRS = 11
    ELEVATION_ABSURD = 12
    REPRESENTATION_UNREADABLE = 13
    ANGLE_MISSING = 14
    ANGLE_ABSURD = 15
    RANGE_MISSING = 16
    RANGE_ABSURD = 17


@dataclass(frozen=True, slots=True)
class Shown:
    """What the vertices of a mesh show: ``texture`` (v,) int32 of ``textures``, -1 for none; ``place`` (v, 2) float64 in it.

    Places count in pictures, rightwards and downwards. ``face`` (v,) int32 tells the vertices of one face from others.
    """

    textures: tuple[Texture, ...]
    texture: NDArray[np.int32]
    place: NDArray[np.float64]
    face: NDArray[np.int32]

    def taken(self, vertices: NDArray[np.int64]) -> Shown:
        """Return what ``vertices`` show, in their order."""
        return Shown(self.textures, self.texture[vertices], self.place[vertices], self.face[vertices])


def no_pictures(vertices: int) -> Shown:
    """Return what so many vertices show that show nothing."""
    return Shown((), np.full(vertices, -1, np.int32), np.zeros((vertices, 2)), np.full(vertices, -1, np.int32))


def _joined(first: Shown, second: Shown) -> Shown:
    textures = tuple(dict.fromkeys([*first.textures, *second.textures]))
    number = {texture: i for i, texture in enumerate(textures)}
    renumbered = np.array([*(number[t] for t in second.textures), -1], np.int32)  # -1 stands last
    faces = int(first.face.max(initial=-1)) + 1
    return Shown(
        textures,
        np.concatenate([first.texture, renumbered[second.texture]]),
        np.concatenate([first.place, second.place]),
        np.concatenate([first.face, np.where(second.face >= 0, second.face + faces, -1).astype(np.int32)]),
    )


@dataclass(frozen=True, slots=True)
class MeshBatch:
    """Triangle meshes of a run of features.

    ``positions`` (v, 3) float64: E, N in the storage CRS and H in its heights, metres; ``normals`` (v, 3) float32 outward unit vectors in
    (east, north, up) of the grid; ``triangles`` (t, 3) uint32, counter-clockwise seen from outside; ``feature`` (v,) uint32 index of
    the feature in the run; ``left_out`` (features,) uint8 of LeftOut. ``chord_error_m`` bounds how far a facet lies off the
    true surface. ``surface`` (v,) uint8 of twin.representation.SurfaceType; None for forms without surfaces of a kind. ``is_closed``
    says that no triangle is seen from behind; ``faces_left_out`` counts the faces of drawn features that have no area. ``shown``: what
    the vertices show, None where nothing. ``stands_as`` (v,) uint32: for each vertex one in exactly the same place, itself for those that
    others stand as; None: nothing is known. What depends on the place alone is worked out once a place.
    """

    positions: NDArray[np.float64]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    feature: NDArray[np.uint32]
    left_out: NDArray[np.uint8]
    chord_error_m: float = 0.0
    surface: NDArray[np.uint8] | None = None
    is_closed: bool = True
    faces_left_out: int = 0
    shown: Shown | None = None
    stands_as: NDArray[np.uint32] | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether no feature of the run has a mesh."""
        return len(self.triangles) == 0


def no_mesh(left_out: NDArray[np.uint8]) -> MeshBatch:
    """Return the mesh of features that are ``left_out`` or drawn by something else."""
    return MeshBatch(np.empty((0, 3)), np.empty((0, 3), np.float32), np.empty((0, 3), np.uint32), np.empty(0, np.uint32), left_out)


LOWEST_M, HIGHEST_M = -1_000.0, 9_500.0
"""Nothing built lies below or above: an elevation beyond is a "no data" number (-9999) or an error of unit."""
EARTH_RADIUS_M = 6_371_000.0
CHORD_SAG_M = 0.005
"""How far a straight edge may sag below the curved surface of constant height before it is densified."""
LONGEST_EDGE_M = float(np.sqrt(8.0 * EARTH_RADIUS_M * CHORD_SAG_M)) - 5.0
"""Longest undivided edge: sag = L² / 8R, so 504.8 m sags 5 mm."""


def sag_m(level_m: float) -> float:
    """Return how far a straight edge so long on the ground lies below the curved surface of equal height in its middle."""
    return level_m * level_m / (8.0 * EARTH_RADIUS_M)


def interleaved(first: MeshBatch, first_rows: NDArray[np.int64], second: MeshBatch, second_rows: NDArray[np.int64]) -> MeshBatch:
    """Return both as the mesh of one run, feature by feature; feature ``i`` of ``first`` is ``first_rows[i]`` of the run."""
    feature = np.concatenate([first_rows[first.feature], second_rows[second.feature]])
    triangles = np.concatenate([first.triangles, second.triangles + np.uint32(len(first.positions))])
    order = np.argsort(feature, kind="stable")
    triangle_order = np.argsort(feature[triangles[:, 0]], kind="stable")
    place = np.empty(len(order), np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    left_out = np.zeros(len(first_rows) + len(second_rows), np.uint8)
    left_out[first_rows], left_out[second_rows] = first.left_out, second.left_out
    return MeshBatch(
        np.concatenate([first.positions, second.positions])[order],
        np.concatenate([first.normals, second.normals])[order],
        place[triangles[triangle_order]],
        feature[order].astype(np.uint32),
        left_out,
        max(first.chord_error_m, second.chord_error_m),
        np.concatenate([_surfaces(first), _surfaces(second)])[order],
        first.is_closed and second.is_closed,
        first.faces_left_out + second.faces_left_out,
        None if first.shown is None and second.shown is None else _joined(_shown(first), _shown(second)).taken(order),
    )


def _shown(mesh: MeshBatch) -> Shown:
    return no_pictures(len(mesh.positions)) if mesh.shown is None else mesh.shown


def _surfaces(mesh: MeshBatch) -> NDArray[np.uint8]:
    return np.zeros(len(mesh.positions), np.uint8) if mesh.surface is None else mesh.surface
