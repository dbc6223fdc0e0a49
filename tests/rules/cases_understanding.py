"""Cases of doubts about how a layer is understood: what the detectors hold of it, and what nobody has answered."""

from __future__ import annotations

from collections.abc import Callable

from rules.case import Case
from rules.staged import City

from ingest.understanding.evidence import Evidence
from ingest.understanding.heights import DEPLOYMENT
from ingest.understanding.layer import Understanding
from ingest.understanding.review import Answered, doubts
from twin.errors import Text
from twin.model import Finding

_WHY = Text("理由", "why")
_SURE = Evidence("crs", "EPSG:4549", 0.98, _WHY, stated="EPSG:4549")
Given = tuple[Understanding, Answered]


def crs(value: str | None, stated: str | None, code: str | None = None, *, answered: bool = False) -> Given:
    return Understanding(Evidence("crs", value, 0.8, _WHY, stated=stated, code=code)), Answered(crs=answered)


def other(**aspect: object) -> Given:
    return Understanding(_SURE, **aspect), Answered()  # type: ignore[arg-type]


def evidence(aspect: str, value: str, stated: str | None, confidence: float = 0.9) -> Evidence:
    return Evidence(aspect, value, confidence, _WHY, "管径" if aspect == "unit" else None, stated)  # type: ignore[arg-type]


CASES = (
    Case("crs-undeclared", crs("EPSG:4549", None), crs("EPSG:4549", "EPSG:4549")),
    Case("crs-undeclared", crs("EPSG:4528", None), crs("EPSG:4528", None, answered=True), "declared"),
    Case("crs-doubtful", crs("EPSG:4549", "EPSG:4548", "area-of-use"), crs("EPSG:4548", "EPSG:4548")),
    Case("crs-obfuscated", crs("X-GCJ02", "OGC:CRS84", "crs-obfuscated"), crs("OGC:CRS84", "OGC:CRS84")),
    Case("degrees-packed", crs("EPSG:4490", "EPSG:4490", "degrees-packed", answered=True), crs("EPSG:4490", "EPSG:4490")),
    Case("axes-doubtful", other(axes=evidence("axes", "yx", "xy")), other(axes=evidence("axes", "yx", None))),
    Case(
        "vertical-doubtful",
        other(vertical=evidence("vertical", "ellipsoidal", None)),
        other(vertical=evidence("vertical", DEPLOYMENT, None)),
    ),
    Case("unit-doubtful", other(units=(evidence("unit", "cm", "mm"),)), other(units=(evidence("unit", "cm", "mm", 0.5),))),
    Case(
        "codes-doubtful",
        other(units=(evidence("codes", "land_use_survey", "land_use", 0.5),)),
        other(units=(evidence("codes", "land_use_survey", "land_use_survey"),)),
    ),
    Case(
        "encoding-doubtful",
        other(encoding=evidence("encoding", "gb18030", "cp1252")),
        other(encoding=evidence("encoding", "gb18030", None)),
    ),
)


def findings(rule: str, given: object, city: Callable[[], City]) -> list[Finding]:
    assert isinstance(given, tuple)
    known, answered = given
    return [f for f in doubts(known, "图层", answered) if f.rule == rule]
