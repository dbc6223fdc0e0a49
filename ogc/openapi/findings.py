"""Paths of the collection of findings."""

from __future__ import annotations

from ogc.findings import offered_crs
from ogc.openapi.build import GEOJSON, HTML, JSON, SCHEMA, Described, Part, content, named, query, read, schema
from ogc.openapi.features import crs_parameters
from twin.query.findings import COLLECTION_ID, QUERYABLE


def findings_paths(described: Described) -> Part:
    """Return the paths below ``/collections/findings``."""
    title = described.text("检查问题", "Findings of checks")
    own, offered = f"/collections/{COLLECTION_ID}", offered_crs(described.deployment)
    schemas = content(SCHEMA, HTML, value=schema("jsonSchema"))
    return Part(
        {
            own: read("findings", title, of=content(JSON, HTML, value=schema("collection"))),
            f"{own}/schema": read("findings.schema", title, of=schemas),
            f"{own}/queryables": read("findings.queryables", title, of=schemas),
            f"{own}/items": read(
                "findings.items",
                title,
                parameters=[
                    *named("f", "lang", "bbox", "datetime", "limit", "filter", "filter-lang", "cursor"),
                    *crs_parameters(offered, "crs", "bbox-crs", "filter-crs"),
                    *(query(name, {"type": "string"}) for name in QUERYABLE),
                ],
                of=content(GEOJSON, HTML, value=schema("featureCollection")),
            ),
            f"{own}/items/{{item}}": read(
                "findings.item",
                title,
                parameters=[*named("item", "f", "lang"), *crs_parameters(offered, "crs")],
                of=content(GEOJSON, HTML, value=schema("feature")),
            ),
        }
    )
