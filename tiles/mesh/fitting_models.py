"""What stands at the points of pipe surveys, by the codes of node_appurtenance: small models of our own, true to the usual sizes.

Origin on the ground, z up, x along the symbol. A survey gives no sizes of fittings: these are for recognising what something is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tiles.mesh.placement import Model
from tiles.mesh.profile import BOX, ROUND
from tiles.mesh.sweep import Ending, Sections, plain_paths, sweep

type Point = tuple[float, float, float]

_DARK, _DEEP = 0.55, 0.3
SHAFT_SIDES = (16, 32, 96)
"""Sides of round shafts; the coarsest that keeps the chord error is taken."""
MARKER = "marker_of_unknown"
"""The model of what has none of its own."""


class _Part(NamedTuple):
    """A section swept from ``start`` to ``end``: a box where ``sides`` is 0."""

    start: Point
    end: Point
    half_width: float
    half_height: float
    sides: int
    ending: Ending
    shade: float


def _post(low: float, high: float, radius: float, at: tuple[float, float] = (0, 0), *, sides: int = 12, shade: float = 1.0) -> _Part:
    """Return an upright cylinder."""
    return _Part((*at, low), (*at, high), radius, radius, sides, Ending.FLAT, shade)


def _dome(low: float, high: float, radius: float, at: tuple[float, float] = (0, 0), *, shade: float = 1.0) -> _Part:
    """Return an upright cylinder with a ball at both ends, whose middles lie at ``low`` and ``high``."""
    return _Part((*at, low), (*at, high), radius, radius, 12, Ending.BALL, shade)


def _bar(start: Point, end: Point, radius: float, *, shade: float = 1.0) -> _Part:
    """Return a cylinder from one point to another."""
    return _Part(start, end, radius, radius, 8, Ending.FLAT, shade)


def _block(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], *, shade: float = 1.0) -> _Part:
    """Return an upright box."""
    middle = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)
    return _Part((*middle, z[0]), (*middle, z[1]), (x[1] - x[0]) / 2, (y[1] - y[0]) / 2, 0, Ending.FLAT, shade)


def _leaf(x: tuple[float, float], y: tuple[float, float], *, ribs: int) -> tuple[_Part, ...]:
    """Return one leaf of a rectangular cover: its frame, and the plate in it with ribs across."""
    frame = _block(x, y, (-0.12, 0.0), shade=_DARK)
    plate = _block((x[0] + 0.04, x[1] - 0.04), (y[0] + 0.04, y[1] - 0.04), (-0.06, 0.02))
    pitch = (x[1] - x[0] - 0.08) / (ribs + 1)
    places = [x[0] + 0.04 + pitch * (k + 1) for k in range(ribs)]
    return frame, plate, *(_block((p - 0.015, p + 0.015), (y[0] + 0.08, y[1] - 0.08), (0.0, 0.035), shade=_DARK) for p in places)


def _grate(x: tuple[float, float], y: tuple[float, float], bars: int) -> tuple[_Part, ...]:
    """Return a grate of bars across a dark pit."""
    pit = _block(x, y, (-0.12, 0.0), shade=_DEEP)
    pitch = (x[1] - x[0]) / bars
    sides = [_block(x, (edge - 0.03, edge + 0.03), (-0.1, 0.03)) for edge in y]
    return pit, *sides, *(_block((x[0] + pitch * (k + 0.25), x[0] + pitch * (k + 0.75)), y, (-0.05, 0.025)) for k in range(bars))


def _round_cover(radius: float) -> tuple[_Part, ...]:
    """Return a round cover in its frame, ribbed crosswise."""
    ribs = [_block((-0.6 * radius, 0.6 * radius), (y - 0.02, y + 0.02), (0.0, 0.035), shade=_DARK) for y in (-0.3 * radius, 0.3 * radius)]
    across = [_block((x - 0.02, x + 0.02), (-0.6 * radius, 0.6 * radius), (0.0, 0.035), shade=_DARK) for x in (-0.3 * radius, 0.3 * radius)]
    return _post(-0.12, 0.0, radius + 0.06, sides=24, shade=_DARK), _post(-0.06, 0.02, radius, sides=24), *ribs, *across


def _street_box(radius: float, to: float) -> tuple[_Part, ...]:
    """Return the small cover of a valve box, the square spindle below it and the valve on its pipe."""
    return (
        _post(-0.15, 0.0, radius + 0.04, shade=_DARK),
        _post(-0.1, 0.025, radius),
        _block((-0.02, 0.02), (-0.02, 0.02), (to, -0.1), shade=_DARK),
        _post(to - 0.2, to, 0.09),
        _bar((-0.2, 0, to - 0.25), (0.2, 0, to - 0.25), 0.11),
    )


def _cabinet(x: float, y: float, height: float) -> tuple[_Part, ...]:
    """Return a cabinet on a plinth under a lid, with two doors."""
    doors = [
        _block((s * x / 4 - x / 4 + 0.03, s * x / 4 + x / 4 - 0.03), (-y / 2 - 0.02, 0), (0.2, height - 0.15), shade=0.8) for s in (-1, 1)
    ]
    plinth = _block((-x / 2 - 0.05, x / 2 + 0.05), (-y / 2 - 0.05, y / 2 + 0.05), (-0.1, 0.12), shade=_DARK)
    lid = _block((-x / 2 - 0.06, x / 2 + 0.06), (-y / 2 - 0.06, y / 2 + 0.06), (height - 0.06, height), shade=_DARK)
    return plinth, _block((-x / 2, x / 2), (-y / 2, y / 2), (0, height - 0.05)), lid, *doors


def _house(x: float, y: float, height: float) -> tuple[_Part, ...]:
    """Return a small building with a flat roof and a door."""
    walls = _block((-x / 2, x / 2), (-y / 2, y / 2), (-0.2, height))
    roof = _block((-x / 2 - 0.25, x / 2 + 0.25), (-y / 2 - 0.25, y / 2 + 0.25), (height, height + 0.25), shade=_DARK)
    return walls, roof, _block((-0.5, 0.5), (-y / 2 - 0.04, 0), (0, 2.1), shade=_DARK)


def _mast(height: float, foot: float, top: float) -> tuple[_Part, ...]:
    """Return a pole on its foot."""
    return _post(-0.3, 0.3, 2 * foot, shade=_DARK), _post(0, 0.6 * height, foot), _post(0.6 * height, height, top)


_HYDRANT = (
    _post(-0.3, 0.03, 0.19, shade=_DARK),
    _post(0.0, 0.62, 0.11, sides=16),
    _post(0.1, 0.14, 0.16, sides=16),
    _post(0.56, 0.62, 0.15, sides=16),
    _dome(0.62, 0.64, 0.12),
    _block((-0.025, 0.025), (-0.025, 0.025), (0.7, 0.83), shade=_DARK),
    _bar((-0.26, 0, 0.42), (0.26, 0, 0.42), 0.055),
    _bar((-0.29, 0, 0.42), (-0.25, 0, 0.42), 0.075, shade=_DARK),
    _bar((0.25, 0, 0.42), (0.29, 0, 0.42), 0.075, shade=_DARK),
    _bar((0, 0, 0.36), (0, -0.22, 0.36), 0.085),
    _bar((0, -0.21, 0.36), (0, -0.26, 0.36), 0.11, shade=_DARK),
)
_LAMP = (
    *_mast(8.0, 0.11, 0.06),
    _bar((0, 0, 7.7), (1.6, 0, 8.1), 0.04),
    _block((1.3, 2.1), (-0.15, 0.15), (8.05, 8.2)),
)
_SIGNAL = (
    *_mast(5.6, 0.12, 0.09),
    _bar((0, 0, 5.4), (3.6, 0, 5.6), 0.06),
    _block((2.9, 3.9), (-0.25, -0.05), (5.4, 5.8), shade=_DEEP),
    *(_bar((x, -0.24, 5.6), (x, -0.32, 5.6), 0.13) for x in (3.1, 3.4, 3.7)),
)
_POLE = (
    _post(-0.5, 10.0, 0.14),
    _block((-1.0, 1.0), (-0.05, 0.05), (9.4, 9.52), shade=_DARK),
    *(_post(9.5, 9.75, 0.05, (x, 0.0)) for x in (-0.9, 0.0, 0.9)),
)
_CAMERA = (
    *_mast(4.2, 0.09, 0.06),
    _bar((0, 0, 4.0), (0.8, 0, 4.1), 0.03),
    _block((0.65, 1.05), (-0.07, 0.07), (3.86, 4.02)),
    _bar((1.04, 0, 3.94), (1.1, 0, 3.94), 0.05, shade=_DEEP),
)
_TRANSFORMER = (
    _block((-1.3, 1.3), (-0.95, 0.95), (-0.2, 0.25), shade=_DARK),
    _block((-1.1, 1.1), (-0.75, 0.75), (0.25, 2.1)),
    _block((-1.2, 1.2), (-0.85, 0.85), (2.1, 2.2), shade=_DARK),
    *(_block((x - 0.04, x + 0.04), (-0.85, 0.85), (0.45, 1.7), shade=0.8) for x in (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)),
)
_AIR_VALVE = (
    *_leaf((-0.35, 0.35), (-0.35, 0.35), ribs=2),
    _post(0.0, 0.3, 0.05),
    _dome(0.32, 0.36, 0.13),
    _post(0.24, 0.28, 0.12, shade=_DARK),
)
_TANK = (
    _post(-0.3, 3.0, 3.0, sides=32),
    _post(2.95, 3.15, 3.12, sides=32, shade=_DARK),
    _post(3.15, 3.6, 0.4),
    _post(3.6, 3.7, 0.5, shade=_DARK),
)
_SEPTIC = (
    *_leaf((-1.6, -0.5), (-0.4, 0.4), ribs=3),
    *_leaf((-0.5, 0.5), (-0.4, 0.4), ribs=3),
    *_leaf((0.5, 1.6), (-0.4, 0.4), ribs=3),
)
_STAKE = (_block((-0.09, 0.09), (-0.09, 0.09), (-0.3, 0.7)), _block((-0.1, 0.1), (-0.1, 0.1), (0.5, 0.62), shade=_DARK))
_UNKNOWN = (_post(-0.05, 0.9, 0.03, shade=_DARK), _dome(1.0, 1.02, 0.16))

_COVER, _DOUBLE_COVER = _round_cover(0.35), (*_leaf((-0.7, 0.0), (-0.4, 0.4), ribs=3), *_leaf((0.0, 0.7), (-0.4, 0.4), ribs=3))
_SMALL_COVER = _leaf((-0.3, 0.3), (-0.3, 0.3), ribs=2)
_METER = _leaf((-0.28, 0.28), (-0.2, 0.2), ribs=1)
_FITTINGS: Mapping[str, Sequence[_Part]] = {
    "manhole": _COVER,
    "drop_manhole": _COVER,
    "gully": _grate((-0.375, 0.375), (-0.225, 0.225), 7),
    "septic_tank": _SEPTIC,
    "hydrant": _HYDRANT,
    "valve": _street_box(0.1, -0.9),
    "valve_well": _round_cover(0.35),
    "valve_hole": _street_box(0.08, -0.7),
    "water_meter": _METER,
    "air_valve": _AIR_VALVE,
    "washout": _street_box(0.12, -1.1),
    "pump_station": _house(6.0, 4.0, 3.4),
    "pressure_regulator": _cabinet(1.8, 0.9, 1.7),
    "gas_meter": _cabinet(0.5, 0.3, 0.7),
    "condensate_well": _street_box(0.15, -1.2),
    "power_well": _DOUBLE_COVER,
    "substation": _house(5.0, 3.5, 3.6),
    "transformer": _TRANSFORMER,
    "switch_box": _cabinet(1.1, 0.45, 1.4),
    "street_lamp": _LAMP,
    "signal_light": _SIGNAL,
    "pole": _POLE,
    "telecom_well": _DOUBLE_COVER,
    "handhole": _SMALL_COVER,
    "camera": _CAMERA,
    "heat_chamber": _SMALL_COVER,
    "marker": _STAKE,
    "reservoir": _TANK,
    "tank": _TANK,
    MARKER: _UNKNOWN,
}
FITTINGS = tuple(_FITTINGS)
"""Codes that have a model, in the order in which contents hold them."""
COVERS = frozenset(
    {"manhole", "drop_manhole", "gully", "septic_tank", "valve_well", "power_well", "telecom_well", "handhole", "heat_chamber"}
)
"""Those that are a way down into a chamber."""


@functools.cache
def fitting(code: str) -> Model:
    """Return the model of what has ``code``, one of FITTINGS."""
    return _model(_FITTINGS[code])


@functools.cache
def shaft(sides: int) -> Model:
    """Return a shaft of width and depth 1 below the origin: round with ``sides``, square with 0."""
    return _model([_Part((0, 0, -1), (0, 0, 0), 0.5, 0.5, sides, Ending.FLAT, 0.85)])


def _model(parts: Sequence[_Part]) -> Model:
    points = np.array([(p.start, p.end) for p in parts], np.float64).reshape(-1, 3)
    sides = np.array([p.sides for p in parts])
    shape = np.where(sides > 0, ROUND, BOX)
    width, height = np.array([p.half_width for p in parts]), np.array([p.half_height for p in parts])
    sections = Sections.closed(shape, width, height, sides, np.array([p.ending for p in parts], np.int64))
    offsets = 2 * np.arange(len(parts) + 1)
    mesh = sweep(plain_paths(points, offsets, sections, np.arange(len(parts))), np.zeros(1, np.uint8))
    shade = np.rint(255 * np.array([p.shade for p in parts]))[mesh.feature].astype(np.uint8)
    return Model(mesh, shade)
