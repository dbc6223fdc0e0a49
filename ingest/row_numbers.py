"""A set of row numbers as staged, one bit a row: of ten million rows 1.25 MB, however many of them are in it."""

from __future__ import annotations

from dataclasses import dataclass, field

_FIRST_BYTES = 1024
MOST_ROWS = 1 << 25
"""No file may have more: for numbers beyond, nonsense of a reader, no room is made."""


@dataclass(slots=True)
class RowNumbers:
    """Numbers below ``per_source`` beyond each multiple of it: the rows of each source of a dataset."""

    per_source: int
    _bits: dict[int, bytearray] = field(default_factory=dict)
    _count: int = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def __contains__(self, number: int) -> bool:
        """Return whether a number is there."""
        source, row = divmod(number, self.per_source)
        bits = self._bits.get(source, b"")
        return row >> 3 < len(bits) and bool(bits[row >> 3] & 1 << (row & 7))

    def add(self, number: int) -> None:
        """Take a number; one that is there already makes no difference. ValueError for one beyond `MOST_ROWS` of its source."""
        source, row = divmod(number, self.per_source)
        if row >= MOST_ROWS:
            raise ValueError(f"row {row} of source {source}")
        byte, bit = row >> 3, 1 << (row & 7)
        bits = self._bits.setdefault(source, bytearray(_FIRST_BYTES))
        if byte >= len(bits):
            bits.extend(bytes(max(byte + 1, 2 * len(bits)) - len(bits)))
        if not bits[byte] & bit:
            bits[byte] |= bit
            self._count += 1
