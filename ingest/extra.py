"""Unmapped source columns as one JSON object per row, built column-wise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.json_texts import in_jsonb_order, json_texts
from ingest.readers.member_columns import MemberColumns


def extra_of(columns: Mapping[str, pa.Array], names: Sequence[str], more: Mapping[str, pa.Array], length: int) -> pa.Array:
    """Return `extra_column` of the columns that are named and of ``more``."""
    if isinstance(columns, MemberColumns):
        return columns.objects(names, more)
    return extra_column({n: columns[n] for n in names} | dict(more), length)


def extra_column(columns: Mapping[str, pa.Array], length: int) -> pa.Array:
    """Return a string column with the non-null values of each row as a JSON object, `in_jsonb_order`, null where all are null."""
    if not columns:
        return pa.nulls(length, pa.string())
    joined = pc.binary_join_element_wise(*(_members(name, columns[name]) for name in in_jsonb_order(columns)), "")
    objects = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, start=1), "}", "")
    return pc.if_else(pc.equal(pc.binary_length(joined), 0), pa.scalar(None, pa.string()), objects)


def _members(name: str, array: pa.Array) -> pa.Array:
    """Return ``,"name":value`` for each value, empty for null (Arrow's join with ``skip`` loses rows when given one column)."""
    key = "," + orjson.dumps(name.replace("\0", "")).decode() + ":"
    return pc.fill_null(pc.binary_join_element_wise(key, json_texts(array), ""), "")
