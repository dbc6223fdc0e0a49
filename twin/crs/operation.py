"""Choosing the one coordinate operation between two CRSs, strictly, and applying it (DESIGN 9).

PROJ silently falls back to a *ballpark* operation where it knows no real one; here that is an error. One exception is
made, explicitly and on record: CGCS2000 and WGS 84 are taken as equal (EPSG:4490 ≡ 4326, 4479 ≡ 4978). Both are
aligned to the ITRF and their ellipsoids differ by 0.1 mm in the semi-minor axis, yet PROJ holds no operation between them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast, overload

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj.aoi import AreaOfInterest, AreaOfUse
from pyproj.exceptions import CRSError
from pyproj.transformer import TransformerGroup

from twin.errors import RejectedError

type FloatArray = npt.NDArray[np.float64]
type Extent = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

WORST_ACCURACY_M = 10.0
"""An operation less accurate than this is refused: a pipe must not move by the width of a street."""

EQUIVALENCE_ACCURACY_M = 0.0001
_NOOP = "+proj=noop"
EQUIVALENCE_NAME = "CGCS2000 ≡ WGS 84 (taken as equal, 0.1 mm)"

_WGS84 = {4326, 4978, 4979}
_CGCS2000 = {4490, 4479, 4480}
_OF_OGC: Mapping[tuple[str, ...], int] = {("OGC", "CRS84"): 4326, ("OGC", "CRS84h"): 4979}
"""Those of OGC, which differ from EPSG's in the order of their axes only."""
_NEEDS_PARAMETERS = {4214: "Beijing 1954", 4555: "New Beijing", 4610: "Xian 1980"}
_UNNAMED = frozenset({None, 4024})
"""EPSG codes of datums that nobody names: none at all, and any on Krassowsky's ellipsoid."""
_OLD_ELLIPSOIDS = ((6_378_245.0, 298.3, "Krassowsky 1940 (Beijing 1954?)"), (6_378_140.0, 298.257, "IAG 1975 (Xian 1980?)"))
"""Semi-major axis in metres and inverse flattening, and what a datum of another name on it is called: ArcGIS says D_Krasovsky_1940."""
_SAME_AXIS_M, _SAME_FLATTENING = 0.01, 0.001


class CrsError(RejectedError):
    """A coordinate reference system is unknown, unfit, or cannot be reached exactly."""

    code = "crs"


def add_grid_directories(directories: Sequence[Path]) -> None:
    """Let PROJ find the grids in ``directories``; call it once in every process (the pyproj wheel ignores PROJ_DATA)."""
    known = pyproj.datadir.get_data_dir().split(":")
    for directory in directories:
        if str(directory) not in known and directory.is_dir():
            pyproj.datadir.append_data_dir(str(directory))


def parse_crs(text: str | int) -> pyproj.CRS:
    """Return the CRS that ``text`` (EPSG:n, an EPSG number, WKT, a PROJ string) defines; CrsError when there is none."""
    try:
        return pyproj.CRS.from_user_input(text)
    except CRSError as error:
        shown = str(text)[:80]
        raise CrsError(f"Not a coordinate reference system: {shown}", zh=f"无法识别的坐标参照系：{shown}").with_code(
            "crs-unknown"
        ) from error


