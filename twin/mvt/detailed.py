"""Areas of very many vertices, cut to the tile for GEOS, and how long it will take (compiled).

GEOS cannot be interrupted, and takes as long as the square of the vertices where edges lie side by side over long ways: so would PostGIS.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.byte_numbers import uint32, uint64
from twin.kernel import kernel
from twin.mvt.ring_wkb import HEAD_BYTES, PLACE_BYTES, Places, write_areas
from twin.mvt.rings import Units
from twin.mvt.shapes import MULTI, Map, head_of
from twin.mvt.soundness import follow, pairs_of
from twin.mvt.wire import Bytes

_MARGIN = 8.0
"""Beyond the edge of the tile: what the cut leaves along its own edge goes when GEOS cuts at the tile's."""
_GROWTH = 6
"""A cut at one line makes a ring longer by half at most: four do by 5.1."""
_PLENTY = 20_000
_SHORTEST = 0.25
"""No edge is shorter where there are more vertices than that."""
_STEPS = 16
"""To a unit: as finely edges are told apart."""
_PAIRS_OF_A_VERTEX = 30
_PAIRS_OF_A_CROSSING = 50
"""As many pairs of edges take GEOS as long as a vertex, and as a place where edges cross: a valid area has none."""
_PAIRS_OF_A_RING = 150
_PAIRS_OF_TWO_RINGS = 2
"""As many take it as long as a ring, and as two whose boxes have a place in common: one may lie in the other."""


@kernel
def cut_detailed(wkb: Bytes, start: int, end: int, to_units: Map, low: int, high: int) -> tuple[Bytes, int]:
    """Return the area ``wkb[start:end]`` in units of a tile, cut to a little more than its box, as WKB, and what it costs to draw it.

    What the cut leaves has edges to and fro along the edge of its box. OverlayNG merges those of an exterior, and may refuse those of
    holes: they are not valid for it (twin/mvt/layer.py then has them made valid). The cost is in pairs of edges, of which
    GEOS does five million a second. None of it in the box: no bytes.
    """
    room = _GROWTH * ((end - start) // PLACE_BYTES) + 16
    x, y = np.empty(room, np.float64), np.empty(room, np.float64)
    ends, part = np.empty(room, np.int64), np.empty(room, np.int64)
    count = _cut(wkb, start, to_units, low - _MARGIN, high + _MARGIN, x, y, ends, part)
    if ends[count] > _PLENTY:
        count = _thin(x, y, ends, part, count)
    if count == 0:
        return np.empty(0, np.uint8), 0
    out = np.empty(PLACE_BYTES * (ends[count] + count) + HEAD_BYTES * (2 * count + 1), np.uint8)
    size = write_areas(x, y, ends, part, count, out, 0)
    return out[:size], _cost(x, y, ends, count)


@kernel
def _cost(x: Places, y: Places, ends: Units, count: int) -> int:
    edges = ends[count]
    fine_x, fine_y, following = np.empty(edges, np.int64), np.empty(edges, np.int64), np.empty(edges, np.int64)
    for k in range(edges):
        fine_x[k], fine_y[k] = np.int64(np.rint(_STEPS * x[k])), np.int64(np.rint(_STEPS * y[k]))
    follow(ends, count, following)
    pairs, crossings = pairs_of(fine_x, fine_y, following, edges)
    pairs += _PAIRS_OF_A_CROSSING * crossings + _PAIRS_OF_A_VERTEX * edges + _PAIRS_OF_A_RING * count
    box_x, box_y = np.empty(2 * count, np.int64), np.empty(2 * count, np.int64)
    for ring in range(count):
        x_there, y_there = fine_x[ends[ring] : ends[ring + 1]], fine_y[ends[ring] : ends[ring + 1]]
        box_x[ring], box_x[count + ring] = x_there.min(), x_there.max()
        box_y[ring], box_y[count + ring] = y_there.min(), y_there.max()
        following[ring] = count + ring
    common, _ = pairs_of(box_x, box_y, following, count)
    return int(pairs + _PAIRS_OF_TWO_RINGS * common)


@kernel
def _cut(wkb: Bytes, at: int, to_units: Map, low: float, high: float, x: Places, y: Places, ends: Units, part: Units) -> int:
    """Read the rings of polygons, each cut to the box; return how many are left."""
    kind, size, k = head_of(wkb, at)
    parts, is_multi, count = 1, kind > MULTI, 0
    if is_multi:
        parts, k = uint32(wkb, k), k + 4
    bits, ends[0] = np.empty(1, np.uint64), 0
    here, there = np.empty((2, x.size), np.float64), np.empty((2, x.size), np.float64)
    for number in range(parts):
        if is_multi:
            _, size, k = head_of(wkb, k)
        loops, k = uint32(wkb, k), k + 4
        is_there = True
        for loop in range(loops):
            vertices, k = uint32(wkb, k), k + 4
            left = 0
            if is_there:
                _read(wkb, k, size, vertices - 1, to_units, bits, here)
                left = _cut_at(here, there, 0, high, 1.0, vertices - 1)
                left = _cut_at(there, here, 0, low, -1.0, left)
                left = _cut_at(here, there, 1, high, 1.0, left)
                left = _cut_at(there, here, 1, low, -1.0, left)
                is_there = left > 2 or loop > 0
            if left > 2:
                at = ends[count]
                x[at : at + left], y[at : at + left] = here[0, :left], here[1, :left]
                part[count], ends[count + 1], count = number, at + left, count + 1
            k += vertices * size
    return count


@kernel
def _read(wkb: Bytes, k: int, size: int, vertices: int, to_units: Map, bits: npt.NDArray[np.uint64], places: Places) -> None:
    number = bits.view(np.float64)
    for at in range(vertices):
        bits[0] = uint64(wkb, k)
        east = number[0]
        bits[0] = uint64(wkb, k + 8)
        north = number[0]
        places[0, at] = to_units[0] * east + to_units[1] * north + to_units[2]
        places[1, at] = to_units[3] * east + to_units[4] * north + to_units[5]
        k += size


@kernel
def _cut_at(given: Places, cut: Places, axis: int, limit: float, sign: float, count: int) -> int:
    """Keep what of a ring lies before a line across an axis (after Sutherland and Hodgman); return how many vertices that are."""
    along, across, to = given[axis], given[1 - axis], 0
    before = count - 1
    for k in range(count):
        is_in = sign * along[k] <= sign * limit
        if is_in != (sign * along[before] <= sign * limit):
            part = (limit - along[before]) / (along[k] - along[before])
            cut[axis, to], cut[1 - axis, to] = limit, across[before] + part * (across[k] - across[before])
            to += 1
        if is_in:
            cut[axis, to], cut[1 - axis, to] = along[k], across[k]
            to += 1
        before = k
    return to


@kernel
def _thin(x: Places, y: Places, ends: Units, part: Units, count: int) -> int:
    """Leave out vertices that are very near the one before; return how many rings are left."""
    to, left, start, is_there = 0, 0, 0, True
    for ring in range(count):
        end, first = ends[ring + 1], to
        for k in range(start, end):
            if to == first or max(abs(x[k] - x[to - 1]), abs(y[k] - y[to - 1])) >= _SHORTEST:
                x[to], y[to] = x[k], y[k]
                to += 1
        start = end
        is_area = to - first > 2
        if ring == 0 or part[ring] != part[ring - 1]:
            is_there = is_area
        if is_area and is_there:
            part[left], ends[left + 1], left = part[ring], to, left + 1
        else:
            to = first
    return left
