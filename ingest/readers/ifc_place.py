"""Where an IFC model stands: by its map conversion, else by latitude and longitude of its site, else nowhere.

IfcMapConversion and IfcProjectedCRS are of IFC4 (ISO 16739-1 §8.18.3); models of IFC2x3 carry them as property sets ePSet_MapConversion and
ePSet_ProjectedCRS of the site (buildingSMART, "User guide for geo-referencing in IFC"). A site's position is known to the second of arc
at best, and many programs write their own office there, so it is an assumption that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ifcopenshell
import ifcopenshell.util.geolocation
import ifcopenshell.util.unit
import numpy as np
import numpy.typing as npt
import pyproj

from twin.errors import Text

FloatArray = npt.NDArray[np.float64]

_SCALE_SHARE = 0.01
"""A scale to metres may hold the map's own scale factor, too."""
_BY_MAP = Text(zh="按模型的地图转换参数定位", en="placed by the map conversion of the model")
_BY_SITE = Text(
    zh="按场地经纬度（{latitude:z.6f}°N, {longitude:z.6f}°E）定位，仅供参考：许多软件在此写入默认地点，请核对或用 --crs 声明坐标系",
    en="placed by the latitude and longitude of its site ({latitude:z.6f}°, {longitude:z.6f}°), which many programs fill in themselves:"
    " look at it, or declare the CRS of the coordinates with --crs",
)


@dataclass(frozen=True, slots=True)
class _UnitNote:
    """What is said where only one reading of a map's unit puts the model into the area of its CRS."""

    zh: str
    en: str

    def format(self, unit_m: float) -> Text:
        """Return the note with the length of the unit in metres."""
        return Text(self.zh.format(unit_m=unit_m), self.en.format(unit_m=unit_m))


_IN_MAP_UNITS = _UnitNote(
    "按模型的地图转换参数定位；坐标值以 {unit_m:g} 米为单位（地图未注明米，或注明该单位），只有换算后才落在坐标系适用区内",
    "placed by the map conversion of the model; its numbers are in units of {unit_m:g} m, which the map names, or the project where it"
    " names none: only so they lie where the CRS is used",
)
_IN_GRID_UNITS = _UnitNote(
    "按模型的地图转换参数定位；东、北坐标和高程按坐标系的单位读取，模型自身以 {unit_m:g} 米为单位：只有这样才落在坐标系适用区内，请核对",
    "placed by the map conversion of the model; eastings, northings and height are taken in the unit of the CRS, the model itself in"
    " {unit_m:g} m: only so it lies where the CRS is used; look at it",
)
_BY_SIZE = Text(
    zh="；比例（Scale）与模型、地图的单位不符，未采用，模型保持自身尺寸，请核对",
    en="; its scale is not that of the units of model and map and is passed over, the model keeps its size: look at it",
)


@dataclass(frozen=True, slots=True)
class Placement:
    """The way from the model's metres into a map."""

    crs: str | None
    """Of the placed coordinates; None when the model does not say where it stands."""
    assumed: bool
    origin: FloatArray
    axes: FloatArray
    """(3, 3): where one metre of each of the model's axes goes."""
    note: Text | None

    def place(self, vertices: FloatArray) -> FloatArray:
        """Return (n, 3) metres of the model as coordinates of ``crs``."""
        placed: FloatArray = self.origin + vertices @ self.axes
        return placed


def placement_of(model: ifcopenshell.file, *, declared: bool) -> Placement:
    """Return where the model stands; where its CRS was ``declared`` a site's latitude and longitude play no part."""
    scale = ifcopenshell.util.unit.calculate_unit_scale(model)
    crs = _projected_crs(model)
    if crs is not None and ifcopenshell.util.geolocation.get_helmert_transformation_parameters(model) is not None:
        return _by_map_conversion(model, crs, scale)
    if not declared and (site := _site_deg(model)) is not None:
        return _by_site(model, site, scale)
    return Placement(crs=None, assumed=False, origin=np.zeros(3), axes=np.eye(3), note=None)


def _by_map_conversion(model: ifcopenshell.file, crs: str, scale: float) -> Placement:
    ends = [(0.0, 0.0, 0.0), *np.eye(3) / scale]
    placed = np.array([ifcopenshell.util.geolocation.auto_xyz2enh(model, *map(float, end)) for end in ends], dtype=np.float64)
    unit_m, origin = _map_unit_m(model, scale), placed[0]
    grid_m = pyproj.CRS.from_user_input(crs).axis_info[0].unit_conversion_factor
    to_grid = unit_m / grid_m
    axis_unit_m = _axis_unit_m(placed[1:] - placed[0], (unit_m, grid_m, scale))
    axes = (placed[1:] - placed[0]) * np.array([axis_unit_m / grid_m, axis_unit_m / grid_m, axis_unit_m])
    odd = Text("", "") if np.isclose(axis_unit_m, unit_m) else _BY_SIZE
    if np.isclose(to_grid, 1.0, rtol=_SCALE_SHARE) or _lies_in_use(crs, origin) == _lies_in_use(crs, origin * to_grid):
        # positions stay in the units of the CRS; heights come in metres whatever the map's unit
        return Placement(crs, assumed=False, origin=origin * [1.0, 1.0, unit_m], axes=axes, note=_joined(_BY_MAP, odd))
    is_scaled = _lies_in_use(crs, origin * to_grid)
    factors = np.array([to_grid, to_grid, unit_m])
    note = (_IN_MAP_UNITS if is_scaled else _IN_GRID_UNITS).format(unit_m)
    return Placement(crs, assumed=False, origin=origin * factors if is_scaled else origin, axes=axes, note=_joined(note, odd))


