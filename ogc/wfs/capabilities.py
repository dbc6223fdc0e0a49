"""The capabilities document of WFS 2.0.0 (09-025r1, 8.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree
from lxml.etree import _Element as Element

from ogc.ows import OWS, XLINK
from ogc.wfs.fes import COMPARISONS, RELATIONS, SPANS
from ogc.wfs.names import FES, GML, PREFIX, WFS, namespace, offered_srs
from ogc.wfs.request import DEFAULT_COUNT, GEOJSON_FORMAT, GML_FORMAT
from twin.model import Deployment
from twin.query.collection import Collection

OPERATIONS = ("GetCapabilities", "DescribeFeatureType", "ListStoredQueries", "DescribeStoredQueries", "GetFeature", "GetPropertyValue")
_TRUE, _FALSE = "TRUE", "FALSE"
_CONSTRAINTS: Mapping[str, str] = {
    "ImplementsBasicWFS": _TRUE,
    "ImplementsTransactionalWFS": _FALSE,
    "ImplementsLockingWFS": _FALSE,
    "KVPEncoding": _TRUE,
    "XMLEncoding": _TRUE,
    "SOAPEncoding": _FALSE,
    "ImplementsInheritance": _FALSE,
    "ImplementsRemoteResolve": _FALSE,
    "ImplementsResultPaging": _TRUE,
    "ImplementsStandardJoins": _FALSE,
    "ImplementsSpatialJoins": _FALSE,
    "ImplementsTemporalJoins": _FALSE,
    "ImplementsFeatureVersioning": _FALSE,
    "ManageStoredQueries": _FALSE,
    "PagingIsTransactionSafe": _FALSE,
    "CountDefault": str(DEFAULT_COUNT),
}
_FILTER_CONSTRAINTS: Mapping[str, str] = {
    "ImplementsQuery": _TRUE,
    "ImplementsAdHocQuery": _TRUE,
    "ImplementsFunctions": _FALSE,
    "ImplementsResourceId": _TRUE,
    "ImplementsMinStandardFilter": _TRUE,
    "ImplementsStandardFilter": _TRUE,
    "ImplementsMinSpatialFilter": _TRUE,
    "ImplementsSpatialFilter": _TRUE,
    "ImplementsMinTemporalFilter": _TRUE,
    "ImplementsTemporalFilter": _TRUE,
    "ImplementsVersionNav": _FALSE,
    "ImplementsSorting": _TRUE,
    "ImplementsExtendedOperators": _FALSE,
    "ImplementsMinimumXPath": _TRUE,
    "ImplementsSchemaElementFunc": _FALSE,
}
_OPERANDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiCurve", "MultiSurface", "Envelope")


def capabilities(deployment: Deployment, visible: Mapping[str, Collection], address: str, language: str) -> bytes:
    """Return the document for what a caller may see; ``address`` is that of the service."""
    names = {"wfs": WFS, "ows": OWS, "fes": FES, "gml": GML, "xlink": XLINK, PREFIX: namespace(deployment)}
    root = etree.Element(f"{{{WFS}}}WFS_Capabilities", nsmap=names, version="2.0.0")
    service = _below(root, OWS, "ServiceIdentification")
    _below(service, OWS, "Title", f"{deployment.name} · WFS")
    _below(service, OWS, "ServiceType", "WFS")
    _below(service, OWS, "ServiceTypeVersion", "2.0.0")
    provider = _below(root, OWS, "ServiceProvider")
    _below(provider, OWS, "ProviderName", deployment.name)
    _below(provider, OWS, "ServiceContact")
    _operations(root, address)
    types = _below(root, WFS, "FeatureTypeList")
    for collection in visible.values():
        _feature_type(types, collection, language)
    _filter(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _operations(root: Element, address: str) -> None:
    metadata = _below(root, OWS, "OperationsMetadata")
    for name in OPERATIONS:
        operation = _below(metadata, OWS, "Operation", name=name)
        http = _below(_below(operation, OWS, "DCP"), OWS, "HTTP")
        for method in ("Get", "Post"):
            etree.SubElement(http, f"{{{OWS}}}{method}", {f"{{{XLINK}}}href": address})
        if name == "GetCapabilities":
            _allowed(_below(operation, OWS, "Parameter", name="AcceptVersions"), ["2.0.0"])
        if name == "DescribeFeatureType":
            _allowed(_below(operation, OWS, "Parameter", name="outputFormat"), [GML_FORMAT])
        if name == "GetFeature":
            _allowed(_below(operation, OWS, "Parameter", name="resultType"), ["results", "hits"])
            _allowed(_below(operation, OWS, "Parameter", name="resolve"), ["none", "local"])
            _allowed(_below(operation, OWS, "Parameter", name="outputFormat"), [GML_FORMAT, GEOJSON_FORMAT, "application/json"])
    _allowed(_below(metadata, OWS, "Parameter", name="version"), ["2.0.0"])
    _constraints(metadata, OWS, _CONSTRAINTS)


def _feature_type(types: Element, collection: Collection, language: str) -> None:
    made = _below(types, WFS, "FeatureType")
    _below(made, WFS, "Name", f"{PREFIX}:{collection.slug}")
    _below(made, WFS, "Title", collection.dataset.title.in_language(language))
    _below(made, WFS, "Abstract", collection.feature_type.description.in_language(language))
    default, *others = offered_srs(collection)
    _below(made, WFS, "DefaultCRS", default.name)
    for srs in others:
        _below(made, WFS, "OtherCRS", srs.name)
    formats = _below(made, WFS, "OutputFormats")
    for form in (GML_FORMAT, GEOJSON_FORMAT):
        _below(formats, WFS, "Format", form)
    extent = collection.revision.extent_deg
    if extent is not None:
        west, south, east, north = extent
        box = _below(made, OWS, "WGS84BoundingBox")
        _below(box, OWS, "LowerCorner", f"{west!r} {south!r}")
        _below(box, OWS, "UpperCorner", f"{east!r} {north!r}")


def _filter(root: Element) -> None:
    made = _below(root, FES, "Filter_Capabilities")
    _constraints(_below(made, FES, "Conformance"), FES, _FILTER_CONSTRAINTS)
    _below(_below(made, FES, "Id_Capabilities"), FES, "ResourceIdentifier", name="fes:ResourceId")
    scalar = _below(made, FES, "Scalar_Capabilities")
    _below(scalar, FES, "LogicalOperators")
    comparisons = _below(scalar, FES, "ComparisonOperators")
    for name in (*COMPARISONS, "PropertyIsLike", "PropertyIsNull", "PropertyIsNil", "PropertyIsBetween"):
        _below(comparisons, FES, "ComparisonOperator", name=name)
    spatial = _below(made, FES, "Spatial_Capabilities")
    operands = _below(spatial, FES, "GeometryOperands")
    for name in _OPERANDS:
        _below(operands, FES, "GeometryOperand", name=f"gml:{name}")
    operators = _below(spatial, FES, "SpatialOperators")
    for name in ("BBOX", *RELATIONS, "DWithin", "Beyond"):
        _below(operators, FES, "SpatialOperator", name=name)
    temporal = _below(made, FES, "Temporal_Capabilities")
    operands = _below(temporal, FES, "TemporalOperands")
    for name in ("TimeInstant", "TimePeriod"):
        _below(operands, FES, "TemporalOperand", name=f"gml:{name}")
    operators = _below(temporal, FES, "TemporalOperators")
    for name in (name for name in SPANS if name != "AnyInteracts"):  # which the schema of FES 2.0 has forgotten
        _below(operators, FES, "TemporalOperator", name=name)


def _constraints(parent: Element, space: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        constraint = _below(parent, space, "Constraint", name=name)
        _below(constraint, OWS, "NoValues")
        _below(constraint, OWS, "DefaultValue", value)


def _allowed(parent: Element, values: Iterable[str]) -> None:
    allowed = _below(parent, OWS, "AllowedValues")
    for value in values:
        _below(allowed, OWS, "Value", value)


def _below(parent: Element, space: str, name: str, text: str | None = None, /, **attributes: str) -> Element:
    made: Element = etree.SubElement(parent, f"{{{space}}}{name}", attributes)
    made.text = text
    return made
