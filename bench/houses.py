"""Workshops with real roofs as a CityJSONSeq: one solid each under twenty gables, as heavy as a building of 3DBAG at LoD 2.2.

A workshop has 45 faces with 258 corners; the 159 buildings of 3DBAG's Delft sample have 47 with 247 on average.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

GABLES = 20
_PROFILE = 2 * GABLES + 3
FACES, CORNERS = _PROFILE + 2, 6 * _PROFILE
_PITCH_M = 70.0
_ORIGIN = (490_000.0, 3_510_000.0)
_SEED = 20_251_122
_MM = 0.001
_KINDS = ("RoofSurface", "WallSurface", "GroundSurface")
_USES = ("住宅", "商业", "办公", "工业", "教育", "医疗")


def write_houses(count: int, path: Path) -> None:
    """Write ``count`` workshops on a square grid, EPSG:4549 with heights, the same every time."""
    rng = np.random.default_rng(_SEED)
    side = int(np.ceil(np.sqrt(count)))
    transform = {"scale": [_MM] * 3, "translate": [*_ORIGIN, 0.0]}
    metadata = {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"}
    head = {"type": "CityJSON", "version": "2.0", "transform": transform, "metadata": metadata, "CityObjects": {}, "vertices": []}
    geometry = _solid()
    with path.open("wb") as file:
        file.write(orjson.dumps(head) + b"\n")
        for k in range(count):
            vertices = np.rint(_corners(rng, k % side * _PITCH_M, k // side * _PITCH_M) / _MM).astype(np.int64)
            name = f"H{k:07d}"
            attributes = {"名称": f"锦绣工场{k}号", "建筑用途": _USES[k % 6], "地上层数": 2, "建筑高度": 12.0, "建成年份": 1978 + k % 48}
            thing = {"type": "Building", "attributes": attributes, "geometry": [geometry]}
            feature = {"type": "CityJSONFeature", "id": name, "CityObjects": {name: thing}, "vertices": vertices.tolist()}
            file.write(orjson.dumps(feature) + b"\n")


def _solid() -> dict[str, object]:
    """Return the faces over the corners of a profile and, numbered after them, of the same profile at the other end."""
    n = _PROFILE
    strips = [[i, i + n, (i + 1) % n + n, (i + 1) % n] for i in range(n)]
    ends = [list(range(n)), [i + n for i in reversed(range(n))]]
    kinds = [2, 1, *[0] * (2 * GABLES), 1, 1, 1]
    semantics = {"surfaces": [{"type": kind} for kind in _KINDS], "values": [kinds]}
    return {"type": "Solid", "lod": "2.2", "boundaries": [[[ring] for ring in (*strips, *ends)]], "semantics": semantics}


def _corners(rng: np.random.Generator, east: float, north: float) -> NDArray[np.float64]:
    """Return the corners (2 × profile, 3) of a workshop of its own depth and heights, turned by any angle."""
    base, turn, depth, eaves = 4 + 3 * rng.random(), 2 * np.pi * rng.random(), 10 + 20 * rng.random(), 5 + 4 * rng.random()
    across = np.linspace(40, 0, 2 * GABLES + 1)
    ridges = np.where(np.arange(2 * GABLES + 1) % 2, eaves + 1 + rng.random(2 * GABLES + 1), eaves)
    x, z = np.array([0.0, 40.0, *across]), base + np.array([0.0, 0.0, *ridges])
    y = np.repeat([0.0, depth], _PROFILE)
    x, z = np.tile(x, 2), np.tile(z, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    turned: NDArray[np.float64] = np.column_stack([east + cos * x - sin * y, north + sin * x + cos * y, z])
    return turned
