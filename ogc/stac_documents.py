"""Documents of the SpatioTemporal Asset Catalog: catalog, collections, items with their images (STAC 1.0.0); pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ogc import answers, links
from ogc.image_grid import pixel_grid
from ogc.sender import Asked
from twin.query.collection import Collection

Document = dict[str, object]
VERSION = "1.0.0"
CONFORMS_TO = (
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_PROJECTION = "https://stac-extensions.github.io/projection/v1.1.0/schema.json"
_FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_EPSG = re.compile(r"EPSG:(\d{4,6})")
_LICENCE = re.compile(r"[A-Za-z0-9_.+-]+")
_SHA256_MULTIHASH = "1220"
_EARLIEST = "1858-01-01T00:00:00Z"
"""The year of the first photograph from the air: an image without a day was taken between then and its recording."""
_WORLD = [-180.0, -90.0, 180.0, 90.0]


def catalogue(asked: Asked, collections: Sequence[Collection]) -> Document:
    """Return the root catalog, with a link to every collection."""
    address = f"{asked.base}/stac"
    children = [
        link(f"{address}/collections/{c.slug}", "child", answers.JSON, c.dataset.title.in_language(asked.language)) for c in collections
    ]
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "imagery",
        "title": asked.text(f"{asked.state.deployment.name} · 影像", f"{asked.state.deployment.name} · imagery"),
        "description": asked.text("全部日期的航空和卫星影像", "Aerial and satellite imagery of every date"),
        "conformsTo": list(CONFORMS_TO),
        "links": [
            link(address, "self", answers.JSON),
            link(address, "root", answers.JSON),
            link(f"{address}/conformance", "conformance", answers.JSON),
            link(f"{address}/collections", "data", answers.JSON),
            link(f"{asked.base}/openapi", "service-desc", "application/vnd.oai.openapi+json;version=3.0"),
            link(f"{asked.base}/openapi?f=html", "service-doc", "text/html"),
            *(link(f"{address}/search", "search", answers.GEOJSON) | {"method": method} for method in ("GET", "POST")),
            *children,
        ],
    }


def stac_collection(asked: Asked, collection: Collection, days: Sequence[dt.date]) -> Document:
    """Return one collection; ``days`` are those on which its images were taken, the first one first."""
    dataset, address = collection.dataset, f"{asked.base}/stac/collections/{collection.slug}"
    ends = [_midnight(days[0]), _midnight(days[-1])] if days else [None, None]
    providers = [{"name": dataset.owner_department, "roles": ["producer", "licensor"]}] if dataset.owner_department else []
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": collection.slug,
        "title": dataset.title.in_language(asked.language),
        "description": collection.feature_type.description.in_language(asked.language),
        "license": dataset.licence if _LICENCE.fullmatch(dataset.licence) else "proprietary",
        "providers": providers,
        "extent": {
            "spatial": {"bbox": [list(collection.revision.extent_deg or _WORLD)]},
            "temporal": {"interval": [ends]},
        },
        "links": [
            link(address, "self", answers.JSON),
            link(f"{asked.base}/stac", "root", answers.JSON),
            link(f"{asked.base}/stac", "parent", answers.JSON),
            link(f"{address}/items", "items", answers.GEOJSON),
            link(f"{asked.base}/collections/catalogue/items/{collection.slug}", "describedby", answers.GEOJSON),
        ],
    }


def item_document(asked: Asked, collection: Collection, feature: Mapping[str, Any], recorded_by: str) -> Document:
    """Return the item of an image from its feature; ``recorded_by`` is a time until which it was recorded, RFC 3339."""
    own, root = f"{asked.base}/stac/collections/{collection.slug}", asked.base.removesuffix("/ogc")
    values, address = feature["properties"], f"{own}/items/{feature['id']}"
    image: Document = {
        "href": f"{root}/tiles/{collection.slug}/{collection.revision.commit}/{values['sha256']}.tif",
        "type": COG,
        "title": values["name"],
        "roles": ["data"],
        "file:checksum": f"{_SHA256_MULTIHASH}{values['sha256']}",
    }
    made: Document = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [_PROJECTION, _FILE],
        "id": feature["id"],
        "collection": collection.slug,
        "geometry": feature["geometry"],
        "properties": _properties(feature, recorded_by),
        "assets": {"image": image},
        "links": [
            link(address, "self", answers.GEOJSON),
            link(f"{asked.base}/stac", "root", answers.JSON),
            link(own, "parent", answers.JSON),
            link(own, "collection", answers.JSON),
            link(f"{asked.base}/collections/{collection.slug}/items/{feature['id']}", "alternate", answers.GEOJSON),
        ],
    }
    bounds = _bounds(feature["geometry"])
    return made | ({"bbox": bounds} if bounds else {})


def link(href: str, rel: str, media_type: str, title: str | None = None) -> links.Link:
    """Return one link."""
    made: links.Link = {"rel": rel, "href": href, "type": media_type}
    return made | ({"title": title} if title else {})


def _properties(feature: Mapping[str, Any], recorded_by: str) -> Document:
    values = feature["properties"]
    day = values.get("acquired_on")
    when: Document = {"datetime": f"{day}T00:00:00Z"}
    if day is None:
        when = {"datetime": None, "start_datetime": _EARLIEST, "end_datetime": recorded_by}
    code = _EPSG.fullmatch(values.get("source_crs") or "")
    made: Document = when | {"title": values["name"], "proj:epsg": int(code[1]) if code else None}
    if values.get("width") and values.get("height"):
        made["proj:shape"] = [values["height"], values["width"]]
        grid = pixel_grid(feature["geometry"], int(code[1]), values["width"], values["height"]) if code and feature["geometry"] else None
        made |= {"proj:transform": grid} if grid else {}
    if values.get("resolution_m"):
        made["gsd"] = values["resolution_m"]
    if values.get("sensor"):
        made["instruments"] = [values["sensor"]]
    return made


def _bounds(geometry: Mapping[str, Any] | None) -> list[float] | None:
    points = list(_points(geometry["coordinates"])) if geometry else []
    if not points:
        return None
    return [min(x for x, _ in points), min(y for _, y in points), max(x for x, _ in points), max(y for _, y in points)]


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:  # noqa: ANN401 - as deep as the geometry is
    if coordinates and isinstance(coordinates[0], int | float):
        yield coordinates[0], coordinates[1]
    else:
        for part in coordinates:
            yield from _points(part)


def _midnight(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
