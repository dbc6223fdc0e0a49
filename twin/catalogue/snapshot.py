"""What the doors show, read at one moment: taken anew when the catalogue's version row has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twin.catalogue.rows import dataset_of, deployment_of, fetch_rows, revision_of
from twin.db import Pool, load_queries
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import Dataset, Deployment, FeatureType, Revision

MAX_AGE_S = 0.5
"""How long a snapshot is used without asking for the version; hot doors read the current commit with the rows anyway."""
_LOG = logging.getLogger("twin.catalogue")
_QUERIES = load_queries("twin.sql", "snapshot.sql")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalogue of one version."""

    version: int
    taken_at: float
    deployment: Deployment | None
    datasets: Mapping[str, Dataset]
    """By slug."""
    feature_types: Mapping[str, FeatureType]
    current: Mapping[str, Revision]
    """The newest revision of each dataset that has one, by slug."""
    last_commit: int


class SnapshotKeeper:
    """Keeps the snapshot of the newest version, read by one thread at a time."""

    def __init__(self, pool: Pool, feature_type_folders: Sequence[Path]) -> None:
        self._pool = pool
        self._types = _TypesOfFolders(feature_type_folders)
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None

    def fresh(self, max_age_s: float = MAX_AGE_S) -> Snapshot:
        """Return a snapshot that held at most ``max_age_s`` ago."""
        snapshot = self._snapshot
        if snapshot is not None and time.monotonic() - snapshot.taken_at <= max_age_s:
            return snapshot
        with self._lock:
            version = self._number("version")
            old = self._snapshot
            self._snapshot = replace(old, taken_at=time.monotonic()) if old and old.version == version else self._take(version)
            return self._snapshot

    def _take(self, version: int) -> Snapshot:
        datasets = {str(row["slug"]): dataset_of(row) for row in fetch_rows(self._pool, _QUERIES["datasets"], {})}
        slugs = {d.id: d.slug for d in datasets.values()}
        deployments = fetch_rows(self._pool, _QUERIES["deployment"], {})
        return Snapshot(
            version=version,
            taken_at=time.monotonic(),
            deployment=deployment_of(deployments[0]) if deployments else None,
            datasets=datasets,
            feature_types=self._types.read(),
            current={slugs[row["dataset"]]: revision_of(row) for row in fetch_rows(self._pool, _QUERIES["current_revisions"], {})},
            last_commit=self._number("last_commit"),
        )

    def _number(self, query: str) -> int:
        return int(fetch_rows(self._pool, _QUERIES[query], {})[0]["value"])


class _TypesOfFolders:
    """FeatureTypes, packaged and of folders; reading them takes a second, so it is done anew only when a file of a folder has changed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._read: tuple[tuple[tuple[str, int, int], ...], Mapping[str, FeatureType]] | None = None

    def read(self) -> Mapping[str, FeatureType]:
        files = (path for folder in self._folders for path in sorted(folder.rglob("*.yaml")))
        state = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
        if self._read is None or self._read[0] != state:
            try:
                self._read = (state, load_feature_types(*self._folders))
            except TwinError as error:
                if self._read is None:
                    raise
                # a file that is being written, or written wrong, must not take a running city down: the last good types hold
                _LOG.error("FeatureTypes stay as they were: %s", error)
                self._read = (state, self._read[1])
        return self._read[1]