def _joined(first: Text, then: Text) -> Text:
    return Text(first.zh + then.zh, first.en + then.en)


def _axis_unit_m(axes: FloatArray, units_m: Sequence[float]) -> float:
    """Return in which of ``units_m`` axes are along which a metre of the model is one; the first where it is in none.

    A scale should lead to the unit that the map names; some lead to that of the CRS, or to none.
    """
    length = float(np.linalg.norm(axes[0]))
    return next((unit_m for unit_m in units_m if np.isclose(length * unit_m, 1.0, rtol=_SCALE_SHARE)), units_m[0])


def _lies_in_use(crs: str, position: FloatArray) -> bool:
    """Return whether an easting and northing lie where their CRS is used; False for a CRS of which that is not known."""
    named = pyproj.CRS.from_user_input(crs)
    parsed = named.sub_crs_list[0] if named.is_compound else named
    use = parsed.area_of_use
    if use is None or not parsed.is_projected:
        return False
    lon, lat = pyproj.Proj(parsed)(position[0], position[1], inverse=True)
    return bool(use.west <= lon <= use.east and use.south <= lat <= use.north)


def _by_site(model: ifcopenshell.file, site: tuple[float, float, float], scale: float) -> Placement:
    latitude, longitude, elevation = site
    crs = pyproj.CRS.from_proj4(f"+proj=tmerc +lat_0={latitude!r} +lon_0={longitude!r} +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs")
    named = crs.to_wkt().replace('"unknown"', f'"site at {latitude:.5f}, {longitude:.5f}"', 1)
    turn = _turn_to_north(model)
    axes = np.array([[np.cos(turn), np.sin(turn), 0.0], [-np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    note = Text(*(t.format(latitude=latitude, longitude=longitude) for t in (_BY_SITE.zh, _BY_SITE.en)))
    return Placement(named, assumed=True, origin=np.array([0.0, 0.0, elevation * scale]), axes=axes, note=note)


def _turn_to_north(model: ifcopenshell.file) -> float:
    """Return the angle, anticlockwise, that turns the model until true north lies along y."""
    for context in model.by_type("IfcGeometricRepresentationContext", include_subtypes=False):
        if context.TrueNorth is not None:
            x, y = context.TrueNorth.DirectionRatios[:2]
            return float(np.pi / 2 - np.arctan2(y, x))
    return 0.0


def _projected_crs(model: ifcopenshell.file) -> str | None:
    """Return the name of the map's CRS as IfcProjectedCRS or its property set has it."""
    named = ifcopenshell.util.geolocation.get_crs(model)
    name = str((named or {}).get("Name") or "").strip()
    if not name:
        return None
    try:
        pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError:
        return None
    return name


def _map_unit_m(model: ifcopenshell.file, scale: float) -> float:
    """Return the length in metres of a unit of the map; where none is named the metre if the scale leads to it, else the project's."""
    units = [] if model.schema == "IFC2X3" else [crs.MapUnit for crs in model.by_type("IfcProjectedCRS") if crs.MapUnit is not None]
    if units:
        return float(ifcopenshell.util.unit.convert(1.0, getattr(units[0], "Prefix", None), units[0].Name, None, "METRE"))
    helmert = ifcopenshell.util.geolocation.get_helmert_transformation_parameters(model)
    scales_to_metres = helmert is not None and bool(np.isclose(helmert.scale, scale, rtol=_SCALE_SHARE, atol=0.0))
    return 1.0 if scales_to_metres else scale


def _site_deg(model: ifcopenshell.file) -> tuple[float, float, float] | None:
    """Return latitude, longitude (degrees) and elevation (project unit) of the first site that has them."""
    for site in model.by_type("IfcSite"):
        if site.RefLatitude and site.RefLongitude:
            return _degrees(site.RefLatitude), _degrees(site.RefLongitude), float(site.RefElevation or 0.0)
    return None


def _degrees(angle: Sequence[int]) -> float:
    """Return an IfcCompoundPlaneAngleMeasure in degrees: degrees, minutes, seconds and millionths of a second, all of one sign."""
    degrees, minutes, seconds, millionths = (*angle, 0)[:4]
    return degrees + minutes / 60 + (seconds + millionths / 1e6) / 3600
