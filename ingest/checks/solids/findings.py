"""What is wrong with the bodies of a batch, as findings of the rules ``val3dity-…``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.body_arrays import BodyArrays
from ingest.checks.rules import Severities
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.few_faces import faults_of_doubtful
from ingest.checks.solids.looks import UNFINISHED, LooksOfFile
from twin.errors import Text
from twin.model import FeatureType, Finding

_UNITS = {203: ("米", "m"), 204: ("°", "°")}
PlacePoint = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Hit:
    """One fault of one representation, whoever found it."""

    body: int
    code: int
    place: tuple[float, float] | None
    face: int | None = None
    value: float | None = None


def look_at_solids(bodies: BodyArrays, feature_type: FeatureType, looks: LooksOfFile) -> Sequence[Hit]:
    """Return the faults of ``bodies`` (vertices in the storage CRS); a thread of its own can do it.

    ``looks`` are those that are left for the file: whoever looks at its batches does so one after the other, in their order.
    """
    return list(_found(bodies, Severities.of(feature_type), looks)) if len(bodies) else []


def solid_findings(
    found: Sequence[Hit], bodies: BodyArrays, rows: npt.NDArray[np.int64], feature_type: FeatureType, place_point: PlacePoint, layer: str
) -> tuple[Finding, ...]:
    """Return what was ``found`` by `look_at_solids`, one for each row, level of detail and rule, with the first place.

    What reading mended of their rings is among them; ``place_point`` brings such a place from the source CRS into the storage CRS.
    """
    severities = Severities.of(feature_type)
    hits = sorted((*_mended(bodies, place_point), *found), key=lambda h: (h.body, h.code))
    findings: list[Finding] = []
    for _, group in itertools.groupby(hits, key=lambda h: (h.body, h.code)):
        same = list(group)
        hit = same[0]
        rule = rule_of(hit.code)
        message = _message(bodies.lod[hit.body], hit, len(same), severities.rules[rule].title)
        value = None if hit.value is None else f"{hit.value:.4g}"
        findings.append(Finding(rule, severities.of_rule(rule), int(rows[bodies.row[hit.body]]), message, layer, None, hit.place, value))
    return tuple(findings)


def rule_of(code: int) -> str:
    """Return the rule that stands for an error code of val3dity, or for `UNFINISHED`."""
    return "solids-unfinished" if code == UNFINISHED else f"val3dity-{code}"


def _mended(bodies: BodyArrays, place_point: PlacePoint) -> Iterator[Hit]:
    for number, makeup in enumerate(bodies.makeup):
        for mended in makeup.mended:
            yield Hit(number, mended.code, None if mended.place is None else place_point(*mended.place))


def _found(bodies: BodyArrays, severities: Severities, looks: LooksOfFile) -> Iterator[Hit]:
    tolerances = Tolerances(
        snap_m=severities.number("val3dity-102", "snap_m"),
        planarity_m=severities.number("val3dity-203", "planarity_m"),
        normals_deg=severities.number("val3dity-204", "normals_deg"),
    )
    for body, faults in faults_of_doubtful(bodies, bodies.doubts(tolerances), tolerances, looks):
        yield from (Hit(body, fault.code, fault.place[:2], fault.face, fault.value) for fault in faults)


def _message(lod: str, hit: Hit, count: int, title: Text) -> Text:
    zh, en = f"LoD {lod}", f"LoD {lod}"
    if hit.face is not None:
        zh, en = f"{zh} 第 {hit.face + 1} 面", f"{en}, face {hit.face + 1}"
    if hit.value is not None:
        unit_zh, unit_en = _UNITS[hit.code]
        zh, en = f"{zh}（{hit.value:.3g} {unit_zh}）", f"{en} ({hit.value:.3g} {unit_en})"
    more = (f"，共 {count} 处", f", {count} places in all") if count > 1 else ("", "")
    return Text(zh=f"{zh}：{title.zh}{more[0]}", en=f"{en}: {title.en}{more[1]}")
