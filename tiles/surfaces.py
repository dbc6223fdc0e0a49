"""Kinds of surface in a GLB: a second set of feature ids with a table of its own, and a shade as vertex colour for all who know neither.

The set is labelled ``surface``; an id is a twin.representation.SurfaceType, the same in every tile (EXT_mesh_features, "Feature ID by
vertex"). The first set stays the features, so that picking and styling by attribute need not know of it.
"""

from __future__ import annotations

import functools

import numpy as np
import orjson
from numpy.typing import NDArray

from styles.surfaces import SURFACES, TITLE
from tiles.metadata import Json, PropertyTable, StoredColumn
from twin.representation import SurfaceType

LABEL = "surface"
CLASS = "_surface"
"""Name of class and enum: begins as no FeatureType and no code list does."""
COUNT = len(SurfaceType)
_PROPERTY = "surface"
_KEPT = 16
"""Schemas of FeatureTypes that are kept as JSON."""
_SHADES: dict[SurfaceType, tuple[float, float, float]] = {
    SurfaceType.ROOF: (0.54, 0.47, 0.45),
    SurfaceType.GROUND: (0.40, 0.38, 0.36),
    SurfaceType.CLOSURE: (0.85, 0.88, 0.92),
    SurfaceType.OUTER_CEILING: (0.55, 0.53, 0.50),
    SurfaceType.OUTER_FLOOR: (0.70, 0.66, 0.60),
    SurfaceType.WINDOW: (0.42, 0.52, 0.66),
    SurfaceType.DOOR: (0.50, 0.40, 0.32),
    SurfaceType.CEILING: (0.90, 0.90, 0.88),
    SurfaceType.FLOOR: (0.60, 0.56, 0.50),
}
"""Linear factors on the feature's own colour; 1 where not named. Part of the bytes: a change raises the engine version."""


def shades(surface: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the vertex colours (v, 4) of ``surface`` (v,): three linear factors in 255ths and a byte that keeps rows on four."""
    return _shade_table().take(surface).view(np.uint8).reshape(-1, 4)


@functools.cache
def _shade_table() -> NDArray[np.uint32]:
    """Return the colour of each kind of surface, its four bytes as one word."""
    table = np.full((COUNT, 4), 255, np.uint8)
    table[:, 3] = 0
    for kind, shade in _SHADES.items():
        table[kind, :3] = np.rint(np.array(shade) * 255)
    return table.view(np.uint32).ravel()


@functools.lru_cache(_KEPT)
def surface_schema_json(schema: bytes) -> bytes:
    """Return the JSON of what `surface_schema` gives for that of ``schema``."""
    return orjson.dumps(surface_schema(orjson.loads(schema)))


def surface_schema(schema: Json) -> Json:
    """Return ``schema`` with the class and the enum of surfaces beside its own."""
    values = [{"name": entry.value, "value": int(kind), "description": entry.title.zh} for kind, entry in SURFACES.items()]
    class_json = {
        "name": TITLE.zh,
        "description": TITLE.en,
        "properties": {_PROPERTY: {"type": "ENUM", "enumType": CLASS, "required": True}},
    }
    classes, enums = schema.get("classes"), schema.get("enums")
    return {
        **schema,
        "classes": {**(classes if isinstance(classes, dict) else {}), CLASS: class_json},
        "enums": {**(enums if isinstance(enums, dict) else {}), CLASS: {"name": TITLE.zh, "valueType": "UINT8", "values": values}},
    }


def surface_table() -> PropertyTable:
    """Return the table whose row is the kind of surface that the id of the row means."""
    return PropertyTable(COUNT, (StoredColumn(_PROPERTY, np.arange(COUNT, dtype=np.uint8).tobytes()),))
