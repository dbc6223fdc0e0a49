"""What a check holds in memory, its reader included, does not depend on how many rows a file has."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import laspy
import numpy as np
import pyogrio.raw
import pytest
import shapely

from bench.load_cityjson import write_city
from bench.pipes import LINES, POINTS, SEWERS, write_pipe_survey
from bench.workload import SRID, Buildings, make_buildings, write_geopackage
from tests.copied_plateau import write_plateau
from tests.osm_extracts import write_buildings

_ROOT = Path(__file__).parents[2]
_MOST_MIB = 600
"""Of the process that checks, its reader and the template of readers together, as if nobody else ran; program code is some 200 of it."""
_MOST_GROWTH_MIB = 60
"""Of what is no program code, from a smaller to a larger file: how full queues are, and what is free between arrays, differs."""
_CHECK = '''
import json, os, shutil, sys, threading
from pathlib import Path
from bench.process_memory import PeakMemory
from bench.stage import open_stage
from bench.servers import free_port
from ingest import checking
from ingest.freed_memory import give_back_freed_memory
from ingest.request import PartSpec

held, over, ask_rules = [], threading.Event(), checking.ask_rules

def held_mib():
    """What is of rows: anonymous memory, and files of columns, which have no name; program code is shared with whoever else is there."""
    kib, is_column = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split(" ", 1)[0].endswith(":"):
            is_column = line.endswith("(deleted)")
        elif line.startswith("Anonymous:") or is_column and line.startswith("Rss:"):
            kib += int(line.split()[1])
    return kib / 1024

def follow():
    while not over.wait(0.05):
        held.append(held_mib())

def followed(*given):
    if not held:
        give_back_freed_memory()
        held.append(held_mib())
        threading.Thread(target=follow, daemon=True).start()
    ask_rules(*given)
    over.set()

checking.ask_rules = followed
parts = tuple(PartSpec(*part) for part in json.loads(sys.argv[2]))
with open_stage(free_port()) as stage:
    path = stage.folder / Path(sys.argv[1]).name
    shutil.copyfile(sys.argv[1], path)
    with PeakMemory(os.getpid()) as memory:
        _, accepted = stage.check(path, parts, crs=sys.argv[3] or None)
print(json.dumps([accepted, memory.peak_mib, memory.peak_of_data_mib, max(held) - held[0]]))
'''


@dataclass(frozen=True)
class Peaks:
    """Of a check of every row of a file, PostgreSQL left out: it is no descendant of who checks."""

    whole_mib: float
    of_data_mib: float
    """Without program code, of which more is there the more of it has been run."""
    of_rules_mib: float
    """What rules over all rows took beyond what was there before them."""


def peaks_of(path: Path, *parts: tuple[str | None, str, str], crs: str = "") -> Peaks:
    """Return the peaks of a check; ``crs`` is declared for a file that says none."""
    command = [sys.executable, "-c", _CHECK, str(path), json.dumps(parts), crs]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    accepted, *peaks = json.loads(done.stdout.splitlines()[-1])
    assert accepted > 0
    return Peaks(*peaks)


def peaks_of_buildings(sizes: tuple[int, int], suffix: str, write: Callable[[int, Path], object], folder: Path) -> tuple[Peaks, Peaks]:
    """Return the peaks of checking a smaller and a larger file of buildings."""
    small, large = (folder / f"{size}{suffix}" for size in sizes)
    write(sizes[0], small)
    write(sizes[1], large)
    return peaks_of(small, (None, "building", "b")), peaks_of(large, (None, "building", "b"))


@pytest.mark.slow
def test_four_times_the_footprints_take_no_more_memory(tmp_path: Path) -> None:
    small, large = peaks_of_buildings((150_000, 600_000), ".gpkg", lambda rows, to: write_geopackage(make_buildings(rows), to), tmp_path)
    # hashes of 450,000 keys and outlines before they go to the disk are 7 MB, their sorting as much; an outline alone is 300 bytes a row
    assert large.of_data_mib - small.of_data_mib < _MOST_GROWTH_MIB
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_eight_times_the_buildings_in_3d_take_no_more_memory(tmp_path: Path) -> None:
    """Pages of a mapped file count as memory of who reads it: those of the larger file alone would be 225 MB."""
    small, large = peaks_of_buildings((16, 128), ".city.jsonl", lambda copies, to: write_city(to, copies), tmp_path)
    assert large.of_data_mib - small.of_data_mib < _MOST_GROWTH_MIB
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
def test_three_times_the_buildings_of_citygml_take_no_more_memory(real_data: Path, tmp_path: Path) -> None:
    """Of 33 and 88 MB: batches of a thousand buildings took 170 MiB more."""
    small, large = peaks_of_buildings((60, 160), ".gml", lambda copies, to: write_plateau(to, copies, real_data), tmp_path)
    assert large.of_data_mib - small.of_data_mib < _MOST_GROWTH_MIB
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
def test_four_times_the_areas_of_a_zipped_shapefile_take_no_more_memory(tmp_path: Path) -> None:
    """Of 250,000 and a million rows; the unpacked files are 294 bytes a row, of which 8 are kept as their index."""
    small, large = peaks_of_buildings((250_000, 1_000_000), ".zip", lambda rows, to: write_shapefile(make_buildings(rows), to), tmp_path)
    assert (large.of_data_mib - small.of_data_mib) * 2**20 < 80 * 750_000, (small, large)
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
def test_four_times_the_areas_of_a_zipped_geodatabase_take_no_more_memory(tmp_path: Path) -> None:
    """Of 100,000 and 400,000 rows: the larger one's files are 90 MB more, which were held in memory, and twice while they were unpacked."""
    small, large = peaks_of_buildings((100_000, 400_000), ".zip", lambda rows, to: write_geodatabase(make_buildings(rows), to), tmp_path)
    assert large.of_data_mib - small.of_data_mib < _MOST_GROWTH_MIB
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
def test_four_times_the_areas_of_a_zipped_mif_take_no_more_memory(tmp_path: Path) -> None:
    """Of 100,000 and 400,000 rows, whose declared character set is not the one that is read: that text was copied, 70 MB more of it."""
    small, large = peaks_of_buildings((100_000, 400_000), ".zip", lambda rows, to: write_mif(make_buildings(rows), to), tmp_path)
    assert large.of_data_mib - small.of_data_mib < _MOST_GROWTH_MIB
    assert large.whole_mib < _MOST_MIB


