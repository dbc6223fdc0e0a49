"""Vector tiles of a collection, and of several as the layers of one (OGC API - Tiles, 20-057)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.parameters import DATASET_TILE, TILE, bad_parameter, color_field, filter_of, moment, property_names, single_values, validity_of
from ogc.state import OgcContext, StateKeeper
from ogc.time_gate import TimeGate
from twin.errors import BadRequestError, NotFoundError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery
from twin.query.tile import tile_frame
from twin.query.vector_tile import MOST_BYTES, NOTHING_DRAWN, vector_tile
from twin.tile_cache import KeptTile
from twin.tile_matrix_sets import TileAddress, matrix_set, tile_address

TILE_VERSION = 6
"""Part of every entity tag and key: raise it when the same rows are drawn differently."""
REDUCED = "Tile-Reduced"
"""Header that says what was left out of a tile to keep it small."""
_AT_ONCE = 4
_MOST_QUESTIONS = 4096
_LONGEST_QUESTION = 400
"""Of a path and a query whose answer is remembered: longer ones are filters that nobody asks again, and would fill the memory."""
_CONDITIONAL = frozenset({b"if-none-match", b"accept-datetime"})
_VARY = f"{answers.caching(None)['Vary']}, Accept-Datetime"
_FORMS = frozenset({"mvt", "pbf"})
Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One layer of a tile: whose, where, of which state and which features, and how large at most."""

    collection: Collection
    address: TileAddress
    query: FeatureQuery
    at: int | None
    given: tuple[tuple[str, str], ...]
    principal: Principal
    color_by: str | None = None
    """What is drawn together has the class of this property, where it is not the one that colours the type."""
    most_bytes: int = MOST_BYTES

    @property
    def commit(self) -> int:
        """The commit the dataset stands at, as far as is known, or stood at."""
        newest = self.collection.revision.commit
        return newest if self.at is None else min(self.at, newest)

    def key(self, commit: int) -> str:
        """Return what names the layer of that commit: all that its bytes depend on."""
        kind, address = self.collection.feature_type, self.address
        state = (TILE_VERSION, self.collection.dataset.id, commit, kind.name, kind.version, sorted(self.principal.classes))
        asked = (address.matrix_set.id, address.z, address.x, address.y, self.given, self.most_bytes)
        return hashlib.blake2b(repr((state, asked)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a question was answered by: its answer as long as it is asked of the same collection, which a publish makes another."""

    collection: Collection
    key: str
    """Of the tile in the cache."""
    is_packed: bool
    headers: tuple[tuple[bytes, bytes], ...]


class TileDoor:
    """The routes ``/collections/{id}/tiles/{tms}/{z}/{y}/{x}`` and ``/tiles/{tms}/{z}/{y}/{x}``."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, gate: TimeGate) -> None:
        self._context = context
        self._keeper = keeper
        self._gate = gate
        self._sent: dict[Hashable, _Sent] = {}

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        tile = "tiles/{matrix_set}/{z}/{y}/{x}"
        return [
            Route(f"/collections/{{collection}}/{tile}", self.tile, methods=["GET"]),
            Route(f"/{tile}", self.dataset_tile, methods=["GET"]),
        ]

    async def tile(self, request: Request) -> Response:
        """One tile of a collection; 204 where nothing lies in it."""
        principal = self._context.principal_of(request)
        collection = await self._keeper.collection(request.path_params["collection"], principal)
        question = _question(request, principal)
        if (answer := self._again(question, collection)) is not None:
            return answer
        given = _given(request, TILE)
        if collection.is_coverage:
            raise NotFoundError("a coverage has no vector tiles", zh="栅格覆盖没有矢量瓦片")
        address, as_of = _address(request), moment(given.get("as-of"))
        at = await self._gate.asked(request, as_of, collection, principal)
        asked = self._asked(collection, address, given, principal, at)
        recorded = await self._recorded(request, links.collection_address(request, collection.slug), [asked], has_versions=True)
        tag = f'W/"{asked.key(asked.commit)}"'
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, {"Vary": _VARY, **recorded})
        kept = await self._layer(asked)
        key = asked.key(_seen(asked, kept))
        if negotiation.takes_gzip(request) and kept.pays_to_pack:
            kept = await asyncio.to_thread(kept.packed)
            if self._context.tile_cache is not None:
                self._context.tile_cache.keep_instead(key, kept)
        answer = _of_state(_answer(request, kept, f'W/"{key}"'), recorded)
        if at is None and (negotiation.takes_gzip(request) or not kept.is_packed):
            self._remember(question, _Sent(collection, key, kept.is_packed, _lasting(answer)))
        return answer

    def _again(self, question: Hashable | None, collection: Collection) -> Response | None:
        """Return the answer to a question that was asked before, where it is the same and its tile is in memory."""
        sent, cache = self._sent.get(question), self._context.tile_cache
        if question is None or sent is None or cache is None or sent.collection is not collection:
            return None
        tile = cache.held(sent.key)
        if tile is None or tile.is_packed != sent.is_packed:
            return None
        answer = Response(tile.content) if tile.content else Response(status_code=204)
        answer.raw_headers = [*sent.headers, *answer.raw_headers]
        return answer

    def _remember(self, question: Hashable | None, sent: _Sent) -> None:
        if question is None:
            return
        if len(self._sent) >= _MOST_QUESTIONS and question not in self._sent:
            del self._sent[next(iter(self._sent))]
        self._sent[question] = sent

    async def dataset_tile(self, request: Request) -> Response:
        """One tile, a layer each of ``collections``, else of all the caller may see; 204 where nothing lies in it."""
        principal = self._context.principal_of(request)
        given = _given(request, DATASET_TILE)
        address = _address(request)
        state = await self._keeper.state()
        chosen = _chosen(given.get("collections"), state.visible(principal))
        rest = {name: value for name, value in given.items() if name != "collections"}
        at = await self._gate.asked_of_all(request, moment(given.get("as-of")), chosen, principal)
        layers = [self._asked(collection, address, rest, principal, at) for collection in chosen]
        tag = _common_tag([layer.key(layer.commit) for layer in layers])
        recorded = await self._recorded(request, links.base_url(request), layers)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, {"Vary": _VARY, **recorded})
        limit = asyncio.Semaphore(_AT_ONCE)

        async def drawn(layer: _Asked) -> KeptTile:
            async with limit:
                return await self._layer(layer)

        tiles = await asyncio.gather(*map(drawn, layers))
        contents = [tile.unpacked() for tile in tiles]
        most = _fair_share([len(content) for content in contents], MOST_BYTES)
        large = [number for number, content in enumerate(contents) if len(content) > most]
        again = await asyncio.gather(*(drawn(replace(layers[number], most_bytes=most)) for number in large))
        for number, tile in zip(large, again, strict=True):
            contents[number] = tile.unpacked()
        reduced = sorted({part for tile in (*tiles, *again) if tile.reduced for part in tile.reduced.split(", ")})
        # The layers of a tile are fields of one protobuf message: tiles one after the other are the tile of all their layers.
        whole = KeptTile.of(0, b"".join(contents), ", ".join(reduced) or None)
        if negotiation.takes_gzip(request) and whole.pays_to_pack:
            whole = await asyncio.to_thread(whole.packed)
        seen = [layer.key(_seen(layer, tile)) for layer, tile in zip(layers, tiles, strict=True)]
        return _of_state(_answer(request, whole, _common_tag(seen)), recorded)

    async def _recorded(self, request: Request, above: str, layers: Sequence[_Asked], *, has_versions: bool = False) -> dict[str, str]:
        """Return the headers that say of which recorded state a tile below the address ``above`` is, where one is asked for."""
        if not layers or layers[0].at is None:
            return {}
        place = layers[0].address
        own = f"{above}/tiles/{place.matrix_set.id}/{place.z}/{place.y}/{place.x}"
        shown = [layer.collection for layer in layers]
        return await self._gate.headers_at(request, own, shown, layers[0].at, f"{above}/versions" if has_versions else None)

    @staticmethod
    def _asked(collection: Collection, address: TileAddress, given: Given, principal: Principal, at: int | None) -> _Asked:
        query = FeatureQuery(
            collection,
            collection.crs[0],
            validity=validity_of(given.get("datetime")),
            filter=filter_of(given, collection),
            properties=property_names(given.get("properties"), collection),
        )
        color_by = _other_color(given, collection, address)
        told = {"f", "lang", "as-of", *(() if color_by else ("color-by",))}
        means = tuple(sorted((name, value) for name, value in given.items() if name not in told))
        return _Asked(collection, address, query, at, means, principal, color_by)

    async def _layer(self, asked: _Asked) -> KeptTile:
        cache = self._context.tile_cache
        key = asked.key(asked.commit)

        async def draw() -> tuple[str | None, KeptTile]:
            pool = self._context.tile_pool or self._context.pool
            tile = await vector_tile(
                pool, asked.query, asked.at, asked.address, asked.principal, most_bytes=asked.most_bytes, color_by=asked.color_by
            )
            kept = KeptTile.of(tile.commit, tile.content, tile.reduced)
            return (None if tile.reduced == NOTHING_DRAWN else asked.key(_seen(asked, kept))), kept

        if cache is None:
            return (await draw())[1]
        return cache.held(key) or await cache.tile(key, draw)


