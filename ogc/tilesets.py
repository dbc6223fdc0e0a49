"""Metadata of vector tilesets and tile matrix sets (OGC 17-083r4, 20-057) and TileJSON 3.0; pure."""

from __future__ import annotations

from collections.abc import Sequence

from ogc import answers, links
from twin.crs.output import CRS84_URI
from twin.featuretypes.json_schema import feature_schema
from twin.query.collection import Collection
from twin.query.massed_tile import count_property
from twin.tile_matrix_sets import MATRIX_SETS, TILE_PX, WEB_MERCATOR_QUAD, TileMatrixSet, bounds_in

Document = dict[str, object]
MVT = "application/vnd.mapbox-vector-tile"
TILEJSON = "application/vnd.mapbox.tilejson+json"
PMTILES = "application/vnd.pmtiles"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_DIMENSIONS = {"Point": 0, "LineString": 1, "MultiPolygon": 2}
Extent = tuple[float, float, float, float]
_HOW_ZH = (
    "近处逐个绘制要素；远处大要素逐个绘制，其余按网格归并，count 为所代表的要素数。"
    "单个瓦片不超过 500 kB：先省略属性，再省略小要素，见响应头 Tile-Reduced。"
)
_HOW_EN = (
    "Near tiles draw features one by one; far ones draw large features and sum up the rest by cell, count saying for how many one stands. "
    "No tile exceeds 500 kB: properties are left out first, then small features; the header Tile-Reduced says so."
)


def tileset_list(title: str, address: str, base: str, own: Sequence[links.Link], language: str) -> Document:
    """Return the list of the tilesets below ``address``, one a matrix set; ``own`` are the links of the list itself."""
    items = [_item(title, address, base, grid, language) for grid in MATRIX_SETS.values()]
    return {"links": list(own), "tilesets": items}


