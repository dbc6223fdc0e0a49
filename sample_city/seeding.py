"""Random numbers that depend on the seed and on a place, never on the order in which places are visited."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def rng_at(seed: int, subject: int, *place: int) -> np.random.Generator:
    """Return the generator of one subject at one place; equal arguments give equal draws."""
    return np.random.default_rng([seed & 0xFFFFFFFF, subject, *(p & 0xFFFFFFFF for p in place)])


def hash_unit(seed: int, subject: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return one number in [0, 1) for every pair (a, b), by the SplitMix64 finaliser (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        state = _mix(np.uint64(seed & 0xFFFFFFFFFFFFFFFF) + np.uint64(subject) * _GOLDEN)
        state = _mix(state ^ _mix(a.astype(np.uint64) + _GOLDEN))
        state = _mix(state + _mix(b.astype(np.uint64) ^ _GOLDEN))
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _mix(value: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    mixed = np.atleast_1d(np.asarray(value, dtype=np.uint64))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return mixed ^ (mixed >> np.uint64(31))
