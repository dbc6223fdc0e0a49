"""Compiled loops, as `twin.kernel` makes them."""

from __future__ import annotations

from twin.kernel import kernel

__all__ = ["kernel"]
