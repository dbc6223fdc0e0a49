"""Streamed answers that are given up when nobody takes them: a caller who reads nothing holds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

TAKEN_WITHIN_S = 60.0
"""A caller who does not take the next piece within this is cut off."""


class TakenResponse(StreamingResponse):
    """An answer of pieces, each to be taken in time; one that is cut off has no end, so that it is seen to be."""

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
        async for piece in pieces:
            self._patience.reschedule(asyncio.get_running_loop().time() + TAKEN_WITHIN_S)
            yield piece
            self._patience.reschedule(None)
