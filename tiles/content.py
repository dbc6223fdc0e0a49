"""From features that are ready to one stored content: mesh, projection, GLB, and what is known of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tiles.atlas import atlas_of
from tiles.bounds import Region
from tiles.glb import Encoding, Material, Picture, TileMesh, write_glb
from tiles.instance_nodes import Instances
from tiles.instanced_glb import write_instances
from tiles.kept_pictures import KeptPictures
from tiles.kernel import kernel
from tiles.local_frame import ToGeocentric
from tiles.mesh.batch import HIGHEST_M, LOWEST_M, LeftOut, MeshBatch, Shown
from tiles.mesh.straight import Straights
from tiles.metadata import MetadataClass, PropertyTable, property_table
from tiles.node import Summary
from tiles.placed import instances_of
from tiles.recipes import Instanced
from tiles.shared_fits import SharedFits
from tiles.source import Source
from tiles.statistics import Statistics, statistics_of
from tiles.straight_instances import straight_instances
from tiles.texels import TEXEL_M
from tiles.wkb import select

_LARGEST_BYTES = 290_000
"""Of a content with pictures, unless its geometry alone is larger."""
_SMALLEST_ATLAS_BYTES = 40_000
_BYTES_PER_VERTEX = 10


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of ``rows``: a GLB of those whose ``left_out`` is DRAWN, None when none is, and their mesh by place in ``rows``."""

    rows: NDArray[np.int64]
    left_out: NDArray[np.uint8]
    mesh: MeshBatch
    glb: bytes | None
    region: Region | None
    accuracy: dict[str, float]
    textured: int = 0
    """How many features show a picture."""

    @property
    def drawn_rows(self) -> NDArray[np.int64]:
        """Return the rows that are drawn."""
        return self.rows[self.left_out == LeftOut.DRAWN]


