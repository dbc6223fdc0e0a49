"""Renders a scene as an aerial image: colours of what is seen, lit by the sun, with shadows, texture, haze and grain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_city.aerial_noise import value_noise
from sample_city.aerial_scene import PIXEL_M, Cover, Floats, Scene
from sample_city.roof_types import FLAT, MANSARD
from sample_city.seeding import hash_unit, rng_at

_SUBJECT_TEXTURE, _SUBJECT_GRAIN, _SUBJECT_CARS, _SUBJECT_ROOF = 101, 102, 103, 104
_SUN_AZIMUTH_DEG, _SUN_ELEVATION_DEG = 138.0, 56.0
"""About half past ten in spring, when satellites pass."""
_SHADOW_STEP_M, _LONGEST_SHADOW_M = 0.75, 50.0
_IN_SHADOW = 0.46
_AMBIENT = 0.55
_CARS_A_M2 = 1 / 210.0
_RGB: dict[Cover, tuple[int, int, int]] = {
    Cover.FIELD: (116, 124, 78),
    Cover.PAVEMENT: (163, 156, 147),
    Cover.ASPHALT: (112, 112, 113),
    Cover.MARKING: (204, 202, 195),
    Cover.LAWN: (98, 112, 68),
    Cover.PAVED: (158, 151, 141),
    Cover.CONCRETE: (176, 172, 164),
    Cover.SOIL: (164, 140, 110),
    Cover.WATER: (66, 84, 78),
    Cover.TREE: (66, 86, 50),
    Cover.NEW_ASPHALT: (62, 63, 66),
    Cover.ROOF: (0, 0, 0),
}
_TEXTURE: dict[Cover, float] = {
    Cover.FIELD: 0.16, Cover.LAWN: 0.16, Cover.TREE: 0.22, Cover.SOIL: 0.14, Cover.WATER: 0.05, Cover.ROOF: 0.07, Cover.NEW_ASPHALT: 0.04,
}  # fmt: skip
_PLAIN_TEXTURE = 0.09
_TILES = ((146, 88, 70), (128, 78, 66), (118, 118, 120), (158, 104, 82))
_FLAT_ROOFS = ((178, 173, 165), (160, 157, 152), (190, 188, 182), (146, 140, 134))
_SHEETS = ((92, 124, 160), (186, 190, 194), (104, 136, 168), (150, 156, 162))
_CARS = ((228, 228, 226), (40, 41, 44), (150, 152, 156), (128, 36, 32), (52, 70, 110))


@dataclass(frozen=True, slots=True)
class Flight:
    """How one image came to be: the gain of the red, green and blue band, the haze, and a number that tells one flight from another."""

    number: int
    gain: tuple[float, float, float]
    haze: float


def texture_of(size: int, seed: int) -> Floats:
    """Return the pattern of the ground, (size, size) in [-1, 1]: the same in every image of it."""
    return value_noise(rng_at(seed, _SUBJECT_TEXTURE), size, (128, 32, 8, 2))


def render(scene: Scene, flight: Flight, texture: Floats, seed: int) -> NDArray[np.uint8]:
    """Return the image as (3, size, size), red, green and blue."""
    light = _light(scene)
    light *= 1.0 + texture * _by_cover(_TEXTURE, _PLAIN_TEXTURE)[scene.cover]
    grain = rng_at(seed, _SUBJECT_GRAIN, flight.number)
    palette, roofs = np.array([_RGB[cover] for cover in Cover], dtype=np.float32), _roof_colours(scene, seed)
    cars = _cars(scene, seed, flight)
    bands = []
    for band in range(3):
        colour = palette[scene.cover, band]
        roofed = scene.roof > 0
        colour[roofed] = roofs[scene.roof[roofed] - 1, band]
        colour[cars[0], cars[1]] = cars[2][:, band]
        seen = colour * light * np.float32(flight.gain[band])
        seen = _blurred(seen) * np.float32(1 - flight.haze) + np.float32(flight.haze * (150, 165, 190)[band])
        seen += grain.standard_normal(seen.shape, dtype=np.float32) * np.float32(2.2)
        bands.append(np.clip(seen, 0, 255).astype(np.uint8))
    return np.stack(bands)


def _light(scene: Scene) -> Floats:
    """Return how brightly every pixel is lit: by how it faces the sun, as a crown, and less in shadow."""
    light = scene.crown.copy()
    roofed = scene.roof > 0
    facing = np.array([_facing(roof.plane) for roof in scene.roofs], dtype=np.float32)
    light[roofed] = facing[scene.roof[roofed] - 1]
    light[_shadow(scene)] *= np.float32(_IN_SHADOW)
    return light


def _facing(plane: tuple[float, float, float]) -> float:
    """Return the light on a plane, 1 on level ground (Lambert's law with an ambient share)."""
    a, south, _ = plane
    azimuth, elevation = math.radians(_SUN_AZIMUTH_DEG), math.radians(_SUN_ELEVATION_DEG)
    towards_e, towards_n = math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation)
    cosine = (-a * towards_e + south * towards_n + math.sin(elevation)) / math.sqrt(1 + a * a + south * south)
    return _AMBIENT + (1 - _AMBIENT) * max(0.0, cosine) / math.sin(elevation)


