"""The records that a caller may see, with what only the database and the builds know of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ogc.records.record import NO_FACTS, Record
from ogc.sender import Asked, Sender
from ogc.volumes import Volume
from twin.query.collection import Collection
from twin.query.execute import fetch_row
from twin.query.records import facts_of, facts_statement
from twin.query.time_spans import TimeSpan, time_span, time_span_statement


class VisibleRecords:
    """Puts records together; the time span of a revision is read once."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._spans: dict[int, tuple[int, TimeSpan | None]] = {}

    async def records(self, asked: Asked, only: str | None = None) -> list[Record]:
        """Return the records of all datasets the caller may see, or of that one alone, in the order of their ids."""
        context, seen = self._sender.context, sorted(slug for slug in asked.visible if only in {None, slug})
        facts = facts_of(await fetch_row(context.pool, facts_statement(seen))) if seen else {}
        formats = context.can.formats
        volumes, now = await self._volumes(), dt.datetime.now(dt.UTC)
        found = []
        for slug in seen:
            collection = asked.visible[slug]
            files = formats.offered(collection) if formats is not None else ()
            span = await self._span(collection)
            found.append(Record(collection, facts.get(slug, NO_FACTS), now, span, files, volumes.get(slug)))
        return found

    async def _volumes(self) -> Mapping[str, Volume]:
        volumes = self._sender.context.volumes
        return {} if volumes is None else await self._sender.keeper.in_thread(volumes.current)

    async def _span(self, collection: Collection) -> TimeSpan | None:
        number, commit = collection.dataset.id, collection.revision.commit
        if self._spans.get(number, (None, None))[0] != commit:
            row = await fetch_row(self._sender.context.pool, time_span_statement(collection))
            self._spans[number] = commit, time_span(row)
        return self._spans[number][1]