class Drawing:
    """How the contents of one tileset are made; used by several threads."""

    def __init__(
        self, metadata: MetadataClass, to_geocentric: ToGeocentric, encoding: Encoding, pictures: KeptPictures | None = None
    ) -> None:
        """Draw faces with ``pictures``; None: all of them plain."""
        self.metadata, self.encoding = metadata, encoding
        self._pictures = pictures
        self._exact = to_geocentric
        self._projecting = threading.Lock()
        self._fits = SharedFits(self.to_geocentric)

    def to_geocentric(
        self, easting_m: NDArray[np.float64], northing_m: NDArray[np.float64], height_m: NDArray[np.float64], /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return geocentric positions, one thread at a time: PROJ's objects are not to be shared."""
        with self._projecting:
            return self._exact(easting_m, northing_m, height_m)

    def finest(self, source: Source, rows: NDArray[np.int64]) -> Drawn:
        """Return the content of ``rows`` of ``source`` in their finest form."""
        return self._draw(source, rows, *source.parts(rows))

    def coarser(self, source: Source, rows: NDArray[np.int64]) -> Drawn:
        """Return the content of ``rows``, which can all be drawn, in the coarser form of those that have one."""
        return self._draw(source, rows, source.coarse_mesh(rows))

    def _draw(self, source: Source, rows: NDArray[np.int64], mesh: MeshBatch, pipes: Straights | None = None) -> Drawn:
        """Return the content of ``rows``, which are drawn by ``mesh`` and, those that are, by ``pipes``."""
        points, owner = _points(mesh, pipes)
        is_empty = mesh.is_empty and not pipes
        unfit, reason = _absurd(points, owner), LeftOut.ELEVATION_ABSURD
        if len(unfit) == 0 and not is_empty:
            projection = self._fits.over(points)
            reached = projection.reaches(points)
            unfit, reason = np.unique(owner[~reached]), LeftOut.OUTSIDE_CRS
        if len(unfit):
            return self._without(source, rows, unfit, reason)
        if is_empty:
            return Drawn(rows, mesh.left_out, mesh, None, None, {})
        drawn = mesh.left_out == LeftOut.DRAWN
        row_of = (np.cumsum(drawn) - 1).astype(np.uint32)
        local, region = projection.project(points, mesh.stands_as)
        table, instances, textured = property_table(source.table, rows[drawn]), list[Instances](), 0
        if isinstance(source.recipe, Instanced):
            placements = source.recipe.placements(select(source.geometries, rows), rows)
            instances = instances_of(placements, projection, row_of.astype(np.int64))
        elif pipes:
            ends = local[len(mesh.positions) :].reshape(-1, 2, 3)
            instances, region = straight_instances(pipes, ends, projection, row_of.astype(np.int64)), region.widened(pipes.reach_m)
        if isinstance(source.recipe, Instanced) or mesh.is_empty:
            glb = write_instances(projection.frame, instances, self.metadata, table, meshopt=self.encoding.meshopt)
        else:
            local = local[: len(mesh.positions)]
            tile_mesh = TileMesh(projection.frame, local, mesh.normals, mesh.triangles, row_of[mesh.feature], mesh.surface)
            material = Material(not mesh.is_closed, source.recipe.opacity)
            picture = None if mesh.shown is None else self._picture(mesh, mesh.shown, table)
            glb = write_glb(tile_mesh, self.metadata, table, self.encoding, material, picture, instances)
            textured = 0 if picture is None else len(np.unique(mesh.feature[picture.is_shown]))
        accuracy = {
            "projection_residual_m": projection.residual_m,
            "position_error_m": glb.position_error_m,
            "quantization_step_m": glb.step_m,
            "chord_error_m": max(mesh.chord_error_m, 0.0 if pipes is None else pipes.chord_error_m),
        }
        return Drawn(rows, mesh.left_out, mesh, glb.data, region, accuracy, textured)

    def _picture(self, mesh: MeshBatch, shown: Shown, table: PropertyTable) -> Picture | None:
        """Return the atlas of what a mesh shows, as large as its geometry leaves it room to be; None where that is nothing."""
        if self._pictures is None:
            return None
        beside = _BYTES_PER_VERTEX * len(mesh.positions) + sum(len(c.values) for c in table.columns)
        most = max(_LARGEST_BYTES - beside, _SMALLEST_ATLAS_BYTES)
        atlas = atlas_of(shown, mesh.positions, mesh.triangles, self._pictures.get, TEXEL_M, most)
        return None if atlas is None else Picture(atlas.image, atlas.place, atlas.is_shown, atlas.is_masked)

    def _without(self, source: Source, rows: NDArray[np.int64], unfit: NDArray[np.uint32], reason: LeftOut) -> Drawn:
        """Return the content without the features ``unfit`` (by place in ``rows``), which are left out for ``reason``."""
        keeps = np.ones(len(rows), np.bool_)
        keeps[unfit] = False
        rest = self.finest(source, rows[keeps])
        left_out = np.full(len(rows), reason, np.uint8)
        left_out[keeps] = rest.left_out
        feature = np.flatnonzero(keeps)[rest.mesh.feature].astype(np.uint32)
        mesh = replace(rest.mesh, feature=feature, left_out=left_out)
        return Drawn(rows, left_out, mesh, rest.glb, rest.region, rest.accuracy, rest.textured)


def summary_of(source: Source, drawn: Drawn) -> Summary:
    """Return what a leaf shows and leaves out."""
    rows = drawn.drawn_rows
    lods = np.bincount(source.recipe.lods(rows), minlength=1)
    reasons = np.bincount(drawn.left_out, minlength=1)
    surface = drawn.mesh.surface
    return Summary(
        statistics=statistics_of(source.table, rows) if len(rows) else Statistics(0, {}, {}),
        lods={level: int(lods[level]) for level in np.flatnonzero(lods).tolist() if level > 0},
        surfaces=frozenset() if surface is None else frozenset(np.flatnonzero(np.bincount(surface)).tolist()),
        left_out={reason: int(reasons[reason]) for reason in np.flatnonzero(reasons).tolist() if reason != LeftOut.DRAWN},
        unrepresentable=_unrepresentable(source, drawn.rows),
        faces_left_out=drawn.mesh.faces_left_out,
        accuracy=drawn.accuracy,
        contents=int(drawn.glb is not None),
        content_bytes=len(drawn.glb or b""),
        textured=drawn.textured,
    )


def _points(mesh: MeshBatch, pipes: Straights | None) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
    """Return the vertices of ``mesh`` and the ends of ``pipes``, and the features they are of."""
    if not pipes:
        return mesh.positions, mesh.feature
    ends, owner = pipes.ends_m.reshape(-1, 3), np.repeat(pipes.feature, 2).astype(np.uint32)
    return np.concatenate([mesh.positions, ends]), np.concatenate([mesh.feature, owner])


def _absurd(points: NDArray[np.float64], owner: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the features with a point where nothing is built."""
    return np.unique(owner[_beyond(points, LOWEST_M, HIGHEST_M)])


@kernel
def _beyond(positions: NDArray[np.float64], lowest_m: float, highest_m: float) -> NDArray[np.int64]:
    """Return which of ``positions`` do not lie between two heights."""
    out, count = np.empty(len(positions), np.int64), 0
    for i in range(len(positions)):
        out[count] = i
        count += not lowest_m < positions[i, 2] < highest_m
    return out[:count]


def _unrepresentable(source: Source, rows: NDArray[np.int64]) -> dict[str, int]:
    counts = {}
    for column in source.table.columns:
        if column.prop.id in source.table.unrepresentable and column.prop.field is not None:
            given = source.features.columns[column.prop.field.name].valid[rows]
            if lost := int((given & ~column.present[rows]).sum()):
                counts[column.prop.id] = lost
    return counts
