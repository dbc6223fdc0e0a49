"""Building quantized-mesh terrain from elevation coverages: every level from the same surface, down to their resolution.

Tiles are stored gzipped (a regular grid packs four to one); whoever serves them sets ``Content-Encoding: gzip`` and
``Content-Type: application/vnd.quantized-mesh``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from tiles.terrain_kernels import flood, oct_normals
from tiles.terrain_mesh import GridTopology, encode_tile, grid_topology, quantise_heights
from tiles.terrain_pyramid import INTERVALS, TileRange, covering, level_for_spacing, posts_deg, spacing_m, tile_size_deg
from tiles.terrain_surface import FADE_M, GroundSurface, ground_surface
from twin.crs import Extent, FloatArray, ecef_from_geodetic
from twin.heights import Frame, GroundSampler

type Put = Callable[[str, bytes], None]
type Progress = Callable[[int, int], None]

SURFACE_TOLERANCE_M = 0.05
MAXIMUM_TILES = 40_000
REFINED_TILES = 4_000
"""Below this number of tiles levels beyond the resolution are added where the triangles miss the tolerance."""
_DEEPEST_LEVEL = 20
_BLOCK_TILES = 8
_PROBES = 4_000


@dataclass(frozen=True, slots=True)
class TerrainSummary:
    """What was built, and how well its triangles follow the coverage at the deepest level."""

    tiles: int
    bytes: int
    deepest_level: int
    spacing_m: float
    resolution_m: float
    coarser_than_coverage: bool
    """True when the limit of tiles kept the grid wider than the pixels."""
    deviation_p99_m: float
    """99th percentile of |triangles − bilinear coverage| between the vertices; the vertices themselves lie within 1 cm."""
    deviation_max_m: float
    extent_deg: Extent

    def as_dict(self) -> dict[str, object]:
        """Return the summary as JSON values, as an asset's detail keeps it."""
        return asdict(self)


def build_terrain(
    sampler: GroundSampler,
    frame: Frame,
    extent_deg: Extent | None,
    store_put: Put,
    key_prefix: str,
    progress: Progress | None = None,
    *,
    name: str = "terrain",
    attribution: str = "",
    maximum_tiles: int = MAXIMUM_TILES,
) -> TerrainSummary:
    """Write ``{key_prefix}/{z}/{x}/{y}.terrain`` for every level and, last, ``{key_prefix}/layer.json``.

    Heights are ellipsoidal, h = H + N at every vertex. Levels whose grid is wider than the fade zone cover that too; deeper
    ones cover the coverages within ``extent_deg`` (None: all of them), until the spacing is not wider than the
    pixels, and further while few tiles suffice to bring the triangles within 5 cm of the bilinear coverage.
    ``progress`` is called with tiles done and in all.
    """
    surface = ground_surface(sampler, frame)
    detail = _common(surface.extent_deg, extent_deg)
    resolution = sampler.resolution_m()
    ranges, deviations = _choose_levels(surface, detail, resolution, maximum_tiles)
    total, done, size = sum(r.count for r in ranges), 0, 0
    topology = grid_topology()
    for tiles in ranges:
        for block in tiles.blocks(_BLOCK_TILES):
            for x, y, content in _encode_block(surface, topology, block):
                packed = gzip.compress(content, compresslevel=1, mtime=0)
                store_put(f"{key_prefix}/{block.level}/{x}/{y}.terrain", packed)
                size += len(packed)
            done += block.count
            if progress is not None:
                progress(done, total)
    deepest = ranges[-1].level
    store_put(f"{key_prefix}/layer.json", layer_json(ranges, detail, name=name, attribution=attribution))
    return TerrainSummary(
        tiles=total,
        bytes=size,
        deepest_level=deepest,
        spacing_m=spacing_m(deepest),
        resolution_m=resolution,
        coarser_than_coverage=spacing_m(deepest) > resolution,
        deviation_p99_m=float(np.percentile(deviations, 99)),
        deviation_max_m=float(deviations.max()),
        extent_deg=detail,
    )


def layer_json(ranges: list[TileRange], extent_deg: Extent, *, name: str, attribution: str) -> bytes:
    """Return the description of a terrain tileset (TileJSON 2.1.0 with the members CesiumJS reads)."""
    description = {
        "tilejson": "2.1.0",
        "name": name,
        "version": "1.0.0",
        "format": "quantized-mesh-1.0",
        "scheme": "tms",
        "projection": "EPSG:4326",
        "tiles": ["{z}/{x}/{y}.terrain"],
        "extensions": ["octvertexnormals"],
        "attribution": attribution,
        "minzoom": 0,
        "maxzoom": ranges[-1].level,
        "bounds": [-180.0, -90.0, 180.0, 90.0],
        "valid_bounds": [round(v, 9) for v in extent_deg],
        "available": [[r.as_available()] for r in ranges],
    }
    return json.dumps(description, ensure_ascii=False).encode()


