"""Where fire hydrants stand: along every street, no two neighbours more than 120 m apart (GB 50974-2014, 7.2.5, from memory)."""

from __future__ import annotations

import math

_LONGEST_SHARE_M = 104.0
"""What one hydrant covers of a street, so that the turn at a junction still keeps neighbours within 120 m."""


def hydrant_shares(length_m: float) -> list[float]:
    """Return where hydrants stand on a street of a length, as shares of it: in the middle of equal parts."""
    count = max(1, math.ceil(length_m / _LONGEST_SHARE_M))
    return [(k + 0.5) / count for k in range(count)]
