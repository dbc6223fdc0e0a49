"""``python -m bench [--only load|serve|tiles|serve.NAME] [--share 0.2]``; see `make bench`."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import (
    load_checked,
    load_cityjson,
    load_copy,
    load_published,
    serve_export,
    serve_requests,
    serve_tiles,
    tiles_edit,
    tiles_lod1,
    tiles_lod2,
    tiles_pipes,
)
from bench.machine import machine_line
from bench.report import Run, record
from bench.rounds import Outcome
from bench.servers import free_port
from bench.stage import Stage, is_meant, open_stage


def _tiles_of_a_region(stage: Stage, say: Callable[[str], None]) -> Iterator[Outcome]:
    if stage.wants(serve_tiles.NAME):
        yield serve_tiles.run(stage, say)


_Measure = Callable[[Stage, Callable[[str], None]], Outcome | Iterable[Outcome]]
_PARTS: Mapping[str, tuple[_Measure, ...]] = {
    "load": (
        load_checked.run_buildings,
        load_checked.run_pipes,
        load_cityjson.run,
        load_copy.run,
        load_published.run_published,
        load_published.run_delta,
    ),
    "serve": (serve_requests.run, serve_export.run, _tiles_of_a_region),
    "tiles": (tiles_lod1.run, tiles_lod2.run, tiles_pipes.run, *tiles_edit.measurements()),
}
_NAMES = (*serve_requests.names(), *serve_export.NAMES, serve_tiles.NAME)
_LEAST_SHARE = 0.2
"""A tile of level 14 has to lie wholly in what is served."""
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to measure: whole parts, or those of their benchmarks that are named in ``only``."""

    parts: tuple[str, ...]
    only: frozenset[str]
    share: float


def read_arguments(arguments: Sequence[str] | None = None) -> Asked:
    """Return what is asked for; SystemExit, which says why, for what nobody measures."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure ours, the peers and the bounds, interleaved.")
    parser.add_argument("--only", action="append", default=[], help="a part (load, serve, tiles) or serve.NAME; may be given again")
    parser.add_argument("--share", type=float, default=1.0, help="part of serve's rows, for a trial whose results are not kept")
    given = parser.parse_args(arguments)
    for name in given.only:
        if name not in _PARTS and not ("." in name and any(is_meant(known, name) for known in _NAMES)):
            parser.error(f"--only {name} is none of {', '.join((*_PARTS, *_NAMES))}")
    parts = tuple(part for part in _PARTS if not given.only or part in {name.partition(".")[0] for name in given.only})
    if not _LEAST_SHARE <= given.share <= 1:
        parser.error(f"--share is from {_LEAST_SHARE} to 1")
    if given.share < 1 and parts != ("serve",):
        parser.error("--share is for --only serve or serve.NAME: the others have no smaller run")
    return Asked(parts, frozenset(name for name in given.only if "." in name), given.share)


def main() -> None:
    """Run what is asked for; results are written after each benchmark, those of a trial (a share of the rows) only shown."""
    asked = read_arguments()
    with open_stage(free_port(), asked.only, asked.share) as stage:
        machine = machine_line(stage.city.database_url)
        for part in asked.parts:
            print(part, flush=True)
            for measure in _PARTS[part]:
                found = measure(stage, lambda line: print(line, flush=True))
                for outcome in [found] if isinstance(found, Outcome) else found:
                    _keep(machine, outcome, is_trial=asked.share < 1)


def _keep(machine: str, outcome: Outcome, *, is_trial: bool) -> None:
    if not is_trial:
        today = dt.datetime.now(dt.UTC).date().isoformat()
        record(_ROOT / "bench" / "results", _ROOT / "docs" / "performance.md", [Run(today, machine, outcome)])
    for name, role in outcome.roles.items():
        print(f"{outcome.name}\t{role}\t{name}\t{outcome.value(name):.4g} {outcome.unit}", flush=True)


if __name__ == "__main__":
    main()
