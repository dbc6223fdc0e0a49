"""What there is in 3D: containers by volume, with links to tilesets, terrain and point clouds (OGC API - 3D GeoVolumes, 22-029 draft).

The city is the root container, each collection that is built in 3D one of its children. The links of a collection itself are those of
the draft's classes "Core" and "3D Tiles"; ``/geovolumes`` shows the same as the hierarchy of containers that earlier drafts had.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.degree_boxes import boxes_meet, degree_box
from ogc.sender import Asked, Sender
from ogc.volumes import Volume, Volumes, union
from twin.crs.output import CRS84H_URI
from twin.errors import NotFoundError
from twin.query.collection import Collection

GEOVOLUMES_REL = "http://www.opengis.net/def/rel/ogc/1.0/3d-geovolumes"
TILES3D = "application/3dtiles+json"
TILES3D_OLD = "application/json+3dtiles"
"""The media type as the draft's class "Core" writes it; class "3D Tiles" writes the other."""
QUANTIZED_MESH = "application/vnd.quantized-mesh+json"
ROOT = "city"
Document = dict[str, object]


class GeoVolumesDoor:
    """The routes ``/geovolumes`` and ``/geovolumes/{collection}``."""

    def __init__(self, sender: Sender, volumes: Volumes) -> None:
        self._sender = sender
        self._volumes = volumes

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        return [
            Route("/geovolumes", self.root, methods=["GET"]),
            Route("/geovolumes/{collection}", self.container, methods=["GET"]),
        ]

    async def root(self, request: Request) -> Response:
        """The container of the whole city with those of its children that meet ``bbox``."""
        asked = await self._sender.begin(request, ("bbox",))
        volumes = await self._visible(asked)
        box = degree_box(asked.given.get("bbox"))
        meeting = {slug: volume for slug, volume in volumes.items() if box is None or boxes_meet(tuple(volume.bbox), box)}
        address = f"{asked.base}/geovolumes"
        children = [_container(asked, asked.visible[slug], volume) for slug, volume in meeting.items()]
        around = union(list(volumes.values()))
        document: Document = {
            "id": ROOT,
            "title": asked.state.deployment.name,
            "description": asked.text("全市三维数据", "All 3D data of the city"),
            "collectionType": "3d-container",
            "itemType": "unknown",
            "extent": _extent(around) if around else {"spatial": {"bbox": [list(asked.state.deployment.extent_deg or _WORLD)]}},
            "children": children,
            "content": [],
            "links": [
                *links.self_and_alternate(address, request.query_params.multi_items(), _form(asked), answers.JSON, asked.language),
                links.link(address, "root", answers.JSON, asked.state.deployment.name),
            ],
        }
        return await self._sender.send(asked, document, "geovolumes.html")

    async def container(self, request: Request) -> Response:
        """The container of one collection."""
        asked = await self._sender.begin(request)
        collection = await self._sender.collection(asked)
        volume = (await self._visible(asked)).get(collection.slug)
        if volume is None:
            raise NotFoundError("this collection is not built in 3D", zh="该集合没有已构建的三维数据")
        return await self._sender.send(asked, _container(asked, collection, volume, _form(asked)), collection=collection)

    async def _visible(self, asked: Asked) -> Mapping[str, Volume]:
        volumes = await self._sender.keeper.in_thread(self._volumes.current)
        return {slug: volume for slug, volume in volumes.items() if slug in asked.visible}


def with_volume(document: Document, collection: Collection, volume: Volume, base: str, language: str) -> Document:
    """Return the description of a collection with its 3D extent, links to its 3D form and the template of a filtered tileset."""
    extent = document["extent"]
    spatial = _extent(volume.bbox)["spatial"]
    made: Document = document | {
        "extent": (extent if isinstance(extent, dict) else {}) | {"spatial": spatial},
        "contentExtent": {"region": volume.region_rad},
    }
    held = document["links"]
    made["links"] = [*(held if isinstance(held, list) else []), *_collection_links(collection, volume, base, language)]
    if volume.kind == "tileset":
        made["linkTemplates"] = [_filtered(collection, base, language)]
    return made


def built_form(collection: Collection, volume: Volume, base: str) -> tuple[str, str]:
    """Return the address and the media type of what was built of a collection: its tileset or terrain."""
    if volume.kind == "terrain":
        return f"{_root(base)}/tiles/{collection.slug}/{volume.revision}/layer.json", QUANTIZED_MESH
    return f"{_root(base)}/tiles/{collection.slug}/tileset.json", TILES3D


