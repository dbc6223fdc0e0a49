"""What a door can do, which depends on what it was handed: conformance, the definition and links say the same."""

from __future__ import annotations

from dataclasses import dataclass

from ogc.formats import Formats


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What goes beyond reading features, tiles and records."""

    formats: Formats | None = None
    """What items and datasets are written as besides JSON and HTML; None: as nothing else, JSON-FG included."""
    writes: bool = False
    """Whether features can be written."""
    runs_processes: bool = False
    """Whether jobs are taken."""
    draws: bool = False
    """Whether picture tiles are drawn."""
    has_volumes: bool = False
    """Whether what is built in 3D is known."""
