"""City objects with other numbers for their vertices and appearance, everything else as it was: into a document of their own, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.readers.cityjson_frame import Json

Number = Callable[[int], int]


def index_of(value: object) -> int:
    """Return a number by which something is named; ValueError where it is none from 0 on, as neither ``true`` nor −1 is."""
    if type(value) is not int or value < 0:
        raise ValueError(f"index {value!r}" if isinstance(value, int) else f"an index is a {type(value).__name__}")
    return value


@dataclass(frozen=True, slots=True)
class Numbers:
    """Old number → new number, for each of the four arrays that objects refer to."""

    vertex: Number
    material: Number
    texture: Number
    corner: Number
    """Of ``vertices-texture``."""


@dataclass
class Places:
    """New numbers for what is used, in order of first use."""

    vertices: dict[int, int] = field(default_factory=dict)
    materials: dict[int, int] = field(default_factory=dict)
    textures: dict[int, int] = field(default_factory=dict)
    corners: dict[int, int] = field(default_factory=dict)

    @property
    def numbers(self) -> Numbers:
        """The numbers given by first use; ValueError for what is no number from 0 on."""
        return Numbers(_first_use(self.vertices), _first_use(self.materials), _first_use(self.textures), _first_use(self.corners))

    def appearance(self, whole: Json) -> dict[str, object]:
        """Return the part of an appearance that is used; IndexError or KeyError where it lacks something."""
        named = (("materials", self.materials), ("textures", self.textures), ("vertices-texture", self.corners))
        used: dict[str, object] = {name: [whole[name][i] for i in places] for name, places in named if places}
        return used | {k: v for k, v in whole.items() if k.startswith("default-theme")} if used else {}


def renumbered(city_object: Json, numbers: Numbers) -> Json:
    """Return a city object with new numbers in geometries and places of addresses."""
    changed = dict(city_object)
    geometries = city_object.get("geometry")
    if isinstance(geometries, list):
        changed["geometry"] = [_geometry(g, numbers) for g in geometries]
    addresses = city_object.get("address")
    if isinstance(addresses, list):
        changed["address"] = [_address(a, numbers) for a in addresses]
    return changed


def _first_use(places: dict[int, int]) -> Number:
    return lambda old: places.setdefault(index_of(old), len(places))


def _address(address: object, numbers: Numbers) -> object:
    if isinstance(address, dict) and isinstance(address.get("location"), dict):
        return {**address, "location": _geometry(address["location"], numbers)}
    return address


def _geometry(geometry: Json, numbers: Numbers) -> Json:
    changed = dict(geometry)
    if "boundaries" in geometry:
        changed["boundaries"] = _mapped(geometry["boundaries"], numbers.vertex)
    for theme, material in _themes(geometry, "material"):
        numbered = {k: _mapped(v, numbers.material) if k in ("value", "values") else v for k, v in material.items()}
        changed["material"] = {**changed["material"], theme: numbered}
    for theme, texture in _themes(geometry, "texture"):
        changed["texture"] = {**changed["texture"], theme: {**texture, "values": _texture(texture.get("values"), numbers)}}
    return changed


def _themes(geometry: Json, member: str) -> list[tuple[str, Json]]:
    themes = geometry.get(member)
    return [(k, v) for k, v in themes.items() if isinstance(v, dict)] if isinstance(themes, dict) else []


def _mapped(node: object, number: Number) -> object:
    if isinstance(node, list):
        return [number(n) if type(n) is int else _mapped(n, number) for n in node]
    return number(node) if isinstance(node, int) else node


def _texture(node: object, numbers: Numbers) -> object:
    """Innermost are [texture, corner, corner…] or [null]."""
    if not isinstance(node, list):
        return node
    if node and not isinstance(node[0], list):
        return node if node[0] is None else [numbers.texture(node[0]), *(numbers.corner(corner) for corner in node[1:])]
    return [_texture(n, numbers) for n in node]
