"""From a FeatureType's recipe to a mesher: which columns feed it, how a feature weighs in the budget, how it becomes triangles."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns, NumberColumn, TextColumn
from tiles.mesh.batch import MeshBatch, no_mesh
from tiles.mesh.bores import bores_of
from tiles.mesh.extrude import extrude
from tiles.mesh.fitting_models import FITTINGS, MARKER
from tiles.mesh.pipe_section import Outlines, Pipes, ZReference, outlines
from tiles.mesh.placement import Placement, as_mesh
from tiles.mesh.profile import BOX, faces_of, has_corners
from tiles.mesh.straight import Straights, straights
from tiles.mesh.tube import pieces_more, tube
from tiles.mesh.view import LONGEST_RANGE_M, Sights, slices, view
from tiles.mesh.well import Wells, shafts, well
from tiles.metadata import index_texts
from tiles.wkb import Geometries, Squares, bounding_squares, select
from twin.errors import TwinError
from twin.model import FeatureType

type Numbers = NDArray[np.float64]

METRES_PER_UNIT: Mapping[str | None, float] = {None: 1.0, "m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001}
DEGREES_PER_UNIT: Mapping[str | None, float] = {None: 1.0, "deg": 1.0}


SHAPES = ("round", "rectangle", "egg", "arch", "trapezoid", "u_shape")
"""Codes of section_shape, in the order of Shape; others are drawn as boxes of their width and height."""
_SQUARE = ("方形", "矩形", "方井", "方", "长方形", "正方形", "square", "rectangular", "rectangle", "Rechthoekig", "Vierkant")
"""Words for chambers that are not round."""


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


class Instanced(Recipe):
    """The 3D form of features that are models put in places: few shapes shown many times."""

    @abc.abstractmethod
    def placements(self, geometries: Geometries, rows: NDArray[np.int64], /) -> list[Placement]:
        """Return what :meth:`mesh` has in triangles as models put in places."""


def recipe_for(feature_type: FeatureType, features: FeatureColumns) -> Recipe:
    """Return the recipe of ``feature_type`` over the columns of ``features``; RecipeError for one that is not meshed."""
    roles = _Roles(feature_type, features)
    match feature_type.recipe:
        case "extrude":
            return Extrude(roles.metres("base"), roles.metres("height"))
        case "envelope":
            return Envelope(roles.metres("base"), roles.metres("height"))
        case "tube":
            sizes = roles.metres("diameter"), roles.metres("width"), roles.metres("height"), roles.metres("wall")
            of_bore = roles.place("size_reference", ("inner",)) > 0
            pipes = Pipes(roles.place("shape", SHAPES) - 1, *sizes, of_bore, roles.count("holes"), roles.z_reference())
            return Tube(pipes, outlines(pipes))
        case "well":
            shape = roles.place("shape", _SQUARE) > 0
            turn = np.radians(np.nan_to_num(roles.degrees("rotation")))
            return Well(Wells(roles.metres("bottom"), roles.metres("depth"), roles.metres("diameter"), shape, roles.fitting("kind"), turn))
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
        return np.choose(self.place("z_reference", ("top", "invert")), [ZReference.AXIS, ZReference.TOP, ZReference.INVERT]).astype(
            np.int64
        )

    def fitting(self, role: str) -> NDArray[np.int64]:
        """Return the place in FITTINGS of what the column that plays ``role`` names (n,): a plain marker for another word, -1 for none."""
        column = self._texts(role)
        if column is None:
            return np.full(len(self.features), -1, np.int64)
        named = column.valid & (np.diff(column.offsets) > 0)
        place = index_texts(column, FITTINGS) - 1
        return np.where(named & (place < 0), FITTINGS.index(MARKER), place)

    def place(self, role: str, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the place in ``names``, from 1, of each text of the column that plays ``role`` (n,); 0 for any other and for none."""
        column = self._texts(role)
        return np.zeros(len(self.features), np.int64) if column is None else index_texts(column, names).astype(np.int64)

    def count(self, role: str) -> NDArray[np.int64]:
        """Return the column of numbers that plays ``role`` (n,), 0 where there is none."""
        column = self.features.columns.get(self.feature_type.recipe_fields.get(role, ""))
        if not isinstance(column, NumberColumn):
            return np.zeros(len(self.features), np.int64)
        return np.where(column.valid, column.values, 0).astype(np.int64)

    def _texts(self, role: str) -> TextColumn | None:
        column = self.features.columns.get(self.feature_type.recipe_fields.get(role, ""))
        return column if isinstance(column, TextColumn) else None


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


