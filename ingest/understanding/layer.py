"""All that is understood of one layer: every detector asked about its sample, with what the city knows where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingest.understanding.area import DeploymentArea
from ingest.understanding.axes import Axes
from ingest.understanding.candidates import degrees
from ingest.understanding.codes import codes_evidence
from ingest.understanding.crs import crs_evidence
from ingest.understanding.defined import DefinedCrs, Stated
from ingest.understanding.encoding import encoding_evidence
from ingest.understanding.evidence import Evidence
from ingest.understanding.heights import vertical_evidence
from ingest.understanding.obfuscation import AS_IS, Coinciding, obfuscation_evidence
from ingest.understanding.sample import LayerSample, numbers
from ingest.understanding.units import unit_evidence
from twin.crs import FloatArray
from twin.errors import Text
from twin.model import FeatureType

_FREE_ENCODING = frozenset({"ESRI Shapefile", "CSV", "MapInfo", "DXF", "VCT"})
"""Formats whose texts may be in any encoding."""
_TABLES = frozenset({"CSV", "XLSX", "XLS", "ODS", "MDB"})
_CONFIRMED_BY_PLACE = 0.95
GroundAt = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""(n, 2) longitudes and latitudes → H of the terrain and N there."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a city knows that a layer can be held against; every part may be missing."""

    area: DeploymentArea | None = None
    coinciding: Callable[[FeatureType], Coinciding] | None = None
    ground: GroundAt | None = None


@dataclass(frozen=True, slots=True)
class Understanding:
    """How a layer is proposed to be read."""

    crs: Evidence
    axes: Evidence | None = None
    encoding: Evidence | None = None
    vertical: Evidence | None = None
    units: tuple[Evidence, ...] = ()
    """Of columns: the unit of a length, and the classification of codes."""


def understand(
    file_format: str,
    stated_crs: Stated | None,
    sample: LayerSample,
    around: Surroundings,
    *,
    assumed: bool = False,
    encoding: str | None = None,
    feature_type: FeatureType | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Understanding:
    """Return what the detectors make of a layer; ``feature_type`` and ``mapping`` are what it is taken for, where it is for anything."""
    crs, order = crs_evidence(stated_crs, sample, around.area, assumed=assumed)
    axes = _axes(file_format, order, sample)
    defined = stated_crs if isinstance(stated_crs, DefinedCrs) and crs.value == crs.stated else None
    lonlat = _lonlat(crs, order, sample, defined)
    taken = mapping or {}
    vertical = None
    if feature_type is not None and len(lonlat):
        crs = _held_against_published(crs, lonlat, feature_type, around, defined)
        vertical = _vertical(sample, lonlat, feature_type, taken, around)
    return Understanding(
        crs=crs,
        axes=axes,
        encoding=encoding_evidence(encoding, sample, by_format=file_format not in _FREE_ENCODING),
        vertical=vertical,
        units=() if feature_type is None else (*unit_evidence(sample, taken, feature_type), *codes_evidence(sample, taken, feature_type)),
    )


def _axes(file_format: str, order: Axes | None, sample: LayerSample) -> Evidence | None:
    if order is None:
        return None
    stated = "xy" if sample.axes_named or file_format not in _TABLES else None
    if file_format in _TABLES and not sample.axes_named:
        name = Text("X 列为东坐标", "column X is the easting") if order == "xy" else Text("X 列为北坐标", "column X is the northing")
    else:
        name = Text("先东后北", "easting first") if order == "xy" else Text("先北后东（X、Y 互换）", "northing first (X and Y are swapped)")
    return Evidence("axes", order, 0.97, Text(f"按数值大小，{name.zh}", f"by their size, {name.en}"), stated=stated)


def _lonlat(crs: Evidence, order: Axes | None, sample: LayerSample, defined: DefinedCrs | None) -> FloatArray:
    """Return the sample's positions in degrees as it is proposed to be read, one a row with a place; empty where that is not known."""
    places, _ = sample.positions()
    if crs.value is None or order is None:
        return np.empty((0, 2))
    if defined is not None:
        return defined.lonlat(order)
    return degrees(crs.value, places if order == "xy" else places[:, ::-1])


def _held_against_published(
    crs: Evidence, lonlat: FloatArray, feature_type: FeatureType, around: Surroundings, defined: DefinedCrs | None
) -> Evidence:
    """Return the CRS with what published features say of it: confirmed, or a web map's offset recognised."""
    found = None if around.coinciding is None else obfuscation_evidence(lonlat, around.coinciding(feature_type))
    if found is None:
        return crs
    text = Text(f"{crs.text.zh}；{found.text.zh}", f"{crs.text.en}; {found.text.en}")
    if found.value == AS_IS:
        return replace(crs, confidence=max(crs.confidence, min(found.confidence, _CONFIRMED_BY_PLACE)), text=text)
    is_geographic = defined.in_degrees if defined is not None else crs.value is not None and _in_degrees(crs.value)
    is_degrees = is_geographic and bool(np.nanmax(np.abs(lonlat)) <= 180.0)
    if not is_degrees:  # removed before it was projected it could be; afterwards nobody can say where it was
        return replace(crs, value=None, confidence=0.0, text=text, code="crs-obfuscated")
    return Evidence("crs", found.value, found.confidence, text, stated=crs.stated, code="crs-obfuscated")


def _in_degrees(crs: str) -> bool:
    one = np.array([[120.0, 31.5]])
    return bool(np.array_equal(degrees(crs, one), one))


def _vertical(
    sample: LayerSample, lonlat: FloatArray, feature_type: FeatureType, mapping: Mapping[str, str], around: Surroundings
) -> Evidence | None:
    """Return what the layer's heights on the ground are counted from, where it has any and the ground is known."""
    if around.ground is None:
        return None
    _, rows = sample.positions()
    heights = _heights_on_ground(sample, feature_type, mapping)
    if heights is None:
        return None
    ground, separation = around.ground(lonlat)
    return vertical_evidence(heights[rows], ground, separation)


def _heights_on_ground(sample: LayerSample, feature_type: FeatureType, mapping: Mapping[str, str]) -> FloatArray | None:
    """Return the height of the ground by each row: its field, else the Z of points that stand on it."""
    on_ground: Sequence[str] = [f.name for f in feature_type.fields if f.derived == "ground_height" or f.name == "ground_elevation_m"]
    for column, name in mapping.items():
        found = sample.column(column)
        if name in on_ground and found is not None:
            return numbers(found.values)
    if feature_type.geometry_type == "Point" and "ground_elevation_m" in on_ground and any(h is not None for h in sample.heights):
        return numbers(sample.heights)
    return None
