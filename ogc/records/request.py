"""What a request for records asks: words, place, time, types, ids, a filter, an order, facets (20-004r1, clause 7.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ogc.degree_boxes import Box, boxes_meet, degree_box
from ogc.parameters import FILTER, bad_parameter, filter_of, page_limit, validity_of, whole_number
from ogc.records.record import Record
from twin.errors import BadRequestError
from twin.query.feature_query import Validity
from twin.query.filter_ast import Predicate
from twin.query.records import filter_target, record_type

FACETS = ("owner_department", "source_platform", "sharing", "update_cycle", "freshness", "cim_class", "feature_type")
SORTABLES = ("id", "title", "created", "updated", "owner_department", "count", "revision", "errors", "next_due")
QUERYABLES = frozenset(f.name for f in record_type().fields) - {"type"}
"""Properties whose name is a query parameter, besides ``type``, which takes a list."""
PARAMETERS = FILTER | QUERYABLES | {"limit", "offset", "q", "bbox", "datetime", "type", "ids", "externalIds", "sortby", "facets"}
_ORDERS = frozenset({"value_asc", "value_desc", "count_asc", "count_desc"})
_DEFAULT_BUCKETS, _MOST_BUCKETS, _MOST_WORDS = 10, 1000, 20
MOST_OFFSET = 10**9
"""Records that may be passed over."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A property whose values are counted, at most how many of them are told, and in which order."""

    property: str
    most: int = _DEFAULT_BUCKETS
    order: str = "count_desc"


@dataclass(frozen=True, slots=True)
class RecordsRequest:
    """Which records are wanted, in which order, from which on."""

    words: tuple[str, ...]
    box: Box | None
    validity: Validity | None
    types: frozenset[str] | None
    ids: frozenset[str] | None
    external_ids: frozenset[str] | None
    filter: Predicate | None
    order: tuple[tuple[str, bool], ...]
    """Properties and whether the greatest comes first."""
    facets: tuple[Facet, ...]
    limit: int
    offset: int

    def selects(self, record: Record) -> bool:
        """Return whether a record is wanted, its filter apart."""
        return (
            (not self.words or any(word in record.searched_text() for word in self.words))
            and (self.types is None or "dataset" in self.types)
            and (self.ids is None or record.id in self.ids)
            and (self.external_ids is None or bool(self.external_ids & _external_ids(record)))
            and self._is_there(record)
            and self._is_then(record)
        )

    def ordered(self, rows: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
        """Return rows in the order asked for, those without a value last; by id where nothing else decides."""
        made = sorted(rows, key=lambda row: str(row["id"]))
        for name, descending in reversed(self.order):
            held = sorted((row for row in made if row[name] is not None), key=lambda row: _sort_key(row[name]), reverse=descending)
            made = [*held, *(row for row in made if row[name] is None)]
        return made

    def _is_there(self, record: Record) -> bool:
        extent = record.collection.revision.extent_deg
        return self.box is None or (extent is not None and boxes_meet(extent, self.box))

    def _is_then(self, record: Record) -> bool:
        if self.validity is None or record.span is None:  # what says nothing of its time holds at any, as a feature does
            return True
        return record.span.meets(self.validity.first, self.validity.last)


def records_request(given: Mapping[str, str]) -> RecordsRequest:
    """Return what the parameters of a request for records ask; BadRequestError for a value that makes no sense."""
    return RecordsRequest(
        words=_words(given.get("q")),
        box=degree_box(given.get("bbox")),
        validity=validity_of(given.get("datetime")),
        types=_list(given, "type"),
        ids=_list(given, "ids"),
        external_ids=_list(given, "externalIds"),
        filter=filter_of({name: value for name, value in given.items() if name in FILTER | QUERYABLES}, filter_target(), QUERYABLES),
        order=_order(given.get("sortby")),
        facets=_facets(given.get("facets")),
        limit=page_limit(given.get("limit")),
        offset=_offset(given.get("offset", "0")),
    )


def _words(text: str | None) -> tuple[str, ...]:
    """Return the terms, of which one is enough; those of a term are looked for as they stand."""
    if text is None:
        return ()
    words = tuple(" ".join(word.split()).casefold() for word in text.split(",") if word.strip())
    if not words or len(words) > _MOST_WORDS:
        raise bad_parameter("q")
    return words


def _list(given: Mapping[str, str], name: str) -> frozenset[str] | None:
    return frozenset(part.strip() for part in given[name].split(",")) if name in given else None


def _order(text: str | None) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    found = tuple((part.lstrip("+- "), part.startswith("-")) for part in text.split(","))
    for name, _ in found:
        if name not in SORTABLES:
            raise BadRequestError(f"records are not sorted by {name[:40]!r}", zh=f"不能按 {name[:40]!r} 排序").with_code("bad-sortby")
    return found


def _facets(text: str | None) -> tuple[Facet, ...]:
    if text is None:
        return ()
    made = []
    for part in text.split(","):
        name, count, order, *rest = [*part.split(":"), "", ""] if part.count(":") < 2 else part.split(":")
        most = whole_number(count) if count else _DEFAULT_BUCKETS
        if name not in FACETS or any(rest) or most is None or (order and order not in _ORDERS):
            raise bad_parameter("facets")
        made.append(Facet(name, min(most, _MOST_BUCKETS), order or "count_desc"))
    return tuple(made)


def _offset(text: str) -> int:
    offset = whole_number(text, MOST_OFFSET)
    if offset is None:
        raise bad_parameter("offset")
    return offset


def _external_ids(record: Record) -> frozenset[str]:
    oid = record.collection.oid_prefix.rstrip(".")
    return frozenset({oid, f"urn:oid:{oid}"})


def _sort_key(value: object) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))
