"""Whether a fraction of JSON is spelled as it would be written again: as the shortest decimal that reads back as the same double."""

from __future__ import annotations

import numpy as np

from twin.kernel import bare_kernel
from twin.shortest_decimal import WHOLE, shortest_decimal

_SURE = 10**15
"""Decimals of as many digits are told apart by doubles (ISO/IEC 9899, DBL_DIG): no shorter number reads back as the same."""
_MOST_DIGITS = 17
"""No double needs more."""
_MOST_DECIMALS = 18
_MOST_NOUGHTS = 3
"""Behind the point before the first other digit: smaller numbers may be written with an exponent."""
_POWERS = 10 ** np.arange(_MOST_DECIMALS + 1)
_NEIGHBOURS = np.array([0, 1, -1])


@bare_kernel
def is_shortest(whole: int, decimals: int, fraction: int) -> bool:
    """Tell whether a number of so many ``decimals``, which are ``fraction``, is certainly written as it is spelled.

    Before its point are at most 15 digits, and behind it no nought is the last but one that is the only.
    """
    if decimals > _MOST_DECIMALS or whole >= _SURE:
        return False
    if whole == 0:
        if decimals > _MOST_NOUGHTS + 1 and fraction < _POWERS[decimals - _MOST_NOUGHTS - 1]:
            return False
        digits = fraction
    elif whole >= _POWERS[max(_MOST_DIGITS - decimals, 0)]:
        return False
    else:
        digits = whole * _POWERS[decimals] + fraction
    if digits < _SURE:
        return True
    quotient = np.float64(digits) / np.float64(_POWERS[decimals])  # digits may have been rounded: then a neighbour is meant
    near = np.float64(quotient).view(np.uint64)
    for k in range(len(_NEIGHBOURS)):
        found, exponent = shortest_decimal(near + np.uint64(_NEIGHBOURS[k]), WHOLE)
        if found == np.uint64(digits) and exponent == -decimals:
            return True
    return False
