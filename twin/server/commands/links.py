"""`twin links`: how the references between departments' data are answered."""

from __future__ import annotations

import argparse

from twin.errors import TwinError
from twin.model import Principal
from twin.query.collection import collections_of
from twin.query.links import ReferenceCount, count_references
from twin.server.city import open_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal


def links(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """List every reference with its counts; an error when a link leads nowhere."""
    with open_city(settings) as city:
        found = count_references(city.pool, tuple(collections_of(city.catalogue).values()), Principal.system())
    for count in found:
        if not terminal.json_output:
            terminal.print(_line(count))
    terminal.result({"references": [_row(count) for count in found]})
    if any(count.dangling for count in found):
        raise TwinError("there are links that lead nowhere", zh="存在悬空的关联").with_code("dangling-links")


def _line(count: ReferenceCount) -> str:
    reference = f"{count.collection.slug}.{count.field} → {count.reference.type}"
    return f"{reference:<60} {count.values:>9,}  {count.linked:>9,}  {count.dangling:>6,}"


def _row(count: ReferenceCount) -> dict[str, object]:
    return {
        "dataset": count.collection.slug,
        "field": count.field,
        "type": count.reference.type,
        "values": count.values,
        "linked": count.linked,
        "dangling": count.dangling,
    }
