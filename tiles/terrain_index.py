"""What a revision's terrain consists of: for each tile what it was made from and the hash of its bytes, as one small file.

Tiles are made from sheets. One whose sheets are those of an earlier revision has the bytes of then, and is not made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_RECORD = np.dtype([("code", "<u8"), ("near", "S16"), ("around", "S16"), ("hash", "S16"), ("size", "<u4"), ("carried", "?")])
_MAGIC = b"TWTI\x01"
_NAME_BYTES = 16
_LEVEL_BITS, _AXIS_BITS = 58, 29


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a tile is made from, as digests of 16 bytes."""

    near: bytes
    """The sheets that have a say where a vertex of the tile, or one beside it, has a height."""
    around: bytes
    """The sheets that have a say where none has: those within the way over which heights fade."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tile."""

    level: int
    x: int
    y: int
    made_from: MadeFrom
    hash: bytes
    size: int
    carried: bool
    """True when some vertex has no height of its own, so that the sheets around matter."""


class TerrainIndex:
    """The tiles of one terrain by place; ``made_by`` names the way they were made: other ways give other bytes of the same sheets."""

    def __init__(self, made_by: bytes, entries: Iterable[Entry] = ()) -> None:
        self.made_by = made_by
        self._entries = {_code(e.level, e.x, e.y): e for e in entries}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def add(self, entry: Entry) -> None:
        """Add a tile, in place of the one that was there."""
        self._entries[_code(entry.level, entry.x, entry.y)] = entry

    def add_all(self, other: TerrainIndex) -> None:
        """Add the tiles of another index that were made in the same way; the others are of no use."""
        if other.made_by == self.made_by:
            self._entries |= other._entries

    def same(self, level: int, x: int, y: int, made_from: MadeFrom) -> Entry | None:
        """Return the tile if it was made from the same."""
        held = self._entries.get(_code(level, x, y))
        if held is None or held.made_from.near != made_from.near or (held.carried and held.made_from.around != made_from.around):
            return None
        return held

    def hash_of(self, level: int, x: int, y: int) -> str | None:
        """Return the hash of a tile in hexadecimal, None where there is none."""
        held = self._entries.get(_code(level, x, y))
        return None if held is None else held.hash.hex()

    def hashes(self) -> set[str]:
        """Return the hashes of all tiles."""
        return {entry.hash.hex() for entry in self._entries.values()}

    def bytes_of_tiles(self) -> int:
        """Return how many bytes the tiles have together."""
        return sum(entry.size for entry in self._entries.values())

    def to_bytes(self) -> bytes:
        """Return the index as a file: a mark, ``made_by`` and one record a tile."""
        rows = [(c, e.made_from.near, e.made_from.around, e.hash, e.size, e.carried) for c, e in sorted(self._entries.items())]
        return _MAGIC + self.made_by + np.array(rows, _RECORD).tobytes()


def read_index(content: bytes) -> TerrainIndex:
    """Return the index that ``to_bytes`` wrote; ValueError when it is none."""
    start = len(_MAGIC) + _NAME_BYTES
    if content[: len(_MAGIC)] != _MAGIC or (len(content) - start) % _RECORD.itemsize:
        raise ValueError("no index of a terrain")
    records: npt.NDArray[np.void] = np.frombuffer(content, _RECORD, offset=start)
    entries = (
        Entry(*_place(code), MadeFrom(near.ljust(16, b"\0"), around.ljust(16, b"\0")), name.ljust(16, b"\0"), size, carried)
        for code, near, around, name, size, carried in records.tolist()
    )
    return TerrainIndex(content[len(_MAGIC) : start], entries)


def _code(level: int, x: int, y: int) -> int:
    return level << _LEVEL_BITS | y << _AXIS_BITS | x


def _place(code: int) -> tuple[int, int, int]:
    low = (1 << _AXIS_BITS) - 1
    return code >> _LEVEL_BITS, code & low, (code >> _AXIS_BITS) & low
