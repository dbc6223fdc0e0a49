"""The geometry of features, WKB of the database → commands of a vector tile (4.3 of its specification), compiled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.byte_numbers import uint32, uint64
from twin.kernel import kernel
from twin.mvt.rings import FARTHEST, Units, tidied_line, tidied_ring, turn
from twin.mvt.soundness import are_sound
from twin.mvt.wire import Bytes, write_varint

NOTHING, POINT, LINE, POLYGON, CROSSING, DOUBTFUL, DETAILED, TANGLED = 0, 1, 2, 3, 4, 5, 6, 7
"""What became of a geometry: nothing to be seen, a type of the specification, something to be cut, an area that may not be valid, one of
very many vertices that has to be cut or may not be valid, and (twin/mvt/layer.py) one that would take too long to draw.
"""
_Z, _M, _SRID, _FLAGS = 0x80000000, 0x40000000, 0x20000000, 0x1FFFFFFF
MULTI, _LAST_MULTI = 3, 6
_MOVE, _LINE_TO, _CLOSE = 1, 2, 15
MOST_BYTES = 8_000
"""Of an area that GEOS is given without a look at how long it may take: some 300 to 500 vertices."""
_LEAST_BYTES = 16
"""Of WKB that a vertex takes."""

Map = npt.NDArray[np.float64]
"""a, b, xoff, d, e, yoff: x' = a x + b y + xoff, y' = d x + e y + yoff."""


@kernel
def draw(
    wkb: Bytes, starts: Units, ends: Units, to_units: Map, is_valid: bool, low: int, high: int,
    out: Bytes, kinds: Units, begins: Units, finishes: Units,
) -> int:  # fmt: skip
    """Write the commands of geometries ``wkb[starts[k]:ends[k]]`` that lie in the box from ``low`` to ``high``; return where they end.

    ``kinds`` says what became of each, ``begins`` and ``finishes`` where its commands are. The map is the way into units of the tile;
    of what ``is_valid`` nothing has to be found out.
    """
    most = 0
    for k in range(starts.size):
        most = max(most, ends[k] - starts[k])
    room = most // _LEAST_BYTES + 2
    x, y, following = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    ring_ends, part = np.empty(room, np.int64), np.empty(room, np.int64)
    bits = np.empty(1, np.uint64)
    to = 0
    for k in range(starts.size):
        begins[k] = to
        kind, count = NOTHING, 0
        if ends[k] > starts[k]:
            kind, count = _read(wkb, starts[k], to_units, bits, x, y, ring_ends, part)
        if count == 0:
            kind = NOTHING
        elif kind == POINT:
            to = _write_points(x, y, count, low, high, out, to)
            kind = POINT if to > begins[k] else NOTHING
        else:
            place = _place(x, y, ring_ends[count], low, high)
            is_detailed = kind == POLYGON and ends[k] - starts[k] > MOST_BYTES
            if place == _OUTSIDE:
                kind = NOTHING
            elif place == _CROSSES:
                kind = DETAILED if is_detailed else CROSSING
            elif kind == POLYGON and not is_valid and not are_sound(x, y, ring_ends, part, count, following):
                kind = DETAILED if is_detailed else DOUBTFUL
            else:
                to = _write_rings(x, y, ring_ends, count, kind == POLYGON, out, to)
        kinds[k], finishes[k] = kind, to
    return to


_INSIDE, _CROSSES, _OUTSIDE = 0, 1, 2


@kernel
def _place(x: Units, y: Units, vertices: int, low: int, high: int) -> int:
    west, east, north, south = FARTHEST, -FARTHEST, FARTHEST, -FARTHEST
    for k in range(vertices):
        west, east = min(west, x[k]), max(east, x[k])
        north, south = min(north, y[k]), max(south, y[k])
    if west > high or east < low or north > high or south < low:
        return _OUTSIDE
    return _INSIDE if west >= low and east <= high and north >= low and south <= high else _CROSSES


@kernel
def _read(
    wkb: Bytes, at: int, to_units: Map, bits: npt.NDArray[np.uint64], x: Units, y: Units, ends: Units, part: Units
) -> tuple[int, int]:
    """Read points, lines or polygons as tidied rings of whole units; return the basic type and how many rings there are.

    Ring ``r`` is ``x[ends[r]:ends[r + 1]]``, of the polygon ``part[r]``, whose exterior comes first. None where a vertex is beyond bounds,
    and of any other type, as a collection is.
    """
    kind, size, k = head_of(wkb, at)
    if not POINT <= kind <= _LAST_MULTI:
        return NOTHING, 0
    ends[0] = 0
    count, parts, is_multi = 0, 1, kind > MULTI
    if is_multi:
        parts, k = uint32(wkb, k), k + 4
        kind -= MULTI
    for number in range(parts):
        if is_multi:
            _, size, k = head_of(wkb, k)
        loops = 1
        if kind == POLYGON:
            loops, k = uint32(wkb, k), k + 4
        is_there = True
        for loop in range(loops):
            vertices = 1
            if kind != POINT:
                vertices, k = uint32(wkb, k), k + 4
            start = end = ends[count]
            if is_there:
                end = _snap(wkb, k, size, vertices - (kind == POLYGON), to_units, bits, x, y, start)
                if end < 0:
                    return kind, 0
                end = _tidy(x, y, start, end, kind, loop > 0)
                is_there = end > start or loop > 0
            if end > start:
                part[count], ends[count + 1], count = number, end, count + 1
            k += vertices * size
    return kind, count


@kernel
def _snap(wkb: Bytes, k: int, size: int, vertices: int, to_units: Map, bits: npt.NDArray[np.uint64], x: Units, y: Units, at: int) -> int:
    """Read vertices as whole units; return where they end, -1 where one is beyond all bounds."""
    number = bits.view(np.float64)
    for _ in range(vertices):
        bits[0] = uint64(wkb, k)
        east = number[0]
        bits[0] = uint64(wkb, k + 8)
        north = number[0]
        placed_x = np.rint(to_units[0] * east + to_units[1] * north + to_units[2])
        placed_y = np.rint(to_units[3] * east + to_units[4] * north + to_units[5])
        if not (abs(placed_x) < FARTHEST and abs(placed_y) < FARTHEST):
            return -1
        x[at], y[at] = np.int64(placed_x), np.int64(placed_y)
        at, k = at + 1, k + size
    return at


@kernel
def _tidy(x: Units, y: Units, start: int, end: int, kind: int, is_hole: bool) -> int:
    if kind == POLYGON:
        end = tidied_ring(x, y, start, end)
        turn(x, y, start, end, is_hole)
    elif kind == LINE:
        end = tidied_line(x, y, start, end)
    return end


@kernel
def head_of(wkb: Bytes, k: int) -> tuple[int, int, int]:
    """Return the type of EWKB, bytes of a vertex, and where what it is made of begins."""
    code = uint32(wkb, k + 1)
    size = 16 + (8 if code & _Z else 0) + (8 if code & _M else 0)
    return code & _FLAGS, size, k + (9 if code & _SRID else 5)


@kernel
def _write_points(x: Units, y: Units, count: int, low: int, high: int, out: Bytes, to: int) -> int:
    there = 0
    for k in range(count):
        if low <= x[k] <= high and low <= y[k] <= high:
            there += 1
    if there:
        to = write_varint(out, to, there << 3 | _MOVE)
    last_x, last_y = 0, 0
    for k in range(count):
        if low <= x[k] <= high and low <= y[k] <= high:
            to = _write_way(out, to, x[k] - last_x, y[k] - last_y)
            last_x, last_y = x[k], y[k]
    return to


@kernel
def _write_rings(x: Units, y: Units, ends: Units, count: int, is_closed: bool, out: Bytes, to: int) -> int:
    last_x, last_y = 0, 0
    for ring in range(count):
        start, end = ends[ring], ends[ring + 1]
        for k in range(start, end):
            if k == start:
                out[to], to = 1 << 3 | _MOVE, to + 1
            elif k == start + 1:
                to = write_varint(out, to, (end - start - 1) << 3 | _LINE_TO)
            to = _write_way(out, to, x[k] - last_x, y[k] - last_y)
            last_x, last_y = x[k], y[k]
        if is_closed:
            out[to], to = _CLOSE, to + 1
    return to


@kernel
def _write_way(out: Bytes, to: int, east: int, south: int) -> int:
    to = write_varint(out, to, (east << 1) ^ (east >> 63))
    return write_varint(out, to, (south << 1) ^ (south >> 63))
