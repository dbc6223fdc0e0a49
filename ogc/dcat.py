"""The catalogue in DCAT 3 as JSON-LD, with the terms that DCAT-AP asks for, for portals that harvest it."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers
from ogc.geovolumes import built_form
from ogc.records.record import Record, rfc3339
from ogc.records.visible import VisibleRecords
from ogc.sender import Asked, Sender
from twin.errors import NotFoundError, Text
from twin.model import SharingClass
from twin.update_cycle import UPDATE_CYCLES

JSON_LD = "application/ld+json"
_EU = "http://publications.europa.eu/resource/authority"
_ACCESS = {SharingClass.OPEN: "PUBLIC", SharingClass.SHARED: "RESTRICTED", SharingClass.RESTRICTED: "NON_PUBLIC"}
_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "locn": "http://www.w3.org/ns/locn#",
    "gsp": "http://www.opengis.net/ont/geosparql#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
Node = dict[str, object]


class DcatDoor:
    """The routes ``/dcat`` and ``/dcat/{dataset}``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._visible = VisibleRecords(sender)

    def routes(self) -> list[Route]:
        """Return the routes of the door."""
        return [Route("/dcat", self.catalogue, methods=["GET"]), Route("/dcat/{dataset}", self.dataset, methods=["GET"])]

    async def catalogue(self, request: Request) -> Response:
        """The whole catalogue, every dataset that the caller may see in it."""
        asked = await self._sender.begin(request)
        records = await self._visible.records(asked)
        title = Text(f"{asked.state.deployment.name} · 空间数据目录", f"{asked.state.deployment.name} · catalogue of spatial data")
        catalogue: Node = {
            "@id": f"{asked.base}/dcat",
            "@type": "dcat:Catalog",
            "dct:title": _texts(title),
            "dct:description": _texts(title),
            "dct:publisher": _agent(asked.state.deployment.name),
            "dct:language": [{"@id": f"{_EU}/language/ZHO"}, {"@id": f"{_EU}/language/ENG"}],
            "foaf:homepage": {"@id": asked.base},
            "dcat:dataset": [_dataset(asked, record) for record in records],
        }
        return await self._send(asked, catalogue)

    async def dataset(self, request: Request) -> Response:
        """One dataset."""
        asked = await self._sender.begin(request)
        for record in await self._visible.records(asked, only=request.path_params["dataset"]):
            return await self._send(asked, _dataset(asked, record))
        raise NotFoundError("there is no such dataset", zh="没有该数据集")

    async def _send(self, asked: Asked, node: Node) -> Response:
        return await self._sender.send_bytes(asked, orjson.dumps({"@context": _CONTEXT} | node), JSON_LD)


def _dataset(asked: Asked, record: Record) -> Node:
    dataset, kind, facts = record.collection.dataset, record.collection.feature_type, record.facts
    cycle = UPDATE_CYCLES.get(dataset.update_cycle or "")
    node: Node = {
        "@id": f"{asked.base}/dcat/{record.id}",
        "@type": "dcat:Dataset",
        "dct:identifier": record.id,
        "dct:title": _texts(dataset.title),
        "dct:description": _texts(kind.description),
        "dct:publisher": _agent(dataset.owner_department) if dataset.owner_department else None,
        "dcat:contactPoint": {"@type": "vcard:Kind", "vcard:fn": dataset.steward} if dataset.steward else None,
        "dct:creator": _agent(dataset.source_platform) if dataset.source_platform else None,
        "dct:issued": _time(rfc3339(facts.first)),
        "dct:modified": _time(rfc3339(facts.last)),
        "dct:accrualPeriodicity": {"@id": f"{_EU}/frequency/{cycle.frequency}"} if cycle else None,
        "dcat:theme": {"@id": f"{_EU}/data-theme/REGI"},
        "dcat:keyword": [{"@value": w, "@language": lang} for lang in ("zh", "en") for w in record.keywords(lang)],
        "dct:accessRights": {"@id": f"{_EU}/access-right/{_ACCESS[dataset.sharing]}"},
        "dct:license": {"@type": "dct:LicenseDocument", "rdfs:label": dataset.licence} if dataset.licence else None,
        "dcat:version": str(record.collection.revision.commit),
        "dct:spatial": _place(record),
        "dct:provenance": _provenance(record),
        "dct:conformsTo": [{"@id": crs.uri, "@type": "dct:Standard"} for crs in record.collection.crs],
        "dcat:landingPage": {"@id": f"{asked.base}/collections/{record.id}?f=html"},
        "dcat:distribution": _distributions(asked, record),
    }
    return {name: value for name, value in node.items() if value is not None}


def _distributions(asked: Asked, record: Record) -> list[Node]:
    own, kind = f"{asked.base}/collections/{record.id}", record.collection.feature_type
    found = [("GeoJSON", f"{own}/items?f=json", answers.GEOJSON)]
    if not record.collection.is_coverage:
        found.append(("Mapbox Vector Tiles", f"{own}/tiles/WebMercatorQuad", answers.MVT))
    if kind.recipe == "imagery":
        found.append(("WMTS", f"{asked.base}/wmts?service=WMTS&request=GetCapabilities", "text/xml"))
        found.append(("STAC", f"{asked.base}/stac/collections/{record.id}", answers.JSON))
    if record.volume is not None:
        title = "3D Tiles" if record.volume.kind == "tileset" else "Quantized mesh"
        found.append((title, *built_form(record.collection, record.volume, asked.base)))
    return [
        {
            "@id": f"{asked.base}/dcat/{record.id}#{number}",
            "@type": "dcat:Distribution",
            "dct:title": name,
            "dcat:accessURL": {"@id": href},
            "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{media_type}"},
            "dct:license": {"@type": "dct:LicenseDocument", "rdfs:label": record.collection.dataset.licence},
        }
        for number, (name, href, media_type) in enumerate(found, start=1)
    ]


def _place(record: Record) -> Node | None:
    extent = record.collection.revision.extent_deg
    if extent is None:
        return None
    west, south, east, north = extent
    ring = ", ".join(f"{x!r} {y!r}" for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south)))
    box = {"@type": "gsp:wktLiteral", "@value": f"POLYGON(({ring}))"}
    return {"@type": "dct:Location", "dcat:bbox": box, "locn:geometry": box}


def _provenance(record: Record) -> Node:
    files = record.collection.revision.lineage.get("files")
    named = [str(entry.get("name")) for entry in files if isinstance(entry, dict)] if isinstance(files, list) else []
    revision = record.collection.revision
    zh = f"版本 {revision.commit}：新增 {revision.inserted}、修改 {revision.updated}、删除 {revision.deleted}"
    en = f"revision {revision.commit}: {revision.inserted} inserted, {revision.updated} updated, {revision.deleted} deleted"
    tail = f" ({', '.join(named)})" if named else ""
    return {"@type": "dct:ProvenanceStatement", "rdfs:label": _texts(Text(zh + tail, en + tail))}


def _texts(text: Text) -> list[Node]:
    return [{"@value": text.zh, "@language": "zh"}, {"@value": text.en, "@language": "en"}]


def _agent(name: str) -> Node:
    return {"@type": "foaf:Agent", "foaf:name": name}


def _time(text: str | None) -> Node | None:
    return None if text is None else {"@value": text, "@type": "xsd:dateTime"}
