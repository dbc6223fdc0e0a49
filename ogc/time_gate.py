"""Which recorded state of a collection or a feature a request asks for, by as-of or Accept-Datetime, and the headers that say which it got.

Every form of items and of a feature goes through the same gate, so that they are of the same state (RFC 7089).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from starlette.requests import Request

from ogc import links, memento
from ogc.parameters import Moment, moment
from ogc.state import OgcContext, StateKeeper
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_row
from twin.query.feature_query import Statement
from twin.query.versions import first_revision_statement, first_state_statement, standing_at_statement, time_statement


class TimeGate:
    """Looks up commits of times, and times of commits."""

    def __init__(self, context: OgcContext, keeper: StateKeeper) -> None:
        self._context = context
        self._keeper = keeper

    async def commit(self, asked: Moment | None) -> int | None:
        """Return the commit that an as-of means, None for the current state."""
        if asked is None:
            return None
        return await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(asked))

    async def asked(
        self, request: Request, as_of: Moment | None, collection: Collection, principal: Principal, fid: int | None = None
    ) -> int | None:
        """Return the commit that as-of means, without it Accept-Datetime for a collection or a feature of it; None for the current state.

        A time of Accept-Datetime before the first state means that one (RFC 7089, 4.5.2); one that is none is refused beside as-of, too.
        """
        time = memento.accepted_time(request)
        if as_of is not None or time is None:
            return await self.commit(as_of)
        first = first_revision_statement([collection], principal) if fid is None else first_state_statement(collection, principal, fid)
        return await self._at_or_first(time, first)

    async def asked_of_all(
        self, request: Request, as_of: Moment | None, collections: Sequence[Collection], principal: Principal
    ) -> int | None:
        """Return the commit that is meant of several collections at once: :meth:`asked`, their first state being that of the oldest."""
        time = memento.accepted_time(request)
        if as_of is not None or time is None or not collections:
            return await self.commit(as_of)
        return await self._at_or_first(time, first_revision_statement(collections, principal))

    async def _at_or_first(self, time: dt.datetime, first: Statement) -> int:
        at = await self.commit(time) or 0
        (commit,) = await fetch_row(self._context.pool, first)
        return at if commit is None else max(at, commit)

    async def headers(self, request: Request, collection: Collection, commit: int, state: tuple[int, int] | None = None) -> dict[str, str]:
        """Return the headers that say of which recorded state an answer is; ``state`` is (fid, commit that wrote it) of a feature."""
        address = links.collection_address(request, collection.slug)
        if state is None:
            return await self.headers_at(request, f"{address}/items", [collection], commit, f"{address}/versions")
        item_address = f"{address}/items/{collection.oid_prefix}{state[0]}"
        past: tuple[int, dt.datetime] | None = None
        if await self._names_fixed_state(request):
            past = state[1], (await fetch_row(self._context.pool, time_statement(state[1])))[0]
        return memento.headers(request, item_address, f"{item_address}/versions", past)

    async def headers_at(
        self, request: Request, address: str, shown: Sequence[Collection], commit: int, timemap: str | None = None
    ) -> dict[str, str]:
        """Return the same of another address than that of items, whose answer shows several collections: it is of their newest change."""
        past: tuple[int, dt.datetime] | None = None
        if await self._names_fixed_state(request):
            principal = self._context.principal_of(request)
            since, time = await fetch_row(self._context.pool, standing_at_statement(shown, principal, commit))
            past = None if since is None else (since, time)
        return memento.headers(request, address, timemap, past)

    async def missing(self, request: Request, collection: Collection, principal: Principal, fid: int) -> NotFoundError:
        """Return the error that a feature is not there, saying where its recorded states are when it was."""
        (first,) = await fetch_row(self._context.pool, first_state_statement(collection, principal, fid))
        if first is None:
            return NotFoundError("there is no such feature", zh="没有该要素")
        versions = f"{links.base_url(request)}/collections/{collection.slug}/items/{collection.oid_prefix}{fid}/versions"
        return NotFoundError(
            "the feature is recorded, but not in this state", zh="该要素有历史记录，但不在此状态", extra={"versions": versions}
        )

    async def _names_fixed_state(self, request: Request) -> bool:
        """Return whether a request asks for a recorded state that will never be another.

        To Accept-Datetime the answer says which commit it is of, whatever the time; ``as-of`` of a time after the newest commit may
        come to mean another one.
        """
        named = memento.named_state(request)
        if named is None:
            return "accept-datetime" in request.headers
        asked, catalogue = moment(named), self._context.catalogue
        if not isinstance(asked, dt.datetime):
            return True
        return await self._keeper.in_thread(lambda: catalogue.commit_as_of(asked) < catalogue.last_commit())
