"""What uploaded files are: looked at in the sandbox, under their own names, and proposed as FeatureTypes and datasets."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingest.confirmed_reading import memory_of
from ingest.main_files import main_files
from ingest.proposals import Proposal, placed, propose
from ingest.protocol import Limits
from ingest.sandbox import inspect_file
from twin.errors import TwinError
from twin.server.city import City
from twin.server.proposal_documents import Json, proposal_document, unread_document
from twin.server.surroundings import surroundings
from twin.server.uploads import StoredFile
from twin.store import Store

INSPECTION = Limits(wall_s=60.0, cpu_s=60)
"""A person waits for this; what takes longer is proposed nothing and may be checked all the same."""
_TOO_SLOW = frozenset({"parser-timeout", "parser-memory"})


@contextmanager
def laid_out(data_dir: Path, store: Store, files: Sequence[StoredFile]) -> Iterator[tuple[Path, ...]]:
    """Have stored files in a folder of their own under the names they came with, for the block; they are links, not copies."""
    parent = data_dir / "work"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="files-") as folder:
        paths = tuple(Path(folder) / f.name for f in files)
        for file, path in zip(files, paths, strict=True):
            source = store.file(file.key, unchanging=True)
            try:
                os.link(source, path)
            except OSError:  # a store on another file system, or one that has no links
                shutil.copyfile(source, path)
        yield paths


def inspect(city: City, files: Sequence[StoredFile], department: str) -> tuple[list[Json], TwinError | None]:
    """Return the proposals for the files, and why none of them can be read when none can.

    ``department`` is who hands them in: what it confirmed of such files before is proposed again.
    """
    found: list[Proposal] = []
    unread: dict[str, Json] = {}
    problems: list[TwinError] = []
    readable = False
    around, memory = surroundings(city), memory_of(city.pool, department)
    types, datasets = city.catalogue.feature_types(), city.catalogue.datasets()
    with laid_out(city.settings.data_dir, city.store, files) as paths:
        mains = main_files(paths)
        for path in mains:
            try:
                info = inspect_file(path, INSPECTION, city.settings.work_folder, city.template)
                found += propose(path.name, info, types, datasets, around, memory)
            except TwinError as error:
                if error.status >= 500:
                    raise
                readable = readable or error.code in _TOO_SLOW
                problems.append(error)
                unread[path.name] = unread_document(path.name, error)
            else:
                readable = True
    documents: list[Json] = []
    together = placed(found)
    for name in (path.name for path in mains):
        documents += [unread[name]] if name in unread else [proposal_document(p, types) for p in together if p.file == name]
    return documents, None if readable or not problems else problems[0]
