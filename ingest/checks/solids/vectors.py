"""Products of arrays of 3D vectors, written out: numpy's general ones cost more than the arithmetic on short arrays."""

from __future__ import annotations

import numpy as np

from ingest.checks.solids.fault import Floats


def cross(a: Floats, b: Floats) -> Floats:
    """Return the vector products along the last axis; shapes as numpy broadcasts them."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    x = ay * bz - az * by
    result = np.empty((*x.shape, 3))
    result[..., 0] = x
    result[..., 1] = az * bx - ax * bz
    result[..., 2] = ax * by - ay * bx
    return result


def dot(a: Floats, b: Floats) -> Floats:
    """Return the scalar products along the last axis."""
    result: Floats = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return result


def length(a: Floats) -> Floats:
    """Return the lengths along the last axis."""
    return np.sqrt(dot(a, a))


def unit(a: Floats) -> Floats:
    """Return the vectors with length 1; one without length stays so."""
    size = length(a)
    return a / np.where(size > 0, size, 1)[..., None]
