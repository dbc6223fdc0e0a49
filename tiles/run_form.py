"""The far form of networks: their weightiest straight runs, each an instance of a unit cylinder or box (DESIGN 12)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiles.blocks import colour_property
from tiles.far_form import FarTile
from tiles.glb import Encoding
from tiles.instance_nodes import Instances
from tiles.instanced_glb import write_instances
from tiles.local_frame import ToGeocentric, fit_projection
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.placement import Model
from tiles.mesh.profile import BOX, ROUND
from tiles.mesh.sweep import Sections as SweptSections
from tiles.mesh.sweep import plain_paths, sweep
from tiles.metadata import FID, MetadataClass, PropertyTable, StoredColumn
from tiles.recipes import Tube, Well
from tiles.represented import Represented
from tiles.runs import Runs, Sections, from_bytes, gather, runs_of, straight_runs, summary, to_bytes
from tiles.source import Source
from tiles.straight_instances import along
from tiles.tiling import FINEST_LEVEL, Cell
from tiles.wkb import Geometries, select
from twin.model import FeatureType

_SIDES = 8
_AREA_OF_POLYGON = 0.5 * _SIDES * np.sin(2 * np.pi / _SIDES) / np.pi
"""The area of the unit cylinder's polygon as part of its circle's: the polygon is drawn so much larger that both are the same."""
_ROUND_HIGH = 1 / float(np.sqrt(_AREA_OF_POLYGON))
"""How high the polygon is at most, as part of its circle; lowered by half of that (`_lowered`) it reaches so far beyond its run's axis."""
_GRID = 32
"""Columns of the grid of a massing."""

_PIXELS = 16
"""A tile is usually refined where its error is so many pixels: runs are drawn one pixel wide there, else a city's pipes would be specks."""


