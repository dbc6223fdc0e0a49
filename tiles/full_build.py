"""A tile tree from all features of a revision: one pass to place them, one to draw them, memory bounded whatever the size of the city."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiles.columns import FeatureColumns, NumberColumn, concatenate
from tiles.journal import Journal
from tiles.mesh.batch import LeftOut
from tiles.metadata import MetadataClass
from tiles.node import Node
from tiles.plan import Chunk, Histogram, Planned, chunks, units
from tiles.source import Placed, make_source, placed
from tiles.spill import Run, RunInMemory, RunOnDisk, sorted_run, stretch
from tiles.tiling import ROOT, Places, span
from tiles.tree import Rows, TreeMaker
from twin.model import FeatureType

RUN_BYTES = 64 << 20
"""Features in memory before they are sorted and spilled."""
_CHUNK_ROWS, _CHUNK_BYTES = 16_000, 8 << 20
_CHUNKS_A_WORKER = 4
"""At least, so that none is idle for long at the end."""
_AHEAD = 2
"""Chunks a worker that are begun before the first of them is needed."""

type Unplaced = tuple[int, LeftOut]
"""A feature that stands nowhere in the tree, and why."""
type Progress = Callable[[int, int], object]
"""Called with (features done, features in all)."""


@dataclass(frozen=True, slots=True)
class FullBuild:
    """What a full build is told."""

    maker: TreeMaker
    feature_type: FeatureType
    metadata: MetadataClass
    workers: int
    folder: Path | None
    """Where runs are spilled; the system's folder for temporary files when None."""

    def root(self, columns: Iterable[FeatureColumns], journal: Journal, progress: Progress) -> tuple[Node | None, list[Unplaced]]:
        """Return the root over all features, None of nothing, and the features that have no place."""
        with ExitStack() as stack, ThreadPoolExecutor(self.workers) as pool:
            spilled = _Spill(self._folder(stack), stack)
            for features, where in self._placed(columns, pool):
                spilled.add(features, where)
                progress(0, spilled.count)
            runs = spilled.finish()
            plan = spilled.histogram.plan(self.maker.budget)
            if plan is None:
                return None, spilled.unplaced
            progress(len(spilled.unplaced), spilled.count)
            rows = min(_CHUNK_ROWS, 1 + spilled.count // (_CHUNKS_A_WORKER * self.workers))
            nodes = self._nodes(chunks(list(units(plan)), rows, _CHUNK_BYTES), runs, journal, pool)
            done = len(spilled.unplaced)

            def assembled(planned: Planned) -> Node:
                nonlocal done
                if planned.children:
                    return self.maker.joined(planned.cell, [(q, assembled(child)) for q, child in planned.children])
                done += planned.weight.count
                node = next(nodes)
                progress(done, spilled.count)
                return node

            return assembled(plan), spilled.unplaced

    def _folder(self, stack: ExitStack) -> Path:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tiles-", dir=self.folder)))

    def _placed(self, columns: Iterable[FeatureColumns], pool: ThreadPoolExecutor) -> Iterator[tuple[FeatureColumns, Placed]]:
        """Yield the features with their places: while one batch is placed, the next is read."""

        def place(features: FeatureColumns) -> tuple[FeatureColumns, Placed]:
            return features, placed(features, self.feature_type, self.metadata)

        waiting: deque[Future[tuple[FeatureColumns, Placed]]] = deque()
        for batch in columns:
            waiting.append(pool.submit(place, batch))
            if len(waiting) > self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _nodes(self, planned: list[Chunk], runs: list[Run], journal: Journal, pool: ThreadPoolExecutor) -> Iterator[Node]:
        """Yield the nodes of all units in the order of the tree; a bounded number of chunks is under way at a time."""
        codes = np.array([chunk.codes for chunk in planned], np.int64)
        bounds = [(np.searchsorted(run.code, codes[:, 0]), np.searchsorted(run.code, codes[:, 1])) for run in runs]
        waiting: deque[Future[list[Node]]] = deque()
        for i, chunk in enumerate(planned):
            where = [(int(first[i]), int(last[i])) for first, last in bounds]
            waiting.append(pool.submit(self._chunk, chunk, runs, where, journal))
            if len(waiting) > _AHEAD * self.workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def _chunk(self, chunk: Chunk, runs: list[Run], where: list[tuple[int, int]], journal: Journal) -> list[Node]:
        done = journal.built(chunk)
        if done is not None:
            return done
        features, places, index = stretch(runs, where)
        rows = Rows(make_source(features, self.feature_type, self.metadata), index, places)
        nodes = [self._unit(unit, rows) for unit in chunk.units]
        journal.note(chunk, nodes)
        return nodes

    def _unit(self, unit: Planned, rows: Rows) -> Node:
        mine = rows.part(*np.searchsorted(rows.places.code, span(unit.cell)).tolist())
        return self.maker.grown(unit.cell if unit.cell != ROOT else self.maker.top_cell(mine.places), mine)


class _Spill:
    """Sorts what comes into runs; a single run stays in memory."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._held: list[tuple[FeatureColumns, Placed]] = []
        self._bytes = 0
        self._runs: list[Run] = []
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

    def finish(self) -> list[Run]:
        """Return all runs."""
        self.unplaced.sort()
        if self._runs:
            self._spill()
        elif self._held:
            self._runs.append(RunInMemory(*self._sorted()))
        return self._runs

    def _spill(self) -> None:
        if self._held:
            run = RunOnDisk(self._folder / str(len(self._runs)), *self._sorted())
            self._stack.callback(run.close)
            self._runs.append(run)

    def _sorted(self) -> tuple[FeatureColumns, Places]:
        starts = np.cumsum([0, *(len(features) for features, _ in self._held)])
        rows = np.concatenate([where.rows + start for (_, where), start in zip(self._held, starts, strict=False)])
        code = np.concatenate([where.places.code for _, where in self._held])
        fid = np.concatenate([where.places.fid for _, where in self._held])
        weights = np.concatenate([where.places.weights for _, where in self._held])
        features = concatenate([features for features, _ in self._held])
        self._held, self._bytes = [], 0
        run = sorted_run(features, rows, Places(code, fid, weights))
        self.histogram.add(run[1])
        return run


def size_of(features: FeatureColumns) -> int:
    """Return about how many bytes features take in memory."""
    columns = sum(c.values.nbytes if isinstance(c, NumberColumn) else c.data.nbytes + c.offsets.nbytes for c in features.columns.values())
    faces = 0 if features.representations is None else features.representations.data.nbytes
    return features.wkb.nbytes + features.wkb_offsets.nbytes + columns + faces
