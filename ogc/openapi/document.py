"""The whole definition: the parts of every subject joined."""

from __future__ import annotations

from collections.abc import Callable

from ogc.openapi.build import Described, Document, Part
from ogc.openapi.components import PROBLEM_RESPONSE, shared
from ogc.openapi.core import core_paths
from ogc.openapi.exports import exports_paths
from ogc.openapi.features import features_paths
from ogc.openapi.findings import findings_paths
from ogc.openapi.geovolumes import geovolumes_paths
from ogc.openapi.imagery import imagery_paths
from ogc.openapi.old_clients import old_clients_paths
from ogc.openapi.processes import processes_paths
from ogc.openapi.records import records_paths
from ogc.openapi.search import search_paths
from ogc.openapi.styles import styles_paths
from ogc.openapi.tiles import tiles_paths
from ogc.openapi.versions import versions_paths
from ogc.openapi.writing import writing_paths

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
SUBJECTS: tuple[Callable[[Described], Part], ...] = (
    core_paths,
    features_paths,
    exports_paths,
    findings_paths,
    search_paths,
    tiles_paths,
    versions_paths,
    writing_paths,
    processes_paths,
    old_clients_paths,
    styles_paths,
    records_paths,
    imagery_paths,
    geovolumes_paths,
)
"""Every subject of the door: a new one adds its function here."""
SECURITY: Document = {"token": {"type": "http", "scheme": "bearer"}}
"""How writing operations say that they need a token."""


def openapi_document(described: Described, base_url: str) -> Document:
    """Return the definition with one set of paths per collection, so that its properties and CRSs are named."""
    parts = [shared(described), *(subject(described) for subject in SUBJECTS)]
    paths: dict[str, Document] = {}
    parameters: Document = {}
    schemas: Document = {}
    for part in parts:
        for address, item in part.paths.items():
            paths.setdefault(address, {}).update(item)
        parameters |= part.parameters
        schemas |= part.schemas
    tags = [{"name": slug, "description": c.dataset.title.in_language(described.language)} for slug, c in described.collections.items()]
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"{described.deployment.name} · OGC API",
            "version": "1.0.0",
            "description": described.text("要素与矢量瓦片，可按提交回溯", "Features and vector tiles, as of any commit"),
        },
        "servers": [{"url": base_url}],
        "tags": tags,
        "paths": paths,
        "components": {
            "parameters": parameters,
            "schemas": schemas,
            "responses": {"problem": PROBLEM_RESPONSE},
            "securitySchemes": SECURITY,
        },
    }
