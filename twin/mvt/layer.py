"""A layer of a vector tile of the rows of a collection: what ST_AsMVTGeom and ST_AsMVT make of them, for a third of the time.

PostgreSQL only finds the rows. Positions are rounded to whole units, cut to the tile and held to be valid by exact tests of whole numbers
(twin/mvt/soundness.py); the few polygons that do not pass go through GEOS. Nothing in here holds the interpreter's lock for long.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.mvt.features import find_rows, write_features, write_values
from twin.mvt.repair import Geometries, as_wkb, cut, placed, read, repaired
from twin.mvt.rings import Units
from twin.mvt.shapes import CROSSING, Map, draw
from twin.mvt.wire import Bytes

_LAYER, _NAME, _KEY = 0x1A, 0x0A, 0x1A
_EXTENT, _VERSION_2 = 0x28, b"\x78\x02"
_SLICE_BYTES = 1 << 19
"""Of geometries that are drawn before one looks at the clock: half a second where GEOS has to repair them all."""
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


def encode_layer(rows: Sequence[bytes], frame: LayerFrame, most_s: float = math.inf) -> bytes:
    """Return the layer of ``rows`` (twin/mvt/features.py says of what form), in their order; empty where nothing can be seen.

    A feature without a place in the tile, or too small to have an area or a length in it, is left out; so is a number that is not finite.
    Raises TimeoutError where geometries keep a processor busy for more than ``most_s``.
    """
    joined, count, columns = np.frombuffer(bytearray().join(rows), np.uint8), len(rows), len(frame.properties)
    fids, starts, ends = (np.empty(count, np.int64) for _ in range(3))
    are_drawn = np.empty(count, np.bool_)
    find_rows(joined, fids, are_drawn, starts, ends)
    shapes = _shapes_in_time(joined, are_drawn, starts, ends, frame, most_s)
    most = count * columns
    slots, places = np.full(1 << (2 * most).bit_length(), -1, np.int32), np.empty((most, 3), np.int64)
    features = np.empty(2 * joined.size + shapes.commands.size + 64, np.uint8)
    end, values = write_features(
        joined, columns, fids, ends, shapes.kinds, shapes.commands, shapes.begins, shapes.finishes, slots, places, features
    )
    if not end:
        return b""
    table = np.empty(2 * joined.size + 64, np.uint8)
    parts = [
        _counted(_NAME, frame.name.encode()),
        features[:end].tobytes(),
        *(_counted(_KEY, name.encode()) for name in frame.properties),
        table[: write_values(joined, places, values, table)].tobytes(),
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
    until, drawn = time.thread_time() + most_s, []
    borders = np.flatnonzero(np.diff(np.cumsum(ends - starts) // _SLICE_BYTES)) + 1
    for first, last in itertools.pairwise([0, *borders.tolist(), starts.size]):
        if time.thread_time() >= until:
            raise TimeoutError
        part = slice(first, last)
        drawn.append(_shapes(rows, are_drawn[part], starts[part], ends[part], frame))
    return _Shapes.joined(drawn)


def _shapes(rows: Bytes, are_drawn: npt.NDArray[np.bool_], starts: Units, ends: Units, frame: LayerFrame) -> _Shapes:
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
        shapes = shapes.replaced(which, wkb(which), frame, are_valid=True)
    if (which := np.flatnonzero(shapes.kinds == CROSSING)).size:
        shapes = shapes.replaced(which, as_wkb(cut(in_units(which), low, high)), frame, are_valid=False)
    if (which := np.flatnonzero(shapes.kinds >= CROSSING)).size:
        shapes = shapes.replaced(which, as_wkb(repaired(in_units(which), low, high)), frame, are_valid=True)
    return shapes


def ready() -> None:
    """Have the machine code in the cache, or load it: of an empty layer no less than of a full one."""
    encode_layer([], LayerFrame("", (), 1, 0, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)))


def _counted(head: int, content: bytes) -> bytes:
    return bytes([head]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
