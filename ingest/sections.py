"""The size of a pipe as surveys write it: "300", "DN300", "Φ300", "800X600", "1200×800mm"."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pyarrow as pa

from ingest.convert import Converted, plain_text
from twin.model import FeatureType

_ROUND = re.compile(r"(?:DN|DE|D|Φ|Ф|Ø|∅|φ)?\s*=?\s*(\d+(?:\.\d+)?)\s*(?:MM)?", re.IGNORECASE)
_BOX = re.compile(r"(\d+(?:\.\d+)?)\s*(?:MM)?\s*[X×*✕╳]\s*(\d+(?:\.\d+)?)\s*(?:MM)?", re.IGNORECASE)


def is_section_field(feature_type: FeatureType, name: str) -> bool:
    """Return whether field ``name`` may hold a box's width and height instead of a diameter."""
    roles = feature_type.recipe_fields
    return feature_type.recipe == "tube" and roles.get("diameter") == name and {"width", "height"} <= roles.keys()


def split_sections(array: pa.Array) -> tuple[Converted, pa.Array, pa.Array]:
    """Return (diameter, width, height) in the unit written: diameter where one number is given, the others where two are."""
    distinct = plain_text(array).dictionary_encode()
    parsed = [parse_section(text) for text in distinct.dictionary.to_pylist()]
    bad = np.array([p is None for p in parsed], dtype=bool)
    columns = [pa.array([p[i] if p else None for p in parsed], pa.float64()).take(distinct.indices) for i in range(3)]
    indices = distinct.indices.fill_null(0).to_numpy(zero_copy_only=False)
    flags = bad[indices] & np.asarray(array.is_valid()) if len(bad) else np.zeros(len(array), dtype=bool)
    return Converted(columns[0], flags), columns[1], columns[2]


def parse_section(text: str) -> tuple[float | None, float | None, float | None] | None:
    """Return (diameter, width, height) of one size; None when it is not one.

    >>> parse_section("DN300"), parse_section("800X600"), parse_section("?")
    ((300.0, None, None), (None, 800.0, 600.0), None)
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        return None, None, None
    box = _BOX.fullmatch(plain)
    if box is not None:
        return None, float(box[1]), float(box[2])
    round_ = _ROUND.fullmatch(plain)
    return (float(round_[1]), None, None) if round_ is not None else None
