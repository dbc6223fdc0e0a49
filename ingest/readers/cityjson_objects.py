"""City objects → features: which objects make one feature, and the document that holds exactly them (CityJSON 2.0 §2, §4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from ingest.readers.cityjson_frame import Json, Vertices, invalid

INTERIOR = frozenset(
    {"BuildingRoom", "BuildingStorey", "BuildingUnit", "BuildingFurniture", "BridgeRoom", "BridgeFurniture", "TunnelHollowSpace"}
    | {"TunnelFurniture"}
)
"""Objects inside others: features of their own where they are wanted, never part of what is drawn of the whole."""
MAX_PARTS = 65_536


@dataclass(frozen=True, slots=True)
class Scope:
    """Objects that share vertices: a whole document, or one line of a sequence."""

    objects: Mapping[str, Json]
    vertices: npt.NDArray[np.int64]
    placed: Vertices
    """The vertices in the reference system."""
    appearance: Json | None = None
    line: bytes | None = None
    """The CityJSONFeature as it stands in a sequence."""


@dataclass(frozen=True, slots=True)
class CityFeature:
    """One object with all that belongs to it; ``members[0]`` is the object itself, a face's part is a member's place."""

    id: str
    members: Sequence[tuple[str, Json]]
    scope: Scope

    @property
    def object(self) -> Json:
        """The object that the feature is."""
        return self.members[0][1]


def scope_of(content: Json, vertices: npt.NDArray[np.int64], placed: Vertices, line: bytes | None = None) -> Scope:
    """Return the objects of a document or line; RejectedError ``cityjson-invalid`` when it has none in CityJSON's form."""
    objects = content.get("CityObjects")
    if not isinstance(objects, dict) or not all(isinstance(o, dict) for o in objects.values()):
        raise invalid('"CityObjects" is not an object of objects', "“CityObjects”不是由对象组成的对象")
    appearance = content.get("appearance")
    return Scope(objects, vertices, placed, appearance if isinstance(appearance, dict) else None, line)


def features_in(scope: Scope, types: frozenset[str]) -> Iterator[CityFeature]:
    """Yield the objects of ``types`` with their descendants that are of other types, in the order of the source."""
    for name, city_object in scope.objects.items():
        if city_object.get("type") in types:
            members: dict[str, Json] = {name: city_object}
            _gather(scope.objects, city_object, types, members)
            yield CityFeature(name, tuple(members.items()), scope)


def _gather(objects: Mapping[str, Json], parent: Json, types: frozenset[str], members: dict[str, Json]) -> None:
    """Add the descendants of ``parent``, level by level; a child that is not there, or its own ancestor, is passed over."""
    waiting = _children(parent)
    while waiting and len(members) < MAX_PARTS:
        name = waiting.pop(0)
        child = objects.get(name)
        if child is not None and name not in members and child.get("type") not in types:
            members[name] = child
            waiting += _children(child)


def _children(city_object: Json) -> list[str]:
    children = city_object.get("children")
    return [c for c in children if isinstance(c, str)] if isinstance(children, list) else []


def document_of(feature: CityFeature) -> bytes:
    """Return the feature as a CityJSONFeature with its own vertices and appearance, every number as the source has it."""
    scope = feature.scope
    if scope.line is not None and len(feature.members) == len(scope.objects):
        return scope.line
    places = _Places()
    objects = {name: _renumbered(o, places) for name, o in feature.members}
    document: dict[str, object] = {
        "type": "CityJSONFeature",
        "id": feature.id,
        "CityObjects": objects,
        "vertices": scope.vertices[list(places.vertices)].tolist(),
    }
    if scope.appearance is not None and (appearance := places.appearance(scope.appearance)):
        document["appearance"] = appearance
    return orjson.dumps(document)


class _Places:
    """New numbers for vertices, materials, textures and texture vertices, in order of first use."""

    def __init__(self) -> None:
        self.vertices: dict[int, int] = {}
        self.materials: dict[int, int] = {}
        self.textures: dict[int, int] = {}
        self.corners: dict[int, int] = {}

    def appearance(self, whole: Json) -> dict[str, object]:
        """Return the part of an appearance that is used."""
        named = (("materials", self.materials), ("textures", self.textures), ("vertices-texture", self.corners))
        used = {name: [whole[name][i] for i in places] for name, places in named if places}
        return used | {k: v for k, v in whole.items() if k.startswith("default-theme")} if used else {}


def _renumbered(city_object: Json, places: _Places) -> Json:
    changed = dict(city_object)
    geometries = city_object.get("geometry")
    if isinstance(geometries, list):
        changed["geometry"] = [_geometry(g, places) for g in geometries]
    addresses = city_object.get("address")
    if isinstance(addresses, list):
        changed["address"] = [_address(a, places) for a in addresses]
    return changed


def _address(address: object, places: _Places) -> object:
    if isinstance(address, dict) and isinstance(address.get("location"), dict):
        return {**address, "location": _geometry(address["location"], places)}
    return address


def _geometry(geometry: Json, places: _Places) -> Json:
    changed = dict(geometry)
    if "boundaries" in geometry:
        changed["boundaries"] = _mapped(geometry["boundaries"], _number(places.vertices))
    for theme, material in _themes(geometry, "material"):
        numbered = {k: _mapped(v, _number(places.materials)) if k in ("value", "values") else v for k, v in material.items()}
        changed["material"] = {**changed["material"], theme: numbered}
    for theme, texture in _themes(geometry, "texture"):
        changed["texture"] = {**changed["texture"], theme: {**texture, "values": _texture(texture.get("values"), places)}}
    return changed


def _themes(geometry: Json, member: str) -> list[tuple[str, Json]]:
    themes = geometry.get(member)
    return [(k, v) for k, v in themes.items() if isinstance(v, dict)] if isinstance(themes, dict) else []


def _number(places: dict[int, int]) -> Callable[[int], int]:
    return lambda old: places.setdefault(old, len(places))


def _mapped(node: object, number: Callable[[int], int]) -> object:
    if isinstance(node, list):
        return [number(n) if type(n) is int else _mapped(n, number) for n in node]
    return number(node) if type(node) is int else node


def _texture(node: object, places: _Places) -> object:
    """Innermost are [texture, corner, corner…] or [null]."""
    if not isinstance(node, list):
        return node
    if node and not isinstance(node[0], list):
        if node[0] is None:
            return node
        return [_number(places.textures)(node[0]), *(_number(places.corners)(corner) for corner in node[1:])]
    return [_texture(n, places) for n in node]
