"""How high the features of a mesh reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.mesh.batch import MeshBatch
from twin.representation import SurfaceType

_ROOF = int(SurfaceType.ROOF)


def height_ranges(mesh: MeshBatch, count: int) -> NDArray[np.float64]:
    """Return the lowest and the highest point of each of ``count`` features and the lowest of its roof (count, 3), metres.

    NaN for a feature without a mesh, and for the roof where none is told apart.
    """
    surface = np.zeros(len(mesh.positions), np.uint8) if mesh.surface is None else mesh.surface
    return _ranges(mesh.positions, mesh.feature, surface, count)


@kernel
def _ranges(positions: NDArray[np.float64], feature: NDArray[np.uint32], surface: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    out = np.full((count, 3), np.nan)
    for i in range(len(positions)):
        f, z = feature[i], positions[i, 2]
        if not z >= out[f, 0]:
            out[f, 0] = z
        if not z <= out[f, 1]:
            out[f, 1] = z
        if surface[i] == _ROOF and not z >= out[f, 2]:
            out[f, 2] = z
    return out
