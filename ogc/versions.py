"""``…/items/{oid}/versions`` and ``…/versions``: every recorded state, with the commit that made it, and where it is read."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, memento, negotiation
from ogc.parameters import page_limit, whole_number
from ogc.sender import Asked, Sender
from twin.errors import BadRequestError, NotFoundError
from twin.query.collection import Collection
from twin.query.execute import fetch_rows
from twin.query.versions import (
    Act,
    RecordedRevision,
    RecordedState,
    recorded_revisions,
    recorded_states,
    revisions_statement,
    states_statement,
)

Document = dict[str, object]
_REVISIONS = ("limit", "cursor")
_FORMS = ("link",)
_MEDIA_TYPES = {memento.LINK_FORMAT: "link"}


class VersionsDoor:
    """The time maps of features and collections."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def routes(self) -> list[Route]:
        """Return the routes."""
        collection = "/collections/{collection}"
        return [Route(f"{collection}/versions", self.revisions), Route(f"{collection}/items/{{item}}/versions", self.states)]

    async def states(self, request: Request) -> Response:
        """The recorded states of a feature, the newest first, whether or not it still stands."""
        asked = await self._sender.begin(request)
        collection = await self._sender.collection(asked)
        fid = collection.fid(request.path_params["item"])
        found = recorded_states(await fetch_rows(self._sender.context.pool, states_statement(collection, asked.principal, fid)))
        if not found:
            raise NotFoundError("there is no such feature", zh="没有该要素")
        own = f"{_address(asked, collection)}/items/{collection.oid_prefix}{fid}"
        document = {"id": f"{collection.oid_prefix}{fid}", **_states_document(own, found)}
        return await self._send(asked, collection, own, document, [state.since for state in found])

    async def revisions(self, request: Request) -> Response:
        """The revisions of a collection, the newest first."""
        asked = await self._sender.begin(request, _REVISIONS)
        collection = await self._sender.collection(asked)
        before, limit = _before(asked.given.get("cursor")), page_limit(asked.given.get("limit"))
        statement = revisions_statement(collection, asked.principal, before, limit + 1)
        rows = await fetch_rows(self._sender.context.pool, statement)
        found, own = recorded_revisions(rows[:limit]), _address(asked, collection)
        document: Document = {"id": collection.slug, "versions": [_revision(own, revision) for revision in found]}
        onward = [("cursor", str(found[-1].act.commit))] if len(rows) > limit else []
        return await self._send(asked, collection, own, document, [revision.act for revision in found], onward)

    async def _send(
        self,
        asked: Asked,
        collection: Collection,
        own: str,
        document: Document,
        acts: Sequence[Act],
        onward: Sequence[tuple[str, str]] = (),
    ) -> Response:
        form = negotiation.form(asked.request, _FORMS, _MEDIA_TYPES)
        pairs = asked.request.query_params.multi_items()
        following = links.with_parameters(f"{own}/versions", [*((n, v) for n, v in pairs if n != "cursor"), *onward]) if onward else None
        if form == "link":
            text = _link_format(own, str(asked.request.url), following, acts)
            return await self._sender.send_bytes(asked, text.encode(), memento.LINK_FORMAT)
        made = links.self_and_alternate(f"{own}/versions", pairs, form, answers.JSON, asked.language)
        made.append(links.link(f"{own}/versions?f=link", "alternate", memento.LINK_FORMAT, "TimeMap"))
        made.append(links.link(own, "original", answers.GEOJSON if "/items/" in own else answers.JSON, str(document["id"])))
        if following is not None:
            made.append(links.link(following, "next", answers.JSON, links.title("next", asked.language)))
        return await self._sender.send(asked, document | {"links": made}, "collections/versions.html", collection=collection)


def _states_document(own: str, found: Sequence[RecordedState]) -> Document:
    ended = found[0].until
    return {
        "versions": [
            _act(state.since) | {"until": state.until and state.until.commit, "links": [_memento(own, state.since)]} for state in found
        ],
        "deleted": _act(ended) if ended is not None else None,
    }


def _revision(own: str, revision: RecordedRevision) -> Document:
    changes = {"inserted": revision.inserted, "updated": revision.updated, "deleted": revision.deleted, "count": revision.count}
    return _act(revision.act) | changes | {"links": [_memento(f"{own}/items", revision.act)]}


def _act(act: Act) -> Document:
    return {"commit": act.commit, "time": act.time.isoformat(), "actor": act.actor, "reason": act.reason, "name": act.name}


def _memento(address: str, act: Act) -> links.Link:
    return links.link(f"{address}?as-of={act.commit}", "memento", answers.GEOJSON, memento.http_date(act.time))


def _link_format(own: str, itself: str, following: str | None, acts: Sequence[Act]) -> str:
    """Return a time map (RFC 7089, 5) in the form of RFC 6690."""
    original = own if "/items/" in own else f"{own}/items"
    lines = [f'<{original}>; rel="original timegate"', f'<{itself}>; rel="self"; type="{memento.LINK_FORMAT}"']
    if following is not None:
        lines.append(f'<{following}>; rel="timemap"; type="{memento.LINK_FORMAT}"')
    lines += [f'<{original}?as-of={act.commit}>; rel="memento"; datetime="{memento.http_date(act.time)}"' for act in acts]
    return ",\n".join(lines) + "\n"


def _before(cursor: str | None) -> int:
    if cursor is None:
        return sys.maxsize
    before = whole_number(cursor)
    if before is None:
        raise BadRequestError("cursor comes from a next link", zh="cursor 取自 next 链接").with_code("bad-cursor")
    return before


def _address(asked: Asked, collection: Collection) -> str:
    return f"{asked.base}/collections/{collection.slug}"
