"""Map tiles of imagery: tilesets and tiles below ``/collections/{id}/map/tiles`` (OGC API - Tiles, 20-057; OGC API - Maps, 20-058)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.image_tiles import ImageTiles
from ogc.parameters import moment, validity_of
from ogc.pictures import FORMS, MEDIA_TYPES, PictureForm
from ogc.sender import Asked, Sender
from twin.crs.output import CRS84_URI
from twin.errors import BadRequestError, NotFoundError
from twin.query.collection import Collection
from twin.query.images import ImageDays
from twin.tile_matrix_sets import MATRIX_SETS, TileMatrixSet, bounds_in, matrix_set, tile_address

TILESETS_REL = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"
_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
Document = dict[str, object]


class MapTileDoor:
    """The routes below ``/collections/{id}/map/tiles``."""

    def __init__(self, sender: Sender, tiles: ImageTiles) -> None:
        self._sender = sender
        self._tiles = tiles

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        own = "/collections/{collection}/map/tiles"
        return [
            Route(own, self.tilesets, methods=["GET"]),
            Route(f"{own}/{{matrix_set}}", self.tileset, methods=["GET"]),
            Route(f"{own}/{{matrix_set}}/{{z}}/{{y}}/{{x}}", self.tile, methods=["GET"]),
        ]

    async def tilesets(self, request: Request) -> Response:
        """The map tilesets of an imagery collection, one a matrix set."""
        asked = await self._sender.begin(request)
        collection = await self._collection(asked)
        address = f"{asked.base}/collections/{collection.slug}/map/tiles"
        own = links.self_and_alternate(address, [], negotiation.form(request), answers.JSON, asked.language)
        document: Document = {"links": own, "tilesets": [_item(asked, collection, grid) for grid in MATRIX_SETS.values()]}
        return await self._sender.send(asked, document, collection=collection)

    async def tileset(self, request: Request) -> Response:
        """The metadata of one map tileset."""
        asked = await self._sender.begin(request)
        collection = await self._collection(asked)
        document = _tileset(asked, collection, matrix_set(request.path_params["matrix_set"]))
        return await self._sender.send(asked, document, collection=collection)

    async def tile(self, request: Request) -> Response:
        """One picture tile; 204 where no image comes near. ``datetime`` picks the newest images of then."""
        asked = await self._sender.begin(request, ("datetime", "as-of"))
        form = _picture_form(request)
        collection = await self._collection(asked)
        address = tile_address(matrix_set(request.path_params["matrix_set"]), *(request.path_params[name] for name in ("z", "x", "y")))
        days, as_of = days_of(asked.given.get("datetime")), moment(asked.given.get("as-of"))
        place = f"{address.matrix_set.id}/{address.z}/{address.y}/{address.x}"
        own = f"{asked.base}/collections/{collection.slug}/map/tiles/{place}"
        return await self._tiles.tile(request, asked.state, collection, address, days, form, as_of, own)

    async def _collection(self, asked: Asked) -> Collection:
        collection = await self._sender.collection(asked)
        if not self._tiles.shows(collection):
            raise NotFoundError("this collection has no map tiles", zh="该集合没有地图瓦片")
        return collection


def days_of(text: str | None) -> ImageDays:
    """Return which days' images ``datetime`` asks for: of one day the newest until then, of an interval those taken within it."""
    validity = validity_of(text)
    if validity is None:
        return ImageDays()
    single = text is not None and "/" not in text
    return ImageDays(None if single else validity.first, validity.last)


def map_tilesets_link(base: str, collection: Collection, language: str) -> links.Link:
    """Return the link from a collection of imagery to its map tilesets."""
    title = "地图瓦片" if language == "zh" else "Map tiles"
    return links.link(f"{base}/collections/{collection.slug}/map/tiles", TILESETS_REL, answers.JSON, title)


def _picture_form(request: Request) -> PictureForm:
    asked = request.query_params.get("f")
    accepted = request.headers.get("accept", "")
    for form in FORMS:
        if asked in (form, MEDIA_TYPES[form]) or (asked is None and MEDIA_TYPES[form] in accepted):
            return form
    if asked is None:
        return FORMS[0]
    raise BadRequestError(f"f is one of {', '.join(FORMS)}", zh=f"f 可为 {'、'.join(FORMS)}").with_code("bad-format")


def _item(asked: Asked, collection: Collection, grid: TileMatrixSet) -> Document:
    """Return the entry of a tileset in the list (20-057, tileSet-item)."""
    address = f"{asked.base}/collections/{collection.slug}/map/tiles/{grid.id}"
    templates = [
        links.link(f"{address}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f={form}", "item", MEDIA_TYPES[form], form) | {"templated": True}
        for form in FORMS
    ]
    scheme = links.link(f"{asked.base}/tileMatrixSets/{grid.id}", _SCHEME, answers.JSON, grid.title.in_language(asked.language))
    title = f"{collection.dataset.title.in_language(asked.language)} · {grid.id}"
    return {
        "title": title,
        "dataType": "map",
        "crs": grid.crs_uri,
        **({"tileMatrixSetURI": grid.uri} if grid.uri else {}),
        "links": [links.link(address, "self", answers.JSON, title), scheme, *templates],
    }


def _tileset(asked: Asked, collection: Collection, grid: TileMatrixSet) -> Document:
    made = _item(asked, collection, grid)
    extent = collection.revision.extent_deg
    if extent is None:
        return made
    west, south, east, north = extent
    limits = [grid.limits(level, bounds_in(grid, extent)) for level in grid.levels]
    return made | {
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84_URI},
        "tileMatrixSetLimits": [
            {
                "tileMatrix": str(m.level),
                "minTileRow": m.min_row,
                "maxTileRow": m.max_row,
                "minTileCol": m.min_column,
                "maxTileCol": m.max_column,
            }
            for m in limits
            if m is not None
        ],
    }
