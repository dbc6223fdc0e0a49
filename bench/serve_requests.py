"""serve.*: CPU milliseconds that a request costs, server and PostgreSQL together; ours, the peers and PostgreSQL alone, interleaved."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from bench.load_generator import CONNECTIONS, Answers, drive
from bench.pgbench import run_pgbench
from bench.process_cpu import tree_cpu_s
from bench.rounds import Contender, Outcome, Role, interleave
from bench.serve_overload import run_overload
from bench.serve_questions import Asked, Question, check, questions
from bench.serve_tables import Table, load_buildings, load_pipes, load_region
from bench.servers import (
    UNCOUNTED,
    Recipe,
    ServerError,
    empty_route,
    free_port,
    ours,
    peers_are_installed,
    pygeoapi,
    running,
    tipg,
)
from bench.stage import Stage

UNIT, ROUNDS, TURN_CPU_S = "CPU ms/request", 5, 1.0
OURS, REGION, BOUND, REGION_BOUND = "citytwin", "citytwin, 5M rows", "pgbench", "pgbench, 5M rows"
_IDLE_WITHIN_S, _LOOKED_AT_S, _IDLE_SHARE = 90.0, 3.0, 0.06
_PATIENCE_S = 60.0
"""So long one tile of pipes is waited for that a peer may take minutes over."""
_OF_PIPES = ("bbox500", "mvt_z14")
_FIRST, _MOST = CONNECTIONS, 6000
_BOUND_RUNS = {
    "items100": (15, 120), "bbox500": (4, 18), "deep_page": (2, 12), "item": (200, 1500), "mvt_z14": (1, 5), "mvt_z16": (5, 55),
}  # fmt: skip
"""Transactions on each connection in the short and the long run: about a second of CPU time apart."""
_METHOD = (
    "{says} {rows:,} {what}; eight kept-alive connections of h2load, whose own CPU time is left out; CPU time of the server's and "
    "PostgreSQL's process trees from /proc. One web process each, nothing compressed; ours as `twin serve` runs it, with rights, metrics "
    "and its build worker, which idles{cache}. Ours stores EPSG:4549 and answers in CRS84h, so every vertex is transformed and gets its "
    "geoid separation; the peers' plain table (primary key, GiST, statistics, the same properties) is in WGS 84 already, which spares "
    "them that. Bound: PostgreSQL alone, pgbench over eight connections with the SQL frozen in bench/bounds/{bound} on the "
    "table that we serve."
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Field:
    """Everybody who can be asked, and whom nobody could start."""

    ours: Asked
    caching: Asked
    empty: Asked
    peers: Mapping[str, Asked]
    missing: Mapping[str, str]


@dataclass(slots=True)
class _Turns:
    """Asks one contender; keeps what it saw for the notes."""

    stage: Stage
    asked: Asked
    paths: Sequence[str]
    takes_gzip: bool = False
    seen: list[Answers] = field(default_factory=list)
    _requests: int = 0

    def measure(self) -> float:
        """Return CPU ms a request, over about as many requests as take a turn's CPU time; the first time, over as many as tell that."""
        if not self._requests:
            cost_ms = self._drive(_FIRST)[1]
            if cost_ms * _FIRST < 1000 * TURN_CPU_S:  # the first requests of a connection cost more: again, unless one is dear
                cost_ms = self._drive(2 * _FIRST)[1]
            self._requests = max(_FIRST, min(_MOST, round(1000 * TURN_CPU_S / max(0.1, cost_ms))))
            return cost_ms
        answers, cost_ms = self._drive(self._requests)
        self.seen.append(answers)
        return cost_ms

    def _drive(self, requests: int) -> tuple[Answers, float]:
        pids = [self.asked.server.pid, self.stage.postmaster]
        before = tree_cpu_s(pids)
        answers = drive(self.asked.server.port, self.paths, requests, self.stage.folder, takes_gzip=self.takes_gzip)
        used_s = tree_cpu_s(pids) - before
        if (answers.status != 200).any():
            raise ServerError(f"{self.asked.recipe.name} answered {sorted(set(answers.status.tolist()))}")
        return answers, 1000 * used_s / len(answers.status)

    def note(self, name: str) -> str:
        """Return requests a second and latencies, medians over the turns."""
        middle = [statistics.median(f(a) for a in self.seen) for f in (Answers.per_s, _p50, _p99)]
        return f"{name} {middle[0]:,.0f} req/s, p50 {middle[1]:,.1f} ms, p99 {middle[2]:,.1f} ms"


def names() -> tuple[str, ...]:
    """Return what can be asked for; each question brings its answer for the region with it."""
    pipes = (f"serve.{name}_pipes" for name in _OF_PIPES)
    return (*(f"serve.{q.name}" for q in questions()), *pipes, "serve.tile_cached", "serve.overload")


