"""The route of WFS 2.0.0: operations by parameters (GET, and POST of a form) and by XML (POST)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.ows import XML, OwsError, exception_report
from ogc.state import OgcContext, StateKeeper
from ogc.wfs.asked import Asked
from ogc.wfs.call import VERSION, Call, call_of
from ogc.wfs.capabilities import capabilities
from ogc.wfs.feature_answers import FeatureAnswers, Place
from ogc.wfs.names import namespace, type_named
from ogc.wfs.request import GML_FORMAT, GetFeature, get_features
from ogc.wfs.schema import application_schema
from ogc.wfs.stored_queries import stored_query_descriptions, stored_query_list
from twin.errors import TwinError
from twin.model import Principal
from twin.query.collection import Collection


class WfsDoor:
    """Answers at ``/wfs``; what goes wrong is an exception report."""

    def __init__(self, context: OgcContext, keeper: StateKeeper) -> None:
        self._context = context
        self._keeper = keeper
        self._features = FeatureAnswers(context)

    def routes(self) -> list[Route]:
        """Return the routes of this door."""
        return [Route("/wfs", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        """An operation by its parameters, as XML, or as a form."""
        try:
            call = await call_of(request)
            return await self._answer(request, call)
        except OwsError as error:
            return exception_report(error, negotiation.spoken_language(request), VERSION)
        except TwinError as error:
            code = "OperationProcessingFailed" if error.status >= 500 else "InvalidParameterValue"
            known = OwsError(code, _locator(error), error.text.en, error.text.zh, error.status)
            return exception_report(known, negotiation.spoken_language(request), VERSION)

    async def _answer(self, request: Request, call: Call) -> Response:
        principal = self._context.principal_of(request)
        state = await self._keeper.state()
        visible, language = state.visible(principal), negotiation.language(request)
        space, address = namespace(state.deployment), f"{links.base_url(request)}/wfs"
        match call.operation:
            case "GetCapabilities":
                return await _xml(request, capabilities(state.deployment, visible, address, language))
            case "DescribeFeatureType":
                chosen = [type_named(name, visible) for name in call.types] or list(visible.values())
                return await _xml(request, application_schema(chosen, space, language), GML_FORMAT)
            case "ListStoredQueries":
                return await _xml(request, stored_query_list(visible, space))
            case "DescribeStoredQueries":
                return await _xml(request, stored_query_descriptions(space))
            case _:
                wanted = await self._wanted(call, await self._fresh(visible, call, principal))
                place = Place(space, address)
                if len(wanted) > 1 and call.operation == "GetPropertyValue":
                    raise OwsError("OptionNotSupported", "Query", "GetPropertyValue has one query", "GetPropertyValue 只含一个查询")
                if len(wanted) == 1:
                    return await self._features.one(place, principal, wanted[0], call)
                return await self._features.several(place, principal, wanted, _commit(wanted), call)

    async def _wanted(self, call: Call, visible: Mapping[str, Collection]) -> list[GetFeature]:
        # A filter may be of thousands of elements: beside the event loop, so that nobody else waits for it.
        wanted = await asyncio.to_thread(get_features, call.asked or Asked(), visible)
        moment = wanted[0].as_of
        if moment is None:
            return list(wanted)
        at = await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(moment))
        return [dataclasses.replace(one, query=dataclasses.replace(one.query, as_of=at)) for one in wanted]

    async def _fresh(self, visible: Mapping[str, Collection], call: Call, principal: Principal) -> Mapping[str, Collection]:
        """Return the collections, looked for anew when one is named that may just have been published.

        And for several queries, which are of the state of now and not of a moment ago: they are pinned to one commit.
        """
        queries = call.asked.queries if call.asked else ()
        if len(queries) <= 1 and all(query.types.rpartition(":")[2] in visible for query in queries if query.types):
            return visible
        return (await self._keeper.state(max_age_s=0)).visible(principal)


def _commit(wanted: Sequence[GetFeature]) -> int:
    """Return the commit that all queries are pinned to: the one asked for, which may be 0, or the newest of their collections."""
    asked = wanted[0].query.as_of
    return max(one.collection.revision.commit for one in wanted) if asked is None else asked


def _locator(error: TwinError) -> str:
    return {
        "bad-bbox": "bbox",
        "bad-as-of": "as-of",
        "bad-filter": "filter",
        "filter-too-complex": "filter",
        "unknown-property": "filter",
    }.get(error.code, "")


async def _xml(request: Request, content: bytes, media_type: str = XML) -> Response:
    return await answers.answer(request, content, media_type)
