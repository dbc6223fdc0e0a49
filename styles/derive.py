"""Style, legend and colour choices of a FeatureType, as the scene and MapLibre take them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from twin.errors import Text
from twin.model import CodeList, FeatureType

Json = dict[str, object]
Stops = tuple[tuple[float, str], ...]

_PALETTE = (
    "#4a7fd1",
    "#e0a93f",
    "#3a9b5c",
    "#c2397b",
    "#7f8c99",
    "#8c6d46",
    "#6f4fb0",
    "#d9703c",
    "#3fa3b5",
    "#a3b04a",
    "#d98ca8",
    "#5a5f73",
)
"""For codes whose list gives no colour: told apart by hue and by lightness, repeated when there are more."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line of a legend."""

    value: str
    title: Text
    color: str


@dataclass(frozen=True, slots=True)
class CodeChoice:
    """Colouring by the codes of one field."""

    field: str
    title: Text
    legend: tuple[LegendEntry, ...]


@dataclass(frozen=True, slots=True)
class RampChoice:
    """Colouring by a numeric field: colours in between are interpolated, beyond the ends the end's colour holds."""

    field: str
    title: Text
    stops: Stops
    unit: str | None


Choice = CodeChoice | RampChoice


PLAIN = "plain"
"""Id of the style that colours by nothing."""
_PLAIN_TITLE = Text(zh="单一颜色", en="One colour")


@dataclass(frozen=True, slots=True)
class NamedStyle:
    """One of the styles of a FeatureType, by what it colours: its id is the field's name, or :data:`PLAIN`."""

    id: str
    title: Text
    choice: Choice | None


def named_styles(feature_type: FeatureType) -> tuple[NamedStyle, ...]:
    """Return the styles of a FeatureType, the one drawn by default first; one of them colours by nothing, for imagery the only one."""
    plain = NamedStyle(PLAIN, _PLAIN_TITLE, None)
    if feature_type.recipe == "imagery":
        return (plain,)
    coloured = tuple(NamedStyle(choice.field, choice.title, choice) for choice in style_choices(feature_type) if choice.field != PLAIN)
    return (plain, *coloured) if feature_type.style.color_by is None else (*coloured, plain)


@dataclass(frozen=True, slots=True)
class ColorClass:
    """Values from ``low`` to below ``high`` (None: open) in one colour, for styles that cannot interpolate."""

    low: float | None
    high: float | None
    color: str


def color_classes(ramp: RampChoice, pieces: int = 4) -> tuple[ColorClass, ...]:
    """Return a ramp in steps: ``pieces`` between two stops, each in the colour of its middle, and one beyond either end."""
    first, last = ramp.stops[0], ramp.stops[-1]
    steps = [ColorClass(None, first[0], first[1])]
    for (low, low_color), (high, high_color) in pairwise(ramp.stops):
        ends = [low + (high - low) * number / pieces for number in range(pieces)] + [high]
        shares = ((number + 0.5) / pieces for number in range(pieces))
        steps += [ColorClass(a, b, mixed(low_color, high_color, share)) for (a, b), share in zip(pairwise(ends), shares, strict=True)]
    return (*steps, ColorClass(last[0], None, last[1]))


def mixed(first: str, second: str, share: float) -> str:
    """Return the colour (#rrggbb) at ``share`` of the way from ``first`` to ``second``."""
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def style_choices(feature_type: FeatureType) -> tuple[Choice, ...]:
    """Return the ways to colour a FeatureType, the one shown first first; every code has a colour, its own or one of our palette."""
    style = feature_type.style
    names = sorted(style.choices, key=lambda name: name != style.color_by)
    return tuple(_choice(feature_type, name) for name in names)


def _choice(feature_type: FeatureType, name: str) -> Choice:
    field = feature_type.field(name)
    if name in feature_type.style.ramps:
        return RampChoice(name, field.title, tuple(feature_type.style.ramps[name]), field.unit)
    if field.codelist is None:
        raise ValueError(f"field {name!r} of {feature_type.name} has neither codes nor a ramp")
    return CodeChoice(name, field.title, _legend(field.codelist))


def _legend(code_list: CodeList) -> tuple[LegendEntry, ...]:
    return tuple(
        LegendEntry(code.code, code.title, code.color or _PALETTE[number % len(_PALETTE)]) for number, code in enumerate(code_list.codes)
    )


def scene_style(feature_type: FeatureType) -> Json:
    """Return the ``style`` object of a layer in /scene.json (docs/architecture.md)."""
    style = feature_type.style
    return {
        "color_by": style.color_by,
        "default_color": style.default_color,
        "fill_opacity": style.fill_opacity,
        "line_width_px": style.line_width_px,
        "choices": [_scene_choice(choice) for choice in style_choices(feature_type)],
    }


def _scene_choice(choice: Choice) -> Json:
    title = {"zh": choice.title.zh, "en": choice.title.en}
    if isinstance(choice, RampChoice):
        stops = [[value, color] for value, color in choice.stops]
        return {"field": choice.field, "title": title, "kind": "ramp", "stops": stops, "unit": choice.unit}
    legend = [{"value": e.value, "title": {"zh": e.title.zh, "en": e.title.en}, "color": e.color} for e in choice.legend]
    return {"field": choice.field, "title": title, "kind": "codes", "legend": legend}
