"""What GDAL knows of a layer before its first row, also of one declared with a kind of geometry that pyogrio has no name for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyogrio
from pyogrio import _geometry

from twin.errors import Text

_M_IS_LEFT_OUT = "Measured (M)"
"""How pyogrio's warning about a layer with measures begins."""
MEASURES_LEFT_OUT = Text(zh="图形中的 M 值（测量值）未保留", en="the measures (M) of the geometry are not kept")
_BASES: Mapping[int, str] = {0: "Unknown", 15: "PolyhedralSurface", 16: "TIN", 17: "Triangle"}
_UNKNOWN_Z = 1 << 31


def _name_what_pyogrio_cannot() -> None:
    """Give names to the kinds that it refuses a whole layer for: any geometry with Z or M, and surfaces (ISO/IEC 13249-3 codes)."""
    for base, name in _BASES.items():
        with_z = (1000 + base,) if base else (_UNKNOWN_Z, -_UNKNOWN_Z)
        names = {base: name, 2000 + base: f"Measured {name}", 3000 + base: f"Measured 3D {name}"} | dict.fromkeys(with_z, f"{name} Z")
        for code, called in names.items():
            _geometry.GEOMETRY_TYPES.setdefault(code, called)


_name_what_pyogrio_cannot()


@contextmanager
def no_word_of_measures() -> Iterator[None]:
    """Keep pyogrio from warning of each layer with measures: the report says so once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", re.escape(_M_IS_LEFT_OUT))
        yield


@dataclass(frozen=True, slots=True)
class OgrInfo:
    """A layer of GDAL."""

    geometry_type: str | None
    columns: tuple[str, ...]
    crs: str | None
    """As GDAL writes it."""
    rows: int
    """Negative when GDAL would have to read the layer to know."""
    has_measures: bool


def layer_info(path: str, layer: str, options: Mapping[str, str]) -> OgrInfo:
    """Return what is known of a layer; what pyogrio raises when it cannot be opened."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        info = pyogrio.read_info(path, layer=layer, **options)
    measured = any(str(warning.message).startswith(_M_IS_LEFT_OUT) for warning in said)
    columns = tuple(str(column) for column in info["fields"])
    return OgrInfo(info["geometry_type"], columns, info["crs"], int(info["features"]), measured)
