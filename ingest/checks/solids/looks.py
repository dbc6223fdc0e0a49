"""How much work the exact looks at the solids of one body may be: counted, so that the same file is always told the same."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LOOKS = 20_000_000
"""Of points held against triangles, for one body: some seconds. Solids and shells that no plane parts are held against each other point by
point, so that a hostile body of some hundred kilobytes would take minutes; two of a thousand triangles, interleaved, take 6 million."""
UNFINISHED = 0
"""No code of val3dity: solids and shells were not held against each other to the end."""
A_PAIR = 1_000
"""What asking for a plane between two surfaces counts as, and all that does not grow with their triangles."""


class LooksSpentError(Exception):
    """As much was looked at of a body as may be; what is left is not known."""


@dataclass(slots=True)
class Looks:
    """How many are left for one body."""

    left: int = MOST_LOOKS

    def spend(self, count: int) -> None:
        """Take ``count`` of them before they are made; LooksSpentError where they are not left, now and ever after."""
        self.left -= count
        if self.left < 0:
            raise LooksSpentError
