"""A horizontal CRS as codes and numbers: what may leave the sandbox in place of a file's own definition.

A definition (WKT, PROJJSON) is a text from a stranger for a parser in C++. What projections are made of is few numbers: an EPSG method,
its parameters, and the geographic CRS they stand on, which the registry has. Built again from those it is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyproj

from twin.crs.operation import CrsError, parse_crs
from twin.errors import TwinError

_DEGREE, _METRE, _UNITY = "degree", "metre", "unity"
_RADIANS_PER_DEGREE = math.pi / 180
_MOST_PARAMETERS = 12
_OFTEN_UNNAMED = (4490, 4326)
_LIKE_ONE = 20
"""Confidence at which PROJ names a CRS that is like one of the registry; whether it is that one is then asked."""


@dataclass(frozen=True, slots=True)
class PortableCrs:
    """A CRS of the EPSG registry, or a projection on one."""

    srid: int
    """EPSG number of the CRS itself, or of the geographic CRS that it projects."""
    method: int | None = None
    """EPSG number of the method of projection; None: it is the CRS ``srid``."""
    parameters: tuple[tuple[int, float, str], ...] = ()
    """(EPSG number, value, unit: degree, metre or unity)."""
    unit_m: float = 1.0
    """Metres in a unit of its axes."""

    def crs(self) -> pyproj.CRS:
        """Return the CRS, easting first where it is a projection; CrsError for what makes none."""
        registered = parse_crs(f"EPSG:{self.srid}")
        if self.method is None:
            return registered
        if not registered.is_geographic or len(self.parameters) > _MOST_PARAMETERS:
            raise _unfit(registered.name)
        return parse_crs(pyproj.CRS.from_json_dict(_projected(self, registered)).to_wkt())


def portable(crs: pyproj.CRS) -> PortableCrs:
    """Return the horizontal part of a CRS as codes and numbers; CrsError ``crs-unfit`` for one on a datum of its own or bound to one."""
    horizontal = crs.sub_crs_list[0] if crs.is_compound else crs.to_2d() if len(crs.axis_info) == 3 else crs
    code = horizontal.to_epsg()
    if code is not None:
        return PortableCrs(code)
    base = None if horizontal.geodetic_crs is None else _registered(horizontal.geodetic_crs)
    conversion = horizontal.coordinate_operation
    if horizontal.is_bound or base is None or not horizontal.is_projected or conversion is None or not conversion.method_code.isdigit():
        raise _unfit(horizontal.name)
    parameters = tuple((int(p.code), *_with_unit(p)) for p in conversion.params)
    told = PortableCrs(base, int(conversion.method_code), parameters, horizontal.axis_info[0].unit_conversion_factor)
    if not told.crs().equals(horizontal, ignore_axis_order=True):
        raise _unfit(horizontal.name)
    return told


def _registered(base: pyproj.CRS) -> int | None:
    named = base.to_epsg(min_confidence=_LIKE_ONE)
    return named or next((srid for srid in _OFTEN_UNNAMED if base.equals(pyproj.CRS(srid), ignore_axis_order=True)), None)


def _with_unit(parameter: Any) -> tuple[float, str]:  # noqa: ANN401  # pyproj does not type its parameters
    value, factor, category = float(parameter.value), float(parameter.unit_conversion_factor), str(parameter.unit_category)
    if parameter.unit_name in (_DEGREE, _METRE, _UNITY):
        return value, str(parameter.unit_name)
    if category == "angular":
        return value * factor / _RADIANS_PER_DEGREE, _DEGREE
    return value * factor, _METRE if category == "linear" else _UNITY


def _projected(told: PortableCrs, base: pyproj.CRS) -> dict[str, object]:
    unit: object = _METRE if told.unit_m == 1.0 else {"type": "LinearUnit", "name": "unit", "conversion_factor": told.unit_m}
    axes = (("Easting", "E", "east"), ("Northing", "N", "north"))
    return {
        "type": "ProjectedCRS",
        "name": f"EPSG method {told.method} on {base.name}",
        "base_crs": base.to_json_dict(),
        "conversion": {
            "name": "projection",
            "method": {"name": "method", "id": _id(told.method)},
            "parameters": [{"name": f"parameter {c}", "value": value, "unit": u, "id": _id(c)} for c, value, u in told.parameters],
        },
        "coordinate_system": {
            "subtype": "Cartesian",
            "axis": [{"name": n, "abbreviation": a, "direction": d, "unit": unit} for n, a, d in axes],
        },
    }


def _id(code: int | None) -> dict[str, object]:
    return {"authority": "EPSG", "code": code}


def _unfit(name: str) -> TwinError:
    return CrsError(
        f"{name} is neither of the EPSG registry nor a projection on a CRS of it: declare one that is, or transform the file before",
        zh=f"{name} 既不在 EPSG 库中，也不是基于库中坐标系的投影：请声明库内坐标系，或先转换再提交",
    ).with_code("crs-unfit")
