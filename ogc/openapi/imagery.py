"""Paths of imagery: map tiles (OGC API - Tiles), WMTS and STAC."""

from __future__ import annotations

from ogc.openapi.build import (
    GEOJSON,
    HTML,
    JSON,
    KEPT_HEADERS,
    Described,
    Document,
    Part,
    answer,
    body,
    content,
    named,
    operation,
    path,
    query,
    read,
    schema,
)
from ogc.openapi.components import ACCEPT_DATETIME, BBOX, LIMIT, STATE_HEADERS
from ogc.pictures import FORMS, MEDIA_TYPES
from twin.query.images import is_imagery
from twin.tile_matrix_sets import MATRIX_SETS

_TEXT: Document = {"type": "string"}
_LIST: Document = {"type": "array", "items": _TEXT}
_NUMBER: Document = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_XML = "text/xml"
_SEARCH_BODY: Document = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "collections": _LIST,
        "ids": _LIST,
        "bbox": BBOX,
        "datetime": _TEXT,
        "intersects": {"type": "object"},
        "limit": LIMIT,
        "token": _TEXT,
    },
}
_WMTS_KEYS = ("layer", "style", "format", "tilematrixset", "tilematrix", "tilerow", "tilecol", "time")


def imagery_paths(described: Described) -> Part:
    """Return the paths of the imagery that the caller may see; none where the door draws no pictures or there is no imagery."""
    slugs = [slug for slug, collection in described.collections.items() if is_imagery(collection)]
    paths: dict[str, Document] = {}
    if described.can.draws:
        for slug in slugs:
            paths |= _map_paths(described, slug)
        paths |= _wmts_paths(described, slugs) | _stac_paths(described, slugs)
    return Part(paths)


def _map_paths(described: Described, slug: str) -> dict[str, Document]:
    own, text = f"/collections/{slug}/map/tiles", described.text
    grid = path("tileMatrixSet", {"type": "string", "enum": list(MATRIX_SETS)})
    numbers = [path(name, _NUMBER) for name in ("tileMatrix", "tileRow", "tileCol")]
    form = query("f", {"type": "string", "enum": list(FORMS)})
    return {
        own: read(f"{slug}.map.tilesets", text("地图瓦片集", "Map tilesets"), tag=slug),
        f"{own}/{{tileMatrixSet}}": read(
            f"{slug}.map.tileset", text("地图瓦片集", "Map tileset"), tag=slug, parameters=[grid, *named("f", "lang")]
        ),
        f"{own}/{{tileMatrixSet}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": read(
            f"{slug}.map.tile",
            text("地图瓦片", "Map tile"),
            tag=slug,
            parameters=[grid, *numbers, form, *named("lang", "datetime", "as-of", ACCEPT_DATETIME)],
            of=content(*(MEDIA_TYPES[form] for form in FORMS)),
            headers=STATE_HEADERS,
            answers={204: answer(text("此处无影像", "No image comes near"), headers={**KEPT_HEADERS, **STATE_HEADERS})},
        ),
    }


def _wmts_paths(described: Described, slugs: list[str]) -> dict[str, Document]:
    text = described.text
    report = answer(text("OWS 异常报告", "OWS exception report"), content(_XML))
    wrong = {400: report, 404: report}
    pictures, recorded = content(*MEDIA_TYPES.values()), named("as-of", ACCEPT_DATETIME)
    service = [
        query("service", {"type": "string", "enum": ["WMTS"]}, required=True),
        query("request", {"type": "string", "enum": ["GetCapabilities", "GetTile"]}, required=True),
        query("version", _TEXT, text("GetTile 必须为 1.0.0", "1.0.0, of GetTile: GetCapabilities has acceptversions")),
        *(query(name, _TEXT) for name in ("acceptversions", "acceptformats", "sections", "updatesequence", *_WMTS_KEYS)),
        *recorded,
    ]
    paths = {
        "/wmts": read("wmts", "WMTS 1.0.0", parameters=service, of=content(_XML) | pictures, headers=STATE_HEADERS, answers=wrong),
        "/wmts/1.0.0/WMTSCapabilities.xml": read("wmts.capabilities", "WMTS 1.0.0", parameters=[], of=content(_XML), answers=wrong),
    }
    if slugs:
        place = [
            path("layer", {"type": "string", "enum": slugs}),
            path("style", {"type": "string", "enum": ["default"]}),
            path("tilematrixset", {"type": "string", "enum": list(MATRIX_SETS)}),
            *(path(name, _NUMBER) for name in ("tilematrix", "tilerow", "tilecol")),
            path("suffix", {"type": "string", "enum": ["png", "jpg", "webp"]}),
        ]
        tile = "{tilematrixset}/{tilematrix}/{tilerow}/{tilecol}.{suffix}"
        day = path("time", {"type": "string", "format": "date"})
        title = text("WMTS 瓦片", "WMTS tile")
        for name, between, of_day in (("wmts.tile", "", []), ("wmts.tile.day", "{time}/", [day])):
            paths[f"/wmts/1.0.0/{{layer}}/{{style}}/{between}{tile}"] = read(
                name, title, parameters=[*place, *of_day, *recorded], of=pictures, headers=STATE_HEADERS, answers=wrong
            )
    return paths


def _stac_paths(described: Described, slugs: list[str]) -> dict[str, Document]:
    text, items = described.text, content(GEOJSON, HTML, value={"type": "object", "required": ["features", "links"]})
    page = [*named("f", "lang", "limit", "bbox", "datetime"), query("token", _TEXT)]
    search = [*page, query("intersects", _TEXT, "GeoJSON"), query("ids", _LIST), query("collections", _LIST)]
    paths = {
        "/stac": read("stac", "STAC"),
        "/stac/conformance": read("stac.conformance", "STAC", of=content(JSON, HTML, value=schema("conformance"))),
        "/stac/search": read("stac.search", text("检索影像", "Search images"), parameters=search, of=items),
        "/stac/collections": read("stac.collections", text("影像集合", "Collections of images")),
    }
    paths["/stac/search"]["post"] = operation(
        "stac.search.post",
        text("检索影像", "Search images"),
        {200: answer("OK", items)},
        parameters=named("f", "lang"),
        request_body=body(content(JSON, value=_SEARCH_BODY)),
        problems=(400, 401, 404, 405, 406, 413, 414, 415, 429, 503),
    )
    if slugs:
        collection = path("collection", {"type": "string", "enum": slugs})
        one = "/stac/collections/{collection}"
        paths |= {
            one: read("stac.collection", text("影像集合", "A collection of images"), parameters=[collection, *named("f", "lang")]),
            f"{one}/items": read("stac.items", text("影像", "Images"), parameters=[collection, *page], of=items),
            f"{one}/items/{{item}}": read(
                "stac.item",
                text("影像", "An image"),
                parameters=[collection, *named("item", "f", "lang")],
                of=content(GEOJSON, HTML, value=schema("feature")),
            ),
        }
    return paths
