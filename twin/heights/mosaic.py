"""Which elevation sheets go before which: one order for ground heights, derived values and terrain tiles (decision 48)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

NOT_YET = 2**62
"""In place of the commit of a sheet that is being published: it is the newest."""
_CLASSES_AN_OCTAVE = 4
"""Resolutions less than about a fifth apart count as equal: of two surveys of one scale the newer one goes first."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One raster of an elevation model, as its row describes it."""

    sha256: str
    priority: int
    resolution_m: float
    commit: int
    """The first commit that published it, or `NOT_YET`."""
    dataset: int
    name: str


def in_order(sheets: Iterable[Sheet]) -> list[str]:
    """Return the hashes of ``sheets``, each once, the one that gives the height where several have one first.

    Higher priority goes before lower, then finer resolution, then what was published later; dataset and name decide what is left.
    """
    return list(dict.fromkeys(sheet.sha256 for sheet in sorted(sheets, key=_rank)))


def _rank(sheet: Sheet) -> tuple[int, int, int, int, str]:
    fineness = round(_CLASSES_AN_OCTAVE * math.log2(max(sheet.resolution_m, 1e-3)))
    return -sheet.priority, fineness, -sheet.commit, sheet.dataset, sheet.name
