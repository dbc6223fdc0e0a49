"""Paths of OGC API - Styles."""

from __future__ import annotations

from ogc.openapi.build import HTML, JSON, Described, Document, Part, content, named, path, query, read
from ogc.styles import CITY, MAPLIBRE, SLD10, SLD11, SVG, Encoding, encodings_of
from styles.derive import named_styles

_SHEETS: Document = {"type": "object", "required": ["styles"], "properties": {"styles": {"type": "array"}, "default": {"type": "string"}}}
_METADATA: Document = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "stylesheets": {"type": "array"}}}


def styles_paths(described: Described) -> Part:
    """Return the paths of the styles of the city and of each collection."""
    text = described.text
    listed, about = content(JSON, HTML, value=_SHEETS), content(JSON, HTML, value=_METADATA)
    city = path("style", {"type": "string", "enum": [CITY]})
    of_city = (MAPLIBRE, SLD10, SLD11)
    paths = {
        "/styles": read("styles", text("全市样式", "Styles of the city"), of=listed),
        "/styles/{style}": read(
            "style", text("全市样式", "Style of the city"), parameters=[city, _form(*of_city), *named("lang")], of=_sheet(*of_city)
        ),
        "/styles/{style}/metadata": read(
            "style.metadata", text("样式说明", "About the style"), parameters=[city, *named("f", "lang")], of=about
        ),
    }
    for slug, collection in described.collections.items():
        own = f"/collections/{slug}/styles"
        one = path("style", {"type": "string", "enum": [style.id for style in named_styles(collection.feature_type)]})
        forms = encodings_of(collection.feature_type)
        sheet, legend = [one, _form(*forms), *named("lang")], [one, *named("lang")]
        paths |= {
            own: read(f"{slug}.styles", text("样式", "Styles"), tag=slug, of=listed),
            f"{own}/{{style}}": read(f"{slug}.style", text("样式", "Style"), tag=slug, parameters=sheet, of=_sheet(*forms)),
            f"{own}/{{style}}/metadata": read(
                f"{slug}.style.metadata", text("样式说明", "About the style"), tag=slug, parameters=[one, *named("f", "lang")], of=about
            ),
            f"{own}/{{style}}/legend": read(f"{slug}.style.legend", text("图例", "Legend"), tag=slug, parameters=legend, of=content(SVG)),
        }
    return Part(paths)


def _form(*encodings: Encoding) -> Document:
    return query("f", {"type": "string", "enum": [*(e.form for e in encodings), "html"]})


def _sheet(*encodings: Encoding) -> Document:
    return content(*(e.media_type for e in encodings), HTML)
