"""Vertices that lie within a tolerance of each other become one."""

from __future__ import annotations

import numpy as np
import shapely

from ingest.checks.solids.fault import CONTACT_M, Floats, Ints


def welded(points: Floats, snap_m: float) -> Ints:
    """Return (n,) the first of (n, 3) points that each is merged with; points nearer than ``snap_m``, in chains too, are one."""
    place = np.arange(len(points))
    flat = shapely.points(points[:, :2])
    left, right = shapely.STRtree(flat).query(flat, predicate="dwithin", distance=snap_m + CONTACT_M)
    near = (left < right) & (((points[left] - points[right]) ** 2).sum(axis=1) < (snap_m + CONTACT_M) ** 2)
    for one, other in zip(left[near].tolist(), right[near].tolist(), strict=True):
        least, most = sorted((int(place[one]), int(place[other])))
        place[place == most] = least
    return place
