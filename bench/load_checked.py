"""load.checked: rows a second from a GeoPackage to a staging table that is checked by all rules, indexed and compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.bare_copy import BareTables
from bench.ogr2ogr import MISSING, Layers, find_ogr2ogr, load_s
from bench.pipes import LINES, POINTS, write_pipe_survey
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.workload import make_buildings
from ingest.request import PartSpec

NAME, PIPES_NAME = "load.checked", "load.checked_pipes"
BUILDINGS, SEGMENTS, ROUNDS, UNIT = 1_000_000, 300_000, 3, "rows/s"
_OURS = (
    "Ours: the first of the two steps of `twin load`, in this process, from the call to the accepted submission: sandboxed child, mapping, "
    "all rules, staging, derived values, indexes, comparison. "
)
_PEER = "Peer: `ogr2ogr` with PG_USE_COPY into new unlogged tables with primary key, GiST and an index on the same keys; no checks. "
_BOUND = "Bound: the very rows that we stage, as ready COPY BINARY bytes, into bare unlogged tables without key or index."


def run_buildings(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure checking a million footprints."""
    path = stage.geopackage(make_buildings(BUILDINGS))
    parts = (PartSpec(None, "building", "checked_buildings"),)
    method = f"{BUILDINGS:,} footprints with seven attributes. " + _OURS + _PEER + _BOUND
    return _run(stage, say, NAME, path, parts, (("建筑物", "建筑编号"),), BUILDINGS, method)


def run_pipes(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure checking a survey of pipes, with the rules over networks."""
    path = stage.folder / "pipes.gpkg"
    rows = write_pipe_survey(SEGMENTS, path)
    parts = (PartSpec(POINTS, "pipe_node", "checked_nodes"), PartSpec(LINES, "pipe_segment", "checked_segments"))
    method = f"{SEGMENTS:,} pipe segments and the points between them, all survey rules on. " + _OURS + _PEER + _BOUND
    return _run(stage, say, PIPES_NAME, path, parts, ((POINTS, "管线点编号"), (LINES, "起点点号")), rows, method)


def _run(
    stage: Stage, say: Callable[[str], None], name: str, path: Path, parts: tuple[PartSpec, ...], layers: Layers, rows: int, method: str
) -> Outcome:
    def ours() -> float:
        started = time.perf_counter()
        submission, accepted = stage.check(path, parts)
        elapsed = time.perf_counter() - started
        stage.withdraw(submission)
        if accepted != rows:
            raise RuntimeError(f"{accepted} of {rows} rows were accepted")
        return rows / elapsed

    submission, _ = stage.check(path, parts)
    bare = BareTables(stage, submission, "bare")
    stage.withdraw(submission)
    contenders = [Contender("citytwin", "ours", ours), Contender("COPY BINARY", "bound", lambda: rows / bare.fill_s())]
    missing: Mapping[str, str] = {}
    if found := find_ogr2ogr():
        contenders.append(Contender(found[1], "peer", lambda: rows / load_s(stage, found[0], path, layers, rows)))
    else:
        missing = MISSING
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    return Outcome(name, UNIT, rows, "higher", {c.name: c.role for c in contenders}, samples, method, missing)
