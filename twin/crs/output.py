"""The CRSs a door offers: URI ⇄ code, axis order, and whether a height goes with them (DESIGN 10)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pyproj

from twin.crs.operation import datum_equivalent
from twin.crs.storage import StorageCrs
from twin.errors import BadRequestError

CRS84_URI = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H_URI = "http://www.opengis.net/def/crs/OGC/0/CRS84h"

_URI = re.compile(r"https?://www\.opengis\.net/def/crs/(?P<authority>OGC|EPSG)/(?P<version>[0-9.]{1,20})/(?P<code>[A-Za-z0-9]{1,20})")
_CURIE = re.compile(r"\[?(?P<authority>OGC|EPSG):(?:(?P<version>[0-9.]{0,20}):)?(?P<code>[A-Za-z0-9]{1,20})\]?")
_PREFIXED_GK = ((4513, 4533, 21), (4491, 4501, 11))
"""EPSG ranges of CGCS2000 Gauss-Kruger grids with a zone prefix, and the distance to the same grid without one."""


@dataclass(frozen=True, slots=True)
class OutputCrs:
    """One CRS that responses may be in, or that a bbox or filter may be given in."""

    uri: str
    srid: int
    """EPSG number the database transforms to (4326 for CRS84 and CRS84h)."""
    xy: bool
    """True where coordinates are written east/longitude first; False: latitude or northing first."""
    height: Literal["none", "gravity", "ellipsoidal"]
    """What third coordinate goes out: none, H of the deployment, or h = H + N."""

    @property
    def has_z(self) -> bool:
        """Whether a third coordinate is written."""
        return self.height != "none"


def crs_uri(text: str) -> str:
    """Return the canonical URI of a CRS given as an OGC URI, a CURIE (``EPSG:4549``) or a safe CURIE (``[EPSG:4549]``).

    BadRequestError when it is none of these.
    """
    match = _URI.fullmatch(text) or _CURIE.fullmatch(text)
    if match is None:
        raise BadRequestError(f"Not a CRS identifier: {text[:80]}", zh=f"不是坐标系标识：{text[:80]}").with_code("crs-unknown")
    authority, code = match["authority"], match["code"]
    if authority == "OGC":
        known = {"CRS84": CRS84_URI, "CRS84h": CRS84H_URI}
        if code in known:
            return known[code]
    elif code.isdigit():
        return epsg_uri(int(code))
    raise BadRequestError(f"Unknown CRS: {text[:80]}", zh=f"未知坐标系：{text[:80]}").with_code("crs-unknown")


def epsg_uri(srid: int) -> str:
    """Return the OGC URI of an EPSG code."""
    return f"http://www.opengis.net/def/crs/EPSG/0/{srid}"


def output_crs_list(storage: StorageCrs, *, has_vertical: bool) -> tuple[OutputCrs, ...]:
    """Return the CRSs a deployment offers, its default first: CRS84h where N is known, else CRS84.

    Then CRS84, EPSG:4326, the geographic CRS under the storage grid (4490), 3857, the storage CRS with H, and the same
    Gauss-Krüger grid with or without its zone prefix (4528 for 4549).
    """
    crs84h = (OutputCrs(CRS84H_URI, 4326, xy=True, height="ellipsoidal"),) if has_vertical else ()
    plane = [OutputCrs(CRS84_URI, 4326, xy=True, height="none"), _epsg(4326, "none")]
    base = storage.crs.geodetic_crs
    base_code = None if base is None else base.to_2d().to_epsg()
    if base_code is not None and base_code != 4326:
        plane.append(_epsg(base_code, "none"))
    if storage.srid != 3857:
        plane.append(_epsg(3857, "none"))
    grids = [_epsg(code, "gravity") for code in (storage.srid, *_same_grid(storage))]
    return (*crs84h, *plane, *grids)


def output_crs(text: str, offered: tuple[OutputCrs, ...]) -> OutputCrs:
    """Return the offered CRS that ``text`` names; BadRequestError when it names none of them."""
    uri = crs_uri(text)
    for candidate in offered:
        if candidate.uri == uri:
            return candidate
    raise BadRequestError(f"CRS not offered here: {uri}", zh=f"此处不提供该坐标系：{uri}").with_code("crs-not-offered")


def _epsg(srid: int, height: Literal["none", "gravity"]) -> OutputCrs:
    crs = pyproj.CRS(srid)
    return OutputCrs(epsg_uri(srid), srid, xy=crs.axis_info[0].direction not in ("north", "south"), height=height)


def _same_grid(storage: StorageCrs) -> tuple[int, ...]:
    if datum_equivalent(storage.crs) != "CGCS2000":
        return ()
    for first, last, distance in _PREFIXED_GK:
        if first <= storage.srid <= last:
            return (storage.srid + distance,)
        if first + distance <= storage.srid <= last + distance:
            return (storage.srid - distance,)
    return ()
