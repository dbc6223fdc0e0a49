"""What the generator wrote and what it planted: the oracle for tests of everything that reads the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

MANIFEST_NAME = "manifest.json"
Severity = Literal["error", "warning", "review"]
Value = str | int | float | list[float] | list[str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. ``row`` counts as a surveyor does: the sheet's row in a workbook, else the feature's number from 1.

    ``severity`` "error": the row must be left out of what is published; "warning": it is published and reported; "review": it is published,
    and a person must look.
    """

    file: str
    layer: str
    row: int
    key: str
    rule: str
    severity: Severity
    note: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something planted that is no fault of the file: a conflict of two plans, a building without a permit, a changed place.

    ``kind`` is an English term with hyphens, ``key`` the natural key of the feature it is about, ``values`` what a test can compute
    again from the files alone (areas in m², distances in m, places as easting and northing, or keys of other features).
    """

    kind: str
    file: str
    layer: str
    key: str
    note: str
    values: Mapping[str, Value]


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
    dataset: str = ""
    """What tells its dataset from others of the type; empty for the city's own."""


@dataclass(frozen=True, slots=True)
class Update:
    """What loading one layer does to what the sources of the same type have published: a second survey, or a file that adds geometry.

    ``mode`` "replace": what the layer does not list is deleted; "delta": it stays.
    """

    file: str
    layer: str
    feature_type: str
    mode: Literal["replace", "delta"]
    inserted: int
    updated: int
    deleted: int
    unchanged: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole hand-over. ``extent_deg`` is west, south, east, north of the city in CRS84; heights are 1985 heights in metres.

    ``sources`` stand in an order in which, loaded one after another, every reference but the planted ones finds what it names.
    """

    city: str
    seed: int
    scale: int
    storage_crs: str
    extent_deg: tuple[float, float, float, float]
    sources: tuple[Source, ...]
    updates: tuple[Update, ...]
    faults: tuple[Fault, ...]
    facts: tuple[Fact, ...]

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into a folder, the same bytes for the same manifest."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Manifest:
        """Read the manifest of a folder; FileNotFoundError when it has none."""
        raw = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        sources = tuple(Source(**source) for source in raw.pop("sources"))
        updates = tuple(Update(**update) for update in raw.pop("updates"))
        faults = tuple(Fault(**fault) for fault in raw.pop("faults"))
        facts = tuple(Fact(**fact) for fact in raw.pop("facts"))
        west, south, east, north = raw.pop("extent_deg")
        return Manifest(**raw, extent_deg=(west, south, east, north), sources=sources, updates=updates, faults=faults, facts=facts)
