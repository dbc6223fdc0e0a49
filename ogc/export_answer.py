"""A file that may still grow as an HTTP answer: sent as it comes, packed on its way where that pays, given up when nobody takes it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from starlette.types import Receive, Scope, Send

from ogc.export_job import ExportJob
from ogc.taken import TakenResponse

_PIECE_BYTES = 256 << 10
_GZIP_LEVEL, _GZIP_BITS = 1, 31


class ExportAnswer(TakenResponse):
    """The file of a job; ``holding`` is let go however it ends. A job that fails on its way cuts the answer off, so it is seen to fail."""

    def __init__(self, job: ExportJob, media_type: str, headers: Mapping[str, str], holding: AsyncExitStack, *, packed: bool) -> None:
        pieces = _pieces(job)
        super().__init__(_gzipped(pieces) if packed else pieces, media_type, headers)
        self._holding = holding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, and let everything go: of one that nobody takes the room on the disk."""
        async with self._holding:
            await super().__call__(scope, receive, send)


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
