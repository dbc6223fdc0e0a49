"""What describes vector tiles: tile matrix sets, tilesets of collections and of all of them together, TileJSON (20-057, 17-083r4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.sender import Asked, Sender
from ogc.tilesets import TILEJSON, matrix_set_definition, matrix_set_list, tilejson, tileset, tileset_list
from twin.errors import NotFoundError
from twin.query.collection import Collection
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD, matrix_set

_FORM = "tilejson"


@dataclass(frozen=True, slots=True)
class _Tiled:
    """Whose tiles are asked about: a collection's, or those of everything the caller may see."""

    title: str
    address: str
    layers: Sequence[Collection]
    collection: Collection | None


class TilesetDoor:
    """The routes ``/tileMatrixSets…``, ``/tiles``, ``/tiles/{tms}`` and the same below a collection."""

    def __init__(self, sender: Sender, *, has_archives: bool) -> None:
        self._sender = sender
        self._has_archives = has_archives

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        return [
            Route("/tileMatrixSets", self.matrix_sets, methods=["GET"]),
            Route("/tileMatrixSets/{matrix_set}", self.matrix_set, methods=["GET"]),
            Route("/tiles", self.tilesets, methods=["GET"]),
            Route("/tiles/{matrix_set}", self.tileset, methods=["GET"]),
            Route("/collections/{collection}/tiles", self.tilesets, methods=["GET"]),
            Route("/collections/{collection}/tiles/{matrix_set}", self.tileset, methods=["GET"]),
        ]

    async def matrix_sets(self, request: Request) -> Response:
        """The tile matrix sets."""
        asked = await self._sender.begin(request)
        own = links.self_and_alternate(f"{asked.base}/tileMatrixSets", [], negotiation.form(request), answers.JSON, asked.language)
        return await self._sender.send(asked, matrix_set_list(asked.base, own, asked.language))

    async def matrix_set(self, request: Request) -> Response:
        """The definition of a tile matrix set."""
        asked = await self._sender.begin(request)
        return await self._sender.send(
            asked, matrix_set_definition(matrix_set(request.path_params["matrix_set"]), asked.base, asked.language)
        )

    async def tilesets(self, request: Request) -> Response:
        """The tilesets, one a matrix set."""
        asked = await self._sender.begin(request)
        tiled = await self._tiled(asked)
        own = links.self_and_alternate(tiled.address, [], negotiation.form(request), answers.JSON, asked.language)
        document = tileset_list(tiled.title, tiled.address, asked.base, own, asked.language)
        return await self._sender.send(asked, document, "collections/tiles.html", collection=tiled.collection)

    async def tileset(self, request: Request) -> Response:
        """The metadata of a tileset; TileJSON of the one in web mercator where that is asked for."""
        asked = await self._sender.begin(request)
        grid = matrix_set(request.path_params["matrix_set"])
        tiled = await self._tiled(asked)
        if asked.given.get("f") == _FORM:
            if grid is not WEB_MERCATOR_QUAD:
                raise NotFoundError(f"TileJSON knows {WEB_MERCATOR_QUAD.id} only", zh=f"TileJSON 仅适用于 {WEB_MERCATOR_QUAD.id}")
            version = max((c.revision.commit for c in tiled.layers), default=0)
            document = tilejson(tiled.title, tiled.address, tiled.layers, asked.language, version)
            return await self._sender.send_bytes(asked, orjson.dumps(document), TILEJSON)
        has_archive = self._has_archives and tiled.collection is not None
        document = tileset(tiled.title, tiled.address, asked.base, grid, tiled.layers, asked.language, has_archive=has_archive)
        return await self._sender.send(asked, document, "collections/tiles.html", collection=tiled.collection)

    async def _tiled(self, asked: Asked) -> _Tiled:
        if "collection" not in asked.request.path_params:
            layers = [c for c in asked.visible.values() if not c.is_coverage]
            layers.sort(key=lambda c: (c.feature_type.style.draw_order, c.slug))
            return _Tiled(asked.state.deployment.name, f"{asked.base}/tiles", layers, None)
        found = await self._sender.collection(asked)
        if found.is_coverage:
            raise NotFoundError("a coverage has no vector tiles", zh="栅格覆盖没有矢量瓦片")
        title = found.dataset.title.in_language(asked.language)
        return _Tiled(title, f"{asked.base}/collections/{found.slug}/tiles", [found], found)
