"""Lines of one make: alike but for the identifier in their names. What was found of the first is true of all, and they are not parsed.

Without places, attributes and extents the lines of a city differ in little: in how many geometries there are, and of what. The identifier
in a line is taken for any text (`_IDENTIFIER`); with NUL in its places lines are compared. That is sound where the text stands in names of
objects only, all of its places in the line are counted, and nothing is escaped: names are put together of it in the same way in all lines
of a make then, and are equal to each other in the same cases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingest.readers.cityjson_frame import Json
from ingest.readers.cityjson_plan import Plan

_IDENTIFIER = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9_.:{}-]*[0-9][A-Za-z0-9_.:{}-]*)"')
"""Written in JSON as it is; with a digit, so that no word of CityJSON has it in it."""
_MOST, _MOST_BYTES = 1000, 4096
"""Makes that are kept, and the length of a line of such: so few megabytes at most."""
_HERE = "\0"


class Make(NamedTuple):
    """What all lines of a make have in common."""

    plan: Plan
    attributes: int
    """The array in the line that is the attributes of its feature, -1 for none."""
    properties: Sequence[tuple[str, str]]
    """With NUL for the identifier."""

    def properties_of(self, identifier: str) -> Mapping[str, object]:
        """Return what is said of the feature of a line beside its attributes."""
        return {name: value.replace(_HERE, identifier) for name, value in self.properties}


class Seen(NamedTuple):
    """A line as it is compared."""

    key: bytes
    identifier: str


def seen(skeleton: bytes) -> Seen | None:
    """Return how a line is compared; None where it is parsed."""
    match = _IDENTIFIER.search(skeleton) if len(skeleton) <= _MOST_BYTES else None
    if match is None or b"\0" in skeleton or b"\\" in skeleton:
        return None
    return Seen(skeleton.replace(match[1], b"\0"), match[1].decode())


class Makes:
    """Those of one layer."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[bytes, Make] = {}

    def of(self, line: Seen | None) -> Make | None:
        """Return the make of a line, if one like it was noted."""
        return None if line is None else self._known.get(line.key)

    def note(self, line: Seen | None, content: Json, plan: Plan, attributes: int, properties: Mapping[str, object]) -> None:
        """Note what was found of a line whose only text that was not parsed are ``attributes``; not if its identifier is in other texts."""
        if line is None or len(self._known) >= _MOST or plan.says_more or line.key.count(b"\0") != _in_names(content, line.identifier):
            return
        texts = [(name, value) for name, value in properties.items() if isinstance(value, str) and _HERE not in value]
        if len(texts) == len(properties):
            templates = tuple((name, value.replace(line.identifier, _HERE)) for name, value in texts)
            self._known[line.key] = Make(plan, attributes, templates)


def _in_names(content: Json, identifier: str) -> int:
    """Return how often a text is in the names of objects, wherever they are named."""
    names = [content.get("id")]
    for name, city_object in content["CityObjects"].items():
        names += [name, *(city_object.get("children") or ()), *(city_object.get("parents") or ())]
    return sum(name.count(identifier) for name in names if isinstance(name, str))
