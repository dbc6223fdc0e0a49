"""Rules over connected parts of a pipe network: how far apart manholes are, and whether each part leads anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.set_rules.components import components
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.network import DRAINAGE, SEGMENT, along_network, finding
from twin.errors import Text
from twin.model import Finding

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


def manholes_far_apart(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield runs of sewer on which manholes are farther apart than the diameter allows, by their first row (``manhole-spacing``).

    A run goes on through points without a shaft at which just two lines of the system meet. Its smallest diameter counts; ``limits``
    are rows (from mm, at most m), the latter null where nothing is laid down.
    """
    lines = _table(along_network(context, "graph_lines", systems=list(check.names("gravity"))), 6)
    ((points,),) = along_network(context, "count_points")
    shafts = _table(along_network(context, "shafts"), 1)[:, 0].astype(np.int64)
    run = _runs(lines[:, 1:3].astype(np.int64), shafts, points)
    length = np.bincount(run, lines[:, 4])
    narrowest = np.full(len(length), np.inf)
    np.fmin.at(narrowest, run, lines[:, 5])
    limit = _limits(check, narrowest)
    found, first = np.unique(run, return_index=True)  # rows of this part come first
    wrong = {int(lines[k, 0]): int(r) for r, k in zip(found, first, strict=True) if length[r] > limit[r] and lines[k, 3]}
    for row in along_network(context, "these_lines", numbers=list(wrong)):
        long, size, most = (float(values[wrong[row[4]]]) for values in (length, narrowest, limit))
        zh, en = (
            f"检查井间距 {long:.1f} m，管径 {size:.0f} mm 时不应大于 {most:g} m",
            f"manholes {long:.1f} m apart, {most:g} m at most at {size:.0f} mm",
        )
        yield finding(check, row, Text(zh=zh, en=en), f"{long:.1f}")


def parts_that_lead_nowhere(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield the first point of each connected part of a network that has no outlet or source its system can have (``connectivity``).

    ``ends`` are rows (class or kind of pipe, feature or appurtenance); systems without a row are not judged.
    """
    ((points,),) = along_network(context, "count_points")
    for name, words in _words_by_class(check).items():
        leads = _table(along_network(context, "points_called", words=words), 1)[:, 0].astype(np.int64)
        for system in _systems_of(context, name):
            ends = _table(along_network(context, "graph_ends", system=system), 2).astype(np.int64)
            label = components(points, ends[:, 0], ends[:, 1])
            inside = np.unique(ends)
            yield from _of_parts(context, check, system, label, inside[~np.isin(label[inside], label[leads])])


def _of_parts(context: SetContext, check: SetCheck, system: str, label: Numbers, dead: Numbers) -> Iterator[Finding]:
    """Yield one finding for each part of the points ``dead``, at its first point of this submission; none for what is published already."""
    sizes, told = np.bincount(label[dead], minlength=1), set[int]()
    title = _title(context, system)
    for row in along_network(context, "these_points", numbers=dead.tolist()):
        part = int(label[row[4]])
        if part not in told:
            told.add(part)
            count = int(sizes[part])
            zh, en = f"{title.zh}：连通的 {count} 个点没有出口或来源", f"{title.en}: {count} connected points have no outlet or source"
            yield finding(check, row, Text(zh=zh, en=en), count)


def _runs(ends: Numbers, shafts: Numbers, points: int) -> Numbers:
    """Return for each line a number of the run it belongs to, shape (n,)."""
    places = np.where(ends < 0, points, ends)
    degree = np.bincount(places.ravel(), minlength=points + 1)
    breaks = degree != 2
    breaks[points] = True
    breaks[shafts] = True
    own = points + 1 + np.arange(ends.size, dtype=np.int64).reshape(ends.shape)
    vertices = np.where(breaks[places], own, places)
    label = components(points + 1 + ends.size, vertices[:, 0], vertices[:, 1])
    return np.unique(label[vertices[:, 0]], return_inverse=True)[1].astype(np.int64)


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


def _table(rows: Iterator[tuple[Any, ...]], width: int) -> Floats:
    """Return rows of numbers as one array of shape (n, width)."""
    flat = np.fromiter((float(value) for row in rows for value in row), dtype=np.float64)
    return flat.reshape(-1, width)
