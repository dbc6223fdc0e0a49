"""Titles and colours of the surfaces that bound a feature, for colouring by surface."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from styles.derive import Json, LegendEntry
from twin.errors import Text
from twin.representation import SurfaceType

TITLE = Text(zh="表面类型", en="Kind of surface")
TEXTURE = "texture"
_TEXTURE_TITLE = Text(zh="纹理", en="Textures")
SURFACES: Mapping[SurfaceType, LegendEntry] = {
    kind: LegendEntry(kind.name.lower(), Text(zh=zh, en=en), color)
    for kind, zh, en, color in (
        (SurfaceType.UNKNOWN, "未分类", "Unclassified", "#c9c9c4"),
        (SurfaceType.ROOF, "屋面", "Roof", "#b4533c"),
        (SurfaceType.WALL, "墙面", "Wall", "#e6dcc8"),
        (SurfaceType.GROUND, "底面", "Ground", "#7d6b57"),
        (SurfaceType.CLOSURE, "封闭面", "Closure", "#a9b7c6"),
        (SurfaceType.OUTER_CEILING, "室外顶棚", "Outer ceiling", "#9a8f80"),
        (SurfaceType.OUTER_FLOOR, "室外地面", "Outer floor", "#b39b78"),
        (SurfaceType.WINDOW, "窗", "Window", "#6fa8dc"),
        (SurfaceType.DOOR, "门", "Door", "#8a5a2b"),
        (SurfaceType.INTERIOR_WALL, "内墙", "Interior wall", "#f2ead9"),
        (SurfaceType.CEILING, "顶棚", "Ceiling", "#f7f4ec"),
        (SurfaceType.FLOOR, "楼地面", "Floor", "#c8b08c"),
        (SurfaceType.WATER, "水面", "Water surface", "#4f90c4"),
        (SurfaceType.TRAFFIC, "交通面", "Traffic area", "#8c8c8c"),
        (SurfaceType.OTHER, "其他", "Other", "#b0a8c0"),
    )
}
"""By kind; the value of an entry is its name in the tiles."""


def surface_choice(kinds: Collection[str]) -> Json:
    """Return the choice ``surface`` of a layer in /scene.json over the ``kinds`` that its tiles have.

    ``id`` is the feature id a surface has in the set ``surface`` of a tile.
    """
    legend = [
        {"id": int(kind), "value": e.value, "title": {"zh": e.title.zh, "en": e.title.en}, "color": e.color}
        for kind, e in SURFACES.items()
        if e.value in kinds
    ]
    return {"field": "surface", "title": {"zh": TITLE.zh, "en": TITLE.en}, "kind": "surface", "legend": legend}


def texture_choice() -> Json:
    """Return the choice ``texture`` of a layer in /scene.json: features as their pictures have them, in no colour of their own."""
    return {"field": TEXTURE, "title": {"zh": _TEXTURE_TITLE.zh, "en": _TEXTURE_TITLE.en}, "kind": TEXTURE}
