"""Subtree files of implicit tiling, binary form (3D Tiles 1.1 §7.1.8): which tiles exist, and of each its bounds and geometric error.

Cells do not hold what overhangs them, so no client may derive a volume from coordinates: every tile has TILE_BOUNDING_REGION and
TILE_GEOMETRIC_ERROR, every content CONTENT_BOUNDING_REGION (3D Metadata Semantics §3.2, §3.3). Contents have the name of their GLB, too,
and the file those of the subtrees below: so who has the name of the root's finds all others, and an edit writes the files above it alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.kernel import kernel
from twin.errors import TwinError

type Integers = NDArray[np.int64]
type Numbers = NDArray[np.float64]
type Names = NDArray[np.uint8]
type Json = dict[str, Any]

SUBTREE_LEVELS = 5
"""Levels of a subtree file: 341 tiles at most, of which an edit changes a handful."""
TILE_CLASS, CONTENT_CLASS = "_tile", "_content"
"""Names of metadata classes: they begin as no FeatureType does."""
REGION_ID, ERROR_ID, NAME_ID = "bounding_region", "geometric_error", "name"
CHILDREN = "subtrees"
"""Member of ``extras``: the names of the child subtrees, in Morton order."""
NAME_BYTES = 16

_HEADER = struct.Struct("<4sIQQ")
_MAGIC = b"subt"


class SubtreeError(TwinError):
    """Tiles do not form a subtree, or bytes are not a subtree file of ours."""

    code = "tile-subtree"


@dataclass(frozen=True, slots=True)
class Subtree:
    """The available tiles of one subtree, n ≥ 1, in any order.

    ``level``, ``x``, ``y`` (n,) int64: coordinates below the subtree's root, level < ``levels``; ``region`` (n, 6) float64: west, south,
    east, north (radians), lowest, highest (metres above the ellipsoid); ``error_m`` (n,); ``content_region`` (n, 6), NaN for a tile
    without content; ``content_name`` (n, 16) uint8, zeros for none; ``children`` (m, 2) int64: x, y of the subtrees that hang below, in
    coordinates of level ``levels``; ``child_name`` (m, 16) uint8.
    """

    levels: int
    level: Integers
    x: Integers
    y: Integers
    region: Numbers
    error_m: Numbers
    content_region: Numbers
    content_name: Names
    children: Integers
    child_name: Names

    @property
    def has_content(self) -> NDArray[np.bool_]:
        """Return which tiles have a content (n,)."""
        return ~np.isnan(self.content_region[:, 0])

    @property
    def index(self) -> Integers:
        """Return the places of the tiles in the availability bitstreams (n,): by level, then in Morton order."""
        return (4**self.level - 1) // 3 + morton(self.x, self.y)

    def ordered(self) -> Subtree:
        """Return the same tiles in the order of the file."""
        return self.of(np.argsort(self.index), np.argsort(morton(self.children[:, 0], self.children[:, 1])))

    def of(self, tiles: NDArray[Any], children: NDArray[Any]) -> Subtree:
        """Return some of the tiles and of the subtrees below, by places or by a mask."""
        t, c = tiles, children
        columns = (self.level[t], self.x[t], self.y[t], self.region[t], self.error_m[t], self.content_region[t], self.content_name[t])
        return Subtree(self.levels, *columns, self.children[c], self.child_name[c])


@kernel
def morton(x: Integers, y: Integers) -> Integers:
    """Return the Z-order codes of ``x``, ``y`` (n,), below 2^31: bits of x at even places, of y at odd ones."""
    code = np.zeros(len(x), np.int64)
    for i in range(len(x)):
        for bit in range(31):
            code[i] |= ((x[i] >> bit) & 1) << (2 * bit) | ((y[i] >> bit) & 1) << (2 * bit + 1)
    return code


@kernel
def unmorton(code: Integers) -> tuple[Integers, Integers]:
    """Return the x and y of Z-order codes (n,)."""
    x, y = np.zeros(len(code), np.int64), np.zeros(len(code), np.int64)
    for i in range(len(code)):
        for bit in range(31):
            x[i] |= ((code[i] >> (2 * bit)) & 1) << bit
            y[i] |= ((code[i] >> (2 * bit + 1)) & 1) << bit
    return x, y


def joined(parts: Sequence[Subtree]) -> Subtree:
    """Return the tiles of all ``parts`` of one subtree, which have no tile in common."""
    columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Subtree)[1:]]
    return Subtree(parts[0].levels, *columns)


def write_subtree(subtree: Subtree) -> bytes:
    """Return the subtree file of ``subtree``: the same bytes for the same tiles in any order; SubtreeError when a parent is missing."""
    tiles = subtree.ordered()
    _require_parents(tiles)
    binary = _Binary()
    bits, below = (4**tiles.levels - 1) // 3, 4**tiles.levels
    contents = tiles.index[tiles.has_content]
    document: Json = {
        "tileAvailability": binary.availability(tiles.index, bits),
        "contentAvailability": [binary.availability(contents, bits)],
        "childSubtreeAvailability": binary.availability(morton(tiles.children[:, 0], tiles.children[:, 1]), below),
    }
    columns = {REGION_ID: {"values": binary.numbers(tiles.region)}, ERROR_ID: {"values": binary.numbers(tiles.error_m)}}
    tables: list[Json] = [{"class": TILE_CLASS, "count": len(tiles.level), "properties": columns}]
    document["tileMetadata"] = 0
    if len(contents):
        regions, names = tiles.content_region[tiles.has_content], tiles.content_name[tiles.has_content]
        columns = {REGION_ID: {"values": binary.numbers(regions)}, NAME_ID: {"values": binary.append(names.tobytes())}}
        tables.append({"class": CONTENT_CLASS, "count": len(contents), "properties": columns})
        document["contentMetadata"] = [1]
    if len(tiles.children):
        document["extras"] = {CHILDREN: [name.tobytes().hex() for name in tiles.child_name]}
    document = {"buffers": [{"byteLength": len(binary.data)}], "bufferViews": binary.views, "propertyTables": tables, **document}
    text = orjson.dumps(document)
    text += b" " * (-len(text) % 8)
    return _HEADER.pack(_MAGIC, 1, len(text), len(binary.data)) + text + bytes(binary.data)


class _Binary:
    """The binary chunk as it grows; every view begins and ends on 8 bytes of it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[Json] = []
        self._bitstreams: dict[bytes, int] = {}

    def numbers(self, content: Numbers) -> int:
        """Append numbers; return their view."""
        return self.append(np.ascontiguousarray(content, "<f8").tobytes())

    def availability(self, available: Integers, count: int) -> Json:
        """Return the availability object of ``available`` places among ``count``; equal bitstreams are stored once."""
        if len(available) in (0, count):
            return {"constant": int(len(available) > 0)}
        bits = np.zeros(count, np.bool_)
        bits[available] = True
        stream = np.packbits(bits, bitorder="little").tobytes()
        if stream not in self._bitstreams:
            self._bitstreams[stream] = self.append(stream)
        return {"bitstream": self._bitstreams[stream], "availableCount": len(available)}

    def append(self, content: bytes) -> int:
        """Append ``content``; return its view."""
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)})
        self.data += content + bytes(-len(content) % 8)
        return len(self.views) - 1


