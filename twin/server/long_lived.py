"""What a process has loaded for good is left out of the garbage collector's walks."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def keep_for_good() -> None:
    """Have Python's full collections pass over all that is loaded now; called once, when a process is ready for its work.

    A hundred and seventy thousand objects of libraries and compiled code, none of which ever goes, took each of them a tenth of a second,
    amid an edit's tiles or an answer (CPython: gc.freeze). What comes later is collected as ever.
    """
    gc.collect()
    gc.freeze()


class KeptOnceIdle:
    """`keep_for_good` for a process whose jobs begin before all is loaded: amid none, so that nothing of a job under way is kept.

    What the error of a job holds may be, once, where another job ends while that error is on its way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs = 0
        self._is_wanted = False

    @contextmanager
    def job(self) -> Iterator[None]:
        """Put off until the end of this what is to be kept; a job that begins while that is being kept waits a tenth of a second.

        One that fails puts it off until the next ends: what its error holds is still there while that passes.
        """
        with self._lock:
            self._jobs += 1
        try:
            yield
        except BaseException:
            with self._lock:
                self._jobs -= 1
            raise
        with self._lock:
            self._jobs -= 1
            self._keep_if_idle()

    def keep(self) -> None:
        """Keep what is loaded as soon as no job runs: now, or at the end of the last one."""
        with self._lock:
            self._is_wanted = True
            self._keep_if_idle()

    def _keep_if_idle(self) -> None:
        if self._is_wanted and not self._jobs:
            self._is_wanted = False
            keep_for_good()
