"""A file that may still grow as an HTTP answer: sent as it comes, packed on its way where that pays, given up when nobody takes it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ogc.export_job import ExportJob

TAKEN_WITHIN_S = 60.0
"""A caller who does not take the next piece within this is given up: his file takes room on the disk."""
_PIECE_BYTES = 256 << 10
_GZIP_LEVEL, _GZIP_BITS = 1, 31


class ExportAnswer(StreamingResponse):
    """The file of a job; ``holding`` is let go however it ends. A job that fails on its way cuts the answer off, so it is seen to fail."""

    def __init__(self, job: ExportJob, media_type: str, headers: Mapping[str, str], holding: AsyncExitStack, *, packed: bool) -> None:
        pieces = _pieces(job)
        super().__init__(self._taken(_gzipped(pieces) if packed else pieces), headers=headers, media_type=media_type)
        self._holding, self._patience = holding, asyncio.timeout(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, and let everything go."""
        try:
            async with self._holding, self._patience:
                await super().__call__(scope, receive, send)
        except TimeoutError:
            if not self._patience.expired():
                raise

    async def _taken(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            self._patience.reschedule(asyncio.get_running_loop().time() + TAKEN_WITHIN_S)
            yield piece
            self._patience.reschedule(None)


async def _pieces(job: ExportJob) -> AsyncIterator[bytes]:
    """Yield the file, waiting at its end until there is more or it is whole."""
    with await asyncio.to_thread(job.path.open, "rb") as file:
        while True:
            was_done = job.is_done
            piece = await asyncio.to_thread(file.read, _PIECE_BYTES)
            if piece:
                yield piece
            elif was_done:
                return
            else:
                await job.readable()


async def _gzipped(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_BITS)
    async for piece in pieces:
        packed = await asyncio.to_thread(packer.compress, piece)
        if packed:
            yield packed
    yield packer.flush()
