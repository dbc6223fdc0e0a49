"""Streamed answers that are given up when nobody takes them: a caller who reads nothing holds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

TAKEN_WITHIN_S = 60.0
"""A caller who takes nothing for so long is cut off."""
LEAST_BYTES_S = 64 << 10
"""Who takes less than this for as long is cut off, too."""


class TakenResponse(StreamingResponse):
    """An answer of pieces that are to be taken in time; one that is cut off has no end, so that it is seen to be.

    A caller has ``TAKEN_WITHIN_S`` to lose: waiting for him uses it up, what he takes gives it back at ``LEAST_BYTES_S``.
    """

    def __init__(self, pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(self._taken(pieces), media_type=media_type, headers=headers)
        self._patience = asyncio.timeout(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as they come."""
        try:
            async with self._patience:
                await super().__call__(scope, receive, send)
        except TimeoutError:
            if not self._patience.expired():
                raise

    async def _taken(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        clock, left_s = asyncio.get_running_loop().time, TAKEN_WITHIN_S
        async for piece in pieces:
            given_at = clock()
            self._patience.reschedule(given_at + left_s)
            yield piece
            self._patience.reschedule(None)
            left_s = min(TAKEN_WITHIN_S, left_s - (clock() - given_at) + len(piece) / LEAST_BYTES_S)
