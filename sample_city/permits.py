"""Who got a planning permit: one 建设工程规划许可证 covers what one block was built with, in whichever years it was finished.

The building survey carries the number in 规划许可证号, the construction projects list it too: both follow ``permit_of``.
"""

from __future__ import annotations

FIRST_YEAR = 2015
"""Buildings finished before this year stand in no register of permits."""
YEARS_FROM_PERMIT_TO_COMPLETION = 2


def planning_permit_no(block_rank: int, first_built: int) -> str:
    """Return the permit of the project on block number ``block_rank`` of the town whose first building was finished in ``first_built``."""
    return f"建字第3204{first_built - YEARS_FROM_PERMIT_TO_COMPLETION}{block_rank:06d}号"


def permit_of(block_rank: int, first_built: int, year_built: int) -> str | None:
    """Return the permit number of a building of that block, None for one older than the register."""
    return planning_permit_no(block_rank, first_built) if year_built >= FIRST_YEAR else None


def permit_year(permit_no: str) -> int:
    """Return the year in which a permit was given."""
    return int(permit_no.removeprefix("建字第3204")[:4])
