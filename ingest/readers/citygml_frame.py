"""The reference system of a CityGML document: what its srsName names, which axis comes first, and the grid of its documents."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
import pyproj

from ingest.readers.cityjson_frame import FloatArray, Frame, reference_system
from twin.crs import parse_crs
from twin.errors import Text, TwinError

_EPSG_XML = re.compile(r"epsg\.xml#(\d+)$", re.IGNORECASE)
_WITHOUT_VERSION = re.compile(r"(?<=,)crs:(EPSG):(\d+)(?=,|$)")
"""A part of a compound URN as CityGML 1.0 samples have it, "crs:EPSG:31467"."""
_ADV = re.compile(r"urn:adv:crs:(ETRS89_UTM3[123]|DE_DHDN_3GK[2345])(?:\*(DE_DHHN92_NH|DE_DHHN2016_NH|DE_DHHN12_NOH))?$")
_ADV_PLANES: Mapping[str, int] = {
    **{f"ETRS89_UTM{zone}": 25800 + zone for zone in (31, 32, 33)},
    **{f"DE_DHDN_3GK{zone}": 31464 + zone for zone in (2, 3, 4, 5)},
}
_ADV_HEIGHTS: Mapping[str, int] = {"DE_DHHN92_NH": 5783, "DE_DHHN2016_NH": 7837, "DE_DHHN12_NOH": 7699}
"""Names of the German surveys, with the codes EPSG has for the same systems."""
_DEGREE_STEP, _METRE_STEP = 1e-9, 1e-4
"""Grid of the documents: a tenth of a millimetre."""
_OF_USE_MARGIN_DEG = 0.5
_DEGREES = ("X-GCJ02", "X-BD09")


@dataclass(frozen=True, slots=True)
class Axes:
    """How the positions of a document are to be read."""

    swapped: bool
    """Positions give northing or latitude first."""
    geographic: bool
    notes: tuple[Text, ...] = ()

    def placed(self, positions: FloatArray) -> FloatArray:
        """Return positions with x (east) first."""
        return np.ascontiguousarray(positions[:, [1, 0, 2]]) if self.swapped else positions


def crs_of(srs_name: str | None) -> str | None:
    """Return the CRS a srsName names: an authority code, else the name as it is; None for none.

    Read are URNs and URLs of OGC, also of compounds, plain codes, GML 2's ``epsg.xml#`` and the names of the German surveys (AdV).
    """
    if srs_name is None or not srs_name.strip():
        return None
    name = srs_name.strip()
    if (match := _EPSG_XML.search(name)) is not None:
        return f"EPSG:{match[1]}"
    if (match := _ADV.match(name)) is not None:
        plane = f"EPSG:{_ADV_PLANES[match[1]]}"
        return f"{plane}+{_ADV_HEIGHTS[match[2]]}" if match[2] else plane
    return reference_system({"referenceSystem": _WITHOUT_VERSION.sub(r"\1:\2", name)})


def axes_of(crs: str | None, corner: tuple[float, float] | None, wanted: str | None = None) -> Axes:
    """Return how positions are read: latitude first where EPSG has it so, easting first in a plane, unless ``corner`` says otherwise.

    In the plane nearly every writer puts easting first whatever EPSG says (DHDN, Soldner Berlin, CGCS2000). One order in which the
    corner lies in the system's area of use while in the other it does not goes before both rules, and is told. ``wanted`` is what the
    surveyor says, "xy" or "yx".
    """
    try:
        parsed = None if crs is None or crs.startswith("X-") else parse_crs(crs)
    except TwinError:
        parsed = None  # said when the part is georeferenced
    if parsed is None:
        return Axes(swapped=wanted == "yx", geographic=crs in _DEGREES)
    plane = parsed.sub_crs_list[0] if parsed.is_compound else parsed
    geographic = plane.is_geographic
    if wanted is not None:
        return Axes(wanted == "yx", geographic)
    usual = geographic and plane.axis_info[0].direction == "north"
    if corner is None or _is_in_use(plane, corner, swapped=usual) or not _is_in_use(plane, corner, swapped=not usual):
        return Axes(usual, geographic)
    return Axes(not usual, geographic, (_told(parsed.name, swapped=not usual),))


def _told(name: str, *, swapped: bool) -> Text:
    zh, en = ("北向（纬度）在前", "northing or latitude first") if swapped else ("东向（经度）在前", "easting or longitude first")
    return Text(
        zh=f"坐标按{zh}读取：只有这样才落在 {name} 的适用范围内", en=f"positions are read {en}: only so they lie where {name} is used"
    )


def _is_in_use(plane: pyproj.CRS, corner: tuple[float, float], *, swapped: bool) -> bool:
    x, y = corner[::-1] if swapped else corner
    area = plane.area_of_use
    if area is None:
        return False
    longitude, latitude = (x, y) if plane.is_geographic else pyproj.Proj(plane)(x, y, inverse=True)
    margin = _OF_USE_MARGIN_DEG
    return bool(area.west - margin <= longitude <= area.east + margin and area.south - margin <= latitude <= area.north + margin)


def frame_of(crs: str | None, axes: Axes, corner: tuple[float, float] | None, title: str | None) -> Frame:
    """Return the frame in which the objects of a document are CityJSON 2.0; its origin is near ``corner``."""
    step = _DEGREE_STEP if axes.geographic else _METRE_STEP
    x, y = (corner[::-1] if axes.swapped else corner) if corner is not None else (0.0, 0.0)
    scale, translate = [step, step, _METRE_STEP], [float(math.floor(x)), float(math.floor(y)), 0.0]
    metadata = {"title": title} if title else {}
    header: dict[str, object] = {"version": "2.0", "transform": {"scale": scale, "translate": translate}}
    if (url := _definition(crs)) is not None:
        metadata["referenceSystem"] = url
    if metadata:
        header["metadata"] = metadata
    return Frame("2.0", crs, np.array(scale), np.array(translate), (), np.zeros((0, 3)), orjson.dumps(header, option=orjson.OPT_SORT_KEYS))


def _definition(crs: str | None) -> str | None:
    """Return the URL of a CRS in OGC's definition server; of a compound that of its plane, which is what is stored beside heights."""
    match = re.match(r"([A-Z]+):(\d+)(?:\+\d+)?$", crs or "")
    return f"https://www.opengis.net/def/crs/{match[1]}/0/{match[2]}" if match else None
