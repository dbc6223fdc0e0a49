"""The task of a build's workers: the nodes of a few neighbouring branches of the tree, from their features to all that is stored."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns
from tiles.making import Making
from tiles.node import Node
from tiles.node_store import Objects
from tiles.plan import Chunk, Planned
from tiles.source import make_source
from tiles.spill import RunFile, stretch
from tiles.tiling import ROOT, Places, span
from tiles.tree import Rows


class ChunkRows(Protocol):
    """Where the features of a chunk are."""

    def read(self, objects: Objects, /) -> tuple[FeatureColumns, Places, NDArray[np.int64]]:
        """Return the features, their places in the order of the tree, and their index in that order."""


@dataclass(frozen=True, slots=True)
class RunStretch:
    """What lies between two codes in every run of a build, on a disk that this process and its workers share."""

    runs: tuple[RunFile, ...]
    first: int
    last: int

    def read(self, _: Objects) -> tuple[FeatureColumns, Places, NDArray[np.int64]]:
        """Return the features, their places in the order of the tree, and their index in that order."""
        return stretch(self.runs, self.first, self.last)


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """Make the nodes of ``chunk``; those that a build before this one finished are taken as they are."""

    making: Making
    chunk: Chunk
    rows: ChunkRows

    def run(self) -> list[Node]:
        """Return the nodes of the branches; all that they lead to is stored, and the journal says so."""
        try:
            return self._made()
        except BaseException:
            with suppress(Exception):  # what else could not be stored is not told to the next task of this thread
                self.making.means.objects.drain()
            raise

    def _made(self) -> list[Node]:
        making = self.making
        done = making.journal.built(self.chunk)
        if done is not None:
            return done
        features, places, index = self.rows.read(making.means.objects)
        rows = Rows(make_source(features, making.means.feature_type, making.metadata), index, places)
        nodes = [self._node(branch, rows) for branch in self.chunk.branches]
        making.means.objects.drain()
        making.journal.note(self.chunk, nodes)
        return nodes

    def _node(self, planned: Planned, rows: Rows) -> Node:
        if planned.children:
            return self.making.maker.joined(planned.cell, [(q, self._node(child, rows)) for q, child in planned.children])
        mine = rows.part(*np.searchsorted(rows.places.code, span(planned.cell)).tolist())
        return self.making.maker.grown(planned.cell if planned.cell != ROOT else self.making.maker.top_cell(mine.places), mine)
