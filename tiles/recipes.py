"""From a FeatureType's recipe to a mesher: which columns feed it, how a feature weighs in the budget, how it becomes triangles."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns, NumberColumn, TextColumn
from tiles.mesh.batch import MeshBatch
from tiles.mesh.extrude import extrude
from tiles.mesh.sweep import sides_for
from tiles.mesh.tube import ZReference, sections, tube
from tiles.mesh.view import LONGEST_RANGE_M, Sights, slices, view
from tiles.mesh.well import NOMINAL_DIAMETER_M, shafts, well
from tiles.metadata import index_texts
from tiles.wkb import Geometries, Squares, bounding_squares
from twin.errors import TwinError
from twin.model import FeatureType

type Numbers = NDArray[np.float64]

METRES_PER_UNIT: Mapping[str | None, float] = {None: 1.0, "m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001}
DEGREES_PER_UNIT: Mapping[str | None, float] = {None: 1.0, "deg": 1.0}


class RecipeError(TwinError):
    """A FeatureType has no 3D form, or its recipe names fields it does not have."""

    code = "tile-recipe"


class Recipe(abc.ABC):
    """The 3D form of a run of features."""

    lod: ClassVar[int] = 0
    """Level of detail of the form in tenths, 0 where levels mean nothing."""
    opacity: ClassVar[float] = 1.0

    @abc.abstractmethod
    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return how many vertices each feature of the whole run will have at most (n,), by its own values alone."""

    @abc.abstractmethod
    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the mesh of the features ``rows``, whose geometries are ``geometries``."""

    def squares(self, geometries: Geometries, /) -> Squares:
        """Return the squares that hold the features of the whole run."""
        return bounding_squares(geometries)

    def lods(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Return the level of detail of the form of ``rows`` in tenths."""
        return np.full(len(rows), self.lod, np.uint8)


def recipe_for(feature_type: FeatureType, features: FeatureColumns) -> Recipe:
    """Return the recipe of ``feature_type`` over the columns of ``features``; RecipeError for one that is not meshed."""
    roles = _Roles(feature_type, features)
    match feature_type.recipe:
        case "extrude":
            return Extrude(roles.metres("base"), roles.metres("height"))
        case "envelope":
            return Envelope(roles.metres("base"), roles.metres("height"))
        case "tube":
            return Tube(roles.metres("diameter"), roles.metres("width"), roles.metres("height"), roles.z_reference())
        case "well":
            return Well(roles.metres("bottom"), roles.metres("depth"), roles.metres("diameter"))
        case "view":
            azimuth, tilt, fov = roles.degrees("azimuth"), roles.degrees("tilt"), roles.degrees("fov")
            return View(Sights(azimuth, tilt, fov, roles.metres("range")))
        case other:
            raise RecipeError(f"feature type {feature_type.name} with recipe {other} has no 3D tiles")


@dataclass(frozen=True, slots=True)
class _Roles:
    feature_type: FeatureType
    features: FeatureColumns

    def metres(self, role: str) -> Numbers:
        """Return the column that plays ``role`` in metres (n,), NaN where there is none."""
        return self._numbers(role, METRES_PER_UNIT, "a length")

    def degrees(self, role: str) -> Numbers:
        """Return the column that plays ``role`` in degrees (n,), NaN where there is none."""
        return self._numbers(role, DEGREES_PER_UNIT, "an angle")

    def _numbers(self, role: str, units: Mapping[str | None, float], kind: str) -> Numbers:
        missing = np.full(len(self.features), np.nan)
        name = self.feature_type.recipe_fields.get(role)
        if name is None:
            return missing
        if name not in self.feature_type.field_names:
            raise RecipeError(f"feature type {self.feature_type.name} has no field {name} for {role}")
        unit = self.feature_type.field(name).unit
        if unit not in units:
            raise RecipeError(f"field {name} of {self.feature_type.name} is not {kind} but in {unit}")
        column = self.features.columns.get(name)
        if column is None:
            return missing
        if not isinstance(column, NumberColumn):
            raise RecipeError(f"field {name} of {self.feature_type.name} is not a number")
        return np.where(column.valid, column.values.astype(np.float64) * units[unit], np.nan)

    def z_reference(self) -> NDArray[np.int64]:
        """Return what Z stands for (n,) of ZReference; the axis where nothing is said."""
        name = self.feature_type.recipe_fields.get("z_reference")
        column = self.features.columns.get(name) if name is not None else None
        if not isinstance(column, TextColumn):
            return np.full(len(self.features), int(ZReference.AXIS), np.int64)
        place = index_texts(column, ("top", "invert"))
        return np.choose(place, [ZReference.AXIS, ZReference.TOP, ZReference.INVERT]).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Extrude(Recipe):
    """Footprints to LOD1 solids."""

    lod: ClassVar[int] = 10
    base_m: Numbers
    height_m: Numbers

    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return six for each stored point: roof, floor and four for its wall."""
        return 6 * points_per_feature(geometries)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the solids of ``rows``."""
        return extrude(geometries, self.base_m[rows], self.height_m[rows])


