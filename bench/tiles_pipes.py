"""tiles.pipes: pipe segments a second from PostGIS to written tile files."""

from __future__ import annotations

import time
from collections.abc import Callable

from psycopg import sql

from bench.pipes import LINES, POINTS, write_pipe_survey
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.tile_build import TileBuild, build_apart
from ingest.request import PartSpec
from twin.tables import current_table

NAME, UNIT, ROWS, WARM_ROWS, ROUNDS = "tiles.pipes", "segments/s", 300_000, 5_000, 3
METHOD = (
    "From the first query to the last byte in a folder, warm, in a process of its own. Segments of 300 mm and 30 m become tubes whose "
    "facets lie within 5 mm of the cylinder, with their attributes; the tileset has its coarser levels. Bound: the same rows over COPY "
    "BINARY into one file."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure tiling of a pipe survey, which is loaded first."""
    for name, count in (("tubes", ROWS), ("few_tubes", WARM_ROWS)):
        path = stage.folder / f"{name}.gpkg"
        write_pipe_survey(count, path)
        submission, _ = stage.check(path, (PartSpec(POINTS, "pipe_node", f"{name}_ends"), PartSpec(LINES, "pipe_segment", name)))
        stage.publish(submission)
        path.unlink()
    stage.settle()
    builds: list[TileBuild] = []
    contenders = [
        Contender("citytwin", "ours", lambda: _ours(stage, builds)),
        Contender("rows to a file", "bound", lambda: _rows(stage)),
    ]
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    note = max(builds, key=lambda build: build.peak_mib).note("segment")
    return Outcome(NAME, UNIT, ROWS, "higher", {c.name: c.role for c in contenders}, samples, METHOD, {}, (note,))


def _ours(stage: Stage, builds: list[TileBuild]) -> float:
    builds.append(build_apart(stage, "tubes", "few_tubes"))
    return builds[-1].features / builds[-1].seconds


def _rows(stage: Stage) -> float:
    dataset = stage.city.catalogue.dataset("tubes")
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(current_table(dataset.feature_type, dataset.id))
    started = time.perf_counter()
    with (
        stage.city.pool.connection() as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
        (stage.folder / "rows").open("wb") as file,
    ):
        file.writelines(copy)
    return ROWS / (time.perf_counter() - started)
