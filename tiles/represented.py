"""Features drawn by their stored representation where they have one, by the recipe of their type where not, in the same tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.columns import Representations
from tiles.face_bytes import corner_counts, face_squares, read_faces
from tiles.mesh.batch import MeshBatch, interleaved
from tiles.mesh.faces import mesh_faces
from tiles.recipes import Extrude, Recipe
from tiles.texels import textures_of
from tiles.wkb import Geometries, Squares, select


def represented(recipe: Recipe, representations: Representations | None) -> Recipe:
    """Return the recipe that draws the representations there are and leaves the rest to ``recipe``."""
    return recipe if representations is None or not representations.present.any() else Represented(recipe, representations)


@dataclass(frozen=True, slots=True)
class Represented(Recipe):
    """Faces before recipe; all arrays are of the whole run."""

    recipe: Recipe
    representations: Representations

    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return the ring corners of a representation, else what the recipe says."""
        return np.where(self.representations.present, corner_counts(self.representations), self.recipe.vertices(geometries))

    def squares(self, geometries: Geometries, /) -> Squares:
        """Return the squares around the vertices of a representation, else what the recipe says."""
        own, other = face_squares(self.representations), self.recipe.squares(geometries)
        is_own = np.isfinite(own[0])
        x, y, width = (np.where(is_own, a, b) for a, b in zip(own, other, strict=True))
        return x, y, width

    def lods(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Return the level of a representation, else that of the recipe."""
        return np.where(self.representations.present[rows], self.representations.lod[rows], self.recipe.lods(rows)).astype(np.uint8)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the faces of ``rows`` that have any, and the recipe's mesh of the others, feature by feature."""
        present = self.representations.present[rows]
        own, other = np.flatnonzero(present), np.flatnonzero(~present)
        if len(own) == 0:
            return self.recipe.mesh(geometries, rows)
        faces = mesh_faces(read_faces(self.representations, rows[own]), textures_of(self.representations, rows[own]))
        if len(other) == 0:
            return faces
        return interleaved(faces, own, self.recipe.mesh(select(geometries, other), rows[other]), other)


def coarser(recipe: Recipe) -> Recipe | None:
    """Return the recipe that draws each feature in its coarser form, where any has one: a body with a footprint and a height as a block."""
    if not isinstance(recipe, Represented) or not isinstance(recipe.recipe, Extrude):
        return None
    coarse = Coarse(recipe, recipe.recipe)
    return coarse if coarse.has_block.any() else None


@dataclass(frozen=True, slots=True)
class Coarse(Recipe):
    """Blocks before faces; all arrays are of the whole run."""

    finest: Represented
    block: Extrude

    @property
    def has_block(self) -> NDArray[np.bool_]:
        """Return which features have both a representation and what a block takes (n,)."""
        return self.finest.representations.present & np.isfinite(self.block.height_m) & (self.block.height_m > 0)

    def vertices(self, geometries: Geometries, /) -> NDArray[np.int64]:
        """Return those of the block where there is one."""
        return np.where(self.has_block, self.block.vertices(geometries), self.finest.vertices(geometries))

    def squares(self, geometries: Geometries, /) -> Squares:
        """Return those of the finest form: a feature has one place."""
        return self.finest.squares(geometries)

    def lods(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Return the level of a block where there is one."""
        return np.where(self.has_block[rows], self.block.lods(rows), self.finest.lods(rows)).astype(np.uint8)

    def mesh(self, geometries: Geometries, rows: NDArray[np.int64], /) -> MeshBatch:
        """Return the blocks of ``rows``, and in their finest form those that no block can be made of."""
        blocks = np.flatnonzero(self.has_block[rows])
        made = self.block.mesh(select(geometries, blocks), rows[blocks])
        made_of = made.left_out == 0
        others = np.setdiff1d(np.arange(len(rows)), blocks[made_of])
        if len(others) == 0:
            return made
        finest = self.finest.mesh(select(geometries, others), rows[others])
        if not made_of.any():
            return finest
        kept = made if made_of.all() else self.block.mesh(select(geometries, blocks[made_of]), rows[blocks[made_of]])
        return interleaved(kept, blocks[made_of], finest, others)
