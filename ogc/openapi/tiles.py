"""Paths of OGC API - Tiles: tile matrix sets, tilesets of collections and of all of them, vector tiles."""

from __future__ import annotations

from collections.abc import Sequence

from ogc.openapi.build import HTML, JSON, KEPT_HEADERS, Described, Document, Part, answer, content, named, path, query, read
from ogc.openapi.components import ACCEPT_DATETIME, STATE_HEADERS
from ogc.openapi.features import crs_parameters
from ogc.tile_door import REDUCED
from ogc.tilesets import MVT, PMTILES, TILEJSON
from twin.query.collection import Collection
from twin.tile_matrix_sets import MATRIX_SETS, WEB_MERCATOR_QUAD, TileMatrixSet

_TEXT: Document = {"type": "string"}
_NUMBER: Document = {"type": "integer", "minimum": 0}
_IN = "{tileMatrix}/{tileRow}/{tileCol}"


def tiles_paths(described: Described) -> Part:
    """Return the paths of tile matrix sets and of the tiles of every collection that has any."""
    text = described.text
    tiled = [c for c in described.collections.values() if not c.is_coverage]
    paths: dict[str, Document] = {"/tileMatrixSets": read("tileMatrixSets", text("瓦片矩阵集", "Tile matrix sets"))}
    for grid in MATRIX_SETS.values():
        paths[f"/tileMatrixSets/{grid.id}"] = read(f"tileMatrixSet.{grid.id}", grid.title.in_language(described.language))
    slugs: Document = {"type": "string", "enum": [c.slug for c in tiled]}
    chosen = [query("collections", {"type": "array", "minItems": 1, "items": slugs})] if tiled else []
    of_all = [*named("as-of", "datetime"), *chosen]
    paths |= _tilesets("/tiles", "tiles", text("全部集合的矢量瓦片", "Vector tiles of all collections"), None, of_all)
    for collection in tiled:
        paths |= _of_collection(collection, described.language)
        if described.can.formats is not None:
            paths |= _archive(collection, described)
    components = {f"tileMatrix.{grid.id}": _level(grid) for grid in MATRIX_SETS.values()}
    return Part(paths, components | {"tileRow": path("tileRow", _NUMBER), "tileCol": path("tileCol", _NUMBER)})


def _of_collection(collection: Collection, language: str) -> dict[str, Document]:
    slug, title = collection.slug, collection.dataset.title.in_language(language)
    own = [*named("as-of", "datetime", "filter", "filter-lang", "properties", "color-by"), *crs_parameters(collection.crs, "filter-crs")]
    return _tilesets(f"/collections/{slug}/tiles", slug, title, slug, own)


def _archive(collection: Collection, described: Described) -> dict[str, Document]:
    slug, of = collection.slug, content(PMTILES)
    headers: dict[str, Document] = {"Content-Disposition": _TEXT} | STATE_HEADERS
    path_of = f"/collections/{slug}/tiles/{WEB_MERCATOR_QUAD.id}/export.pmtiles"
    return {
        path_of: read(
            f"{slug}.tileArchive",
            collection.dataset.title.in_language(described.language),
            tag=slug,
            parameters=[query("f", {"type": "string", "enum": ["pmtiles"]}), *named("lang", "as-of", ACCEPT_DATETIME)],
            of=of,
            answers={206: answer("Partial content", of, {**KEPT_HEADERS, **headers})},
            headers=headers,
            description=described.text("全部矢量瓦片的 PMTiles 文件，可按字节范围读取", "All vector tiles as a PMTiles file"),
        )
    }


def _tilesets(address: str, name: str, title: str, tag: str | None, parameters: Sequence[Document]) -> dict[str, Document]:
    """Return the paths of a list of tilesets, of each of them and of their tiles."""
    made = {address: read(f"{name}.tilesets", title, tag=tag)}
    for grid in MATRIX_SETS.values():
        is_web = grid is WEB_MERCATOR_QUAD
        forms = [*("json", "html"), *(["tilejson"] if is_web else [])]
        made[f"{address}/{grid.id}"] = read(
            f"{name}.tileset.{grid.id}",
            title,
            tag=tag,
            parameters=[query("f", {"type": "string", "enum": forms}), *named("lang")],
            of=content(JSON, HTML, *([TILEJSON] if is_web else [])),
        )
        made[f"{address}/{grid.id}/{_IN}"] = read(
            f"{name}.tile.{grid.id}",
            title,
            tag=tag,
            parameters=[
                *named(f"tileMatrix.{grid.id}", "tileRow", "tileCol", "lang", ACCEPT_DATETIME),
                query("f", {"type": "string", "enum": ["mvt", "pbf"]}),
                *parameters,
            ],
            of=content(MVT),
            headers={REDUCED: _TEXT} | STATE_HEADERS,
            answers={204: answer("nothing lies in this tile", headers={**KEPT_HEADERS, **STATE_HEADERS})},
        )
    return made


def _level(grid: TileMatrixSet) -> Document:
    return path("tileMatrix", {"type": "integer", "minimum": grid.first, "maximum": grid.last})
