"""`python -m bench.tile_costs [N]`: what a build costs on a cluster, by stage: CPU of one core, bytes, objects and requests of a building.

No database and no network: features are made in memory, workers are this thread, the store counts. docs/cluster.md is written from it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from typing import cast

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.workload import SRID, Buildings, make_buildings
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.chunk_task import ChunkTask
from tiles.columns import FeatureColumns, NumberColumn, TextColumn, offsets_of
from tiles.memory_store import MemoryStore
from tiles.stored_rows import portable
from tiles.workers import Task
from twin.crs import geocentric, storage_crs
from twin.featuretypes.loader import load_feature_types
from twin.heights import Frame, vertical_model
from twin.server.settings import read_settings

_BATCH = 50_000
_WARM = 20_000


class Metered:
    """Workers that do each task at once, as a cluster would: sent by the store, drawn from there."""

    count = 8

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.tasks = 0

    def submit[T](self, task: Task[T], /) -> Future[T]:
        """Do ``task``; a build gives no other than those of chunks."""
        started = time.process_time()
        sent = portable(cast("ChunkTask", task))
        between = time.process_time()
        done: Future[T] = Future()
        done.set_result(cast("T", sent.run()))
        self.seconds += Counter({"send": between - started, "draw": time.process_time() - between})
        self.tasks += 1
        return done


class Counted(MemoryStore):
    """A store that counts what would be requests to a bucket."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    def get(self, key: str) -> bytes:  # type: ignore[override]
        """Return the bytes under ``key``."""
        self.requests["GET"] += 1
        return self[key]

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` under ``key``."""
        self.requests["PUT"] += 1
        super().put(key, content)

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        self.requests["HEAD"] += 1
        return super().size(key)


def main(count: int) -> None:
    """Build twice, warm the second time, and print the figures."""
    _built(make_buildings(_WARM))
    buildings = make_buildings(count)
    started = time.process_time()
    store, workers, columns_s = _built(buildings)
    whole = time.process_time() - started - columns_s
    rest = whole - workers.seconds.total()
    for stage, seconds in (*workers.seconds.items(), ("place, sort, spill; join the top, finish", rest)):
        print(f"{stage:45s} {seconds / count * 1e6:8.2f} µs a building")
    print(f"{workers.tasks} tasks")
    for request, number in store.requests.items():
        print(f"{request:45s} {number / count * 1e6:8,.0f} a million buildings")
    sizes, objects = Counter[str](), Counter[str]()
    for key, content in store.items():
        folder = key.split("/")[3]
        sizes[folder] += len(content)
        objects[folder] += 1
    for folder in sizes:
        print(f"{folder:3s} {objects[folder] / count * 1e6:10,.0f} objects a million, {sizes[folder] / count:8.1f} bytes a building")


def _built(buildings: Buildings) -> tuple[Counted, Metered, float]:
    settings = read_settings({})
    building = load_feature_types()["building"]
    operation = geocentric(storage_crs(SRID), None).operation
    frame = Frame(operation, vertical_model("egm96", settings.proj_data_dirs))
    started = time.process_time()
    batches = list(columns_of(buildings))
    spent = time.process_time() - started
    store, workers = Counted(), Metered()
    target = TilesetTarget("b", 1, "open", "2.25.1.2.1.")
    build_tileset(batches, building, frame, target, store, options=BuildOptions(), workers=workers)
    return store, workers, spent


def columns_of(buildings: Buildings) -> Iterator[FeatureColumns]:
    """Yield the buildings as a build reads them from the database, 50,000 at a time."""
    count, fields = len(buildings.footprints), buildings.fields
    wkb = shapely.to_wkb(shapely.force_3d(buildings.footprints, buildings.base_m), byte_order=1)
    given: dict[str, NDArray[np.generic]] = {
        "building_id": fields["建筑编号"], "name": fields["名称"], "usage": np.array(["0701", "05"])[np.arange(count) % 2],
        "floors_above": fields["地上层数"].astype(np.int64), "height_m": buildings.height_m, "base_height_m": buildings.base_m,
        "year_built": fields["建成年份"].astype(np.int64),
    }  # fmt: skip
    for first in range(0, count, _BATCH):
        some = slice(first, min(first + _BATCH, count))
        lengths = np.array([len(w) for w in wkb[some]], np.int64)
        columns = {name: _column(values[some]) for name, values in given.items()}
        fid = np.arange(first + 1, some.stop + 1, dtype=np.uint32)
        yield FeatureColumns(fid, np.frombuffer(bytearray(b"".join(wkb[some])), np.uint8), offsets_of(lengths), columns)


def _column(values: NDArray[np.generic]) -> TextColumn | NumberColumn:
    if values.dtype.kind in "OU":
        return TextColumn.from_texts([str(value) for value in values])
    return NumberColumn(values, np.ones(len(values), np.bool_))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
