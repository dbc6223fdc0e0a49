"""Bodies over a ring of the plane, as levels of detail 1.2 and 1.3 have them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from twin.representation import Faces

Points = npt.NDArray[np.float64]


def prism(ring: Points, low: float, high: float, *, turn: int = 0, order: int = 0) -> Faces:
    """Return the body over a ring of the plane, seen from outside; ``turn`` moves where faces begin, ``order`` which comes first."""
    count, u32 = len(ring), np.uint32
    points = np.concatenate([np.column_stack([ring, np.full(count, z)]) for z in (low, high)])
    after = (np.arange(count) + 1) % count
    walls = np.column_stack([np.arange(count), after, count + after, count + np.arange(count)])
    faces = [np.arange(count)[::-1], *walls, count + np.arange(count)]
    faces = [np.roll(face, turn + k) for k, face in enumerate(faces[order:] + faces[:order])]
    ends = np.cumsum([len(f) for f in faces]).astype(u32), np.arange(1, count + 3, dtype=u32)
    types = np.zeros(count + 2, np.uint8), np.zeros(count + 2, np.uint16)
    return Faces(points, np.concatenate(faces).astype(u32), *ends, *types, np.array([count + 2], u32), np.array([1], u32))


def steps(count: int, angle: float = 0.4) -> Points:
    """Return a stair of blocks askew: walls in one line, upright on others, and each again where the next one ends."""
    x = np.arange(count, dtype=np.float64)
    up = np.column_stack([np.repeat(x, 2)[1:], np.repeat(x, 2)[:-1]])
    ring = np.concatenate([up, [(x[-1] + 1, x[-1]), (x[-1] + 1, -2.0), (x[-1] / 2, -2.0), (0.0, -2.0)]])[::-1]
    turned: Points = ring @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turned
