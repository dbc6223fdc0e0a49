"""Collections → the configuration pygeoapi is given; pure."""

from __future__ import annotations

from collections.abc import Mapping

from twin.crs.output import CRS84_URI, CRS84H_URI, epsg_uri
from twin.model import Deployment
from twin.query.collection import Collection

Config = dict[str, object]
_PYGEOAPIS_CRS84H = "http://www.opengis.net/def/crs/OGC/1.3/CRS84h"
"""CRS84h under the only name by which pygeoapi takes it for a default; the registered one has version 0."""
LANGUAGES = ("zh-Hans", "en")
"""Not zh-CN: with it pygeoapi 0.24 fails on every Accept-Language it does not know."""
PROVIDER = "ogc.provider.CityFeatureProvider"
_WORLD = [-180.0, -90.0, 180.0, 90.0]


def pygeoapi_config(
    deployment: Deployment, collections: Mapping[str, Collection], base_url: str, source: object, **provider: str
) -> Config:
    """Return pygeoapi's configuration of a city's collections; ``source`` is handed to the provider as its ``data``.

    ``provider``: further values that each collection's provider is handed.
    """
    title = {"zh-Hans": f"{deployment.name} · 空间基础平台", "en": f"{deployment.name} · spatial base platform"}
    description = {
        "zh-Hans": "城市空间信息基础平台的 OGC API：要素、瓦片、样式、目录、三维和处理，可按提交回溯；另有旧客户端的接口。",
        "en": (
            "OGC APIs of the city's spatial base platform: features, tiles, styles, records, 3D and processes, as of any commit;"
            " and doors for clients of before."
        ),
    }
    return {
        "server": {
            "bind": {"host": "0.0.0.0", "port": 0},  # noqa: S104 - pygeoapi asks for it and never binds it here
            "url": base_url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": list(LANGUAGES),
            "pretty_print": False,
            "limits": {"default_items": 100, "max_items": 10_000},
            "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": title,
                "description": description,
                "keywords": {"zh-Hans": ["城市", "CIM"], "en": ["city", "CIM"]},
                "keywords_type": "theme",
                "terms_of_service": "",
                "url": base_url,
            },
            "license": {"name": "", "url": ""},
            "provider": {"name": deployment.name, "url": base_url},
            "contact": {"name": "", "email": "", "url": base_url},
        },
        "resources": {slug: _resource(collection, source, provider) for slug, collection in collections.items()},
    }


def _resource(collection: Collection, source: object, provider: Mapping[str, str]) -> Config:
    kind, dataset = collection.feature_type, collection.dataset
    return {
        "type": "collection",
        "title": {"zh-Hans": dataset.title.zh, "en": dataset.title.en},
        "description": {"zh-Hans": kind.description.zh, "en": kind.description.en},
        "keywords": {"zh-Hans": [kind.title.zh, kind.cim_class], "en": [kind.title.en, kind.cim_class]},
        "extents": {"spatial": {"bbox": list(collection.revision.extent_deg or _WORLD), "crs": CRS84_URI}},
        "links": [],
        "providers": [
            {
                "type": "feature",
                "name": PROVIDER,
                "data": source,
                "id_field": "id",
                "table": dataset.slug,
                "crs": [*_default_crs(collection)[1:], *(crs.uri for crs in collection.crs)],
                # pygeoapi transforms boxes and filters into this CRS, with right axes as long as it is longitude, latitude
                "storage_crs": _default_crs(collection)[-1],
                **provider,
            }
        ],
    }


def _default_crs(collection: Collection) -> tuple[str, ...]:
    """Return the names of the CRS that answers have without ``crs``: the last is what pygeoapi knows it by."""
    default = collection.crs[0].uri
    return (default, _PYGEOAPIS_CRS84H) if default == CRS84H_URI else (default,)


def storage_crs_uri(collection: Collection) -> str:
    """Return the URI of the CRS a collection is really stored in."""
    return epsg_uri(collection.storage_srid)
