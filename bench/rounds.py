"""Interleaved rounds: every contender once a round, so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["ours", "peer", "bound", "smaller", "region"]
"""``smaller``: ours on fewer rows; ``region``: measured in the same rounds, for another outcome."""
OURS: Role = "ours"


@dataclass(frozen=True, slots=True)
class Contender:
    """One who is measured; ``measure`` does the work once and returns the figure in the benchmark's unit."""

    name: str
    role: Role
    measure: Callable[[], float]
    rounds: int | None = None
    """How many rounds it takes part in, without a warm-up; None: all of them."""
    has_warm_up: bool = True
    """False of one whose figure leaves out by itself what only the first time costs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one benchmark gave. ``samples`` holds one figure a round by contender."""

    name: str
    unit: str
    n: int
    better: Literal["higher", "lower"]
    roles: Mapping[str, Role]
    samples: Mapping[str, tuple[float, ...]]
    method: str
    missing: Mapping[str, str]
    """Peers that could not run here, with the reason."""
    notes: tuple[str, ...] = ()
    """What else was measured of ours, a sentence each."""

    def value(self, name: str) -> float:
        """Return the median figure of a contender."""
        return statistics.median(self.samples[name])

    def advantage(self, name: str) -> float:
        """Return the median over the rounds that both had of how many times better we are than ``name`` (below 1: worse)."""
        pairs = zip(self.samples[self.named(OURS)[0]], self.samples[name], strict=False)
        return statistics.median(ours / other if self.better == "higher" else other / ours for ours, other in pairs)

    def named(self, role: Role) -> tuple[str, ...]:
        """Return the names of all contenders of a role."""
        return tuple(name for name, own in self.roles.items() if own == role)


def interleave(
    contenders: Sequence[Contender], rounds: int, say: Callable[[str], None], *, warm_up: bool = True
) -> dict[str, tuple[float, ...]]:
    """Measure every contender once a round, each round beginning with another one; a first round is run and thrown away.

    Raises ValueError unless exactly one contender is ours.
    """
    if sum(c.role == OURS for c in contenders) != 1:
        raise ValueError("exactly one contender is ours")
    samples: dict[str, list[float]] = {c.name: [] for c in contenders}
    if warm_up:
        for contender in (c for c in contenders if c.rounds is None and c.has_warm_up):
            say(f"  warm-up  {contender.name}: {contender.measure():.4g}")
    for number in range(rounds):
        start = number % len(contenders)
        for contender in (*contenders[start:], *contenders[:start]):
            if contender.rounds is not None and number >= contender.rounds:
                continue
            figure = contender.measure()
            samples[contender.name].append(figure)
            say(f"  {number + 1}/{rounds}  {contender.name}: {figure:.4g}")
    return {name: tuple(figures) for name, figures in samples.items()}