def run(stage: Stage, say: Say) -> Iterator[Outcome]:
    """Measure what is wanted on 200,000 buildings, 300,000 pipes and a region of 5 million buildings; load no more than that takes."""
    about = [q for q in questions() if stage.wants(f"serve.{q.name}")]
    of_pipes = [q for q in questions() if q.name in _OF_PIPES and stage.wants(f"serve.{q.name}_pipes")]
    buildings = load_buildings(stage)
    pipes = load_pipes(stage) if of_pipes else None
    region = load_region(stage) if about else None
    stage.leave_unbuilt("served", "served_pipes", "served_nodes", "region")
    stage.settle()
    with _everybody(stage, buildings, pipes, say, with_peers=bool(about or of_pipes)) as everybody:
        if region is not None:
            for question in about:
                yield from _about_buildings(stage, question, buildings, region, everybody, say)
        if pipes is not None:
            for question in of_pipes:
                yield _about_pipes(stage, question, pipes, everybody, say)
        if stage.wants("serve.tile_cached"):
            yield _cached_tile(stage, buildings, everybody, say)
        if stage.wants("serve.overload"):
            yield from run_overload(stage, buildings, everybody.ours.server, say)


def _about_buildings(stage: Stage, question: Question, table: Table, region: Table, everybody: _Field, say: Say) -> Iterator[Outcome]:
    say(f"serve.{question.name}")
    turns = _turns(stage, question, table, everybody) | {REGION: _ready(stage, question, replace(everybody.ours, table="region"), region)}
    contenders = _contenders(stage, question, table, turns)
    contenders.append(Contender(REGION_BOUND, "region", lambda: _bound(stage, question, region), has_warm_up=False))
    samples = interleave(contenders, ROUNDS, say)
    main = {name: figures for name, figures in samples.items() if name not in {REGION, REGION_BOUND}}
    roles: dict[str, Role] = {c.name: c.role for c in contenders if c.name in main}
    notes = (_notes(turns, main),)
    yield Outcome(f"serve.{question.name}", UNIT, table.rows, "lower", roles, main, _method(question, table), everybody.missing, notes)
    large = {OURS: samples[REGION], "citytwin, 200k rows": samples[OURS], "pgbench": samples[REGION_BOUND]}
    large_roles: dict[str, Role] = {OURS: "ours", "citytwin, 200k rows": "smaller", "pgbench": "bound"}
    notes = (turns[REGION].note("5M rows:") + ".",)
    yield Outcome(f"serve.{question.name}_5m", UNIT, region.rows, "lower", large_roles, large, _method(question, region), {}, notes)


def _about_pipes(stage: Stage, question: Question, table: Table, everybody: _Field, say: Say) -> Outcome:
    say(f"serve.{question.name}_pipes")
    asked = replace(question, bound=f"pipes_{question.bound}", says=question.says.replace("buildings", "pipes"))
    turns = {name: turn for name, turn in _turns(stage, asked, table, everybody).items() if not _is_asked_once(question, name)}
    contenders = _contenders(stage, asked, table, turns)
    samples = interleave(contenders, ROUNDS, say)
    roles: dict[str, Role] = {c.name: c.role for c in contenders}
    missing = dict(everybody.missing)
    for name in (name for name in everybody.peers if _is_asked_once(question, name)):
        try:
            samples[name], roles[name] = (_alone(stage, question, table),), "peer"
        except TimeoutError:
            missing[name] = f"asked once, it had not answered after {_PATIENCE_S:.0f} s"
    notes = (_notes(turns, turns),)
    return Outcome(f"serve.{question.name}_pipes", UNIT, table.rows, "lower", roles, samples, _method(asked, table), missing, notes)


def _cached_tile(stage: Stage, table: Table, everybody: _Field, say: Say) -> Outcome:
    say("serve.tile_cached")
    question = next(q for q in questions() if q.name == "mvt_z16")
    turns = {
        OURS: replace(_ready(stage, question, replace(everybody.caching, table=table.dataset), table), takes_gzip=True),
        "empty route": _Turns(stage, everybody.empty, ["/"], takes_gzip=True),
    }
    turns[OURS].paths = turns[OURS].paths[:40]
    roles: dict[str, Role] = {OURS: "ours", "empty route": "bound"}
    samples = interleave([Contender(name, roles[name], t.measure) for name, t in turns.items()], 2 * ROUNDS, say)
    notes = (_notes(turns, turns),)
    method = (
        "One of 40 vector tiles of level 16 that have been asked for before, from the server's cache, as `twin serve` answers, with rights "
        "and metrics, to a client that takes gzip, as browsers do. Bound: a FastAPI application with one empty route under the same "
        "uvicorn, eight connections each."
    )
    return Outcome("serve.tile_cached", UNIT, table.rows, "lower", roles, samples, method, {}, notes)


def _turns(stage: Stage, question: Question, table: Table, everybody: _Field) -> dict[str, _Turns]:
    found = {OURS: _ready(stage, question, replace(everybody.ours, table=table.dataset), table)}
    for name, asked in everybody.peers.items():
        if question.name.startswith("mvt") and name.endswith("false"):
            continue  # counting has no part in tiles
        suffix = UNCOUNTED if name.endswith("false") else ""
        there = replace(asked, table=f"{table.peer}{suffix}")
        found[name] = (
            _Turns(stage, there, question.paths(there, table)) if _is_asked_once(question, name) else _ready(stage, question, there, table)
        )
    return found


