"""The routes of the OGC door; the application mounts them at ``/ogc``."""

from __future__ import annotations

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
from ogc.versions import VersionsDoor
from ogc.wfs.door import WfsDoor
from ogc.wmts import WmtsDoor
from ogc.writing.items import WritingDoor
from ogc.writing.transactions import TransactionDoor
from twin.query.findings import COLLECTION_ID

__all__ = ["OgcContext", "build_router"]


def build_router(context: OgcContext) -> APIRouter:
    """Return the router of every OGC route; errors leave it as TwinErrors, which the application turns into problem documents."""
    keeper = StateKeeper(context.catalogue)
    if context.on_change is not None:
        context.on_change(keeper.outdate)
    pages = Pages(keeper)
    exports = ExportDoor(context, keeper, context.exports) if context.exports else None
    downloads = DownloadDoor(context, keeper, exports, context.exports) if exports and context.exports else None
    features = FeatureDoor(context, keeper, pages, exports)
    documents = DocumentDoor(context, keeper, pages, downloads)
    router = APIRouter()
    router.routes.extend(TileDoor(context, keeper, features).routes())
    collection = "/collections/{collection}"
    findings = FindingsDoor(context, keeper, pages)
    own = f"/collections/{COLLECTION_ID}"
    # Plain Starlette routes: the hot ones pass bytes on and need nothing that FastAPI adds per request.
    router.add_route(own, findings.collection, ["GET"])
    router.add_route(f"{own}/schema", findings.schema, ["GET"])
    router.add_route(f"{own}/queryables", findings.queryables, ["GET"])
    router.add_route(f"{own}/items", findings.items, ["GET"])
    router.add_route(f"{own}/items/{{item}}", findings.item, ["GET"])
    sender = Sender(context, keeper, pages)
    router.routes.extend(TilesetDoor(sender, has_archives=downloads is not None).routes())
    router.routes.extend([*RecordsDoor(sender).routes(), *DcatDoor(sender).routes()])
    router.add_route(f"{collection}/items", features.items, ["GET"])
    router.add_route(f"{collection}/items/{{item}}", features.item, ["GET"])
    router.add_api_route("", documents.landing, methods=["GET"], include_in_schema=False)  # only FastAPI takes an empty path
    router.add_route("/", documents.landing, ["GET"])
    router.add_route("/conformance", documents.conformance, ["GET"])
    router.add_route("/openapi", documents.openapi, ["GET"])
    router.add_route("/collections", documents.collections, ["GET"])
    router.add_route(collection, documents.collection, ["GET"])
    router.add_route(f"{collection}/schema", documents.schema, ["GET"])
    router.add_route(f"{collection}/queryables", documents.queryables, ["GET"])
    router.add_route(f"{collection}/sortables", documents.sortables, ["GET"])
    router.add_route("/functions", documents.functions, ["GET"])
    search = SearchDoor(context, keeper, pages)
    router.add_route("/search", search.search, ["GET", "POST"])
    router.add_route("/queryables", search.queryables, ["GET"])
    router.add_route("/static/{name}", pages.static, ["GET"])
    router.routes.extend(downloads.routes() if downloads else [])
    router.routes.extend(VersionsDoor(context, keeper, pages).routes())
    router.routes.extend(WritingDoor(context, keeper).routes())
    router.routes.extend(TransactionDoor(context, keeper).routes())
    if context.jobs is not None:
        formats = context.exports.formats if context.exports else Formats()
        router.routes.extend(ProcessDoor(context, keeper, pages, context.jobs, formats).routes())
    router.routes.extend(WfsDoor(context, keeper).routes())
    router.routes.extend(ArcgisDoor(context, keeper).routes())
    router.routes.extend(_beside_features(context, sender))
    return router


def _beside_features(context: OgcContext, sender: Sender) -> list[BaseRoute]:
    """Return the routes of styles and, where the door is handed who makes them, of pictures and of what is in 3D."""
    pictures = ImageTiles(context)
    doors: list[StyleDoor | MapTileDoor | WmtsDoor | StacDoor | GeoVolumesDoor] = [StyleDoor(sender)]
    if context.pictures is not None:
        doors += [MapTileDoor(sender, pictures), WmtsDoor(sender, pictures), StacDoor(sender, pictures)]
    if context.volumes is not None:
        doors.append(GeoVolumesDoor(sender, context.volumes))
    return [route for door in doors for route in door.routes()]
