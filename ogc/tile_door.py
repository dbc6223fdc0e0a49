"""Vector tiles in WebMercatorQuad, and what describes them (OGC API - Tiles, 20-057)."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from ogc import answers
from ogc.features import FeatureDoor
from ogc.parameters import TILE, moment, single_values
from ogc.state import OgcContext, StateKeeper
from twin.errors import BadRequestError, NotFoundError
from twin.query.execute import fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.tile import TileAddress, tile_region, tile_statement, vector_tile

TILE_VERSION = 1
"""Part of every entity tag: raise it when the same rows are drawn differently."""
MATRIX_SET = "WebMercatorQuad"
_NUMBER = re.compile(r"^[0-9]{1,9}$")


class TileDoor:
    """The route ``/collections/{id}/tiles/WebMercatorQuad/{z}/{y}/{x}``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, features: FeatureDoor) -> None:
        self._context = context
        self._keeper = keeper
        self._features = features

    async def tile(self, request: Request) -> Response:
        """One tile; 204 where nothing lies in it."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        given = single_values(request.query_params.multi_items(), TILE)
        if given.get("f", "mvt") not in {"mvt", "pbf"}:
            raise BadRequestError("f is mvt", zh="f 应为 mvt")
        address = tile_address(request)
        if collection.is_coverage:
            raise NotFoundError("a coverage has no vector tiles", zh="栅格覆盖没有矢量瓦片")
        at = await self._features.commit(moment(given.get("as-of")))
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        kind = collection.feature_type

        def tag(commit: int) -> str:
            state = (TILE_VERSION, collection.dataset.id, commit, kind.name, kind.version, sorted(principal.classes))
            return answers.etag(request, *state)

        if answers.unchanged(request, tag(known)):
            return answers.not_modified(tag(known))
        query = FeatureQuery(collection, collection.crs[0])
        region = tile_region(address, collection)
        if region is None:
            return answers.empty(tag(known))
        row = await fetch_pinned(self._context.pool, query, at, lambda q: tile_statement(q, address, region, principal))
        tile = vector_tile(row)
        now = tag(tile.commit if at is None else min(at, tile.commit))
        return await answers.answer(request, tile.content, answers.MVT, now) if tile.content else answers.empty(now)


def tile_address(request: Request) -> TileAddress:
    """Return the tile a path names; NotFoundError for what cannot be one."""
    if request.path_params["matrix_set"] != MATRIX_SET:
        raise NotFoundError(f"tiles are in {MATRIX_SET}", zh=f"瓦片仅有 {MATRIX_SET}")
    texts = [request.path_params[name] for name in ("z", "x", "y")]
    if not all(_NUMBER.match(text) for text in texts):
        raise NotFoundError("there is no such tile", zh="没有该瓦片")
    z, x, y = map(int, texts)
    return TileAddress(z, x, y)
