"""The features of a chunk as one object of the store: workers that do not share the disk of a build read them there."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiles.chunk_task import ChunkTask
from tiles.columns import FeatureColumns
from tiles.node_store import Objects
from tiles.selection import taken
from tiles.spill import RunFile, stretch, write_run
from tiles.tiling import Places

FOLDER = "w"
"""Below the variant of a tileset: what is under way, and garbage once its build has ended."""


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The object ``key``, which is the run file ``run`` of a chunk alone."""

    key: str
    run: RunFile

    def read(self, objects: Objects) -> tuple[FeatureColumns, Places, NDArray[np.int64]]:
        """Return the features, their places in the order of the tree, and their index in that order."""
        with tempfile.TemporaryDirectory(prefix="tiles-") as folder:
            path = Path(folder) / "run"
            path.write_bytes(objects.get(self.key))
            return stretch([replace(self.run, path=path)], *_ALL)


_ALL = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


def portable(task: ChunkTask) -> ChunkTask:
    """Return ``task`` as it can be done by any process that reaches the store: its features are put there."""
    making = task.making
    features, places, index = task.rows.read(making.means.objects)
    with tempfile.TemporaryDirectory(prefix="tiles-") as folder:
        run = write_run(Path(folder) / "run", taken(features, index), places)
        key = making.store.put(f"{FOLDER}/{making.means.journal}/{task.chunk.codes[0]}", run.path.read_bytes())
    return replace(task, rows=StoredRows(key, run))
