"""How proposals are kept and answered: JSON, with the evidence of every aspect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ingest.looked_into import KnownLayer
from ingest.proposals import Proposal
from ingest.understanding.evidence import Evidence
from ingest.understanding.layer import Understanding
from twin.errors import Text, TwinError
from twin.model import FeatureType

Json = Mapping[str, object]


def proposal_document(p: Proposal, types: Mapping[str, FeatureType]) -> Json:
    """Return a proposal as it is kept with the submission and shown; ``proposed`` is what a check would be asked for it."""
    best = p.guesses[0] if p.guesses else None
    titles = {f.name: f.title for f in types[best.feature_type].fields} if best else {}
    known = p.understanding
    named = {e.value for e in (*best.columns, *best.hints)} if best else set()
    return {
        "file": p.file,
        "layer": p.layer,
        "format": p.format,
        "geometry": p.geometry,
        "rows": p.rows,
        "columns": list(p.columns),
        "crs": p.crs,
        "crs_evidence": _text(known.crs.text),
        "encoding": p.encoding,
        "feature_type": best and best.feature_type,
        "confidence": best and best.confidence,
        "evidence": best and _text(best.evidence),
        "alternatives": [{"feature_type": g.feature_type, "confidence": g.confidence} for g in p.guesses[1:]],
        "dataset": p.dataset,
        "mapping": best.mapping if best else {},
        "titles": {f: _text(t) for f, t in titles.items() if f in named},
        "understanding": {
            "crs": _evidence(known.crs),
            "axes": known.axes and _evidence(known.axes),
            "encoding": known.encoding and _evidence(known.encoding),
            "vertical": known.vertical and _evidence(known.vertical),
            "units": [_evidence(e) for e in known.units],
            "columns": [_evidence(e) for e in best.columns] if best else [],
            "hints": [_evidence(e) for e in best.hints] if best else [],
        },
        "units": dict(best.units) if best else {},
        "problem": None,
    }


def _evidence(e: Evidence) -> Json:
    return {
        "aspect": e.aspect,
        "value": e.value,
        "confidence": e.confidence,
        "text": _text(e.text),
        "subject": e.subject,
        "stated": e.stated,
        "code": e.code,
    }


def _text(text: Text) -> Json:
    return {"zh": text.zh, "en": text.en}


def unread_document(name: str, error: TwinError) -> Json:
    """Return what stands in place of a proposal for a file that could not be looked into."""
    nothing = dict.fromkeys(("layer", "format", "geometry", "rows", "crs", "encoding", "feature_type", "confidence", "evidence", "dataset"))
    return {
        "file": name,
        **nothing,
        "columns": [],
        "crs_evidence": None,
        "alternatives": [],
        "mapping": {},
        "titles": {},
        "understanding": None,
        "units": {},
        "problem": {"status": error.status, "code": error.code, "detail": _text(error.text)},
    }


def known_layers(documents: Iterable[Mapping[str, Any]]) -> tuple[KnownLayer, ...]:
    """Return what `proposal_document` kept of the layers that could be looked into."""
    return tuple(
        KnownLayer(d["file"], d["layer"], d["feature_type"], _understanding_of(d["understanding"]))
        for d in documents
        if d.get("understanding")
    )


def _understanding_of(kept: Mapping[str, Any]) -> Understanding:
    return Understanding(
        crs=_evidence_of(kept["crs"]),
        axes=kept["axes"] and _evidence_of(kept["axes"]),
        encoding=kept["encoding"] and _evidence_of(kept["encoding"]),
        vertical=kept["vertical"] and _evidence_of(kept["vertical"]),
        units=tuple(_evidence_of(e) for e in kept["units"]),
    )


def _evidence_of(document: Mapping[str, Any]) -> Evidence:
    return Evidence(**{**document, "text": Text(**document["text"])})
