"""From a FeatureType's recipe to a mesher: which columns feed it, how a feature weighs in the budget, how it becomes triangles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns, NumberColumn, TextColumn
from tiles.mesh.batch import MeshBatch
from tiles.mesh.extrude import extrude
from tiles.mesh.sweep import sides_for
from tiles.mesh.tube import ZReference, tube
from tiles.mesh.well import NOMINAL_DIAMETER_M, well
from tiles.metadata import index_texts
from tiles.wkb import Geometries
from twin.errors import TwinError
from twin.model import FeatureType

type Numbers = NDArray[np.float64]

METRES_PER_UNIT: Mapping[str | None, float] = {None: 1.0, "m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001}


class RecipeError(TwinError):
    """A FeatureType has no 3D form, or its recipe names fields it does not have."""

    code = "tile-recipe"


class Recipe(Protocol):
    """The 3D form of a run of features."""

    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return how many vertices each feature of the whole run will have at most (n,), by its own values alone."""
        ...

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64]) -> MeshBatch:
        """Return the mesh of the features ``rows``, whose geometries are ``geometries``."""
        ...


def recipe_for(feature_type: FeatureType, features: FeatureColumns) -> Recipe:
    """Return the recipe of ``feature_type`` over the columns of ``features``; RecipeError for one that is not meshed."""
    roles = _Roles(feature_type, features)
    match feature_type.recipe:
        case "extrude":
            return Extrude(roles.metres("base"), roles.metres("height"))
        case "tube":
            return Tube(roles.metres("diameter"), roles.metres("width"), roles.metres("height"), roles.z_reference())
        case "well":
            return Well(roles.metres("bottom"), roles.metres("depth"), roles.metres("diameter"))
        case other:
            raise RecipeError(f"feature type {feature_type.name} with recipe {other} has no 3D tiles")


def is_meshed(feature_type: FeatureType) -> bool:
    """Return whether ``feature_type`` becomes a tileset of meshes."""
    return feature_type.recipe in ("extrude", "tube", "well")


@dataclass(frozen=True, slots=True)
class _Roles:
    feature_type: FeatureType
    features: FeatureColumns

    def metres(self, role: str) -> Numbers:
        """Return the column that plays ``role`` in metres (n,), NaN where there is none."""
        missing = np.full(len(self.features), np.nan)
        name = self.feature_type.recipe_fields.get(role)
        if name is None:
            return missing
        if name not in self.feature_type.field_names:
            raise RecipeError(f"feature type {self.feature_type.name} has no field {name} for {role}")
        unit = self.feature_type.field(name).unit
        if unit not in METRES_PER_UNIT:
            raise RecipeError(f"field {name} of {self.feature_type.name} is not a length but in {unit}")
        column = self.features.columns.get(name)
        if column is None:
            return missing
        if not isinstance(column, NumberColumn):
            raise RecipeError(f"field {name} of {self.feature_type.name} is not a number")
        return np.where(column.valid, column.values.astype(np.float64) * METRES_PER_UNIT[unit], np.nan)

    def z_reference(self) -> NDArray[np.int64]:
        """Return what Z stands for (n,) of ZReference; the axis where nothing is said."""
        name = self.feature_type.recipe_fields.get("z_reference")
        column = self.features.columns.get(name) if name is not None else None
        if not isinstance(column, TextColumn):
            return np.full(len(self.features), int(ZReference.AXIS), np.int64)
        place = index_texts(column, ("top", "invert"))
        return np.choose(place, [ZReference.AXIS, ZReference.TOP, ZReference.INVERT]).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Extrude:
    """Footprints to LOD1 solids."""

    base_m: Numbers
    height_m: Numbers

    def vertices(self, geometries: Geometries) -> NDArray[np.int64]:
        """Return six for each stored point: roof, floor and four for its wall."""
        return 6 * points_per_feature(geometries)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64]) -> MeshBatch:
        """Return the solids of ``rows``."""
        return extrude(geometries, self.base_m[rows], self.height_m[rows])


@dataclass(frozen=True, slots=True)
class Tube:
    """Lines to pipes."""

    diameter_m: Numbers
    width_m: Numbers
    height_m: Numbers
    z_reference: NDArray[np.int64]

    def vertices(self, geometries: Geometries) -> NDArray[np.int64]:
        """Return two rings a segment and two caps, as many sides as the diameter needs."""
        sides = sides_for(np.nan_to_num(self.diameter_m) / 2)
        return 2 * sides * points_per_feature(geometries)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64]) -> MeshBatch:
        """Return the pipes of ``rows``."""
        return tube(geometries, self.diameter_m[rows], self.width_m[rows], self.height_m[rows], self.z_reference[rows])


@dataclass(frozen=True, slots=True)
class Well:
    """Points to shafts with a lid."""

    bottom_m: Numbers
    depth_m: Numbers
    diameter_m: Numbers

    def vertices(self, _geometries: Geometries, /) -> NDArray[np.int64]:
        """Return four rings for the shaft and four for the lid."""
        diameter = np.where(self.diameter_m > 0, self.diameter_m, NOMINAL_DIAMETER_M)
        return 8 * sides_for(diameter / 2)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64]) -> MeshBatch:
        """Return the shafts of ``rows``."""
        return well(geometries, self.bottom_m[rows], self.depth_m[rows], self.diameter_m[rows])


def points_per_feature(geometries: Geometries) -> NDArray[np.int64]:
    """Return the number of coordinates of each feature (n,)."""
    rings = geometries.part_offsets[geometries.feature_offsets]
    return np.diff(geometries.ring_offsets[rings])
