"""A run of features made ready: their geometries, what they are drawn by, their property columns, and where they stand in the tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns, TextColumn
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.straight import Straights
from tiles.metadata import EncodedTable, MetadataClass, encode_table
from tiles.recipes import Recipe, Tube, recipe_for
from tiles.represented import coarser, represented
from tiles.texels import texture_bytes
from tiles.tiling import Places, is_on_grid, morton
from tiles.wkb import Geometries, Squares, read_wkb, select
from twin.model import FeatureType

_BYTES_PER_VERTEX = 8
"""What a compressed vertex with its share of indices takes, rounded up; for the budget only."""
_BYTES_PER_TIME = 24
"""A date or time as text, with its offset."""


@dataclass(frozen=True, slots=True)
class Source:
    """Features (n) that can be drawn: ``recipe`` in their finest form, ``coarse`` in the coarser one, None where none has any."""

    features: FeatureColumns
    geometries: Geometries
    recipe: Recipe
    coarse: Recipe | None
    squares: Squares
    table: EncodedTable
    straight: Straights | None
    """The straight closed pipes where ``recipe`` is of pipes."""

    def __len__(self) -> int:
        return len(self.features)

    def mesh(self, rows: NDArray[np.int64]) -> MeshBatch:
        """Return the mesh of ``rows`` in their finest form."""
        return self.recipe.mesh(select(self.geometries, rows), rows)

    def parts(self, rows: NDArray[np.int64]) -> tuple[MeshBatch, Straights | None]:
        """Return what :meth:`mesh` has in triangles as straight pipes, where there are any, and the mesh of all others."""
        if self.straight is None or not isinstance(self.recipe, Tube):
            return self.mesh(rows), None
        return self.recipe.parts(self.geometries, self.straight, rows)

    def coarse_mesh(self, rows: NDArray[np.int64]) -> MeshBatch:
        """Return the mesh of ``rows`` in their coarser form, of those that have none in the finest."""
        return (self.coarse or self.recipe).mesh(select(self.geometries, rows), rows)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where features stand: ``rows`` of those that have a place, in the order of ``places``; the others with the reason why not."""

    rows: NDArray[np.int64]
    places: Places
    unplaced: tuple[tuple[int, LeftOut], ...]


def make_source(features: FeatureColumns, feature_type: FeatureType, metadata: MetadataClass) -> Source:
    """Return ``features`` ready to be drawn; RecipeError when the FeatureType has no 3D form."""
    geometries = read_wkb(features.wkb, features.wkb_offsets)
    recipe, coarse = _forms(features, feature_type)
    straight = recipe.straight(geometries) if isinstance(recipe, Tube) else None
    return Source(features, geometries, recipe, coarse, recipe.squares(geometries), encode_table(metadata, features), straight)


def placed(features: FeatureColumns, feature_type: FeatureType, metadata: MetadataClass) -> Placed:
    """Return where ``features`` stand and what they weigh, in no particular order; without the cost of making them ready."""
    geometries = read_wkb(features.wkb, features.wkb_offsets)
    recipe, coarse = _forms(features, feature_type)
    x, y, _ = recipe.squares(geometries)
    empty, on_grid = np.isnan(x), is_on_grid(x, y)
    rows = np.flatnonzero(on_grid & ~empty)
    vertices, table = recipe.vertices(geometries), _table_bytes(features, metadata)
    fewer = vertices if coarse is None else np.minimum(coarse.vertices(geometries), vertices)
    pictures = 0 if features.representations is None else texture_bytes(features.representations)
    weights = np.stack([vertices, _BYTES_PER_VERTEX * vertices + table + pictures, fewer, _BYTES_PER_VERTEX * fewer + table], axis=1)[rows]
    places = Places(morton(x[rows], y[rows]), features.fid[rows], weights.astype(np.int64))
    return Placed(rows, places, _unplaced(features, recipe, geometries, np.flatnonzero(empty), np.flatnonzero(~on_grid & ~empty)))


def _forms(features: FeatureColumns, feature_type: FeatureType) -> tuple[Recipe, Recipe | None]:
    plain = recipe_for(feature_type, features)
    finest = represented(plain, features.representations)
    return finest, coarser(finest)


def _unplaced(
    features: FeatureColumns, recipe: Recipe, geometries: Geometries, empty: NDArray[np.int64], outside: NDArray[np.int64]
) -> tuple[tuple[int, LeftOut], ...]:
    reasons = np.zeros(0, np.uint8)
    if len(empty):
        reasons = np.maximum(recipe.mesh(select(geometries, empty), empty).left_out, LeftOut.GEOMETRY_UNREADABLE)
    listed = [(int(features.fid[i]), LeftOut(int(reason))) for i, reason in zip(empty, reasons, strict=True)]
    return tuple(sorted(listed + [(int(features.fid[i]), LeftOut.OUTSIDE_CRS) for i in outside]))


def _table_bytes(features: FeatureColumns, metadata: MetadataClass) -> NDArray[np.int64]:
    """Return about how many bytes each feature takes in a property table (n,), by its own values alone."""
    total = np.zeros(len(features), np.int64)
    for prop in metadata.properties:
        column = None if prop.field is None else features.columns.get(prop.field.name)
        if prop.kind != "string":
            total += prop.dtype.itemsize
        elif isinstance(column, TextColumn):
            total += 2 + np.diff(column.offsets)
        elif column is not None:
            total += _BYTES_PER_TIME * column.valid
    return total
