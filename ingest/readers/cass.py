"""Codes that 南方 CASS writes into the extended data of its drawings, and which FeatureType they speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from twin.errors import Text

APPLICATION = "SOUTH"
_CODES = Path(__file__).with_name("cass_codes.yaml")


@dataclass(frozen=True, slots=True)
class CassCode:
    """What codes with one beginning mean."""

    prefix: str
    feature_type: str
    confidence: Literal["high", "low"]
    title: Text


def code_of(extended: Mapping[str, Sequence[str]]) -> str | None:
    """Return the CASS code among an entity's extended data: the first text of its application SOUTH."""
    return next((text.strip() for text in extended.get(APPLICATION, ()) if text.strip()), None)


@cache
def meaning_of(code: str) -> CassCode | None:
    """Return what a code means by the longest prefix that is known; None for the others and for parts of a feature (141101-2)."""
    if "-" in code:
        return None
    return max((c for c in cass_codes() if code.startswith(c.prefix)), key=lambda c: len(c.prefix), default=None)


@cache
def cass_codes() -> tuple[CassCode, ...]:
    """Return the codes of ``cass_codes.yaml``."""
    entries = yaml.safe_load(_CODES.read_text("utf-8"))["codes"]
    return tuple(CassCode(e["prefix"], e["feature_type"], e["confidence"], Text(e["title"]["zh"], e["title"]["en"])) for e in entries)
