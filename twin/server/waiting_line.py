"""A line before a few places: it may be long for a moment, and is short where it does not come to an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineLimits:
    """How many may be at work, and how many may wait for that."""

    places: int
    """At work at once, not counting ``beside``."""
    standing: int
    """May wait in a line that has not been empty for ``sudden_s``: how long one waits is what it costs, and it gains nothing."""
    sudden: int
    """May wait in a line that has only just come up, as when a client asks for much at once: nobody is refused for that."""
    sudden_s: float
    long_s: float
    beside: int
    """At work for longer than ``long_s`` who leave their place to others; more such keep theirs, so that what they need is bounded."""


class Place:
    """What one holds whose turn has come; it is given back once, however often that is said."""

    __slots__ = ("_line", "_timer")

    def __init__(self, line: WaitingLine, long_s: float) -> None:
        self._line: WaitingLine | None = line
        self._timer = asyncio.get_running_loop().call_later(long_s, self.stays)

    def stays(self) -> None:
        """Let the next one come though one is still at work, if that may be: it takes long."""
        if self._line is not None:
            self._line.stay(self)

    def give_back(self) -> None:
        """Let the next one come: the work is done."""
        line, self._line = self._line, None
        if line is not None:
            self._timer.cancel()
            line.end(self)


class WaitingLine:
    """First come, first served; for one event loop.

    A queue that is always full makes everybody wait and nobody be served sooner, while one that comes and goes takes up what comes
    unevenly: so the bound depends on whether it stands (Nichols and Jacobson, Controlling Queue Delay, ACM Queue 10(5), 2012; Maurer,
    Fail at Scale, ACM Queue 13(8), 2015, who bound the waiting time in the same way).
    """

    def __init__(self, limits: LineLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._free = limits.places
        self._turns: dict[asyncio.Future[Place], None] = {}
        self._long: dict[Place, None] = {}  # at work for long in their places, the longest first
        self._beside: set[Place] = set()  # at work for long without a place
        self._since = 0.0

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._turns)

    def is_full(self) -> bool:
        """True when nobody else may wait: who comes now is to be refused."""
        if len(self._turns) < self._limits.standing:
            return False
        return len(self._turns) >= self._limits.sudden or self._clock() - self._since >= self._limits.sudden_s

    def take(self) -> Place | None:
        """Return a place if one is free; nobody waits then."""
        if not self._free:
            return None
        self._free -= 1
        return Place(self, self._limits.long_s)

    def join(self) -> asyncio.Future[Place]:
        """Return the future of one's place; who does not want it any more says so by :meth:`leave`."""
        if not self._turns:
            self._since = self._clock()
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._turns[turn] = None
        return turn

    def leave(self, turn: asyncio.Future[Place]) -> None:
        """Go out of the line; if the turn has just come, it is the next one's."""
        if turn.done():
            turn.result().give_back()
        else:
            del self._turns[turn]

    def stay(self, place: Place) -> None:
        """Note that one takes long; as soon as few enough do so beside the places, his is the next one's."""
        if place not in self._beside:
            self._long[place] = None
            self._set_beside()

    def end(self, place: Place) -> None:
        """Note that one is no longer at work."""
        if place in self._beside:
            self._beside.remove(place)
            self._set_beside()
        else:
            self._long.pop(place, None)
            self._pass_on()

    def _set_beside(self) -> None:
        if self._long and len(self._beside) < self._limits.beside:
            place = next(iter(self._long))
            del self._long[place]
            self._beside.add(place)
            self._pass_on()

    def _pass_on(self) -> None:
        """Give a place that has become free to whom has waited longest."""
        if self._turns:
            turn = next(iter(self._turns))
            del self._turns[turn]
            turn.set_result(Place(self, self._limits.long_s))
        else:
            self._free += 1
