"""What a process has loaded for good is left out of the garbage collector's walks."""

from __future__ import annotations

import gc


def keep_for_good() -> None:
    """Have Python's full collections pass over all that is loaded now; called once, when a process is ready for its work.

    A hundred and seventy thousand objects of libraries and compiled code, none of which ever goes, took each of them a tenth of a second,
    amid an edit's tiles or an answer (CPython: gc.freeze). What comes later is collected as ever.
    """
    gc.collect()
    gc.freeze()
