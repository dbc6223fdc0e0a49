"""A FeatureType's styles in the 3D Tiles styling language (OGC 22-025r4, clause 12), over the property tables of our tiles."""

from __future__ import annotations

from itertools import pairwise

from styles.derive import CodeChoice, Json, NamedStyle, RampChoice
from twin.model import FeatureType

RECIPES = frozenset({"extrude", "envelope", "tube", "well", "view", "model"})
"""Forms whose tiles have the fields as properties; points of a cloud have colours of their own."""


def has_3d_style(feature_type: FeatureType) -> bool:
    """Return whether features of a type are drawn in 3D by their fields."""
    return feature_type.recipe in RECIPES


def tiles3d_style(feature_type: FeatureType, style: NamedStyle, language: str) -> Json:
    """Return the 3D Tiles style that colours features as ``style`` says, in the default colour where they have no value."""
    return {
        "meta": {"description": _text(style.title.in_language(language))},
        "show": True,
        "color": {"conditions": _conditions(feature_type, style)},
    }


def _conditions(feature_type: FeatureType, style: NamedStyle) -> list[list[str]]:
    otherwise = ["true", _color(feature_type.style.default_color)]
    match style.choice:
        case CodeChoice(field=field, legend=legend):
            return [*([f"${{{field}}} === {_text(e.value)}", _color(e.color)] for e in legend), otherwise]
        case RampChoice() as ramp:
            return [*_ramp(ramp, otherwise[1]), otherwise]
        case _:
            return [otherwise]


def _ramp(ramp: RampChoice, default: str) -> list[list[str]]:
    """Return conditions asked in order: a value that is not there must be met first, since comparing it is an error in the language."""
    value = f"${{{ramp.field}}}"
    made = [[f"{value} === undefined || {value} === null", default]]
    made.append([f"{value} < {ramp.stops[0][0]}", _color(ramp.stops[0][1])])
    for (low, low_color), (high, high_color) in pairwise(ramp.stops):
        between = f"mix({_color(low_color)}, {_color(high_color)}, ({value} - {low}) / {high - low})"
        made.append([f"{value} < {high}", between])
    made.append([f"{value} >= {ramp.stops[-1][0]}", _color(ramp.stops[-1][1])])
    return made


def _color(color: str) -> str:
    return f"color('{color}')"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
