"""Python's collector of cycles while JSON is parsed: what is parsed has no cycles, but the collector looks at all of it again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Let nobody look for cycles in parsed JSON: of ten thousand footprints that takes longer than all that is done with them.

    Whoever decorates a function with it has what the function parsed gone before the collector is back.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
