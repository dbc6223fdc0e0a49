"""``python -m bench [--only load|serve|tiles]``; see `make bench`."""

from __future__ import annotations

import argparse
import datetime as dt
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
from bench.stage import open_stage

_PARTS = {
    "load": (
        load_checked.run_buildings,
        load_checked.run_pipes,
        load_cityjson.run,
        load_copy.run,
        load_published.run_published,
        load_published.run_delta,
    ),
    "serve": (serve_requests.run, serve_tiles.run, serve_export.run),
    "tiles": (tiles_lod1.run, tiles_lod2.run, tiles_pipes.run, *tiles_edit.measurements()),
}
_ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the parts asked for and write the results."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure ours, the peers and the bounds, interleaved.")
    parser.add_argument("--only", choices=sorted(_PARTS), action="append", help="one part; may be given again")
    parts = parser.parse_args().only or list(_PARTS)
    runs = []
    with open_stage(free_port()) as stage:
        machine = machine_line(stage.city.database_url)
        for part in parts:
            print(part, flush=True)
            for measure in _PARTS[part]:
                found = measure(stage, lambda line: print(line, flush=True))
                today = dt.datetime.now(dt.UTC).date().isoformat()
                runs += [Run(today, machine, outcome) for outcome in ([found] if isinstance(found, Outcome) else found)]
    record(_ROOT / "bench" / "results", _ROOT / "docs" / "performance.md", runs)
    for run in runs:
        for name, role in run.outcome.roles.items():
            print(f"{run.outcome.name}\t{role}\t{name}\t{run.outcome.value(name):.4g} {run.outcome.unit}")


if __name__ == "__main__":
    main()
