"""What a check holds in memory, its reader included, does not depend on how many rows a file has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.pipes import LINES, POINTS, write_pipe_survey
from bench.workload import make_buildings, write_geopackage

_ROOT = Path(__file__).parents[2]
_MOST_MIB = 600
"""Of the process that checks, its reader and the template of readers together; program code is some 180 of it where nobody shares it."""
_CHECK = """
import json, os, shutil, sys
from pathlib import Path
from bench.process_memory import PeakMemory
from bench.stage import open_stage
from bench.servers import free_port
from ingest.request import PartSpec

parts = tuple(PartSpec(*part) for part in json.loads(sys.argv[2]))
with open_stage(free_port()) as stage:
    path = stage.folder / "file.gpkg"
    shutil.copyfile(sys.argv[1], path)
    with PeakMemory(os.getpid()) as memory:
        _, accepted = stage.check(path, parts)
print(json.dumps([accepted, memory.peak_mib]))
"""


def peak_mib(path: Path, *parts: tuple[str | None, str, str]) -> float:
    """Return the peak of a check of every row of a file, PostgreSQL left out: it is no descendant of who checks."""
    command = [sys.executable, "-c", _CHECK, str(path), json.dumps(parts)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    accepted, peak = json.loads(done.stdout.splitlines()[-1])
    assert accepted > 0
    return float(peak)


@pytest.mark.slow
def test_four_times_the_footprints_take_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for rows in (150_000, 600_000):
        path = tmp_path / f"{rows}.gpkg"
        write_geopackage(make_buildings(rows), path)
        peaks.append(peak_mib(path, (None, "building", "b")))
    # hashes of 450,000 keys and outlines before they go to the disk are 7 MB, their sorting as much; an outline alone is 300 bytes a row
    assert peaks[1] - peaks[0] < 60
    assert peaks[1] < _MOST_MIB


@pytest.mark.slow
def test_a_survey_of_pipes_with_all_its_rules_is_held_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "pipes.gpkg"
    write_pipe_survey(300_000, path)
    assert peak_mib(path, (POINTS, "pipe_node", "n"), (LINES, "pipe_segment", "s")) < _MOST_MIB
