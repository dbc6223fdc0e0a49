"""What the generator wrote and what it planted: the oracle for tests of everything that reads the files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. ``row`` counts as a surveyor does: the sheet's row in a workbook, else the feature's number from 1.

    ``severity`` "error": the row must be left out of what is published; "warning": it is published and reported.
    """

    file: str
    layer: str
    row: int
    key: str
    rule: str
    severity: Literal["error", "warning"]
    note: str


@dataclass(frozen=True, slots=True)
class Source:
    """One layer of one file. ``rows`` counts all data rows, ``rejected`` those with at least one planted error."""

    file: str
    layer: str
    feature_type: str
    rows: int
    rejected: int
    crs: str
    crs_in_file: bool
    encoding: str
    note: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole hand-over. ``extent_deg`` is west, south, east, north of the city in CRS84; heights are 1985 heights in metres."""

    city: str
    seed: int
    scale: int
    storage_crs: str
    extent_deg: tuple[float, float, float, float]
    sources: tuple[Source, ...]
    faults: tuple[Fault, ...]

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into a folder, the same bytes for the same manifest."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Manifest:
        """Read the manifest of a folder; FileNotFoundError when it has none."""
        raw = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        sources = tuple(Source(**source) for source in raw.pop("sources"))
        faults = tuple(Fault(**fault) for fault in raw.pop("faults"))
        west, south, east, north = raw.pop("extent_deg")
        return Manifest(**raw, extent_deg=(west, south, east, north), sources=sources, faults=faults)


def rejected(faults: list[Fault]) -> int:
    """Count the rows that have at least one planted error."""
    return len({(f.file, f.layer, f.row) for f in faults if f.severity == "error"})
