"""A FeatureType's default style as a MapLibre Style Specification document (version 8) over our vector tiles."""

from __future__ import annotations

from styles.derive import Choice, Json, RampChoice, style_choices
from twin.model import FeatureType

MAX_ZOOM = 18
"""Deepest level of the vector tiles; a client overzooms beyond it."""


def maplibre_style(feature_type: FeatureType, dataset: str, tiles_url: str) -> Json:
    """Return the MapLibre style of one dataset.

    ``dataset`` is the collection id, which is also the name of the layer in the tiles; ``tiles_url`` is the template with
    ``{z}``, ``{x}`` and ``{y}`` (MapLibre's y runs from north to south, as WebMercatorQuad's rows do). Coverages have no vector
    tiles: ValueError.
    """
    if feature_type.geometry_type == "coverage":
        raise ValueError(f"{feature_type.name} is a coverage and has no vector tiles")
    return {
        "version": 8,
        "name": dataset,
        "metadata": {"title:zh": feature_type.title.zh, "title:en": feature_type.title.en},
        "sources": {dataset: {"type": "vector", "tiles": [tiles_url], "minzoom": 0, "maxzoom": MAX_ZOOM}},
        "layers": _layers(feature_type, dataset),
    }


def _layers(feature_type: FeatureType, dataset: str) -> list[Json]:
    style = feature_type.style
    color = _color(feature_type)
    if feature_type.geometry_type == "Point":
        radius = max(style.line_width_px, 1.0) * 1.5
        return [_layer(feature_type, dataset, "circle", {"circle-color": color, "circle-radius": radius})]
    line = _layer(feature_type, dataset, "line", {"line-color": color, "line-width": style.line_width_px})
    if feature_type.geometry_type == "LineString":
        return [line]
    return [_layer(feature_type, dataset, "fill", {"fill-color": color, "fill-opacity": style.fill_opacity}), line]


def _layer(feature_type: FeatureType, dataset: str, kind: str, paint: Json) -> Json:
    layout = {"visibility": "visible" if feature_type.style.visible else "none"}
    return {"id": f"{dataset}-{kind}", "type": kind, "source": dataset, "source-layer": dataset, "layout": layout, "paint": paint}


def _color(feature_type: FeatureType) -> object:
    default = feature_type.style.default_color
    choices = style_choices(feature_type)
    if feature_type.style.color_by is None or not choices:
        return default
    return _expression(choices[0], default)


def _expression(choice: Choice, default: str) -> list[object]:
    value = ["get", choice.field]
    if isinstance(choice, RampChoice):
        stops = [part for stop in choice.stops for part in stop]
        return ["case", ["==", ["typeof", value], "number"], ["interpolate", ["linear"], value, *stops], default]
    return ["match", value, *(part for entry in choice.legend for part in (entry.value, entry.color)), default]
