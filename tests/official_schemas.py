"""The published schemas and examples that our documents are held to (OGC APIs, 3D Tiles, CityJSON), where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("TWIN_SCHEMAS") or Path(__file__).parents[2] / "shared" / "schemas")


def official(*parts: str) -> Path:
    """Return the path of a schema or a folder of them; the test that asks is skipped where it is not at hand."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip("no official schemas here: set TWIN_SCHEMAS to their folder")
    return path
