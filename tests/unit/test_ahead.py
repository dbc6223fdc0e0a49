"""Batches that are made ahead come in order, and what goes wrong in making one is raised where it would have come."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ingest.readers.ahead import one_ahead


def test_the_next_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    waiting = one_ahead(items())
    assert next(waiting) == 1
    assert made.wait(5)
    assert list(waiting) == [2]


def test_what_making_one_raises_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("second")

    waiting = one_ahead(items())
    assert next(waiting) == 1
    with pytest.raises(ValueError, match="second"):
        next(waiting)


def test_nothing_gives_nothing() -> None:
    assert list(one_ahead(())) == []
