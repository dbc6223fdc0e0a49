"""From the storage CRS to a tile-local Cartesian frame: exact to a millimetre, without calling PROJ for every vertex."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import MARGIN_M, Region, geodetic_rows, padded, region_of
from tiles.extent import extent, widen
from tiles.kernel import kernel

type Points = NDArray[np.float64]

RESIDUAL_LIMIT_M = 0.001
"""A fit that is off by more than this is not used: every vertex then goes through the exact function."""
_BLOCK = 256
_FRAME_STEPS = np.array([[0.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, -10.0, 0.0], [0.0, 0.0, 10.0]])
"""From the origin of a frame: the origin, a step north, one south, one up."""
_CHECKS = 98
_CHECK_STEPS = 1.2207440846057596 ** -np.arange(1.0, 4.0)
"""From one check of a fit to the next, in lengths of the box: powers of the root of x⁴ = x + 1 (M. Roberts 2018, the R3 sequence).

They fill the box evenly and have no period: a grid of checks saw nothing of waves that had its own.
"""
_METRES = np.array([1.0, 1.0, 1.0, 6_378_137.0, 6_378_137.0, 1.0])
"""What one unit of each fitted value is on the ground, at most."""


class ToGeocentric(Protocol):
    """E, N in the storage CRS and H in its heights (each (n,), metres) → geocentric X, Y, Z (EPSG:4978), the geoid separation included."""

    def __call__(
        self, easting_m: NDArray[np.float64], northing_m: NDArray[np.float64], height_m: NDArray[np.float64], /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return X, Y, Z, each (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class LocalFrame:
    """A Cartesian frame tangent to the Earth: ``ecef = origin + axes @ local``.

    ``origin`` (3,) geocentric metres; ``axes`` (3, 3), columns grid east, grid north and up as orthonormal geocentric vectors.
    """

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]

    def to_ecef(self, local: Points) -> Points:
        """Return the geocentric positions of ``local`` (n, 3)."""
        return local @ self.axes.T + self.origin

    def to_local(self, ecef: Points) -> Points:
        """Return the local positions of ``ecef`` (n, 3)."""
        return (ecef - self.origin) @ self.axes

    def gltf_matrix(self) -> list[float]:
        """Return the column-major 4 × 4 glTF node matrix local → geocentric, turned from z-up to glTF's y-up (3D Tiles 1.1 §6.7.1.6.3)."""
        columns = [*self.axes.T.tolist(), self.origin.tolist()]
        return [number for (x, y, z), last in zip(columns, (0.0, 0.0, 0.0, 1.0), strict=True) for number in (x, z, -y, last)]


@dataclass(frozen=True, slots=True)
class Projection:
    """A local frame with the function that fills it.

    ``coefficients`` (20, 6): ten cubic terms of (E, N) at the middle height, ten for the change per metre of height, of local
    x, y, z and of longitude, latitude (radians) and ellipsoidal height; None where the exact function has to be used. ``residual_m`` is
    the largest deviation measured from the exact function, 0 when exact.
    """

    frame: LocalFrame
    centre: tuple[float, float, float]
    scale_m: float
    coefficients: NDArray[np.float64] | None
    residual_m: float
    exact: ToGeocentric

    def around(self, centre: NDArray[np.float64]) -> Projection:
        """Return the same fit, which has ``coefficients``, to the local frame at ``centre`` (3,) E, N, H."""
        if self.coefficients is None:
            return self
        values = np.empty((6, len(_FRAME_STEPS)))
        _all_values(centre + _FRAME_STEPS, self.coefficients.T.copy(), *self.centre, self.scale_m, values)
        ecef = self.frame.to_ecef(values[:3].T)
        frame, coefficients = LocalFrame(ecef[0], _axes(ecef)), self.coefficients.copy()
        coefficients[:, :3] = self.coefficients[:, :3] @ (self.frame.axes.T @ frame.axes)
        coefficients[0, :3] += (self.frame.origin - frame.origin) @ frame.axes
        return replace(self, frame=frame, coefficients=coefficients)

    def reaches(self, positions: Points) -> NDArray[np.bool_]:
        """Return which ``positions`` (n,) the exact function is defined at."""
        if self.coefficients is not None:
            return np.ones(len(positions), np.bool_)
        return np.isfinite(_exact(self.exact, positions)).sum(axis=1) == 3

    def project(self, positions: Points, stands_as: NDArray[np.uint32] | None = None) -> tuple[Points, Region]:
        """Return ``positions`` (n, 3) E, N, H as local coordinates (n, 3) float64, and the region that encloses them, n ≥ 1.

        ``stands_as`` (n,): which of them stands in the same place, itself for those that others stand as; None: nothing is known.
        """
        places = np.arange(len(positions)) if stands_as is None else _own_places(stands_as)
        local = np.empty_like(positions)
        if self.coefficients is None:
            ecef = _exact(self.exact, positions[places])
            local[places], region = self.frame.to_local(ecef), region_of(ecef)
        else:
            low, high = np.empty(6), np.empty(6)
            _evaluate(positions, places, self.coefficients.T.copy(), *self.centre, self.scale_m, local, low, high)
            region = padded(low[3:], high[3:], MARGIN_M)
        if stands_as is not None:
            _take_places(stands_as, local)
        return local, region


