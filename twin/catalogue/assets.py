"""What is built from revisions, tilesets and terrain: its state, and who may build it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from twin.catalogue.rows import asset_of, fetch_rows
from twin.catalogue.snapshot import SnapshotKeeper
from twin.db import Pool, load_queries, translated
from twin.model import Asset, FeatureType

BUILD_ATTEMPTS = 3
"""How often the 3D form of a revision is begun before it stays failed, until somebody asks for it by name."""
_QUERIES = load_queries("twin.sql", "assets.sql")


class Assets:
    """The assets of one deployment; each is named by its dataset (the number), revision, kind and variant."""

    def __init__(self, pool: Pool, keeper: SnapshotKeeper) -> None:
        self._pool = pool
        self._keeper = keeper

    def of_current_revisions(self) -> tuple[Asset, ...]:
        """Return the state of everything built from current revisions."""
        return self._assets("assets_of_current_revisions")

    def find(self, dataset: int, revision: int, kind: str, variant: str) -> Asset | None:
        """Return one asset's state, None when nobody asked for it yet."""
        return next(iter(self._assets("asset", dataset=dataset, revision=revision, kind=kind, variant=variant)), None)

    def ready_before(self, dataset: int, revision: int, kind: str, variant: str) -> Asset | None:
        """Return the asset of the nearest earlier revision that has a ready one."""
        return next(iter(self._assets("asset_ready_before", dataset=dataset, revision=revision, kind=kind, variant=variant)), None)

    def ready(self, dataset: int, kind: str, variant: str) -> tuple[Asset, ...]:
        """Return the assets of all revisions of a dataset that are ready, the newest first."""
        return self._assets("assets_ready", dataset=dataset, kind=kind, variant=variant)

    def building(self, dataset: int, kind: str, variant: str) -> tuple[Asset, ...]:
        """Return the assets of all revisions of a dataset that somebody builds, or was building when its process was lost."""
        return self._assets("assets_building", dataset=dataset, kind=kind, variant=variant)

    def missing(self) -> tuple[tuple[str, int], ...]:
        """Return (dataset slug, revision) of every current revision whose FeatureType has a 3D form that is not built yet."""
        snapshot = self._keeper.fresh(max_age_s=0)
        ready = {(a.dataset, a.revision) for a in self.of_current_revisions() if a.state == "ready"}
        return tuple(
            (slug, revision.commit)
            for slug, revision in sorted(snapshot.current.items())
            if asset_kind(snapshot.feature_types[snapshot.datasets[slug].feature_type]) is not None
            and (revision.dataset, revision.commit) not in ready
        )

    def claim(self, dataset: int, revision: int, kind: str, variant: str, lease_s: float) -> int | None:
        """Take the lease on building an asset; return its fencing number, None when it is ready or somebody else builds it.

        None too when it was begun :data:`BUILD_ATTEMPTS` times in vain, whether it failed or its process was lost; its detail says why.
        """
        asset = {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant, "attempts": BUILD_ATTEMPTS}
        with translated(), self._pool.connection() as connection:
            connection.execute(_QUERIES["fail_deadly_asset"], asset)
        rows = self._rows("claim_asset", **asset, lease_s=lease_s)
        return int(rows[0]["fencing"]) if rows else None

    def keep_lease(self, dataset: int, revision: int, kind: str, variant: str, fencing: int, lease_s: float) -> bool:
        """Have the lease on a build end ``lease_s`` from now; False when somebody else has taken it."""
        asset = {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant, "fencing": fencing}
        return bool(self._rows("keep_lease", **asset, lease_s=lease_s))

    def note_build(self, dataset: int, revision: int, kind: str, variant: str, fencing: int, progress: Mapping[str, object]) -> bool:
        """Say how far a build is; False when somebody else has taken the lease on it."""
        asset = {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant, "fencing": fencing}
        return bool(self._rows("note_build", **asset, progress=Jsonb(dict(progress))))

    def finish(self, dataset: int, revision: int, kind: str, variant: str, fencing: int, state: str, detail: Mapping[str, object]) -> bool:
        """Register how a build ended; False, and nothing registered, when the lease had been lost."""
        asset = {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant, "fencing": fencing}
        return bool(self._rows("finish_asset", **asset, state=state, detail=Jsonb(dict(detail))))

    def forget(self, dataset: int, revision: int, kind: str, variant: str) -> None:
        """Have an asset built anew, whatever became of it before."""
        with translated(), self._pool.connection() as connection:
            connection.execute(_QUERIES["forget_asset"], {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant})

    def _assets(self, query: str, **parameters: object) -> tuple[Asset, ...]:
        return tuple(asset_of(row) for row in self._rows(query, **parameters))

    def _rows(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        return fetch_rows(self._pool, _QUERIES[query], parameters)


def asset_kind(feature_type: FeatureType) -> str | None:
    """Return what is built from a revision of this type: ``tileset``, ``terrain`` or nothing."""
    if feature_type.recipe == "terrain":
        return "terrain"
    return "tileset" if feature_type.recipe in ("extrude", "envelope", "tube", "well", "view", "model", "point_cloud") else None


def has_tree(feature_type: FeatureType) -> bool:
    """True when tiles of this type are a tree of nodes: not terrain, not finished models, not points."""
    return asset_kind(feature_type) == "tileset" and feature_type.recipe not in ("model", "point_cloud")
