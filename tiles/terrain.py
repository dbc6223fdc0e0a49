"""Building quantized-mesh terrain from elevation sheets: every level from the same surface, down to the resolution of what is there.

Tiles are stored gzipped (a regular grid packs four to one) under the hash of their bytes; whoever serves them sets
``Content-Encoding: gzip`` and ``Content-Type: application/vnd.quantized-mesh``. A tile whose sheets are those of an earlier
build is that build's.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from tiles.node_store import Objects, content_hash
from tiles.terrain_index import Entry, MadeFrom, TerrainIndex
from tiles.terrain_kernels import nearest_known, oct_normals
from tiles.terrain_levels import Codes, SheetArea, columns_and_rows, rectangles, tiles_of_levels
from tiles.terrain_mesh import GridTopology, encode_tile, grid_topology, quantise_heights
from tiles.terrain_places import BLOCK_TILES, Block, BlockPlaces, block_of
from tiles.terrain_pyramid import INTERVALS, level_for_spacing, spacing_m
from tiles.terrain_surface import FADE_M, GroundSurface, ground_surface
from twin.crs import Extent, FloatArray, ecef_from_geodetic
from twin.heights import Frame, GroundSampler

type Progress = Callable[[int, int], None]

CONTENTS = "terrain/_"
"""Where the tiles of all terrains lie, by hash: no dataset is called so."""
VERSION = 1
"""Raised when the same sheets give other bytes."""
SURFACE_TOLERANCE_M = 0.05
MAXIMUM_TILES = 40_000
REFINED_TILES = 4_000
"""Below this number of tiles levels beyond the resolution are added where the triangles miss the tolerance."""
_DEEPEST_LEVEL = 20
_BY_BLOCKS_FROM = 10
"""Tiles of lower levels are few and wide: each is placed by itself, and made anew with every change."""
_PROBES = 4_000
_PROBES_A_SHEET = 1_000
_NOTED_EVERY = 2_000
"""So many tiles a build that is killed makes again at most."""
_FADING_LEVEL = level_for_spacing(FADE_M / INTERVALS)


@dataclass(frozen=True, slots=True)
class TerrainSummary:
    """What was built, and how well its triangles follow the sheets at the deepest level of each place."""

    tiles: int
    made: int
    """Tiles that were made; the others are those of an earlier build."""
    bytes: int
    deepest_level: int
    spacing_m: float
    resolution_m: float
    """The finest pixel of all sheets."""
    coarser_than_coverage: bool
    """True when the limit of tiles kept the grid wider than the finest pixels."""
    deviation_p99_m: float
    """99th percentile of |triangles − bilinear coverage| between the vertices; the vertices themselves lie within 1 cm."""
    deviation_max_m: float
    extent_deg: Extent

    def as_dict(self) -> dict[str, object]:
        """Return the summary as JSON values, as an asset's detail keeps it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TerrainTarget:
    """What is built and where it goes."""

    place: str
    """Folder of the revision: ``{place}/layer.json`` and ``{place}/tiles.index``, beside the index of a build that has not ended."""
    made_by: str
    """By which frame heights become ellipsoidal."""
    name: str = "terrain"
    attribution: str = ""
    maximum_tiles: int = MAXIMUM_TILES

    @property
    def index(self) -> str:
        """Where the index of the finished terrain lies."""
        return f"{self.place}/tiles.index"

    @property
    def notes(self) -> str:
        """Where the index of a build that has not ended lies."""
        return f"{self.place}/notes.index"

    @property
    def key(self) -> bytes:
        """16 bytes that stand for the way tiles are made."""
        return hashlib.blake2b(f"{VERSION} {self.made_by}".encode(), digest_size=16).digest()


