"""A file of the store as an answer, with Range and an entity tag; one that was forgotten meanwhile is asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.responses import FileResponse

from twin.errors import NotFoundError, UnavailableError


async def kept_file(find: Callable[[], Path], media_type: str, headers: Mapping[str, str], name: str | None = None) -> FileResponse:
    """Return the answer with the file that ``find`` gives, in a thread; UnavailableError where it has just gone."""

    def found() -> FileResponse:
        path = find()
        return FileResponse(path, media_type=media_type, filename=name, headers=dict(headers), stat_result=path.stat())

    try:
        return await asyncio.to_thread(found)
    except (FileNotFoundError, NotFoundError):
        raise UnavailableError("the file has just gone; ask again", zh="文件刚被清除，请重试") from None