def _ready(stage: Stage, question: Question, asked: Asked, table: Table) -> _Turns:
    paths = question.paths(asked, table)
    check(question, asked, paths[0])
    return _Turns(stage, asked, paths)


def _contenders(stage: Stage, question: Question, table: Table, turns: Mapping[str, _Turns]) -> list[Contender]:
    found = []
    for name, turn in turns.items():
        role: Role = "ours" if name == OURS else "region" if name == REGION else "peer"
        once = _is_asked_once(question, name)
        found.append(Contender(name, role, partial(_one, question, turn), 1) if once else Contender(name, role, turn.measure))
    return [*found, Contender(BOUND, "bound", lambda: _bound(stage, question, table), has_warm_up=False)]


def _is_asked_once(question: Question, name: str) -> bool:
    """True of stock pygeoapi's tiles: one takes it seconds."""
    return question.name.startswith("mvt") and name == "pygeoapi"


def _one(question: Question, turn: _Turns, within_s: float = 120.0) -> float:
    pids = [turn.asked.server.pid, turn.stage.postmaster]
    before = tree_cpu_s(pids)
    check(question, turn.asked, turn.paths[0], within_s)
    return 1000 * (tree_cpu_s(pids) - before)


def _alone(stage: Stage, question: Question, table: Table) -> float:
    """Return CPU ms of one tile of a pygeoapi that ends with it, so that nobody pays for an answer given up; TimeoutError for that."""
    peer, port = table.peer or "", free_port()
    recipe = pygeoapi(stage, port, [peer])
    with running(recipe, port, stage.folder / "alone.log") as server:
        asked = Asked(recipe, server, peer)
        return _one(question, _Turns(stage, asked, question.paths(asked, table)), _PATIENCE_S)


def _bound(stage: Stage, question: Question, table: Table) -> float:
    used = []
    # Every run starts backends that first have to load PROJ's database: the difference of a long and a short run leaves that out.
    short, long = _BOUND_RUNS[question.name]
    for transactions in (short, long):
        before = tree_cpu_s([stage.postmaster])
        run_pgbench(stage.city.database_url, question.bound, question.variables(table), transactions, stage.folder, CONNECTIONS)
        used.append(tree_cpu_s([stage.postmaster]) - before)
    return 1000 * (used[1] - used[0]) / ((long - short) * CONNECTIONS)


def _notes(turns: Mapping[str, _Turns], shown: Container[str]) -> str:
    return "; ".join(turn.note(name) for name, turn in turns.items() if name in shown and turn.seen) + "."


def _method(question: Question, table: Table) -> str:
    what = "pipes (LineStringZ)" if table.feature_type == "pipe_segment" else "buildings (MultiPolygonZ)"
    cache = ", its cache of tiles switched off" if question.name.startswith("mvt") else ""
    return _METHOD.format(says=question.says, rows=table.rows, what=what, cache=cache, bound=question.bound)


@contextmanager
def _everybody(stage: Stage, buildings: Table, pipes: Table | None, say: Say, *, with_peers: bool) -> Iterator[_Field]:
    """Have every server for the block, those of the peers where they are asked."""
    with ExitStack() as stack:

        def start(name: str, make: Callable[[int], Recipe]) -> Asked:
            port = free_port()
            recipe = make(port)
            log = stage.folder / f"{name.replace(' ', '_')}.log"
            return Asked(recipe, stack.enter_context(running(recipe, port, log)), "")

        own = start("uncached", lambda port: ours(stage, port, caching=False))
        caching = start("caching", lambda port: ours(stage, port, caching=True))
        empty = start("empty", empty_route)
        tables = [t.peer for t in (buildings, pipes) if t and t.peer]
        peers: dict[str, Asked] = {}
        missing: dict[str, str] = {}
        for name, make in (("pygeoapi", pygeoapi), ("tipg", tipg)) if with_peers else ():
            if not peers_are_installed():
                missing[name] = "the peers' environment is not made: run `make bench`"
                continue
            try:
                peers[name] = start(name, partial(make, stage, tables=tables))
            except ServerError as error:
                missing[name] = str(error)
                say(f"  {name} cannot run here: {error}")
        if "pygeoapi" in peers:
            peers["pygeoapi, count: false"] = peers["pygeoapi"]
        _until_idle([asked.server.pid for asked in (own, caching, empty, *peers.values())])
        yield _Field(own, caching, empty, peers, missing)


def _until_idle(pids: Sequence[int]) -> None:
    """Wait until servers use little CPU time by themselves: a build worker loads its kernels when it starts."""
    deadline = time.monotonic() + _IDLE_WITHIN_S
    while time.monotonic() < deadline:
        before = tree_cpu_s(pids)
        time.sleep(_LOOKED_AT_S)
        if tree_cpu_s(pids) - before < _IDLE_SHARE * _LOOKED_AT_S:
            return


def _p50(answers: Answers) -> float:
    return answers.quantile_ms(0.5)


def _p99(answers: Answers) -> float:
    return answers.quantile_ms(0.99)
