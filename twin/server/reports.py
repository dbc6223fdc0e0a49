"""The report of a check: the same findings as JSON, as a table with source rows, and as places on a map."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import orjson

from ingest.load import CheckResult
from twin.crs import Operation
from twin.model import Finding

_HEADER = ("规则 rule", "级别 severity", "图层 layer", "行号 row", "编号 key", "说明", "message", "x", "y")


class _Table(Protocol):
    """What `csv.writer` makes."""

    def writerow(self, row: Iterable[object], /) -> object:
        """Write one row."""

    def writerows(self, rows: Iterable[Iterable[object]], /) -> object:
        """Write rows."""


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(folder: Path, files: Sequence[Path], result: CheckResult, to_crs84: Operation) -> None:
    """Write findings.json, findings.csv and findings.geojson (CRS84) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "files": [f.name for f in files],
        "read": result.read,
        "rejected": result.rejected,
        "sources": list(result.sources),
        "rules": count_by_rule(result.findings),
        "findings": [row(f) for f in result.findings],
    }
    (folder / "findings.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    with (folder / "findings.csv").open("w", newline="", encoding="utf-8-sig") as file:  # the mark makes Excel read UTF-8
        write_table(csv.writer(file), result.findings)
    (folder / "findings.geojson").write_bytes(orjson.dumps(places(result.findings, to_crs84)))


def count_by_rule(findings: Iterable[Finding]) -> Mapping[str, int]:
    """Return how often each rule was broken."""
    return dict(Counter(f.rule for f in findings))


def write_table(table: _Table, findings: Iterable[Finding]) -> None:
    """Write findings as rows of a table, a header first."""
    table.writerow(_HEADER)
    table.writerows(_cells(f) for f in findings)


def row(f: Finding) -> dict[str, object]:
    """Return a finding as JSON, its place in the storage CRS."""
    return {
        "rule": f.rule,
        "severity": f.severity.value,
        "layer": f.layer,
        "row": f.row,
        "key": f.key,
        "message": {"zh": f.message.zh, "en": f.message.en},
        "place": list(f.place) if f.place else None,
    }


def _cells(f: Finding) -> tuple[object, ...]:
    x, y = f.place or ("", "")
    return (f.rule, f.severity.value, _text(f.layer), f.row or "", _text(f.key or ""), _text(f.message.zh), _text(f.message.en), x, y)


def _text(value: str) -> str:
    """Keep a spreadsheet from taking a value of the file for a formula."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def places(findings: Iterable[Finding], to_crs84: Operation) -> dict[str, object]:
    """Return the findings that have a place as GeoJSON in CRS84."""
    placed = [f for f in findings if f.place is not None]
    lon, lat = to_crs84.transform([f.place[0] for f in placed if f.place], [f.place[1] for f in placed if f.place])
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(float(x), 9), round(float(y), 9)]},
            "properties": {k: v for k, v in row(f).items() if k != "place"},
        }
        for f, x, y in zip(placed, lon, lat, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}