def _require_parents(tiles: Subtree) -> None:
    """Raise unless the tiles are one tree from the root and every child subtree hangs below a tile."""
    places = set(zip(tiles.level.tolist(), tiles.x.tolist(), tiles.y.tolist(), strict=True))
    if len(places) != len(tiles.level) or (0, 0, 0) not in places or int(tiles.level.max()) >= tiles.levels:
        raise SubtreeError("a subtree has its root, every tile once and none below its levels")
    orphans = [p for p in places if p[0] > 0 and (p[0] - 1, p[1] >> 1, p[2] >> 1) not in places]
    orphans += [(tiles.levels, x, y) for x, y in tiles.children.tolist() if (tiles.levels - 1, x >> 1, y >> 1) not in places]
    if orphans:
        raise SubtreeError(f"tile {min(orphans)} of a subtree has no parent")


def read_subtree(content: bytes, levels: int = SUBTREE_LEVELS) -> Subtree:
    """Return what ``write_subtree`` wrote, in the order of the file; SubtreeError for other bytes. Foreign files: tiles.checker."""
    try:
        magic, version, json_length, binary_length = _HEADER.unpack_from(content)
        if magic != _MAGIC or version != 1 or len(content) != _HEADER.size + json_length + binary_length:
            raise SubtreeError("no subtree file")
        return _read(orjson.loads(content[_HEADER.size : _HEADER.size + json_length]), content[_HEADER.size + json_length :], levels)
    except (struct.error, orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise SubtreeError(f"no subtree file ({type(error).__name__}: {error})") from error


def _read(document: Json, binary: bytes, levels: int) -> Subtree:
    def stored(view: int, kind: str) -> NDArray[Any]:
        found, dtype = document["bufferViews"][view], np.dtype(kind)
        return np.frombuffer(binary, dtype, found["byteLength"] // dtype.itemsize, found["byteOffset"]).astype(dtype.newbyteorder("="))

    def places(availability: Json, count: int) -> Integers:
        if "constant" in availability:
            return np.arange(count if availability["constant"] else 0, dtype=np.int64)
        return np.flatnonzero(np.unpackbits(stored(availability["bitstream"], "u1"), bitorder="little", count=count)).astype(np.int64)

    bits = (4**levels - 1) // 3
    index = places(document["tileAvailability"], bits)
    first = (4 ** np.arange(levels + 1) - 1) // 3
    level = np.searchsorted(first, index, side="right") - 1
    x, y = unmorton(index - first[level])
    tables = [table["properties"] for table in document["propertyTables"]]
    region, error = stored(tables[0][REGION_ID]["values"], "<f8").reshape(-1, 6), stored(tables[0][ERROR_ID]["values"], "<f8")
    content_region, content_name = np.full((len(index), 6), np.nan), np.zeros((len(index), NAME_BYTES), np.uint8)
    if "contentMetadata" in document:
        contents = np.isin(index, places(document["contentAvailability"][0], bits))
        content_region[contents] = stored(tables[1][REGION_ID]["values"], "<f8").reshape(-1, 6)
        content_name[contents] = stored(tables[1][NAME_ID]["values"], "u1").reshape(-1, NAME_BYTES)
    below = np.column_stack(unmorton(places(document["childSubtreeAvailability"], 4**levels)))
    names = names_of(document.get("extras", {}).get(CHILDREN, []))
    return Subtree(levels, level, x, y, region, error, content_region, content_name, below, names)


def names_of(names: Sequence[str]) -> Names:
    """Return hexadecimal names as rows of bytes (n, 16)."""
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, NAME_BYTES)
