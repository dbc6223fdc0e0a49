"""Styles of the city and of each collection, every encoding from one source (OGC API - Styles, 20-009 draft)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.sender import Asked, Sender
from styles.derive import NamedStyle, named_styles
from styles.legend import legend_lines, legend_svg
from styles.maplibre import MapLayer, has_map_style, maplibre_style
from styles.sld import StyledLayer, Version, sld
from styles.tiles3d import has_3d_style, tiles3d_style
from twin.errors import BadRequestError, NotFoundError, Text
from twin.model import FeatureType
from twin.query.collection import Collection

STYLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/styles"
_SCHEMA_REL = "http://www.opengis.net/def/rel/ogc/1.0/schema"
CITY = "city"
_CITY_TITLE = Text("全市地图", "Map of the city")
SVG = "image/svg+xml"
Styled = Callable[[FeatureType], FeatureType]


@dataclass(frozen=True, slots=True)
class Encoding:
    """One language that a style is written in: the value of ``f``, its media type, and where it is specified."""

    form: str
    media_type: str
    title: str
    version: str
    specification: str


MAPLIBRE = Encoding("mbs", "application/vnd.mapbox.style+json", "MapLibre Style", "8", "https://maplibre.org/maplibre-style-spec/")
TILES3D = Encoding(
    "3dtiles", "application/vnd.3dtiles.style+json", "3D Tiles Styling", "1.1", "https://docs.ogc.org/cs/22-025r4/22-025r4.html"
)
SLD10 = Encoding("sld10", "application/vnd.ogc.sld+xml;version=1.0", "OGC SLD", "1.0", "https://portal.ogc.org/files/?artifact_id=1188")
SLD11 = Encoding("sld11", "application/vnd.ogc.sld+xml;version=1.1", "OGC SLD", "1.1", "https://portal.ogc.org/files/?artifact_id=22364")
ENCODINGS = (MAPLIBRE, TILES3D, SLD10, SLD11)
_SLD_VERSIONS: Mapping[str, Version] = {"sld10": "1.0", "sld11": "1.1"}


class StyleDoor:
    """The routes ``/styles`` and ``/collections/{id}/styles`` and those below them."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        book = sender.context.styles
        self._styled: Styled = book.styled if book is not None else lambda feature_type: feature_type

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        own, one = "/collections/{collection}/styles", "/collections/{collection}/styles/{style}"
        return [
            Route("/styles", self.city_styles, methods=["GET"]),
            Route("/styles/{style}", self.city_style, methods=["GET"]),
            Route("/styles/{style}/metadata", self.city_metadata, methods=["GET"]),
            Route(own, self.styles, methods=["GET"]),
            Route(one, self.style, methods=["GET"]),
            Route(f"{one}/metadata", self.metadata, methods=["GET"]),
            Route(f"{one}/legend", self.legend, methods=["GET"]),
        ]

    async def city_styles(self, request: Request) -> Response:
        """The styles of the whole city: one, of all that the caller may see."""
        asked = await self._sender.begin(request)
        address = f"{asked.base}/styles"
        entry = _entry(asked, address, CITY, _CITY_TITLE, (MAPLIBRE, SLD10, SLD11))
        document = {"default": CITY, "styles": [entry], "links": _own_links(asked, address)}
        return await self._sender.send(asked, document, "styles/index.html")

    async def city_style(self, request: Request) -> Response:
        """The style sheet of the whole city."""
        asked = await self._city(request)
        encoding = _asked_encoding(request, (MAPLIBRE, SLD10, SLD11))
        if encoding is None:
            return await self._sender.send(asked, self._city_description(asked), "styles/style.html")
        shown = self._map_collections(asked)
        if encoding is MAPLIBRE:
            layers = [self._map_layer(asked, collection, None) for collection in shown]
            return await self._json(asked, maplibre_style(asked.state.deployment.name, layers), encoding)
        described = [self._styled_layer(asked, collection, None) for collection in shown]
        content = sld(described, _SLD_VERSIONS[encoding.form], asked.language)
        return await self._sender.send_bytes(asked, content, encoding.media_type)

    async def city_metadata(self, request: Request) -> Response:
        """What the style of the city is, and of which layers."""
        asked = await self._city(request)
        return await self._sender.send(asked, self._city_description(asked), "styles/style.html")

    async def styles(self, request: Request) -> Response:
        """The styles of a collection, its default named."""
        asked = await self._sender.begin(request)
        collection = await self._sender.collection(asked)
        feature_type = self._styled(collection.feature_type)
        address, found = f"{asked.base}/collections/{collection.slug}/styles", named_styles(feature_type)
        entries = [self._collection_entry(asked, collection, style) for style in found]
        document = {"default": found[0].id, "styles": entries, "links": _own_links(asked, address)}
        return await self._sender.send(asked, document, "styles/index.html", collection=collection)

    async def style(self, request: Request) -> Response:
        """The style sheet of a collection in the encoding asked for, or its page."""
        asked, collection, style = await self._one(request)
        feature_type = self._styled(collection.feature_type)
        encoding = _asked_encoding(request, encodings_of(feature_type))
        if encoding is None:
            return await self._sender.send(asked, self._description(asked, collection, style), "styles/style.html", collection=collection)
        if encoding is MAPLIBRE:
            drawn = maplibre_style(collection.dataset.title.in_language(asked.language), [self._map_layer(asked, collection, style)])
            return await self._json(asked, drawn, encoding)
        if encoding is TILES3D:
            return await self._json(asked, tiles3d_style(feature_type, style, asked.language), encoding)
        content = sld([self._styled_layer(asked, collection, style)], _SLD_VERSIONS[encoding.form], asked.language)
        return await self._sender.send_bytes(asked, content, encoding.media_type)

    async def metadata(self, request: Request) -> Response:
        """What a style of a collection is, in which encodings, and which properties it needs."""
        asked, collection, style = await self._one(request)
        return await self._sender.send(asked, self._description(asked, collection, style), "styles/style.html", collection=collection)

    async def legend(self, request: Request) -> Response:
        """The legend of a style, as SVG."""
        asked, collection, style = await self._one(request)
        content = legend_svg(self._styled(collection.feature_type), style, asked.language)
        return await self._sender.send_bytes(asked, content, SVG)

    async def _one(self, request: Request) -> tuple[Asked, Collection, NamedStyle]:
        asked = await self._sender.begin(request)
        collection = await self._sender.collection(asked)
        wanted = request.path_params["style"]
        for style in named_styles(self._styled(collection.feature_type)):
            if style.id == wanted:
                return asked, collection, style
        raise _no_style(wanted)

    async def _city(self, request: Request) -> Asked:
        asked = await self._sender.begin(request)
        if request.path_params["style"] != CITY:
            raise _no_style(request.path_params["style"])
        return asked

    async def _json(self, asked: Asked, document: Mapping[str, object], encoding: Encoding) -> Response:
        return await self._sender.send_bytes(asked, orjson.dumps(document), encoding.media_type)

    def _map_collections(self, asked: Asked) -> list[Collection]:
        """Return what the map of the city shows, the lowest first."""
        shown = (c for c in asked.visible.values() if has_map_style(c.feature_type))
        return sorted(shown, key=lambda c: (self._styled(c.feature_type).style.draw_order, c.slug))

    def _map_layer(self, asked: Asked, collection: Collection, style: NamedStyle | None) -> MapLayer:
        own = f"{asked.base}/collections/{collection.slug}"
        styled = self._styled(collection.feature_type)
        choice = (style or named_styles(styled)[0]).choice
        tiles = "map/tiles" if collection.is_coverage else "tiles"
        if collection.is_coverage:
            wanted = "?f=webp"
        elif choice is not None and choice.field != collection.feature_type.style.color_by:
            wanted = f"?color-by={choice.field}"
        else:
            wanted = ""
        return MapLayer(styled, collection.slug, f"{own}/{tiles}/WebMercatorQuad/{{z}}/{{y}}/{{x}}{wanted}", style)

    def _styled_layer(self, asked: Asked, collection: Collection, style: NamedStyle | None) -> StyledLayer:
        feature_type = self._styled(collection.feature_type)
        title = collection.dataset.title.in_language(asked.language)
        return StyledLayer(collection.slug, title, feature_type, (style or named_styles(feature_type)[0],))

    def _collection_entry(self, asked: Asked, collection: Collection, style: NamedStyle) -> dict[str, object]:
        own = f"{asked.base}/collections/{collection.slug}"
        entry = _entry(asked, f"{own}/styles", style.id, style.title, encodings_of(self._styled(collection.feature_type)))
        extra = [
            links.link(f"{own}/schema", _SCHEMA_REL, answers.SCHEMA, asked.text("属性结构", "Schema of the features")),
            links.link(f"{own}/styles/{style.id}/legend", "preview", SVG, asked.text("图例", "Legend")),
        ]
        return entry | {"links": [*_links_of(entry), *extra]}

    def _description(self, asked: Asked, collection: Collection, style: NamedStyle) -> dict[str, object]:
        feature_type = self._styled(collection.feature_type)
        title = f"{collection.dataset.title.in_language(asked.language)} · {style.title.in_language(asked.language)}"
        address = f"{asked.base}/collections/{collection.slug}/styles/{style.id}"
        entry = self._collection_entry(asked, collection, style)
        return _metadata(asked, style.id, title, address, encodings_of(feature_type), _links_of(entry)) | {
            "pointOfContact": collection.dataset.steward or collection.dataset.owner_department,
            "layers": [_layer(asked, collection, feature_type, style)],
            "legend": [{"color": e.color, "title": e.title, "value": e.value} for e in legend_lines(feature_type, style, asked.language)],
        }

    def _city_description(self, asked: Asked) -> dict[str, object]:
        encodings = (MAPLIBRE, SLD10, SLD11)
        entry = _entry(asked, f"{asked.base}/styles", CITY, _CITY_TITLE, encodings)
        layers = []
        for collection in self._map_collections(asked):
            feature_type = self._styled(collection.feature_type)
            layers.append(_layer(asked, collection, feature_type, named_styles(feature_type)[0]))
        title = _CITY_TITLE.in_language(asked.language)
        return _metadata(asked, CITY, title, f"{asked.base}/styles/{CITY}", encodings, _links_of(entry)) | {"layers": layers}


