"""Rules over connected parts of a pipe network: how far apart manholes are, and whether each part leads anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from ingest.set_rules.codes import NONE, Codes, Mask
from ingest.set_rules.components import components, count_ends, settle, unite_lines
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding_at
from ingest.set_rules.network import Network
from ingest.set_rules.network_assembly import DRAINAGE, network_of
from ingest.set_rules.survey import blocks_of
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
    network, part = network_of(context), context.staging.part
    lines, sewers = network.lines, check.names("gravity")
    run = _runs(network, sewers)
    length_m, narrowest_mm = _measures(network, run, sewers, part)
    is_wrong = [length_m[block] > _limits(check, narrowest_mm[block]) for block in network.survey.blocks(len(lines))]
    for of in _first_of_each(run, np.concatenate([np.zeros(0, bool), *is_wrong]), _sewers_of(network, sewers, part)):
        long, size = length_m[run[of]], narrowest_mm[run[of]]
        most = _limits(check, np.array([size]))[0]
        zh, en = (
            f"检查井间距 {long:.1f} m，管径 {size:.0f} mm 时不应大于 {most:g} m",
            f"manholes {long:.1f} m apart, {most:g} m at most at {size:.0f} mm",
        )
        yield finding_at(check, lines, of, Text(zh=zh, en=en), f"{long:.1f}")


def parts_that_lead_nowhere(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield the first point of each connected part of a network that has no outlet or source its system can have (``connectivity``).

    ``ends`` are rows (class or kind of pipe, feature or appurtenance); systems without a row are not judged.
    """
    network = network_of(context)
    there = _systems_there(network)
    for name, words in _words_by_class(check).items():
        systems = [system for system in _systems_of(context, name) if system in there]
        for system in systems:
            label = components(len(network.points), _edges_of(network, system))
            is_dead = _without_a_way_out(network, system, words, label)
            yield from _of_parts(context, check, system, label, is_dead)


def _systems_there(network: Network) -> frozenset[str]:
    words = network.survey.words
    codes = {code for block in network.survey.blocks(len(network.lines)) for code in np.unique(network.system[block]).tolist()}
    return frozenset(words.at(code) for code in codes - {NONE})


def _edges_of(network: Network, system: str) -> Iterator[Codes]:
    """Yield the points at the ends of the lines of a system that are known at both."""
    for block in network.survey.blocks(len(network.lines)):
        at = network.at[block]
        yield at[network.survey.words.among(network.system[block], [system]) & (at != NONE).all(axis=1)]


def _without_a_way_out(network: Network, system: str, words: Sequence[str], label: Codes) -> Mask:
    """Return which points are ends of lines of a system, in a connected part without any point that is one of ``words``."""
    points, known = network.points, network.survey.words
    is_dead, lives = np.zeros((2, len(points)), dtype=bool)
    for block in network.survey.blocks(len(points)):
        leads = known.among(points.feature[block], words) | known.among(points.appurtenance[block], words)
        lives[label[block][leads]] = True
    for ends in _edges_of(network, system):
        is_dead[ends] = True
    for block in blocks_of(len(points)):
        is_dead[block] &= ~lives[label[block]]
    return is_dead


def _of_parts(context: SetContext, check: SetCheck, system: str, label: Codes, is_dead: Mask) -> Iterator[Finding]:
    """Yield one finding for each part of the points that are dead, at its first point of this submission; none for what is published."""
    if not is_dead.any():
        return
    points, title = network_of(context).points, _title(context, system)
    sizes = np.zeros(len(points), np.int32)
    for block in blocks_of(len(points)):
        np.add.at(sizes, label[block][is_dead[block]], 1)
    own = (block[is_dead[block]] for block in points.blocks(context.staging.part))
    for index in _first_of_each(label, sizes > 0, own):
        count = int(sizes[label[index]])
        zh, en = f"{title.zh}：连通的 {count} 个点没有出口或来源", f"{title.en}: {count} connected points have no outlet or source"
        yield finding_at(check, points, index, Text(zh=zh, en=en), count)


def _first_of_each(label: Codes, is_wanted: Mask, blocks: Iterable[Numbers]) -> Iterator[int]:
    """Yield of ``blocks``, which are in order, the first that has each label that is wanted; these are crossed off ``is_wanted``."""
    for block in blocks:
        of = label[block]
        wanted = np.flatnonzero(is_wanted[of])
        first = np.unique(of[wanted], return_index=True)[1]
        is_wanted[of[wanted]] = False
        yield from block[wanted[np.sort(first)]].tolist()


def _runs(network: Network, sewers: Sequence[str]) -> Codes:
    """Return for each line the first of the run it belongs to, shape (lines,)."""
    points, lines = network.points, network.lines
    degrees, first = np.zeros(len(points), np.uint8), np.full(len(points), NONE, np.int32)
    for some in _sewers_of(network, sewers):
        count_ends(network.at[some], degrees)
    for block in network.survey.blocks(len(points)):
        degrees[block][points.appurtenance[block] != NONE] = 0  # at a shaft no run goes on
    labels = np.arange(len(lines), dtype=np.int32)
    for some in _sewers_of(network, sewers):
        unite_lines(labels, some, network.at[some], degrees, first)
    settle(labels)
    return labels


def _measures(network: Network, run: Codes, sewers: Sequence[str], part: int) -> tuple[Floats, Floats]:
    """Return the length (m) and the smallest diameter (mm, infinite where none is known) of each run, where its first line is.

    What is of the part is added first, so that sums are those of a submission that comes alone.
    """
    lines, files = network.lines, network.survey.files
    length_m = files.array((np.zeros(block.stop - block.start) for block in blocks_of(len(run))), np.float64)
    narrowest_mm = files.array((np.full(block.stop - block.start, np.inf) for block in blocks_of(len(run))), np.float64)
    for some in chain(_sewers_of(network, sewers, part), _sewers_of(network, sewers, part, is_other=True)):
        np.add.at(length_m, run[some], lines.length_m[some])
        np.fmin.at(narrowest_mm, run[some], lines.diameter_mm(some))
    return length_m, narrowest_mm


def _sewers_of(network: Network, sewers: Sequence[str], part: int | None = None, *, is_other: bool = False) -> Iterator[Numbers]:
    """Yield sewers in order, block by block: all, those of a part, or those of all others."""
    words, lines = network.survey.words, network.lines
    for block in network.survey.blocks(len(lines)):
        is_one = words.among(network.system[block], sewers)
        if part is not None:
            is_one &= (lines.part[block] == part) != is_other
        yield np.flatnonzero(is_one) + block.start


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
