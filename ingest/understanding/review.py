"""What a person should look at before a layer is taken as it was understood: doubts that values raise and nobody has answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.classifications import CODES_DOUBTFUL
from ingest.understanding.crs import PACKED_CODE
from ingest.understanding.evidence import LIKELY, Evidence
from ingest.understanding.heights import DEPLOYMENT
from ingest.understanding.layer import Understanding
from twin.errors import Text
from twin.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class Answered:
    """What has been declared of a layer, so that its evidence asks nothing any more."""

    crs: bool = False
    axes: bool = False
    vertical: bool = False
    encoding: bool = False
    units: frozenset[str] = frozenset()
    """Columns whose unit, or whose classification of codes, is declared."""


def doubts(known: Understanding, layer: str, answered: Answered) -> tuple[Finding, ...]:
    """Return a finding for review for every aspect that is not as the file says, or that it does not say, unless it is answered."""
    found = doubtful(known, answered)
    return tuple(Finding(rule, Severity.REVIEW, None, _said(e), layer, value=e.stated, proposal=e.value) for rule, e in found)


def doubtful(known: Understanding, answered: Answered) -> Iterator[tuple[str, Evidence]]:
    """Yield every aspect of a layer that is in doubt and not answered, with the rule it is a finding of."""
    yield from _of_crs(known.crs, is_answered=answered.crs)
    if known.axes is not None and known.axes.gainsays and not answered.axes:
        yield "axes-doubtful", known.axes
    vertical = known.vertical
    if vertical is not None and vertical.value not in (None, DEPLOYMENT) and not answered.vertical:
        yield "vertical-doubtful", vertical
    if known.encoding is not None and known.encoding.gainsays and not answered.encoding:
        yield "encoding-doubtful", known.encoding
    for e in known.units:
        if e.gainsays and e.subject not in answered.units:
            if e.aspect == "codes":
                yield CODES_DOUBTFUL, e
            elif e.confidence >= LIKELY:
                yield "unit-doubtful", e


def _said(e: Evidence) -> Text:
    return e.text if e.subject is None else Text(f"{e.subject}：{e.text.zh}", f"{e.subject}: {e.text.en}")


def _of_crs(crs: Evidence, *, is_answered: bool) -> Iterator[tuple[str, Evidence]]:
    if crs.code == PACKED_CODE:  # no CRS answers that
        yield PACKED_CODE, crs
    elif is_answered:
        return
    elif crs.code == "crs-obfuscated":
        yield "crs-obfuscated", crs
    elif crs.gainsays:
        yield "crs-doubtful", crs
    elif crs.stated is None and crs.value is not None:
        yield "crs-undeclared", crs