def build_terrain(
    sampler: GroundSampler,
    frame: Frame,
    objects: Objects,
    target: TerrainTarget,
    earlier: Sequence[TerrainIndex] = (),
    progress: Progress | None = None,
    extent_deg: Extent | None = None,
) -> TerrainSummary:
    """Write the tiles that no ``earlier`` build has to ``terrain/_/{hash}.terrain``, the index and, last, ``layer.json``.

    Heights are ellipsoidal, h = H + N at every vertex. Levels whose grid is wider than the fade zone cover that too; deeper ones cover
    the sheets (within ``extent_deg``, where given), each until the spacing is not wider than its pixels, and further while few tiles
    suffice to bring the triangles within 5 cm of it. ``progress`` is called with tiles done and in all.
    """
    surface = ground_surface(sampler, frame)
    detail = _common(surface.extent_deg, extent_deg)
    areas = _areas(surface, detail)
    levels, areas = _choose_levels(surface, areas, target.maximum_tiles)
    known = TerrainIndex(target.key)
    for index in earlier:
        known.add_all(index)
    total = sum(codes.size for codes in levels)
    found, made = _put_tiles(_tiles(surface, levels, known), total, objects, target, progress)
    objects.put(target.index, found.to_bytes())
    objects.put(f"{target.place}/layer.json", layer_json(levels, detail, name=target.name, attribution=target.attribution))
    objects.delete_all([target.notes])
    deviations = _deviations_m(surface, areas, detail, len(levels) - 1)
    resolution = min(sampler.resolutions_m())
    return TerrainSummary(
        tiles=total,
        made=made,
        bytes=found.bytes_of_tiles(),
        deepest_level=len(levels) - 1,
        spacing_m=spacing_m(len(levels) - 1),
        resolution_m=resolution,
        coarser_than_coverage=spacing_m(len(levels) - 1) > resolution,
        deviation_p99_m=float(np.percentile(deviations, 99)),
        deviation_max_m=float(deviations.max()),
        extent_deg=detail,
    )


def layer_json(levels: Sequence[Codes], extent_deg: Extent, *, name: str, attribution: str) -> bytes:
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
        "maxzoom": len(levels) - 1,
        "bounds": [-180.0, -90.0, 180.0, 90.0],
        "valid_bounds": [round(v, 9) for v in extent_deg],
        "available": [[r.as_available() for r in rectangles(level, codes)] for level, codes in enumerate(levels)],
    }
    return json.dumps(description, ensure_ascii=False).encode()


def warm_terrain_kernels() -> None:
    """Encode a tile of nothing, so that the machine code of every terrain kernel is in the cache."""
    nearest_known(np.zeros((2, 2), np.bool_), 1)
    block = block_of(1, 0, 0, 1)
    _encode(grid_topology(), block.lon_deg, block.lat_deg, np.zeros((INTERVALS + 3, INTERVALS + 3)))


def _put_tiles(
    tiles: Iterator[tuple[Entry, bytes | None]], total: int, objects: Objects, target: TerrainTarget, progress: Progress | None
) -> tuple[TerrainIndex, int]:
    """Put the tiles that have a content, and now and then a note of those behind us; return the index of all and how many were put."""
    found, made = TerrainIndex(target.key), 0
    for entry, content in tiles:
        found.add(entry)
        if content is not None:
            objects.put_once(f"{CONTENTS}/{entry.hash.hex()}.terrain", content)
            made += 1
            if made % _NOTED_EVERY == 0:
                objects.drain()
                objects.put(target.notes, found.to_bytes())
        if progress is not None:
            progress(len(found), total)
    objects.drain()
    return found, made


# -- which tiles -------------------------------------------------------------------------------------------------------


def _areas(surface: GroundSurface, detail: Extent) -> list[SheetArea]:
    """Return the sheets as areas; those outside ``detail`` are of no more interest than the zone around."""
    areas = []
    levels = [min(level_for_spacing(resolution), _DEEPEST_LEVEL) for resolution in surface.sampler.resolutions_m()]
    for sheet, ((x, y), level) in enumerate(zip(surface.sampler.outlines_m(), levels, strict=True)):
        lon, lat = surface.frame.lon_lat_deg(x, y)
        extent = float(np.nanmin(lon)), float(np.nanmin(lat)), float(np.nanmax(lon)), float(np.nanmax(lat))
        if (within := _meeting(extent, detail)) is not None:
            areas.append(SheetArea(sheet, within, level))
    return areas or [SheetArea(int(np.argmax(levels)), detail, max(levels))]


