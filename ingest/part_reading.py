"""How a part of a file is to be read, where its file leaves that open or is known to be wrong: asked for once, handed on as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.model import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReading:
    """What is declared of one part; it goes before what is declared for the whole file, and that before the file's own word."""

    mapping: tuple[tuple[str, str], ...] = ()
    """(source column, field name); goes before names and aliases. An empty field name leaves the column out of the fields."""
    units: tuple[tuple[str, str], ...] = ()
    """(source column, unit of length its numbers are in, or id of the code list or crosswalk its codes are of); before what names say."""
    crs: str | None = None
    axes: Literal["xy", "yx"] | None = None
    """Order of the source's coordinates: ``xy`` easting first, ``yx`` northing first; None: as the reader finds."""
    vertical: str | None = None
    up: Literal["y", "z"] | None = None
    """Axis of a mesh that points upwards, where its format leaves that open; None: as the reader finds."""
    elevations_in_datum: bool = False
    """Heights among the attributes are in the deployment's datum whatever those of the geometry are counted from."""
    height_offset_m: float = 0.0
    """Added to every height of the source to have it in the deployment's datum."""
    priority: int | None = None
    """Of elevation sheets: the higher gives the height where several have one (decision 48); None: as all others, 0."""
    encoding: str | None = None
    """Of the texts, where the format leaves it open."""
    doubts: tuple[Finding, ...] = ()
    """What a person should look at of how the part is understood (`ingest.understanding.review`); goes with its header."""


AS_IT_SAYS = PartReading()
