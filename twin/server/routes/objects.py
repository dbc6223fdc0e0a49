"""One object of the city by its OID: where it is served, how it is represented, and what it is linked with."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ogc.parameters import moment
from twin.query.collection import collections_of
from twin.query.links import Link, links_of
from twin.query.objects import RecordedState, find_object
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.routes.answers import json_answer

MOST_LINKS = 1000


def objects_router(city: City) -> APIRouter:
    """Return /api/objects/{oid}."""
    router = APIRouter(tags=["City"])
    door = _ObjectsDoor(city)
    router.add_api_route("/api/objects/{oid}", door.object, methods=["GET"])
    return router


class _ObjectsDoor:
    def __init__(self, city: City) -> None:
        self._city = city

    def object(self, request: Request, oid: str) -> Response:
        """The object and its links, now or ``as-of`` a commit or time; 410 when it is no more."""
        catalogue, principal = self._city.catalogue, principal_of(request)
        asked = moment(request.query_params.get("as-of"))
        as_of = None if asked is None else catalogue.commit_as_of(asked)
        collections = tuple(collections_of(catalogue).values())
        state = find_object(self._city.pool, collections, oid, principal, as_of)
        links = links_of(self._city.pool, state.collection, state.fid, collections, principal, as_of, MOST_LINKS)
        return json_answer(request, _document(oid, state, links))


def _document(oid: str, state: RecordedState, links: tuple[Link, ...]) -> dict[str, object]:
    return {
        "oid": oid,
        "dataset": state.collection.slug,
        "feature_type": state.collection.feature_type.name,
        "key": state.key,
        "commit_from": state.commit_from,
        "commit_to": state.commit_to,
        "item": _item(state.collection.slug, oid),
        "links": [_link(link) for link in links],
        "links_complete": len(links) < MOST_LINKS,
    }


def _link(link: Link) -> dict[str, object]:
    title = link.reference.title
    return {
        "relation": link.reference.relation,
        "title": {"zh": title.zh, "en": title.en},
        "direction": link.direction,
        "oid": link.oid,
        "dataset": link.collection.slug,
        "feature_type": link.collection.feature_type.name,
        "key": link.key,
        "item": _item(link.collection.slug, link.oid),
    }


def _item(dataset: str, oid: str) -> str:
    return f"ogc/collections/{dataset}/items/{oid}"
