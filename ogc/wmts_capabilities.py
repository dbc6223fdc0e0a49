"""The capabilities document of the Web Map Tile Service (07-057r7, 7.1); pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from ogc.ows import OWS, XLINK, XSI
from ogc.pictures import FORMS, MEDIA_TYPES
from twin.query.collection import Collection
from twin.tile_matrix_sets import MATRIX_SETS, TILE_PX, TileMatrixSet

WMTS = "http://www.opengis.net/wmts/1.0"
DEFAULT_STYLE = "default"
_SCHEMA = f"{WMTS} http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd"
_SUFFIXES = {"png": "png", "jpeg": "jpg", "webp": "webp"}
_NAMES = {
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84": "urn:ogc:def:crs:OGC:1.3:CRS84",
    "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible": "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible",
    "http://www.opengis.net/def/wkss/OGC/1.0/GoogleCRS84Quad": "urn:ogc:def:wkss:OGC:1.0:GoogleCRS84Quad",
}


@dataclass(frozen=True, slots=True)
class ServedLayer:
    """A collection of imagery as a layer, and the days on which its images were taken, the first one first."""

    collection: Collection
    days: tuple[dt.date, ...]


def capabilities(city: str, layers: Sequence[ServedLayer], address: str, language: str) -> bytes:
    """Return the document of a service at ``address`` as UTF-8 XML; CRSs are named by URN, corners are in the order of their axes."""
    root = etree.Element(f"{{{WMTS}}}Capabilities", nsmap={None: WMTS, "ows": OWS, "xlink": XLINK, "xsi": XSI}, version="1.0.0")
    root.set(f"{{{XSI}}}schemaLocation", _SCHEMA)
    _service(root, city, language)
    _operations(root, address)
    contents = _wmts(root, "Contents")
    for layer in layers:
        _layer(contents, layer, address, language)
    for grid in MATRIX_SETS.values():
        _matrix_set(contents, grid, language)
    _wmts(root, "ServiceMetadataURL").set(f"{{{XLINK}}}href", f"{address}/1.0.0/WMTSCapabilities.xml")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _service(root: etree._Element, city: str, language: str) -> None:
    identification = _ows(root, "ServiceIdentification")
    _ows(identification, "Title", f"{city} · {'影像' if language == 'zh' else 'Imagery'}")
    _ows(identification, "ServiceType", "OGC WMTS")
    _ows(identification, "ServiceTypeVersion", "1.0.0")
    provider = _ows(root, "ServiceProvider")
    _ows(provider, "ProviderName", city)
    _ows(provider, "ServiceContact")


def _operations(root: etree._Element, address: str) -> None:
    operations = _ows(root, "OperationsMetadata")
    for name in ("GetCapabilities", "GetTile"):
        operation = _ows(operations, "Operation")
        operation.set("name", name)
        http = _ows(_ows(operation, "DCP"), "HTTP")
        rest = f"{address}/1.0.0/WMTSCapabilities.xml" if name == "GetCapabilities" else f"{address}/1.0.0/"
        for encoding, href in (("KVP", f"{address}?"), ("RESTful", rest)):
            get = _ows(http, "Get")
            get.set(f"{{{XLINK}}}href", href)
            constraint = _ows(get, "Constraint")
            constraint.set("name", "GetEncoding")
            _ows(_ows(constraint, "AllowedValues"), "Value", encoding)


def _layer(contents: etree._Element, served: ServedLayer, address: str, language: str) -> None:
    collection = served.collection
    layer = _wmts(contents, "Layer")
    _ows(layer, "Title", collection.dataset.title.in_language(language))
    _ows(layer, "Abstract", collection.feature_type.description.in_language(language))
    extent = collection.revision.extent_deg
    if extent is not None:
        box = _ows(layer, "WGS84BoundingBox")
        _ows(box, "LowerCorner", f"{extent[0]!r} {extent[1]!r}")
        _ows(box, "UpperCorner", f"{extent[2]!r} {extent[3]!r}")
    _ows(layer, "Identifier", collection.slug)
    style = _wmts(layer, "Style")
    style.set("isDefault", "true")
    _ows(style, "Identifier", DEFAULT_STYLE)
    for form in FORMS:
        _wmts(layer, "Format", MEDIA_TYPES[form])
    if served.days:
        _time(layer, served.days)
    for grid in MATRIX_SETS.values():
        # without TileMatrixSetLimits: their schema refuses the row 0 that the whole city lies in on the first levels
        _wmts(_wmts(layer, "TileMatrixSetLink"), "TileMatrixSet", grid.id)
    time = "{Time}/" if served.days else ""
    for form in FORMS:
        resource = _wmts(layer, "ResourceURL")
        resource.set("format", MEDIA_TYPES[form])
        resource.set("resourceType", "tile")
        place = f"{{Style}}/{time}{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.{_SUFFIXES[form]}"
        resource.set("template", f"{address}/1.0.0/{collection.slug}/{place}")


def _time(layer: etree._Element, days: tuple[dt.date, ...]) -> None:
    dimension = _wmts(layer, "Dimension")
    _ows(dimension, "Identifier", "Time")
    _ows(dimension, "UOM", "ISO8601")
    _wmts(dimension, "Default", days[-1].isoformat())
    _wmts(dimension, "Current", "false")
    for day in days:
        _wmts(dimension, "Value", day.isoformat())


def _matrix_set(contents: etree._Element, grid: TileMatrixSet, language: str) -> None:
    made = _wmts(contents, "TileMatrixSet")
    _ows(made, "Title", grid.title.in_language(language))
    _ows(made, "Identifier", grid.id)
    _ows(made, "SupportedCRS", _NAMES.get(grid.crs_uri, f"urn:ogc:def:crs:EPSG::{grid.srid}"))
    if grid.well_known_scale_set is not None:
        _wmts(made, "WellKnownScaleSet", _NAMES[grid.well_known_scale_set])
    for level in grid.levels:
        matrix = _wmts(made, "TileMatrix")
        _ows(matrix, "Identifier", str(level))
        _wmts(matrix, "ScaleDenominator", repr(grid.scale_denominator(level)))
        _wmts(matrix, "TopLeftCorner", " ".join(map(repr, grid.origin)))
        for name, value in (("TileWidth", TILE_PX), ("TileHeight", TILE_PX)):
            _wmts(matrix, name, str(value))
        _wmts(matrix, "MatrixWidth", str(grid.width(level)))
        _wmts(matrix, "MatrixHeight", str(grid.height(level)))


def _wmts(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    made = etree.SubElement(parent, f"{{{WMTS}}}{name}")
    made.text = text
    return made


def _ows(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    made = etree.SubElement(parent, f"{{{OWS}}}{name}")
    made.text = text
    return made
