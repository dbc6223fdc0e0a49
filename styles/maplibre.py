"""A FeatureType's styles as MapLibre Style Specification documents (version 8) over our vector and picture tiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from styles.derive import Choice, Json, NamedStyle, RampChoice, named_styles
from twin.model import FeatureType
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD

_LEVELS = {"minzoom": WEB_MERCATOR_QUAD.first, "maxzoom": WEB_MERCATOR_QUAD.last}
"""Those that vector and picture tiles are served in, as their TileJSON says, too."""

_FAR, _NEAR_LEVEL = (10, 0.2), 16
"""The level up to which symbols have that share of their width, and the one from which they have all of it."""


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One dataset on a map: its collection id, which is also the name of the layer in its vector tiles, and where its tiles are.

    ``tiles_url`` is the template with ``{z}``, ``{x}`` and ``{y}`` (MapLibre's y runs from north to south, as WebMercatorQuad's rows do):
    of vector tiles, for imagery of picture tiles.
    """

    feature_type: FeatureType
    dataset: str
    tiles_url: str
    style: NamedStyle | None = None
    """How it is drawn; None for its default."""


def has_map_style(feature_type: FeatureType) -> bool:
    """Return whether features of a type can be drawn by MapLibre: of the coverages only imagery can."""
    return feature_type.geometry_type != "coverage" or feature_type.recipe == "imagery"


def maplibre_style(name: str, layers: Iterable[MapLayer]) -> Json:
    """Return the MapLibre style that draws ``layers``, the first at the bottom; it needs no glyphs and no sprite.

    ValueError for a coverage without picture tiles.
    """
    listed = tuple(layers)
    for layer in listed:
        if not has_map_style(layer.feature_type):
            raise ValueError(f"{layer.feature_type.name} is a coverage and has no map tiles")
    return {
        "version": 8,
        "name": name,
        "sources": {layer.dataset: _source(layer) for layer in listed},
        "layers": [drawn for layer in listed for drawn in _layers(layer)],
    }


def _source(layer: MapLayer) -> Json:
    if layer.feature_type.recipe == "imagery":
        return {"type": "raster", "tiles": [layer.tiles_url], "tileSize": 256, **_LEVELS}
    return {"type": "vector", "tiles": [layer.tiles_url], **_LEVELS}


def _layers(layer: MapLayer) -> list[Json]:
    feature_type, dataset = layer.feature_type, layer.dataset
    style = feature_type.style
    if feature_type.recipe == "imagery":
        return [{"id": f"{dataset}-raster", "type": "raster", "source": dataset}]
    color = _color(feature_type, layer.style or named_styles(feature_type)[0])
    if feature_type.geometry_type == "Point":
        radius = _growing(max(style.line_width_px, 1.0) * 1.5)
        return [_layer(feature_type, dataset, "circle", {"circle-color": color, "circle-radius": radius})]
    line = _layer(feature_type, dataset, "line", {"line-color": color, "line-width": _growing(style.line_width_px)})
    if feature_type.geometry_type == "LineString":
        return [line]
    return [_layer(feature_type, dataset, "fill", {"fill-color": color, "fill-opacity": style.fill_opacity}), line]


def _growing(width_px: float) -> object:
    """Return a width that is whole where single features are looked at: from afar the symbols of a city's trees would hide the city."""
    (far, share), near = _FAR, _NEAR_LEVEL
    return ["interpolate", ["linear"], ["zoom"], far, round(width_px * share, 3), near, width_px]


def _layer(feature_type: FeatureType, dataset: str, kind: str, paint: Json) -> Json:
    layout = {"visibility": "visible" if feature_type.style.visible else "none"}
    return {"id": f"{dataset}-{kind}", "type": kind, "source": dataset, "source-layer": dataset, "layout": layout, "paint": paint}


def _color(feature_type: FeatureType, style: NamedStyle) -> object:
    default = feature_type.style.default_color
    return default if style.choice is None else _expression(style.choice, default)


def _expression(choice: Choice, default: str) -> object:
    value = ["get", choice.field]
    if isinstance(choice, RampChoice):
        stops = [part for stop in choice.stops for part in stop]
        return ["case", ["==", ["typeof", value], "number"], ["interpolate", ["linear"], value, *stops], default]
    if not choice.legend:
        return default
    return ["match", value, *(part for entry in choice.legend for part in (entry.value, entry.color)), default]
