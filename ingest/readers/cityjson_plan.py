"""What the JSON of a feature says of its bodies: which arrays cut out of its line are vertices, boundaries and values of which geometry.

A feature is planned only where every array of its line is in one such place; the others are read alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ingest.readers.cityjson_faces import SURFACES, lod_of
from ingest.readers.cityjson_frame import Json
from ingest.readers.json_arrays import BOUNDARIES, SEMANTIC_SURFACES, VALUES, VERTICES, CutLines
from ingest.readers.json_surfaces import Meaning, meaning_in


class PlannedGeometry(NamedTuple):
    """Where one geometry's arrays are, and what its surfaces can mean."""

    boundaries: int
    values: int
    """-1: none."""
    part: int
    is_solid: bool
    surfaces: int
    """The array they were cut out as; -1: none."""
    meanings: Sequence[Meaning]
    """Those that were not cut out."""


class PlannedFeature(NamedTuple):
    """A feature whose bodies can be built from arrays: its row, its line's vertices, and its geometries level by level."""

    row: int
    vertices: int
    levels: Sequence[tuple[str, Sequence[PlannedGeometry]]]
    """Rising; the solids of a level before its loose surfaces."""


def plan(row: int, parts: Sequence[tuple[int, Json]], vertices: object, cut: CutLines, line: int) -> PlannedFeature | None:
    """Return how to build the bodies of a feature whose objects are ``parts`` (number and object); None where it is not that simple.

    It is so only if the feature's geometries name every array that was cut out of the line.
    """
    first, end = cut.array_start[line], cut.array_start[line + 1]
    taken: list[tuple[Any, int]] = [(vertices, VERTICES)]
    levels: dict[str, list[PlannedGeometry]] = {}
    for part, city_object in parts:
        for geometry in city_object.get("geometry") or ():
            made = _geometry(geometry, part, first, taken)
            if made is None:
                return None
            levels.setdefault(lod_of(geometry), []).append(made)
    if {type(n) for n, _ in taken} != {int} or sorted(taken) != list(enumerate(cut.kind[first:end])):
        return None
    if any(len(level) > 1 and len({g.is_solid for g in level}) > 1 for level in levels.values()):
        return None  # surfaces may lend their meaning to a solid
    return PlannedFeature(row, first + taken[0][0], sorted(levels.items()))


def _geometry(geometry: Json, part: int, first: int, taken: list[tuple[Any, int]]) -> PlannedGeometry | None:
    kind = geometry.get("type")
    is_solid = kind == "Solid"
    if not is_solid and kind not in SURFACES:
        return None
    taken.append((geometry.get("boundaries"), BOUNDARIES))
    values = surfaces = -1
    meanings: list[Meaning] = []
    semantics = geometry.get("semantics")
    if isinstance(semantics, dict):
        taken.append((semantics.get("values"), VALUES))
        values = first + int(semantics.get("values", -1))
        said = semantics.get("surfaces")
        if type(said) is int:
            taken.append((said, SEMANTIC_SURFACES))
            surfaces = first + said
        elif (parsed := _meanings(said)) is None:
            return None
        else:
            meanings = parsed
    return PlannedGeometry(first + int(geometry["boundaries"]), values, part, is_solid, surfaces, meanings)


def _meanings(said: object) -> list[Meaning] | None:
    """Return semantic surfaces that were not cut out, None where one of them is for who reads them alone."""
    surfaces = said or []
    if not isinstance(surfaces, list) or not set(map(type, surfaces)) <= {dict}:
        return None
    found = [meaning_in(surface) for surface in surfaces]
    return None if None in found else [m for m in found if m is not None]
