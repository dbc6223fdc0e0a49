"""Rules over connected parts of a pipe network: how far apart manholes are, and whether each part leads anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ingest.set_rules.codes import NONE, Codes, Mask
from ingest.set_rules.components import components
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding_at
from ingest.set_rules.network_assembly import DRAINAGE, network_of
from ingest.set_rules.survey_columns import SEGMENT
from twin.errors import Text
from twin.model import Finding

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


def manholes_far_apart(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield runs of sewer on which manholes are farther apart than the diameter allows, by their first row (``manhole-spacing``).

    A run goes on through points without a shaft at which just two lines of the system meet. Its smallest diameter counts; ``limits``
    are rows (from mm, at most m), the latter null where nothing is laid down.
    """
    network = network_of(context)
    lines, points = network.lines, network.points
    sewers = np.flatnonzero(network.survey.words.among(network.system, check.names("gravity")))
    others = lines.part[sewers] != context.staging.part
    sewers, others = sewers[np.argsort(others, kind="stable")], np.sort(others)  # those of this part first
    first = _runs(network.at[sewers], points.appurtenance != NONE)
    length_m = np.bincount(first, lines.length_m[sewers])
    narrowest_mm = np.full(len(length_m), np.inf)
    np.fmin.at(narrowest_mm, first, lines.diameter_mm(sewers))
    most_m = _limits(check, narrowest_mm)
    wrong = np.flatnonzero(length_m > most_m)
    for of in wrong[~others[wrong]].tolist():
        index, long, size, most = int(sewers[of]), length_m[of], narrowest_mm[of], most_m[of]
        zh, en = (
            f"检查井间距 {long:.1f} m，管径 {size:.0f} mm 时不应大于 {most:g} m",
            f"manholes {long:.1f} m apart, {most:g} m at most at {size:.0f} mm",
        )
        yield finding_at(check, lines, index, Text(zh=zh, en=en), f"{long:.1f}")


def parts_that_lead_nowhere(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield the first point of each connected part of a network that has no outlet or source its system can have (``connectivity``).

    ``ends`` are rows (class or kind of pipe, feature or appurtenance); systems without a row are not judged.
    """
    network = network_of(context)
    points, known = network.points, network.survey.words
    joined = (network.at != NONE).all(axis=1)
    for name, words in _words_by_class(check).items():
        leads = np.flatnonzero(known.among(points.feature, words) | known.among(points.appurtenance, words))
        for system in _systems_of(context, name):
            ends = network.at[joined & known.among(network.system, [system])]
            if len(ends):
                label = components(len(points), ends[:, 0], ends[:, 1])
                is_dead, lives = np.zeros((2, len(points)), dtype=bool)
                is_dead[ends] = True
                lives[label[leads]] = True
                is_dead &= ~lives[label]
                yield from _of_parts(context, check, system, label, np.flatnonzero(is_dead))


def _of_parts(context: SetContext, check: SetCheck, system: str, label: Codes, dead: Numbers) -> Iterator[Finding]:
    """Yield one finding for each part of the points ``dead``, at its first point of this submission; none for what is published already."""
    points = network_of(context).points
    sizes, title = np.bincount(label[dead], minlength=1), _title(context, system)
    own = dead[points.part[dead] == context.staging.part]
    for index in np.sort(own[np.unique(label[own], return_index=True)[1]]):
        count = int(sizes[label[index]])
        zh, en = f"{title.zh}：连通的 {count} 个点没有出口或来源", f"{title.en}: {count} connected points have no outlet or source"
        yield finding_at(check, points, index, Text(zh=zh, en=en), count)


def _runs(ends: Codes, is_shaft: Mask) -> Codes:
    """Return for each line the first of the run it belongs to, shape (n,); ``ends`` are their points, shape (n, 2)."""
    lines, points = len(ends), len(is_shaft)
    known = [np.flatnonzero(ends[:, side] != NONE) for side in (0, 1)]
    degree, both = np.zeros(points, np.int32), np.zeros(points, np.int64)
    for side in (0, 1):
        np.add.at(degree, ends[known[side], side], 1)
        np.add.at(both, ends[known[side], side], known[side])
    goes_on = (degree == 2) & ~is_shaft
    here, there = [], []
    for side in (0, 1):  # where just two lines meet, the other is what the sum of both leaves
        line = known[side][goes_on[ends[known[side], side]]]
        here.append(line.astype(np.int32))
        there.append((both[ends[line, side]] - line).astype(np.int32))
    return components(lines, np.concatenate(here), np.concatenate(there))


def _limits(check: SetCheck, diameter_mm: Floats) -> Floats:
    """Return the greatest spacing at each diameter, infinite where nothing is laid down."""
    rows = sorted((float(row[0] or 0), np.inf if row[1] is None else float(row[1])) for row in check.table("limits"))
    most = np.array([np.inf, *(m for _, m in rows), np.inf])
    place = np.searchsorted([mm for mm, _ in rows], diameter_mm, side="right")
    limits: Floats = most[np.where(np.isfinite(diameter_mm), place, len(most) - 1)]
    return limits


def _words_by_class(check: SetCheck) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, word in check.table("ends"):
        found.setdefault(str(name), []).append(str(word))
    return found


def _systems_of(context: SetContext, name: str) -> Sequence[str]:
    """Return the systems of a class: of drainage each kind."""
    codelist = context.catalogue.feature_type(SEGMENT).field("kind").codelist
    kinds = [code.code for code in codelist.codes if code.parent == DRAINAGE] if codelist else []
    return (name, *kinds) if name == DRAINAGE else (name,)


def _title(context: SetContext, system: str) -> Text:
    codelist = context.catalogue.feature_type(SEGMENT).field("kind").codelist
    code = codelist.by_code().get(system) if codelist else None
    return code.title if code else Text(system, system)
