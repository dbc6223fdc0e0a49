"""Implicit geometries of CityGML: a prototype times a matrix, put where the reference point is (CityGML 2.0 §8.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ingest.readers.citygml_appearance import ObjectTextures
from ingest.readers.citygml_faults import no_implicit, numbers_of
from ingest.readers.citygml_frame import Axes
from ingest.readers.citygml_geometry import FloatArray, Geometries, Position, Positions, Surface
from ingest.readers.citygml_stream import Element

_MATRIX_LENGTH = 16
_SEMI_MAJOR_M, _ECCENTRICITY2 = 6_378_137.0, 0.00669438002290
"""GRS 80: close enough to every ellipsoid for the size of a tree."""


def implicit_geometry(element: Element, geometries: Geometries, axes: Axes) -> tuple[list[Surface], list[int]]:
    """Return the surfaces of a prototype in their place, and the number of its reference point.

    Offsets are metres; where positions are degrees they are made such. A prototype in a file of its own (``libraryObject``) gives
    the point alone. ValueError where the point or the matrix is missing.
    """
    point = element.find("{*}referencePoint")
    matrix = np.array(numbers_of(element.findtext("{*}transformationMatrix") or ""))
    if point is None or len(matrix) not in (0, _MATRIX_LENGTH):
        raise no_implicit()
    anchor = [n for held in point for n in geometries.points(held)]
    if not anchor:
        raise no_implicit()
    turn = matrix.reshape(4, 4) if len(matrix) else np.eye(4)
    origin = list(geometries.positions.numbers)[anchor[0]]
    prototype = Geometries(Positions(), geometries.find, geometries.budget, ObjectTextures(geometries.textures.known))
    surfaces = [s for name in ("relativeGMLGeometry", "relativeGeometry") for held in element.iterchildren(f"{{*}}{name}")
                for s in prototype.surfaces_in(held)]  # fmt: skip
    geometries.budget = prototype.budget
    offsets = prototype.positions.array() @ turn[:3, :3].T + turn[:3, 3]
    numbers = [geometries.positions.number(p) for p in _moved(offsets, origin, axes)]
    geometries.textures.take(prototype.textures, numbers)
    return [[[numbers[n] for n in ring] for ring in surface] for surface in surfaces], anchor[:1]


def _moved(offsets_m: FloatArray, origin: Position, axes: Axes) -> Sequence[Position]:
    """Return the positions that lie ``offsets_m`` (east, north, up) from ``origin``, in the order of the document's axes."""
    scaled = offsets_m
    if axes.geographic:
        latitude = math.radians(origin[0] if axes.swapped else origin[1])
        curvature = 1.0 - _ECCENTRICITY2 * math.sin(latitude) ** 2
        north_m = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY2) / curvature**1.5
        east_m = _SEMI_MAJOR_M / math.sqrt(curvature) * math.cos(latitude)
        scaled = offsets_m / np.array([math.radians(east_m), math.radians(north_m), 1.0])
    if axes.swapped:
        scaled = scaled[:, [1, 0, 2]]
    return [(float(x), float(y), float(z)) for x, y, z in scaled + np.array(origin)]
