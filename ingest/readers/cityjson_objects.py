"""City objects → features: which objects make one feature, and the document that holds exactly them (CityJSON 2.0 §2, §4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_frame import Frame, Json, Vertices, invalid, parsed, positions_of
from ingest.readers.cityjson_numbers import Places, renumbered
from ingest.readers.source import Fault
from twin.errors import Text, TwinError
from twin.exact_json import as_spelled

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
    exported: bool = True
    """Whether a document of its objects is CityJSON that anybody can read: types of extensions nobody declared are not."""
    folder: str = ""
    """From where its pictures are named, below the folder of the model."""


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
    if not isinstance(objects, dict) or not all(isinstance(o, dict) and isinstance(o.get("type"), str) for o in objects.values()):
        raise invalid('"CityObjects" is not an object of objects with a type', "“CityObjects”不是由带 type 的对象组成的对象")
    appearance = content.get("appearance")
    return Scope(objects, vertices, placed, appearance if isinstance(appearance, dict) else None, line)


def line_scope(line: bytes, frame: Frame) -> Scope | Fault:
    """Return the objects of one line of a sequence, a fault where it is no CityJSONFeature."""
    try:
        content = parsed(line)
        if content.get("type") != "CityJSONFeature":
            raise invalid(f'"type" is {content.get("type")!r}', f"“type”为 {content.get('type')!r}，应为“CityJSONFeature”")
        vertices: npt.NDArray[np.int64] = np.rint(positions_of(content.get("vertices"))).astype(np.int64)
        return scope_of(content, vertices, frame.placed(vertices), line)
    except TwinError as error:
        return Fault(0, "structure", _of_line(error.text))


def _of_line(text: Text) -> Text:
    """Return what is wrong with a file of one line as said of that line."""
    return Text(
        zh=text.zh.replace("文件不是有效的 CityJSON：", "本行不是有效的 CityJSONFeature：", 1),
        en=text.en.replace("The file is not valid CityJSON: ", "The line is no valid CityJSONFeature: ", 1),
    )


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


def document_of(feature: CityFeature) -> bytes | None:
    """Return the feature as a CityJSONFeature of its own vertices and appearance, every number as the source has it; None if not kept."""
    scope = feature.scope
    if not scope.exported:
        return None
    if scope.line is not None and len(feature.members) == len(scope.objects):
        return scope.line
    places = Places()
    objects = {name: renumbered(o, places.numbers) for name, o in feature.members}
    document: dict[str, object] = {
        "type": "CityJSONFeature",
        "id": feature.id,
        "CityObjects": objects,
        "vertices": scope.vertices[list(places.vertices)].tolist(),
    }
    if scope.appearance is not None and (appearance := places.appearance(scope.appearance)):
        document["appearance"] = appearance
    return as_spelled(document)
