import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from bench.__main__ import read_arguments
from bench.houses import CORNERS, FACES, write_houses
from bench.load_generator import Answers
from bench.pgbench import BOUNDS
from bench.process_cpu import tree_cpu_s
from bench.process_memory import PeakMemory, memory_kib
from bench.report import Run, record
from bench.rounds import Contender, Outcome, interleave
from bench.serve_questions import questions
from bench.serve_tables import Table
from bench.workload import make_buildings, solids_ewkb, write_geopackage
from tests.cityjson_faces import buildings, encoded
from tests.mesh_oracles import open_edges
from tiles.face_bytes import read_faces
from tiles.mesh.faces import mesh_faces
from twin.representation import Faces

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"


def outcome(ours: tuple[float, ...], peer: tuple[float, ...], *, name: str = "load.copy", better: str = "higher") -> Outcome:
    roles = {"citytwin": "ours", "peer 1.0": "peer", "COPY": "bound"}
    samples = {"citytwin": ours, "peer 1.0": peer, "COPY": tuple(4 * x for x in ours)}
    return Outcome(name, "rows/s", 100, better, roles, samples, "How it was done.", {"absent": "not installed"})


def test_every_contender_runs_once_a_round_and_each_round_begins_with_another() -> None:
    order: list[str] = []
    contenders = [
        Contender(n, r, lambda n=n: float(order.append(n) or len(order))) for n, r in (("a", "ours"), ("b", "peer"), ("c", "bound"))
    ]
    samples = interleave(contenders, 3, lambda _: None)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(figures) for name, figures in samples.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_benchmark_without_us_is_refused() -> None:
    with pytest.raises(ValueError, match="ours"):
        interleave([Contender("a", "peer", lambda: 1.0)], 1, lambda _: None)


def test_the_ratio_is_the_median_of_ratios_not_the_ratio_of_medians() -> None:
    slow_machine_in_round_two = outcome((100.0, 10.0, 90.0), (50.0, 5.0, 90.0))
    assert slow_machine_in_round_two.advantage("peer 1.0") == 2.0
    assert outcome((100.0, 10.0, 90.0), (50.0, 5.0, 90.0), better="lower").advantage("peer 1.0") == 0.5


def test_cpu_of_a_tree_counts_children_alive_and_ended() -> None:
    ended = f"subprocess.run([sys.executable, '-c', {BURN.format(seconds=0.4)!r}])"
    alive = f"subprocess.Popen([sys.executable, '-c', {BURN.format(seconds=0.3)!r} + 'time.sleep(60)'])"
    script = f"import subprocess, sys, time\n{ended}\n{alive}\nprint('started', flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert parent.stdout is not None
            parent.stdout.readline()
            deadline = time.monotonic() + 30
            while tree_cpu_s([parent.pid]) < 0.69 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert 0.69 <= tree_cpu_s([parent.pid]) < 3
            assert tree_cpu_s([]) == 0
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_results_have_the_promised_form_and_every_figure_of_the_document_was_measured(tmp_path: Path) -> None:
    results, document = tmp_path / "results", tmp_path / "performance.md"
    record(results, document, [Run("2026-11-21", "a machine", outcome((100.0, 110.0, 90.0), (50.0, 60.0, 40.0)))])
    assert json.loads((results / "latest.json").read_text()) == [
        {"name": "load.copy", "unit": "rows/s", "ours": 100.0, "peers": {"peer 1.0": 50.0}, "bound": 400.0, "n": 100}
    ]
    text = document.read_text()
    assert "| citytwin | ours | 100 | 90.0 – 110 |  |" in text
    assert "| peer 1.0 | peer | 50.0 | 40.0 – 60.0 | 2.00 × as good |" in text
    assert "Not measured: absent (not installed)." in text


def test_a_run_of_one_part_keeps_the_others_with_their_own_date(tmp_path: Path) -> None:
    results, document = tmp_path / "results", tmp_path / "performance.md"
    record(
        results, document, [Run("2026-11-20", "m", outcome((1.0,), (2.0,))), Run("2026-11-20", "m", outcome((1.0,), (2.0,), name="tiles"))]
    )
    record(results, document, [Run("2026-11-21", "m", outcome((5.0,), (2.0,)))])
    entries = {e["name"]: e["ours"] for e in json.loads((results / "latest.json").read_text())}
    assert entries == {"load.copy": 5.0, "tiles": 1.0}
    text = document.read_text()
    assert text.index("2026-11-21") < text.index("## tiles") < text.index("2026-11-20")


def test_the_workload_is_the_same_every_time_and_valid() -> None:
    first, second = make_buildings(400), make_buildings(400)
    assert shapely.equals_exact(first.footprints, second.footprints).all()
    assert shapely.is_valid(first.footprints).all()
    assert (shapely.get_num_interior_rings(first.footprints) > 0).any()
    pairs = shapely.STRtree(first.footprints).query(first.footprints, predicate="intersects")
    assert (pairs[0] == pairs[1]).all()


