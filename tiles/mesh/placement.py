"""Models put in places: a run of features as few shapes shown many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.mesh.batch import MeshBatch


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A mesh about the origin, metres; ``shade`` (v,) uint8 by which the colour of a feature is darkened, 255 (and None) not at all.

    One model is one object, equal to itself alone: what is stored of it is worked out once.
    """

    mesh: MeshBatch
    shade: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A ``model`` in n places.

    ``place_m`` (n, 3) E, N, H of its origin; ``turn_rad`` (n,) by which its x axis is turned from grid east to north; ``scale`` (n, 3)
    along its axes; ``feature`` (n,) index in the run, rising.
    """

    model: Model
    place_m: NDArray[np.float64]
    turn_rad: NDArray[np.float64]
    scale: NDArray[np.float64]
    feature: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.feature)

    @property
    def chord_error_m(self) -> float:
        """Return how far a facet may lie inside the surface it stands for."""
        return float(self.model.mesh.chord_error_m * self.scale[:, :2].max(initial=0.0))


def as_mesh(placements: Sequence[Placement], left_out: NDArray[np.uint8]) -> MeshBatch:
    """Return the triangles of all ``placements``, feature by feature."""
    positions, normals, triangles, feature = [np.empty((0, 3))], [np.empty((0, 3))], [np.empty((0, 3), np.int64)], [np.empty(0, np.int64)]
    count = 0
    for one in (p for p in placements if len(p)):
        model = one.model.mesh
        positions.append((one.place_m[:, None] + _turned(one, model.positions * one.scale[:, None])).reshape(-1, 3))
        across = _turned(one, model.normals / one.scale[:, None])
        normals.append((across / np.linalg.norm(across, axis=2, keepdims=True)).reshape(-1, 3))
        begin = count + len(model.positions) * np.arange(len(one))
        triangles.append((model.triangles[None] + begin[:, None, None]).reshape(-1, 3))
        feature.append(np.repeat(one.feature, len(model.positions)))
        count += len(model.positions) * len(one)
    owner, corners = np.concatenate(feature), np.concatenate(triangles)
    order = np.argsort(owner, kind="stable")
    place = np.empty(len(order), np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    corners = corners[np.argsort(owner[corners[:, 0]], kind="stable")]
    return MeshBatch(
        np.concatenate(positions)[order],
        np.concatenate(normals)[order].astype(np.float32),
        place[corners],
        owner[order].astype(np.uint32),
        left_out,
        max((p.chord_error_m for p in placements), default=0.0),
    )


def _turned(placement: Placement, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``vectors`` (n, v, 3) turned as the model is in each of its n places."""
    c, s = np.cos(placement.turn_rad)[:, None], np.sin(placement.turn_rad)[:, None]
    x, y, z = np.moveaxis(vectors, 2, 0)
    return np.stack([c * x - s * y, s * x + c * y, z], axis=2)