def _choose_levels(surface: GroundSurface, areas: list[SheetArea], most: int) -> tuple[list[Codes], list[SheetArea]]:
    """Return the tiles of each level, and the areas with the levels by which they were chosen."""
    levels = tiles_of_levels(areas, surface.reach_deg, _FADING_LEVEL, most)
    few = min(REFINED_TILES, most)
    if sum(codes.size for codes in levels) > few or len(levels) <= max(area.level for area in areas):
        return levels, areas
    wanted = [_levels_more(surface, area) for area in areas]
    for at_most in range(max(wanted), 0, -1):
        deeper = [area.deeper(min(more, at_most)) for area, more in zip(areas, wanted, strict=True)]
        refined = tiles_of_levels(deeper, surface.reach_deg, _FADING_LEVEL, few)
        if len(refined) > max(area.level for area in deeper):
            return refined, deeper
    return levels, areas


def _levels_more(surface: GroundSurface, area: SheetArea) -> int:
    """Return how many levels more, at most two, bring the triangles to the tolerance: by the sheet alone, whatever lies over it."""
    sheet = surface.sampler.part([area.sheet])
    for more in range(2):
        levels = np.full(_PROBES_A_SHEET, area.level + more)
        deviations = _deviations_of(sheet.height_m, surface.frame, area.extent_deg, levels)
        if np.percentile(deviations, 99) <= SURFACE_TOLERANCE_M or area.level + more >= _DEEPEST_LEVEL:
            return more
    return 2


def _deviations_m(surface: GroundSurface, areas: Sequence[SheetArea], detail: Extent, deepest: int) -> FloatArray:
    """Return how far the triangles are off at places spread over ``detail``, each by the deepest level there is at it."""
    lon, lat = _probes(detail, _PROBES)
    levels = np.full(_PROBES, min(_FADING_LEVEL, deepest))
    for area in areas:
        west, south, east, north = area.extent_deg
        here = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        levels[here] = np.maximum(levels[here], min(area.level, deepest))
    return _deviations_of(surface.sampler.height_m, surface.frame, detail, levels)


def _deviations_of(
    height_m: Callable[[FloatArray, FloatArray], FloatArray], frame: Frame, extent: Extent, levels: npt.NDArray[np.int64]
) -> FloatArray:
    """Return |height of the triangle − ``height_m``| at one place of ``extent`` for each of ``levels``, but where there is no height."""
    lon, lat = _probes(extent, levels.size)
    step = 180.0 / 2.0**levels / INTERVALS
    u, v = (lon + 180.0) / step, (lat + 90.0) / step
    column, row = np.floor(u), np.floor(v)

    def height(du: int, dv: int) -> FloatArray:
        return height_m(*frame.easting_northing_m((column + du) * step - 180.0, (row + dv) * step - 90.0))

    fu, fv = u - column, v - row
    a, b, c, d = height(0, 0), height(1, 0), height(1, 1), height(0, 1)
    below = a + (b - a) * fu + (c - b) * fv
    above = a + (c - d) * fu + (d - a) * fv
    exact = height_m(*frame.easting_northing_m(lon, lat))
    off = np.abs(np.where(fu >= fv, below, above) - exact)
    known = np.isfinite(off)
    return off[known] if known.any() else np.zeros(1)


def _probes(extent: Extent, count: int) -> tuple[FloatArray, FloatArray]:
    """Return places spread over ``extent`` (R2 sequence of Roberts 2018)."""
    i = np.arange(1, count + 1)
    lon = extent[0] + np.mod(0.5 + i * 0.7548776662466927, 1.0) * (extent[2] - extent[0])
    lat = extent[1] + np.mod(0.5 + i * 0.5698402909980532, 1.0) * (extent[3] - extent[1])
    return lon, lat


# -- tiles -------------------------------------------------------------------------------------------------------------