def _shadow(scene: Scene) -> NDArray[np.bool_]:
    """Return the pixels whose view of the sun is blocked by something higher.

    The height that blocks is gathered towards the sun in steps that double, each from what the steps before have gathered.
    """
    azimuth, rise = math.radians(_SUN_AZIMUTH_DEG), math.tan(math.radians(_SUN_ELEVATION_DEG))
    blocking = np.full_like(scene.height_m, -np.inf)
    gathered = scene.height_m.copy()
    run = _SHADOW_STEP_M
    while run < _LONGEST_SHADOW_M:
        columns, rows = round(run * math.sin(azimuth) / PIXEL_M), -round(run * math.cos(azimuth) / PIXEL_M)
        towards = gathered[rows:, columns:] - np.float32(run * rise)
        for sight in (blocking, gathered):
            here = sight[: towards.shape[0], : towards.shape[1]]
            np.maximum(here, towards, out=here)
        run *= 2
    return blocking > scene.height_m + np.float32(0.4)


def _roof_colours(scene: Scene, seed: int) -> NDArray[np.float32]:
    """Return a colour for every face of a roof; all faces of one house share theirs, and houses of one estate come close."""
    houses = np.array([roof.house for roof in scene.roofs], dtype=np.int64)
    estate, own = hash_unit(seed, _SUBJECT_ROOF, houses // 12, houses * 0), hash_unit(seed, _SUBJECT_ROOF, houses, houses)
    colours = np.empty((len(scene.roofs), 3), dtype=np.float32)
    for k, roof in enumerate(scene.roofs):
        choice: tuple[tuple[int, int, int], ...] = (
            _SHEETS if roof.usage in {"工业", "仓储", "体育"} else _FLAT_ROOFS if roof.roof_type == FLAT else _TILES
        )
        if roof.roof_type == MANSARD:
            choice = _TILES[2:3]
        colours[k] = np.array(choice[int(estate[k] * len(choice))]) * (0.9 + 0.2 * own[k])
    return colours


def _cars(scene: Scene, seed: int, flight: Flight) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return rows, columns and colours of the pixels of cars on the streets; every flight sees others."""
    rng = rng_at(seed, _SUBJECT_CARS, flight.number)
    size = scene.window.size
    count = round((size * PIXEL_M) ** 2 * _CARS_A_M2)
    row, column = rng.integers(6, size - 6, (2, count))
    driving = np.isin(scene.cover[row, column], (Cover.ASPHALT, Cover.NEW_ASPHALT, Cover.CONCRETE))
    row, column = row[driving], column[driving]
    along = _runs_along(scene, row, column)
    paint = np.array(_CARS, dtype=np.float32)[rng.integers(0, len(_CARS), len(row))]
    long, wide = np.mgrid[-4:5, -1:3]
    step_n, step_e = np.where(along[:, None], long.ravel(), wide.ravel()), np.where(along[:, None], wide.ravel(), long.ravel())
    rows, columns = row[:, None] + step_n, column[:, None] + step_e
    on_street = np.isin(scene.cover[rows, columns], (Cover.ASPHALT, Cover.NEW_ASPHALT, Cover.CONCRETE, Cover.MARKING)).all(axis=1)
    colours = np.repeat(paint[on_street], long.size, axis=0)
    return rows[on_street].ravel(), columns[on_street].ravel(), colours


def _runs_along(scene: Scene, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the street at a pixel runs north: where the cover five pixels north and south is the same."""
    here = scene.cover[row, column]
    along: NDArray[np.bool_] = (scene.cover[row - 5, column] == here) & (scene.cover[row + 5, column] == here)
    return along


def _by_cover(values: dict[Cover, float], otherwise: float) -> Floats:
    return np.array([values.get(cover, otherwise) for cover in Cover], dtype=np.float32)


def _blurred(band: Floats) -> Floats:
    """Return a band as optics soften it: [1 4 1] / 6 both ways."""
    across = band.copy()
    across[:, 1:-1] = (band[:, :-2] + 4 * band[:, 1:-1] + band[:, 2:]) / 6
    down = across.copy()
    down[1:-1] = (across[:-2] + 4 * across[1:-1] + across[2:]) / 6
    return down
