"""Eastings and northings of a transverse Mercator grid → longitude and latitude, compiled: the numbers of PROJ, to the last bit.

Krüger's series to the sixth power of the third flattening (C. F. F. Karney, Transverse Mercator with an accuracy of a few nanometers,
Journal of Geodesy 85, 2011), summed up by Clenshaw's rule. Sums are in the order in which PROJ has them: in another order some positions
would have other last digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from twin.kernel import inlined_kernel

Floats = npt.NDArray[np.float64]

_ORDER = 6
_TO_SPHERE = (
    (1 / 2, -2 / 3, 37 / 96, -1 / 360, -81 / 512, 96199 / 604800),
    (1 / 48, 1 / 15, -437 / 1440, 46 / 105, -1118711 / 3870720),
    (17 / 480, -37 / 840, -209 / 4480, 5569 / 90720),
    (4397 / 161280, -11 / 504, -830251 / 7257600),
    (4583 / 161280, -108847 / 3991680),
    (20648693 / 638668800,),
)
"""β of Karney's (36): row k are the coefficients of n^k, n^(k + 1) …"""
_TO_GEODETIC = (
    (2, -2 / 3, -2, 116 / 45, 26 / 45, -2854 / 675),
    (7 / 3, -8 / 5, -227 / 45, 2704 / 315, 2323 / 945),
    (56 / 15, -136 / 35, -1262 / 105, 73814 / 2835),
    (4279 / 630, -332 / 35, -399572 / 14175),
    (4174 / 315, -144838 / 6237),
    (601676 / 22275,),
)
"""From conformal to geodetic latitude (Engsager and Poder 2007), in the same way."""
_FALSE_EASTING, _FALSE_NORTHING, _PER_AXIS, _RADIUS, _CENTRE, _IS_NEWER, _FIRST = range(7)
"""Where numbers of a grid stand; both series follow."""
GRID_NUMBERS = _FIRST + 2 * _ORDER
_FARTHEST = 0.5
"""From the central meridian, in units of the earth's radius: beyond it nobody has looked."""
DEGREE = 0.017453292519943296
_PER_DEGREE = 1 / DEGREE
_KNOWN = {"proj", "lat_0", "lon_0", "k", "x_0", "y_0", "ellps", "units", "no_defs", "type"}


def grid_numbers(proj: Mapping[str, object], semi_major_m: float, inverse_flattening: float, *, is_newer: bool) -> Floats | None:
    """Return what :func:`unprojected` has to know of a grid, given as a PROJ dictionary; None of any but a plain transverse Mercator one.

    ``is_newer`` says which PROJ to agree with: since version 9.5 it takes the last latitude from another sine and cosine.
    """
    is_plain = proj.get("proj") == "tmerc" and set(proj) <= _KNOWN and proj.get("units") == "m" and not proj.get("lat_0", 0)
    if not is_plain or inverse_flattening <= 0:
        return None
    flattening = 1 / inverse_flattening
    n = math.tan(math.asin(math.sqrt(2 * flattening - flattening * flattening)) / 2) ** 2
    square = n * n
    scale = float(str(proj.get("k", 1)))
    radius = scale / (1 + n) * (1 + square * (1 / 4 + square * (1 / 64 + square / 256)))
    x, y, centre = (float(str(proj.get(name, 0))) for name in ("x_0", "y_0", "lon_0"))
    to_sphere = [-value for value in _coefficients(_TO_SPHERE, n)]
    return np.array([x, y, 1 / semi_major_m, radius, centre * DEGREE, is_newer, *to_sphere, *_coefficients(_TO_GEODETIC, n)])


def _coefficients(series: tuple[tuple[float, ...], ...], n: float) -> list[float]:
    found, power = [], 1.0
    for row in series:
        power *= n
        total = row[-1]
        for factor in row[-2::-1]:
            total = factor + n * total
        found.append(power * total)
    return found


@inlined_kernel
def unprojected(grid: Floats, easting_m: float, northing_m: float) -> tuple[float, float]:
    """Return longitude and latitude in radians; NaN beyond half an earth's radius from the central meridian."""
    across = (easting_m - grid[_FALSE_EASTING]) * grid[_PER_AXIS] / grid[_RADIUS]
    along = (northing_m - grid[_FALSE_NORTHING]) * grid[_PER_AXIS] / grid[_RADIUS]
    if not abs(across) <= _FARTHEST:
        return math.nan, math.nan
    sine, cosine = math.sin(2 * along), math.cos(2 * along)
    grown = math.exp(2 * across)
    shrunk = 0.5 / grown
    sinh, cosh = 0.5 * grown - shrunk, 0.5 * grown + shrunk
    real, imaginary = 2 * cosine * cosh, -2 * sine * sinh
    u, v, u1, v1 = grid[_FIRST + _ORDER - 1], 0.0, 0.0, 0.0
    for k in range(_FIRST + _ORDER - 2, _FIRST - 1, -1):
        u2, v2, u1, v1 = u1, v1, u, v
        u = -u2 + real * u1 - imaginary * v1 + grid[k]
        v = -v2 + imaginary * u1 + real * v1
    real, imaginary = sine * cosh, cosine * sinh
    along += real * u - imaginary * v
    across += real * v + imaginary * u
    sine, cosine, sinh = math.sin(along), math.cos(along), math.sinh(across)
    length = math.hypot(sinh, cosine)
    conformal = math.atan2(sine, length)
    if grid[_IS_NEWER]:
        radius = math.hypot(sine, length)
        sine, cosine_there = sine / radius, length / radius
        latitude = _geodetic(grid, conformal, 2 * (cosine_there - sine) * (cosine_there + sine), 2 * sine * cosine_there)
    else:
        double = 2 * length / (sinh * sinh + 1)
        latitude = _geodetic(grid, conformal, 2 * (double * length - 1.0), sine * double)
    return math.atan2(sinh, cosine) + grid[_CENTRE], latitude


@inlined_kernel
def _geodetic(grid: Floats, conformal: float, twice_cosine: float, sine: float) -> float:
    """Return the latitude of a conformal one, given twice the cosine of its double and the sine of that."""
    first = _FIRST + _ORDER
    h, h1, h2 = 0.0, grid[first + _ORDER - 1], 0.0
    for k in range(first + _ORDER - 2, first - 1, -1):
        h = -h2 + twice_cosine * h1 + grid[k]
        h2, h1 = h1, h
    return conformal + h * sine


@inlined_kernel
def in_degrees(radians: float) -> float:
    """Return degrees as PROJ reckons them: by one multiplication."""
    return radians * _PER_DEGREE
