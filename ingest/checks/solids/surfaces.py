"""Faces of many bodies as the compiled checks have them."""

from __future__ import annotations

from typing import NamedTuple

from ingest.checks.solids.fault import Floats, Ints


class Surfaces(NamedTuple):
    """Faces of many bodies as `Boundaries` has them, with what is known of their planes and boxes."""

    xyz: Floats
    corner: Ints
    """(C,) vertex"""
    after: Ints
    before: Ints
    face_start: Ints
    """(F + 1,) first corner"""
    face_of_corner: Ints
    normal: Floats
    offset: Floats
    deviation_m: Floats
    axes: Floats
    """(F, 6) two in the plane"""
    low: Floats
    """(F, 3) box"""
    high: Floats
    twin: Ints
    """(C,) corner whose edge is the same the other way, filled in here"""
