"""Asking every rule over all rows about every part of a submission; rows of errors are removed before the next rule is asked."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import batched

import numpy as np

from ingest.freed_memory import give_back_freed_memory
from ingest.set_rules.context import SetCheck, SetContext, checks_of
from ingest.set_rules.network import NetworkOnce
from ingest.set_rules.registry import OF_WHOLE_NETWORKS, SET_RULES, SetRule
from ingest.set_rules.survey import Survey
from ingest.tally import Tally
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.errors import Text
from twin.model import Finding, Severity
from twin.rules.loader import load_rules
from twin.rules.rule import Rule

_AT_A_TIME = 10_000
_MANY_ROWS = 100_000
"""Reading fewer leaves no memory behind that is worth the milliseconds of giving it back."""
_VERY_MANY_ROWS = 1_000_000
"""Likewise of what a rule leaves behind for the next."""
_REJECTED_AT_A_TIME = 500_000
"""Each time all rows are looked at: few times, and no list of ten million numbers."""
_PLACES_LOOKED_AT = 200
"""Findings whose rows are looked at, far apart in a large survey, before pages are given back."""


def ask_rules(
    connection: Connection,
    catalogue: Catalogue,
    tallies: Mapping[str, Tally],
    say: Callable[[Text], None],
    rules: Mapping[str, SetRule] = SET_RULES,
    before_removal: Callable[[], None] = lambda: None,
) -> None:
    """Note what every rule of ``rules`` finds among staged rows, and remove the rows of its errors; ``say`` is told the rule.

    ``before_removal`` is called when findings are noted and their rows are still there.
    """
    rows = sum(t.copied for t in tallies.values())
    if rows > _MANY_ROWS:
        give_back_freed_memory()
    stagings = [t.staging for t in tallies.values()]
    distinct = {slug: tally.distinct for slug, tally in tallies.items()}
    survey, network = Survey({t.staging.part: t.survey for t in tallies.values()}), NetworkOnce()
    if rows > _MANY_ROWS:
        give_back_freed_memory()
    unanswered: dict[str, list[SetCheck]] = {}
    kept: dict[int, tuple[str, ...]] = {}
    taken: dict[int, int] = {}
    is_edit = any(s.edited is not None for s in stagings)
    for rule, find in rules.items():
        if is_edit and rule in OF_WHOLE_NETWORKS:
            continue
        _keep_keys(kept, taken, tallies.values())
        if any(True for t in tallies.values() for _ in checks_of(t.staging.feature_type, rule)):
            say(_asked(load_rules()[rule]))
        for slug, tally in tallies.items():
            context = SetContext(
                connection, tally.staging, stagings, kept, catalogue, survey, distinct[slug], frozenset(tally.given), network
            )
            for check in checks_of(tally.staging.feature_type, rule):
                if _missing_types(context, check):
                    unanswered.setdefault(slug, []).append(check)
                    continue
                _note(connection, tally, survey, _letting_go(survey, find(context, check)), before_removal)
                survey.let_go()
                if rows > _VERY_MANY_ROWS:
                    give_back_freed_memory()
    for slug, checks in unanswered.items():
        context = SetContext(connection, tallies[slug].staging, stagings, {}, catalogue, survey)
        tallies[slug].note_staged(_unanswered(context, checks))


def _letting_go(survey: Survey, found: Iterable[Finding]) -> Iterator[Finding]:
    for some in batched(found, _PLACES_LOOKED_AT):
        yield from some
        survey.let_go()


def _asked(rule: Rule) -> Text:
    return Text(zh=f"检查：{rule.title.zh}（{rule.id}）", en=f"checking: {rule.title.en} ({rule.id})")


def _keep_keys(kept: dict[int, tuple[str, ...]], taken: dict[int, int], tallies: Iterable[Tally]) -> None:
    """Keep, by dataset, the keys of the rows rejected so far, where any have come since; of a first load none, for nothing is published."""
    for tally in tallies:
        dataset, count = tally.staging.dataset.id, tally.rejected_keys.taken
        if not tally.staging.first_load and taken.get(dataset, 0) != count:
            kept[dataset], taken[dataset] = tuple(tally.rejected_keys), count


def _missing_types(context: SetContext, check: SetCheck) -> frozenset[str]:
    """Return the FeatureTypes the rule compares with and of which there is nothing."""
    known = context.catalogue.feature_types()
    return frozenset(name for name in check.rule.needs if name in known and not context.has_any(name))


def _unanswered(context: SetContext, checks: Sequence[SetCheck]) -> Iterator[Finding]:
    """Yield one finding for the rules that could not be asked because the city has nothing of what they compare with."""
    missing = sorted({name for check in checks for name in _missing_types(context, check)})
    titles = [context.catalogue.feature_type(name).title for name in missing]
    rules = ", ".join(dict.fromkeys(check.rule.id for check in checks))
    zh = f"尚无{'、'.join(t.zh for t in titles)}数据集，未检查 {rules}"
    en = f"there is no dataset of {', '.join(t.en for t in titles)}: {rules} were not asked"
    yield Finding("not-checked", Severity.INFO, None, Text(zh=zh, en=en))


def _note(connection: Connection, tally: Tally, survey: Survey, found: Iterable[Finding], before_removal: Callable[[], None]) -> None:
    """Note findings as they come, then remove the rows of those that reject: until the last has come the query is still running."""
    rejected = array("q")
    for some in batched(found, _AT_A_TIME):
        findings = tally.judged(some)
        tally.note_staged(findings)
        rejected.extend(f.row for f in findings if f.rejects and f.row is not None)
    if rejected:
        before_removal()
        rows = np.unique(np.frombuffer(rejected, np.int64))
        for start in range(0, len(rows), _REJECTED_AT_A_TIME):
            connection.execute(tally.staging.query("reject_rows"), {"rows": rows[start : start + _REJECTED_AT_A_TIME].tolist()})
        survey.forget(tally.staging.part, rows)
