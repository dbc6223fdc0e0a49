"""Which way is up in an OBJ, which does not say: z, as surveyors have it, or y, as programs of modelling do.

A surface that stands open below, as photography gives and most models are, has more area facing up than down: that tells its up axis. A
closed body has as much of either, and tells nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ingest.refusals import rejected
from twin.placed_mesh import PlacedMesh

_FACES_MOSTLY = 0.2
"""So much of all area, facing one way more than the other, tells a way …"""
_MORE_THAN = 2.0
"""… where it is so much more than along the other axis."""


def turned_up(mesh: PlacedMesh) -> PlacedMesh:
    """Return a mesh whose y points upwards with z upwards: x, y, z becomes x, −z, y."""
    return replace(mesh, parts=tuple(replace(p, positions=_turned(p.positions), normals=_normals(p.normals)) for p in mesh.parts))


def ask_where_y_is_up(mesh: PlacedMesh) -> None:
    """Raise RejectedError ``model-up-doubtful`` for a mesh, not turned, whose surfaces face along y and not along z."""
    total, facing = 0.0, np.zeros(3)
    for part in mesh.parts:
        a, b, c = (part.positions[part.triangles[:, corner]] for corner in range(3))
        normals = np.cross(b - a, c - a) / 2
        total += float(np.linalg.norm(normals, axis=1).sum())
        facing += normals.sum(axis=0)
    if not np.isfinite(total) or total <= 0:
        return
    _, y, z = facing / total
    if y > _FACES_MOSTLY and y > _MORE_THAN * abs(z):
        raise rejected(
            "model-up-doubtful",
            f"The surfaces of the model face along y ({y:.0%} of their area), not along z ({z:.0%}): declare which axis points upwards, "
            "up y or up z.",
            f"模型表面主要朝向 y 轴（占面积 {y:.0%}），而非 z 轴（{z:.0%}）：请声明向上的轴（up: y 或 up: z）。",
        )


def _turned(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.column_stack([points[:, 0], -points[:, 2], points[:, 1]])


def _normals(normals: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32] | None:
    return None if normals is None else _turned(normals.astype(np.float64)).astype(np.float32)
