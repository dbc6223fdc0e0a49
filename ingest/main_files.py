"""Which of several files are read for themselves, and which lie beside one that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from ingest.readers.mapinfo import MIF_MEMBERS, TAB_MEMBERS
from ingest.readers.shapefile import MEMBERS

_SIDECARS: Mapping[str, frozenset[str]] = {
    ".shp": frozenset({*MEMBERS, ".sbn", ".sbx", ".qix", ".xml", ".qpj", ".qmd"}),
    ".tab": frozenset(TAB_MEMBERS),
    ".mif": frozenset(MIF_MEMBERS),
}
"""What lies beside a file and is read with it, or by nobody: of programs that keep their own notes there."""


def main_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are read for themselves: all but the sidecars of a Shapefile and of a MapInfo table."""
    mains = {(p.suffix.casefold(), p.stem.casefold()) for p in paths if p.suffix.casefold() in _SIDECARS}

    def is_sidecar(path: PurePath) -> bool:
        suffix = path.suffix.casefold()
        stem = path.stem.casefold().removesuffix(".shp")  # a.shp.xml and a.shp.cpg are called so too
        return any(suffix in beside and suffix != main and (main, stem) in mains for main, beside in _SIDECARS.items())

    return [p for p in paths if not is_sidecar(p)]
