"""Pages by number, as older protocols ask for them, read by keyset where this process has read the page before."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from twin.model import Principal
from twin.query.execute import AsyncPool, fetch_pinned, fetch_row
from twin.query.feature_query import Boundary, FeatureQuery
from twin.query.items import ItemsPage, fetch_page
from twin.query.skipping import skipped, skipping_statement, standing_statement

PIECE = 1_000
"""Features that are read at once, however many are asked for."""
_REMEMBERED = 2_000
_REMEMBERED_S = 600.0
_MOST_CHARACTERS = 1_000
"""In the values of a boundary that is remembered, so that all of them together are a few megabytes."""


@dataclass(frozen=True, slots=True)
class Window:
    """The features ``start`` to ``start + count`` of those a query means, now or at its ``as_of``."""

    query: FeatureQuery
    principal: Principal
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a window begins: in which order of features, of which commit, and how many come before it."""

    walk: bytes
    commit: int
    start: int


@dataclass(frozen=True, slots=True)
class _End:
    boundary: Boundary
    noted_at: float


class Windows:
    """Reads windows. One that begins where another of the same commit ended goes on from its last feature, for ten minutes.

    What is remembered is only ever a short cut: a window is of the commit that its query names or, without one, of the state that
    stands when it is asked for, whoever asked before and in whichever process.
    """

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool
        self._ends: OrderedDict[_Place, _End] = OrderedDict()

    async def pieces(self, window: Window) -> AsyncIterator[ItemsPage]:
        """Yield the pages of a window, at least one, all of them as of one commit, which they name; memory is bounded by one."""
        query, at = await self._placed(window)
        left = window.count
        while query is not None:
            limit = max(1, min(PIECE, left))
            asked = dataclasses.replace(query, limit=limit)
            page = await fetch_page(self._pool, asked, at, window.principal)
            at = page.commit if at is None else min(at, page.commit)
            left -= page.count
            ends = left <= 0 or not page.more
            if page.more and page.farthest is not None:
                query = dataclasses.replace(query, boundary=page.farthest)
                if ends:
                    self._remember(_Place(_walk(window), at, window.start + window.count - left), page.farthest)
            yield dataclasses.replace(page, commit=at)
            if ends:
                return
        yield ItemsPage(at or 0, b"", 0, more=False, matched=None, nearest=None, farthest=None)

    async def _placed(self, window: Window) -> tuple[FeatureQuery | None, int | None]:
        """Return the query that begins at the window and the commit to read it at; no query where there are fewer features."""
        query, at = dataclasses.replace(window.query, as_of=None, boundary=None), window.query.as_of
        if window.start == 0:
            return query, at
        standing = int((await fetch_row(self._pool, standing_statement(query.collection)))[0])
        at = standing if at is None else min(at, standing)
        end = self._ends.get(_Place(_walk(window), at, window.start))
        if end is not None and time.monotonic() - end.noted_at < _REMEMBERED_S:
            return dataclasses.replace(query, boundary=end.boundary), at
        boundary = skipped(await fetch_pinned(self._pool, query, at, lambda q: skipping_statement(q, window.principal, window.start)))
        return (None if boundary is None else dataclasses.replace(query, boundary=boundary)), at

    def _remember(self, place: _Place, boundary: Boundary) -> None:
        if sum(len(value or "") for value in boundary.values) > _MOST_CHARACTERS:
            return
        now = time.monotonic()
        self._ends.pop(place, None)
        self._ends[place] = _End(boundary, now)
        while len(self._ends) > _REMEMBERED or now - next(iter(self._ends.values())).noted_at > _REMEMBERED_S:
            self._ends.popitem(last=False)


def _walk(window: Window) -> bytes:
    """Return what tells features in their order from others, whatever was written around it: their SQL and its values, in 16 bytes."""
    query = dataclasses.replace(window.query, as_of=None, boundary=None)
    statement = skipping_statement(query, window.principal, 1)
    meant = (statement.text.as_bytes(None), sorted(statement.values.items()), sorted(window.principal.classes))
    return hashlib.blake2b(repr(meant).encode(), digest_size=16).digest()
