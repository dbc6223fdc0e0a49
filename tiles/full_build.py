"""A tile tree from all features of a revision: one pass to place them, one to draw them, memory bounded whatever the size of the city."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiles.chunk_task import ChunkTask, RunStretch
from tiles.columns import FeatureColumns, NumberColumn, concatenate
from tiles.making import Making
from tiles.mesh.batch import LeftOut
from tiles.node import Node
from tiles.plan import Chunk, Histogram, Limits, Planned, branches, chunks, is_branch
from tiles.source import Placed, placed
from tiles.spill import RunFile, sorted_run, write_run
from tiles.tiling import Places, Weight
from tiles.workers import Workers

RUN_BYTES = 48 << 20
"""Features in memory before they are sorted and spilled, while as many are being sorted and written."""
_CHUNK_ROWS, _CHUNK_BYTES = 16_000, 8 << 20
_CHUNKS_A_WORKER = 4
"""At least, so that none is idle for long at the end."""
_AHEAD = 2
"""Chunks a worker that are begun before the first of them is needed."""
_PLACING = 2
"""Threads that place features while others are read."""
_TOLD_S = 5.0
"""How often, at least, progress is told while a chunk takes its time: whoever hears it may end the build."""

type Unplaced = tuple[int, LeftOut]
"""A feature that stands nowhere in the tree, and why."""
type Progress = Callable[[int, int], object]
"""Called with (features done, features in all)."""


@dataclass(frozen=True, slots=True)
class FullTree:
    """The ``root`` over all features, None of nothing; the features that have no place in it; the ``chunks`` that the journal knows."""

    root: Node | None
    unplaced: list[Unplaced]
    chunks: list[Chunk]


@dataclass(frozen=True, slots=True)
class FullBuild:
    """What a full build is told."""

    making: Making
    workers: Workers
    folder: Path | None
    """Where runs are spilled; the system's folder for temporary files when None."""

    def tree(self, columns: Iterable[FeatureColumns], progress: Progress) -> FullTree:
        """Return the tree over all features."""
        with tempfile.TemporaryDirectory(prefix="tiles-", dir=self.folder) as folder:
            with ThreadPoolExecutor(1) as beside:
                spilled = _Spill(Path(folder), beside)
                for features, where in self._placed(columns):
                    spilled.add(features, where)
                    progress(0, spilled.count)
                runs = spilled.finish()
            plan = spilled.histogram.plan(self.making.means.budget)
            if plan is None:
                return FullTree(None, spilled.unplaced, [])
            limits = self._limits(plan.weight)
            planned = chunks(branches(plan, limits), limits)
            nodes = self._nodes(planned, runs, _Told(progress, len(spilled.unplaced), spilled.count))
            return FullTree(self._assembled(plan, limits, nodes), spilled.unplaced, planned)

    def _limits(self, weight: Weight) -> Limits:
        return Limits(min(_CHUNK_ROWS, 1 + weight.count // (_CHUNKS_A_WORKER * self.workers.count)), _CHUNK_BYTES)

    def _assembled(self, planned: Planned, limits: Limits, nodes: Iterator[Node]) -> Node:
        """Return the node of ``planned``: workers make the branches, ``nodes``; what is above them is joined here."""
        if is_branch(planned, limits):
            return next(nodes)
        children = [(q, self._assembled(child, limits, nodes)) for q, child in planned.children]
        return self.making.maker.joined(planned.cell, children)

    def _placed(self, columns: Iterable[FeatureColumns]) -> Iterator[tuple[FeatureColumns, Placed]]:
        """Yield the features with their places: while some batches are placed, the next is read."""

        def place(features: FeatureColumns) -> tuple[FeatureColumns, Placed]:
            return features, placed(features, self.making.means.feature_type, self.making.metadata)

        waiting: deque[Future[tuple[FeatureColumns, Placed]]] = deque()
        with ThreadPoolExecutor(_PLACING) as pool:
            for batch in columns:
                waiting.append(pool.submit(place, batch))
                if len(waiting) > _PLACING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _nodes(self, planned: list[Chunk], runs: tuple[RunFile, ...], told: _Told) -> Iterator[Node]:
        """Yield the nodes of all branches in the order of the tree; a bounded number of chunks is under way at a time."""
        waiting: deque[tuple[Chunk, Future[list[Node]]]] = deque()
        ahead = _AHEAD * self.workers.count
        for chunk in planned:
            waiting.append((chunk, self.workers.submit(ChunkTask(self.making, chunk, RunStretch(runs, *chunk.codes)))))
            if len(waiting) > ahead:
                yield from told.awaited(*waiting.popleft())
        while waiting:
            yield from told.awaited(*waiting.popleft())


@dataclass(slots=True)
class _Told:
    """How far a build has come."""

    progress: Progress
    done: int
    total: int

    def awaited(self, chunk: Chunk, nodes: Future[list[Node]]) -> list[Node]:
        """Return the nodes of ``chunk`` and say so; while they take their time, say that as well."""
        while wait([nodes], _TOLD_S).not_done:
            self.progress(self.done, self.total)
        made = nodes.result()
        self.done += chunk.count
        self.progress(self.done, self.total)
        return made


class _Spill:
    """Sorts what comes into runs on disk, ``beside`` the one who reads: one run is being written while the next is collected."""

    def __init__(self, folder: Path, beside: ThreadPoolExecutor) -> None:
        self._folder, self._beside = folder, beside
        self._held: list[tuple[FeatureColumns, Placed]] = []
        self._bytes = 0
        self._runs: list[Future[RunFile]] = []
        self.histogram = Histogram()
        self.count = 0
        self.unplaced: list[tuple[int, LeftOut]] = []

    def add(self, features: FeatureColumns, where: Placed) -> None:
        """Take a batch."""
        self.count += len(features)
        self.unplaced += where.unplaced
        self._held.append((features, where))
        self._bytes += size_of(features)
        if self._bytes >= RUN_BYTES:
            self._spill()

    def finish(self) -> tuple[RunFile, ...]:
        """Return all runs."""
        self.unplaced.sort()
        if self._held:
            self._spill()
        return tuple(run.result() for run in self._runs)

    def _spill(self) -> None:
        if self._runs:
            self._runs[-1].result()
        held, self._held, self._bytes = self._held, [], 0
        self._runs.append(self._beside.submit(self._written, self._folder / str(len(self._runs)), held))

    def _written(self, path: Path, held: list[tuple[FeatureColumns, Placed]]) -> RunFile:
        features, places = _sorted(held)
        self.histogram.add(places)
        return write_run(path, features, places)


def _sorted(held: list[tuple[FeatureColumns, Placed]]) -> tuple[FeatureColumns, Places]:
    """Return all that is ``held`` as one run, and leave nothing of it."""
    starts = np.cumsum([0, *(len(features) for features, _ in held)])
    rows = np.concatenate([where.rows + start for (_, where), start in zip(held, starts, strict=False)])
    code = np.concatenate([where.places.code for _, where in held])
    fid = np.concatenate([where.places.fid for _, where in held])
    weights = np.concatenate([where.places.weights for _, where in held])
    features = concatenate([features for features, _ in held])
    held.clear()
    return sorted_run(features, rows, Places(code, fid, weights))


def size_of(features: FeatureColumns) -> int:
    """Return about how many bytes features take in memory."""
    columns = sum(c.values.nbytes if isinstance(c, NumberColumn) else c.data.nbytes + c.offsets.nbytes for c in features.columns.values())
    faces = 0 if features.representations is None else features.representations.data.nbytes
    return features.wkb.nbytes + features.wkb_offsets.nbytes + columns + faces
