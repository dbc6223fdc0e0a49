"""What a check holds in memory does not depend on how many rows a file has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.workload import make_buildings, write_geopackage

_ROOT = Path(__file__).parents[2]
_CHECK = """
import json, resource, shutil, sys
from pathlib import Path
from bench.stage import open_stage
from bench.servers import free_port
from ingest.request import PartSpec

def peak_mb():
    return [resource.getrusage(who).ru_maxrss >> 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]

peaks = []
for name in sys.argv[1:]:
    with open_stage(free_port()) as stage:
        path = stage.folder / Path(name).name
        shutil.copyfile(name, path)
        _, accepted = stage.check(path, (PartSpec(None, "building", "b"),))
    peaks.append([accepted, *peak_mb()])  # of the readers, too: their template has ended
print(json.dumps(peaks))
"""


@pytest.mark.slow
def test_four_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    files = []
    for rows in (100_000, 400_000):
        files.append(tmp_path / f"{rows}.gpkg")
        write_geopackage(make_buildings(rows), files[-1])
    done = subprocess.run([sys.executable, "-c", _CHECK, *map(str, files)], cwd=_ROOT, capture_output=True, text=True, check=True)
    (few, own_mb, reader_mb), (many, own_later_mb, reader_later_mb) = json.loads(done.stdout.splitlines()[-1])
    assert (few, many) == (100_000, 400_000)
    # less than 200 bytes a row: an outline alone is more
    assert own_later_mb - own_mb < 60
    assert reader_later_mb - reader_mb < 60
    assert own_later_mb < 600
    assert reader_later_mb < 600
