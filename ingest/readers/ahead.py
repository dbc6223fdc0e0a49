"""The next thing is made while the one before is worked on: compiled loops leave the second processor free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor


def one_ahead[T](items: Iterable[T]) -> Iterator[T]:
    """Yield ``items`` in order, each made by a thread while its predecessor is used; what making one raises is raised in its turn."""
    waiting = iter(items)
    nothing = object()
    with ThreadPoolExecutor(1, "one-ahead") as thread:
        coming = thread.submit(next, waiting, nothing)
        while (made := [coming.result()])[0] is not nothing:
            coming = thread.submit(next, waiting, nothing)
            yield made.pop()  # type: ignore[misc] # not nothing; it is not held here as well
