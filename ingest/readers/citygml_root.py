"""Which files are city models: told from their root element, without a parser of XML."""

from __future__ import annotations

from ingest.readers.archive import Archive
from ingest.readers.xml_root import XmlRoot, root_of

_HEAD_BYTES = 1 << 14
_NAMESPACE = "http://www.opengis.net/citygml"
_ENDINGS = (".gml", ".xml", ".citygml")
"""Entries of an archive that are looked into; a PLATEAU package has thousands of pictures."""


def is_citygml(root: XmlRoot | None) -> bool:
    """Tell a city model of CityGML 1.0, 2.0 or 3.0 from other XML; a WFS answers with a collection of its objects."""
    if root is None:
        return False
    return (
        root.namespace.startswith(_NAMESPACE)
        if root.name == "CityModel"
        else root.name == "FeatureCollection" and root.declares(_NAMESPACE)
    )


def city_models(archive: Archive) -> tuple[str, ...]:
    """Return the entries of a ZIP that are city models."""
    return tuple(n for n in archive.names if n.casefold().endswith(_ENDINGS) and is_citygml(root_of(archive.head(n, _HEAD_BYTES))))


def has_citygml(archive: Archive) -> bool:
    """Return whether a ZIP holds a city model."""
    return bool(city_models(archive))
