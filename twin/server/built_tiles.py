"""Which revision an address of tiles means to a caller, and whether its tiles are there."""

from __future__ import annotations

from twin.catalogue import Catalogue, asset_kind
from twin.errors import GoneError, NotFoundError, UnavailableError
from twin.model import Dataset, Principal, Revision
from twin.server.scene import VARIANT


class BuiltTiles:
    """Finds the built revisions of datasets; blocking for a look into the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def visible(self, principal: Principal, slug: str) -> Dataset:
        """Return a dataset; NotFoundError when there is none that the caller may know of."""
        dataset = self._catalogue.dataset(slug)
        if dataset.sharing not in principal.classes:
            raise NotFoundError(f"there is no dataset {slug!r}", zh=f"没有数据集 {slug!r}")
        return dataset

    def at(self, principal: Principal, slug: str, commit: int) -> tuple[Dataset, Revision]:
        """Return a dataset and the revision that held at ``commit``.

        NotFoundError when there is none, UnavailableError ``not-built`` while it is built, GoneError ``tiles-not-kept`` for an earlier one
        whose tiles were dropped.
        """
        dataset = self.visible(principal, slug)
        revision = self._catalogue.revision_as_of(slug, commit)
        if revision is None:
            raise NotFoundError(f"{slug} has no revision at {commit}", zh=f"{slug} 在 {commit} 没有版本")
        self._require_built(dataset, revision)
        return dataset, revision

    def current(self, principal: Principal, slug: str) -> tuple[Dataset, Revision]:
        """Return a dataset and its newest revision; errors as of `at`."""
        dataset = self.visible(principal, slug)
        revision = self._catalogue.current_revision(slug)
        if revision is None:
            raise NotFoundError(f"{slug} has no revision yet", zh=f"{slug} 还没有版本")
        self._require_built(dataset, revision)
        return dataset, revision

    def _require_built(self, dataset: Dataset, revision: Revision) -> None:
        kind = asset_kind(self._catalogue.feature_type(dataset.feature_type))
        if kind is None:
            raise NotFoundError(f"{dataset.slug} has no 3D form", zh=f"{dataset.slug} 没有三维形态")
        asset = self._catalogue.assets.find(dataset.id, revision.commit, kind, VARIANT)
        if asset is not None and asset.state == "ready":
            return
        if (asset is None or asset.state != "building") and not self._is_current(dataset, revision):
            command = f"twin tiles build {dataset.slug} --revision {revision.commit}"
            raise GoneError(
                f"revision {revision.commit} of {dataset.slug} has no tiles; `{command}` makes them",
                zh=f"{dataset.slug} 的版本 {revision.commit} 没有保留瓦片，可用 `{command}` 重新构建",
            ).with_code("tiles-not-kept")
        raise UnavailableError(
            f"revision {revision.commit} of {dataset.slug} is still being built", zh=f"{dataset.slug} 的版本 {revision.commit} 正在构建"
        ).with_code("not-built")

    def _is_current(self, dataset: Dataset, revision: Revision) -> bool:
        """Return whether a revision is its dataset's newest, which the worker builds by itself; older ones are built when told."""
        current = self._catalogue.current_revision(dataset.slug)
        return current is not None and current.commit == revision.commit
