"""Geometry of a source → the storage CRS and the deployment's heights, every vertex; what lies outside is marked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely

from ingest.protocol import ReadRequest
from ingest.readers.source import Geometries
from ingest.refusals import crs_undeclared, rejected
from ingest.rounding import unit_length_m
from twin.crs import FloatArray, LocalCrs, Operation, SourceTransform, StorageCrs, parse_crs, storage_crs, to_storage
from twin.errors import BadRequestError
from twin.heights import VerticalModel, vertical_model

ELLIPSOIDAL = "ellipsoidal"
UNCHANGED = "+proj=noop"
_EXTENT_MARGIN = 0.1
_EXTENT_MARGIN_M = 1000.0
_MAX_WKT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Placed:
    """Geometries in the storage CRS."""

    geometry: Geometries
    outside: npt.NDArray[np.bool_]
    """Has a vertex beyond the deployment's area."""
    unreachable: npt.NDArray[np.bool_]
    """Has a vertex that the operation cannot place at all; the geometry is None."""


@dataclass(frozen=True)
class Georeference:
    """The one way of a part's coordinates into the deployment, chosen before its first row."""

    source_crs: str
    """As declared: authority code, WKT or ``X-…``."""
    assumed: bool
    transform: SourceTransform
    storage: StorageCrs
    bounds_m: tuple[float, float, float, float]
    to_degrees: Operation | None
    """Storage CRS → longitude and latitude, where heights are above the ellipsoid and N has to be taken off."""
    vertical: VerticalModel
    height_offset_m: float = 0.0
    """Added to every height."""

    @property
    def label(self) -> str:
        """The source CRS as a person names it: authority code, else name."""
        if self.transform.obfuscation or self.transform.local:
            return self.transform.source_name
        return crs_label(self.source_crs)

    @property
    def operation(self) -> str:
        """Name of the operation, with what else is done to the coordinates."""
        name = self.transform.operation.name
        before = f"{self.transform.obfuscation} removed + " if self.transform.obfuscation else ""
        after = f"; H = h − N ({self.vertical.spec})" if self.to_degrees else ""
        return before + name + after + (f"; H {self.height_offset_m:+g} m" if self.height_offset_m else "")

    @property
    def is_unchanged(self) -> bool:
        """Whether positions are stored as they are."""
        return self.transform.operation.pipeline == UNCHANGED and self.transform.local is None

    @property
    def changes_heights(self) -> bool:
        """Whether heights are counted from something else than the deployment's, or corrected."""
        return self.to_degrees is not None or self.height_offset_m != 0.0

    @property
    def unit_m(self) -> float:
        """The greatest length in metres of one unit of the source's coordinates."""
        if self.transform.local is not None:
            return 1.0
        return unit_length_m(parse_crs("EPSG:4326" if self.transform.obfuscation else self.source_crs))

    def place(self, geometry: Geometries) -> Placed:
        """Return ``geometry`` (source CRS, all finite) in the storage CRS."""
        if self.is_unchanged and not self.changes_heights:
            return Placed(geometry, ~self._inside(shapely.bounds(geometry)), np.zeros(len(geometry), dtype=bool))
        inside = np.ones(len(geometry), dtype=bool)
        reached = np.ones(len(geometry), dtype=bool)
        placed = np.full(len(geometry), None, dtype=object)
        with_z = shapely.has_z(geometry)
        for include_z in (False, True):
            chosen = np.flatnonzero(with_z == include_z)
            if len(chosen):
                coordinates, owner = shapely.get_coordinates(geometry[chosen], include_z=include_z, return_index=True)
                moved, ok = self._move(coordinates)
                inside[chosen[np.unique(owner[~ok])]] = False
                reached[chosen[np.unique(owner[~np.isfinite(moved).all(axis=1)])]] = False
                there = reached[chosen]
                placed[chosen[there]] = shapely.set_coordinates(geometry[chosen[there]], moved[there[owner]])
        return Placed(placed, ~inside & reached, ~reached)

    @property
    def keeps_vertices(self) -> bool:
        """Whether positions and heights are stored bit by bit as they are."""
        return self.is_unchanged and not self.changes_heights and self.transform.height_unit_m == 1.0

    def holds(self, low: FloatArray, high: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which of (n, 3) boxes, NaN where a vertex is not finite, `place_vertices` would take all of, where nothing is moved."""
        inside = self._inside(np.column_stack([low[:, :2], high[:, :2]])) & np.isfinite(low + high).all(axis=1)
        return inside & self.storage.inside(low[:, 0], low[:, 1]) & self.storage.inside(high[:, 0], high[:, 1])

    def place_vertices(self, vertices: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Return (n, 3) vertices in the storage CRS and the deployment's heights, and which of them lie where they may."""
        moved, ok = self._move(vertices)
        return moved, ok & np.isfinite(moved).all(axis=1)

    def place_point(self, x: float, y: float) -> tuple[float, float]:
        """Return one point of the source CRS in the storage CRS."""
        placed = self.place_points(np.array([[x, y]]))
        return float(placed[0, 0]), float(placed[0, 1])

    def place_points(self, points: FloatArray) -> FloatArray:
        """Return points (n, 2) of the source CRS in the storage CRS, not finite where they have no place there."""
        if self.is_unchanged:
            return points
        moved = self.transform.transform(points[:, 0], points[:, 1])
        return np.column_stack([moved.x, moved.y])

    def lie_inside(self, bounds: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which of (n, 4) bounds in the source CRS, any numbers, lie where the deployment is, by two of their corners."""
        if self.is_unchanged:
            return self._inside(bounds)
        low = self.transform.transform(bounds[:, 0], bounds[:, 1])
        high = self.transform.transform(bounds[:, 2], bounds[:, 3])
        return self._inside(np.column_stack([low.x, low.y, high.x, high.y])) & low.ok & high.ok

    def _inside(self, bounds: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which of (n, 4) bounds in the storage CRS lie where the deployment is; none that are not numbers do."""
        west, south, east, north = self.bounds_m
        inside: npt.NDArray[np.bool_] = np.logical_and.reduce(
            [bounds[:, 0] >= west, bounds[:, 1] >= south, bounds[:, 2] <= east, bounds[:, 3] <= north]
        )
        return inside

    def _move(self, coordinates: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        z = coordinates[:, 2] if coordinates.shape[1] == 3 else None
        result = self.transform.transform(coordinates[:, 0], coordinates[:, 1], z)
        west, south, east, north = self.bounds_m
        ok = result.ok & (result.x >= west) & (result.x <= east) & (result.y >= south) & (result.y <= north)
        if result.z is None:
            return np.column_stack([result.x, result.y]), ok
        heights = result.z + self._lift_m(result.x, result.y)
        return np.column_stack([result.x, result.y, heights]), ok & np.isfinite(heights)

    def lift_m(self, geometry: Geometries) -> FloatArray:
        """Return what has to be added to heights among the attributes of each row, by the first vertex of its geometry; NaN without one."""
        first = np.full((len(geometry), 2), np.nan)
        coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
        rows, begins = np.unique(owner, return_index=True)
        first[rows] = coordinates[begins]
        moved = self.transform.transform(first[:, 0], first[:, 1])
        return self._lift_m(moved.x, moved.y)

    def _lift_m(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return what has to be added to heights of the source at points of the storage CRS."""
        if self.to_degrees is None:
            return np.full(x.shape, self.height_offset_m)
        longitude, latitude = self.to_degrees.transform(x, y)
        return self.height_offset_m - self.vertical.separation_m(longitude, latitude)


def georeference(request: ReadRequest, layer: str, file_crs: str | None, assumed: bool) -> Georeference:
    """Return how ``layer`` gets into the storage CRS: what is declared goes before what the file says.

    RejectedError ``crs-undeclared`` when neither says anything, CrsError as `twin.crs.to_storage`, BadRequestError
    ``vertical`` for heights that cannot be brought to the deployment's.
    """
    named = declared_crs(request.crs) if request.crs else file_crs
    if named is None:
        raise crs_undeclared(layer)
    if request.vertical not in (None, ELLIPSOIDAL):
        raise BadRequestError(
            f"Not a kind of heights: {request.vertical!r}; leave it out or say {ELLIPSOIDAL}",
            zh=f"无法识别的高程类型：{request.vertical!r}；可省略，或写 {ELLIPSOIDAL}",
        ).with_code("vertical")
    declared = (request.storage_srid, request.extent_deg, request.vertical, request.deployment_vertical, request.proj_data_dirs)
    chosen = _chosen(named, assumed and request.crs is None, *declared, request.local_crs)
    return replace(chosen, height_offset_m=request.height_offset_m) if request.height_offset_m else chosen


@lru_cache(maxsize=16)
def _chosen(
    named: str,
    assumed: bool,
    storage_srid: int,
    extent_deg: tuple[float, float, float, float] | None,
    vertical: str | None,
    deployment_vertical: str,
    proj_data_dirs: tuple[Path, ...],
    local: tuple[LocalCrs, ...],
) -> Georeference:
    """Return the way from one CRS, chosen once for all layers of a file that are in it: PROJ takes a fifth of a second to choose."""
    storage = storage_crs(storage_srid)
    transform = _unchanged_where_equal(to_storage(named, storage, extent_deg, local), named, storage)
    model = vertical_model(deployment_vertical, proj_data_dirs)
    ellipsoidal = vertical == ELLIPSOIDAL or (vertical is None and transform.height_kind == "ellipsoidal" and model.known)
    to_degrees = storage.to_crs84(extent_deg) if ellipsoidal else None
    return Georeference(named, assumed, transform, storage, deployment_bounds_m(storage, extent_deg), to_degrees, model)


def _unchanged_where_equal(transform: SourceTransform, named: str, storage: StorageCrs) -> SourceTransform:
    """Return ``transform`` without any arithmetic where the source is in the storage CRS: its coordinates stay bit by bit."""
    crs = None if transform.obfuscation is not None or transform.local is not None else parse_crs(named)
    if crs is None or (crs.sub_crs_list[0] if crs.is_compound else crs).to_epsg() != storage.srid:
        return transform
    return replace(transform, operation=Operation(UNCHANGED, "unchanged", 0.0))


def crs_label(text: str) -> str:
    """Return a CRS (authority code or WKT) as a person names it: authority code, else name."""
    crs = parse_crs(text)
    code = crs.to_authority()
    return ":".join(code) if code else crs.name


def declared_crs(text: str) -> str:
    """Return the CRS a user declares: the text itself, or the WKT in the file it names."""
    if not text.startswith("/"):
        return text
    path = Path(text)
    if path.stat().st_size > _MAX_WKT_BYTES:
        raise rejected("crs", f"{path.name} is too large for a CRS definition.", f"{path.name} 过大，不是坐标系定义文件。")
    return path.read_text("utf-8")


def deployment_bounds_m(storage: StorageCrs, extent_deg: tuple[float, float, float, float] | None) -> tuple[float, float, float, float]:
    """Return what the deployment covers as min x, min y, max x, max y: its extent with a margin, else the area of use."""
    if extent_deg is None:
        return storage.bounds_m
    west, south, east, north = extent_deg
    lon, lat = np.meshgrid(np.linspace(west, east, 21), np.linspace(south, north, 21))
    x, y = storage.to_crs84(extent_deg).inverse(lon, lat)
    x0, y0, x1, y1 = float(np.nanmin(x)), float(np.nanmin(y)), float(np.nanmax(x)), float(np.nanmax(y))
    margin = max(_EXTENT_MARGIN_M, _EXTENT_MARGIN * (x1 - x0), _EXTENT_MARGIN * (y1 - y0))
    return x0 - margin, y0 - margin, x1 + margin, y1 + margin