@dataclass(frozen=True, slots=True)
class Envelope(Extrude):
    """Plots to what may be built on them: translucent from the ground to the height limit; without a limit there is none."""

    lod: ClassVar[int] = 0
    opacity: ClassVar[float] = 0.35


@dataclass(frozen=True, slots=True)
class Tube(Recipe):
    """Lines to pipes."""

    diameter_m: Numbers
    width_m: Numbers
    height_m: Numbers
    z_reference: NDArray[np.int64]

    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return two rings a segment and two caps, as many sides as the diameter needs."""
        sides = sides_for(np.nan_to_num(self.diameter_m) / 2)
        return 2 * sides * points_per_feature(geometries)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the pipes of ``rows``."""
        return tube(geometries, self.diameter_m[rows], self.width_m[rows], self.height_m[rows], self.z_reference[rows])

    def sections(self, rows: NDArray[np.int64], /) -> tuple[NDArray[np.bool_], Numbers, Numbers, Numbers]:
        """Return of each of ``rows`` whether it is a box, width, height, and how far its axis lies above its line."""
        return sections(self.diameter_m[rows], self.width_m[rows], self.height_m[rows], self.z_reference[rows])


@dataclass(frozen=True, slots=True)
class Well(Recipe):
    """Points to shafts with a lid."""

    bottom_m: Numbers
    depth_m: Numbers
    diameter_m: Numbers

    def vertices(self, _geometries: Geometries, /) -> NDArray[np.int64]:
        """Return four rings for the shaft and four for the lid."""
        diameter = np.where(self.diameter_m > 0, self.diameter_m, NOMINAL_DIAMETER_M)
        return 8 * sides_for(diameter / 2)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the shafts of ``rows``."""
        return well(geometries, self.bottom_m[rows], self.depth_m[rows], self.diameter_m[rows])

    def shafts(self, geometries: Geometries, rows: NDArray[np.int64], /) -> tuple[Numbers, Numbers, Numbers]:
        """Return top (n, 3), height of the bottom and diameter of the shafts of ``rows``, NaN where not known."""
        return shafts(geometries, self.bottom_m[rows], self.depth_m[rows], self.diameter_m[rows])


@dataclass(frozen=True, slots=True)
class View(Recipe):
    """Points to what a camera there sees, translucent."""

    opacity: ClassVar[float] = 0.3
    sights: Sights

    def vertices(self, _geometries: Geometries, /) -> NDArray[np.int64]:
        """Return four faces a slice and the two at its sides, of four corners each."""
        return 4 * (4 * slices(self.sights.fov_deg) + 2)

    def squares(self, geometries: Geometries, /) -> Squares:
        """Return the squares that hold all a camera can see."""
        x, y, width = bounding_squares(geometries)
        return x, y, width + 2 * np.nan_to_num(np.clip(self.sights.range_m, 0, LONGEST_RANGE_M))

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the fields of view of ``rows``."""
        s = self.sights
        return view(geometries, Sights(s.azimuth_deg[rows], s.tilt_deg[rows], s.fov_deg[rows], s.range_m[rows]))


def points_per_feature(geometries: Geometries) -> NDArray[np.int64]:
    """Return the number of coordinates of each feature (n,)."""
    rings = geometries.part_offsets[geometries.feature_offsets]
    return np.diff(geometries.ring_offsets[rings])
