"""Lines of tables whose ends are published and not handed in again: the reader names those ends, and reads with their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain
from typing import cast

import numpy as np
from psycopg import sql

from ingest.ends_elsewhere import LONGEST_NAME, MOST_NAMES, EndsElsewhere, EndsWanted, PublishedPoint
from ingest.protocol import Message, PartRequest, ReadRequest
from ingest.refusals import rejected
from ingest.request import LoadRequest, Workplace
from twin.catalogue import Catalogue
from twin.db import load_queries, translated
from twin.errors import TwinError
from twin.model import Check, Dataset, FeatureType, SharingClass
from twin.tables import current_table

_QUERIES = load_queries("ingest", "published_ends.sql")
_GROUND = "ground_elevation_m"
_ONE_PLACE_M = 0.01
"""Points of one name nearer to each other than that are in one place."""


def may_be_published(catalogue: Catalogue, request: LoadRequest, parts: Sequence[PartRequest]) -> bool:
    """Return whether lines among ``parts`` may end at points that are published and stay: not where all points are handed in anew."""
    given = {part.feature_type for part in request.parts}
    checks = [check for part in parts if (check := _ends_of(part.feature_type)) is not None]
    wanted = {str(c.parameters["type"]) for c in checks if request.mode != "replace" or c.parameters["type"] not in given}
    return any(_published(catalogue, request, parts, name) for name in wanted)


@contextmanager
def answered(place: Workplace, request: LoadRequest, asked: ReadRequest) -> Iterator[Iterator[Message]]:
    """Have what a file gives for the block; where it first asks for ends of lines, it is read anew with the published points it named.

    RejectedError ``parser-nonsense`` for a reader that asks where it may not, for too much, or again.
    """
    with closing(place.read(asked)) as messages:
        first = next(messages, None)
        if not isinstance(first, EndsWanted):
            yield _rows(messages if first is None else chain([first], messages))
            return
        is_more = next(messages, None) is not None or len(first.names) > MOST_NAMES or any(len(n) > LONGEST_NAME for n in first.names)
        if is_more or not asked.ends.may_ask:
            raise _nonsense()
    told = replace(asked, ends=points_called(place.catalogue, request, asked.parts, first.names))
    with closing(place.read(told)) as messages:
        yield _rows(messages)


def points_called(catalogue: Catalogue, request: LoadRequest, parts: Sequence[PartRequest], names: Sequence[str]) -> EndsElsewhere:
    """Return the published points that are called by one of ``names``.

    Numbers are of one survey only: points of datasets of the request, and of those in which published lines of the lines' own datasets
    end, go before those of the same department, and these before any others; which are doubtful is said.
    """
    called = [name for name in names if "\0" not in name and name == name.encode("utf-8", "ignore").decode("utf-8")]
    points: dict[str, PublishedPoint] = {}
    ambiguous: set[str] = set()
    checks = [check for part in parts if (check := _ends_of(part.feature_type)) is not None]
    for type_name, field in sorted({(str(c.parameters["type"]), str(c.parameters["field"])) for c in checks}):
        own, of_department, others = _groups(catalogue, request, parts, type_name)
        for group in (own, of_department, others):
            left = [name for name in called if name not in points and name not in ambiguous]
            found = [(p, dataset) for dataset in group for p in _points(catalogue, dataset, field, left)] if left else []
            for point, dataset in found:
                told = point if group is own else replace(point, doubtful=dataset.slug)
                if not _in_one_place(points.setdefault(point.name, told), point):
                    ambiguous.add(point.name)
    return EndsElsewhere(points=tuple(p for name, p in points.items() if name not in ambiguous), ambiguous=tuple(sorted(ambiguous)))


def _groups(
    catalogue: Catalogue, request: LoadRequest, parts: Sequence[PartRequest], type_name: str
) -> tuple[list[Dataset], list[Dataset], list[Dataset]]:
    """Return the datasets of points that lines among ``parts`` may end in: their own, those of their department, and the others."""
    datasets = _published(catalogue, request, parts, type_name)
    given = {part.dataset for part in request.parts}
    lines = [d for d in catalogue.datasets() if d.slug in {part.dataset for part in parts} and d.feature_type != type_name]
    departments = {d.owner_department for d in lines if d.owner_department}
    own = [d for d in datasets if d.slug in given or any(_ends_in(catalogue, line, d) for line in lines)]
    near = [d for d in datasets if d not in own and d.owner_department in departments]
    return own, near, [d for d in datasets if d not in own and d not in near]


def _ends_in(catalogue: Catalogue, lines: Dataset, points: Dataset) -> bool:
    """Return whether a published line ends at a point that it names."""
    line_type, point_type = catalogue.feature_type(lines.feature_type), catalogue.feature_type(points.feature_type)
    check = _ends_of(line_type)
    if check is None or check.parameters["type"] != point_type.name:
        return False
    queries = [
        _QUERIES["ends_in"].format(
            lines=current_table(line_type.name, lines.id),
            points=current_table(point_type.name, points.id),
            name=_column(point_type, str(check.parameters["field"])),
            end=_column(line_type, str(end)),
        )
        for end in cast("Sequence[str]", check.parameters["fields"])
    ]
    with translated(), catalogue.pool.connection() as connection:
        return any((row := connection.execute(q, {"near_m": _ONE_PLACE_M}).fetchone()) is not None and row[0] for q in queries)


def _column(feature_type: FeatureType, field: str) -> sql.Identifier:
    return sql.Identifier("natural_key" if feature_type.natural_key == (field,) else field)


def _points(catalogue: Catalogue, dataset: Dataset, field: str, names: Sequence[str]) -> Iterator[PublishedPoint]:
    feature_type = catalogue.feature_type(dataset.feature_type)
    query = _QUERIES["points_called"].format(
        name=_column(feature_type, field),
        ground=sql.Identifier(_GROUND) if _GROUND in feature_type.field_names else sql.SQL("NULL::float8"),
        table=current_table(feature_type.name, dataset.id),
    )
    with translated(), catalogue.pool.connection() as connection:
        for name, x, y, ground in connection.execute(query, {"names": list(names)}).fetchall():
            yield PublishedPoint(str(name), float(x), float(y), None if ground is None else float(ground))


def _in_one_place(one: PublishedPoint, other: PublishedPoint) -> bool:
    return bool(np.hypot(one.x - other.x, one.y - other.y) <= _ONE_PLACE_M)


def _rows(messages: Iterator[Message]) -> Iterator[Message]:
    for message in messages:
        if isinstance(message, EndsWanted):
            raise _nonsense()
        yield message


def _nonsense() -> TwinError:
    return rejected("parser-nonsense", "The reader sent something that is not of the protocol.", "读取进程返回了不合协议的内容。")


def _published(catalogue: Catalogue, request: LoadRequest, parts: Sequence[PartRequest], type_name: str) -> list[Dataset]:
    """Return the datasets of a type that may be seen by all who may see the lines among ``parts``: a line tells where its ends are."""
    lines = [part.dataset for part in parts if (check := _ends_of(part.feature_type)) and check.parameters["type"] == type_name]
    known = catalogue.sharing_of(lines)
    closest = min((_closeness(known.get(slug, request.sharing)) for slug in lines), default=0)
    return [d for d in catalogue.datasets() if d.feature_type == type_name and _closeness(d.sharing) <= closest]


def _closeness(sharing: SharingClass) -> int:
    return list(SharingClass).index(sharing)


def _ends_of(feature_type: FeatureType) -> Check | None:
    """Return the check that says which points lines end at."""
    return next((c for c in feature_type.checks if c.rule == "node-exists" and feature_type.geometry_type == "LineString"), None)
