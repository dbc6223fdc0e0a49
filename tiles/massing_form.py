"""The far form of buildings: their massing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tiles.blocks import LARGEST_CONTENT, accuracy_m, block_class, block_mesh, block_table, colour_property, error_m
from tiles.far_form import FarForm, FarTile
from tiles.glb import Encoding, TileMesh, write_glb
from tiles.local_frame import ToGeocentric, fit_projection
from tiles.massing import drawn, from_bytes, gather, massing_of, summary, to_bytes
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.heights import height_ranges
from tiles.metadata import MetadataClass
from tiles.prisms import prisms_of
from tiles.run_form import RunForm
from tiles.source import Source
from tiles.tiling import Cell
from tiles.wkb import select
from twin.model import FeatureType


def far_form_for(feature_type: FeatureType, metadata: MetadataClass, encoding: Encoding) -> FarForm | None:
    """Return how features of ``feature_type`` look from afar, None where that is nothing."""
    match feature_type.recipe:
        case "extrude":
            return MassingForm(feature_type, metadata, encoding)
        case "tube" | "well":
            return RunForm(feature_type, metadata, encoding)
        case _:
            return None


class MassingForm:
    """Blocks of about the same volume and ground as the buildings they stand for."""

    def __init__(self, feature_type: FeatureType, metadata: MetadataClass, encoding: Encoding) -> None:
        self._class = block_class(feature_type, metadata)
        self._colour = colour_property(feature_type, metadata)
        self._encoding = encoding

    def summary_of(self, source: Source, rows: NDArray[np.int64], mesh: MeshBatch, cell: Cell) -> bytes:
        """Return the massing of a leaf."""
        heights = height_ranges(mesh, len(rows))
        drawn = np.flatnonzero(mesh.left_out == LeftOut.DRAWN)
        mine = rows[drawn]
        x, y, _ = source.squares
        prisms = prisms_of(
            source.features.fid[mine],
            select(source.geometries, mine),
            x[mine],
            y[mine],
            heights[drawn, 0],
            heights[drawn, 1],
            self._codes(source, mine),
        )
        return to_bytes(massing_of(prisms, cell))

    def merged(self, cell: Cell, children: Sequence[bytes]) -> bytes:
        """Return the massing of ``cell``."""
        return to_bytes(summary(gather(cell, [from_bytes(child) for child in children])))

    def tile(self, cell: Cell, children: Sequence[bytes], to_geocentric: ToGeocentric) -> FarTile:
        """Return the blocks of ``cell``."""
        massing = gather(cell, [from_bytes(child) for child in children])
        kept = to_bytes(summary(massing))
        if massing.count == 0:
            return FarTile(kept, None, None, 0.0)
        shown = drawn(massing, LARGEST_CONTENT)
        mesh = block_mesh(shown)
        projection = fit_projection(to_geocentric, mesh.positions)
        local, region = projection.project(mesh.positions, mesh.stands_as)
        tile_mesh = TileMesh(projection.frame, local, mesh.normals, mesh.triangles, mesh.feature, mesh.surface)
        # Lines are as wide far away as near: a city of blocks would be black with them.
        encoding = replace(self._encoding, accuracy_m=accuracy_m(shown), outlines=False)
        glb = write_glb(tile_mesh, self._class, block_table(shown, self._class), encoding)
        return FarTile(kept, glb.data, region.widened(glb.position_error_m), error_m(shown))

    def _codes(self, source: Source, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        column = next((c for c in source.table.columns if self._colour is not None and c.prop.id == self._colour.id), None)
        return np.zeros(len(rows), np.int64) if column is None or column.values is None else column.values[rows].astype(np.int64)
