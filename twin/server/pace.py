"""How fast something goes, and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass

_ENOUGH_S = 0.5
"""Before so much time has passed a rate says nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far something is; ``per_s`` and ``left_s`` are None where they cannot be told yet."""

    done: int
    total: int | None
    per_s: float | None
    left_s: float | None


class Pace:
    """Follows one thing at a time; another name, or a count that falls back, begins anew."""

    def __init__(self) -> None:
        self._what = ""
        self._began_s = 0.0
        self._first = self._last = 0

    def read(self, what: str, done: int, total: int | None, now_s: float) -> Reading:
        """Return how far ``what`` is at ``now_s``, with things a second and the time that is left where they can be told."""
        if what != self._what or done < self._last:
            self._what, self._began_s, self._first = what, now_s, done
        self._last = done
        elapsed_s, count = now_s - self._began_s, done - self._first
        if elapsed_s < _ENOUGH_S or count <= 0:
            return Reading(done, total, None, None)
        per_s = count / elapsed_s
        return Reading(done, total, per_s, None if not total else max(0.0, (total - done) / per_s))

    def line(self, what: str, done: int, total: int | None, now_s: float) -> str:
        """Return `read` as a line of text."""
        found = self.read(what, done, total, now_s)
        far = f"{what}  {done:,} / {total:,}" if total else f"{what}  {done:,}"
        rate = "" if found.per_s is None else f"  {found.per_s:,.0f}/s"
        left = "" if found.left_s is None else f"  ETA {_clock(found.left_s)}"
        return f"{far}{rate}{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
