"""A FeatureType's styles as OGC Styled Layer Descriptors: version 1.0 (02-070), and 1.1 (05-078r4) with Symbology Encoding (05-077r4).

The two differ in where elements live, in how a title is said and in what a parameter is called, and in nothing we say by them: one
writer has both. Colours between two stops of a ramp are steps (a rule each): neither version's clients agree on interpolation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from styles.derive import CodeChoice, NamedStyle, RampChoice, color_classes
from twin.model import FeatureType

Version = Literal["1.0", "1.1"]

_SLD, _SE, _OGC = "http://www.opengis.net/sld", "http://www.opengis.net/se", "http://www.opengis.net/ogc"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMAS: Mapping[Version, str] = {
    "1.0": f"{_SLD} http://schemas.opengis.net/sld/1.0.0/StyledLayerDescriptor.xsd",
    "1.1": f"{_SLD} http://schemas.opengis.net/sld/1.1.0/StyledLayerDescriptor.xsd",
}


@dataclass(frozen=True, slots=True)
class StyledLayer:
    """One layer of a descriptor: the collection it is for, how it is drawn, and its title."""

    name: str
    title: str
    feature_type: FeatureType
    styles: tuple[NamedStyle, ...]
    """The first is the default."""


@dataclass(frozen=True, slots=True)
class _Rule:
    title: str
    color: str
    value: str | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_else(self) -> bool:
        return self.value is None and self.low is None and self.high is None


def sld(layers: Iterable[StyledLayer], version: Version, language: str) -> bytes:
    """Return the descriptor of ``layers``, the first at the bottom, as UTF-8 XML."""
    namespaces = {None: _SLD, "ogc": _OGC, "xsi": _XSI} | ({"se": _SE} if version == "1.1" else {})
    root = etree.Element(f"{{{_SLD}}}StyledLayerDescriptor", nsmap=namespaces, version=f"{version}.0")
    root.set(f"{{{_XSI}}}schemaLocation", _SCHEMAS[version])
    writer = _Writer(_SLD if version == "1.0" else _SE, language)
    for layer in layers:
        writer.layer(root, layer)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


@dataclass(frozen=True, slots=True)
class _Writer:
    symbols: str
    """Namespace of names, rules and symbolizers."""
    language: str

    def layer(self, root: etree._Element, layer: StyledLayer) -> None:
        named = etree.SubElement(root, f"{{{_SLD}}}NamedLayer")
        self._child(named, "Name", layer.name)
        for number, style in enumerate(layer.styles):
            user = etree.SubElement(named, f"{{{_SLD}}}UserStyle")
            self._child(user, "Name", style.id)
            self._title(user, f"{layer.title} · {style.title.in_language(self.language)}")
            etree.SubElement(user, f"{{{_SLD}}}IsDefault").text = "1" if number == 0 else "0"
            self._rules(self._child(user, "FeatureTypeStyle"), layer, style)

    def _rules(self, parent: etree._Element, layer: StyledLayer, style: NamedStyle) -> None:
        if layer.feature_type.recipe == "imagery":
            rule = self._child(parent, "Rule")
            self._child(self._child(rule, "RasterSymbolizer"), "Opacity", "1")
            return
        for number, made in enumerate(_rules(layer, style, self.language)):
            rule = self._child(parent, "Rule")
            self._child(rule, "Name", f"rule-{number}")
            self._title(rule, made.title)
            if style.choice is not None:
                self._filter(rule, style.choice.field, made)
            self._symbolizer(rule, layer.feature_type, made.color)

    def _filter(self, rule: etree._Element, field: str, made: _Rule) -> None:
        if made.is_else:
            self._child(rule, "ElseFilter")
            return
        held = etree.SubElement(rule, f"{{{_OGC}}}Filter")
        tests = [("EqualTo", made.value), ("GreaterThanOrEqualTo", made.low), ("LessThan", made.high)]
        said = [(name, value) for name, value in tests if value is not None]
        parent = etree.SubElement(held, f"{{{_OGC}}}And") if len(said) > 1 else held
        for name, value in said:
            test = etree.SubElement(parent, f"{{{_OGC}}}PropertyIs{name}")
            etree.SubElement(test, f"{{{_OGC}}}PropertyName").text = field
            etree.SubElement(test, f"{{{_OGC}}}Literal").text = value if isinstance(value, str) else f"{value:g}"

    def _symbolizer(self, rule: etree._Element, feature_type: FeatureType, color: str) -> None:
        style = feature_type.style
        match feature_type.geometry_type:
            case "Point":
                graphic = self._child(self._child(rule, "PointSymbolizer"), "Graphic")
                mark = self._child(graphic, "Mark")
                self._child(mark, "WellKnownName", "circle")
                self._paint(mark, "Fill", {"fill": color})
                self._child(graphic, "Size", f"{max(style.line_width_px, 1.0) * 3:g}")
            case "LineString":
                self._paint(self._child(rule, "LineSymbolizer"), "Stroke", _stroke(color, style.line_width_px))
            case _:
                symbolizer = self._child(rule, "PolygonSymbolizer")
                self._paint(symbolizer, "Fill", {"fill": color, "fill-opacity": f"{style.fill_opacity:g}"})
                self._paint(symbolizer, "Stroke", _stroke(color, style.line_width_px))

    def _paint(self, parent: etree._Element, kind: str, parameters: Mapping[str, str]) -> None:
        paint = self._child(parent, kind)
        for name, value in parameters.items():
            self._child(paint, "CssParameter" if self.symbols == _SLD else "SvgParameter", value).set("name", name)

    def _title(self, parent: etree._Element, title: str) -> None:
        self._child(parent if self.symbols == _SLD else self._child(parent, "Description"), "Title", title)

    def _child(self, parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
        made = etree.SubElement(parent, f"{{{self.symbols}}}{name}")
        made.text = text
        return made


def _stroke(color: str, width_px: float) -> Mapping[str, str]:
    return {"stroke": color, "stroke-width": f"{width_px:g}"}


def _rules(layer: StyledLayer, style: NamedStyle, language: str) -> Iterator[_Rule]:
    match style.choice:
        case CodeChoice(legend=legend):
            yield from (_Rule(e.title.in_language(language), e.color, value=e.value) for e in legend)
        case RampChoice() as ramp:
            unit = f" {ramp.unit}" if ramp.unit else ""
            for c in color_classes(ramp):
                yield _Rule(f"{_bound(c.low)} – {_bound(c.high)}{unit}", c.color, low=c.low, high=c.high)
    yield _Rule(layer.title if style.choice is None else _OTHER[language.startswith("zh")], layer.feature_type.style.default_color)


def _bound(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


_OTHER = {True: "其他", False: "other"}