def test_the_workload_is_a_file_other_readers_read(tmp_path: Path) -> None:
    buildings = make_buildings(50)
    write_geopackage(buildings, tmp_path / "b.gpkg")
    info = pyogrio.read_info(tmp_path / "b.gpkg")
    assert (info["features"], info["crs"], len(info["fields"])) == (50, "EPSG:4549", 7)


def test_the_peers_blocks_have_floor_roof_and_every_wall_at_the_right_heights() -> None:
    buildings = make_buildings(40)
    for k, ewkb in enumerate(solids_ewkb(buildings)):
        solid, footprint = shapely.from_wkb(ewkb), buildings.footprints[k]
        assert shapely.get_srid(solid) == 4549
        assert len(solid.geoms) == 2 + shapely.get_num_coordinates(footprint) - 1 - len(footprint.interiors)
        roof, floor = solid.geoms[0], solid.geoms[1]
        assert roof.area == pytest.approx(footprint.area)
        assert floor.area == pytest.approx(footprint.area)
        heights = {z for _, _, z in shapely.get_coordinates(solid, include_z=True).tolist()}
        assert heights == {buildings.base_m[k], buildings.base_m[k] + buildings.height_m[k]}


def test_every_bound_says_when_it_was_frozen() -> None:
    scripts = list(BOUNDS.glob("*.sql"))
    assert scripts
    for script in scripts:
        assert "Frozen 20" in script.read_text()


def test_bounds_are_given_every_name_they_use() -> None:
    table = Table("served", "building", "buildings", 1000, 1, 1, (490_000.0, 3_510_000.0, 510_000.0, 3_530_000.0))
    for question in questions():
        for script in (question.bound, f"pipes_{question.bound}"):
            if (BOUNDS / script).exists():
                text = "\n".join(line for line in (BOUNDS / script).read_text().splitlines() if not line.startswith("--"))
                own = set(re.findall(r"^\\set (\w+)", text, re.MULTILINE))
                assert set(re.findall(r"(?<!:):([a-z]\w*)", text)) <= own | set(question.variables(table)), script


def test_tiles_and_boxes_that_are_asked_for_lie_in_the_table() -> None:
    table = Table("served", "building", "buildings", 1000, 1, 1, (490_000.0, 3_510_000.0, 510_000.0, 3_530_000.0))
    to_grid = pyproj.Transformer.from_crs(4326, 4549, always_xy=True).transform
    boxes = table.boxes_deg(1000.0)
    assert len(set(boxes)) == len(boxes) > 100
    for west, south, east, north in boxes[:20]:
        low, high = to_grid(west, south), to_grid(east, north)
        assert 489_900 < low[0] < high[0] < 510_100
        assert 3_509_900 < low[1] < high[1] < 3_530_100
    for x, y in table.tiles(14):
        lon, lat = (x + 0.5) / 2**14 * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + 0.5) / 2**14))))
        east, north = to_grid(lon, lat)
        assert 490_000 < east < 510_000
        assert 3_510_000 < north < 3_530_000


def test_a_table_too_small_for_a_whole_tile_is_asked_for_the_one_in_its_middle() -> None:
    survey = Table("served_pipes", "pipe_segment", "pipes", 60_000, 1, 1, (490_000.0, 3_510_000.0, 520_000.0, 3_513_540.0))
    to_tile = pyproj.Transformer.from_crs(4549, 3857, always_xy=True).transform
    half = 20037508.342789244
    middle = math.floor((half - to_tile(505_000, 3_511_770)[1]) / (2 * half / 2**14))
    (_, _), rows = survey.tile_range(14)
    assert rows == (middle, middle)
    assert {y for _, y in survey.tiles(14)} == {middle}


def test_a_contender_may_do_without_a_warm_up() -> None:
    calls: list[str] = []
    contenders = [
        Contender("a", "ours", lambda: float(calls.append("a") or 2.0)),
        Contender("b", "bound", lambda: float(calls.append("b") or 1.0), has_warm_up=False),
    ]
    assert {name: len(figures) for name, figures in interleave(contenders, 2, lambda _: None).items()} == {"a": 2, "b": 2}
    assert (calls.count("a"), calls.count("b")) == (3, 2)


def test_a_contender_may_take_part_in_fewer_rounds() -> None:
    calls: list[str] = []
    contenders = [
        Contender("a", "ours", lambda: float(calls.append("a") or 2.0)),
        Contender("b", "peer", lambda: float(calls.append("b") or 8.0), rounds=1),
    ]
    samples = interleave(contenders, 3, lambda _: None)
    assert (calls.count("a"), calls.count("b"), samples["b"]) == (4, 1, (8.0,))
    found = Outcome("serve.x", "ms", 1, "lower", {"a": "ours", "b": "peer"}, samples, "", {})
    assert found.advantage("b") == 4.0


