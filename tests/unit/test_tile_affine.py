"""The affine map of a tile against PROJ, vertex by vertex: in the middle of a zone and at its edge, in the south and in the north."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from twin.query.area import transformer_between
from twin.query.tile_affine import MOST_RESIDUAL, tile_affine
from twin.tile_matrix_sets import MATRIX_SETS, TileAddress, TileMatrixSet

EXTENT, BUFFER = 4096, 64
CITIES = {"Liyang": (119.48, 31.42), "edge of the zone": (121.48, 30.0), "Mohe": (120.5, 52.9)}
_STORED = {4549: (120, 500_000), 4528: (120, 40_500_000)}
_ONWARD = {3857: "+step +proj=webmerc +ellps=WGS84", 4326: "+step +proj=unitconvert +xy_in=rad +xy_out=deg"}
"""The codes spelled out, zones of three degrees with the zone's number and without: what PROJ makes of them is not asked twice."""


@pytest.mark.parametrize("srid", _STORED)
@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=list(MATRIX_SETS))
def test_every_vertex_comes_where_proj_puts_it(grid: TileMatrixSet, srid: int) -> None:
    meridian, easting_m = _STORED[srid]
    to_degrees = f"+proj=pipeline +step +inv +proj=tmerc +lon_0={meridian} +x_0={easting_m} +ellps=GRS80"
    to_grid = pyproj.Transformer.from_pipeline(f"{to_degrees} {_ONWARD[3857 if grid.srid == 3857 else 4326]}")
    rng = np.random.default_rng(7)
    for longitude, latitude in CITIES.values():
        x, y = transformer_between(4326, grid.srid).transform(longitude + meridian - 120, latitude)
        mapped = []
        for level in grid.levels:
            side = grid.side(level)
            address = TileAddress(grid, level, int((x - grid.west) // side), int((grid.north - y) // side))
            affine = tile_affine(address, srid, EXTENT, BUFFER)
            if affine is None:
                continue
            mapped.append(level)
            west, south, east, north = address.bounds(BUFFER / EXTENT)
            stored = to_grid.transform(rng.uniform(west, east, 300), rng.uniform(south, north, 300), direction="INVERSE")
            expected = to_grid.transform(*stored)
            a, b, d, e, x_offset, y_offset = affine
            found = (a * stored[0] + b * stored[1] + x_offset, d * stored[0] + e * stored[1] + y_offset)
            units = np.abs(np.subtract(found, expected)).max() * EXTENT / side
            assert 0 < units <= MOST_RESIDUAL * 1.02
        # Near tiles gain by it, and what is too large for it has none.
        assert set(range(15, grid.last + 1)) <= set(mapped)
        assert min(mapped) >= 13
