"""What was understood of the layers of files before they are read, brought to the parts that a request makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.request import PartSpec, is_meant
from ingest.understanding.evidence import Evidence
from ingest.understanding.layer import Understanding
from ingest.understanding.review import Answered, doubtful, doubts


@dataclass(frozen=True, slots=True)
class KnownLayer:
    """A layer that was looked into."""

    file: str
    layer: str
    feature_type: str | None
    """What it was held for, and its units and heights with it."""
    understanding: Understanding


def layer_of(part: PartSpec, layers: Sequence[KnownLayer]) -> KnownLayer | None:
    """Return the layer a part means: where it says so, else the one of its type, else the only one; None when none or several may be."""
    own = [known for known in layers if is_meant(part.file, part.layer, known.file, known.layer)]
    alike = [known for known in own if known.feature_type == part.feature_type]
    return next(iter(alike or (own if len(own) == 1 else [])), None)


def with_doubts(part: PartSpec, layers: Sequence[KnownLayer], crs: str | None, vertical: str | None) -> PartSpec:
    """Return a part with the doubts about its layer that it does not answer, nor ``crs`` and ``vertical`` as declared for all files."""
    known = layer_of(part, layers)
    if known is None:
        return part
    found = doubts(_of_type(known, part.feature_type), known.layer, _answered(part, crs, vertical))
    return replace(part, reading=replace(part.reading, doubts=found))


def questions(
    part: PartSpec, layers: Sequence[KnownLayer], crs: str | None, vertical: str | None
) -> tuple[tuple[KnownLayer, str, Evidence], ...]:
    """Return what `with_doubts` has as findings by what it is about: the layer, the rule and the evidence."""
    known = layer_of(part, layers)
    if known is None:
        return ()
    return tuple((known, rule, e) for rule, e in doubtful(_of_type(known, part.feature_type), _answered(part, crs, vertical)))


def _answered(part: PartSpec, crs: str | None, vertical: str | None) -> Answered:
    return Answered(
        crs=(part.reading.crs or crs) is not None,
        axes=part.reading.axes is not None,
        vertical=(part.reading.vertical or vertical) is not None or part.reading.height_offset_m != 0.0,
        encoding=part.reading.encoding is not None,
        units=frozenset(column for column, _ in part.reading.units),
    )


def _of_type(known: KnownLayer, feature_type: str) -> Understanding:
    """Return what is understood of a layer that is read as a type.

    As another than it was held for its columns feed other fields: doubts about units and heights say nothing then.
    """
    return known.understanding if known.feature_type == feature_type else replace(known.understanding, units=(), vertical=None)
