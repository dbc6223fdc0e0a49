"""Houses with real roofs as a CityJSONSeq: rows of eight gabled units, each a solid, of the weight that 3DBAG has at LoD 2.2.

A row has 56 faces with 240 corners; the 159 buildings of 3DBAG's Delft sample have 47 with 247 on average.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

UNITS, FACES, CORNERS = 8, 56, 240
_PITCH_M = 70.0
_ORIGIN = (490_000.0, 3_510_000.0)
_SEED = 20_251_122
_MM = 0.001
# Corners of a unit: four below, four at the eaves, two at the ridge; outward faces, each with its kind.
_SHELL: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("GroundSurface", (0, 3, 2, 1)),
    ("WallSurface", (0, 1, 5, 4)),
    ("WallSurface", (2, 3, 7, 6)),
    ("WallSurface", (1, 2, 6, 9, 5)),
    ("WallSurface", (3, 0, 4, 8, 7)),
    ("RoofSurface", (4, 5, 9, 8)),
    ("RoofSurface", (6, 7, 8, 9)),
)
_KINDS = ("RoofSurface", "WallSurface", "GroundSurface")
_USES = ("住宅", "商业", "办公", "工业", "教育", "医疗")


def write_houses(count: int, path: Path) -> None:
    """Write ``count`` rows of houses on a square grid, EPSG:4549 with heights, the same every time."""
    rng = np.random.default_rng(_SEED)
    side = int(np.ceil(np.sqrt(count)))
    transform = {"scale": [_MM] * 3, "translate": [*_ORIGIN, 0.0]}
    metadata = {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"}
    head = {"type": "CityJSON", "version": "2.0", "transform": transform, "metadata": metadata, "CityObjects": {}, "vertices": []}
    shells = [[[[10 * unit + corner for corner in ring]] for _, ring in _SHELL] for unit in range(UNITS)]
    values = [[[_KINDS.index(kind) for kind, _ in _SHELL]] for _ in range(UNITS)]
    semantics = {"surfaces": [{"type": kind} for kind in _KINDS], "values": values}
    geometry = {"type": "MultiSolid", "lod": "2.2", "boundaries": [[shell] for shell in shells], "semantics": semantics}
    with path.open("wb") as file:
        file.write(orjson.dumps(head) + b"\n")
        for k in range(count):
            vertices = np.rint(_row(rng, k % side * _PITCH_M, k // side * _PITCH_M) / _MM).astype(np.int64)
            name = f"H{k:07d}"
            attributes = {
                "名称": f"锦绣花园{k}幢",
                "建筑用途": _USES[k % len(_USES)],
                "地上层数": 3,
                "建筑高度": 12.0,
                "建成年份": 1978 + k % 48,
            }
            thing = {"type": "Building", "attributes": attributes, "geometry": [geometry]}
            feature = {"type": "CityJSONFeature", "id": name, "CityObjects": {name: thing}, "vertices": vertices.tolist()}
            file.write(orjson.dumps(feature) + b"\n")


def _row(rng: np.random.Generator, east: float, north: float) -> NDArray[np.float64]:
    """Return the corners (10 × units, 3) of a row of units of different depths and heights, half a metre apart, turned by any angle."""
    base, turn = 4 + 3 * rng.random(), 2 * np.pi * rng.random()
    corners = np.empty((UNITS, 10, 3))
    width = 6.0
    for unit in range(UNITS):
        x, depth, eaves = unit * (width + 0.5), 8 + 4 * rng.random(), 5 + 4 * rng.random()
        ridge = eaves + 2 + rng.random()
        plan = np.array([(x, 0), (x + width, 0), (x + width, depth), (x, depth)])
        corners[unit, :4] = np.column_stack([plan, np.full(4, base)])
        corners[unit, 4:8] = np.column_stack([plan, np.full(4, base + eaves)])
        corners[unit, 8:] = [(x, depth / 2, base + ridge), (x + width, depth / 2, base + ridge)]
    flat = corners.reshape(-1, 3)
    cos, sin = np.cos(turn), np.sin(turn)
    turned: NDArray[np.float64] = np.column_stack(
        [east + cos * flat[:, 0] - sin * flat[:, 1], north + sin * flat[:, 0] + cos * flat[:, 1], flat[:, 2]]
    )
    return turned
