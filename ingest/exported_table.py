"""A table of a database, as it is handed to the reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """A table of a database that a confined program printed as CSV (UTF-8) before the child began."""

    source: Path
    """The database; of one in an archive, the archive's path and below it where the database stands in it."""
    name: str
    path: Path
