"""A CRS that a file defines in full, as the sandboxed child understood it: its own text goes no further (reliability.md §2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ingest.understanding.axes import Axes
from ingest.understanding.candidates import degrees, in_degrees, ordered
from ingest.understanding.sample import LayerSample
from twin.crs import CrsError, FloatArray, legacy_datum, parse_crs

_MAX_TEXT_BYTES = 64 << 10
_MAX_NAME = 200
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}:[A-Za-z0-9_.-]{1,40}")
_Pairs = tuple[tuple[float | None, float | None], ...]


@dataclass(frozen=True, slots=True)
class DefinedCrs:
    """All that is asked of a CRS without an authority code."""

    name: str
    legacy_datum: str | None
    """The name of its datum, where only the surveying authority has the parameters of that."""
    in_degrees: bool
    srid: int | None
    """EPSG number of its horizontal part, where that has one."""
    xy: _Pairs = ()
    yx: _Pairs = ()
    """The positions of the layer's sample as longitude and latitude of its datum, by the order of the source's axes; None: not reached."""

    def lonlat(self, axes: Axes) -> FloatArray:
        """Return the (n, 2) positions of the sample, NaN where the CRS does not reach."""
        return np.array(self.xy if axes == "xy" else self.yx, dtype=np.float64).reshape(-1, 2)


type Stated = str | DefinedCrs
"""A CRS as a file or a person states it: an authority code, or what is known of a definition."""


def told_by_file(text: str, sample: LayerSample | None) -> tuple[str, DefinedCrs | None]:
    """Return the authority code of a file's own CRS, else its name and what is known of it; in the child only. CrsError as `parse_crs`."""
    if len(text.encode()) > _MAX_TEXT_BYTES:
        raise CrsError("The definition of the CRS is too long.", zh="坐标系定义过长。").with_code("crs-unknown")
    crs = parse_crs(text)
    code = crs.to_authority()
    if code is not None:
        return ":".join(code), None
    horizontal = crs.sub_crs_list[0] if crs.is_compound else crs
    places = np.empty((0, 2)) if sample is None else sample.positions()[0]
    name = f'"{crs.name}"' if is_code(crs.name) else crs.name[:_MAX_NAME]  # what is called like a code is none
    return name, DefinedCrs(
        name, legacy_datum(crs), in_degrees(text), horizontal.to_epsg(), _reached(text, places, "xy"), _reached(text, places, "yx")
    )


def is_code(text: str) -> bool:
    """Return whether a text has the form of an authority code, which may be looked up anywhere."""
    return _CODE.fullmatch(text) is not None


def _reached(text: str, places: FloatArray, axes: Axes) -> _Pairs:
    found = degrees(text, ordered(places, axes)) if len(places) else places
    return tuple((_finite(lon), _finite(lat)) for lon, lat in found)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