def _tiles(surface: GroundSurface, levels: Sequence[Codes], known: TerrainIndex) -> Iterator[tuple[Entry, bytes | None]]:
    """Yield every tile, with its bytes if it was made, without where ``known`` has it."""
    topology = grid_topology()
    for level, codes in enumerate(levels):
        if level < _BY_BLOCKS_FROM:
            yield from _wide_tiles(surface, topology, level, codes, known)
            continue
        x, y = columns_and_rows(codes)
        blocks = (y // BLOCK_TILES << 32) | x // BLOCK_TILES
        for name in np.unique(blocks).tolist():
            block = block_of(level, (name & 0xFFFFFFFF) * BLOCK_TILES, (name >> 32) * BLOCK_TILES, BLOCK_TILES)
            members = np.flatnonzero(blocks == name)
            yield from _tiles_of_block(surface, topology, block, zip(x[members].tolist(), y[members].tolist(), strict=True), known)


def _wide_tiles(
    surface: GroundSurface, topology: GridTopology, level: int, codes: Codes, known: TerrainIndex
) -> Iterator[tuple[Entry, bytes | None]]:
    everything = surface.boxes.digest(range(len(surface.boxes.names)), surface.around_m)
    made_from = MadeFrom(everything, everything)
    for x, y in zip(*(axis.tolist() for axis in columns_and_rows(codes)), strict=True):
        if (same := known.same(level, x, y, made_from)) is not None:
            yield same, None
            continue
        block = block_of(level, x, y, 1)
        heights, carried = surface.grid_m(block.lon_deg, block.lat_deg)
        yield _made(surface, topology, block, (x, y), heights, made_from, carried=carried)


def _tiles_of_block(
    surface: GroundSurface, topology: GridTopology, block: Block, members: Iterator[tuple[int, int]], known: TerrainIndex
) -> Iterator[tuple[Entry, bytes | None]]:
    places, boxes, way_m = BlockPlaces(surface, block), surface.boxes, surface.around_m
    for x, y in members:
        corners = places.corners(x, y)
        near, around = boxes.near(corners), boxes.around(corners, way_m)
        made_from = MadeFrom(boxes.digest(near), boxes.digest(around, surface.fill.step_m))
        if (same := known.same(block.level, x, y, made_from)) is not None:
            yield replace(same, made_from=made_from), None
            continue
        heights, carried = surface.heights_m(places.places(*block.window(x, y)), near, around)
        yield _made(surface, topology, block, (x, y), heights, made_from, carried=carried)


def _made(
    surface: GroundSurface,
    topology: GridTopology,
    block: Block,
    place: tuple[int, int],
    heights: FloatArray,
    made_from: MadeFrom,
    *,
    carried: bool,
) -> tuple[Entry, bytes]:
    rows, columns = block.window(*place)
    lon, lat = block.lon_deg[columns], block.lat_deg[rows]
    tile = _encode(topology, lon, lat, heights + surface.frame.vertical.grid_separation_m(lon, lat))
    packed = gzip.compress(tile, compresslevel=1, mtime=0)
    return Entry(block.level, *place, made_from, bytes.fromhex(content_hash(packed)), len(packed), carried), packed


def _encode(topology: GridTopology, lon_deg: FloatArray, lat_deg: FloatArray, heights: FloatArray) -> bytes:
    """Return the bytes of a tile: ellipsoidal ``heights`` (67, 67) on its lines and one more on each side."""
    normals = oct_normals(np.radians(lon_deg), np.radians(lat_deg), heights)
    inner = heights[1:-1, 1:-1]
    ecef = ecef_from_geodetic(np.radians(lon_deg[np.newaxis, 1:-1]), np.radians(lat_deg[1:-1, np.newaxis]), inner)
    return encode_tile(topology, quantise_heights(inner), ecef, normals)


def _common(coverage: Extent, wanted: Extent | None) -> Extent:
    """Return the part of ``coverage`` within ``wanted``; all of it where they do not meet."""
    return coverage if wanted is None else _meeting(coverage, wanted) or coverage


def _meeting(one: Extent, other: Extent) -> Extent | None:
    common = max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
    return common if common[0] < common[2] and common[1] < common[3] else None
