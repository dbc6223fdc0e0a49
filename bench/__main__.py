"""``python -m bench [--only load|serve|tiles|PART.NAME] [--share 0.2]``; see `make bench`."""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import (
    load_checked,
    load_cityjson,
    load_copy,
    load_published,
    load_survey,
    serve_export,
    serve_requests,
    serve_tiles,
    tiles_built,
    tiles_edit,
    tiles_lod1,
)
from bench.machine import machine_line
from bench.report import Run, record
from bench.rounds import Outcome
from bench.servers import free_port
from bench.stage import Stage, is_meant, open_stage


@dataclass(frozen=True, slots=True)
class _Measurement:
    """What is measured in one go, where one of its names is wanted."""

    names: tuple[str, ...]
    run: Callable[[Stage, Callable[[str], None]], Outcome | Iterable[Outcome]]


_PARTS: Mapping[str, tuple[_Measurement, ...]] = {
    "load": (
        _Measurement((load_checked.NAME,), load_checked.run_buildings),
        _Measurement((load_checked.PIPES_NAME,), load_checked.run_pipes),
        _Measurement((load_cityjson.NAME,), load_cityjson.run),
        _Measurement((load_copy.NAME,), load_copy.run),
        _Measurement((load_published.NAME,), load_published.run_published),
        _Measurement((load_published.DELTA_NAME,), load_published.run_delta),
        _Measurement(load_survey.NAMES, load_survey.run),
    ),
    "serve": (
        _Measurement(serve_requests.names(), serve_requests.run),
        _Measurement(serve_export.NAMES, serve_export.run),
        _Measurement((serve_tiles.NAME,), serve_tiles.run),
    ),
    "tiles": (
        _Measurement((tiles_lod1.NAME,), tiles_lod1.run),
        *(_Measurement((subject.name,), subject.run) for subject in (tiles_built.HOUSES, tiles_built.PIPES, tiles_built.SEWERS_BUILT)),
        _Measurement(tuple(tiles_edit.SIZES), tiles_edit.run),
    ),
}
_NAMES = tuple(name for part in _PARTS.values() for measurement in part for name in measurement.names)
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
    parser.add_argument(
        "--only", action="append", default=[], help="a part (load, serve, tiles) or one benchmark of it, as serve.item; may be given again"
    )
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
    asked, begun = read_arguments(), time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True)

    with open_stage(free_port(), asked.only, asked.share) as stage:
        machine = machine_line(stage.city.database_url)
        for part in asked.parts:
            say(part)
            for measurement in _PARTS[part]:
                if not any(stage.wants(name) for name in measurement.names):
                    continue
                found = measurement.run(stage, say)
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
