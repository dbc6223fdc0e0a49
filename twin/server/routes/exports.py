"""Datasets as files: /api/datasets/{dataset}/export."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from ogc.parameters import moment
from twin.errors import BadRequestError
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.cityjson.export import Format, export_cityjson

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

    def export(self, request: Request, dataset: str, f: str = "cityjson") -> StreamingResponse:
        """A dataset whole as CityJSON or, for large ones, CityJSONSeq; now or ``as-of`` a commit or time."""
        if f not in get_args(Format):
            raise BadRequestError(f"f is one of {', '.join(get_args(Format))}, not {f!r}", zh=f"f 只能是 {'、'.join(get_args(Format))}")
        form: Format = "cityjsonseq" if f == "cityjsonseq" else "cityjson"
        pieces = export_cityjson(self._city, dataset, moment(request.query_params.get("as-of")), form, principal_of(request))
        media_type, suffix = _MEDIA_TYPES[form]
        headers = {"Content-Disposition": f'attachment; filename="{dataset}.{suffix}"'}
        return StreamingResponse(iter(pieces), media_type=media_type, headers=headers)
