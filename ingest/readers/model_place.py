"""metadata.xml, by which programs of oblique photography (ContextCapture, DJI Terra, …) say where a model stands.

``<SRS>`` names a CRS, or as ``ENU:latitude,longitude`` a plane that touches the ellipsoid there; ``<SRSOrigin>`` is added to every
vertex.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import pyproj

from ingest.readers.archive import Archive
from ingest.readers.model_outline import GEODETIC
from ingest.readers.xml_root import has_dtd, root_of
from ingest.refusals import rejected
from twin.errors import TwinError

FloatArray = npt.NDArray[np.float64]
FILE = "metadata.xml"
_ROOT = "ModelMetadata"
_MOST_BYTES = 64 << 10
_GBK = re.compile(rb"<\?xml[^>]*encoding=[\"'](?:gbk|gb2312|gb18030)[\"'][^>]*\?>", re.IGNORECASE)
_ENU = re.compile(r"ENU:\s*([-+.\d]+)\s*,\s*([-+.\d]+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where the zero of a model stands."""

    crs: str | None
    """Of the vertices once they are `put`; None where the metadata name none, so that it has to be declared."""
    origin: tuple[float, float, float]
    plane_deg: tuple[float, float] | None = None
    """Latitude and longitude where the plane of the vertices touches the ellipsoid; None: they are map coordinates."""

    def put(self, vertices: FloatArray) -> FloatArray:
        """Return (n, 3) vertices of the model as coordinates of ``crs``."""
        moved: FloatArray = vertices + np.array(self.origin)
        if self.plane_deg is None:
            return moved
        latitude, longitude = self.plane_deg
        to_degrees = pyproj.Transformer.from_pipeline(
            f"+proj=pipeline +step +inv +proj=topocentric +ellps=WGS84 +lat_0={latitude!r} +lon_0={longitude!r} +h_0=0"
            " +step +inv +proj=cart +ellps=WGS84 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
        )
        return np.column_stack(to_degrees.transform(*moved.T)).astype(np.float64)


def model_place(content: bytes) -> ModelPlace | None:
    """Return what a metadata.xml says, None when it is not of a model; RejectedError ``model-metadata`` when it cannot be understood."""
    root = root_of(content[:1024])
    if root is None or root.name != _ROOT:
        return None
    if has_dtd(content) or len(content) > _MOST_BYTES:
        raise _unclear("a document type, or too long", "含文档类型或过长")
    try:
        document = ET.fromstring(_in_utf_8(content))  # noqa: S314 - without a document type there are no entities
    except (ET.ParseError, ValueError) as error:
        raise _unclear(str(error), str(error)) from error
    srs = unicodedata.normalize("NFKC", document.findtext("SRS") or "").strip()
    origin = _origin(document.findtext("SRSOrigin") or "0,0,0")
    if (plane := _ENU.match(srs)) is not None:
        return ModelPlace(GEODETIC, origin, _touching(plane, srs))
    if not srs:
        return ModelPlace(None, origin)
    try:
        pyproj.CRS.from_user_input(srs)
    except pyproj.exceptions.CRSError as error:
        raise _unclear(f"SRS {srs[:80]!r}", f"SRS {srs[:80]!r}") from error
    return ModelPlace(srs, origin)


def _touching(plane: re.Match[str], srs: str) -> tuple[float, float]:
    """Return latitude and longitude where a plane touches the ellipsoid."""
    try:
        latitude, longitude = (float(v) for v in plane.groups())
    except ValueError as error:
        raise _unclear(f"SRS {srs[:80]!r} is not two numbers", f"SRS {srs[:80]!r} 不是两个数") from error
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        raise _unclear(f"SRS {srs[:80]!r}: latitude comes first", f"SRS {srs[:80]!r}：纬度在前")
    return latitude, longitude


def _origin(text: str) -> tuple[float, float, float]:
    """Return what is added to vertices; programs and people part the numbers by commas, semicolons or spaces."""
    try:
        x, y, z = (float(v) for v in re.split(r"\s*[,;\s]\s*", unicodedata.normalize("NFKC", text).strip()))
    except ValueError as error:
        raise _unclear(f"SRSOrigin {text[:80]!r} is not three numbers", f"SRSOrigin {text[:80]!r} 不是三个数") from error
    if not np.isfinite([x, y, z]).all():
        raise _unclear("SRSOrigin is not finite", "SRSOrigin 不是有限数值")
    return x, y, z


def _in_utf_8(content: bytes) -> bytes:
    """Return XML that declares a Chinese encoding, which the parser does not know, in UTF-8."""
    declared = _GBK.match(content)
    return content if declared is None else b"<" + content[declared.end() :].decode("gb18030").partition("<")[2].encode()


def place_in(archive: Archive) -> ModelPlace | None:
    """Return where the models of an archive stand, None without a metadata.xml; RejectedError ``model-metadata`` also for several."""
    places = [archive.read(name) for name in archive.names if PurePosixPath(name).name.casefold() == FILE]
    known = [place for content in places if (place := model_place(content)) is not None]
    if len(set(known)) > 1:
        raise rejected("model-metadata", f"The archive holds several {FILE} that differ.", f"压缩包中有多个不一致的 {FILE}。")
    return known[0] if known else None


def _unclear(en: str, zh: str) -> TwinError:
    return rejected("model-metadata", f"{FILE} cannot be understood: {en}", f"{FILE} 无法理解：{zh}")