def _question(request: Request, principal: Principal) -> Hashable | None:
    """Return all that an answer depends on beside the collection; None where it is long, or depends on what the caller holds or a time."""
    scope = request.scope
    if len(scope["path"]) + len(scope["query_string"]) > _LONGEST_QUESTION or any(name in _CONDITIONAL for name, _ in scope["headers"]):
        return None
    return scope["path"], scope["query_string"], negotiation.takes_gzip(request), principal.classes


def _lasting(answer: Response) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in answer.raw_headers if name != b"content-length")


def _given(request: Request, allowed: frozenset[str]) -> Given:
    given = single_values(request.query_params.multi_items(), allowed)
    negotiation.language(request)  # nothing in a tile is in a language, but what is none is refused
    if given.get("f", "mvt") not in _FORMS:
        raise BadRequestError("f is mvt", zh="f 应为 mvt").with_code("bad-format")
    return given


def _other_color(given: Given, collection: Collection, address: TileAddress) -> str | None:
    """Return the property that colours where it makes another tile: it is not the type's own, and features may be drawn together."""
    asked = color_field(given.get("color-by"), collection)
    if asked is None or asked == collection.feature_type.style.color_by:
        return None
    frame = tile_frame(address, collection)
    return None if frame is None or frame.is_near else asked


