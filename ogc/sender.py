"""How the doors of documents begin and end: what a request may say, the door's state, then JSON or a page that callers keep and ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ogc import answers, links, negotiation
from ogc.pages import Pages, Subject
from ogc.parameters import EVERYWHERE, single_values
from ogc.state import DoorState, OgcContext, StateKeeper
from twin.model import Principal
from twin.query.collection import Collection


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood: what the door knows now, who asks, in which language, under which address, and its parameters."""

    request: Request
    state: DoorState
    principal: Principal
    language: negotiation.Language
    base: str
    given: Mapping[str, str]

    def text(self, zh: str, en: str) -> str:
        """Return the text in the caller's language."""
        return zh if self.language == "zh" else en

    @property
    def visible(self) -> dict[str, Collection]:
        """The collections the caller may see."""
        return self.state.visible(self.principal)


class Sender:
    """Begins and ends the requests of one door."""

    def __init__(self, context: OgcContext, keeper: StateKeeper, pages: Pages) -> None:
        self.context = context
        self.keeper = keeper
        self.pages = pages

    async def begin(self, request: Request, allowed: Iterable[str] = ()) -> Asked:
        """Return the request with its parameters; BadRequestError for one that is neither ``f``, ``lang`` nor ``allowed``."""
        given = single_values(request.query_params.multi_items(), EVERYWHERE | set(allowed))
        return self.understood(request, await self.keeper.state(), given)

    def understood(self, request: Request, state: DoorState, given: Mapping[str, str]) -> Asked:
        """Return a request whose parameters were read already."""
        return Asked(request, state, self.context.principal_of(request), negotiation.language(request), links.base_url(request), given)

    async def collection(self, asked: Asked) -> Collection:
        """Return the collection that the path names; NotFoundError where the caller may know of none."""
        return await self.keeper.collection(asked.request.path_params["collection"], asked.principal)

    async def send(
        self,
        asked: Asked,
        document: Mapping[str, object],
        template: str = "document.html",
        *,
        media_type: str = answers.JSON,
        collection: Collection | Subject | None = None,
        headers: Mapping[str, str] | None = None,
        tag: str | None = None,
    ) -> Response:
        """Return a document as JSON, or as the page ``template`` where the caller wants HTML; 304 where the caller holds it.

        ``tag`` is its entity tag where the content is not what it goes by: it says what time it is, or was asked for before it was made.
        """
        sent = {"Content-Language": negotiation.LANGUAGE_TAGS[asked.language], **(headers or {})}
        as_page = negotiation.form(asked.request) == "html"
        content = (
            await self.pages.render(asked.request, template, document, asked.language, collection)
            if as_page
            else orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
        )
        return await self.send_bytes(asked, content, answers.HTML if as_page else media_type, headers=sent, tag=tag)

    async def send_bytes(
        self, asked: Asked, content: bytes, media_type: str, headers: Mapping[str, str] | None = None, tag: str | None = None
    ) -> Response:
        """Return bytes that the caller may keep and asks for again; 304 where the caller holds them."""
        known = answers.etag(asked.request, content) if tag is None else tag
        if answers.unchanged(asked.request, known):
            return answers.not_modified(known, headers)
        return await answers.answer(asked.request, content, media_type, known, headers)