_STRAIGHT_WEIGHT = 6
"""What a straight closed pipe counts for in vertices: its instances take the bytes of so many."""


@dataclass(frozen=True, slots=True)
class Tube(Recipe):
    """Lines to pipes, whose ``outline`` follows from what is known of them."""

    pipes: Pipes
    outline: Outlines

    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return two rings a segment, as long ones are divided, of the outer section and of each bore, and what closes both ends."""
        outline, bores = self.outline, bores_of(self.pipes, self.outline)
        straight = straights(geometries, outline, bores.count == 0).feature
        cornered = has_corners(outline.shape)
        around = np.where(cornered, 2, 1) * faces_of(outline.shape, outline.sides)
        more = pieces_more(geometries.coordinates, geometries.ring_offsets, geometries.part_offsets, geometries.feature_offsets)
        segments = np.maximum(points_per_feature(geometries) - 1, 1) + more
        ends = np.where(cornered | (bores.count > 0), around, outline.sides // 2 + 1)
        ends = np.where(outline.shape == BOX, 4 + 12 * np.diff(bores.offsets), ends)
        vertices = 2 * around * (1 + bores.count) * segments + 2 * ends
        vertices[straight] = _STRAIGHT_WEIGHT
        return vertices

    def straight(self, geometries: Geometries, /) -> Straights:
        """Return the straight closed pipes of the whole run."""
        return straights(geometries, self.outline, bores_of(self.pipes, self.outline).count == 0)

    def parts(self, geometries: Geometries, straight: Straights, rows: NDArray[np.int64], /) -> tuple[MeshBatch, Straights]:
        """Return what :meth:`mesh` has in triangles as straight pipes, and the mesh of all others, both by place in ``rows``.

        ``geometries`` and ``straight`` are those of the whole run.
        """
        mine = straight.among(rows)
        left_out = np.zeros(len(rows), np.uint8)
        if len(mine) == len(rows):
            return no_mesh(left_out), mine
        others = np.setdiff1d(np.arange(len(rows)), mine.feature, assume_unique=True)
        mesh = self.mesh(select(geometries, rows[others]), rows[others])
        left_out[others] = mesh.left_out
        return replace(mesh, feature=others[mesh.feature].astype(np.uint32), left_out=left_out), mine

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the pipes of ``rows``."""
        return tube(geometries, self.pipes.rows(rows), self.outline.rows(rows))


_INSTANCE_WEIGHT = 16
"""What a point counts for in vertices: its instances take the bytes of eight, and its models are to be drawn."""


@dataclass(frozen=True, slots=True)
class Well(Instanced):
    """Points to chambers and fittings."""

    wells: Wells

    def vertices(self, _geometries: Geometries, /) -> NDArray[np.int64]:
        """Return the same for all: they are shown by instances."""
        return np.full(len(self.wells.kind), _INSTANCE_WEIGHT, np.int64)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the triangles of what stands at ``rows``."""
        return as_mesh(*well(geometries, self.wells.rows(rows)))

    def placements(self, geometries: Geometries, rows: NDArray[np.int64], /) -> list[Placement]:
        """Return the same as models in places."""
        return well(geometries, self.wells.rows(rows))[0]

    def shafts(self, geometries: Geometries, rows: NDArray[np.int64], /) -> tuple[Numbers, Numbers, Numbers]:
        """Return top (n, 3), height of the bottom and diameter of the shafts of ``rows``, NaN where not known."""
        return shafts(geometries, self.wells.rows(rows))


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