def _address(request: Request) -> TileAddress:
    path = request.path_params
    return tile_address(matrix_set(path["matrix_set"]), path["z"], path["x"], path["y"])


def _chosen(text: str | None, visible: Mapping[str, Collection]) -> Sequence[Collection]:
    """Return the collections of a tile in the order in which they are drawn, the lowest first."""
    names = None if text is None else text.split(",")
    if names is not None and not all(names):
        raise bad_parameter("collections")
    for name in names or ():
        if name not in visible or visible[name].is_coverage:
            raise NotFoundError(f"there is no collection {name[:60]!r} with tiles", zh=f"没有带瓦片的集合 {name[:60]!r}")
    found = [c for slug, c in visible.items() if not c.is_coverage and (names is None or slug in names)]
    return sorted(found, key=lambda c: (c.feature_type.style.draw_order, c.slug))


def _seen(asked: _Asked, tile: KeptTile) -> int:
    """Return the commit whose state a tile shows: newer than was known where something was published meanwhile."""
    return tile.commit if asked.at is None else min(asked.at, tile.commit)


def _fair_share(sizes: Sequence[int], most: int) -> int:
    """Return how large a layer may be so that all together are not larger than ``most``; small ones leave room to the others."""
    left, waiting = most, sorted(sizes)
    for number, size in enumerate(waiting):
        share = left // (len(waiting) - number)
        if size > share:
            return share
        left -= size
    return most


def _common_tag(keys: Sequence[str]) -> str:
    return f'W/"{hashlib.blake2b(",".join(keys).encode(), digest_size=16).hexdigest()}"'


def _of_state(response: Response, recorded: Mapping[str, str]) -> Response:
    response.headers.update({"Vary": _VARY, **recorded})
    return response


def _answer(request: Request, tile: KeptTile, tag: str) -> Response:
    if tile.reduced is not None and NOTHING_DRAWN in tile.reduced.split(", "):
        headers = {"Cache-Control": "no-store"}  # the next caller may be luckier
    elif not tile.content:
        return answers.empty(tag)
    else:
        headers = answers.caching(tag)
    if tile.reduced is not None:
        headers[REDUCED] = tile.reduced
    if not tile.content:
        return Response(status_code=204, headers=headers)
    if not tile.is_packed:
        return Response(tile.content, media_type=answers.MVT, headers=headers)
    if not negotiation.takes_gzip(request):
        return Response(tile.unpacked(), media_type=answers.MVT, headers=headers)
    return Response(tile.content, media_type=answers.MVT, headers={**headers, "Content-Encoding": "gzip"})
