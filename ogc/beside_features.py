"""What the documents of the features link to beside them: records, styles, maps, 3D, STAC, WMTS; pure but for the volumes it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ogc import answers, links
from ogc.form_links import form_links
from ogc.geovolumes import with_volume
from ogc.map_tiles import map_tilesets_link
from ogc.state import OgcContext
from ogc.styles import STYLES_REL
from ogc.volumes import Volume
from ogc.wmts import wmts_link
from styles.derive import named_styles
from twin.query.collection import Collection
from twin.query.images import is_imagery
from twin.query.records import CATALOGUE


def landing_links(context: OgcContext, base: str, language: str) -> list[links.Link]:
    """Return the links of the landing page to what is not a collection of features."""
    zh = language == "zh"
    found = [
        links.link(f"{base}/styles", STYLES_REL, answers.JSON, "样式" if zh else "Styles"),
        links.link(
            f"{base}/collections/{CATALOGUE}", "http://www.opengis.net/def/rel/ogc/1.0/ogc-catalog", answers.JSON,
            "数据目录" if zh else "Catalogue",
        ),
        links.link(f"{base}/dcat", "alternate", "application/ld+json", "数据目录（DCAT）" if zh else "The catalogue in DCAT"),
        links.link(f"{base}/wfs?service=WFS&request=GetCapabilities", "alternate", "text/xml", "WFS 2.0.0"),
        links.link(f"{base}/arcgis/rest/services", "alternate", answers.JSON, "ArcGIS FeatureServer"),
    ]  # fmt: skip
    if context.jobs is not None:
        found.append(links.link(f"{base}/processes", f"{links.RELATIONS}processes", answers.JSON, "处理过程" if zh else "Processes"))
        found.append(links.link(f"{base}/jobs", f"{links.RELATIONS}job-list", answers.JSON, "作业" if zh else "Jobs"))
    if context.pictures is not None:
        found.append(links.link(f"{base}/stac", "child", answers.JSON, "影像（STAC）" if zh else "Imagery as STAC"))
        found.append(wmts_link(base, language))
    if context.volumes is not None:
        relation = "http://www.opengis.net/def/rel/ogc/1.0/3d-geovolumes"
        found.append(links.link(f"{base}/geovolumes", relation, answers.JSON, "三维数据" if zh else "3D data"))
    return found


def completed(
    document: dict[str, Any], collection: Collection, context: OgcContext, volumes: Mapping[str, Volume], base: str, language: str
) -> dict[str, Any]:
    """Return the description of a collection with the forms of its items, its styles, map tiles, record and 3D form."""
    own, zh = f"{base}/collections/{collection.slug}", language == "zh"
    if context.exports is not None:
        found = form_links(f"{own}/items", [], "items", context.exports.formats.offered(collection), language)
        place = next((n for n, entry in enumerate(document["links"]) if entry["rel"] == "items"), 0)
        document["links"][place:place] = found  # before plain GeoJSON: GDAL reads whatever of that media type is linked to last
    document["links"].append(links.link(f"{own}/styles", STYLES_REL, answers.JSON, "样式" if zh else "Styles"))
    record = f"{base}/collections/{CATALOGUE}/items/{collection.slug}"
    document["links"].append(links.link(record, "describedby", answers.GEOJSON, "目录记录" if zh else "Record in the catalogue"))
    kind = collection.feature_type
    document["defaultStyle"] = named_styles(kind if context.styles is None else context.styles.styled(kind))[0].id
    if context.pictures is not None and is_imagery(collection):
        document["links"].append(map_tilesets_link(base, collection, language))
        document["links"].append(links.link(f"{base}/stac/collections/{collection.slug}", "alternate", answers.JSON, "STAC"))
    volume = volumes.get(collection.slug)
    return document if volume is None else with_volume(document, collection, volume, base, language)
