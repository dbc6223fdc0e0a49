"""Reads the sample city's files with readers that are not ours: pyogrio, the standard library's XML."""

from __future__ import annotations

import functools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyogrio
import shapely

from sample_city import Manifest

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass(frozen=True)
class Layer:
    columns: dict[str, Any]
    shapes: Any


def read_layer(path: str, **options: Any) -> Layer:
    meta, _, wkb, fields = pyogrio.raw.read(path, **options)
    return Layer(dict(zip(meta["fields"], fields, strict=True)), shapely.from_wkb(wkb))


@functools.cache
def read_sheet(folder: Path, sheet: str, file: str = "管线普查.xlsx") -> list[dict[str, Any]]:
    """Rows of a sheet of the pipe survey in a folder as dictionaries; index 0 is sheet row 2."""
    with zipfile.ZipFile(folder / file) as book:
        names = [element.get("name") for element in ET.fromstring(book.read("xl/workbook.xml")).iter(f"{_MAIN}sheet")]
        tree = ET.fromstring(book.read(f"xl/worksheets/sheet{names.index(sheet) + 1}.xml"))
    rows = [{cell.attrib["r"].rstrip("0123456789"): _value(cell) for cell in row} for row in tree.iter(f"{_MAIN}row")]
    header = rows[0].items()
    return [{name: row.get(letters) for letters, name in header} for row in rows[1:]]


def _value(cell: ET.Element) -> Any:
    if "t" in cell.attrib:
        return cell[0][0].text
    text = cell[0].text or ""
    return float(text) if "." in text or "e" in text else int(text)


def faulty_rows(manifest: Manifest, layer: str) -> set[int]:
    """Rows with a planted error in the layer of the first hand-over."""
    file = next(s.file for s in manifest.sources if s.layer == layer)
    return {f.row for f in manifest.faults if (f.file, f.layer, f.severity) == (file, layer, "error")}
