"""What lies where in the middle of the city, pixel by pixel: the ground's cover, trees and roofs with their heights.

Images and the point cloud are taken of the same scene, so they agree with each other and with the building survey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely import Polygon

from sample_city.aerial_noise import stretch
from sample_city.buildings import Building
from sample_city.relief import Relief
from sample_city.roofs import ROOF, building_solid

PIXEL_M = 0.5
_COARSE = 8

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Cover(IntEnum):
    """What covers the ground at a pixel."""

    FIELD = 0
    PAVEMENT = 1
    ASPHALT = 2
    MARKING = 3
    LAWN = 4
    PAVED = 5
    CONCRETE = 6
    SOIL = 7
    WATER = 8
    TREE = 9
    NEW_ASPHALT = 10
    ROOF = 11


@dataclass(frozen=True, slots=True)
class Window:
    """A square of pixels, EPSG:4549; ``west`` and ``north`` are its corner, whole multiples of the pixel."""

    west: float
    north: float
    size: int

    @property
    def outline(self) -> Polygon:
        """The ground it shows."""
        side = self.size * PIXEL_M
        return shapely.box(self.west, self.north - side, self.west + side, self.north)

    def burn(self, out: NDArray[np.generic], shapes: Iterable[tuple[shapely.Geometry, int]]) -> None:
        """Write each shape's number to the pixels whose middle it holds, later shapes over earlier ones."""
        rows = [(shape, value) for shape, value in shapes if not shape.is_empty]
        if rows:
            rasterize(rows, out=out, transform=from_origin(self.west, self.north, PIXEL_M, PIXEL_M))

    def mask(self, *shapes: shapely.Geometry) -> Flags:
        """Return which pixels have their middle in one of the shapes."""
        found = np.zeros((self.size, self.size), dtype=np.uint8)
        self.burn(found, [(shape, 1) for shape in shapes])
        return found.astype(bool)

    def ground_m(self, relief: Relief) -> Floats:
        """Return the height of the ground at every pixel; between points 4 m apart it is straight."""
        middle = np.arange(self.size // _COARSE + 1) * _COARSE * PIXEL_M
        coarse = relief.ground_m(self.west + middle[None, :], self.north - middle[:, None])
        return stretch(coarse.astype(np.float32), _COARSE)


@dataclass(frozen=True, slots=True)
class Roof:
    """One face of a roof: its plane z = a · (e - west) + b · (north - n) + c, the number of its house, and its roof type and use."""

    plane: tuple[float, float, float]
    house: int
    roof_type: str
    usage: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of the ground. Arrays are (size, size), row 0 in the north.

    ``height_m`` is the 1985 height of what is seen; ``roof`` numbers ``roofs`` from 1, 0 is none; ``crown`` is how bright the crown of a
    tree is, 1 elsewhere.
    """

    window: Window
    cover: Bytes
    height_m: Floats
    roof: NDArray[np.int32]
    crown: Floats
    roofs: tuple[Roof, ...] = ()

    def copy(self) -> Scene:
        """Return a scene whose arrays may be written without changing this one."""
        return replace(self, cover=self.cover.copy(), height_m=self.height_m.copy(), roof=self.roof.copy(), crown=self.crown.copy())

    def clear(self, mask: Flags, cover: Cover, ground_m: Floats) -> None:
        """Take away what stands on some pixels and give their ground a cover."""
        self.cover[mask] = cover
        self.height_m[mask] = ground_m[mask]
        self.roof[mask] = 0
        self.crown[mask] = 1.0


def roofed(scene: Scene, buildings: Iterable[Building]) -> Scene:
    """Return the scene with the roofs of buildings in place of what was there; the arrays are written in place."""
    before = len(scene.roofs)
    roofs: list[Roof] = []
    shapes: list[tuple[shapely.Geometry, int]] = []
    for b in buildings:
        for shape, plane in _roof_faces(scene.window, b):
            roofs.append(Roof(plane, int(b.building_id[5:]), b.roof_type, b.usage))
            shapes.append((shape, before + len(roofs)))
    scene.window.burn(scene.roof, shapes)
    rows, columns = np.nonzero(scene.roof > before)
    planes = np.array([roof.plane for roof in roofs]).reshape(-1, 3)[scene.roof[rows, columns] - 1 - before]
    scene.cover[rows, columns] = Cover.ROOF
    scene.crown[rows, columns] = 1.0
    places = np.column_stack([columns, rows]) * PIXEL_M + PIXEL_M / 2
    scene.height_m[rows, columns] = plane_m(planes, places[:, 0], places[:, 1])
    return replace(scene, roofs=(*scene.roofs, *roofs))


def plane_m(planes: NDArray[np.float64], east_m: NDArray[np.floating], south_m: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the height of planes (n, 3) at places east and south of a window's corner."""
    height: NDArray[np.float64] = planes[:, 0] * east_m + planes[:, 1] * south_m + planes[:, 2]
    return height


def _roof_faces(window: Window, b: Building) -> Iterator[tuple[Polygon, tuple[float, float, float]]]:
    solid = building_solid(b.footprint, b.plinth_m, b.eaves_m, b.roof_type, b.floors_above)
    vertices = np.array(solid.vertices)
    for face in solid.faces:
        if face.surface == ROOF:
            rings = [vertices[list(ring)] for ring in face.rings]
            normal = _normal(rings[0])
            a, c = -normal[0] / normal[2], normal[1] / normal[2]
            e, n, z = rings[0][0]
            plane = (float(a), float(c), float(z - a * (e - window.west) - c * (window.north - n)))
            yield Polygon(rings[0][:, :2], [ring[:, :2] for ring in rings[1:]]), plane


def _normal(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal of a planar ring (Newell)."""
    local = ring - ring[0]
    return np.asarray(np.cross(local, np.roll(local, -1, axis=0)).sum(axis=0), dtype=np.float64)
