"""The vertical model of a deployment: N, the separation between the ellipsoid and the surface heights are counted from.

h = H + N. PROJ passes a height through unchanged when its geoid grid is missing and says nothing; here the grid is read
by ourselves, and a missing one is an error (DESIGN 10).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twin.crs import FloatArray
from twin.errors import BadRequestError, UnavailableError

EGM96_GRID = "egm96_15.gtx"
_HEADER = struct.Struct(">ddddii")
_NO_VALUE = np.float32(-88.8888)
"""The mark of a missing node; compared exactly, since N really is −88.9 m south of India."""


@dataclass(frozen=True)
class GeoidGrid:
    """A regular longitude/latitude grid of N in metres (rows from south to north)."""

    path: Path
    west_deg: float
    south_deg: float
    step_lon_deg: float
    step_lat_deg: float
    values_m: npt.NDArray[np.float32] = field(repr=False, compare=False)

    def separation_m(self, lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike) -> FloatArray:
        """Return N by bilinear interpolation; NaN outside the grid. A grid around the globe wraps at its seam."""
        rows, columns = self.values_m.shape
        turns = columns * self.step_lon_deg >= 360.0 - 1e-9
        u = (np.asarray(lon_deg, np.float64) - self.west_deg) / self.step_lon_deg
        if turns:
            u = np.mod(u, 360.0 / self.step_lon_deg)
        v = (np.asarray(lat_deg, np.float64) - self.south_deg) / self.step_lat_deg
        outside = ~((v >= 0) & (v <= rows - 1)) | ~((u >= 0) & (turns | (u <= columns - 1)))
        u, v = np.where(outside, 0.0, u), np.where(outside, 0.0, v)
        column, row = np.floor(u).astype(np.intp), np.minimum(np.floor(v).astype(np.intp), rows - 2)
        fu, fv = u - column, v - row
        column, right = column % columns, (column + 1) % columns if turns else np.minimum(column + 1, columns - 1)
        south = self.values_m[row, column] * (1 - fu) + self.values_m[row, right] * fu
        north = self.values_m[row + 1, column] * (1 - fu) + self.values_m[row + 1, right] * fu
        return np.where(outside, np.nan, south * (1 - fv) + north * fv)

    def grid_separation_m(self, lon_deg: FloatArray, lat_deg: FloatArray) -> FloatArray:
        """Return N on the grid of ``lon_deg`` × ``lat_deg``, shape (lat, lon): the same numbers, one axis after the other."""
        rows, columns = self.values_m.shape
        turns = columns * self.step_lon_deg >= 360.0 - 1e-9
        u, v = (lon_deg - self.west_deg) / self.step_lon_deg, (lat_deg - self.south_deg) / self.step_lat_deg
        if turns:
            u = np.mod(u, 360.0 / self.step_lon_deg)
        column, row = np.clip(np.floor(u), 0, columns - 1).astype(np.intp), np.clip(np.floor(v), 0, rows - 2).astype(np.intp)
        fu, fv = u - column, (v - row)[:, np.newaxis]
        right = (column + 1) % columns if turns else np.minimum(column + 1, columns - 1)
        first, row = int(row.min(initial=rows)), row - row.min(initial=rows)
        near = self.values_m[first : first + int(row.max(initial=0)) + 2]
        west, east = near[:, column], near[:, right]
        separation: FloatArray = (west[row] * (1 - fu) + east[row] * fu) * (1 - fv) + (west[row + 1] * (1 - fu) + east[row + 1] * fu) * fv
        outside_u, outside_v = ~((u >= 0) & (turns | (u <= columns - 1))), ~((v >= 0) & (v <= rows - 1))
        separation[outside_v[:, np.newaxis] | outside_u[np.newaxis, :]] = np.nan
        return separation

    def __reduce__(self) -> tuple[object, ...]:
        return read_gtx, (self.path,)


@dataclass(frozen=True)
class VerticalModel:
    """Where N comes from: a geoid grid, one constant, or nowhere (``known`` is False and N counts as 0)."""

    spec: str
    grid: GeoidGrid | None = None
    constant_m: float | None = None

    @property
    def known(self) -> bool:
        """Whether ellipsoidal heights can be stated (CRS84h is offered only then)."""
        return self.grid is not None or self.constant_m is not None

    def separation_m(self, lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike) -> FloatArray:
        """Return N in metres at WGS 84 longitude and latitude (arrays of one shape); NaN where the grid has none."""
        if self.grid is not None:
            return self.grid.separation_m(lon_deg, lat_deg)
        lon, lat = np.broadcast_arrays(np.asarray(lon_deg, np.float64), np.asarray(lat_deg, np.float64))
        return np.where(np.isfinite(lon) & np.isfinite(lat), self.constant_m or 0.0, np.nan)

    def grid_separation_m(self, lon_deg: FloatArray, lat_deg: FloatArray) -> FloatArray:
        """Return N on the grid of ``lon_deg`` × ``lat_deg``, shape (lat, lon)."""
        if self.grid is not None:
            return self.grid.grid_separation_m(lon_deg, lat_deg)
        return np.full((lat_deg.size, lon_deg.size), self.constant_m or 0.0)


def vertical_model(spec: str, grid_directories: Sequence[Path] = ()) -> VerticalModel:
    """Return the model ``spec`` names: ``egm96``, ``constant:METRES`` or ``none``.

    The EGM96 15′ grid (Lemoine et al. 1998, NASA/TP-1998-206861) is looked for in ``grid_directories``;
    UnavailableError where it is in none of them, BadRequestError for any other ``spec``.
    """
    if spec == "none":
        return VerticalModel(spec)
    if spec == "egm96":
        for directory in grid_directories:
            if (directory / EGM96_GRID).is_file():
                return VerticalModel(spec, grid=read_gtx(directory / EGM96_GRID))
        raise UnavailableError(
            f"The geoid grid {EGM96_GRID} is not installed: install the package proj-data",
            zh=f"未找到大地水准面格网 {EGM96_GRID}：请安装软件包 proj-data",
        ).with_code("geoid-grid-missing")
    kind, _, metres = spec.partition(":")
    if kind == "constant":
        try:
            value = float(metres)
        except ValueError:
            value = np.nan
        if abs(value) <= 150:  # N lies between −107 m and +86 m on Earth
            return VerticalModel(spec, constant_m=value)
    raise BadRequestError(
        f"Not a vertical model: {spec[:40]!r}; use egm96, constant:METRES or none",
        zh=f"无法识别的高程模型：{spec[:40]!r}，可用 egm96、constant:米、none",
    ).with_code("vertical-model")


def read_gtx(path: Path) -> GeoidGrid:
    """Return the NOAA .gtx grid at ``path`` (40-byte big-endian header, float32 rows from the south).

    UnavailableError when the file is not such a grid or is cut short.
    """
    content = path.read_bytes()
    if len(content) >= _HEADER.size:
        south, west, step_lat, step_lon, rows, columns = _HEADER.unpack_from(content)
        if 1 < rows < 1 << 16 and 1 < columns < 1 << 16 and len(content) == _HEADER.size + 4 * rows * columns:
            values = np.frombuffer(content, ">f4", offset=_HEADER.size).reshape(rows, columns).astype(np.float32)
            values[values == _NO_VALUE] = np.nan
            return GeoidGrid(path, west, south, step_lon, step_lat, values)
    raise UnavailableError(f"{path.name} is not a whole geoid grid", zh=f"{path.name} 不是完整的大地水准面格网").with_code(
        "geoid-grid-missing"
    )