def encodings_of(feature_type: FeatureType) -> tuple[Encoding, ...]:
    """Return the encodings in which a type's styles are had."""
    absent = {MAPLIBRE: not has_map_style(feature_type), TILES3D: not has_3d_style(feature_type)}
    return tuple(encoding for encoding in ENCODINGS if not absent.get(encoding, False))


def _asked_encoding(request: Request, offered: tuple[Encoding, ...]) -> Encoding | None:
    """Return the encoding that ``f`` or Accept asks for, the first that is offered without; None for the page."""
    asked = request.query_params.get("f")
    if asked is None:
        accepted = request.headers.get("accept", "").replace(" ", "")
        for encoding in offered:
            if encoding.media_type in accepted:
                return encoding
        return None if negotiation.form(request) == "html" else offered[0]
    if asked == "html":
        return None
    for encoding in offered:
        if encoding.form == asked:
            return encoding
    forms = ", ".join(e.form for e in offered)
    raise BadRequestError(f"f is one of {forms}, html here", zh=f"此处 f 可为 {forms}, html").with_code("bad-format")


def _entry(asked: Asked, address: str, name: str, title: Text, encodings: tuple[Encoding, ...]) -> dict[str, object]:
    own = f"{address}/{name}"
    described = asked.text("样式说明", "About this style")
    return {
        "id": name,
        "title": title.in_language(asked.language),
        "links": [
            *(links.link(f"{own}?f={e.form}", "stylesheet", e.media_type, f"{e.title} {e.version}") for e in encodings),
            links.link(f"{own}/metadata", "describedby", answers.JSON, described),
            links.link(f"{own}?f=html", "alternate", "text/html", described),
        ],
    }


