"""GML simple features (also as WFS answers and XPlanung) through GDAL, after a look at what it says of its reference systems.

GDAL gives a layer one CRS whatever its geometries say. A file that names several is therefore refused: its coordinates would be
put where they are not.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

from ingest.gdal_policy import MemoryFile
from ingest.protocol import ReadRequest
from ingest.readers.ogr import OgrFile, OgrSource, named_path
from ingest.readers.source import FeatureReader
from ingest.readers.xml_root import XmlRoot
from ingest.refusals import rejected

_GML = "http://www.opengis.net/gml"
_METADATA = "http://www.isotc211.org/"
"""Metadata of ISO 19139, which declare GML and hold no features."""
_CITYGML = "http://www.opengis.net/citygml/"
_SRS_NAME = re.compile(rb"""\bsrsName\s*=\s*["']([^"']{1,300})["']""")
_PIECE_BYTES, _LONGEST_BYTES = 8 << 20, 1 << 10
"""Of a file that is looked through, and of what is looked at twice: a name may stand over the end of a piece."""
_CODE = re.compile(r"(\d+)\s*$")
_OPTIONS = {"EMPTY_AS_NULL": "NO", "WRITE_GFS": "NO", "DOWNLOAD_SCHEMA": "NO", "EXPOSE_FID": "NO"}
_ENVELOPE = frozenset({"lowerCorner", "upperCorner"})
"""Corners of a feature's envelope, which GDAL takes for attributes."""


def is_gml(root: XmlRoot | None) -> bool:
    """Return whether a root element is one around GML features, CityGML excepted."""
    return root is not None and root.declares(_GML) and not root.declares(_CITYGML) and not root.namespace.startswith(_METADATA)


def open_gml(name: str, content: Path | bytes, request: ReadRequest) -> FeatureReader:
    """Return the feature types of a file as layers.

    RejectedError ``unreadable`` when it is not well-formed, ``crs-mixed`` when it names several CRSs and none is declared.
    """
    _check_well_formed(content)
    systems = _systems(content)
    if len(systems) > 1 and not (request.crs or any(part.reading.crs for part in request.parts)):
        listed = ", ".join(systems)
        raise rejected(
            "crs-mixed",
            f"The file names several reference systems ({listed}): have it put right, or declare the one that holds with --crs.",
            f"文件中混用多个坐标参考系（{listed}）：请更正，或用 --crs 声明实际采用的一个。",
        )
    memory: tuple[MemoryFile, ...] = (MemoryFile("features.gml", content),) if isinstance(content, bytes) else ()
    path = memory[0].path if isinstance(content, bytes) else named_path(content)
    return OgrFile(
        "GML", [OgrSource("GML", path, memory, name, options=_OPTIONS, without=_ENVELOPE, lists_are_repeats=True)], request.limits
    )


def _check_well_formed(content: Path | bytes) -> None:
    """Refuse a file that is cut off or broken: GDAL would give the features before the fault, or none, without a word."""
    parser = expat.ParserCreate()
    try:
        if isinstance(content, bytes):
            parser.Parse(content, True)  # noqa: FBT003  # expat takes no names
        else:
            with content.open("rb") as file:
                parser.ParseFile(file)
    except expat.ExpatError as error:
        raise rejected("unreadable", f"The GML file is not well-formed: {error}", f"GML 文件不合 XML 语法：{error}") from error


def _systems(content: Path | bytes) -> list[str]:
    """Return the reference systems that are named, each once: three spellings of one EPSG code are one."""
    if isinstance(content, bytes):
        names = {m[1] for m in _SRS_NAME.finditer(content)}
    else:
        names, text = set[bytes](), b""
        with content.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                text = text[-_LONGEST_BYTES:] + piece
                names |= {m[1] for m in _SRS_NAME.finditer(text)}
    found: dict[str, str] = {}
    for name in sorted(n.decode("utf-8", "replace") for n in names):
        code = _CODE.search(name)
        found.setdefault(code[1] if code else name, f"EPSG:{code[1]}" if code else name)
    return list(found.values())
