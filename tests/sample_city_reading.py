"""Reads the sample city's files with other people's readers: pyogrio, openpyxl, rasterio."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pyogrio
import shapely

from sample_city import Manifest


@dataclass(frozen=True)
class Layer:
    columns: dict[str, Any]
    shapes: Any


def read_layer(path: str, **options: Any) -> Layer:
    meta, _, wkb, fields = pyogrio.raw.read(path, **options)
    return Layer(dict(zip(meta["fields"], fields, strict=True)), shapely.from_wkb(wkb))


@functools.cache
def read_sheet(folder: Path, sheet: str) -> list[dict[str, Any]]:
    """Rows of a sheet as dictionaries; index 0 is sheet row 2."""
    workbook = openpyxl.load_workbook(folder / "管线普查.xlsx", read_only=True)
    try:
        rows = workbook[sheet].iter_rows(values_only=True)
        header = next(rows)
        return [dict(zip(header, row, strict=True)) for row in rows]
    finally:
        workbook.close()


def faulty_rows(manifest: Manifest, layer: str) -> set[int]:
    return {f.row for f in manifest.faults if f.layer == layer and f.severity == "error"}
