"""The legend of a style as an SVG picture, and as lines for a page."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from styles.derive import CodeChoice, NamedStyle, RampChoice
from twin.model import FeatureType

_ROW_PX, _SWATCH_PX, _WIDTH_PX, _RAMP_PX = 22, 16, 320, 200
_FONT = "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif"


@dataclass(frozen=True, slots=True)
class LegendLine:
    """One line: a colour, what it stands for and the value in the data (empty: any other)."""

    color: str
    title: str
    value: str


def legend_lines(feature_type: FeatureType, style: NamedStyle, language: str) -> tuple[LegendLine, ...]:
    """Return the legend of a style line by line; of a ramp its stops."""
    match style.choice:
        case CodeChoice(legend=legend):
            lines = tuple(LegendLine(e.color, e.title.in_language(language), e.value) for e in legend)
        case RampChoice(stops=stops, unit=unit):
            lines = tuple(LegendLine(color, f"{value:g} {unit or ''}".strip(), f"{value:g}") for value, color in stops)
        case _:
            return (LegendLine(feature_type.style.default_color, feature_type.title.in_language(language), ""),)
    other = "其他" if language.startswith("zh") else "other"
    return (*lines, LegendLine(feature_type.style.default_color, other, ""))


def legend_svg(feature_type: FeatureType, style: NamedStyle, language: str) -> bytes:
    """Return the legend of a style as an SVG document: a row a code, or a bar with its stops."""
    rows = _ramp(style.choice) if isinstance(style.choice, RampChoice) else _rows(legend_lines(feature_type, style, language))
    title = style.title.in_language(language) if style.choice else feature_type.title.in_language(language)
    height = _ROW_PX * (len(rows) + 1) + 10
    head = f'<text x="8" y="18" font-weight="600">{escape(title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_PX}" height="{height}" viewBox="0 0 {_WIDTH_PX} {height}"'
        f' font-family="{_FONT}" font-size="13" fill="#1c2733">{head}{"".join(rows)}</svg>'
    ).encode()


def _rows(lines: tuple[LegendLine, ...]) -> list[str]:
    made = []
    for number, line in enumerate(lines, start=1):
        y = number * _ROW_PX + 6
        swatch = f'<rect x="8" y="{y}" width="{_SWATCH_PX}" height="{_SWATCH_PX}" fill={quoteattr(line.color)} stroke="#5d6b79"/>'
        made.append(f'{swatch}<text x="{_SWATCH_PX + 16}" y="{y + 13}">{escape(line.title)}</text>')
    return made


def _ramp(ramp: RampChoice) -> list[str]:
    low, high = ramp.stops[0][0], ramp.stops[-1][0]
    span = high - low or 1.0
    at = [8 + (value - low) / span * _RAMP_PX for value, _ in ramp.stops]
    stops = "".join(f'<stop offset="{(value - low) / span:.4f}" stop-color={quoteattr(color)}/>' for value, color in ramp.stops)
    gradient = f'<linearGradient id="ramp">{stops}</linearGradient>'
    bar = f'{gradient}<rect x="8" y="{_ROW_PX + 6}" width="{_RAMP_PX}" height="16" fill="url(#ramp)"/>'
    shown = [0, *(after for before, after in pairwise(range(len(at))) if at[after] - at[before] > 24)]
    labels = "".join(f'<text x="{at[i]:.0f}" y="{2 * _ROW_PX + 16}" font-size="11">{ramp.stops[i][0]:g}</text>' for i in shown)
    unit = f'<text x="{_RAMP_PX + 40}" y="{_ROW_PX + 18}">{escape(ramp.unit or "")}</text>'
    return [bar, labels + unit]
