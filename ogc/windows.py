"""Pages by number, as older protocols ask for them, read by keyset where this process has read the page before."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass

from twin.model import Principal
from twin.query.execute import AsyncPool, fetch_pinned
from twin.query.feature_query import Boundary, FeatureQuery
from twin.query.items import ItemsPage, items_page, items_statement
from twin.query.skipping import skipped, skipping_statement

PIECE = 1_000
"""Features that are read at once, however many are asked for."""
_REMEMBERED = 2_000
_REMEMBERED_S = 600.0


@dataclass(frozen=True, slots=True)
class Window:
    """The features ``start`` to ``start + count`` of those a query means."""

    query: FeatureQuery
    principal: Principal
    start: int
    count: int
    question: Hashable
    """What is asked, without where the window lies: the same for all windows of one walk."""


@dataclass(frozen=True, slots=True)
class _Place:
    commit: int
    boundary: Boundary
    noted_at: float


class Windows:
    """Reads windows. One that begins where another ended goes on from its last feature, at its commit, for ten minutes."""

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool
        self._ends: OrderedDict[Hashable, _Place] = OrderedDict()

    async def pieces(self, window: Window) -> AsyncIterator[ItemsPage]:
        """Yield the pages of a window, at least one, all of them as of one commit; memory is bounded by one."""
        query, at = await self._placed(window)
        left, done = window.count, 0
        while query is not None:
            limit = max(1, min(PIECE, left))
            asked = dataclasses.replace(query, limit=limit)
            row = await fetch_pinned(self._pool, asked, at, lambda q: items_statement(q, window.principal))
            page = items_page(row, limit)
            at = page.commit if at is None else at
            left, done = left - page.count, done + page.count
            if page.more and page.farthest is not None:
                query = dataclasses.replace(query, boundary=page.farthest)
                self._remember(window, window.start + done, at, page.farthest)
            yield page
            if left <= 0 or not page.more:
                return
        yield ItemsPage(at or 0, b"", 0, more=False, matched=None, nearest=None, farthest=None)

    async def _placed(self, window: Window) -> tuple[FeatureQuery | None, int | None]:
        """Return the query that begins at the window and the commit to read it at; no query where there are fewer features."""
        query, at = dataclasses.replace(window.query, as_of=None, boundary=None), window.query.as_of
        if window.start == 0:
            return query, at
        place = self._ends.get((window.question, window.start))
        if place is not None and time.monotonic() - place.noted_at < _REMEMBERED_S:
            return dataclasses.replace(query, boundary=place.boundary), place.commit
        row = await fetch_pinned(self._pool, query, at, lambda q: skipping_statement(q, window.principal, window.start))
        boundary = skipped(row)
        return (None if boundary is None else dataclasses.replace(query, boundary=boundary)), row[0] if at is None else at

    def _remember(self, window: Window, start: int, commit: int, boundary: Boundary) -> None:
        self._ends[(window.question, start)] = _Place(commit, boundary, time.monotonic())
        while len(self._ends) > _REMEMBERED:
            self._ends.popitem(last=False)
