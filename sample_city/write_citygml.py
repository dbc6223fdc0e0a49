"""Writes buildings with LoD 2 solids as CityGML 2.0 (OGC 12-019), as Chinese modelling software hands it over.

``srsName`` is the short "EPSG:4549" and a ``posList`` is easting, northing, elevation: the order of the screen, not that of the EPSG
register, where northing comes first. Attributes that CityGML does not have are generic ones under their Chinese names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from sample_city.roofs import Face, Solid
from sample_city.write_cityjson import Attributes, Model

SRS_NAME = "EPSG:4549"
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" xmlns:bldg="http://www.opengis.net/citygml/building/2.0"
 xmlns:gen="http://www.opengis.net/citygml/generics/2.0" xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.opengis.net/citygml/building/2.0
 http://schemas.opengis.net/citygml/building/2.0/building.xsd http://www.opengis.net/citygml/generics/2.0
 http://schemas.opengis.net/citygml/generics/2.0/generics.xsd">
"""
_ROOF_TYPES = {"平屋顶": "1000", "单坡屋顶": "1010", "双坡屋顶": "1030", "四坡屋顶": "1040", "折坡屋顶": "1060", "攒尖屋顶": "1070"}
"""External code list _AbstractBuilding_roofType of the SIG 3D."""


def write_citygml(path: Path, title: str, extent_m: tuple[float, float, float, float], models: Iterable[Model]) -> int:
    """Write a CityModel, one building in memory at a time, and return the number of buildings."""
    west, south, east, north = extent_m
    count = 0
    with path.open("w", encoding="utf-8") as out:
        out.write(_HEAD)
        out.write(f"<gml:name>{escape(title)}</gml:name>\n<gml:boundedBy><gml:Envelope srsName={quoteattr(SRS_NAME)} srsDimension='3'>")
        out.write(f"<gml:lowerCorner>{west:.3f} {south:.3f} -10.000</gml:lowerCorner>")
        out.write(f"<gml:upperCorner>{east:.3f} {north:.3f} 400.000</gml:upperCorner></gml:Envelope></gml:boundedBy>\n")
        for key, attributes, solid in models:
            _building(out, key, attributes, solid)
            count += 1
        out.write("</core:CityModel>\n")
    return count


def _building(out: TextIO, key: str, attributes: Attributes, solid: Solid) -> None:
    out.write(f"<core:cityObjectMember><bldg:Building gml:id={quoteattr(key)}>\n")
    if "名称" in attributes:
        out.write(f"<gml:name>{escape(str(attributes['名称']))}</gml:name>\n")
    for name, value in attributes.items():
        kind = {str: "string", int: "int", float: "double"}[type(value)]
        text = escape(str(value))
        out.write(f"<gen:{kind}Attribute name={quoteattr(name)}><gen:value>{text}</gen:value></gen:{kind}Attribute>\n")
    for element, text in _standard(attributes):
        out.write(f"<bldg:{element}>{text}</bldg:{element.split()[0]}>\n")
    members = "".join(f'<gml:surfaceMember xlink:href="#{key}_{number}"/>' for number in range(len(solid.faces)))
    out.write(f"<bldg:lod2Solid><gml:Solid srsName={quoteattr(SRS_NAME)} srsDimension='3'><gml:exterior><gml:CompositeSurface>{members}")
    out.write("</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod2Solid>\n")
    for number, face in enumerate(solid.faces):
        out.write(f'<bldg:boundedBy><bldg:{face.surface} gml:id="{key}_{number}_s"><bldg:lod2MultiSurface><gml:MultiSurface>')
        out.write(f'<gml:surfaceMember><gml:Polygon gml:id="{key}_{number}">{_rings(face, solid)}</gml:Polygon></gml:surfaceMember>')
        out.write(f"</gml:MultiSurface></bldg:lod2MultiSurface></bldg:{face.surface}></bldg:boundedBy>\n")
    out.write("</bldg:Building></core:cityObjectMember>\n")


def _standard(attributes: Attributes) -> Iterable[tuple[str, str]]:
    """Yield the elements of bldg:_AbstractBuilding in the order of the schema."""
    if "建成年份" in attributes:
        yield "yearOfConstruction", str(attributes["建成年份"])
    if attributes.get("屋顶形式") in _ROOF_TYPES:
        yield "roofType", _ROOF_TYPES[str(attributes["屋顶形式"])]
    if "建筑高度" in attributes:
        yield 'measuredHeight uom="m"', str(attributes["建筑高度"])
    yield "storeysAboveGround", str(attributes["地上层数"])
    yield "storeysBelowGround", str(attributes["地下层数"])


def _rings(face: Face, solid: Solid) -> str:
    written = []
    for number, ring in enumerate(face.rings):
        places = " ".join("{:.3f} {:.3f} {:.3f}".format(*solid.vertices[k]) for k in (*ring, ring[0]))
        role = "exterior" if number == 0 else "interior"
        written.append(f"<gml:{role}><gml:LinearRing><gml:posList srsDimension='3'>{places}</gml:posList></gml:LinearRing></gml:{role}>")
    return "".join(written)
