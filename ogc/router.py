"""The routes of the OGC door; the application mounts them at ``/ogc``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter
from starlette.routing import BaseRoute

from ogc.arcgis.door import ArcgisDoor
from ogc.dcat import DcatDoor
from ogc.documents import DocumentDoor
from ogc.downloads import DownloadDoor
from ogc.exports import ExportDoor
from ogc.features import FeatureDoor
from ogc.findings import FindingsDoor
from ogc.formats import Formats
from ogc.geovolumes import GeoVolumesDoor
from ogc.image_tiles import ImageTiles
from ogc.map_tiles import MapTileDoor
from ogc.pages import Pages
from ogc.processes.door import ProcessDoor
from ogc.records.door import RecordsDoor
from ogc.search import SearchDoor
from ogc.sender import Sender
from ogc.stac import StacDoor
from ogc.state import OgcContext, StateKeeper
from ogc.styles import StyleDoor
from ogc.tile_door import TileDoor
from ogc.tileset_door import TilesetDoor
from ogc.time_gate import TimeGate
from ogc.versions import VersionsDoor
from ogc.wfs.door import WfsDoor
from ogc.wmts import WmtsDoor
from ogc.writing.items import WritingDoor
from ogc.writing.transactions import TransactionDoor

__all__ = ["OgcContext", "build_router"]


class _Door(Protocol):
    """A subject of the door: where it is asked for, and what answers."""

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes of the door."""


def build_router(context: OgcContext) -> APIRouter:
    """Return the router of every OGC route; errors leave it as TwinErrors, which the application turns into problem documents."""
    keeper = StateKeeper(context.catalogue)
    if context.on_change is not None:
        context.on_change(keeper.outdate)
    pages = Pages(keeper)
    gate = TimeGate(context, keeper)
    exports = ExportDoor(context, gate, context.exports) if context.exports else None
    downloads = DownloadDoor(context, keeper, gate, exports, context.exports) if exports and context.exports else None
    features = FeatureDoor(context, keeper, pages, gate, exports)
    sender = Sender(context, keeper, pages)
    documents = DocumentDoor(sender, downloads)
    # What comes first is found first: the hot doors, and what stands where {collection} could. All are plain Starlette routes: they pass
    # bytes on and need nothing that FastAPI adds per request.
    doors: list[_Door | None] = [
        TileDoor(context, keeper, gate),
        FindingsDoor(sender),
        TilesetDoor(sender, has_archives=downloads is not None),
        RecordsDoor(sender),
        DcatDoor(sender),
        features,
        documents,
        SearchDoor(sender, gate),
        pages,
        downloads,
        VersionsDoor(sender),
        WritingDoor(context, keeper),
        TransactionDoor(context, keeper),
        ProcessDoor(sender, context.jobs, context.can.formats or Formats()) if context.jobs is not None else None,
        WfsDoor(context, keeper),
        ArcgisDoor(context, keeper),
        *_beside_features(context, sender, gate),
    ]
    router = APIRouter()
    router.routes.extend(route for door in doors if door is not None for route in door.routes())
    router.add_api_route("", documents.landing, methods=["GET"], include_in_schema=False)  # only FastAPI takes an empty path
    return router


def _beside_features(context: OgcContext, sender: Sender, gate: TimeGate) -> list[_Door]:
    """Return the doors of styles and, where the context holds who makes them, of pictures and of what is in 3D."""
    pictures = ImageTiles(context, gate)
    doors: list[_Door] = [StyleDoor(sender)]
    if context.pictures is not None:
        doors += [MapTileDoor(sender, pictures), WmtsDoor(sender, pictures), StacDoor(sender, pictures)]
    if context.volumes is not None:
        doors.append(GeoVolumesDoor(sender, context.volumes))
    return doors
