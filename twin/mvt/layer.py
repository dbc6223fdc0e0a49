"""A layer of a vector tile of the rows of a collection: what ST_AsMVTGeom and ST_AsMVT make of them, for a third of the time.

PostgreSQL only finds the rows. Positions are rounded to whole units, cut to the tile and held to be valid by exact tests of whole numbers
(twin/mvt/soundness.py); the few polygons that do not pass go through GEOS. Nothing in here holds the interpreter's lock for long, and GEOS
is given nothing that would take it more than about a second (twin/mvt/detailed.py).
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.mvt.detailed import cut_detailed
from twin.mvt.features import find_rows, write_features, write_values
from twin.mvt.repair import Geometries, as_wkb, cut, placed, read, repaired, snapped
from twin.mvt.ring_wkb import PLACE_BYTES
from twin.mvt.rings import Units
from twin.mvt.shapes import CROSSING, DETAILED, MOST_BYTES, NOTHING, TANGLED, Map, draw
from twin.mvt.soundness import MOST_PAIRS
from twin.mvt.wire import Bytes

_LAYER, _NAME, _KEY = 0x1A, 0x0A, 0x1A
_EXTENT, _VERSION_2 = 0x28, b"\x78\x02"
_SLICE_BYTES = 1 << 19
"""Of geometries that are drawn before one looks at the clock, but for what GEOS has to repair."""
_UNLOOKED = MOST_PAIRS // 8
"""So much of what costs more (:func:`cut_detailed`) is drawn before one looks."""
_MOST_REPAIRED = MOST_PAIRS // 2
_TO_REPAIR = 3
"""Of what has to be made valid, too: that takes GEOS some three times as long once more."""
_PAIRS_AT_WORST = 25
"""To the square of its vertices: what an area costs of which every edge crosses every other (twin/mvt/detailed.py says in what)."""
_EMPTY_POLYGON = b"\x01\x03\x00\x00\x00\x00\x00\x00\x00"
_IDENTITY = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class LayerFrame:
    """What a layer is called and where it lies: an ``extent`` of so many units, ``buffer`` more on each side, and the way into them.

    ``to_units`` is (a, b, xoff, d, e, yoff) from the CRS of the rows: x' = a x + b y + xoff, y' = d x + e y + yoff, y' to the south.
    """

    name: str
    properties: tuple[str, ...]
    extent: int
    buffer: int
    to_units: tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Layer:
    """The bytes of a layer, none where nothing can be seen, and how many features are left out: too long to draw, or not sent."""

    content: bytes
    left_out: int


def encode_layer(rows: Sequence[bytes], frame: LayerFrame, most_s: float = math.inf) -> Layer:
    """Return the layer of ``rows`` (twin/mvt/features.py says of what form), in their order.

    A feature without a place in the tile, or too small to have an area or a length in it, is left out; so is a number that is not finite,
    and an area that would keep GEOS for more than about a second: of very many edges that run side by side, or that cross each other. One
    of less than 500 vertices is drawn, if it takes three.
    What is not valid is made so. Raises TimeoutError where geometries keep a processor busy for more than ``most_s``.
    """
    joined, count = np.frombuffer(bytearray().join(rows), np.uint8), len(rows)
    fids, starts, ends = (np.empty(count, np.int64) for _ in range(3))
    are_drawn = np.empty(count, np.bool_)
    find_rows(joined, fids, are_drawn, starts, ends)
    shapes = _shapes_in_time(joined, are_drawn, starts, ends, frame, most_s)
    are_tangled = shapes.kinds == TANGLED
    shapes.kinds[are_tangled] = NOTHING
    return Layer(_written(joined, fids, ends, shapes, frame), int(are_tangled.sum() + (starts == ends).sum()))


def _written(rows: Bytes, fids: Units, properties: Units, shapes: _Shapes, frame: LayerFrame) -> bytes:
    """Return the bytes of a layer, none where it has no features."""
    columns = len(frame.properties)
    most = fids.size * columns
    slots, places = np.full(1 << (2 * most).bit_length(), -1, np.int32), np.empty((most, 3), np.int64)
    features = np.empty(2 * rows.size + shapes.commands.size + 64, np.uint8)
    end, values = write_features(
        rows, columns, fids, properties, shapes.kinds, shapes.commands, shapes.begins, shapes.finishes, slots, places, features
    )
    if not end:
        return b""
    table = np.empty(2 * rows.size + 64, np.uint8)
    parts = [
        _counted(_NAME, frame.name.encode()),
        features[:end].tobytes(),
        *(_counted(_KEY, name.encode()) for name in frame.properties),
        table[: write_values(rows, places, values, table)].tobytes(),
        bytes([_EXTENT]) + _varint(frame.extent) + _VERSION_2,
    ]
    return _counted(_LAYER, b"".join(parts))


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Commands of geometries, one after another: the kind of each, and where its commands begin and end."""

    kinds: Units
    begins: Units
    finishes: Units
    commands: Bytes

    @classmethod
    def of(cls, wkb: Bytes, starts: Units, ends: Units, to_units: Map, frame: LayerFrame, *, are_valid: bool) -> _Shapes:
        """Draw what lies wholly in the tile and is sure to be valid."""
        kinds, begins, finishes = (np.empty(starts.size, np.int64) for _ in range(3))
        out = np.empty(2 * int((ends - starts).sum()) + 64, np.uint8)
        end = draw(wkb, starts, ends, to_units, are_valid, -frame.buffer, frame.extent + frame.buffer, out, kinds, begins, finishes)
        return cls(kinds, begins, finishes, out[:end])

    def replaced(self, which: Units, wkb: list[bytes], frame: LayerFrame, *, are_valid: bool) -> _Shapes:
        """Draw other geometries, in units of the tile, in place of some."""
        ends = np.cumsum([len(one) for one in wkb])
        starts = ends - [len(one) for one in wkb]
        drawn = _Shapes.of(np.frombuffer(bytearray().join(wkb), np.uint8), starts, ends, _IDENTITY, frame, are_valid=are_valid)
        return self.with_others(which, drawn)

    def with_others(self, which: Units, drawn: _Shapes) -> _Shapes:
        """Put others in place of some."""
        self.kinds[which] = drawn.kinds
        self.begins[which], self.finishes[which] = drawn.begins + self.commands.size, drawn.finishes + self.commands.size
        return _Shapes(self.kinds, self.begins, self.finishes, np.concatenate([self.commands, drawn.commands]))

    @classmethod
    def joined(cls, several: list[_Shapes]) -> _Shapes:
        """Return one after another as one."""
        if len(several) == 1:
            return several[0]
        before = np.cumsum([0, *(one.commands.size for one in several[:-1])])
        return cls(
            np.concatenate([one.kinds for one in several]),
            np.concatenate([one.begins + k for one, k in zip(several, before, strict=True)]),
            np.concatenate([one.finishes + k for one, k in zip(several, before, strict=True)]),
            np.concatenate([one.commands for one in several]),
        )


