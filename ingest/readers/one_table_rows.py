"""Rows of a table that holds a whole survey: of which point each is, and to which its line leads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import batched

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.readers.sheets import Sheet, cells_array
from ingest.readers.survey_points import names_column, numbers

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
_NOTHING = r"^(?:[\s_\-:：.·/\\*—－~]*|无)$"
"""What stands for no point in a column of connections."""
NONE = -1
_BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Connected:
    """The rows of a table, by position."""

    names: pa.StringArray
    """Number of each row's point: its own, else that of the rows above that it continues."""
    ends: pa.StringArray
    """Number of the point that its line leads to; null for none."""
    start: Codes
    """The number of a row's point, `NONE` for none."""
    end: Codes
    count: int
    """How many different numbers there are."""
    continues: Mask
    """Has no number and no coordinates: a further line of the point above."""
    continued: Rows
    """The row above with the number, of one that continues it; `NONE` of any other."""
    is_placed: Mask
    """Has something in both columns of coordinates."""

    @property
    def has_end(self) -> Mask:
        """Whether a row is a line."""
        there: Mask = self.ends.is_valid().to_numpy(zero_copy_only=False)
        return there


def connected(sheet: Sheet, number: str, end: str, axes: tuple[str, str]) -> Connected:
    """Return of which point each row of a table is, and where its line leads."""
    columns = columns_of(sheet, (number, end, *axes))
    own, ends = _names(columns[number]), _names(columns[end])
    axis_filled = [filled(columns[axis]) for axis in axes]
    del columns
    named = filled(own)
    latest = np.maximum.accumulate(np.where(named, np.arange(len(own)), NONE)) if len(own) else np.empty(0, np.int64)
    continues = ~named & ~(axis_filled[0] | axis_filled[1]) & filled(ends) & (latest >= 0)
    of = np.where(named, np.arange(len(own)), np.where(continues, latest, NONE))
    continued = np.where(continues, latest, NONE)
    names = own.take(pa.array(of, mask=of < 0))
    codes = pa.concat_arrays([names, ends]).dictionary_encode()
    both = pc.fill_null(codes.indices, NONE).to_numpy(zero_copy_only=False).astype(np.int32)
    start, to = both[: len(own)], both[len(own) :]
    return Connected(names, ends, start, to, len(codes.dictionary), continues, continued, axis_filled[0] & axis_filled[1])


def columns_of(sheet: Sheet, names: Collection[str]) -> dict[str, pa.Array]:
    """Return several columns of all rows as `Sheet.column` does, the rows being unpacked once for all of them."""
    places = {name: sheet.columns.index(name) for name in names}
    blocks: dict[str, list[pa.Array]] = {name: [] for name in names}
    for rows in batched(sheet.rows, _BLOCK) if names else ():
        for name, place in places.items():
            blocks[name].append(cells_array([row[place] if place < len(row) else None for row in rows]))
    return {name: sheet.column(name) if (whole := _joined(some)) is None else whole for name, some in blocks.items()}


def _joined(blocks: Sequence[pa.Array]) -> pa.Array | None:
    """Return blocks of a column as one, None where they are of types of which none holds all."""
    types = {block.type for block in blocks} - {pa.null()} or {pa.null()}
    if types == {pa.int64(), pa.float64()}:
        types = {pa.float64()}
    return pa.concat_arrays([block.cast(*types) for block in blocks]) if blocks and len(types) == 1 else None


def filled(array: pa.Array) -> Mask:
    """Return which cells hold anything."""
    there: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return there


def are_same(one: pa.Array, other: pa.Array) -> Mask:
    """Return which cells of two columns say the same, as they stand or as numbers; what is empty gainsays nothing."""
    if pa.types.is_null(one.type):
        return np.ones(len(one), np.bool_)
    same: Mask = pc.fill_null(pc.equal(one, other), fill_value=True).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(~same)
    if len(odd):
        same = same.copy()
        same[odd] = numbers(one.take(pa.array(odd))) == numbers(other.take(pa.array(odd)))
    return same


def _names(column: pa.Array) -> pa.StringArray:
    """Return the names in a column, null for what is none."""
    names = names_column(column)
    nothing = pc.fill_null(pc.match_substring_regex(names, _NOTHING), fill_value=True)
    return pc.if_else(nothing, pa.scalar(None, pa.string()), names)