def test_answers_are_counted_and_ranked_by_status() -> None:
    answers = Answers(np.array([200, 200, 503, 200]), np.array([1.0, 2.0, 0.1, 3.0]), 2.0)
    assert (answers.per_s(), answers.per_s(503), answers.quantile_ms(0.5), answers.quantile_ms(0.5, 404)) == (1.5, 0.5, 2.0, math.inf)


def test_workshops_are_closed_solids_seen_from_outside_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_houses(4, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    found = buildings_of_lines(tmp_path / "first")
    mesh = mesh_faces(read_faces(encoded(found), np.arange(4)))
    assert not mesh.left_out.any()
    assert mesh.faces_left_out == 0
    assert open_edges(mesh) == 0
    assert [(len(f.face_ends), len(f.indices)) for f in found] == [(FACES, CORNERS)] * 4


@pytest.mark.parametrize(
    "wrong",
    [
        "--only serve.nonsense", "--only load.nonsense", "--only tiles.", "--only serve.", "--only serve.items100_5m", "--share 0",
        "--share -1", "--share 3",
        "--share 0.5", "--only load --share 0.5", "--only tiles.lod2 --share 0.5",
        "--only serve --only tiles --share 0.5", "--only serve --share 0.1",
        "--only serve --share nan",
    ],
)  # fmt: skip
def test_what_nobody_measures_is_refused_before_anything_is_loaded(wrong: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_arguments(wrong.split())
    assert refusal.value.code == 2


def test_parts_and_single_benchmarks_may_be_asked_for() -> None:
    assert read_arguments([]).parts == ("load", "serve", "tiles")
    for name in ("items100", "mvt_z14_pipes", "export", "export.fgb", "tile_cached", "overload", "tiles_5m"):
        asked = read_arguments(["--only", f"serve.{name}", "--share", "0.2"])
        assert (asked.parts, asked.only, asked.share) == (("serve",), {f"serve.{name}"}, 0.2)
    loads = ("load.copy", "load.checked_pipes", "load.delta", "load.survey", "load.survey_csv")
    for name in (*loads, "tiles.lod2", "tiles.edit", "tiles.edit_1M"):
        asked = read_arguments(["--only", name])
        assert (asked.parts, asked.only) == ((name.partition(".")[0],), {name})


def test_memory_of_a_tree_is_that_of_its_processes() -> None:
    script = "import sys, time\nheld = b'x' * (200 << 20)\nprint('held', flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            with PeakMemory(process.pid) as memory:
                assert process.stdout is not None
                process.stdout.readline()
                deadline = time.monotonic() + 30
                while memory.peak_of_data_mib < 200 and time.monotonic() < deadline:
                    time.sleep(0.05)
            assert 200 <= memory.peak_of_data_mib < memory.peak_mib < 260
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_memory_does_not_depend_on_who_else_maps_the_same_program() -> None:
    """A PSS would halve the pages of programs that two processes map, and count those of a file of data that both read twice over."""
    script = (
        "import mmap, sys, time\nfile = open(sys.argv[1], 'rb')\nheld = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "print(sum(held[::4096]), flush=True)\ntime.sleep(60)"
    )
    with tempfile.NamedTemporaryFile() as file, ExitStack() as stack:
        file.write(b"x" * (50 << 20))
        file.flush()
        ours = [start_printing(stack, script, file.name) for _ in range(2)]
        alone = memory_kib([ours[0]])
        assert 50 << 10 <= alone[1] < 52 << 10
        assert alone[2] > 4 << 10
        both = memory_kib(ours)
        assert both[1] == alone[1]
        assert both[2] < alone[2] * 1.2
        assert both[0] > alone[0] * 1.5


def start_printing(stack: ExitStack, *arguments: str) -> int:
    """Start a process that prints a line, wait for that, and return its number; it is killed with the stack."""
    process = stack.enter_context(subprocess.Popen([sys.executable, "-c", *arguments], stdout=subprocess.PIPE))
    stack.callback(process.kill)
    assert process.stdout is not None
    process.stdout.readline()
    return process.pid


def buildings_of_lines(path: Path) -> list[Faces]:
    """Return the bodies of a CityJSONSeq, each line with the head as the document it would be alone."""
    head, *lines = (json.loads(line) for line in path.read_text().splitlines())
    found = []
    for line in lines:
        alone = path.with_suffix(".json")
        alone.write_text(json.dumps({**head, "CityObjects": line["CityObjects"], "vertices": line["vertices"]}))
        found += [building.faces for building in buildings(alone)]
    return found
