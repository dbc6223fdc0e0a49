"""serve.overload: what twice as many requests as can be answered do to those that are answered."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.load_generator import Answers, drive, drive_at
from bench.rounds import Outcome
from bench.serve_tables import Table
from bench.servers import Server, ServerError, get
from bench.stage import Stage

ROUNDS, FOR_S = 3, 4.0
_PEAK_REQUESTS = 1500
_ALLOWED = {200, 503}
_METHOD = (
    "The first page of 100 of {rows:,} buildings, in each of {rounds} rounds: as fast as eight connections get it (the peak), then for "
    "{seconds:.0f} s at half and at twice that rate, whether or not earlier requests have been answered, over 64 connections of h2load "
    "on the same machine. What is refused is refused by 503 with Retry-After, and nothing else is answered. "
)


@dataclass(frozen=True, slots=True)
class _Round:
    peak_per_s: float
    half: Answers
    twice: Answers


def run_overload(stage: Stage, table: Table, server: Server, say: Callable[[str], None]) -> list[Outcome]:
    """Return two outcomes: goodput at twice saturation as a share of the peak, and its p99 over the p99 at half load."""
    if shutil.which("h2load") is None:
        say("serve.overload: h2load is not installed")
        return []
    say("serve.overload")
    path = f"/ogc/collections/{table.dataset}/items?limit=100&f=json"
    drive(server.port, [path], _PEAK_REQUESTS // 5, stage.folder)
    rounds = [_measure(stage, server, path, say) for _ in range(ROUNDS)]
    goodput = tuple(r.twice.per_s() / r.peak_per_s for r in rounds)
    slower = tuple(r.twice.quantile_ms(0.99) / r.half.quantile_ms(0.99) for r in rounds)
    method = _METHOD.format(rows=table.rows, rounds=ROUNDS, seconds=FOR_S)
    notes = (_note(rounds),)
    return [
        Outcome("serve.overload_goodput", "share of the peak", table.rows, "higher", {"citytwin": "ours"}, {"citytwin": goodput},
                method + "Answers with 200 a second at twice the peak, as a share of it.", {}, notes),
        Outcome("serve.overload_p99", "times p99 at half load", table.rows, "lower", {"citytwin": "ours"}, {"citytwin": slower},
                method + "p99 of answers with 200 at twice the peak over that at half of it.", {}, notes),
    ]  # fmt: skip


def _measure(stage: Stage, server: Server, path: str, say: Callable[[str], None]) -> _Round:
    peak = drive(server.port, [path], _PEAK_REQUESTS, stage.folder).per_s()
    half = drive_at(server.port, path, peak / 2, FOR_S, stage.folder)
    twice = drive_at(server.port, path, peak * 2, FOR_S, stage.folder)
    if not set(np.unique(twice.status).tolist()) <= _ALLOWED:
        raise ServerError(f"under load {sorted(set(twice.status.tolist()))} were answered")
    get(server.port, path)  # and afterwards it serves as before
    found = _Round(peak, half, twice)
    say(f"  peak {peak:,.0f}/s; {_of(found)}")
    return found


def _of(found: _Round) -> str:
    twice = found.twice
    refused, asked_per_s = float(np.mean(twice.status == 503)), len(twice.status) / twice.elapsed_s
    return (
        f"half: p99 {found.half.quantile_ms(0.99):,.1f} ms; twice: {twice.per_s():,.0f}/s of {asked_per_s:,.0f}/s asked for, p50 "
        f"{twice.quantile_ms(0.5):,.1f} ms, p99 {twice.quantile_ms(0.99):,.1f} ms, {refused:.0%} refused within "
        f"{twice.quantile_ms(0.99, 503):,.1f} ms (p99); h2load took {twice.own_cpu_s / twice.elapsed_s:.0%} of a processor"
    )


def _note(rounds: list[_Round]) -> str:
    middle = sorted(rounds, key=lambda r: r.twice.per_s() / r.peak_per_s)[len(rounds) // 2]
    peak = statistics.median(r.peak_per_s for r in rounds)
    return f"Peak {peak:,.0f} requests/s (median); in the middle round {_of(middle)}."
