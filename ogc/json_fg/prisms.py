"""Prisms that callers write (21-045r1, clause 10) → a footprint and the properties that its 3D form is made of; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ogc.json_fg.document import takes_bodies
from ogc.writing.writer import WriteFault
from twin.crs import OutputCrs
from twin.errors import Text
from twin.query.collection import Collection

_AGREES_M = 0.001
"""Heights as we write them are rounded to a tenth of a millimetre, lower and upper end each."""
_DECIMALS = 4
_BASES = frozenset({"Polygon", "MultiPolygon"})


@dataclass(frozen=True, slots=True)
class Prism:
    """A footprint in two dimensions between two heights of its CRS."""

    base: Mapping[str, Any]
    begins: tuple[float, float]
    """The first position of the base."""
    lower_m: float
    upper_m: float


def takes_prisms(collection: Collection, crs: OutputCrs) -> bool:
    """Tell whether features have a form that is a prism, and ``crs`` the heights of one: what is read as prisms is written as such."""
    kind = collection.feature_type
    return kind.recipe == "extrude" and kind.recipe_fields.keys() >= {"base", "height"} and takes_bodies(crs, collection)


def prism_of(place: object) -> Prism | None:
    """Return the prism over an area that a place is, both of its ends said and the upper above the lower; None for any other."""
    if not isinstance(place, dict):
        return None
    base, lower_m, upper_m = (place.get(name) for name in ("base", "lower", "upper"))
    if place.get("type") != "Prism" or not isinstance(base, dict) or base.get("type") not in _BASES:
        return None
    begins = _first_position(base.get("coordinates"))
    if begins is None or not is_number(lower_m) or not is_number(upper_m) or upper_m <= lower_m:
        return None
    return Prism(base, begins, lower_m, upper_m)


def extruded(feature: dict[str, Any], prism: Prism, rise_m: float, collection: Collection, number: int) -> Iterator[WriteFault]:
    """Give ``feature`` the base and the height of its prism where its properties say none; yield where they say others.

    ``rise_m`` is by how much heights of the prism's CRS are above those of the city's datum there.
    """
    fields, properties = collection.feature_type.recipe_fields, feature.get("properties") or {}
    if not isinstance(properties, dict):
        return  # no Feature: said where that is looked at
    meant = {fields["base"]: prism.lower_m - rise_m, fields["height"]: prism.upper_m - prism.lower_m}
    feature["properties"] = properties | {name: round(m, _DECIMALS) for name, m in meant.items() if properties.get(name) is None}
    for name, metres in meant.items():
        said = properties.get(name)
        if is_number(said) and abs(said - metres) > _AGREES_M:
            reason = Text(f"place 的高度与属性 {name} 不一致", f"the heights of place and the property {name} contradict each other")
            yield WriteFault(number, "/place", "contradicts", reason, value=str(said), proposal=str(round(metres, _DECIMALS)))


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _first_position(coordinates: object) -> tuple[float, float] | None:
    while isinstance(coordinates, list) and coordinates and isinstance(coordinates[0], list):
        coordinates = coordinates[0]
    match coordinates:
        case [x, y, *_] if is_number(x) and is_number(y):
            return x, y
        case _:
            return None
