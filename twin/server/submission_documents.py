"""How submissions, their findings and their changes are answered: JSON, GeoJSON in CRS84, and a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import orjson
import shapely

from ingest.changes import Change
from ingest.register import WAITING, Submission
from ingest.reports.documents import finding_document, text_document
from ingest.reports.report import places_in_degrees
from ingest.rule_counts import RuleCount
from ingest.waiver_book import KeptWaiver
from ingest.waivers import can_be_waived
from twin.crs import Operation
from twin.model import FeatureType, Finding
from twin.rules.loader import load_rules, title_of

Json = dict[str, object]
_DECIMALS = 9


def submission(
    s: Submission,
    findings: Mapping[str, RuleCount] | None,
    types: Mapping[str, FeatureType] = MappingProxyType({}),
    before_in_line: int | None = None,
) -> Json:
    """Return a submission; ``findings`` None leaves them out (lists), ``before_in_line`` None how many checks a waiting one waits for."""
    document: Json = {
        "id": str(s.id),
        "state": s.state.value,
        "actor": s.actor,
        "received_at": s.received_at.isoformat(),
        "files": [dict(f) for f in s.files],
        "stored": s.stored,
        "proposals": [dict(p) for p in s.proposals],
        "request": s.request,
        "progress": None if s.progress is None else _progress(s, before_in_line),
        "result": s.result,
        "problem": s.problem,
        "commit": s.commit,
    }
    if findings is not None:
        document["findings"] = {
            rule: {
                "count": c.count,
                "waived": c.waived,
                "severity": c.severity.value,
                "severities": {of.value: count for of, count in c.severities.items()},
                **_rule(rule, s, types),
            }
            for rule, c in findings.items()
        }
    return document


def finding_rows(rows: Sequence[tuple[int, Finding]], to_crs84: Operation) -> list[Json]:
    """Return findings as JSON rows with their numbers and with places in longitude and latitude."""
    places = places_in_degrees([f for _, f in rows], to_crs84)
    return [finding_document(f) | {"number": number, "place": place} for (number, f), place in zip(rows, places, strict=True)]


def waivers(kept: Sequence[KeptWaiver], earlier: Sequence[KeptWaiver]) -> Json:
    """Return the waivers of a submission, those taken back among them, and earlier ones that may be given again."""
    return {"waivers": [_waiver(k) for k in kept], "earlier": [_waiver(k) for k in earlier]}


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


def _progress(s: Submission, before: int | None) -> Json:
    """Return how far a check is, and of one that waits for how many."""
    progress = {**(s.progress or {}), "waiting": s.is_waiting}
    if s.is_waiting and before:
        progress["step"] = {"zh": f"{WAITING.zh}，前面还有 {before} 个", "en": f"{WAITING.en}, {before} before it"}
    return progress


def _rule(rule: str, s: Submission, types: Mapping[str, FeatureType]) -> Json:
    known = load_rules().get(rule)
    waivable = bool(s.feature_types) and all(name in types and can_be_waived(rule, types[name]) for name in s.feature_types)
    return {
        "title": text_document(title_of(rule)),
        "advice": None if known is None else text_document(known.advice),
        "source": None if known is None else text_document(known.source),
        "waivable": waivable,
    }


def _waiver(kept: KeptWaiver) -> Json:
    w = kept.waiver
    return {
        "number": w.number,
        "submission": str(kept.submission),
        "rule": w.rule,
        "dataset": w.dataset,
        "key": w.key,
        "file": w.file,
        "layer": w.layer,
        "row": w.row,
        "reason": w.reason,
        "reviewer": w.reviewer,
        "made_at": kept.made_at.isoformat(),
        "withdrawn_at": kept.withdrawn_at and kept.withdrawn_at.isoformat(),
        "withdrawn_by": kept.withdrawn_by,
    }


def _change(c: Change, geometry: orjson.Fragment | None, former: orjson.Fragment | None) -> Json:
    properties = {"dataset": c.dataset, "fid": c.fid, "key": c.key, "action": c.action, "before": c.before, "after": c.after}
    return {"type": "Feature", "geometry": geometry, "properties": properties | {"geometry_before": former}}


def _geometries(wkb: Sequence[bytes | None], to_crs84: Operation) -> list[orjson.Fragment | None]:
    flat = shapely.force_2d(shapely.from_wkb(np.array(wkb, dtype=object)))
    x, y = to_crs84.transform(*shapely.get_coordinates(flat).T)
    moved = shapely.set_coordinates(flat, np.round(np.column_stack([x, y]), _DECIMALS))
    return [None if text is None else orjson.Fragment(text) for text in shapely.to_geojson(moved)]
