"""Answers to GetFeature, written as their features come: GML and GeoJSON, memory bounded by one page."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson

from ogc.ows import XLINK, XSI
from ogc.wfs.gml import FeatureWriter
from ogc.wfs.names import GML, PREFIX, WFS, Srs, feature_id
from ogc.wfs.request import GetFeature
from twin.query.items import ItemsPage

_SCHEMA = "http://schemas.opengis.net/wfs/2.0/wfs.xsd"
Form = tuple[tuple[str, ...] | None, bool, Srs]
"""What of a feature is written: its properties, whether its geometry, and in which CRS."""
Given = dict[str, list[Form]]
"""The forms in which a document has a feature, by its id."""


def declarations(space: str) -> str:
    """Return the namespace declarations of a document with features of the city's own types."""
    named = {"wfs": WFS, "gml": GML, "xlink": XLINK, "xsi": XSI, PREFIX: space}
    return "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in named.items())


MEMBER_CLOSING = b"</wfs:FeatureCollection></wfs:member>\n"


def opening(element: str, space: str, address: str, slugs: Sequence[str], matched: str, returned: int, onward: str | None) -> str:
    """Return the start of a wfs:FeatureCollection or wfs:ValueCollection; ``onward`` is where the next page is."""
    types = ",".join(dict.fromkeys(f"{PREFIX}:{slug}" for slug in slugs))
    described = f"{address}?service=WFS&version=2.0.0&request=DescribeFeatureType&typeNames={types}"
    located = quoteattr(f"{WFS} {_SCHEMA} {space} {described}")
    following = f" next={quoteattr(onward)}" if onward else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<wfs:{element}{declarations(space)} xsi:schemaLocation={located}'
        f' timeStamp="{_now()}" numberMatched="{matched}" numberReturned="{returned}"{following}>'
    )


def member_opening(matched: int, returned: int) -> bytes:
    """Return the start of a wfs:FeatureCollection that is a member of another."""
    numbers = f'numberMatched="{matched}" numberReturned="{returned}"'
    return f'<wfs:member><wfs:FeatureCollection timeStamp="{_now()}" {numbers}>'.encode()


async def gml_members(
    wanted: GetFeature, pages: AsyncIterator[ItemsPage], value: str | None, given: Given | None = None
) -> AsyncIterator[bytes]:
    """Yield the members of a collection: features or, for GetPropertyValue, the values of one property.

    Of a feature that the document has been ``given`` in the same form there is a reference, since a gml:id stands there once;
    in another form, of other properties or in another CRS, it is there again with a gml:id of its own.
    """
    writer = FeatureWriter(wanted.collection, wanted.srs)
    forms = None if given is None else (given, (wanted.query.properties, wanted.query.with_geometry, wanted.srs))
    async for page in pages:
        # A page takes a tenth of a second: beside the event loop, so that nobody else waits for it.
        yield await asyncio.to_thread(_written, writer, page.features, value, forms)


def _written(writer: FeatureWriter, features: bytes, value: str | None, forms: tuple[Given, Form] | None) -> bytes:
    found = orjson.loads(b"[" + features + b"]")
    if forms is not None:
        return "".join([_member_once(writer, feature, *forms) for feature in found]).encode()
    made = (writer.element(f) if value is None else writer.value(f, value) for f in found)
    return "".join([f"<wfs:member>{one}</wfs:member>\n" for one in made if one is not None]).encode()


def _member_once(writer: FeatureWriter, feature: Mapping[str, Any], given: Given, form: Form) -> str:
    identifier = feature_id(writer.collection, feature["id"])
    forms = given.setdefault(identifier, [])
    known = form in forms
    if not known:
        forms.append(form)
    place = forms.index(form)
    if place:
        identifier = f"{identifier}-{place + 1}"  # no feature's: a hyphen is in no OID
    if known:
        return f"<wfs:member xlink:href={quoteattr(f'#{identifier}')}/>\n"
    return f"<wfs:member>{writer.element(feature, identifier=identifier)}</wfs:member>\n"


async def geojson_members(pages: AsyncIterator[ItemsPage]) -> AsyncIterator[bytes]:
    """Yield features joined by commas."""
    between = b""
    async for page in pages:
        if page.features:
            yield between + page.features
            between = b",\n"


def geojson_opening(wanted: GetFeature, matched: str, returned: int, commit: int, onward: str | None) -> bytes:
    """Return the start of a GeoJSON FeatureCollection, open where its features come; ``onward`` is where the next page is."""
    head: dict[str, object] = {"type": "FeatureCollection", "commit": commit, "numberReturned": returned}
    head |= {"numberMatched": int(matched)} if matched.isdecimal() else {}
    if not wanted.srs.name.endswith("CRS84"):
        # GeoJSON before RFC 7946 names its CRS so, and its clients know it.
        head |= {"crs": {"type": "name", "properties": {"name": wanted.srs.name}}}
    if onward is not None:
        head |= {"links": [{"rel": "next", "type": "application/geo+json", "href": onward}]}
    return orjson.dumps(head)[:-1] + b',"features":['


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
