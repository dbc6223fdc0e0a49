"""What colour a point has: that of the scan, else that of its class, else that of its height."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.placed_points import Points, PointsHead

_UNKNOWN = (158, 158, 158)
_KINDS = {
    2: (150, 118, 84),
    3: (168, 204, 120),
    4: (104, 168, 84),
    5: (48, 122, 56),
    6: (214, 126, 92),
    7: (224, 64, 160),
    9: (72, 132, 200),
    10: (110, 100, 128),
    11: (96, 96, 104),
    13: (220, 190, 70),
    14: (240, 210, 80),
    15: (190, 150, 40),
    17: (180, 170, 160),
    18: (224, 64, 160),
}
"""Classes of ASPRS LAS 1.4-R15, table 17: ground, low to high vegetation, building, noise, water, rail, road, wires, tower, bridge."""
_RAMP = np.array([(46, 60, 134), (38, 150, 170), (120, 198, 96), (240, 214, 90), (200, 72, 48)], np.float64)


def colors_of(head: PointsHead, points: Points, lowest_mm: int, highest_mm: int) -> NDArray[np.uint8]:
    """Return sRGB (n, 3); heights are coloured from ``lowest_mm`` to ``highest_mm`` above the origin of the cloud."""
    if head.has_colors:
        return np.ascontiguousarray(points["color"])
    if head.has_kinds:
        table = np.tile(np.array(_UNKNOWN, np.uint8), (256, 1))
        table[list(_KINDS)] = list(_KINDS.values())
        colors: NDArray[np.uint8] = table[points["kind"]]
        return colors
    share = (points["place"][:, 2].astype(np.float64) - lowest_mm) / max(highest_mm - lowest_mm, 1) * (len(_RAMP) - 1)
    return np.column_stack([np.interp(share, np.arange(len(_RAMP)), _RAMP[:, band]) for band in range(3)]).round().astype(np.uint8)
