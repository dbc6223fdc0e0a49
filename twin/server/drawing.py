"""The few threads in which tiles are drawn when they are asked for, beside those that serve files."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from twin.errors import TooManyRequestsError

MOST_WAITING = 200
"""Tiles of filters that wait to be drawn; more are asked to come back (429)."""


class DrawingThreads:
    """Two threads, and the queue before them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="filtered")
        self._waiting = 0

    async def drawn[**P, T](self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return what ``work`` gives in one of the threads; TooManyRequestsError when too much waits."""
        if self._waiting >= MOST_WAITING:
            raise TooManyRequestsError("too many tiles are being drawn; try again soon", zh="正在绘制的瓦片过多，请稍后再试")
        return await self.awaited(work, *arguments, **named)

    async def awaited[**P, T](self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Return what ``work`` gives in one of the threads, however much waits: for callers who are few, and were let in before."""
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(work, *arguments, **named))
        finally:
            self._waiting -= 1
