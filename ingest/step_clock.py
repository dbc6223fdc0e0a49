"""A step that takes long says so every second: which it is and since when, until rows or another step say more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import psycopg

from ingest.request import Workplace
from twin.errors import Text, TwinError

EVERY_S = 1.0


@contextmanager
def clocked(place: Workplace) -> Iterator[Workplace]:
    """Give the block a workplace whose step is told again every second in which nothing else was told.

    It is told by a thread of its own, never while something else is being told.
    """
    clock = _StepClock(place)
    thread = threading.Thread(target=clock.run, name="step-clock", daemon=True)
    thread.start()
    try:
        yield replace(place, step=clock.step, progress=clock.rows)
    finally:
        clock.ended.set()
        thread.join()


@dataclass(slots=True)
class _StepClock:
    place: Workplace
    ended: threading.Event = field(default_factory=threading.Event)
    _telling: threading.Lock = field(default_factory=threading.Lock)
    _step: Text | None = None
    _began: float = 0.0
    _told: float = 0.0
    _tells_since: bool = False
    """What was told last says for how long the step has lasted."""

    def step(self, step: Text) -> None:
        """Tell what begins."""
        with self._telling:
            self._step, self._began, self._tells_since = step, time.monotonic(), False
            self.place.step(step)
            self._told = time.monotonic()

    def rows(self, what: str, done: int, total: int | None) -> None:
        """Tell how many rows have come, and no more how long nothing did."""
        with self._telling:
            if self._tells_since and self._step is not None:
                self._tells_since = False
                self.place.step(self._step)
            self.place.progress(what, done, total)
            self._told = time.monotonic()

    def run(self) -> None:
        """Tell the step again whenever nothing was told for a second, until the end."""
        while not self.ended.wait(EVERY_S / 4):
            with self._telling, suppress(TwinError, psycopg.Error):  # who cannot be told now is told in a second
                now = time.monotonic()
                if self._step is not None and now - self._told >= EVERY_S:
                    self._told, self._tells_since = now, True
                    self.place.step(_since(self._step, int(now - self._began)))


def _since(step: Text, elapsed_s: int) -> Text:
    return Text(zh=f"{step.zh}，已 {elapsed_s} 秒", en=f"{step.en}, {elapsed_s} s")
