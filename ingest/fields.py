"""Source columns → the typed columns of a batch: conversion, sizes of pipes, defaults, templates, natural key."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.checks.values import FieldValues
from ingest.convert import convert, plain_text
from ingest.mapping import ColumnMapping, fields_of
from ingest.protocol import KEY_SEPARATOR, arrow_type
from ingest.sections import is_section_field, split_sections
from twin.model import FeatureType, Field


def field_columns(
    columns: Mapping[str, pa.Array],
    mapping: ColumnMapping,
    feature_type: FeatureType,
    length: int,
    factors: Mapping[str, float] = MappingProxyType({}),
    classifications: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, FieldValues]:
    """Return every field's column, valid_from and valid_to first; a field that no column feeds is null or its default.

    ``factors`` (field → factor) bring numbers of other units to those of their fields; ``classifications`` (column → id) say of which
    classification codes are, where that was found out.
    """
    names = {field: name for name, field in mapping.columns.items() if name in columns}
    sources = {field: columns[name] for field, name in names.items()}
    result = {f.name: _converted(f, sources.get(f.name), length, names.get(f.name, ""), classifications) for f in fields_of(feature_type)}
    for field in feature_type.fields:
        if is_section_field(feature_type, field.name) and field.name in sources:
            result |= _sections(field, sources[field.name], feature_type, result, factors.get(field.name, 1.0))
    for name, by in factors.items():
        result[name] = replace(result[name], values=pc.multiply(result[name].values, by))
    for field in feature_type.fields:
        result[field.name] = _with_default(result[field.name], result)
    for field in feature_type.fields:
        if field.template is not None:
            result[field.name] = _with_template(result[field.name], field.template, result)
    return result


def natural_key(columns: Mapping[str, FieldValues], feature_type: FeatureType) -> pa.Array:
    """Return the key fields joined by U+001F, null where one of them has no value or the type has no key."""
    length = len(columns["valid_from"].values)
    if not feature_type.natural_key:
        return pa.nulls(length, pa.string())
    parts = [_key_part(columns[name].values) for name in feature_type.natural_key]
    return pc.binary_join_element_wise(*parts, KEY_SEPARATOR)


def _key_part(values: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(plain_text(values))
    return pc.if_else(pc.equal(pc.binary_length(text), 0), pa.scalar(None, pa.string()), text)


def _converted(field: Field, source: pa.Array | None, length: int, column: str, classifications: Mapping[str, str]) -> FieldValues:
    if source is None:
        return FieldValues(field, pa.nulls(length, arrow_type(field.type)), np.zeros(length, dtype=bool), None)
    classification = classifications.get(column)
    converted = convert(source, field, column, classification)
    if not field.no_value:
        return FieldValues(field, converted.values, converted.bad, source, name=column, classification=classification)
    void = np.isin(converted.values.to_numpy(zero_copy_only=False), field.no_value)
    values = pc.if_else(pa.array(void), pa.scalar(None, converted.values.type), converted.values)
    return FieldValues(field, values, converted.bad, source, int(void.sum()), column)


def _sections(
    field: Field, source: pa.Array, feature_type: FeatureType, columns: Mapping[str, FieldValues], by: float
) -> dict[str, FieldValues]:
    """Return diameter, width and height read out of one column of sizes; widths of their own column go before.

    ``by`` brings width and height to their fields' unit; the diameter's turn comes with the other fields.
    """
    if pa.types.is_integer(source.type) or pa.types.is_floating(source.type):
        return {}
    diameter, width, height = split_sections(source)
    result = {field.name: replace(columns[field.name], values=diameter.values, bad=diameter.bad, source=source, voids=0)}
    for role, values in (("width", width), ("height", height)):
        own = columns[feature_type.recipe_fields[role]]
        result[own.field.name] = replace(own, values=pc.coalesce(own.values, pc.multiply(values, by)))
    return result


def _with_default(column: FieldValues, columns: Mapping[str, FieldValues]) -> FieldValues:
    field, values = column.field, column.values
    if field.default_by is None and field.default is None:
        return column
    unset = pc.and_(pc.is_null(values), pc.invert(pa.array(column.bad)))
    if field.default_by is not None:
        other, defaults = field.default_by
        keys = columns[other].values
        found = pc.index_in(keys, value_set=pa.array(list(defaults), keys.type))
        values = pc.if_else(unset, pa.array(list(defaults.values()), values.type).take(found), values)
        unset = pc.and_(pc.is_null(values), pc.invert(pa.array(column.bad)))
    if field.default is not None:
        values = pc.if_else(unset, pa.scalar(field.default, values.type), values)
    return replace(column, values=values)


def _with_template(column: FieldValues, template: str, columns: Mapping[str, FieldValues]) -> FieldValues:
    parts: list[pa.Array | str] = []
    for literal, name, _, _ in string.Formatter().parse(template):
        parts += [literal] if literal else []
        parts += [_key_part(columns[name].values)] if name else []
    made = pc.binary_join_element_wise(*parts, "")
    own = column.values
    blank = pc.fill_null(pc.equal(pc.binary_length(own), 0), True)
    return replace(column, values=pc.if_else(blank, made, own))