@dataclass(frozen=True)
class Operation:
    """One fixed coordinate operation; coordinates are always x = east or longitude, y = north or latitude.

    It is wholly given by ``pipeline``: stored in a deployment or sent to another process, it computes the same there.
    """

    pipeline: str
    """PROJ pipeline; degrees for geographic ends, the CRS's own units otherwise."""
    name: str
    accuracy_m: float | None
    """As stated by its source; None where that says nothing."""
    better_unavailable: tuple[str, ...] = ()
    """Operations PROJ ranks higher that need a grid which is not installed."""

    @overload
    def transform(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]: ...
    @overload
    def transform(self, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def transform(self, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike | None = None) -> tuple[FloatArray, ...]:
        """Return the coordinates in the target CRS, NaN where the operation does not reach (arrays of equal shape)."""
        return self._apply("FORWARD", x, y, z)

    @overload
    def inverse(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]: ...
    @overload
    def inverse(self, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def inverse(self, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike | None = None) -> tuple[FloatArray, ...]:
        """Return the coordinates in the source CRS, NaN where the operation does not reach."""
        return self._apply("INVERSE", x, y, z)

    def _apply(self, direction: str, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike | None) -> tuple[FloatArray, ...]:
        given = [np.array(a, dtype=np.float64, order="C") for a in ((x, y) if z is None else (x, y, z))]
        shape = given[0].shape
        arrays = [np.atleast_1d(a) for a in np.broadcast_arrays(*given)]
        if not self._is_identity:
            flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
            arrays = list(self._transformer.transform(*flat, direction=direction))  # type: ignore[call-overload]
        bad = ~np.logical_and.reduce([np.isfinite(a) for a in arrays])
        return tuple(np.where(bad, np.nan, a).reshape(shape) for a in arrays)

    @property
    def _is_identity(self) -> bool:
        return self.pipeline == _NOOP

    @cached_property
    def _transformer(self) -> pyproj.Transformer:
        return pyproj.Transformer.from_pipeline(self.pipeline)

    def __reduce__(self) -> tuple[type[Operation], tuple[object, ...]]:
        return Operation, (self.pipeline, self.name, self.accuracy_m, self.better_unavailable)


def operation(source: pyproj.CRS, target: pyproj.CRS, area_deg: Extent | None = None) -> Operation:
    """Return the best operation from ``source`` to ``target`` for ``area_deg``, never a ballpark one.

    Best is PROJ's order (extent, then accuracy) among operations whose grids are at hand and whose area of use contains
    the centre of ``area_deg`` (default: where both CRSs may be used). Where PROJ knows none, the legs to and from WGS 84
    are joined by CGCS2000 ≡ WGS 84. CrsError when nothing exact remains, or when a datum needs parameters that only the
    surveying authority has (Beijing 1954, Xian 1980).
    """
    _refuse_legacy_datum(source, target)
    area = area_deg or _common_area(_area_of_use(source), _area_of_use(target))
    is_equivalence = {datum_equivalent(source), datum_equivalent(target)} == {"CGCS2000", "WGS84"}
    direct = None if is_equivalence else _strict(source, target, area)  # PROJ searches half a second for what it has not
    if direct is not None:
        return _within_accuracy(direct, source, target)
    joined = _through_equivalence(source, target, area)
    if joined is not None:
        return _within_accuracy(joined, source, target)
    raise CrsError(
        f"No exact operation leads from {source.name} to {target.name} here; only an approximate one, which is refused",
        zh=f"{source.name} 与 {target.name} 之间没有可用的严密转换，近似转换不予采用",
    ).with_code("crs-no-operation")


def join(name: str, accuracy_m: float | None, *operations: Operation) -> Operation:
    """Return one operation that does ``operations`` in turn."""
    steps = [step for op in operations for step in _steps(op.pipeline)]
    missing = tuple(dict.fromkeys(m for op in operations for m in op.better_unavailable))
    return Operation(_pipeline(steps), name, accuracy_m, missing)


def datum_equivalent(crs: pyproj.CRS) -> str | None:
    """Return "CGCS2000" or "WGS84" when ``crs`` stands on that datum, else None."""
    base = _geodetic_code(crs)
    return "CGCS2000" if base in _CGCS2000 else "WGS84" if base in _WGS84 else None


def legacy_datum(crs: pyproj.CRS) -> str | None:
    """Return the name of the datum whose parameters only the surveying authority has (Beijing 1954, Xian 1980), None for others.

    A datum of no known name on their ellipsoids is taken for one of them. Of a compound CRS the horizontal part counts, which may
    bring its own parameters (TOWGS84).
    """
    horizontal = crs.sub_crs_list[0] if crs.is_compound else crs
    if horizontal.is_bound:
        return None
    code = _geodetic_code(horizontal)
    return _on_old_ellipsoid(horizontal) if code in _UNNAMED else _NEEDS_PARAMETERS.get(code or 0)


def _on_old_ellipsoid(crs: pyproj.CRS) -> str | None:
    ellipsoid = crs.ellipsoid
    if ellipsoid is None:
        return None
    axis_m, flattening = ellipsoid.semi_major_metre, ellipsoid.inverse_flattening
    near = (name for a, f, name in _OLD_ELLIPSOIDS if abs(axis_m - a) <= _SAME_AXIS_M and abs(flattening - f) <= _SAME_FLATTENING)
    return next(near, None)


def _strict(source: pyproj.CRS, target: pyproj.CRS, area: Extent | None) -> Operation | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a better operation lacks its grid: recorded below instead
        group = TransformerGroup(
            source,
            target,
            always_xy=True,
            allow_ballpark=False,
            area_of_interest=AreaOfInterest(*area) if area else None,  # type: ignore[arg-type]  # pyproj has two
        )
    bound = source.is_bound or target.is_bound
    for transformer in group.transformers:
        if _covers(transformer, area):
            accuracy = transformer.accuracy if transformer.accuracy >= 0 else None if bound else 0.0
            steps = _steps(transformer.definition)
            better = tuple(op.name for op in group.unavailable_operations) if not group.best_available else ()
            return Operation(_pipeline(steps), _plain(transformer.description), accuracy, tuple(map(_plain, better)))
    return None


def _through_equivalence(source: pyproj.CRS, target: pyproj.CRS, area: Extent | None) -> Operation | None:
    ends = {datum_equivalent(source), datum_equivalent(target)}
    if "CGCS2000" not in ends or ends == {"CGCS2000"}:
        return None
    geocentric = source.is_geocentric or target.is_geocentric
    cgcs2000, wgs84 = (pyproj.CRS(4480), pyproj.CRS(4979)) if geocentric else (pyproj.CRS(4490), pyproj.CRS(4326))
    middle = (cgcs2000, wgs84) if datum_equivalent(source) == "CGCS2000" else (wgs84, cgcs2000)
    first, second = _strict(source, middle[0], area), _strict(middle[1], target, area)
    if first is None or second is None:
        return None
    unknown = first.accuracy_m is None or second.accuracy_m is None
    accuracy = None if unknown else (first.accuracy_m or 0.0) + (second.accuracy_m or 0.0) + EQUIVALENCE_ACCURACY_M
    before, after = ("" if leg.pipeline == _NOOP else leg.name for leg in (first, second))
    return join(" + ".join(n for n in (before, EQUIVALENCE_NAME, after) if n), accuracy, first, second)


def _plain(description: str) -> str:
    return description.removesuffix(" (with axis order normalized for visualization)")


def _covers(transformer: pyproj.Transformer, area: Extent | None) -> bool:
    use = cast("AreaOfUse | None", transformer.area_of_use)
    if use is None or area is None:
        return True
    x, y = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    in_x = use.west <= x <= use.east if use.west <= use.east else x >= use.west or x <= use.east
    return in_x and use.south <= y <= use.north


def _within_accuracy(op: Operation, source: pyproj.CRS, target: pyproj.CRS) -> Operation:
    if op.accuracy_m is not None and op.accuracy_m > WORST_ACCURACY_M:
        raise CrsError(
            f"The best operation from {source.name} to {target.name} is good to {op.accuracy_m:g} m only: refused",
            zh=f"{source.name} 至 {target.name} 的最佳转换精度仅 {op.accuracy_m:g} 米，不予采用",
        ).with_code("crs-no-operation")
    return op


def _refuse_legacy_datum(source: pyproj.CRS, target: pyproj.CRS) -> None:
    names = [legacy_datum(crs) for crs in (source, target)]
    if names[0] == names[1]:
        return
    for name in names:
        if name is not None:
            raise CrsError(
                f"{name} coordinates cannot be transformed without the parameters of the surveying authority: have them configured as"
                " X-LOCAL:name, or the file transformed to CGCS2000 by the authority",
                zh=f"{name} 坐标缺少测绘主管部门的转换参数，不能转换；请以 X-LOCAL:名称 配置参数，或由主管部门转换为 CGCS2000 后提交",
            ).with_code("crs-parameters-needed")


def _geodetic_code(crs: pyproj.CRS) -> int | None:
    base = crs.geodetic_crs
    if base is None:
        return None
    return _OF_OGC.get(tuple(base.to_authority() or ())) or base.to_epsg(min_confidence=20)


def _area_of_use(crs: pyproj.CRS) -> Extent | None:
    use = crs.area_of_use
    return None if use is None else (use.west, use.south, use.east, use.north)


def _common_area(one: Extent | None, other: Extent | None) -> Extent | None:
    if one is None or other is None:
        return one or other
    common = max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
    return common if common[0] < common[2] and common[1] < common[3] else other


def _steps(definition: str) -> list[str]:
    """Split a PROJ definition into its steps ("inv proj=tmerc …"), dropping those that do nothing."""
    words = [word.removeprefix("+") for word in definition.split()]
    if words[0] == "proj=pipeline":
        words = words[words.index("step") + 1 :] if "step" in words else []
    steps = " ".join(words).split(" step ")
    return [s for s in steps if s and not s.startswith("proj=noop")]


def _pipeline(steps: Sequence[str]) -> str:
    if not steps:
        return _NOOP
    return "+proj=pipeline " + " ".join("+step " + " ".join("+" + w for w in s.split()) for s in steps)