def tileset(
    title: str,
    address: str,
    base: str,
    grid: TileMatrixSet,
    collections: Sequence[Collection],
    language: str,
    *,
    has_archive: bool,
) -> Document:
    """Return the metadata of a tileset whose layers are ``collections``; ``has_archive`` when all its tiles are also one file."""
    extent = common_extent(collections)
    made = _item(title, address, base, grid, language)
    links_of = made["links"]
    if isinstance(links_of, list) and grid is WEB_MERCATOR_QUAD:
        links_of.append(links.link(f"{address}/{grid.id}?f=tilejson", "alternate", TILEJSON, "TileJSON"))
        if has_archive:
            links_of.append(links.link(f"{address}/{grid.id}/export.pmtiles", "enclosure", PMTILES, "PMTiles"))
    made |= {
        "description": _HOW_ZH if language == "zh" else _HOW_EN,
        "mediaTypes": [MVT],
        "layers": [_layer(collection, base, language) for collection in collections],
    }
    if extent is not None:
        west, south, east, north = extent
        made["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84_URI}
        made["tileMatrixSetLimits"] = limits(grid, extent)
    return made


def limits(grid: TileMatrixSet, extent: Extent) -> list[Document]:
    """Return which tiles of each level an extent in degrees meets."""
    found = [grid.limits(level, bounds_in(grid, extent)) for level in grid.levels]
    return [
        {
            "tileMatrix": str(m.level),
            "minTileRow": m.min_row,
            "maxTileRow": m.max_row,
            "minTileCol": m.min_column,
            "maxTileCol": m.max_column,
        }
        for m in found
        if m is not None
    ]


def tilejson(title: str, address: str, collections: Sequence[Collection], language: str, version: int) -> Document:
    """Return the TileJSON 3.0 of a tileset; of WebMercatorQuad, the only grid it knows."""
    grid, extent = WEB_MERCATOR_QUAD, common_extent(collections)
    made: Document = {
        "tilejson": "3.0.0",
        "name": title,
        "version": f"{version}.0.0",
        "scheme": "xyz",
        "tiles": [f"{address}/{grid.id}/{{z}}/{{y}}/{{x}}"],
        "minzoom": grid.first,
        "maxzoom": grid.last,
        "vector_layers": [
            {"id": c.slug, "description": c.dataset.title.in_language(language), "fields": _fields(c, language)} for c in collections
        ],
    }
    if extent is not None:
        made["bounds"] = list(extent)
    return made


def matrix_set_list(base: str, own: Sequence[links.Link], language: str) -> Document:
    """Return the list of tile matrix sets."""
    items = [
        {
            "id": grid.id,
            "title": grid.title.in_language(language),
            **({"uri": grid.uri} if grid.uri else {}),
            "crs": grid.crs_uri,
            "links": [links.link(f"{base}/tileMatrixSets/{grid.id}", "self", answers.JSON, grid.title.in_language(language))],
        }
        for grid in MATRIX_SETS.values()
    ]
    return {"links": list(own), "tileMatrixSets": items}


def matrix_set_definition(grid: TileMatrixSet, base: str, language: str) -> Document:
    """Return the definition of a set (17-083r4, 7.1) down to the deepest level that is served."""
    made: Document = {
        "id": grid.id,
        "title": grid.title.in_language(language),
        "crs": grid.crs_uri,
        "orderedAxes": list(grid.ordered_axes),
        "tileMatrices": [_matrix(grid, level) for level in grid.levels],
        "links": [links.link(f"{base}/tileMatrixSets/{grid.id}", "self", answers.JSON, grid.title.in_language(language))],
    }
    if grid.uri is not None:
        made["uri"] = grid.uri
    if grid.well_known_scale_set is not None:
        made["wellKnownScaleSet"] = grid.well_known_scale_set
    return made


def common_extent(collections: Sequence[Collection]) -> Extent | None:
    """Return the extent in degrees of collections together, None where nothing is known of any."""
    known = [c.revision.extent_deg for c in collections if c.revision.extent_deg is not None]
    if not known:
        return None
    return min(e[0] for e in known), min(e[1] for e in known), max(e[2] for e in known), max(e[3] for e in known)


def _matrix(grid: TileMatrixSet, level: int) -> Document:
    return {
        "id": str(level),
        "scaleDenominator": grid.scale_denominator(level),
        "cellSize": grid.cell(level),
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": list(grid.origin),
        "tileWidth": TILE_PX,
        "tileHeight": TILE_PX,
        "matrixWidth": grid.width(level),
        "matrixHeight": grid.height(level),
    }


def _item(title: str, address: str, base: str, grid: TileMatrixSet, language: str) -> Document:
    own = f"{address}/{grid.id}"
    named = f"{title} · {grid.title.in_language(language)}"
    made: Document = {"title": named, "dataType": "vector", "crs": grid.crs_uri}
    if grid.uri is not None:
        made["tileMatrixSetURI"] = grid.uri
    made["links"] = [
        links.link(own, "self", answers.JSON, named),
        links.link(f"{base}/tileMatrixSets/{grid.id}", f"{_REL}tiling-scheme", answers.JSON, grid.id),
        links.link(f"{own}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT, "MVT") | {"templated": True},
    ]
    return made


def _layer(collection: Collection, base: str, language: str) -> Document:
    kind, title = collection.feature_type, collection.dataset.title.in_language(language)
    schema = feature_schema(kind, language)["properties"]
    properties = dict(schema) if isinstance(schema, dict) else {}
    counted = {"type": "integer", "title": "所代表的要素数" if language == "zh" else "Features it stands for"}
    return {
        "id": collection.slug,
        "title": title,
        "dataType": "vector",
        "geometryDimension": _DIMENSIONS[kind.geometry_type],
        "featureType": kind.name,
        "propertiesSchema": {"type": "object", "properties": properties | {count_property(collection): counted}},
        "links": [links.link(f"{base}/collections/{collection.slug}", f"{_REL}geodata", answers.JSON, title)],
    }


def _fields(collection: Collection, language: str) -> dict[str, str]:
    known = {f.name: f.title.in_language(language) for f in collection.feature_type.fields}
    return known | {count_property(collection): "所代表的要素数" if language == "zh" else "Features it stands for"}
