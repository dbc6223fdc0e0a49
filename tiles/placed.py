"""Placements of models in a content's local frame: what EXT_mesh_gpu_instancing says of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiles.instance_nodes import Instances
from tiles.local_frame import Projection
from tiles.mesh.placement import Placement


def instances_of(placements: Sequence[Placement], projection: Projection, row_of: NDArray[np.int64]) -> list[Instances]:
    """Return the instances of ``placements``; ``row_of`` gives the row in the property table of each feature of the run.

    Each stands upright where it is, and turned from the grid's east there: both directions are projected like the place itself.
    """
    return [_instances(one, projection, row_of) for one in placements]


def _instances(one: Placement, projection: Projection, row_of: NDArray[np.int64]) -> Instances:
    ahead = np.column_stack([np.cos(one.turn_rad), np.sin(one.turn_rad), np.zeros(len(one))])
    upright = np.array([0.0, 0.0, 1.0])
    points = np.stack([one.place_m, one.place_m + ahead, one.place_m + upright]).reshape(-1, 3)
    origin, x, z = projection.project(points)[0].reshape(3, -1, 3)
    return Instances(one.model, origin, _rotation(x - origin, z - origin), one.scale, row_of[one.feature])


def _rotation(ahead: NDArray[np.float64], above: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit quaternions (n, 4) that turn x towards ``ahead`` about z, then tilt z to ``above``, which is nearly upright."""
    up = above / np.linalg.norm(above, axis=1, keepdims=True)
    half = np.arctan2(ahead[:, 1], ahead[:, 0]) / 2
    turn, straight = np.sin(half), np.cos(half)
    tilt = np.column_stack([-up[:, 1], up[:, 0], 1 + up[:, 2]])
    a, b, w = (tilt / np.linalg.norm(tilt, axis=1, keepdims=True)).T
    return np.column_stack([a * straight + b * turn, b * straight - a * turn, w * turn, w * straight])
