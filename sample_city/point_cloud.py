"""A laser scan of a scene: points on ground, trees and roofs, coloured by the image of the same day."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_city.aerial_scene import PIXEL_M, Cover, Scene, plane_m
from sample_city.relief import Relief
from sample_city.seeding import rng_at

GROUND, HIGH_VEGETATION, BUILDING = 2, 5, 6
"""Classes of the ASPRS LAS specification 1.4-R15, table 17."""
_SUBJECT_SCAN = 105
_WINDOW_TO_SIDE = 3
_POINTS_A_M2 = 3.6
_NOISE_M = 0.02
_THROUGH_CROWNS = 0.25


@dataclass(frozen=True, slots=True)
class PointCloud:
    """``places`` is (n, 3) easting, northing and 1985 height in metres, ``classes`` (n,), ``colours`` (n, 3) of 8 bits."""

    places: NDArray[np.float64]
    classes: NDArray[np.uint8]
    colours: NDArray[np.uint8]

    def counts(self) -> dict[int, int]:
        """Return the number of points of every class."""
        return dict(sorted(Counter(self.classes.tolist()).items()))


def scan(scene: Scene, image: NDArray[np.uint8], relief: Relief) -> PointCloud:
    """Return the points over the middle ninth of a scene: some pass through the crowns of trees, none returns from water."""
    rng = rng_at(relief.seed, _SUBJECT_SCAN)
    window = scene.window
    side = window.size * PIXEL_M / _WINDOW_TO_SIDE
    first = (window.size * PIXEL_M - side) / 2
    east, south = rng.uniform(first, first + side, (2, round(side * side * _POINTS_A_M2)))
    row, column = (south / PIXEL_M).astype(int), (east / PIXEL_M).astype(int)
    returned = scene.cover[row, column] != Cover.WATER
    east, south, row, column = east[returned], south[returned], row[returned], column[returned]
    e, n = np.round(window.west + east, 3), np.round(window.north - south, 3)
    height = relief.ground_m(e, n)
    classes = np.full(len(e), GROUND, dtype=np.uint8)
    in_crown = (scene.cover[row, column] == Cover.TREE) & (rng.random(len(e)) >= _THROUGH_CROWNS)
    height[in_crown] = scene.height_m[row, column][in_crown] - rng.uniform(0.0, 0.8, int(in_crown.sum()))
    classes[in_crown] = HIGH_VEGETATION
    roof = scene.roof[row, column]
    on_roof = roof > 0
    planes = np.array([face.plane for face in scene.roofs]).reshape(-1, 3)[roof[on_roof] - 1]
    height[on_roof] = plane_m(planes, east[on_roof], south[on_roof])
    classes[on_roof] = BUILDING
    height += rng.normal(0.0, _NOISE_M, len(e))
    return PointCloud(np.column_stack([e, n, np.round(height, 3)]), classes, image[:, row, column].T)
