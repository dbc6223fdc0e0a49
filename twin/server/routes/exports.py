"""Datasets as files: /api/datasets/{dataset}/export."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from ogc.parameters import moment
from twin.errors import BadRequestError, TooManyRequestsError
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.cityjson.export import Format, export_cityjson

AT_ONCE = 2
"""Exports written at the same time; more are asked to come back (429)."""
_MEDIA_TYPES: dict[str, tuple[str, str]] = {
    "cityjson": ("application/city+json", "city.json"),
    "cityjsonseq": ("application/city+json-seq", "city.jsonl"),
}


def exports_router(city: City) -> APIRouter:
    """Return the door of exports."""
    router = APIRouter(tags=["City"])
    door = _ExportsDoor(city)
    router.add_api_route("/api/datasets/{dataset}/export", door.export, methods=["GET"])
    return router


class _ExportsDoor:
    def __init__(self, city: City) -> None:
        self._city = city
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def export(self, request: Request, dataset: str, f: str = "cityjson") -> FileResponse:
        """A dataset whole as CityJSON or, for large ones, CityJSONSeq; now or ``as-of`` a commit or time."""
        if f not in get_args(Format):
            raise BadRequestError(f"f is one of {', '.join(get_args(Format))}, not {f!r}", zh=f"f 只能是 {'、'.join(get_args(Format))}")
        form: Format = "cityjsonseq" if f == "cityjsonseq" else "cityjson"
        pieces = export_cityjson(self._city, dataset, moment(request.query_params.get("as-of")), form, principal_of(request))
        media_type, suffix = _MEDIA_TYPES[form]
        headers = {"Content-Disposition": f'attachment; filename="{dataset}.{suffix}"'}
        path = self._written(pieces)
        return FileResponse(path, media_type=media_type, headers=headers, background=BackgroundTask(path.unlink, missing_ok=True))

    def _written(self, pieces: Iterable[bytes]) -> Path:
        """Return the export as a file of its own: a slow caller holds a file, not a connection to the database."""
        if not self._room.acquire(blocking=False):
            raise TooManyRequestsError("too many exports are being written; try again soon", zh="正在导出的任务过多，请稍后再试")
        try:
            with tempfile.NamedTemporaryFile(dir=self._city.store.scratch, prefix=".export-", delete=False) as file:
                try:
                    file.writelines(pieces)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            return Path(file.name)
        finally:
            self._room.release()
