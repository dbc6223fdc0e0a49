"""The attributes of the features of many lines: columns out of what was cut from their text, parsed only where that is not all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import numpy as np
import orjson
import pyarrow as pa

from ingest.readers.city_objects import ID, PARENT, PARTS, TYPE, FeatureRow, property_columns
from ingest.readers.cityjson_frame import Json
from ingest.readers.cityjson_makes import Told
from ingest.readers.cityjson_objects import CityFeature
from ingest.readers.json_arrays import ATTRIBUTES, EXTENT, CutLines
from ingest.readers.json_columns import json_column
from ingest.readers.member_columns import MemberColumns, member_columns

_OURS = frozenset({ID, TYPE, PARENT, PARTS, "address"})
"""Columns that go before attributes of the same name, or behind them."""
_NAME = "attributes"
_NONE = -1


class Taken(NamedTuple):
    """What was cut out of a feature's objects beside their geometries, by its number in the line."""

    arrays: Sequence[tuple[int, int]]
    """Number and kind of each."""
    attributes: int
    """The feature's own, -1 if they were not cut out."""
    parts: bool
    """Whether attributes of its parts are among them: those were parsed."""


def take_attributes(feature: CityFeature, cut: CutLines, first: int) -> Taken:
    """Return what was cut out of a feature's objects in a line whose first array is ``first``; ValueError if it is not UTF-8."""
    arrays: list[tuple[int, int]] = []
    own, parts = _NONE, False
    for k, (_, city_object) in enumerate(feature.members):
        extent, number = city_object.get("geographicalExtent"), city_object.get(_NAME)
        if type(extent) is int:
            arrays.append((extent, EXTENT))
        if type(number) is int:
            arrays.append((number, ATTRIBUTES))
            if k > 0:
                _give(city_object, cut.text_of(first + number))
                parts = True
            else:
                own = number
                assure_utf8(cut, first + number)
    return Taken(arrays, own, parts)


def assure_utf8(cut: CutLines, array: int) -> None:
    """Raise ValueError if attributes are not UTF-8."""
    text = cut.text_of(array)
    if not text.isascii():
        text.decode()


@dataclass
class CutAttributes:
    """The attributes of a batch of rows."""

    cut: CutLines
    arrays: list[int] = field(default_factory=list)
    """By row the array that its attributes are, -1 if they are among its properties."""
    are_all_cut: bool = True

    @staticmethod
    def of_makes(told: Told) -> CutAttributes:
        """Return those of lines that all are of known makes."""
        of_all = [m.attributes != _NONE or _OURS.issuperset(dict(m.properties)) for m in told.makes]
        return CutAttributes(told.cut, told.attributes.tolist(), bool(np.array(of_all)[told.make].all()))

    def add(self, array: int, properties: Mapping[str, object]) -> None:
        """Add a row whose attributes are an array, or of which ``properties`` are all."""
        self.arrays.append(array)
        self.are_all_cut = self.are_all_cut and (array != _NONE or _OURS.issuperset(properties))

    def leave_out(self, row: int) -> None:
        """Take note that a row has all its properties after all."""
        self.arrays[row], self.are_all_cut = _NONE, False

    def columns(self, rows: Sequence[FeatureRow]) -> Mapping[str, pa.Array]:
        """Return the properties of ``rows`` as columns, the same and in the same order as of rows that were parsed."""
        if (found := self._members()) is not None:
            own = property_columns([r.properties for r in rows])
            return _merged(*found, own, {name: next(k for k, r in enumerate(rows) if name in r.properties) for name in own})
        return property_columns([self._whole(r.properties, array) for r, array in zip(rows, self.arrays, strict=True)])

    def alike(self, told: Told) -> Mapping[str, pa.Array] | None:
        """Return the same of lines that all are `of_makes`; None where their columns are not had without their rows."""
        found = self._members()
        if found is None:
            return None
        own, first = told.properties()
        return _merged(*found, {name: json_column(texts) if name == PARTS else texts for name, texts in own.items()}, first)

    def _members(self) -> tuple[MemberColumns, Mapping[str, int]] | None:
        """Return the columns of members, and their first rows, where all attributes are cut out and have names of their own."""
        cut = self.cut
        if not self.are_all_cut:
            return None
        found, first = member_columns(cut.members, cut.text, cut.member_start, np.array(self.arrays, dtype=np.int64))
        return (found, first) if _OURS.isdisjoint(found) else None

    def _whole(self, properties: Mapping[str, object], array: int) -> Mapping[str, object]:
        """Return properties with attributes, as `properties_of` has them."""
        if array == _NONE:
            return properties
        attributes = orjson.loads(self.cut.text_of(array))
        return {**attributes, **{name: value for name, value in properties.items() if name != "address" or name not in attributes}}


def _give(city_object: Json, text: bytes) -> None:
    cast("dict[str, Any]", city_object)[_NAME] = orjson.loads(text)


def _merged(found: MemberColumns, first: Mapping[str, int], own: Mapping[str, pa.Array], own_first: Mapping[str, int]) -> MemberColumns:
    """Return columns of attributes and of all else in the order in which the rows bring them, the attributes of one first."""
    order = sorted([*((row, 0, name) for name, row in first.items()), *((own_first[name], 1, name) for name in own)], key=lambda o: o[:2])
    return replace(found, numbers={name: -1 if is_own else found.numbers[name] for _, is_own, name in order}, others=own)
