"""``python -m bench [--only load|serve|tiles|serve.NAME] [--share 0.1]``; see `make bench`."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from bench.stage import Stage, open_stage


def _tiles_of_a_region(stage: Stage, say: Callable[[str], None]) -> Iterator[Outcome]:
    if stage.wants("serve.tiles_5m"):
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
_ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run what is asked for; results are written after each benchmark, those of a trial (a share of the rows) only shown."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure ours, the peers and the bounds, interleaved.")
    parser.add_argument("--only", action="append", default=[], help="a part (load, serve, tiles) or serve.NAME; may be given again")
    parser.add_argument("--share", type=float, default=1.0, help="part of the rows (0.2 or more), for a trial whose results are not kept")
    asked = parser.parse_args()
    parts = [part for part in _PARTS if not asked.only or part in {name.partition(".")[0] for name in asked.only}]
    if any(name.partition(".")[0] not in _PARTS or ("." in name and not name.startswith("serve.")) for name in asked.only):
        parser.error(f"--only is one of {', '.join(_PARTS)} or serve.NAME")
    only = frozenset(name for name in asked.only if "." in name)
    with open_stage(free_port(), only, asked.share) as stage:
        machine = machine_line(stage.city.database_url)
        for part in parts:
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
