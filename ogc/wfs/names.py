"""Names in WFS: namespaces, feature types, ids of features, and CRSs with the axis order that goes with how they are written."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ogc.ows import OwsError
from twin.crs import OutputCrs, output_crs
from twin.crs.output import CRS84_URI, CRS84H_URI
from twin.errors import BadRequestError, NotFoundError
from twin.model import Deployment
from twin.query.collection import Collection

WFS, FES, GML = "http://www.opengis.net/wfs/2.0", "http://www.opengis.net/fes/2.0", "http://www.opengis.net/gml/3.2"
PREFIX = "city"
"""What we write before names of the city's own; callers may use any."""
GEOMETRY = "geometry"
_URN = re.compile(r"urn:(?:x-)?ogc:def:crs:(EPSG|OGC):[0-9.]*:([A-Za-z0-9]+)")
_OF_WMS = {"CRS:84": "OGC:CRS84", "CRS:84H": "OGC:CRS84h"}
"""What clients of WMS call CRS84 (06-042, B.3)."""
_EAST_FIRST = re.compile(r"(?:EPSG:|https?://www\.opengis\.net/gml/srs/epsg\.xml#)([0-9]+)")


@dataclass(frozen=True, slots=True)
class Srs:
    """A CRS as it is called in an answer, with the axis order that goes with the name."""

    name: str
    crs: OutputCrs


def namespace(deployment: Deployment) -> str:
    """Return the namespace of the city's feature types: its own root of object identifiers (RFC 3061)."""
    return f"urn:oid:{deployment.oid_root}"


def type_named(name: str, visible: Mapping[str, Collection]) -> Collection:
    """Return the collection that a type name, with or without a prefix, means; OwsError for none that the caller may see."""
    found = visible.get(name.strip().rpartition(":")[2])
    if found is None:
        raise OwsError("InvalidParameterValue", "typeNames", f"there is no feature type {name[:60]!r}", f"没有要素类型 {name[:60]!r}")
    return found


def feature_id(collection: Collection, oid: str) -> str:
    """Return the gml:id of a feature: the OID after its type, since an XML name begins with a letter."""
    return f"{collection.slug}.{oid}"


def fid_of(resource: str, visible: Mapping[str, Collection]) -> tuple[Collection, int] | None:
    """Return the collection and the fid of a resource id, None where no feature can have it."""
    slug, _, oid = resource.partition(".")
    if slug not in visible:
        return None
    try:
        return visible[slug], visible[slug].fid(oid)
    except NotFoundError:
        return None


def offered_srs(collection: Collection) -> tuple[Srs, ...]:
    """Return the CRSs of a feature type, the default first: the city's own grid, in which nothing is transformed."""
    own = [crs for crs in collection.crs if crs.srid == collection.storage_srid]
    others = [crs for crs in collection.crs if crs.srid != collection.storage_srid]
    return tuple(Srs(urn(crs), crs) for crs in (*own, *others))


def urn(crs: OutputCrs) -> str:
    """Return the URN of a CRS, whose axis order is the authority's."""
    if crs.uri == CRS84H_URI:
        return "urn:ogc:def:crs:OGC::CRS84h"
    return "urn:ogc:def:crs:OGC:1.3:CRS84" if crs.uri == CRS84_URI else f"urn:ogc:def:crs:EPSG::{crs.srid}"


def srs_named(name: str, offered: Iterable[OutputCrs], locator: str = "srsName") -> Srs:
    """Return the CRS that a name means among those offered; OwsError for any other.

    URNs and OGC's URIs have the authority's axis order; the forms before them, ``EPSG:4326`` and the one with ``#``, east first.
    """
    offered, name = tuple(offered), name.strip()
    short, full = _EAST_FIRST.fullmatch(name), _URN.fullmatch(name)
    try:
        if short is not None:
            return Srs(name, dataclasses.replace(output_crs(f"EPSG:{short[1]}", offered), xy=True))
        known = f"{full[1]}:{full[2]}" if full else _OF_WMS.get(name.upper(), name)
        return Srs(name, output_crs(known, offered))
    except BadRequestError as error:
        raise OwsError("InvalidParameterValue", locator, error.text.en, error.text.zh) from None
