"""Writes what was measured: bench/results/latest.json for machines, docs/performance.md for people."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.rounds import OURS, Outcome

LATEST, RUNS = "latest.json", "runs.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One benchmark of one run: when, on what machine, and what came out."""

    date: str
    machine: str
    outcome: Outcome


def record(results: Path, document: Path, runs: list[Run]) -> None:
    """Keep each benchmark's newest run beside those of earlier runs, and write the files anew, each as a whole or not at all."""
    results.mkdir(parents=True, exist_ok=True)
    kept = {run.outcome.name: run for run in [*_read(results / RUNS), *runs]}
    newest = [kept[name] for name in sorted(kept)]
    _replace(results / RUNS, _json([asdict(run) for run in newest]))
    _replace(results / LATEST, _json([_entry(run.outcome) for run in newest]))
    _replace(document, _markdown(newest))


def _replace(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _entry(outcome: Outcome) -> dict[str, object]:
    """Return the fixed form of latest.json; ``bound`` is null where there is none."""
    bounds = [_rounded(outcome.value(name)) for name in outcome.named("bound")]
    return {
        "name": outcome.name,
        "unit": outcome.unit,
        "ours": _rounded(outcome.value(outcome.named(OURS)[0])),
        "peers": {name: _rounded(outcome.value(name)) for name in outcome.named("peer")},
        "bound": bounds[0] if bounds else None,
        "n": outcome.n,
    }


def _markdown(runs: list[Run]) -> str:
    head = [
        "# Performance",
        "",
        "Written by `make bench` (`ONLY=load`, `serve` or `tiles` for one part). Ours, peers and the bound run interleaved in",
        "one run. Figures are medians over the rounds, with the lowest and the highest; ratios are medians of those within each round.",
        "The bound is what is physically there to win; a peer that does less than we do may come nearer to it.",
    ]
    return "\n".join([*head, *(line for run in runs for line in _section(run))]) + "\n"


def _section(run: Run) -> list[str]:
    outcome = run.outcome
    better = f"{outcome.better} is better"
    lines = ["", f"## {outcome.name}", "", f"{outcome.unit}, {better}; n = {outcome.n:,}; {run.date}; {run.machine}.", ""]
    lines += ["| who | role | median | lowest – highest | we are |", "|---|---|---|---|---|"]
    for name, role in outcome.roles.items():
        figures = outcome.samples[name]
        spread = f"{_readable(min(figures))} – {_readable(max(figures))}"
        ratio = "" if role == OURS else f"{_readable(outcome.advantage(name))} × as good"
        lines.append(f"| {name} | {role} | {_readable(statistics.median(figures))} | {spread} | {ratio} |")
    lines += ["", outcome.method]
    lines += [f"\n{note}" for note in outcome.notes]
    lines += [f"\nNot measured: {name} ({' '.join(reason.split())})." for name, reason in outcome.missing.items()]
    return lines


def _read(path: Path) -> list[Run]:
    if not path.exists():
        return []
    raw = json.loads(path.read_text(encoding="utf-8"))
    return [Run(r["date"], r["machine"], _outcome(r["outcome"])) for r in raw]


def _outcome(raw: dict[str, object]) -> Outcome:
    samples = raw["samples"]
    if not isinstance(samples, dict):
        raise TypeError("samples is not an object")
    notes = raw.get("notes", ())
    if not isinstance(notes, list | tuple):
        raise TypeError("notes is not a list")
    tuples = {"samples": {name: tuple(figures) for name, figures in samples.items()}, "notes": tuple(notes)}
    return Outcome(**{**raw, **tuples})  # type: ignore[arg-type]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _readable(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
