"""What stands around the features of a page: links to the pages beside it, how many there are, when it was made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from starlette.requests import Request

from ogc import answers, cursors, links
from twin.query.collection import Collection
from twin.query.feature_query import Boundary
from twin.query.items import ItemsPage

Head = dict[str, object]


def page_head(
    request: Request, collection: Collection, page: ItemsPage, boundary: Boundary | None, commit: int, form: str, language: str
) -> Head:
    """Return the members of a page's document beside its features.

    ``boundary`` is where the page began, ``commit`` the recorded state that it and every page it links to belong to. numberMatched is
    there where it is known at no cost: of whole collections, and where all that matches is on this page (17-069r4, 7.15.7).
    """
    found = _links(request, collection, form, language)
    beside = _beside(page, boundary)
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name not in {"cursor", "as-of"}]
    for relation, place in beside:
        cursor = cursors.written(commit, place, back=relation == "prev")
        href = links.with_parameters(f"{_address(request, collection)}/items", [*pairs, ("cursor", cursor)])
        found.append(links.link(href, relation, _media_type(form), links.title(relation, language)))
    found.append(links.link(_address(request, collection), "collection", answers.JSON, collection.dataset.title.in_language(language)))
    matched = page.matched if page.matched is not None or boundary is not None or page.more else page.count
    return head(page.count, matched, commit, found)


def hits_head(request: Request, collection: Collection, matched: int, commit: int, form: str, language: str) -> Head:
    """Return the members of the answer that says only how many features there are."""
    return head(0, matched, commit, _links(request, collection, form, language))


def head(returned: int, matched: int | None, commit: int, found: Sequence[links.Link]) -> Head:
    """Return the members of a GeoJSON FeatureCollection that are not its features."""
    made: Head = {
        "type": "FeatureCollection",
        "commit": commit,
        "timeStamp": time_stamp(),
        "numberReturned": returned,
        "links": list(found),
    }
    return made if matched is None else made | {"numberMatched": matched}


def time_stamp() -> str:
    """Return when this is: RFC 3339, UTC, whole seconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def link_header(request: Request, collection: Collection, found: Sequence[links.Link], language: str) -> str:
    """Return the Link header of a page of a collection."""
    return links.items_header(_address(request, collection), found, language)


def _beside(page: ItemsPage, boundary: Boundary | None) -> list[tuple[str, Boundary]]:
    """Return the relations of the pages beside this one and the features they begin at."""
    onward, backward = ("prev", "next") if boundary is not None and boundary.back else ("next", "prev")
    found = [(onward, page.farthest)] if page.farthest is not None else []
    if boundary is not None and page.nearest is not None:
        found.append((backward, page.nearest))
    return found


def _links(request: Request, collection: Collection, form: str, language: str) -> list[links.Link]:
    pairs = request.query_params.multi_items()
    return links.self_and_alternate(f"{_address(request, collection)}/items", pairs, form, answers.GEOJSON, language)


def _address(request: Request, collection: Collection) -> str:
    return links.collection_address(request, collection.slug)


def _media_type(form: str) -> str:
    return "text/html" if form == "html" else answers.GEOJSON
