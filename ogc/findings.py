"""The collection ``findings``: what checks found, as features at the places where it is; a door of its own, for it is no dataset."""

from __future__ import annotations

import uuid
from typing import cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.paging import time_stamp
from ogc.parameters import FILTER, area_of, bad_parameter, filter_of, page_limit, validity_of, whole_number
from ogc.sender import Asked, Sender
from twin.crs import OutputCrs, output_crs, output_crs_list, storage_crs
from twin.crs.output import CRS84_URI, epsg_uri
from twin.errors import NotFoundError
from twin.model import Deployment, Severity, SubmissionState
from twin.query.execute import Row, fetch_row
from twin.query.findings import (
    COLLECTION_ID,
    PROPERTIES,
    QUERYABLE,
    FindingQuery,
    FindingsPage,
    filter_target,
    findings_page,
    findings_statement,
)

_ITEM = ("crs",)
_ITEMS = (*_ITEM, "bbox", "bbox-crs", "datetime", "limit", "cursor", *FILTER, *QUERYABLE)
_TITLE = {"zh": "检查问题", "en": "Findings of checks"}
_DESCRIPTION = {
    "zh": "检查提交的文件时发现的问题及其位置：在办提交，以及各数据集最近发布的提交；可按提交、状态、数据集、规则和级别筛选。",
    "en": "What checks of submitted files found, and where: of those on their way and of the last published into each dataset; "
    "by submission, state, dataset, rule and severity.",
}
_WORLD = [-180.0, -90.0, 180.0, 90.0]
Document = dict[str, object]


