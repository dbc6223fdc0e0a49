"""The one stored query there is, GetFeatureById (09-025r1, 7.9.3.6), as the documents that list and describe it."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from ogc.wfs.names import PREFIX, WFS
from ogc.wfs.request import GET_FEATURE_BY_ID

_XSD = "http://www.w3.org/2001/XMLSchema"
_LANGUAGE = "urn:ogc:def:queryLanguage:OGC-WFS::WFSQueryExpression"


def stored_query_list(slugs: Iterable[str], namespace: str) -> bytes:
    """Return the answer to ListStoredQueries."""
    root = etree.Element(f"{{{WFS}}}ListStoredQueriesResponse", nsmap={"wfs": WFS, PREFIX: namespace})
    query = etree.SubElement(root, f"{{{WFS}}}StoredQuery", id=GET_FEATURE_BY_ID)
    etree.SubElement(query, f"{{{WFS}}}Title").text = "GetFeatureById"
    for slug in slugs:
        etree.SubElement(query, f"{{{WFS}}}ReturnFeatureType").text = f"{PREFIX}:{slug}"
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def stored_query_descriptions(namespace: str) -> bytes:
    """Return the answer to DescribeStoredQueries."""
    names = {"wfs": WFS, PREFIX: namespace, "xsd": _XSD}
    root = etree.Element(f"{{{WFS}}}DescribeStoredQueriesResponse", nsmap=names)
    description = etree.SubElement(root, f"{{{WFS}}}StoredQueryDescription", id=GET_FEATURE_BY_ID)
    etree.SubElement(description, f"{{{WFS}}}Title").text = "GetFeatureById"
    etree.SubElement(description, f"{{{WFS}}}Parameter", name="id", type="xsd:string")
    attributes = {"returnFeatureTypes": "", "language": _LANGUAGE, "isPrivate": "true"}
    etree.SubElement(description, f"{{{WFS}}}QueryExpressionText", **attributes)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
