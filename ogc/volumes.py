"""The volumes that built 3D forms fill: `ogc` is handed who knows them by the composition root."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Volume:
    """A region: degrees, and metres above the ellipsoid; of which revision it is, and what was built from that."""

    west: float
    south: float
    east: float
    north: float
    low_m: float
    high_m: float
    revision: int
    kind: Literal["tileset", "terrain"]

    @property
    def bbox(self) -> list[float]:
        """The six numbers of an extent in CRS84h."""
        return [self.west, self.south, self.low_m, self.east, self.north, self.high_m]

    @property
    def region_rad(self) -> list[float]:
        """The six numbers of a bounding region (3D Tiles 1.1, 7.3.2.2)."""
        return [*map(math.radians, (self.west, self.south, self.east, self.north)), self.low_m, self.high_m]


class Volumes(Protocol):
    """Knows the volumes of what is built."""

    def current(self) -> Mapping[str, Volume]:
        """Return, by collection, the volumes of the current revisions whose tileset or terrain is ready; may block for a second."""


def union(volumes: list[Volume]) -> list[float] | None:
    """Return the six numbers of the extent around volumes, None around none."""
    if not volumes:
        return None
    low = [min(v.bbox[axis] for v in volumes) for axis in range(3)]
    high = [max(v.bbox[axis] for v in volumes) for axis in range(3, 6)]
    return low + high
