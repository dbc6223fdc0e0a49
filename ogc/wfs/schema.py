"""Application schemas (DescribeFeatureType): FeatureTypes as XML Schema of GML 3.2 features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lxml import etree
from lxml.etree import _Element as Element

from ogc.wfs.names import GEOMETRY, GML, PREFIX
from twin.featuretypes.validity import validity_fields
from twin.model import Field, FieldType, GeometryType
from twin.query.collection import Collection

XSD = "http://www.w3.org/2001/XMLSchema"
_GML_SCHEMA = "http://schemas.opengis.net/gml/3.2.1/gml.xsd"
_TYPES: Mapping[FieldType, str] = MappingProxyType(
    {
        "string": "xsd:string",
        "code": "xsd:string",
        "integer": "xsd:long",
        "number": "xsd:double",
        "boolean": "xsd:boolean",
        "date": "xsd:date",
        "datetime": "xsd:dateTime",
    }
)
_GEOMETRIES: Mapping[GeometryType, str] = MappingProxyType(
    {
        "Point": "gml:PointPropertyType",
        "LineString": "gml:CurvePropertyType",
        "MultiPolygon": "gml:MultiSurfacePropertyType",
        "coverage": "gml:MultiSurfacePropertyType",
    }
)


def application_schema(collections: Iterable[Collection], namespace: str, language: str) -> bytes:
    """Return the schema of several feature types; titles of properties are its documentation."""
    names = {"xsd": XSD, "gml": GML, PREFIX: namespace}
    root = etree.Element(f"{{{XSD}}}schema", nsmap=names, targetNamespace=namespace, elementFormDefault="qualified", version="1.0")
    etree.SubElement(root, f"{{{XSD}}}import", namespace=GML, schemaLocation=_GML_SCHEMA)
    for collection in collections:
        _type(root, collection, language)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _type(root: Element, collection: Collection, language: str) -> None:
    name = f"{collection.slug}Type"
    group = {"substitutionGroup": "gml:AbstractFeature"}
    element = etree.SubElement(root, f"{{{XSD}}}element", name=collection.slug, type=f"{PREFIX}:{name}", **group)
    _document(element, collection.dataset.title.in_language(language))
    content = etree.SubElement(etree.SubElement(root, f"{{{XSD}}}complexType", name=name), f"{{{XSD}}}complexContent")
    extension = etree.SubElement(content, f"{{{XSD}}}extension", base="gml:AbstractFeatureType")
    sequence = etree.SubElement(extension, f"{{{XSD}}}sequence")
    for described in (*collection.feature_type.fields, *validity_fields()):
        _field(sequence, described, language)
    shape = _GEOMETRIES[collection.feature_type.geometry_type]
    etree.SubElement(sequence, f"{{{XSD}}}element", name=GEOMETRY, type=shape, minOccurs="0")


def _field(sequence: Element, described: Field, language: str) -> None:
    element = etree.SubElement(sequence, f"{{{XSD}}}element", name=described.name, type=_TYPES[described.type], minOccurs="0")
    title = described.title.in_language(language)
    _document(element, f"{title} ({described.unit})" if described.unit else title)


def _document(element: Element, text: str) -> None:
    annotation = etree.SubElement(element, f"{{{XSD}}}annotation")
    etree.SubElement(annotation, f"{{{XSD}}}documentation").text = text
