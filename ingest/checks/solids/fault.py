"""What can be wrong with a 3D primitive, where it is wrong, and by which tolerances that is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MOST_BETWEEN = 100
"""More faults between the shells of one solid, or the solids of one body, are not looked for: their pairs grow with the square."""
CONTACT_M = 1e-6
"""What is nearer touches: well above the rounding of local coordinates, well below any tolerance."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """By how much a primitive may miss; the defaults are val3dity's."""

    snap_m: float = 0.001
    """Vertices no farther from each other are one: in files of whole millimetres, also those a millimetre apart."""
    planarity_m: float = 0.01
    """Greatest distance of a polygon's vertex from its plane."""
    normals_deg: float = 20.0
    """Greatest angle between the normals of a triangulated polygon."""


@dataclass(frozen=True, slots=True)
class SolidFault:
    """One fault of one of the bodies looked at."""

    body: int
    """Position of the faces among those given."""
    code: int
    """val3dity's number, 101 to 601."""
    place: tuple[float, float, float]
    """A point of the faulty ring, polygon, edge or shell, in the CRS of the faces."""
    face: int | None = None
    """Number of the face in its body; None where it is of no single face."""
    value: float | None = None
    """What was measured: metres from the plane, degrees between normals."""