def _metadata(
    asked: Asked, name: str, title: str, address: str, encodings: tuple[Encoding, ...], own_links: list[links.Link]
) -> dict[str, object]:
    return {
        "id": name,
        "title": title,
        "scope": "style",
        "stylesheets": [
            {
                "title": e.title,
                "version": e.version,
                "specification": e.specification,
                "native": False,
                "link": links.link(f"{address}?f={e.form}", "stylesheet", e.media_type, f"{e.title} {e.version}"),
            }
            for e in encodings
        ],
        "links": [*links.self_and_alternate(f"{address}/metadata", [], "json", answers.JSON, asked.language), *own_links],
    }


def _layer(asked: Asked, collection: Collection, feature_type: FeatureType, style: NamedStyle) -> dict[str, object]:
    kinds = {"Point": "point", "LineString": "line", "MultiPolygon": "polygon"}
    kind = "raster" if feature_type.recipe == "imagery" else kinds.get(feature_type.geometry_type, "polygon")
    own = f"{asked.base}/collections/{collection.slug}"
    layer: dict[str, object] = {"id": collection.slug, "type": kind, "attributes": []}
    if style.choice is not None:
        field = feature_type.field(style.choice.field)
        layer["attributes"] = [{"id": field.name, "type": "number" if field.type in ("number", "integer") else "string", "required": False}]
    layer["sampleData"] = links.link(f"{own}/items", "data", answers.GEOJSON, collection.dataset.title.in_language(asked.language))
    return layer


def _own_links(asked: Asked, address: str) -> list[links.Link]:
    return links.self_and_alternate(address, [], negotiation.form(asked.request), answers.JSON, asked.language)


def _links_of(entry: Mapping[str, object]) -> list[links.Link]:
    found = entry["links"]
    return found if isinstance(found, list) else []


def _no_style(name: str) -> NotFoundError:
    return NotFoundError(f"there is no style {name[:60]!r}", zh=f"没有样式 {name[:60]!r}")
