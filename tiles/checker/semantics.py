"""Semantics of properties: those of the 3D Metadata Semantic Reference of 3D Tiles 1.1, and the types they may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiles.checker.problem import Problems

type Json = dict[str, Any]

_FLOATS = frozenset({"FLOAT32", "FLOAT64"})
_COUNTS = frozenset({"UINT8", "UINT16", "UINT32", "UINT64"})


@dataclass(frozen=True, slots=True)
class Form:
    """The type of a property; ``count`` is None for arrays of any length, ``components`` empty where the type has none."""

    type: str
    components: frozenset[str] = frozenset()
    is_array: bool = False
    count: int | None = None

    def fits(self, prop: Json) -> bool:
        """Return whether a property of a class is of this type."""
        is_component = prop.get("componentType") in self.components if self.components else "componentType" not in prop
        is_count = self.count is None or prop.get("count") == self.count
        return prop.get("type") == self.type and is_component and bool(prop.get("array", False)) == self.is_array and is_count


_TEXT, _TEXTS, _LENGTH = Form("STRING"), Form("STRING", is_array=True), Form("SCALAR", _FLOATS)
_OF_A_VOLUME = {
    "BOUNDING_BOX": Form("SCALAR", _FLOATS, is_array=True, count=12),
    "BOUNDING_REGION": Form("SCALAR", frozenset({"FLOAT64"}), is_array=True, count=6),
    "BOUNDING_SPHERE": Form("SCALAR", _FLOATS, is_array=True, count=4),
    "BOUNDING_S2_CELL": Form("SCALAR", frozenset({"UINT64"})),
    "MINIMUM_HEIGHT": _LENGTH,
    "MAXIMUM_HEIGHT": _LENGTH,
    "HORIZON_OCCLUSION_POINT": Form("VEC3", _FLOATS),
}
_FORMS = {
    "ID": _TEXT,
    "NAME": _TEXT,
    "DESCRIPTION": _TEXT,
    "ATTRIBUTION_IDS": Form("SCALAR", _COUNTS, is_array=True),
    "ATTRIBUTION_STRINGS": _TEXTS,
    "TILESET_FEATURE_ID_LABELS": _TEXTS,
    "TILESET_CRS_GEOCENTRIC": _TEXT,
    "TILESET_CRS_COORDINATE_EPOCH": _TEXT,
    "TILE_GEOMETRIC_ERROR": _LENGTH,
    "TILE_REFINE": Form("SCALAR", frozenset({"UINT8"})),
    "TILE_TRANSFORM": Form("MAT4", _FLOATS),
    "CONTENT_URI": _TEXT,
    "CONTENT_GROUP_ID": Form("SCALAR", _COUNTS),
    **{f"{of}_{name}": form for of in ("TILE", "CONTENT") for name, form in _OF_A_VOLUME.items()},
}


def check_semantics(schema: Json, where: str, problems: Problems) -> None:
    """Record semantics of a schema that nobody defined, that are given to a property of another type, or twice in a class."""
    for class_name, definition in schema.get("classes", {}).items():
        seen: set[str] = set()
        for name, prop in definition.get("properties", {}).items():
            semantic, at = prop.get("semantic"), f"{where}/classes/{class_name}/properties/{name}"
            if semantic is None:
                continue
            form = _FORMS.get(semantic)
            if problems.unless(form is not None, "METADATA_SEMANTIC_UNKNOWN", at, f"semantic {semantic}"):
                fits = form is not None and form.fits(prop)
                problems.unless(fits, "METADATA_SEMANTIC_INVALID", at, f"{semantic} of another type than the reference gives it")
            problems.unless(semantic not in seen, "METADATA_SEMANTIC_REPEATED", at, f"{semantic} twice in the class")
            seen.add(semantic)
