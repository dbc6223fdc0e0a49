"""A CityJSONFeature of version 1.0 or 1.1 as version 2.0 has it; geometry, semantics and attributes stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Feature = Mapping[str, Any]


def upgraded(feature: Feature, version: str) -> Feature:
    """Return the feature in version 2.0: lod as text, addresses as a list, members of groups as children, and its id."""
    objects = feature["CityObjects"]
    if not version.startswith("2."):
        objects = {name: _object(o) for name, o in objects.items()}
    first = next((name for name, o in objects.items() if not o.get("parents")), next(iter(objects), ""))
    return {**feature, "id": feature.get("id", first), "CityObjects": objects}


def _object(city_object: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(city_object)
    if isinstance(made.get("geometry"), list):
        made["geometry"] = [with_lod_as_text(g) for g in made["geometry"]]
    if isinstance(made.get("address"), dict):
        made["address"] = [made["address"]]
    if made.get("type") == "CityObjectGroup" and "members" in made:
        made["children"] = made.pop("members")
    return made


def with_lod_as_text(geometry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a geometry or template with its level of detail as text, which version 1.0 wrote as a number."""
    lod = geometry.get("lod")
    if not isinstance(lod, int | float):
        return geometry
    return {**geometry, "lod": str(int(lod)) if float(lod).is_integer() else str(lod)}
