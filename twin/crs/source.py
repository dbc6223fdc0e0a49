"""From the CRS a file declares into the storage CRS of the deployment, with every failure flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyproj

from twin.crs.local import LocalCrs, is_local, local_named
from twin.crs.obfuscation import bd09_from_wgs84, gcj02_from_wgs84, wgs84_from_bd09, wgs84_from_gcj02
from twin.crs.operation import CrsError, Extent, FloatArray, Operation, operation, parse_crs
from twin.crs.storage import StorageCrs

type HeightKind = Literal["unstated", "gravity", "ellipsoidal"]
type Obfuscation = Literal["X-GCJ02", "X-BD09"]


@dataclass(frozen=True)
class Transformed:
    """Coordinates in the storage CRS; rows where ``ok`` is False are non-finite or outside its area of use."""

    x: FloatArray
    y: FloatArray
    z: FloatArray | None
    ok: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SourceTransform:
    """The fixed way from one source CRS into the storage CRS; can be sent to another process."""

    source_name: str
    operation: Operation
    obfuscation: Obfuscation | None
    height_kind: HeightKind
    """What z of the source means: "gravity" H, "ellipsoidal" h (subtract N before it is stored), or unstated."""
    height_unit_m: float
    """Metres per unit of the source's z; ``transform`` applies it."""
    storage: StorageCrs
    local: LocalCrs | None = None
    """A city's own system, from which coordinates are brought to its base first."""

    def transform(self, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike | None = None) -> Transformed:
        """Return ``x``, ``y`` (x = east or longitude first) in the storage CRS; z is only brought to metres."""
        lon_or_x, lat_or_y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if self.obfuscation is not None:
            remove = wgs84_from_gcj02 if self.obfuscation == "X-GCJ02" else wgs84_from_bd09
            lon_or_x, lat_or_y = remove(lon_or_x, lat_or_y)
        if self.local is not None:
            lon_or_x, lat_or_y = self.local.to_base(lon_or_x, lat_or_y)
        out_x, out_y = self.operation.transform(lon_or_x, lat_or_y)
        out_z = None if z is None else np.asarray(z, np.float64) * self.height_unit_m
        ok = self.storage.inside(out_x, out_y)
        return Transformed(out_x, out_y, out_z, ok if out_z is None else ok & np.isfinite(out_z))

    def inverse(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return positions of the storage CRS as ``transform`` takes them, to 0.01 mm; NaN where there are none."""
        east, north = self.operation.inverse(x, y)
        if self.obfuscation is not None:
            return (gcj02_from_wgs84 if self.obfuscation == "X-GCJ02" else bd09_from_wgs84)(east, north)
        return (east, north) if self.local is None else self.local.from_base(east, north)


def to_storage(
    source: str | int | pyproj.CRS, storage: StorageCrs, area_deg: Extent | None = None, local: tuple[LocalCrs, ...] = ()
) -> SourceTransform:
    """Return the way from ``source`` into ``storage``, chosen once for ``area_deg``.

    ``source`` is EPSG:n, WKT, a PROJ string, X-GCJ02 / X-BD09 (degrees with a web map's offset, which is removed
    exactly), or X-LOCAL:name for one of the systems in ``local``. Compound and 3D systems are split: positions by their
    horizontal part, z by unit and kind. CrsError as for ``operation``; geocentric, engineering and purely vertical systems
    are refused.
    """
    obfuscation: Obfuscation | None = None
    if isinstance(source, str) and is_local(source):
        return _from_local(local_named(source, local), storage, area_deg)
    if isinstance(source, str) and source.upper() in ("X-GCJ02", "X-BD09"):
        obfuscation = "X-GCJ02" if source.upper() == "X-GCJ02" else "X-BD09"
        source = 4326
    crs = source if isinstance(source, pyproj.CRS) else parse_crs(source)
    horizontal, kind, unit_m = _split(crs)
    chosen = operation(horizontal, storage.crs, area_deg)
    return SourceTransform(obfuscation or crs.name, chosen, obfuscation, kind, unit_m, storage)


def _from_local(local: LocalCrs, storage: StorageCrs, area_deg: Extent | None) -> SourceTransform:
    base = operation(parse_crs(local.base), storage.crs, area_deg)
    known = None if local.accuracy_m is None else local.accuracy_m + (base.accuracy_m or 0.0)
    named = Operation(base.pipeline, f"{local.label} → {local.base} + {base.name}", known, base.better_unavailable)
    return SourceTransform(local.label, named, None, "unstated", 1.0, storage, local)


def _split(crs: pyproj.CRS) -> tuple[pyproj.CRS, HeightKind, float]:
    """Return the horizontal part, what z means, and metres per unit of z."""
    if crs.is_compound:
        horizontal, vertical = crs.sub_crs_list[0], crs.sub_crs_list[1]
        factor = vertical.axis_info[0].unit_conversion_factor
        return horizontal, "gravity", -factor if vertical.axis_info[0].direction == "down" else factor
    if crs.is_geocentric:
        raise CrsError(
            f"{crs.name} is geocentric here (X, Y, Z from the centre of the Earth): transform the file to map coordinates first",
            zh=f"文件的坐标是 {crs.name} 地心直角坐标（X、Y、Z），请先转换为平面或经纬度坐标",
        ).with_code("crs-unfit")
    if not (crs.is_projected or crs.is_geographic):
        raise CrsError(f"{crs.name} is not a map coordinate system", zh=f"{crs.name} 不是平面或经纬度坐标系").with_code("crs-unfit")
    if len(crs.axis_info) == 3:
        return crs.to_2d(), "ellipsoidal", crs.axis_info[2].unit_conversion_factor
    return crs, "unstated", 1.0
