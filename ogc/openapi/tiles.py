"""Paths of OGC API - Tiles: tile matrix sets, tilesets of collections, vector tiles."""

from __future__ import annotations

from ogc.openapi.build import Described, Document, Part, answer, content, named, path, read
from twin.query.collection import Collection
from twin.query.tile import DEEPEST_LEVEL

_MVT = "application/vnd.mapbox-vector-tile"
_LEVEL: Document = {"type": "integer", "minimum": 0}


def tiles_paths(described: Described) -> Part:
    """Return the paths of tile matrix sets and of the tiles of every collection that has any."""
    text = described.text
    paths: dict[str, Document] = {
        "/tileMatrixSets": read("tileMatrixSets", text("瓦片矩阵集", "Tile matrix sets")),
        "/tileMatrixSets/WebMercatorQuad": read("tileMatrixSet", "WebMercatorQuad"),
    }
    for collection in described.collections.values():
        if not collection.is_coverage:
            paths |= _tiled_paths(collection, described.language)
    return Part(
        paths,
        {
            "tileMatrix": path("tileMatrix", _LEVEL | {"maximum": DEEPEST_LEVEL}),
            "tileRow": path("tileRow", _LEVEL),
            "tileCol": path("tileCol", _LEVEL),
        },
    )


def _tiled_paths(collection: Collection, language: str) -> dict[str, Document]:
    slug, title = collection.slug, collection.dataset.title.in_language(language)
    own = f"/collections/{slug}/tiles"
    return {
        own: read(f"{slug}.tilesets", title, tag=slug),
        f"{own}/WebMercatorQuad": read(f"{slug}.tileset", title, tag=slug),
        f"{own}/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": read(
            f"{slug}.tile",
            title,
            tag=slug,
            parameters=named("tileMatrix", "tileRow", "tileCol", "as-of"),
            of=content(_MVT),
            answers={204: answer("nothing lies in this tile")},
        ),
    }
