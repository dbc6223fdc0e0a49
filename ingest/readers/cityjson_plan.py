"""What the JSON of a feature says of its bodies: which arrays cut out of its line are vertices, boundaries and values of which geometry.

A feature is planned only where every array of its line is in one such place; the others are read alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_faces import SURFACES, lod_of
from ingest.readers.cityjson_frame import Json
from ingest.readers.json_arrays import BOUNDARIES, SEMANTIC_SURFACES, VALUES, VERTICES, CutLines
from ingest.readers.json_surfaces import Meaning, meaning_in

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class PlannedGeometry(NamedTuple):
    """Where one geometry's arrays are, and what its surfaces can mean; arrays are counted within the line."""

    boundaries: int
    values: int
    """-1: none."""
    part: int
    is_solid: bool
    surfaces: int
    """The array they were cut out as; -1: none."""
    meanings: Sequence[Meaning]
    """Those that were not cut out."""


class Plan(NamedTuple):
    """How the bodies of a feature are built from arrays: its line's vertices, and its geometries level by level."""

    vertices: int
    levels: Sequence[tuple[str, Sequence[PlannedGeometry]]]
    """Rising; the solids of a level before its loose surfaces."""

    @property
    def says_more(self) -> bool:
        """True if surfaces mean what was not cut out."""
        return any(g.meanings for _, geometries in self.levels for g in geometries)


class PlannedFeatures(NamedTuple):
    """F features with a plan each."""

    row: Ints
    """(F,) rising."""
    first: Ints
    """(F,) the first array of its line."""
    plan: Ints
    """(F,) number among ``plans``."""
    plans: Sequence[Plan]

    def of(self, chosen: Mask) -> PlannedFeatures:
        """Return some of them."""
        return PlannedFeatures(self.row[chosen], self.first[chosen], self.plan[chosen], self.plans)


def planned_features(found: Sequence[tuple[int, int, Plan]]) -> PlannedFeatures:
    """Return features with row, first array of its line, and plan of each."""
    number: dict[int, int] = {}
    numbers = [number.setdefault(id(plan), len(number)) for _, _, plan in found]
    plans = {id(plan): plan for _, _, plan in found}
    places = np.array([(row, first) for row, first, _ in found], dtype=np.int64).reshape(-1, 2)
    return PlannedFeatures(places[:, 0].copy(), places[:, 1].copy(), np.array(numbers, dtype=np.int64), list(plans.values()))


def plan(parts: Sequence[tuple[int, Json]], vertices: object, others: Sequence[tuple[int, int]], cut: CutLines, line: int) -> Plan | None:
    """Return how to build the bodies of a feature whose objects are ``parts`` (number and object); None where it is not that simple.

    It is so only if the feature's geometries name every array that was cut out of the line, but for ``others``, with their kinds.
    """
    first, end = cut.array_start[line], cut.array_start[line + 1]
    taken: list[tuple[Any, int]] = [(vertices, VERTICES), *others]
    levels: dict[str, list[PlannedGeometry]] = {}
    for part, city_object in parts:
        for geometry in city_object.get("geometry") or ():
            made = _geometry(geometry, part, taken)
            if made is None:
                return None
            levels.setdefault(lod_of(geometry), []).append(made)
    if {type(n) for n, _ in taken} != {int} or sorted(taken) != list(enumerate(cut.kind[first:end].tolist())):
        return None
    if any(len(level) > 1 and len({g.is_solid for g in level}) > 1 for level in levels.values()):
        return None  # surfaces may lend their meaning to a solid
    return Plan(taken[0][0], sorted(levels.items()))


def _geometry(geometry: Json, part: int, taken: list[tuple[Any, int]]) -> PlannedGeometry | None:
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
        values = int(semantics.get("values", -1))
        said = semantics.get("surfaces")
        if type(said) is int:
            taken.append((said, SEMANTIC_SURFACES))
            surfaces = said
        elif (parsed := _meanings(said)) is None:
            return None
        else:
            meanings = parsed
    return PlannedGeometry(int(geometry["boundaries"]), values, part, is_solid, surfaces, meanings)


def _meanings(said: object) -> list[Meaning] | None:
    """Return semantic surfaces that were not cut out, None where one of them is for who reads them alone."""
    surfaces = said or []
    if not isinstance(surfaces, list) or not set(map(type, surfaces)) <= {dict}:
        return None
    found = [meaning_in(surface) for surface in surfaces]
    return None if None in found else [m for m in found if m is not None]
