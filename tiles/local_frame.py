"""From the storage CRS to a tile-local Cartesian frame: exact to a millimetre, without calling PROJ for every vertex."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import MARGIN_M, Region, geodetic_rows, padded, region_of
from tiles.extent import extent
from tiles.kernel import kernel

type Points = NDArray[np.float64]

RESIDUAL_LIMIT_M = 0.001
"""A fit that is off by more than this is not used: every vertex then goes through the exact function."""
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
        y_up = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
        matrix = np.eye(4)
        matrix[:3, :3] = y_up @ self.axes
        matrix[:3, 3] = y_up @ self.origin
        return [float(value) for value in matrix.T.ravel()]


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

    def reaches(self, positions: Points) -> NDArray[np.bool_]:
        """Return which ``positions`` (n,) the exact function is defined at."""
        if self.coefficients is not None:
            return np.ones(len(positions), np.bool_)
        return np.isfinite(_exact(self.exact, positions)).sum(axis=1) == 3

    def project(self, positions: Points) -> tuple[Points, Region]:
        """Return ``positions`` (n, 3) E, N, H as local coordinates (n, 3) float64, and the region that encloses them, n ≥ 1."""
        if self.coefficients is None:
            ecef = _exact(self.exact, positions)
            return self.frame.to_local(ecef), region_of(ecef)
        local = np.empty_like(positions)
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        _evaluate(positions, self.coefficients, *self.centre, self.scale_m, local, low, high)
        return local, padded(low, high, MARGIN_M)


def fit_projection(to_geocentric: ToGeocentric, positions: Points) -> Projection:
    """Return the projection for the box around ``positions`` (n, 3) E, N, H.

    A cubic in E, N, linear in H, is fitted to the exact function and measured on points between the nodes and on vertices; where it is
    off by more than RESIDUAL_LIMIT_M (a kink of the geoid grid, a very large tile) or the function is not defined around all of the box,
    the exact function stays in use.
    """
    low, high = extent(positions)
    centre = (low + high) / 2
    frame = _frame_at(to_geocentric, centre)
    scale = float(max((high - low)[:2].max() / 2, 1.0))
    half_height = float(max((high - low)[2] / 2, 10.0))
    fit = _fit_design()
    lattice = fit.lattice * [scale, scale, half_height] + centre
    places = np.concatenate([lattice, positions[:: max(1, len(positions) // 64)]])
    ecef = _exact(to_geocentric, places)
    place = (float(centre[0]), float(centre[1]), float(centre[2]))
    if not np.isfinite(ecef).all():
        return Projection(frame, place, scale, None, 0.0, to_geocentric)
    exact = np.concatenate([frame.to_local(ecef), geodetic_rows(ecef)], axis=1)
    below, above = exact[: fit.nodes], exact[fit.nodes : 2 * fit.nodes]
    coefficients = np.concatenate([fit.solve @ ((above + below) / 2), fit.solve @ ((above - below) / (2 * half_height))])
    deviation = np.abs(_terms(places, centre, scale) @ coefficients - exact).max(axis=0) * _METRES
    residual = float(deviation.max())
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
    between = _grid(np.linspace(-0.9, 0.9, 7))
    lattice = np.concatenate([_at_height(plane, -1.0), _at_height(plane, 1.0), _at_height(between, -0.8), _at_height(between, 0.6)])
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


def _frame_at(to_geocentric: ToGeocentric, centre: NDArray[np.float64]) -> LocalFrame:
    """Return the frame at ``centre``: up is how the position moves with height, north how it moves with northing, made orthogonal."""
    steps = np.array([[0.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, -10.0, 0.0], [0.0, 0.0, 10.0]])
    origin, ahead, behind, above = _exact(to_geocentric, centre + steps)
    with np.errstate(invalid="ignore"):  # undefined there: the frame is NaN and nobody projects with it
        up = above - origin
        up /= np.linalg.norm(up)
        north = ahead - behind
        north -= up * (north @ up)
        north /= np.linalg.norm(north)
    return LocalFrame(origin, np.column_stack([np.cross(north, up), north, up]))


def _terms(positions: Points, centre: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    u, v = ((positions[:, :2] - centre[:2]) / scale).T
    plane = _plane_terms(u, v)
    return np.concatenate([plane, plane * (positions[:, 2:] - centre[2])], axis=1)


def _plane_terms(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v, u**3, u * u * v, u * v * v, v**3], axis=1)


@kernel
def _evaluate(
    positions: Points,
    coefficients: NDArray[np.float64],
    east: float,
    north: float,
    height: float,
    scale: float,
    local: Points,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Write the local coordinates and the extremes of longitude, latitude and height.

    Value by value over all points: its coefficients stay in registers, and the loop has no branch but the extremes.
    """
    per_m = 1.0 / scale
    for axis in range(6):
        a, b = coefficients[:10, axis].copy(), coefficients[10:, axis].copy()
        least, most = np.inf, -np.inf
        for i in range(len(positions)):
            u, v, w = (positions[i, 0] - east) * per_m, (positions[i, 1] - north) * per_m, positions[i, 2] - height
            value = _cubic(a, u, v) + w * _cubic(b, u, v)
            if axis < 3:
                local[i, axis] = value
            elif value < least:
                least = value
            if axis >= 3 and value > most:
                most = value
        if axis >= 3:
            low[axis - 3], high[axis - 3] = least, most


@kernel
def _cubic(c: NDArray[np.float64], u: float, v: float) -> float:
    """Return the sum of the plane terms, nested."""
    in_u = c[1] + u * (c[3] + u * c[6]) + v * (c[4] + u * c[7])
    in_v = c[2] + v * (c[5] + u * c[8] + v * c[9])
    return float(c[0] + u * in_u + v * in_v)
