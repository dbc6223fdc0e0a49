"""The shortest decimal that reads back as a double, in compiled code: what PostgreSQL and PostGIS write, without asking them.

Schubfach (R. Giulietti, The Schubfach way to render doubles, 2020): one multiplication by a power of ten of 126 bits for each end of the
interval that rounds to the number, and no loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from twin.kernel import high_product, kernel

_LEAST_POWER, _MOST_POWER = -292, 324
_SIGNIFICAND_BITS = np.uint64(52)
_SIGNIFICAND = np.uint64((1 << 52) - 1)
_HIDDEN = np.uint64(1 << 52)
_EXPONENT = np.uint64(0x7FF)
_BIAS = 1075
_ZERO, _ONE, _TWO, _FOUR, _TEN = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(10)


def _powers_of_ten() -> npt.NDArray[np.uint64]:
    """Return the 128 leading bits of 10^k, rounded up, as (high, low): row 0 is the least k."""
    rows = []
    for k in range(_LEAST_POWER, _MOST_POWER + 1):
        shift = 127 - (k * 1741647 >> 19)  # of the binary logarithm of 10^k, rounded down
        above = 10 ** max(k, 0) << max(shift, 0)
        below = 10 ** max(-k, 0) << max(-shift, 0)
        rows.append(divmod(-(-above // below), 1 << 64))
    return np.array(rows, dtype=np.uint64)


_POWERS = _powers_of_ten()
INNER, WHOLE = False, True
"""Of the interval that rounds to a double: without its ends, or with them where rounding to even leads back."""


@kernel
def shortest_decimal(bits: np.uint64, with_ends: bool) -> tuple[np.uint64, int]:
    """Return (d, e) of the shortest d · 10^e that rounds to the positive finite double ``bits``, the nearest to it of those; 0 is (0, 0).

    ``with_ends`` is INNER, as PostgreSQL writes numbers, or WHOLE, as PostGIS does. d ends in no zero.
    """
    fraction = bits & _SIGNIFICAND
    exponent: Any = np.int64((bits >> _SIGNIFICAND_BITS) & _EXPONENT)
    if exponent == 0 and fraction == _ZERO:
        return _ZERO, 0
    c, q = (fraction | _HIDDEN, exponent - _BIAS) if exponent else (fraction, exponent + 1 - _BIAS)
    if -53 < q <= 0 and c & ((_ONE << np.uint64(-q)) - _ONE) == _ZERO:
        return _without_zeros(c >> np.uint64(-q), 0)
    is_power = fraction == _ZERO and exponent > 1  # the double below is nearer than that above
    k = (q * 1262611 - (524031 if is_power else 0)) >> 22
    power = -k - _LEAST_POWER
    h = np.uint64(q + (-k * 1741647 >> 19) + 1)
    inward = _ZERO if with_ends and c & _ONE == _ZERO else _ONE
    lower = _scaled(power, (c * _FOUR - (_ONE if is_power else _TWO)) << h) + inward
    middle = _scaled(power, c * _FOUR << h)
    upper = _scaled(power, (c * _FOUR + _TWO) << h) - inward
    s = middle // _FOUR
    if s >= _TEN:
        tens = s // _TEN
        down, up = lower <= tens * _FOUR * _TEN, (tens + _ONE) * _FOUR * _TEN <= upper
        if down != up:
            return _without_zeros(tens + _ONE if up else tens, k + 1)
    down, up = lower <= s * _FOUR, (s + _ONE) * _FOUR <= upper
    if down != up:
        return _without_zeros(s + _ONE if up else s, k)
    half = s * _FOUR + _TWO
    is_above = middle > half or (middle == half and s & _ONE == _ONE)
    return _without_zeros(s + _ONE if is_above else s, k)


@kernel
def _without_zeros(digits: np.uint64, exponent: int) -> tuple[np.uint64, int]:
    while digits % _TEN == _ZERO:
        digits //= _TEN
        exponent += 1
    return digits, exponent


@kernel
def _scaled(power: int, number: np.uint64) -> np.uint64:
    """Return the product of a number and a power of ten, in quarters, its last bit set where anything is left of it (rounded to odd)."""
    carried = high_product(_POWERS[power, 1], number)
    high = high_product(_POWERS[power, 0], number)
    low = _POWERS[power, 0] * number + carried
    high += _ONE if low < carried else _ZERO
    return high | (_ONE if low > _ONE else _ZERO)