def fit_projection(to_geocentric: ToGeocentric, positions: Points) -> Projection:
    """Return the projection for the box around ``positions`` (n, 3) E, N, H.

    A cubic in E, N, linear in H, is fitted to the exact function and measured on points between the nodes and on vertices; where it is
    off by more than RESIDUAL_LIMIT_M (a kink of the geoid grid, a very large tile) or the function is not defined around all of the box,
    the exact function stays in use.
    """
    low, high = extent(positions)
    centre = (low + high) / 2
    scale = float(max((high - low)[:2].max() / 2, 1.0))
    half_height = float(max((high - low)[2] / 2, 10.0))
    fit = _fit_design()
    lattice = fit.lattice * [scale, scale, half_height] + centre
    places = np.concatenate([lattice, positions[:: max(1, len(positions) // 64)]])
    ecef = _exact(to_geocentric, np.concatenate([centre + _FRAME_STEPS, places]))  # once: a call costs as much as fifty points
    frame, ecef = LocalFrame(ecef[0], _axes(ecef[:4])), ecef[4:]
    place = (float(centre[0]), float(centre[1]), float(centre[2]))
    if not np.isfinite(ecef).all():
        return Projection(frame, place, scale, None, 0.0, to_geocentric)
    exact = np.concatenate([frame.to_local(ecef), geodetic_rows(ecef)], axis=1)
    below, above = exact[: fit.nodes], exact[fit.nodes : 2 * fit.nodes]
    coefficients = np.concatenate([fit.solve @ ((above + below) / 2), fit.solve @ ((above - below) / (2 * half_height))])
    values = np.empty((6, len(places)))
    _all_values(places, coefficients.T.copy(), *place, scale, values)
    residual = float((np.abs(values - exact.T).max(axis=1) * _METRES).max())
    if not residual <= RESIDUAL_LIMIT_M:
        return Projection(frame, place, scale, None, 0.0, to_geocentric)
    return Projection(frame, place, scale, coefficients, residual, to_geocentric)


@dataclass(frozen=True, slots=True)
class _FitDesign:
    """Where the exact function is asked, in units of the box: ``nodes`` at its bottom, as many at its top, then the checks between them.

    ``solve`` (10, nodes) turns values at nodes into the least-squares coefficients of the cubic terms.
    """

    lattice: Points
    nodes: int
    solve: NDArray[np.float64]


@functools.cache
def _fit_design() -> _FitDesign:
    plane = _grid(np.linspace(-1.0, 1.0, 6))
    between = 2 * (np.arange(1, _CHECKS + 1)[:, None] * _CHECK_STEPS % 1.0) - 1
    lattice = np.concatenate([_at_height(plane, -1.0), _at_height(plane, 1.0), between])
    solve: NDArray[np.float64] = np.linalg.pinv(_plane_terms(plane[:, 0], plane[:, 1])).astype(np.float64)
    return _FitDesign(lattice, len(plane), solve)


def _grid(steps: NDArray[np.float64]) -> Points:
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)


def _at_height(plane: Points, height: float) -> Points:
    return np.column_stack([plane, np.full(len(plane), height)])


def _exact(to_geocentric: ToGeocentric, positions: Points) -> Points:
    x, y, z = to_geocentric(
        np.ascontiguousarray(positions[:, 0]), np.ascontiguousarray(positions[:, 1]), np.ascontiguousarray(positions[:, 2])
    )
    return np.column_stack([x, y, z])


@kernel
def _axes(steps: Points) -> NDArray[np.float64]:
    """Return the axes of the frame at the first of ``steps`` (4, 3), to where _FRAME_STEPS lead.

    Up is the way with height, north that with northing, made orthogonal; NaN where a step is, and nobody projects with it.
    """
    up, north, axes = steps[3] - steps[0], steps[1] - steps[2], np.empty((3, 3))
    up /= np.sqrt(up[0] * up[0] + up[1] * up[1] + up[2] * up[2])
    north -= up * (north[0] * up[0] + north[1] * up[1] + north[2] * up[2])
    north /= np.sqrt(north[0] * north[0] + north[1] * north[1] + north[2] * north[2])
    for k in range(3):
        after, last = (k + 1) % 3, (k + 2) % 3
        axes[k, 0], axes[k, 1], axes[k, 2] = north[after] * up[last] - north[last] * up[after], north[k], up[k]
    return axes


def _plane_terms(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v, u**3, u * u * v, u * v * v, v**3], axis=1)


@kernel
def _own_places(stands_as: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return those that stand as themselves."""
    places, count = np.empty(len(stands_as), np.int64), 0
    for i in range(len(stands_as)):
        places[count] = i
        count += stands_as[i] == i
    return places[:count]


@kernel
def _take_places(stands_as: NDArray[np.uint32], local: Points) -> None:
    for i in range(len(stands_as)):
        j = stands_as[i]
        for axis in range(3):
            local[i, axis] = local[j, axis]


@kernel
def _evaluate(
    positions: Points,
    places: NDArray[np.int64],
    coefficients: NDArray[np.float64],
    east: float,
    north: float,
    height: float,
    scale: float,
    local: Points,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Write the local coordinates of ``places``, and the extremes of all six values; ``coefficients`` (6, 20).

    A block of points at a time, which stays in the cache, value by value: loops without a branch are done in vector registers.
    """
    per_m = 1.0 / scale
    u, v, w, value = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    lows, highs = np.full((6, _BLOCK), np.inf), np.full((6, _BLOCK), -np.inf)
    for start in range(0, len(places), _BLOCK):
        count = min(_BLOCK, len(places) - start)
        for i in range(count):
            place = places[start + i]
            u[i] = (positions[place, 0] - east) * per_m
            v[i] = (positions[place, 1] - north) * per_m
            w[i] = positions[place, 2] - height
        for axis in range(6):
            _values(coefficients[axis], u, v, w, count, value)
            widen(value[:count], lows[axis], highs[axis])
            if axis < 3:
                for i in range(count):
                    local[places[start + i], axis] = value[i]
    for axis in range(6):
        low[axis], high[axis] = lows[axis].min(), highs[axis].max()


@kernel
def _values(
    c: NDArray[np.float64],
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    w: NDArray[np.float64],
    count: int,
    out: NDArray[np.float64],
) -> None:
    """Write the values at ``count`` points; the coefficients by name, so that they stay in registers."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    b0, b1, b2, b3, b4, b5, b6, b7, b8, b9 = c[10], c[11], c[12], c[13], c[14], c[15], c[16], c[17], c[18], c[19]
    for i in range(count):
        x, y = u[i], v[i]
        middle = a0 + x * (a1 + x * (a3 + x * a6) + y * (a4 + x * a7)) + y * (a2 + y * (a5 + x * a8 + y * a9))
        per_height = b0 + x * (b1 + x * (b3 + x * b6) + y * (b4 + x * b7)) + y * (b2 + y * (b5 + x * b8 + y * b9))
        out[i] = middle + w[i] * per_height


@kernel
def _all_values(
    positions: Points, coefficients: NDArray[np.float64], east: float, north: float, height: float, scale: float, out: NDArray[np.float64]
) -> None:
    """Write all six values of ``positions`` (n, 3), ``out`` (6, n)."""
    u, v, w = (positions[:, 0] - east) * (1.0 / scale), (positions[:, 1] - north) * (1.0 / scale), positions[:, 2] - height
    for axis in range(6):
        _values(coefficients[axis], u, v, w, len(u), out[axis])
