"""The hub of events without a database: who missed what, who is too slow, who may know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.event_loop import run_alone
from twin.errors import TooManyRequestsError
from twin.model import Principal, SharingClass
from twin.server import events
from twin.server.events import EventHub

OPEN = {"roads": SharingClass.OPEN, "mains": SharingClass.RESTRICTED}


def hub() -> EventHub:
    return EventHub(lambda slugs: {slug: OPEN[slug] for slug in slugs})


async def heard(stream: AsyncIterator[bytes], count: int) -> list[str]:
    """The next ``count`` pieces of a stream, as text."""
    return [(await anext(stream)).decode() for _ in range(count)]


def test_who_comes_back_gets_what_it_missed_and_from_long_ago_the_hint_to_read_anew() -> None:
    async def story() -> None:
        told = hub()
        page = told.stream(Principal.anonymous(), None)
        await heard(page, 1)
        for number in range(3):
            await told._take(f'{{"event": "commit", "number": {number}, "datasets": ["roads"]}}')
        first, *_ = await heard(page, 3)
        last_id = first.split("\n")[0].removeprefix("id: ")
        back = told.stream(Principal.anonymous(), last_id)
        retry, second, third = await heard(back, 3)
        assert retry == "retry: 2000\n\n"
        assert ('"number":1' in second, '"number":2' in third) == (True, True)
        for number in range(events._KEPT + 1):
            await told._take(f'{{"event": "commit", "number": {number}, "datasets": []}}')
        _, hint = await heard(told.stream(Principal.anonymous(), last_id), 2)
        assert "event: resync" in hint
        for strange in ("another-server-1", f"{last_id.split('-')[0]}-{'1' * 5000}", f"{last_id.split('-')[0]}-²"):
            _, hint = await heard(told.stream(Principal.anonymous(), strange), 2)
            assert "event: resync" in hint

    run_alone(story())


def test_a_page_that_does_not_read_is_cut_off_and_the_others_hear_on() -> None:
    async def story() -> None:
        told = hub()
        slow, quick = told.stream(Principal.anonymous(), None), told.stream(Principal.anonymous(), None)
        await heard(slow, 1)
        await heard(quick, 1)
        for number in range(events._WAITING + 1):
            await told._take(f'{{"event": "commit", "number": {number}, "datasets": []}}')
            await heard(quick, 1)
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        await told._take('{"event": "commit", "number": 99, "datasets": []}')
        assert '"number":99' in (await heard(quick, 1))[0]

    run_alone(story())


def test_places_are_counted_and_given_back() -> None:
    async def story() -> None:
        told = hub()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(events.MAX_LISTENERS):
                page = told.stream(Principal.anonymous(), None)
                await heard(page, 1)
                stack.push_async_callback(page.aclose)  # type: ignore[attr-defined]
            with pytest.raises(TooManyRequestsError):
                told.require_room()
        told.require_room()

    run_alone(story())


def test_of_a_dataset_that_is_not_theirs_nobody_hears_the_name() -> None:
    async def story() -> None:
        told = hub()
        anybody, operator = told.stream(Principal.anonymous(), None), told.stream(Principal.system(), None)
        await heard(anybody, 1)
        await heard(operator, 1)
        await told._take('{"event": "asset", "dataset": "mains", "revision": 7, "state": "ready"}')
        await told._take('{"event": "commit", "number": 7, "datasets": ["mains", "roads"]}')
        text = "".join(await heard(anybody, 2))
        assert "mains" not in text
        assert '"datasets":["roads"]' in text
        assert "mains" in "".join(await heard(operator, 2))

    run_alone(story())


def test_a_server_that_stops_ends_every_stream() -> None:
    async def story() -> None:
        told = hub()
        listening = asyncio.create_task(told.run("host=/nowhere port=1"))
        page = told.stream(Principal.anonymous(), None)
        await heard(page, 1)
        await asyncio.sleep(0)
        told.close_soon()
        with pytest.raises(StopAsyncIteration):
            await anext(page)
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening

    run_alone(story())
