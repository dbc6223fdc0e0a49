"""Metadata of vector tilesets (OGC 17-083r4, 20-057) and TileJSON 3.0; pure."""

from __future__ import annotations

import math

from ogc.tile_door import MATRIX_SET
from twin.featuretypes.json_schema import feature_schema
from twin.query.collection import Collection
from twin.query.tile import DEEPEST_LEVEL

Document = dict[str, object]
MVT = "application/vnd.mapbox-vector-tile"
MATRIX_SET_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_HALF_WORLD_M = 20037508.342789244
_PIXEL_M = 0.00028
"""The standardised rendering pixel of OGC 17-083r4, 6.1.1."""
_DIMENSIONS = {"Point": 0, "LineString": 1, "MultiPolygon": 2}


def tileset_list(collection: Collection, base: str, language: str) -> Document:
    """Return the list of a collection's tilesets."""
    address = f"{base}/collections/{collection.slug}/tiles"
    entry = {
        "title": collection.dataset.title.in_language(language),
        "dataType": "vector",
        "crs": WEB_MERCATOR,
        "tileMatrixSetURI": MATRIX_SET_URI,
        "links": [_link(f"{address}/{MATRIX_SET}", "self", "application/json"), _scheme(base), _tiles(address)],
    }
    return {"links": [_link(address, "self", "application/json")], "tilesets": [entry]}


def tileset(collection: Collection, base: str, language: str) -> Document:
    """Return the metadata of a collection's tileset."""
    address = f"{base}/collections/{collection.slug}/tiles"
    schema = feature_schema(collection.feature_type, language)
    layer = {
        "id": collection.slug,
        "dataType": "vector",
        "geometryDimension": _DIMENSIONS[collection.feature_type.geometry_type],
        "featureType": collection.feature_type.name,
        "propertiesSchema": {"type": "object", "properties": schema["properties"]},
    }
    made: Document = {
        "title": collection.dataset.title.in_language(language),
        "dataType": "vector",
        "crs": WEB_MERCATOR,
        "tileMatrixSetURI": MATRIX_SET_URI,
        "layers": [layer],
        "links": [_link(f"{address}/{MATRIX_SET}", "self", "application/json"), _scheme(base), _tiles(address)],
    }
    if collection.revision.extent_deg:
        west, south, east, north = collection.revision.extent_deg
        made["boundingBox"] = {
            "lowerLeft": [west, south],
            "upperRight": [east, north],
            "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        }
    return made


def tilejson(collection: Collection, base: str, language: str) -> Document:
    """Return the TileJSON 3.0 of a collection's tileset."""
    properties = {f.name: f.title.in_language(language) for f in collection.feature_type.fields}
    made: Document = {
        "tilejson": "3.0.0",
        "name": collection.dataset.title.in_language(language),
        "version": f"{collection.revision.commit}.0.0",
        "scheme": "xyz",
        "tiles": [f"{base}/collections/{collection.slug}/tiles/{MATRIX_SET}/{{z}}/{{y}}/{{x}}"],
        "minzoom": 0,
        "maxzoom": DEEPEST_LEVEL,
        "vector_layers": [{"id": collection.slug, "fields": properties}],
    }
    if collection.revision.extent_deg:
        made["bounds"] = list(collection.revision.extent_deg)
    return made


def matrix_set_list(base: str) -> Document:
    """Return the list of tile matrix sets: the one."""
    address = f"{base}/tileMatrixSets"
    return {
        "tileMatrixSets": [
            {
                "id": MATRIX_SET,
                "title": "Google Maps Compatible for the World",
                "uri": MATRIX_SET_URI,
                "crs": WEB_MERCATOR,
                "links": [_link(f"{address}/{MATRIX_SET}", "self", "application/json")],
            }
        ]
    }


def matrix_set() -> Document:
    """Return the definition of WebMercatorQuad (OGC 17-083r4, annex D.1) down to the deepest level served."""
    return {
        "id": MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": MATRIX_SET_URI,
        "crs": WEB_MERCATOR,
        "orderedAxes": ["E", "N"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [_matrix(level) for level in range(DEEPEST_LEVEL + 1)],
    }


def _matrix(level: int) -> Document:
    cell_m = math.ldexp(2 * _HALF_WORLD_M / 256, -level)
    return {
        "id": str(level),
        "scaleDenominator": cell_m / _PIXEL_M,
        "cellSize": cell_m,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [-_HALF_WORLD_M, _HALF_WORLD_M],
        "tileWidth": 256,
        "tileHeight": 256,
        "matrixWidth": 1 << level,
        "matrixHeight": 1 << level,
    }


def _tiles(address: str) -> Document:
    template = f"{address}/{MATRIX_SET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    return _link(template, "item", MVT) | {"templated": True}


def _scheme(base: str) -> Document:
    return _link(f"{base}/tileMatrixSets/{MATRIX_SET}", _SCHEME, "application/json")


def _link(href: str, rel: str, media_type: str) -> Document:
    return {"href": href, "rel": rel, "type": media_type}
