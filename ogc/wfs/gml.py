"""Features as GML 3.2 (simple features profile, 06-049r1) from the GeoJSON that the query core gives: the same values and positions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ogc.wfs.names import GEOMETRY, PREFIX, Srs, feature_id
from twin.query.collection import Collection

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FeatureWriter:
    """Writes features of one collection with positions in one CRS."""

    collection: Collection
    srs: Srs

    def element(self, feature: Json, declarations: str = "", identifier: str | None = None) -> str:
        """Return a feature as an element; ``declarations`` are attributes of it, which a feature that stands alone needs.

        ``identifier`` is its gml:id where that is another than the feature's own.
        """
        identifier = identifier or feature_id(self.collection, feature["id"])
        name = f"{PREFIX}:{self.collection.slug}"
        return f"<{name} gml:id={quoteattr(identifier)}{declarations}>{''.join(self._properties(feature, identifier))}</{name}>"

    def value(self, feature: Json, name: str) -> str | None:
        """Return one property of a feature as an element, None where it has no value."""
        if name == GEOMETRY:
            return self._geometry(feature["geometry"], feature_id(self.collection, feature["id"]))
        value = feature["properties"].get(name)
        return None if value is None else f"<{PREFIX}:{name}>{value_text(value)}</{PREFIX}:{name}>"

    def _properties(self, feature: Json, identifier: str) -> Iterator[str]:
        for name, value in feature["properties"].items():
            if value is not None:
                yield f"<{PREFIX}:{name}>{value_text(value)}</{PREFIX}:{name}>"
        shape = self._geometry(feature["geometry"], identifier)
        if shape is not None:
            yield shape

    def _geometry(self, shape: Json | None, identifier: str) -> str | None:
        if shape is None:
            return None
        return f"<{PREFIX}:{GEOMETRY}>{geometry_element(shape, self.srs.name, f'{identifier}.g')}</{PREFIX}:{GEOMETRY}>"


def geometry_element(shape: Json, srs_name: str, identifier: str) -> str:
    """Return a GeoJSON Point, LineString, Polygon or Multi… as an element of GML 3.2, its positions as they are."""
    kind, coordinates = shape["type"], shape["coordinates"]
    dimension = _dimension(coordinates)
    about = f' srsName={quoteattr(srs_name)} srsDimension="{dimension}" gml:id={quoteattr(identifier)}'
    if kind == "Point":
        return f"<gml:Point{about}><gml:pos>{_numbers(coordinates)}</gml:pos></gml:Point>"
    if kind == "LineString":
        return f"<gml:LineString{about}>{_position_list(coordinates)}</gml:LineString>"
    if kind == "Polygon":
        return f"<gml:Polygon{about}>{_rings(coordinates)}</gml:Polygon>"
    if kind == "MultiPoint":
        one = "<gml:pointMember><gml:Point gml:id={}><gml:pos>{}</gml:pos></gml:Point></gml:pointMember>"
        parts = [one.format(quoteattr(f"{identifier}.{i}"), _numbers(part)) for i, part in enumerate(coordinates)]
        return f"<gml:MultiPoint{about}>{''.join(parts)}</gml:MultiPoint>"
    if kind == "MultiLineString":
        one = "<gml:curveMember><gml:LineString gml:id={}>{}</gml:LineString></gml:curveMember>"
        parts = [one.format(quoteattr(f"{identifier}.{i}"), _position_list(part)) for i, part in enumerate(coordinates)]
        return f"<gml:MultiCurve{about}>{''.join(parts)}</gml:MultiCurve>"
    one = "<gml:surfaceMember><gml:Polygon gml:id={}>{}</gml:Polygon></gml:surfaceMember>"
    parts = [one.format(quoteattr(f"{identifier}.{i}"), _rings(part)) for i, part in enumerate(coordinates)]
    return f"<gml:MultiSurface{about}>{''.join(parts)}</gml:MultiSurface>"


def value_text(value: object) -> str:
    """Return a value as the text of an element; a character that XML 1.0 cannot hold becomes U+FFFD."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if value.isalnum():
        return value
    # A carriage return would be read as a line feed.
    return escape(_NOT_IN_XML.sub("\ufffd", value), {"\r": "&#13;"})


def _rings(rings: Sequence[Sequence[Sequence[float]]]) -> str:
    names = ("exterior", *("interior",) * (len(rings) - 1))
    written = zip(names, rings, strict=True)
    return "".join(f"<gml:{n}><gml:LinearRing>{_position_list(ring)}</gml:LinearRing></gml:{n}>" for n, ring in written)


def _position_list(positions: Sequence[Sequence[float]]) -> str:
    return f"<gml:posList>{' '.join([repr(number) for position in positions for number in position])}</gml:posList>"


def _numbers(position: Sequence[float]) -> str:
    return " ".join(map(repr, position))


def _dimension(coordinates: Sequence[Any]) -> int:
    while coordinates and isinstance(coordinates[0], list):
        coordinates = coordinates[0]
    return max(2, len(coordinates))
