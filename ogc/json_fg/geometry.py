"""Geometries that GeoJSON has not: polyhedra of stored solids and prisms of footprints (21-045r1, clauses 9 and 10); pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from twin.query.bodies import Positions
from twin.representation import Faces, UInt32s

Geometry = dict[str, Any]
type Coordinates = list[float | Coordinates]
_METRE_DECIMALS = 4


def polyhedron(faces: Faces, vertices: Positions, decimals: int) -> Geometry | None:
    """Return the solids of ``faces`` with ``vertices`` (V, 3) in their place, as Polyhedron or MultiPolyhedron; None without any solid.

    Coordinates are rounded to ``decimals``, heights to a tenth of a millimetre.
    """
    rounded = np.column_stack([np.round(vertices[:, :2], decimals), np.round(vertices[:, 2], _METRE_DECIMALS)]).tolist()
    surfaces = [
        [[*(rounded[i] for i in faces.indices[a:b]), rounded[faces.indices[a]]] for a, b in _spans(faces.ring_ends, first, last)]
        for first, last in pairwise([0, *faces.face_ends.tolist()])
    ]
    shells = [surfaces[a:b] for a, b in pairwise([0, *faces.shell_ends.tolist()])]
    solids = [shells[a:b] for a, b in pairwise([0, *faces.solid_ends.tolist()])]
    if not solids:
        return None
    if len(solids) == 1:
        return {"type": "Polyhedron", "coordinates": solids[0]}
    return {"type": "MultiPolyhedron", "coordinates": solids}


def prism(footprint: Mapping[str, Any], lower_m: float, upper_m: float) -> Geometry:
    """Return the prism over a GeoJSON footprint between two heights of its CRS."""
    base = {"type": footprint["type"], "coordinates": flat(footprint["coordinates"])}
    return {"type": "Prism", "base": base, "lower": round(lower_m, _METRE_DECIMALS), "upper": round(upper_m, _METRE_DECIMALS)}


def _spans(ends: UInt32s, first: int, last: int) -> list[tuple[int, int]]:
    """Return where the parts ``first`` to ``last`` begin and end, given where all parts end."""
    begins = int(ends[first - 1]) if first else 0
    return list(pairwise([begins, *ends[first:last].tolist()]))


def flat(coordinates: Coordinates) -> Coordinates:
    """Return the coordinates of a GeoJSON geometry without the third ones."""
    return [flat(part) for part in coordinates if isinstance(part, list)] or coordinates[:2]