class RunForm:
    """Straight runs in place of pipes and shafts."""

    def __init__(self, feature_type: FeatureType, metadata: MetadataClass, encoding: Encoding) -> None:
        self._meshopt = encoding.meshopt
        self._colour = colour_property(feature_type, metadata)
        self._metadata = metadata.told(FID, *([] if self._colour is None else [self._colour.id]))

    def summary_of(self, source: Source, rows: NDArray[np.int64], mesh: MeshBatch, cell: Cell) -> bytes:  # noqa: ARG002
        """Return the weightiest runs of a leaf."""
        mine = rows[mesh.left_out == LeftOut.DRAWN]
        fid, code = source.features.fid, self._codes(source, mine)
        recipe = source.recipe.recipe if isinstance(source.recipe, Represented) else source.recipe
        runs, is_seen = Runs(np.zeros((12, 0), np.int64)), np.zeros(len(mine), np.bool_)
        if isinstance(recipe, Well):
            runs, is_seen = _shafts(fid[mine], select(source.geometries, mine), recipe, mine, code)
        elif isinstance(recipe, Tube):
            runs, is_seen = runs_of(fid, source.geometries, mine, _sections(recipe), code)
        unseen = mine[~is_seen]
        hidden = int(np.ceil(100 * np.nan_to_num(source.squares[2][unseen]).max(initial=0.0)))
        return to_bytes(summary(Runs(runs.columns, hidden)))

    def merged(self, cell: Cell, children: Sequence[bytes]) -> bytes:  # noqa: ARG002
        """Return the weightiest runs of the children of ``cell``."""
        return to_bytes(summary(gather([from_bytes(child) for child in children])))

    def tile(self, cell: Cell, children: Sequence[bytes], to_geocentric: ToGeocentric) -> FarTile:
        """Return the runs that the children of ``cell`` kept."""
        runs = gather([from_bytes(child) for child in children])
        kept = to_bytes(summary(runs))
        if len(runs) == 0:
            return FarTile(kept, None, None, 0.0)
        ends = runs.ends_m.reshape(-1, 3)
        projection = fit_projection(to_geocentric, ends)
        local, region = projection.project(ends)
        fids, row_of = np.unique(runs.fid, return_inverse=True)
        error = _error_m(cell, runs)
        size = np.maximum(runs.size_m, error / _PIXELS)
        more = (size - runs.size_m)[:, 1] * np.where(runs.form == ROUND, _ROUND_HIGH, 1.0)
        shown = _lowered(local.reshape(-1, 2, 3), more)
        instances = [_instances(shown, size, runs.form == form, row_of, form) for form in (ROUND, BOX)]
        glb = write_instances(projection.frame, instances, self._metadata, self._table(runs, fids), meshopt=self._meshopt)
        return FarTile(kept, glb.data, region.widened(_ROUND_HIGH * float(size.max()) + glb.position_error_m), error)

    def _table(self, runs: Runs, fids: NDArray[np.int64]) -> PropertyTable:
        """Return the rows of the features that runs are parts of: which they are, and what colours them."""
        columns = [StoredColumn(FID, fids.astype("<u4").tobytes())]
        if self._colour is not None:
            first = np.unique(runs.fid, return_index=True)[1]
            columns.append(StoredColumn(self._colour.id, runs.code[first].astype(self._colour.dtype).tobytes()))
        return PropertyTable(len(fids), tuple(columns))

    def _codes(self, source: Source, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        column = next((c for c in source.table.columns if self._colour is not None and c.prop.id == self._colour.id), None)
        return np.zeros(len(rows), np.int64) if column is None or column.values is None else column.values[rows].astype(np.int64)


def _sections(recipe: Tube) -> Sections:
    outline = recipe.outline
    return Sections(outline.shape, outline.width_m, outline.height_m, outline.shift_m)


def _shafts(
    fid: NDArray[np.uint32], geometries: Geometries, recipe: Well, rows: NDArray[np.int64], code: NDArray[np.int64]
) -> tuple[Runs, NDArray[np.bool_]]:
    top, bottom, diameter = recipe.shafts(geometries, rows)
    deep = np.flatnonzero(top[:, 2] > bottom)
    low = np.column_stack([top[deep, :2], bottom[deep]])
    shape = Sections(np.full(len(fid), ROUND), diameter, diameter, np.zeros(len(fid)))
    return straight_runs(fid, deep, low, top[deep], shape, code)


def _error_m(cell: Cell, runs: Runs) -> float:
    """Return how far what is drawn lies from what is meant: at joints the section, of a hidden run its length.

    Never less than the diagonal of a cell of the massing's grid: who is nearer wants to read what a pipe is, and only leaves have that.
    """
    side = float(1 << max(cell.level, FINEST_LEVEL))
    return max(float(runs.size_m.max()), runs.hidden_cm / 100, side / _GRID * float(np.sqrt(2)))


def _lowered(ends: NDArray[np.float64], more_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ends of runs drawn ``more_m`` higher than they are, their tops where they were: else pipes come out of the ground."""
    way = ends[:, 1] - ends[:, 0]
    level = np.hypot(way[:, 0], way[:, 1]) / np.maximum(np.linalg.norm(way, axis=1), 0.01)
    lowered = ends.copy()
    lowered[:, :, 2] -= (more_m * level / 2)[:, None]
    return lowered


def _instances(
    ends: NDArray[np.float64], size: NDArray[np.float64], of_form: NDArray[np.bool_], row_of: NDArray[np.int64], form: int
) -> Instances:
    mine = np.flatnonzero(of_form)
    start, end = ends[mine, 0], ends[mine, 1]
    way = end - start
    length = np.maximum(np.linalg.norm(way, axis=1), 0.01)
    scale = np.column_stack([length, size[mine]])
    return Instances(_unit(form), (start + end) / 2, along(way), scale, row_of[mine])


@functools.cache
def _unit(form: int) -> Model:
    """Return the cylinder or the box of length, width and height 1 along x about the origin."""
    half = 0.5 if form == BOX else 0.5 * _ROUND_HIGH
    points = np.array([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])
    shape, size = np.array([form]), np.array([half])
    section = SweptSections.closed(shape, size, size, np.array([_SIDES]))
    return Model(sweep(plain_paths(points, np.array([0, 2]), section, np.zeros(1, np.int64)), np.zeros(1, np.uint8)))
