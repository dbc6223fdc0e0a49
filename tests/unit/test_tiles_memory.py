"""What a full build holds in memory, its workers included, does not depend on how many features a city has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_BUILD = """
import json, os, sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from bench.process_memory import PeakMemory
from tests.tile_features import BUILDING, buildings, features, to_geocentric
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.worker_processes import ProcessWorkers
from twin.store import FolderStore

count, folder, a_batch = int(sys.argv[1]), Path(sys.argv[2]), 5_000
first = buildings(a_batch)
shapes = shapely.from_wkb([first.wkb[a:b].tobytes() for a, b in zip(first.wkb_offsets[:-1], first.wkb_offsets[1:])])

def batches():
    for number in range(count // a_batch):
        by = (2_200.0 * (number % 16), 2_200.0 * (number // 16), 0.0)
        yield features(list(shapely.transform(shapes, lambda p: p + by, include_z=True)), first.columns, 1 + number * a_batch)

with ProcessWorkers(2) as workers, PeakMemory(os.getpid()) as memory:
    target = TilesetTarget("b", 1, "open", "2.25.9.2.1.")
    options = BuildOptions(folder=folder)
    made = build_tileset(batches(), BUILDING, to_geocentric, target, FolderStore(folder / "store"), options=options, workers=workers)
print(json.dumps([made.drawn, memory.peak_mib]))
"""


def peak_mib(count: int, folder: Path) -> float:
    """Return the peak of a build of ``count`` buildings."""
    folder.mkdir()
    command = [sys.executable, "-c", _BUILD, str(count), str(folder)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    drawn, peak = json.loads(done.stdout.splitlines()[-1])
    assert drawn == count
    return float(peak)


@pytest.mark.slow
def test_four_times_the_buildings_take_no_more_memory(tmp_path: Path) -> None:
    few, many = (peak_mib(count, tmp_path / str(count)) for count in (250_000, 1_000_000))
    assert many < 1_000
    assert many - few < 100
