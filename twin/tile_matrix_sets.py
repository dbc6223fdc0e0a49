"""The tile matrix sets that maps are cut by (OGC 17-083r4, Two Dimensional Tile Matrix Set 2.0); pure.

CGCS2000Quad is the geographic grid of Chinese maps (CH/Z 9011, the ``c`` sets of Tianditu): EPSG:4490, latitude first as the authority has
it, levels named from 1, of which the first has two tiles. No registry holds a definition of it; its cells are those of WorldCRS84Quad.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from twin.crs import OutputCrs
from twin.errors import NotFoundError, Text

Bounds = tuple[float, float, float, float]
"""Least x, least y, greatest x, greatest y, in the x, y order that the database has, whatever the CRS says."""

TILE_PX = 256
_PIXEL_M = 0.00028
"""The standardised rendering pixel (17-083r4, 6.1.1)."""
_EQUATOR_M = 2 * math.pi * 6_378_137.0
_HALF_WORLD_M = _EQUATOR_M / 2
_MOST_NORTH_DEG = 85.0511287798
"""Where web mercator ends."""


@dataclass(frozen=True, slots=True)
class TileMatrixLimits:
    """The rows and columns of one matrix within which something may lie, both ends included (17-083r4, 6.3)."""

    level: int
    min_row: int
    max_row: int
    min_column: int
    max_column: int


@dataclass(frozen=True, slots=True)
class TileMatrixSet:
    """Square tiles from the top left corner; each level has four for one of the level above."""

    id: str
    title: Text
    uri: str | None
    """Where the definition is registered."""
    crs_uri: str
    srid: int
    xy: bool
    """False when the CRS has its north axis first, as EPSG:4490 does."""
    west: float
    north: float
    size: float
    """Side of a tile of the level 0, units of the CRS."""
    columns: int
    """Of the level 0; rows are half of them for a geographic set."""
    rows: int
    metres_a_unit: float
    first: int
    last: int
    well_known_scale_set: str | None = None

    @property
    def crs(self) -> OutputCrs:
        """The CRS with x before y, in which bounds are given here."""
        return OutputCrs("", self.srid, xy=True, height="none")

    @property
    def ordered_axes(self) -> tuple[str, str]:
        """Abbreviations of the axes in the order of the CRS (17-083r4, 7.1.1)."""
        if self.metres_a_unit == 1.0:
            return ("E", "N")
        return ("Lon", "Lat") if self.xy else ("Lat", "Lon")

    @property
    def levels(self) -> range:
        """Numbers of the levels, which are the identifiers of their matrices."""
        return range(self.first, self.last + 1)

    @property
    def origin(self) -> tuple[float, float]:
        """The top left corner in the axis order of the CRS."""
        return (self.west, self.north) if self.xy else (self.north, self.west)

    def side(self, level: int) -> float:
        """Return the side of a tile, units of the CRS."""
        return math.ldexp(self.size, -self._depth(level))

    def cell(self, level: int) -> float:
        """Return the side of a pixel of a tile, units of the CRS."""
        return self.side(level) / TILE_PX

    def scale_denominator(self, level: int) -> float:
        """Return by what a matrix is smaller than the ground on a standardised screen."""
        return self.cell(level) * self.metres_a_unit / _PIXEL_M

    def width(self, level: int) -> int:
        """Return the number of columns of a level."""
        return self.columns << self._depth(level)

    def height(self, level: int) -> int:
        """Return the number of rows of a level."""
        return self.rows << self._depth(level)

    def limits(self, level: int, bounds: Bounds) -> TileMatrixLimits | None:
        """Return the tiles of a level that meet a box of the CRS, None where the box lies outside the set."""
        side = self.side(level)
        west, south, east, north = bounds
        columns = math.floor((west - self.west) / side), math.floor((east - self.west) / side)
        rows = math.floor((self.north - north) / side), math.floor((self.north - south) / side)
        if columns[1] < 0 or rows[1] < 0 or columns[0] >= self.width(level) or rows[0] >= self.height(level):
            return None
        return TileMatrixLimits(
            level, max(0, rows[0]), min(self.height(level) - 1, rows[1]), max(0, columns[0]), min(self.width(level) - 1, columns[1])
        )

    def _depth(self, level: int) -> int:
        return level - self.first


@dataclass(frozen=True, slots=True)
class TileAddress:
    """A tile of a set: level, column from the west, row from the north; NotFoundError for one that cannot be."""

    matrix_set: TileMatrixSet
    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        there = (
            self.z in self.matrix_set.levels
            and 0 <= self.x < self.matrix_set.width(self.z)
            and 0 <= self.y < self.matrix_set.height(self.z)
        )
        if not there:
            raise NotFoundError("there is no such tile", zh="没有该瓦片")

    def bounds(self, buffer: float = 0.0) -> Bounds:
        """Return the box of the tile in the units of its CRS, widened by ``buffer`` tile widths."""
        grid = self.matrix_set
        side = grid.side(self.z)
        west, north = grid.west + self.x * side, grid.north - self.y * side
        margin = side * buffer
        return west - margin, north - side - margin, west + side + margin, north + margin


_DEGREE_M = _EQUATOR_M / 360
_REGISTER = "http://www.opengis.net/def/tilematrixset/OGC/1.0/"
_SCALES = "http://www.opengis.net/def/wkss/OGC/1.0/"
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"

WEB_MERCATOR_QUAD = TileMatrixSet(
    id="WebMercatorQuad",
    title=Text("全球网络墨卡托", "Google Maps Compatible for the World"),
    uri=f"{_REGISTER}WebMercatorQuad",
    crs_uri=f"{_EPSG}3857",
    srid=3857,
    xy=True,
    west=-_HALF_WORLD_M,
    north=_HALF_WORLD_M,
    size=_EQUATOR_M,
    columns=1,
    rows=1,
    metres_a_unit=1.0,
    first=0,
    last=22,
    well_known_scale_set=f"{_SCALES}GoogleMapsCompatible",
)
WORLD_CRS84_QUAD = TileMatrixSet(
    id="WorldCRS84Quad",
    title=Text("全球经纬度（CRS84）", "CRS84 for the World"),
    uri=f"{_REGISTER}WorldCRS84Quad",
    crs_uri="http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    srid=4326,
    xy=True,
    west=-180.0,
    north=90.0,
    size=180.0,
    columns=2,
    rows=1,
    metres_a_unit=_DEGREE_M,
    first=0,
    last=21,
    well_known_scale_set=f"{_SCALES}GoogleCRS84Quad",
)
CGCS2000_QUAD = TileMatrixSet(
    id="CGCS2000Quad",
    title=Text("2000 国家大地坐标系经纬度", "CGCS2000 geographic grid of Chinese maps"),
    uri=None,
    crs_uri=f"{_EPSG}4490",
    srid=4490,
    xy=False,
    west=-180.0,
    north=90.0,
    size=180.0,
    columns=2,
    rows=1,
    metres_a_unit=_DEGREE_M,
    first=1,
    last=22,
)
MATRIX_SETS: Mapping[str, TileMatrixSet] = MappingProxyType({s.id: s for s in (WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD, CGCS2000_QUAD)})
"""Every set that is served, the commonest first."""


def matrix_set(name: str) -> TileMatrixSet:
    """Return a set by its id; NotFoundError for another name."""
    found = MATRIX_SETS.get(name)
    if found is None:
        raise NotFoundError(f"tiles are in {', '.join(MATRIX_SETS)}", zh=f"瓦片仅有 {'、'.join(MATRIX_SETS)}")
    return found


def tile_address(grid: TileMatrixSet, *numbers: str) -> TileAddress:
    """Return the tile that level, column and row name; NotFoundError for what cannot be one."""
    if not all(text.isascii() and text.isdigit() and len(text) <= 9 for text in numbers):
        raise NotFoundError("there is no such tile", zh="没有该瓦片")
    z, x, y = map(int, numbers)
    return TileAddress(grid, z, x, y)


def bounds_in(grid: TileMatrixSet, extent_deg: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return an extent in degrees in the units of a matrix set, cut where web mercator ends."""
    west, south, east, north = extent_deg
    if grid is not WEB_MERCATOR_QUAD:
        return west, south, east, north
    half = -grid.west
    low, high = (max(-_MOST_NORTH_DEG, min(_MOST_NORTH_DEG, v)) for v in (south, north))
    y = (half / math.pi * math.asinh(math.tan(math.radians(v))) for v in (low, high))
    return west / 180 * half, next(y), east / 180 * half, next(y)
