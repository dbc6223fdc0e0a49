"""The routes of the collection of records; what a caller may not see has no record."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.pages import Subject
from ogc.records.documents import catalogue_collection, facet_documents, record_document, record_schema
from ogc.records.record import Record
from ogc.records.request import FACETS, PARAMETERS, SORTABLES, Facet, RecordsRequest, records_request
from ogc.records.visible import VisibleRecords
from ogc.sender import Asked, Sender
from twin.errors import NotFoundError
from twin.query.execute import fetch_row
from twin.query.records import CATALOGUE, matching_records, record_type

Row = dict[str, object]
_SUBJECT = Subject(CATALOGUE, record_type().title, record_type().fields)


class RecordsDoor:
    """The routes at and below ``/collections/catalogue``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._visible = VisibleRecords(sender)

    def routes(self) -> list[Route]:
        """Return the routes of the door; they come before those of collections of features."""
        own = f"/collections/{CATALOGUE}"
        return [
            Route(own, self.collection, methods=["GET"]),
            Route(f"{own}/schema", self.schema, methods=["GET"]),
            Route(f"{own}/queryables", self.queryables, methods=["GET"]),
            Route(f"{own}/sortables", self.sortables, methods=["GET"]),
            Route(f"{own}/items", self.items, methods=["GET"]),
            Route(f"{own}/items/{{item}}", self.item, methods=["GET"]),
        ]

    async def collection(self, request: Request) -> Response:
        """The description of the catalogue."""
        asked = await self._sender.begin(request)
        document = catalogue_collection(asked.state.deployment, asked.base, asked.language)
        return await self._sender.send(asked, document)

    async def schema(self, request: Request) -> Response:
        """What a record says that it can be asked for by."""
        return await self._schema(request, "schema")

    async def queryables(self, request: Request) -> Response:
        """What a filter may name (Part 3)."""
        return await self._schema(request, "queryables")

    async def sortables(self, request: Request) -> Response:
        """What records can be ordered by."""
        return await self._schema(request, "sortables")

    async def items(self, request: Request) -> Response:
        """A page of records, all facets of the page in HTML, those asked for in JSON."""
        asked = await self._sender.begin(request, PARAMETERS)
        wanted = records_request(asked.given)
        records = {record.id: record for record in await self._visible.records(asked)}
        rows = await self._rows(asked, wanted, list(records.values()))
        form = negotiation.form(request)
        page = rows[wanted.offset : wanted.offset + wanted.limit]
        facets = wanted.facets or (tuple(Facet(name) for name in FACETS) if form == "html" else ())
        document: Row = {
            "type": "FeatureCollection",
            "numberMatched": len(rows),
            "numberReturned": len(page),
            "features": [record_document(records[str(row["id"])], asked.base, asked.language) for row in page],
            "links": self._page_links(asked, wanted, len(rows)),
        }
        if facets:
            document["facets"] = facet_documents(rows, facets, asked.language)
        made = self._page_links(asked, wanted, len(rows))
        header = {"Link": links.items_header(f"{asked.base}/collections/{CATALOGUE}", made, asked.language)}
        return await self._sender.send(
            asked, document, "records/index.html", media_type=answers.GEOJSON, collection=_SUBJECT, headers=header
        )

    async def item(self, request: Request) -> Response:
        """One record."""
        asked = await self._sender.begin(request)
        for record in await self._visible.records(asked, only=request.path_params["item"]):
            document = record_document(record, asked.base, asked.language)
            return await self._sender.send(asked, document, "records/record.html", media_type=answers.GEOJSON, collection=_SUBJECT)
        raise NotFoundError("there is no such record", zh="没有该记录")

    async def _rows(self, asked: Asked, wanted: RecordsRequest, records: list[Record]) -> list[Row]:
        rows = [record.queryable_row(asked.language) for record in records if wanted.selects(record)]
        if wanted.filter is not None:
            statement = matching_records(rows, wanted.filter)
            kept = frozenset((await fetch_row(self._sender.context.pool, statement))[0])
            rows = [row for row in rows if row["id"] in kept]
        return [dict(row) for row in wanted.ordered(rows)]

    async def _schema(self, request: Request, name: str) -> Response:
        asked = await self._sender.begin(request)
        address = f"{asked.base}/collections/{CATALOGUE}/{name}"
        sortable = name == "sortables"
        document = record_schema(address, asked.language, names=SORTABLES if sortable else (), with_geometry=not sortable)
        return await self._sender.send(asked, document, "collections/schema.html", media_type=answers.SCHEMA)

    def _page_links(self, asked: Asked, wanted: RecordsRequest, matched: int) -> list[links.Link]:
        address = f"{asked.base}/collections/{CATALOGUE}"
        pairs = asked.request.query_params.multi_items()
        form = negotiation.form(asked.request)
        made = links.self_and_alternate(f"{address}/items", pairs, form, answers.GEOJSON, asked.language)
        onward = [(name, value) for name, value in pairs if name != "offset"]
        for relation, offset in (("next", wanted.offset + wanted.limit), ("prev", max(0, wanted.offset - wanted.limit))):
            if (relation == "next" and offset < matched) or (relation == "prev" and wanted.offset > 0):
                href = links.with_parameters(f"{address}/items", [*onward, ("offset", str(offset))])
                title = asked.text("下一页", "Next page") if relation == "next" else asked.text("上一页", "Previous page")
                made.append(links.link(href, relation, answers.HTML if form == "html" else answers.GEOJSON, title))
        made.append(links.link(address, "collection", answers.JSON, asked.text("数据目录", "Catalogue")))
        return made
