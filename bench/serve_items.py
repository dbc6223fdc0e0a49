"""serve.items100: CPU milliseconds that one page of 100 features costs, server and PostgreSQL together."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack

from bench.pgbench import run_pgbench
from bench.process_cpu import tree_cpu_s
from bench.rounds import Contender, Outcome, interleave
from bench.servers import Recipe, Server, ServerError, free_port, get, ours, peers_are_installed, pygeoapi, running, tipg
from bench.stage import Stage
from bench.workload import make_buildings
from twin.embedded.binaries import find_binaries

NAME, UNIT, ROWS, ROUNDS, REQUESTS = "serve.items100", "CPU ms/request", 100_000, 5, 200
_SLOW_REQUESTS = 60
_DATASET = "served"
METHOD = (
    f"The first page of 100 of {ROWS:,} buildings as GeoJSON, asked for again and again over one kept-alive connection; CPU time of the "
    "server's and PostgreSQL's process trees from /proc, so a busy machine changes it little. One web process each; ours with its build "
    "worker, which idles. Ours stores EPSG:4549 and answers in CRS84h, so every vertex is transformed and gets its geoid separation; the "
    "peers' plain table (primary key, GiST, statistics) is in WGS 84 already and has no heights. Bound: PostgreSQL alone, pgbench with "
    "the SQL frozen in bench/bounds/items100.sql over the table that we serve."
)


def run(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure serving of the dataset ``served``, which is loaded first."""
    buildings = make_buildings(ROWS)
    stage.load(stage.geopackage(buildings), _DATASET)
    stage.give_peers(buildings)
    stage.settle()
    contenders: list[Contender] = []
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        port = free_port()
        recipe = ours(stage, _DATASET, port)
        server = stack.enter_context(running(recipe, port, stage.folder / "citytwin.log"))
        contenders.append(Contender(recipe.name, "ours", _requests(stage, recipe, server, REQUESTS)))
        for name, make in (("pygeoapi", pygeoapi), ("tipg", tipg)):
            if not peers_are_installed():
                missing[name] = "the peers' environment is not made: run `make bench`"
                continue
            try:
                port = free_port()
                recipe = make(stage, port)
                server = stack.enter_context(running(recipe, port, stage.folder / f"{name}.log"))
                contenders.append(Contender(name, "peer", _requests(stage, recipe, server, _SLOW_REQUESTS)))
            except ServerError as error:
                missing[name] = str(error)
                say(f"  {name} cannot run here: {error}")
        contenders.append(Contender("pgbench", "bound", lambda: _bound(stage)))
        samples = interleave(contenders, ROUNDS, say)
    return Outcome(NAME, UNIT, ROWS, "lower", {c.name: c.role for c in contenders}, samples, METHOD, missing)


def _requests(stage: Stage, recipe: Recipe, server: Server, count: int) -> Callable[[], float]:
    def measure() -> float:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        features = json.loads(get(connection, recipe.items))["features"]
        if len(features) != 100:
            raise ServerError(f"{recipe.name} gave {len(features)} features")
        before = tree_cpu_s([server.pid, stage.postmaster])
        for _ in range(count):
            get(connection, recipe.items)
        used = tree_cpu_s([server.pid, stage.postmaster]) - before
        connection.close()
        return 1000 * used / count

    return measure


def _bound(stage: Stage) -> float:
    binaries = find_binaries()
    program = str(binaries.folder / "pgbench") if (binaries.folder / "pgbench").exists() else shutil.which("pgbench")
    if program is None:
        raise RuntimeError("pgbench is not installed")
    variables = {"dataset": str(stage.city.catalogue.dataset(_DATASET).id)}
    used = []
    # Every run starts a backend that first has to load PROJ's database: the difference of a long and a short run leaves that out.
    for transactions in (REQUESTS // 2, REQUESTS // 2 + 2 * REQUESTS):
        before = tree_cpu_s([stage.postmaster])
        run_pgbench(program, stage.city.database_url, "items100.sql", variables, transactions, stage.folder)
        used.append(tree_cpu_s([stage.postmaster]) - before)
    return 1000 * (used[1] - used[0]) / (2 * REQUESTS)
