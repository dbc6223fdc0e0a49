"""Where a model lies: outline and heights of its points, held against the deployment's area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from ingest.georeference import Georeference
from ingest.refusals import rejected
from twin.errors import TwinError

FloatArray = npt.NDArray[np.float64]
GEODETIC = "EPSG:4979"
_LOWEST_M, _HIGHEST_M = -12_000.0, 20_000.0
_GRID_CELL_M = 1e-3
_UNPLACED_EN = (
    "The model does not say where it stands. Deliver it with its metadata.xml (SRS and SRSOrigin), in map coordinates with --crs, "
    "or as 3D Tiles whose root has a transform."
)
_UNPLACED_ZH = (
    "模型没有位置信息。请随附 metadata.xml(SRS 与 SRSOrigin)，或以平面坐标交付并用 --crs 声明坐标系，或交付根节点带 transform 的 3D Tiles。"
)


@dataclass(frozen=True, slots=True)
class Outline:
    """The bounds of a model in the storage CRS and the deployment's heights."""

    footprint: bytes
    """EWKB MultiPolygon."""
    minimum_m: float
    maximum_m: float


def unplaced() -> TwinError:
    """Return the error of a model that stands nowhere."""
    return rejected("model-unplaced", _UNPLACED_EN, _UNPLACED_ZH)


def geodetic(ecef: FloatArray) -> FloatArray:
    """Return geocentric positions (n, 3) as longitude, latitude (degrees) and height; RejectedError ``model-unplaced`` inside the Earth."""
    to_degrees = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +inv +proj=cart +ellps=WGS84 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    degrees = np.column_stack(to_degrees.transform(*ecef.T))
    if not np.isfinite(degrees).all() or not ((degrees[:, 2] > _LOWEST_M) & (degrees[:, 2] < _HIGHEST_M)).any():
        raise unplaced()
    return degrees


def outline_of(placed: FloatArray, srid: int) -> Outline:
    """Return the outline of (n, 3) placed points: their convex hull."""
    hull = shapely.convex_hull(shapely.multipoints(placed[:, :2]))
    if not isinstance(hull, shapely.Polygon):
        hull = shapely.box(*shapely.buffer(hull, _GRID_CELL_M).bounds)
    shape = shapely.set_srid(shapely.MultiPolygon([hull]), srid)
    heights = placed[:, 2]
    footprint: bytes = shapely.to_wkb(shape, include_srid=True, byte_order=1)
    return Outline(footprint, float(heights.min()), float(heights.max()))


def place_all(placing: Georeference, points: Sequence[FloatArray] | FloatArray) -> FloatArray:
    """Return (n, 3) points in the storage CRS; RejectedError ``geometry-finite``, or ``area-of-use`` where one lies beyond the area."""
    source = np.concatenate(points) if not isinstance(points, np.ndarray) else points
    if not np.isfinite(source).all():
        raise rejected("geometry-finite", "A coordinate is not a finite number.", "坐标不是有限数值。")
    placed, there = placing.place_vertices(source)
    if not there.all():
        count = int((~there).sum())
        raise rejected(
            "area-of-use",
            f"{count} of {len(there)} points of the model lie beyond the area of the deployment.",
            f"模型的 {len(there)} 个点中有 {count} 个超出本部署的范围。",
        )
    return placed
