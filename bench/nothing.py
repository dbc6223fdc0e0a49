"""A task that asks nothing of a worker but to be there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Nothing:
    """Nothing."""

    def run(self) -> None:
        """Do it."""
