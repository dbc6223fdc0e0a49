"""How fast something goes, and when it will be done."""

from __future__ import annotations

_ENOUGH_S = 0.5
"""Before so much time has passed a rate says nothing."""


class Pace:
    """Follows one thing at a time; another name, or a count that falls back, begins anew."""

    def __init__(self) -> None:
        self._what = ""
        self._began_s = 0.0
        self._first = self._last = 0

    def line(self, what: str, done: int, total: int | None, now_s: float) -> str:
        """Return how far ``what`` is at ``now_s``, with things a second and the time that is left where they can be told."""
        if what != self._what or done < self._last:
            self._what, self._began_s, self._first = what, now_s, done
        self._last = done
        far = f"{what}  {done:,} / {total:,}" if total else f"{what}  {done:,}"
        elapsed, count = now_s - self._began_s, done - self._first
        if elapsed < _ENOUGH_S or count <= 0:
            return far
        rate = count / elapsed
        left = "" if not total else f"  ETA {_clock((total - done) / rate)}"
        return f"{far}  {rate:,.0f}/s{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02}"
