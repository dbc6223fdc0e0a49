"""How submissions, their findings and their changes are answered: JSON, GeoJSON in CRS84, and a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np
import orjson
import shapely

from ingest.changes import Change
from ingest.register import Submission
from twin.crs import Operation
from twin.errors import Text
from twin.model import Finding, Severity
from twin.rules.loader import title_of
from twin.server import reports

Json = dict[str, object]
_DECIMALS = 9


def submission(s: Submission, findings: Mapping[str, tuple[int, Severity]] | None) -> Json:
    """Return a submission; ``findings`` None leaves them out (lists)."""
    document: Json = {
        "id": str(s.id),
        "state": s.state.value,
        "actor": s.actor,
        "received_at": s.received_at.isoformat(),
        "files": [dict(f) for f in s.files],
        "stored": s.stored,
        "proposals": [dict(p) for p in s.proposals],
        "request": s.request,
        "progress": s.progress,
        "result": s.result,
        "problem": s.problem,
        "commit": s.commit,
    }
    if findings is not None:
        document["findings"] = {
            rule: {"count": count, "severity": severity.value, "title": _text(title_of(rule))}
            for rule, (count, severity) in findings.items()
        }
    return document


def finding_rows(rows: Sequence[tuple[int, Finding]], to_crs84: Operation) -> list[Json]:
    """Return findings as JSON rows with their numbers and with places in longitude and latitude."""
    places = _degrees([f.place for _, f in rows], to_crs84)
    return [reports.row(f) | {"number": number, "place": place} for (number, f), place in zip(rows, places, strict=True)]


def finding_places(rows: Sequence[tuple[int, Finding]], to_crs84: Operation) -> bytes:
    """Return the findings that have a place as GeoJSON in CRS84."""
    return orjson.dumps(reports.places([f for _, f in rows], to_crs84))


def finding_table(rows: Sequence[tuple[int, Finding]]) -> str:
    """Return findings as CSV."""
    text = io.StringIO(newline="")
    text.write("\ufeff")  # the mark makes Excel read UTF-8
    reports.write_table(csv.writer(text), (f for _, f in rows))
    return text.getvalue()


def changes(page: Sequence[Change], to_crs84: Operation, limit: int) -> Json:
    """Return a page of changes as a GeoJSON FeatureCollection in CRS84; ``next`` is what to ask for after it, null at the end."""
    after = _geometries([c.geometry_wkb for c in page], to_crs84)
    before = _geometries([c.geometry_before_wkb for c in page], to_crs84)
    features = [_change(c, geometry, former) for c, geometry, former in zip(page, after, before, strict=True)]
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberReturned": len(features),
        "next": str(page[-1].cursor) if len(page) == limit else None,
    }


def _text(text: Text) -> Json:
    return {"zh": text.zh, "en": text.en}


def _change(c: Change, geometry: orjson.Fragment | None, former: orjson.Fragment | None) -> Json:
    properties = {"dataset": c.dataset, "fid": c.fid, "key": c.key, "action": c.action, "before": c.before, "after": c.after}
    return {"type": "Feature", "geometry": geometry, "properties": properties | {"geometry_before": former}}


def _geometries(wkb: Sequence[bytes | None], to_crs84: Operation) -> list[orjson.Fragment | None]:
    flat = shapely.force_2d(shapely.from_wkb(np.array(wkb, dtype=object)))
    x, y = to_crs84.transform(*shapely.get_coordinates(flat).T)
    moved = shapely.set_coordinates(flat, np.round(np.column_stack([x, y]), _DECIMALS))
    return [None if text is None else orjson.Fragment(text) for text in shapely.to_geojson(moved)]


def _degrees(places: Sequence[tuple[float, float] | None], to_crs84: Operation) -> list[list[float] | None]:
    known = [p for p in places if p is not None]
    if not known:
        return [None] * len(places)
    lon, lat = to_crs84.transform([p[0] for p in known], [p[1] for p in known])
    degrees = iter(np.round(np.column_stack([lon, lat]), _DECIMALS).tolist())
    return [None if p is None else next(degrees) for p in places]