@pytest.mark.slow
def test_nodes_of_an_osm_extract_take_no_memory(tmp_path: Path) -> None:
    """Of 150,000 buildings with numbers far apart GDAL keeps 300 MB for places of nodes, which were memory."""
    path = write_buildings(tmp_path / "a.osm.pbf", 150_000, origin_deg=(30, 119))
    assert peaks_of(path, (None, "building", "b")).whole_mib < _MOST_MIB


@pytest.mark.slow
def test_a_laser_scan_in_a_zip_is_handed_on_piece_by_piece(tmp_path: Path) -> None:
    """Of 20 million points, 400 MB unpacked: a scan in a ZIP was held as its bytes."""
    path = write_scan(20_000_000, tmp_path / "scan.las")
    with zipfile.ZipFile(tmp_path / "scan.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(path, path.name)
    assert peaks_of(tmp_path / "scan.zip", (None, "point_cloud", "p"), crs=f"EPSG:{SRID}").whole_mib < _MOST_MIB


def write_scan(points: int, path: Path) -> Path:
    """Write a sloping surface of points, 0.2 m apart in rows of 5,000, a million at a time."""
    header = laspy.LasHeader(point_format=0, version="1.2")
    header.scales, header.offsets = np.full(3, 0.001), np.array([490_000.0, 3_510_000.0, 0.0])
    with laspy.open(path, mode="w", header=header) as writer:
        for first in range(0, points, 1_000_000):
            row, along = np.divmod(np.arange(first, min(points, first + 1_000_000)), 5_000)
            record = laspy.ScaleAwarePointRecord.zeros(len(row), header=header)
            record.x, record.y, record.z = 490_000 + along * 0.2, 3_510_000 + row * 0.2, 5 + np.sin(along / 300) + row / 1_000
            writer.write_points(record)
    return path


def write_mif(buildings: Buildings, path: Path) -> None:
    """Write outlines with a key and a height as a MIF in a ZIP, which GDAL says to be of no character set."""
    path.with_suffix("").mkdir()
    write_zipped(buildings, path, "MapInfo File", path.with_suffix("") / "b.mif")


def write_geodatabase(buildings: Buildings, path: Path) -> None:
    """Write outlines with a key and a height as a file geodatabase in a ZIP."""
    write_zipped(buildings, path, "OpenFileGDB", path.with_suffix(".gdb"))


def write_shapefile(buildings: Buildings, path: Path) -> None:
    """Write outlines with a key and a height as a Shapefile in a ZIP."""
    path.with_suffix("").mkdir()
    write_zipped(buildings, path, "ESRI Shapefile", path.with_suffix("") / "b.shp", encoding="UTF-8")


def write_zipped(buildings: Buildings, path: Path, driver: str, source: Path, **options: str) -> None:
    """Write outlines as a data source of several files, and these as a ZIP."""
    names = np.array([f"B{k:08d}" for k in range(len(buildings.footprints))], dtype=object)
    outlines = shapely.to_wkb(shapely.force_2d(buildings.footprints))
    pyogrio.raw.write(
        source, outlines, [names, np.full(len(names), 12.5)], ["bldg_id", "height"], geometry_type="Polygon", crs=f"EPSG:{SRID}",
        driver=driver, **options,
    )  # fmt: skip
    folder = source if source.is_dir() else source.parent
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, f"{folder.name}/{one.name}")


def spoil(path: Path) -> None:
    """Have a few lines of a survey end where they start; triggers go, for they call functions that only GDAL has."""
    with closing(sqlite3.connect(path)) as file, file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f'DROP TRIGGER "{name}"')
        file.execute(f"UPDATE {LINES} SET 终点点号 = 起点点号 WHERE fid % 50000 = 7")


@pytest.mark.slow
def test_rules_over_sewers_take_hardly_more_for_eight_times_the_rows(tmp_path: Path) -> None:
    """20 bytes a row at most; ten million rows are not tried here: were it 20 on to there, they would take 145 MiB more than 2.4 million.

    Both are large enough for columns to lie in files, and for ends to be looked at stretch by stretch. A few lines that end where they
    start are rejected, so that all columns are written anew without them.
    """
    path, rows, peaks = tmp_path / "sewers.gpkg", list[int](), list[Peaks]()
    for segments in (150_000, 1_200_000):
        rows.append(write_pipe_survey(segments, path, SEWERS))
        spoil(path)
        peaks.append(peaks_of(path, (POINTS, "pipe_node", "n"), (LINES, "pipe_segment", "s")))
    assert peaks[1].whole_mib < _MOST_MIB
    assert (peaks[1].of_rules_mib - peaks[0].of_rules_mib) * 2**20 < 20 * (rows[1] - rows[0]), peaks
