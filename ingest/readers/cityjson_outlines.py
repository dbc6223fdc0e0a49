"""The footprints of bodies that were built from arrays: the one ground surface that most have, taken as rings by a kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely

from ingest.areas import Areas, ends
from ingest.body_arrays import FACE, INDEX, RING, VERTEX, BodyArrays
from ingest.readers.cityjson_footprints import footprint
from ingest.readers.source import Geometries
from ingest.sure_areas import sound
from twin.kernel import inlined_kernel, kernel
from twin.representation import SurfaceType

Ints = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
_GROUND = int(SurfaceType.GROUND)
_BODY, _FIRST_RING, _END_RING, _CORNERS = range(4)
"""Columns of what `_choose` fills: places of all bodies' rings."""


def draw_outlines(bodies: BodyArrays, geometry: Geometries) -> Areas:
    """Return the footprints, as `footprint` has them, that are one ground surface which certainly is valid, and fill in all others.

    Coordinates are those of ``bodies``, level with the lowest corner of the outline.
    """
    chosen = np.empty((len(bodies), 4), dtype=np.int64)
    count = _choose(bodies.row, bodies.start, bodies.face_ends, bodies.ring_ends, bodies.surface_type, chosen)
    chosen = chosen[:count]
    sizes = np.empty(int((chosen[:, _END_RING] - chosen[:, _FIRST_RING]).sum()), dtype=np.int64)
    xyz = np.empty((int(chosen[:, _CORNERS].sum()) + len(sizes), 3))
    _take(chosen, bodies.start, bodies.ring_ends, bodies.indices, bodies.vertices, sizes, xyz)
    rows = bodies.row[chosen[:, _BODY]]
    single = Areas(rows, ends(sizes), ends(chosen[:, _END_RING] - chosen[:, _FIRST_RING]), xyz)
    good = sound(single) & np.isfinite(xyz[single.vertex_starts[:-1], 2])
    _draw_doubtful(single.of(~good), geometry)
    drawn = np.zeros(len(geometry), dtype=bool)
    drawn[rows[good]] = True
    for row in np.unique(bodies.row[~drawn[bodies.row]]).tolist():
        if geometry[row] is None:
            first, end = np.searchsorted(bodies.row, [row, row + 1])
            geometry[row] = footprint({r.lod: r.faces for r in bodies[int(first) : int(end)]})
    return replace(single.of(good), are_sound=True)


def _draw_doubtful(areas: Areas, geometry: Geometries) -> None:
    """Fill in those outlines that turn out to be valid."""
    if not len(areas):
        return
    open_rings = np.ones(len(areas.xyz), dtype=bool)
    open_rings[areas.ring_starts[1:] - 1] = False
    ring = np.repeat(np.arange(len(areas.ring_starts) - 1), np.diff(areas.ring_starts) - 1)
    rings = shapely.linearrings(areas.xyz[open_rings], indices=ring)
    outlines = shapely.polygons(rings, indices=np.repeat(np.arange(len(areas)), np.diff(areas.row_starts)))
    good = shapely.is_valid(outlines) & (shapely.area(outlines) > 0)
    geometry[areas.rows[good]] = shapely.multipolygons(outlines[good], indices=np.arange(int(good.sum())))


@kernel
def _choose(row: Ints, start: Ints, face_ends: UInt32s, ring_ends: UInt32s, surface_type: npt.NDArray[np.uint8], chosen: Ints) -> int:
    """Fill ``chosen`` (C, 4) and return C: of each row the ground surface of the highest level that has any, where it has only one."""
    count, end = 0, len(row)
    following = 0
    while following < end:
        first = following
        while following < end and row[following] == row[first]:
            following += 1
        for body in range(following - 1, first - 1, -1):  # levels of a row rise
            grounds, ground = 0, -1
            for face in range(start[body, FACE], start[body + 1, FACE]):
                if surface_type[face] == _GROUND:
                    grounds, ground = grounds + 1, face
            if grounds == 1:
                begin = int(face_ends[ground - 1]) if ground > start[body, FACE] else 0
                begin, after = start[body, RING] + begin, start[body, RING] + np.int64(face_ends[ground])
                chosen[count, _BODY], chosen[count, _FIRST_RING], chosen[count, _END_RING] = body, begin, after
                chosen[count, _CORNERS] = np.int64(ring_ends[after - 1]) - _begin(ring_ends, begin, start[body, RING])
                count += 1
            if grounds:
                break
    return count


@kernel
def _take(chosen: Ints, start: Ints, ring_ends: UInt32s, indices: UInt32s, vertices: Floats, sizes: Ints, xyz: Floats) -> None:
    """Write the chosen surfaces as closed rings, each level with the lowest corner of its first ring."""
    ring_out = out = 0
    for k in range(len(chosen)):
        at, lowest = start[chosen[k, _BODY]], np.inf
        for ring in range(chosen[k, _FIRST_RING], chosen[k, _END_RING]):
            begin, opened = _begin(ring_ends, ring, at[RING]), out
            for corner in range(at[INDEX] + begin, at[INDEX] + np.int64(ring_ends[ring])):
                vertex = at[VERTEX] + np.int64(indices[corner])
                xyz[out, 0], xyz[out, 1], z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
                if ring == chosen[k, _FIRST_RING] and not z >= lowest:
                    lowest = z
                out += 1
            xyz[out, 0], xyz[out, 1] = xyz[opened, 0], xyz[opened, 1]
            out += 1
            xyz[opened:out, 2] = lowest
            sizes[ring_out] = out - opened
            ring_out += 1


@inlined_kernel
def _begin(ring_ends: UInt32s, ring: int, first: int) -> int:
    """Return where a ring begins among the corners of its body, whose rings begin at ``first``."""
    return int(ring_ends[ring - 1]) if ring > first else 0