def _collection_links(collection: Collection, volume: Volume, base: str, language: str) -> list[links.Link]:
    zh, title = language == "zh", collection.dataset.title.in_language(language)
    container = links.link(f"{base}/geovolumes/{collection.slug}", "describedby", answers.JSON, "三维容器" if zh else "3D container")
    address, media_type = built_form(collection, volume, base)
    if volume.kind == "terrain":
        return [links.link(address, GEOVOLUMES_REL, media_type, "地形" if zh else "Terrain"), container]
    return [
        links.link(address, GEOVOLUMES_REL, media_type, f"{title} · 3D Tiles"),
        links.link(address, GEOVOLUMES_REL, TILES3D_OLD, f"{title} · 3D Tiles"),
        container,
    ]


def _container(asked: Asked, collection: Collection, volume: Volume, form: str = "json") -> Document:
    """Return the 3D container of a collection: its volume, and links to each way its content is had."""
    address = f"{asked.base}/geovolumes/{collection.slug}"
    made: Document = {
        "id": collection.slug,
        "title": collection.dataset.title.in_language(asked.language),
        "description": collection.feature_type.description.in_language(asked.language),
        "collectionType": "3d-container",
        "itemType": "feature",
        "extent": _extent(volume.bbox),
        "contentExtent": {"region": volume.region_rad},
        "children": [],
        "content": _content(asked, collection, volume),
        "links": [
            *links.self_and_alternate(address, [], form, answers.JSON, asked.language),
            links.link(f"{asked.base}/geovolumes", "parent", answers.JSON, asked.state.deployment.name),
            links.link(f"{asked.base}/geovolumes", "root", answers.JSON, asked.state.deployment.name),
            links.link(f"{asked.base}/collections/{collection.slug}", "collection", answers.JSON, asked.text("集合", "The collection")),
            links.link(f"{asked.base}/collections/{collection.slug}/items", "items", answers.GEOJSON, asked.text("要素", "Features")),
        ],
    }
    if volume.kind == "tileset":
        made["linkTemplates"] = [_filtered(collection, asked.base, asked.language)]
    return made


def _content(asked: Asked, collection: Collection, volume: Volume) -> list[links.Link]:
    own = f"{_root(asked.base)}/tiles/{collection.slug}"
    if volume.kind == "terrain":
        return [links.link(f"{own}/{volume.revision}/layer.json", "original", QUANTIZED_MESH, "quantized-mesh 1.0")]
    found = [
        links.link(f"{own}/tileset.json", "original", TILES3D, "3D Tiles 1.1"),
        links.link(f"{own}/tileset.json", "original", TILES3D_OLD, "3D Tiles 1.1"),
        links.link(f"{own}/{volume.revision}/tileset.json", "latest-version", TILES3D, asked.text("当前版本", "The current revision")),
    ]
    if collection.feature_type.recipe not in ("model", "point_cloud"):
        found += [
            links.link(f"{own}/{volume.revision}/implicit.json", "alternate", TILES3D, asked.text("隐式瓦片", "By implicit tiling")),
            links.link(f"{own}/export.3tz", "enclosure", "application/vnd.maxar.archive.3tz+zip", asked.text("整包下载", "As one file")),
        ]
    return found


def _filtered(collection: Collection, base: str, language: str) -> Document:
    title = "按 CQL2 条件筛选的瓦片集" if language == "zh" else "Tileset of the features that a CQL2 filter selects"
    return {
        "rel": GEOVOLUMES_REL,
        "type": TILES3D,
        "title": title,
        "uriTemplate": f"{_root(base)}/tiles/{quote(collection.slug)}/tileset.json?filter-lang=cql2-text&filter={{filter}}",
        "variables": {"filter": {"type": "string", "description": "CQL2 text"}},
    }


def _extent(bbox: list[float]) -> Document:
    return {"spatial": {"bbox": [bbox], "crs": CRS84H_URI}}


def _root(base: str) -> str:
    """Return the address of the server under which the tiles are, given that of this door."""
    return base.removesuffix("/ogc")


def _form(asked: Asked) -> str:
    return negotiation.form(asked.request)


_WORLD = (-180.0, -90.0, 180.0, 90.0)
