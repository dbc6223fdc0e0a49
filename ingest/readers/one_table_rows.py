"""Rows of a table that holds a whole survey: of which point each is, and to which its line leads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.readers.sheets import Sheet
from ingest.readers.survey_points import names_column, numbers

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
_NOTHING = r"^(?:[\s_\-:：.·/\\*—－~]*|无)$"
"""What stands for no point in a column of connections."""
NONE = -1


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
    own, ends = _names(sheet, number), _names(sheet, end)
    axis_filled = [filled(sheet.column(axis)) for axis in axes]
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


def _names(sheet: Sheet, column: str) -> pa.StringArray:
    """Return the names in a column, null for what is none."""
    names = names_column(sheet.column(column))
    nothing = pc.fill_null(pc.match_substring_regex(names, _NOTHING), fill_value=True)
    return pc.if_else(nothing, pa.scalar(None, pa.string()), names)