def _choose_levels(surface: GroundSurface, detail: Extent, resolution_m: float, maximum_tiles: int) -> tuple[list[TileRange], FloatArray]:
    """Return the tiles of each level and the deviations of the triangles of the last."""
    wide = level_for_spacing(FADE_M / INTERVALS)
    wanted = min(level_for_spacing(resolution_m), _DEEPEST_LEVEL)

    def ranges_to(deepest: int) -> list[TileRange]:
        return [covering(z, surface.reach_deg if z <= wide else detail) for z in range(deepest + 1)]

    while wanted > 0 and sum(r.count for r in ranges_to(wanted)) > maximum_tiles:
        wanted -= 1
    deviations = _deviations_m(surface, detail, wanted)
    for deeper in (wanted + 1, wanted + 2):
        few = sum(r.count for r in ranges_to(deeper)) <= min(REFINED_TILES, maximum_tiles)
        if np.percentile(deviations, 99) <= SURFACE_TOLERANCE_M or not few or deeper > _DEEPEST_LEVEL:
            break
        wanted, deviations = deeper, _deviations_m(surface, detail, deeper)
    return ranges_to(wanted), deviations


def _deviations_m(surface: GroundSurface, detail: Extent, level: int) -> FloatArray:
    """Return |height of the triangle − height of the surface| at points spread over ``detail`` (R2 sequence)."""
    i = np.arange(1, _PROBES + 1)
    lon = detail[0] + np.mod(0.5 + i * 0.7548776662466927, 1.0) * (detail[2] - detail[0])
    lat = detail[1] + np.mod(0.5 + i * 0.5698402909980532, 1.0) * (detail[3] - detail[1])
    step = tile_size_deg(level) / INTERVALS
    u, v = (lon + 180.0) / step, (lat + 90.0) / step
    column, row = np.floor(u), np.floor(v)

    def height(du: int, dv: int) -> FloatArray:
        return surface.heights_at_m(*surface.frame.easting_northing_m((column + du) * step - 180.0, (row + dv) * step - 90.0))

    fu, fv = u - column, v - row
    a, b, c, d = height(0, 0), height(1, 0), height(1, 1), height(0, 1)
    below = a + (b - a) * fu + (c - b) * fv
    above = a + (c - d) * fu + (d - a) * fv
    exact = surface.heights_at_m(*surface.frame.easting_northing_m(lon, lat))
    return np.asarray(np.abs(np.where(fu >= fv, below, above) - exact))


def warm_terrain_kernels() -> None:
    """Encode two tiles of nothing, so that the machine code of every terrain kernel is in the cache."""
    flood(np.zeros(4, np.int64), 2)
    block = TileRange(0, 0, 0, 1, 0)
    for _ in _encode_grid(grid_topology(), block, *_lines(block), np.zeros((INTERVALS + 3, 2 * INTERVALS + 3))):
        pass


def _encode_block(surface: GroundSurface, topology: GridTopology, block: TileRange) -> Iterator[tuple[int, int, bytes]]:
    """Yield x, y and bytes of the tiles of a block, sampled as one grid."""
    lon, lat = _lines(block)
    heights = surface.heights_m(lon, lat) + surface.frame.vertical.grid_separation_m(lon, lat)
    return _encode_grid(topology, block, lon, lat, heights)


def _lines(block: TileRange) -> tuple[FloatArray, FloatArray]:
    """Return the grid lines of a block in degrees, with one more on each side for the normals."""
    lon = posts_deg(block.start_x, block.end_x, block.level, -180.0)
    return lon, np.clip(posts_deg(block.start_y, block.end_y, block.level, -90.0), -90.0, 90.0)


def _encode_grid(
    topology: GridTopology, block: TileRange, lon: FloatArray, lat: FloatArray, heights: FloatArray
) -> Iterator[tuple[int, int, bytes]]:
    normals = oct_normals(np.radians(lon), np.radians(lat), heights)
    heights = heights[1:-1, 1:-1]
    ecef = ecef_from_geodetic(np.radians(lon[np.newaxis, 1:-1]), np.radians(lat[1:-1, np.newaxis]), heights)
    for j in range(block.end_y - block.start_y + 1):
        for i in range(block.end_x - block.start_x + 1):
            part = np.s_[j * INTERVALS : (j + 1) * INTERVALS + 1, i * INTERVALS : (i + 1) * INTERVALS + 1]
            content = encode_tile(topology, quantise_heights(heights[part]), tuple(a[part] for a in ecef), normals[part])
            yield block.start_x + i, block.start_y + j, content


def _common(coverage: Extent, wanted: Extent | None) -> Extent:
    """Return the part of ``coverage`` within ``wanted``; all of it where they do not meet."""
    if wanted is None:
        return coverage
    common = max(coverage[0], wanted[0]), max(coverage[1], wanted[1]), min(coverage[2], wanted[2]), min(coverage[3], wanted[3])
    return common if common[0] < common[2] and common[1] < common[3] else coverage
