"""tiles.lod2: bodies of real weight a second from PostGIS to written tile files."""

from __future__ import annotations

import time
from collections.abc import Callable

from psycopg import sql

from bench.houses import CORNERS, FACES, write_houses
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.tile_build import TileBuild, build_apart
from twin.tables import current_table

NAME, UNIT, ROWS, WARM_ROWS, ROUNDS = "tiles.lod2", "buildings/s", 50_000, 2_000, 3
METHOD = (
    f"From the first query to the last byte in a folder, warm, in a process of its own. Each building is a body of LoD 2.2 with {FACES} "
    f"faces of {CORNERS} corners (those of 3DBAG have 47 and 247) and five attributes; roofs, walls and grounds are told apart. Coarser "
    "levels of the tileset are built, too. Bound: the same rows, with their bodies, over COPY BINARY into one file."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure tiling of houses, which are loaded first."""
    for name, count in (("houses", ROWS), ("few_houses", WARM_ROWS)):
        path = stage.folder / f"{name}.city.jsonl"
        write_houses(count, path)
        stage.load(path, name)
        path.unlink()
    stage.settle()
    builds: list[TileBuild] = []
    contenders = [
        Contender("citytwin", "ours", lambda: _ours(stage, builds)),
        Contender("rows to a file", "bound", lambda: _rows(stage)),
    ]
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    note = max(builds, key=lambda build: build.peak_mib).note("building")
    return Outcome(NAME, UNIT, ROWS, "higher", {c.name: c.role for c in contenders}, samples, METHOD, {}, (note,))


def _ours(stage: Stage, builds: list[TileBuild]) -> float:
    builds.append(build_apart(stage, "houses", "few_houses"))
    return builds[-1].features / builds[-1].seconds


def _rows(stage: Stage) -> float:
    dataset = stage.city.catalogue.dataset("houses")
    table = current_table(dataset.feature_type, dataset.id)
    bodies = sql.Identifier("city", f"representation_d{dataset.id}")
    statement = sql.SQL("COPY (SELECT f.*, r.faces FROM {} f JOIN {} r USING (fid) ORDER BY fid) TO STDOUT (FORMAT BINARY)")
    started = time.perf_counter()
    with (
        stage.city.pool.connection() as connection,
        connection.cursor() as cursor,
        cursor.copy(statement.format(table, bodies)) as copy,
        (stage.folder / "rows").open("wb") as file,
    ):
        file.writelines(copy)
    return ROWS / (time.perf_counter() - started)
