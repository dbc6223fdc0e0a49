"""Who takes a streamed answer too slowly is cut off, and holds nothing afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from ogc import taken
from tests.event_loop import run_alone


@pytest.mark.parametrize(("piece", "within_s", "ends"), [(b"x", 1.0, False), (b"x" * 4096, 60.0, True)])
def test_who_takes_a_little_now_and_then_is_cut_off_and_who_takes_enough_is_not(
    monkeypatch: pytest.MonkeyPatch, piece: bytes, within_s: float, ends: bool
) -> None:
    monkeypatch.setattr(taken, "TAKEN_WITHIN_S", within_s)  # what is to end, ends on a busy machine, too
    monkeypatch.setattr(taken, "LEAST_BYTES_S", 1000)
    sent: list[Message] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield piece

    async def receive() -> Message:
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        await asyncio.sleep(0 if ends else 0.02)
        sent.append(message)

    async def answer() -> None:
        scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
        await taken.TakenResponse(pieces(), "text/plain", {})(scope, receive, send)

    run_alone(answer())
    assert (sent[-1].get("more_body") is False) == ends
    assert (len(sent) == 102) == ends
