"""/api/feature-types, /api/datasets, /api/rules: what a file can be loaded as, into what, and what it is checked by; /api/openapi."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from twin.catalogue import asset_kind
from twin.errors import Text
from twin.model import Asset, FeatureType, Field
from twin.rules.loader import load_rules
from twin.rules.parameters import thawed
from twin.rules.rule import Rule
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.routes.answers import json_answer

Json = dict[str, object]


def vocabulary_router(city: City) -> APIRouter:
    """Return /api/feature-types, /api/datasets and /api/rules."""
    router = APIRouter(tags=["Vocabulary"])

    def feature_types(request: Request) -> Response:
        """Every FeatureType a file can be loaded as, with its fields and the names sources give them."""
        return json_answer(request, [_feature_type(t) for _, t in sorted(city.catalogue.feature_types().items())])

    def datasets(request: Request) -> Response:
        """Every published dataset with its newest revision; ``tiles``: whether its 3D form is built, and how far a build is."""
        classes = principal_of(request).classes
        assets = {(a.dataset, a.revision): a for a in city.catalogue.assets.of_current_revisions()}
        found = [(d, city.catalogue.current_revision(d.slug)) for d in city.catalogue.datasets() if d.sharing in classes]
        return json_answer(
            request,
            [
                {
                    "slug": d.slug,
                    "type": d.feature_type,
                    "title": _text(d.title),
                    "revision": r.commit,
                    "count": r.count,
                    "tiles": _tiles(city.catalogue.feature_type(d.feature_type), assets.get((d.id, r.commit))),
                }
                for d, r in found
                if r is not None
            ],
        )

    def rules(request: Request) -> Response:
        """Every rule files are checked by."""
        return json_answer(request, [_rule(r) for r in load_rules().values()])

    router.add_api_route("/api/rules", rules, methods=["GET"])
    router.add_api_route("/api/feature-types", feature_types, methods=["GET"])
    router.add_api_route("/api/datasets", datasets, methods=["GET"])
    return router


def definition_router(title: str, routes: Sequence[BaseRoute]) -> APIRouter:
    """Return /api/openapi, derived from ``routes``."""
    router = APIRouter()

    def openapi(request: Request) -> Response:
        """The OpenAPI definition of /api."""
        document = get_openapi(title=title, version="1.0.0", routes=routes, servers=[{"url": str(request.base_url).rstrip("/")}])
        document["components"] = document.get("components", {}) | {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        for path in document["paths"].values():
            for method in ("post", "delete"):
                if method in path:
                    path[method]["security"] = [{"token": []}]
        return json_answer(request, document)

    router.add_api_route("/api/openapi", openapi, methods=["GET"], include_in_schema=False)
    return router


def _tiles(t: FeatureType, asset: Asset | None) -> Json | None:
    """Return the state of a 3D form, with how far it is while it is built; None for types that have none."""
    if asset_kind(t) is None:
        return None
    state = "missing" if asset is None else asset.state
    return {"state": state, "progress": asset.detail.get("progress") if asset is not None and state == "building" else None}


def _feature_type(t: FeatureType) -> Json:
    return {
        "name": t.name,
        "title": _text(t.title),
        "description": _text(t.description),
        "aliases": list(t.aliases),
        "geometry": t.geometry_type,
        "z": t.has_z,
        "natural_key": list(t.natural_key),
        "cityjson": list(t.cityjson_types),
        "fields": [_field(f) for f in t.fields],
    }


def _field(f: Field) -> Json:
    return {
        "name": f.name,
        "title": _text(f.title),
        "type": f.type,
        "unit": f.unit,
        "required": f.required,
        "aliases": list(f.aliases),
        "reference": None if f.reference is None else f"{f.reference.type}.{f.reference.field}",
    }


def _rule(r: Rule) -> Json:
    return {
        "id": r.id,
        "family": r.family,
        "title": _text(r.title),
        "advice": _text(r.advice),
        "severity": r.severity.value,
        "confidence": r.confidence,
        "waivable": r.waivable,
        "needs": list(r.needs),
        "clause": r.clause,
        "edition": r.edition,
        "source": _text(r.source),
        "parameters": {n: {"type": p.type, "unit": p.unit, "default": thawed(p.default)} for n, p in r.parameters.items()},
    }


def _text(text: Text) -> Json:
    return {"zh": text.zh, "en": text.en}
