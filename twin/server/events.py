"""What open pages are told as it happens: commits, finished builds, submissions on their way. PostgreSQL tells us, we tell each page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg

from twin.errors import TooManyRequestsError, TwinError
from twin.model import Principal, SharingClass

CHANNEL = "twin_event"
_CATALOGUE = "catalog"
"""What PostgreSQL tells, without a word more, when anything in the catalogue has changed."""
MAX_LISTENERS = 256
HEARTBEAT_S = 15.0
"""A comment now and then keeps proxies from closing what is silent, and finds out who is gone."""
_KEPT = 256
_WAITING = 64
"""Events a page may be behind before it is cut off: it comes back and is told to read everything anew."""
_RETRY_S = 1.0
_NUMBER = re.compile(r"[0-9]{1,18}")
_LOG = logging.getLogger("twin.events")
SharingOf = Callable[[Sequence[str]], Mapping[str, SharingClass]]
"""Slugs of datasets → who may know of them."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; ``number`` grows within this process."""

    number: int
    name: str
    body: dict[str, Any]
    sharing: Mapping[str, SharingClass]
    """Of the datasets it names."""


class _Listener:
    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(_WAITING)


class EventHub:
    """Hands every event to every page that listens. Who was away and comes back gets what it missed, or the hint to read all anew."""

    def __init__(self, sharing_of: SharingOf) -> None:
        self._sharing_of = sharing_of
        self._loop: asyncio.AbstractEventLoop | None = None
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._listeners: set[_Listener] = set()
        self._on_change: list[Callable[[], None]] = []

    def on_change(self, told: Callable[[], None]) -> None:
        """Have ``told`` called on the event loop whenever the catalogue has changed, or may have."""
        self._on_change.append(told)

    async def run(self, conninfo: str) -> None:
        """Listen to the database until cancelled; when it comes back after a failure, everybody is told to read all anew."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    await connection.execute("LISTEN twin_event")
                    await connection.execute("LISTEN catalog")
                    self._tell_of_change()
                    self._tell("resync", {}, {})
                    async for notification in connection.notifies():
                        if notification.channel == _CATALOGUE:
                            self._tell_of_change()
                        else:
                            await self._take(notification.payload)
            except (psycopg.OperationalError, TwinError) as error:
                _LOG.info("events are not heard: %s", error)
            await asyncio.sleep(_RETRY_S)

    async def stream(self, principal: Principal, last_id: str | None) -> AsyncIterator[bytes]:
        """Yield events as text/event-stream from now on, first those missed since ``last_id``."""
        with self._listening(principal) as listener:
            yield b"retry: 2000\n\n"
            for event in self._missed(last_id):
                yield self._written(event, principal)
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        next_event = await listener.queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if next_event is None:
                    return
                yield self._written(next_event, principal)

    def require_room(self) -> None:
        """Raise TooManyRequestsError when no more pages can listen."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyRequestsError("too many pages listen for events", zh="事件连接数已满")

    def close_soon(self) -> None:
        """End every stream, so that a server that is told to stop need not wait for pages to leave; from any thread or signal handler."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cut_off_all)

    @contextlib.contextmanager
    def _listening(self, principal: Principal) -> Iterator[_Listener]:
        self.require_room()
        listener = _Listener(principal)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def _take(self, payload: str) -> None:
        body = orjson.loads(payload)
        name = str(body.pop("event"))
        slugs = [*body.get("datasets", ()), *([body["dataset"]] if "dataset" in body else ())]
        self._tell(name, body, await asyncio.to_thread(self._sharing_of, slugs) if slugs else {})

    def _tell(self, name: str, body: dict[str, Any], sharing: Mapping[str, SharingClass]) -> None:
        self._number += 1
        event = Event(self._number, name, body, sharing)
        self._kept.append(event)
        for listener in list(self._listeners):
            try:
                listener.queue.put_nowait(event)
            except asyncio.QueueFull:
                self._cut_off(listener)

    def _tell_of_change(self) -> None:
        for told in self._on_change:
            told()

    def _cut_off_all(self) -> None:
        for listener in list(self._listeners):
            self._cut_off(listener)

    def _cut_off(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        while not listener.queue.empty():
            listener.queue.get_nowait()
        listener.queue.put_nowait(None)

    def _missed(self, last_id: str | None) -> list[Event]:
        if last_id is None:
            return []
        epoch, _, number = last_id.partition("-")
        oldest = self._kept[0].number if self._kept else self._number + 1
        if epoch != self._epoch or not _NUMBER.fullmatch(number) or int(number) < oldest - 1:
            return [Event(self._number, "resync", {}, {})]
        return [e for e in self._kept if e.number > int(number)]

    def _written(self, event: Event, principal: Principal) -> bytes:
        """Return an event as this caller may know of it; of what they may not, only that something happened."""
        body = event.body
        visible = {slug for slug, sharing in event.sharing.items() if sharing in principal.classes}
        if "datasets" in body:
            body = body | {"datasets": [slug for slug in body["datasets"] if slug in visible]}
        if "dataset" in body and body["dataset"] not in visible:
            return b": elsewhere\n\n"
        return b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (self._epoch.encode(), event.number, event.name.encode(), orjson.dumps(body))