class FindingsDoor:
    """The routes below ``/collections/findings``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        own = f"/collections/{COLLECTION_ID}"
        answered_by = {
            own: self.collection,
            f"{own}/schema": self.schema,
            f"{own}/queryables": self.queryables,
            f"{own}/items": self.items,
            f"{own}/items/{{item}}": self.item,
        }
        return [Route(path, endpoint, methods=["GET"]) for path, endpoint in answered_by.items()]

    async def collection(self, request: Request) -> Response:
        """The description of the collection."""
        asked = await self._sender.begin(request)
        return await self._sender.send(asked, findings_collection(asked.state.deployment, asked.base, asked.language))

    async def schema(self, request: Request) -> Response:
        """The JSON Schema of a finding (Part 5)."""
        return await self._schema(request, "schema", tuple(PROPERTIES))

    async def queryables(self, request: Request) -> Response:
        """By what findings are asked for (Part 3)."""
        return await self._schema(request, "queryables", QUERYABLE)

    async def items(self, request: Request) -> Response:
        """A page of findings, in the order they were made; those without a place have no geometry."""
        asked = await self._sender.begin(request, _ITEMS)
        given, deployment = asked.given, asked.state.deployment
        offered = offered_crs(deployment)
        limit = page_limit(given.get("limit"))
        validity_of(given.get("datetime"))  # a finding holds at no time of the real world, so none leaves it out
        query = FindingQuery(
            crs=output_crs(given["crs"], offered) if "crs" in given else offered[0],
            storage_srid=deployment.storage_srid,
            limit=limit,
            after=_number(given.get("cursor", "0"), "cursor"),
            submission=_submission(given.get("submission")),
            state=_state(given.get("state")),
            dataset=given.get("dataset"),
            rule=given.get("rule"),
            severity=_severity(given.get("severity")),
            area=area_of(given, offered, deployment.storage_srid),
            filter=filter_of(given, filter_target(offered, deployment.storage_srid)),
        )
        page = findings_page(await self._row(query, asked), limit)
        head = _page_head(request, page, negotiation.form(request), asked.language)
        address = links.collection_address(request, COLLECTION_ID)
        made = links.items_header(address, cast("list[links.Link]", head["links"]), asked.language, ("queryables", "schema"))
        headers = {"Content-Crs": f"<{query.crs.uri}>", "Link": made}
        tag = answers.etag(request, page)  # the document says what time it is
        if answers.unchanged(request, tag):
            return answers.not_modified(tag)
        if negotiation.form(request) == "html":
            document = head | {"features": orjson.loads(b"[" + page.features + b"]")}
            return await self._sender.send(asked, document, headers=headers, tag=tag)
        content = orjson.dumps(head)[:-1] + b',"features":[' + page.features + b"]}"
        return await self._sender.send_bytes(asked, content, answers.GEOJSON, headers, tag)

    async def item(self, request: Request) -> Response:
        """One finding by its number."""
        asked = await self._sender.begin(request, _ITEM)
        given, deployment = asked.given, asked.state.deployment
        offered = offered_crs(deployment)
        number = whole_number(request.path_params["item"])
        if number is None:
            raise NotFoundError("there is no such feature", zh="没有该要素")
        crs = output_crs(given["crs"], offered) if "crs" in given else offered[0]
        query = FindingQuery(crs, deployment.storage_srid, limit=1, number=number)
        page = findings_page(await self._row(query, asked), 1)
        if page.count == 0:
            raise NotFoundError("there is no such feature", zh="没有该要素")
        address, pairs = f"{asked.base}/collections/{COLLECTION_ID}", request.query_params.multi_items()
        made = links.self_and_alternate(f"{address}/items/{number}", pairs, negotiation.form(request), answers.GEOJSON, asked.language)
        made.append(links.link(address, "collection", answers.JSON, _TITLE[asked.language]))
        feature = orjson.loads(page.features) | {"links": made}
        return await self._sender.send(asked, feature, media_type=answers.GEOJSON, headers={"Content-Crs": f"<{crs.uri}>"})

    async def _row(self, query: FindingQuery, asked: Asked) -> Row:
        return await fetch_row(self._sender.context.pool, findings_statement(query, asked.principal))

    async def _schema(self, request: Request, name: str, properties: tuple[str, ...]) -> Response:
        asked = await self._sender.begin(request)
        document: Document = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{asked.base}/collections/{COLLECTION_ID}/{name}",
            "type": "object",
            "title": _TITLE[asked.language],
            "properties": {p: _property(p, asked.language) for p in properties}
            | {"geometry": {"x-ogc-role": "primary-geometry", "format": "geometry-point"}},
            "additionalProperties": False,
        }
        return await self._sender.send(asked, document, media_type=answers.SCHEMA)


def offered_crs(deployment: Deployment) -> tuple[OutputCrs, ...]:
    """Return the CRSs of places of findings, the default first; they have no heights."""
    return output_crs_list(storage_crs(deployment.storage_srid), has_vertical=False)


def findings_collection(deployment: Deployment, base_url: str, language: str) -> Document:
    """Return the description of the collection as `/collections` lists it."""
    address = f"{base_url}/collections/{COLLECTION_ID}"
    relations = (
        ("items", "items", answers.GEOJSON),
        ("schema", "http://www.opengis.net/def/rel/ogc/1.0/schema", answers.SCHEMA),
        ("queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", answers.SCHEMA),
    )
    return {
        "id": COLLECTION_ID,
        "title": _TITLE[language],
        "description": _DESCRIPTION[language],
        "itemType": "feature",
        "extent": {"spatial": {"bbox": [list(deployment.extent_deg or _WORLD)], "crs": CRS84_URI}},
        "crs": [crs.uri for crs in offered_crs(deployment)],
        "storageCrs": epsg_uri(deployment.storage_srid),
        "links": [
            *links.self_and_alternate(address, [], "json", answers.JSON, language),
            *(links.link(f"{address}/{name}", relation, media_type, _TITLE[language]) for name, relation, media_type in relations),
        ],
    }


def _page_head(request: Request, page: FindingsPage, form: str, language: str) -> Document:
    address = f"{links.base_url(request)}/collections/{COLLECTION_ID}"
    pairs = request.query_params.multi_items()
    made = links.self_and_alternate(f"{address}/items", pairs, form, answers.GEOJSON, language)
    if page.more:
        onward = [(name, value) for name, value in pairs if name != "cursor"]
        href = links.with_parameters(f"{address}/items", [*onward, ("cursor", str(page.last))])
        made.append(links.link(href, "next", answers.HTML if form == "html" else answers.GEOJSON, links.title("next", language)))
    made.append(links.link(address, "collection", answers.JSON, _TITLE[language]))
    return {"type": "FeatureCollection", "timeStamp": time_stamp(), "numberReturned": page.count, "links": made}


def _property(name: str, language: str) -> Document:
    kind, title = PROPERTIES[name]
    schema: Document = {"type": kind, "title": title.in_language(language)}
    if name == "severity":
        schema["enum"] = [s.value for s in Severity]
    if name == "state":
        schema["enum"] = [s.value for s in SubmissionState]
    return schema | ({"format": "uuid"} if name == "submission" else {})


def _number(text: str, name: str) -> int:
    number = whole_number(text)
    if number is None:
        raise bad_parameter(name)
    return number


def _submission(text: str | None) -> uuid.UUID | None:
    try:
        return None if text is None else uuid.UUID(text)
    except ValueError:
        raise bad_parameter("submission") from None


def _state(text: str | None) -> SubmissionState | None:
    try:
        return None if text is None else SubmissionState(text)
    except ValueError:
        raise bad_parameter("state") from None


def _severity(text: str | None) -> Severity | None:
    try:
        return None if text is None else Severity(text)
    except ValueError:
        raise bad_parameter("severity") from None
