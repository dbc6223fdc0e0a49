"""Rules over whole surveys, made to go through a few rows as through millions: columns lie in files, ends are looked at a few at a time."""

from __future__ import annotations

import pytest

from ingest import mapped_columns
from ingest.set_rules import network, survey


def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a few rows count as many for the rest of a test."""
    for module, name, value in (
        (mapped_columns, "_IN_MEMORY_BYTES", 0),
        (mapped_columns, "_PENDING_BYTES", 0),
        (survey, "BLOCK", 7),
        (survey, "_NAMES_A_SHARE", 60),
        (network, "ENDS_AT_A_TIME", 5),
        (network, "ENDS_KEPT", 5),
    ):
        monkeypatch.setattr(module, name, value)
