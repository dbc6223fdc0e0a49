"""An event loop for one coroutine: Playwright's, once it has started in a worker, goes on running in the main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_alone[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own and return what it returns."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