def _shapes_in_time(rows: Bytes, are_drawn: npt.NDArray[np.bool_], starts: Units, ends: Units, frame: LayerFrame, most_s: float) -> _Shapes:
    """Draw slice by slice, as long as there is time: of this thread, so that a busy machine shows no less."""
    clock, drawn = _Clock(time.thread_time() + most_s), []
    for part in _slices(ends - starts, _SLICE_BYTES):
        clock.look()
        drawn.append(_shapes(rows, are_drawn[part], starts[part], ends[part], frame, clock))
    return _Shapes.joined(drawn)


def _slices(costs: Units, most: int) -> list[slice]:
    """Return slices of ``most`` in all, or of one more."""
    borders = np.flatnonzero(np.diff(np.cumsum(costs) // most)) + 1
    return [slice(first, last) for first, last in itertools.pairwise([0, *borders.tolist(), costs.size])]


@dataclass(frozen=True, slots=True)
class _Clock:
    until_s: float
    """By the time of this thread, so that a busy machine shows no less."""

    def look(self) -> None:
        """Raise TimeoutError when time is up."""
        if time.thread_time() >= self.until_s:
            raise TimeoutError


def _shapes(rows: Bytes, are_drawn: npt.NDArray[np.bool_], starts: Units, ends: Units, frame: LayerFrame, clock: _Clock) -> _Shapes:
    """Draw what is simple at once, what crosses the edge of the tile once GEOS has cut it, and what is doubtful as GEOS snaps it."""
    to_units, low, high = np.array(frame.to_units), -frame.buffer, frame.extent + frame.buffer
    shapes = _Shapes.of(rows, starts, np.where(are_drawn, starts, ends), to_units, frame, are_valid=False)

    def wkb(which: Units) -> list[bytes]:
        return [rows[starts[k] : ends[k]].tobytes() for k in which]

    def in_units(which: Units) -> Geometries:
        geometries, rest = read(wkb(which)), ~are_drawn[which]
        geometries[rest] = placed(geometries[rest], to_units)
        return geometries

    if (which := np.flatnonzero(are_drawn)).size:
        shapes = shapes.with_others(which, _Shapes.of(rows, starts[which], ends[which], _IDENTITY, frame, are_valid=True))
    if (which := np.flatnonzero(shapes.kinds == CROSSING)).size:
        shapes = shapes.replaced(which, as_wkb(cut(in_units(which), low, high)), frame, are_valid=False)
    # What is cut has more vertices than it had, by a few: it is no more than doubtful for that.
    if (which := np.flatnonzero((shapes.kinds >= CROSSING) & (ends - starts <= MOST_BYTES))).size:
        doubtful, made = in_units(which), []
        for part in _slices(_PAIRS_AT_WORST * ((ends - starts)[which] // PLACE_BYTES) ** 2, MOST_PAIRS):
            clock.look()
            made.append(repaired(doubtful[part], low, high))
        shapes = shapes.replaced(which, as_wkb(np.concatenate(made)), frame, are_valid=True)
    if (which := np.flatnonzero(shapes.kinds == DETAILED)).size:
        detailed = [(rows, starts[k], ends[k], _IDENTITY if are_drawn[k] else to_units) for k in which]
        shapes = _with_detailed(shapes, which, detailed, frame, clock)
    return shapes


def _with_detailed(shapes: _Shapes, which: Units, detailed: list[tuple[Bytes, int, int, Map]], frame: LayerFrame, clock: _Clock) -> _Shapes:
    """Draw areas of very many vertices, and none that would take GEOS too long."""
    low, high = -frame.buffer, frame.extent + frame.buffer
    made, are_tangled, unlooked = [b""] * which.size, np.zeros(which.size, np.bool_), 0
    for k, given in enumerate(detailed):
        wkb, cost = cut_detailed(*given, low, high)
        unlooked += cost
        if unlooked > _UNLOOKED:
            clock.look()
            unlooked = cost
        if cost >= MOST_PAIRS:
            are_tangled[k] = True
        elif cost:
            area = read([wkb.tobytes()])
            whole = snapped(area, low, high)
            if whole[0] is None and cost < _MOST_REPAIRED:
                unlooked += _TO_REPAIR * cost
                whole = repaired(area, low, high)
            are_tangled[k], made[k] = whole[0] is None, as_wkb(whole)[0]
    shapes = shapes.replaced(which, made, frame, are_valid=True)
    shapes.kinds[which[are_tangled]] = TANGLED
    return shapes


def ready() -> None:
    """Have the machine code in the cache, or load it: of an empty layer no less than of a full one."""
    encode_layer([], LayerFrame("", (), 1, 0, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)))
    nothing = np.frombuffer(bytearray(_EMPTY_POLYGON), np.uint8)
    cut_detailed(nothing, 0, nothing.size, _IDENTITY, 0, 1)


def _counted(head: int, content: bytes) -> bytes:
    return bytes([head]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
