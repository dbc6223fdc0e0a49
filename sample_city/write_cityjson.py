"""Writes buildings with LoD 2 solids as CityJSON 2.0: one document, or a sequence of features, one a line (CityJSONSeq).

Vertices are whole millimetres from the corner of the extent, as the transform says; coordinates are easting, northing, elevation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from sample_city.roofs import GROUND, ROOF, WALL, Solid

LOD = "2"
REFERENCE_SYSTEM = "https://www.opengis.net/def/crs/EPSG/0/4549"
_SURFACES = (GROUND, WALL, ROOF)
Attributes = Mapping[str, str | int | float]
Model = tuple[str, Attributes, Solid]
"""Id of a building, its attributes, its solid."""


def write_document(path: Path, title: str, corner: tuple[float, float], models: Iterable[Model]) -> int:
    """Write one CityJSON document and return the number of buildings; the vertices of all of them are in memory."""
    vertices: list[tuple[int, int, int]] = []
    count = 0
    with path.open("w", encoding="utf-8") as out:
        out.write(_compact(_head(title, corner))[:-1] + ',"CityObjects":{')
        for key, attributes, solid in models:
            out.write(("," if count else "") + f"\n{_compact(key)}:" + _compact(_building(attributes, solid, len(vertices))))
            vertices += _millimetres(solid, corner)
            count += 1
        out.write('\n},"vertices":' + _compact(vertices) + "}\n")
    return count


def write_sequence(path: Path, title: str, corner: tuple[float, float], models: Iterable[Model]) -> int:
    """Write a CityJSONSeq, one building in memory at a time, and return the number of buildings."""
    count = 0
    with path.open("w", encoding="utf-8") as out:
        _line(out, {**_head(title, corner), "CityObjects": {}, "vertices": []})
        for key, attributes, solid in models:
            objects = {key: _building(attributes, solid, 0)}
            _line(out, {"type": "CityJSONFeature", "id": key, "CityObjects": objects, "vertices": _millimetres(solid, corner)})
            count += 1
    return count


def _head(title: str, corner: tuple[float, float]) -> dict[str, object]:
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001, 0.001, 0.001], "translate": [corner[0], corner[1], 0.0]},
        "metadata": {"title": title, "referenceSystem": REFERENCE_SYSTEM, "referenceDate": "2026-01-01"},
    }


def _building(attributes: Attributes, solid: Solid, first: int) -> dict[str, object]:
    """Return a Building whose vertex numbers start at ``first``."""
    shell = [[[first + number for number in ring] for ring in face.rings] for face in solid.faces]
    semantics = {
        "surfaces": [{"type": surface} for surface in _SURFACES],
        "values": [[_SURFACES.index(face.surface) for face in solid.faces]],
    }
    geometry = {"type": "Solid", "lod": LOD, "boundaries": [shell], "semantics": semantics}
    return {"type": "Building", "attributes": dict(attributes), "geometry": [geometry]}


def _millimetres(solid: Solid, corner: tuple[float, float]) -> list[tuple[int, int, int]]:
    east, north = corner
    return [(round((x - east) * 1000), round((y - north) * 1000), round(z * 1000)) for x, y, z in solid.vertices]


def _line(out: TextIO, value: object) -> None:
    out.write(_compact(value) + "\n")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
