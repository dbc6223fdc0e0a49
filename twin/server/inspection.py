"""What uploaded files are: looked at in the sandbox, under their own names, and proposed as FeatureTypes and datasets."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from ingest.proposals import Proposal, propose
from ingest.protocol import Limits
from ingest.readers.shapefile import MEMBERS
from ingest.sandbox import inspect_file
from twin.catalogue import Catalogue
from twin.errors import TwinError
from twin.server.city import City
from twin.server.uploads import StoredFile
from twin.store import FolderStore

INSPECTION = Limits(wall_s=60.0, cpu_s=60)
"""A person waits for this; what takes longer is proposed nothing and may be checked all the same."""
_TOO_SLOW = frozenset({"parser-timeout", "parser-memory"})
Json = Mapping[str, object]


@contextmanager
def laid_out(data_dir: Path, store: FolderStore, files: Sequence[StoredFile]) -> Iterator[tuple[Path, ...]]:
    """Have stored files in a folder of their own under the names they came with, for the block; they are links, not copies."""
    parent = data_dir / "work"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="files-") as folder:
        paths = tuple(Path(folder) / f.name for f in files)
        for file, path in zip(files, paths, strict=True):
            source = store.path(file.key)
            try:
                os.link(source, path)
            except OSError:  # a store on another file system, or one that has no links
                shutil.copyfile(source, path)
        yield paths


def inspect(city: City, files: Sequence[StoredFile]) -> tuple[list[Json], TwinError | None]:
    """Return the proposals for the files, and why none of them can be read when none can."""
    documents: list[Json] = []
    problems: list[TwinError] = []
    readable = False
    with laid_out(city.settings.data_dir, city.store, files) as paths:
        for path in main_files(paths):
            try:
                found = propose(path.name, inspect_file(path, INSPECTION), city.catalogue.feature_types(), city.catalogue.datasets())
            except TwinError as error:
                if error.status >= 500:
                    raise
                readable = readable or error.code in _TOO_SLOW
                problems.append(error)
                documents.append(_unread(path.name, error))
            else:
                readable = True
                documents += [_document(p, city.catalogue) for p in found]
    return documents, None if readable or not problems else problems[0]


def main_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are read for themselves: all but the sidecars of a Shapefile."""
    shapefiles = {p.stem.casefold() for p in paths if p.suffix.casefold() == ".shp"}

    def is_sidecar(path: PurePath) -> bool:
        suffix = path.suffix.casefold()
        stem = path.stem.casefold().removesuffix(".shp")  # a.shp.xml and a.shp.cpg are called so too
        return stem in shapefiles and suffix != ".shp" and (suffix in MEMBERS or suffix in {".sbn", ".sbx", ".qix", ".xml"})

    return [p for p in paths if not is_sidecar(p)]


def _document(p: Proposal, catalogue: Catalogue) -> Json:
    best = p.guesses[0] if p.guesses else None
    titles = {f.name: f.title for f in catalogue.feature_type(best.feature_type).fields} if best else {}
    return {
        "file": p.file,
        "layer": p.layer,
        "format": p.format,
        "geometry": p.geometry,
        "rows": p.rows,
        "columns": list(p.columns),
        "crs": p.crs,
        "crs_evidence": {"zh": p.crs_evidence.zh, "en": p.crs_evidence.en},
        "encoding": p.encoding,
        "feature_type": best and best.feature_type,
        "confidence": best and best.confidence,
        "evidence": best and {"zh": best.evidence.zh, "en": best.evidence.en},
        "alternatives": [{"feature_type": g.feature_type, "confidence": g.confidence} for g in p.guesses[1:]],
        "dataset": p.dataset,
        "mapping": dict(best.mapping) if best else {},
        "titles": {f: {"zh": t.zh, "en": t.en} for f, t in titles.items() if best and f in best.mapping.values()},
        "problem": None,
    }


def _unread(name: str, error: TwinError) -> Json:
    nothing = dict.fromkeys(("layer", "format", "geometry", "rows", "crs", "encoding", "feature_type", "confidence", "evidence", "dataset"))
    return {
        "file": name,
        **nothing,
        "columns": [],
        "crs_evidence": None,
        "alternatives": [],
        "mapping": {},
        "titles": {},
        "problem": {"status": error.status, "code": error.code, "detail": {"zh": error.text.zh, "en": error.text.en}},
    }
