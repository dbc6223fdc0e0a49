"""The catalogue of a deployment: its FeatureTypes, datasets, commits and revisions, and the way to its submissions and assets.

What doors ask for at every request comes from an immutable snapshot, the rest from the tables.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twin.catalogue.assets import Assets
from twin.catalogue.datasets import Description, NewDataset
from twin.catalogue.rows import commit_of, fetch_rows, revision_of
from twin.catalogue.snapshot import SnapshotKeeper
from twin.catalogue.submissions import Submissions
from twin.db import Pool, load_queries, translated
from twin.errors import BadRequestError, ConflictError, NotFoundError
from twin.model import Commit, Dataset, Deployment, FeatureType, Revision, SharingClass

_QUERIES = load_queries("twin.sql", "catalogue.sql")


class Catalogue:
    """The catalogue of one deployment, over a connection pool and the folders its FeatureTypes are read from."""

    def __init__(self, pool: Pool, feature_type_folders: Sequence[Path] = ()) -> None:
        self.pool = pool
        self._keeper = SnapshotKeeper(pool, feature_type_folders)
        self.submissions = Submissions(pool)
        self.assets = Assets(pool, self._keeper)

    # -- now -------------------------------------------------------------------------------------------------------

    @property
    def deployment(self) -> Deployment:
        """The city this catalogue is of; NotFoundError before `twin init`."""
        deployment = self._keeper.fresh().deployment
        if deployment is None:
            raise NotFoundError(
                "this deployment has not been initialised: run `twin init --city city.yaml`",
                zh="尚未初始化：请先运行 twin init --city city.yaml",
            )
        return deployment

    def version(self) -> int:
        """Return a number that changes whenever something the doors show has changed."""
        return self._keeper.fresh().version

    def refresh(self) -> None:
        """Take a new snapshot now if anything has changed."""
        self._keeper.fresh(max_age_s=0)

    def datasets(self) -> tuple[Dataset, ...]:
        """Return all datasets that have a revision, by slug."""
        snapshot = self._keeper.fresh()
        return tuple(d for slug, d in sorted(snapshot.datasets.items()) if slug in snapshot.current)

    def dataset(self, slug: str) -> Dataset:
        """Return the dataset called ``slug``; NotFoundError when there is none."""
        found = self._keeper.fresh().datasets.get(slug) or self._keeper.fresh(max_age_s=0).datasets.get(slug)
        if found is None:
            raise NotFoundError(f"there is no dataset {slug!r}", zh=f"没有数据集 {slug!r}")
        return found

    def sharing_of(self, slugs: Sequence[str]) -> Mapping[str, SharingClass]:
        """Return who may see each of the datasets there are among ``slugs``, published or on their way."""
        datasets = self._keeper.fresh(max_age_s=0).datasets  # who is told of a commit reads the scene at once: it must be the new one
        return {slug: datasets[slug].sharing for slug in slugs if slug in datasets}

    def feature_types(self) -> Mapping[str, FeatureType]:
        """Return every FeatureType by name: packaged ones and the deployment's own."""
        return self._keeper.fresh().feature_types

    def feature_type(self, name: str) -> FeatureType:
        """Return the FeatureType called ``name``; NotFoundError when there is none."""
        types = self.feature_types()
        try:
            return types[name]
        except KeyError:
            known = ", ".join(sorted(types))
            raise NotFoundError(f"there is no FeatureType {name!r}; known: {known}", zh=f"没有要素类型 {name!r}；可用：{known}") from None

    def current_revision(self, slug: str) -> Revision | None:
        """Return the newest revision of a dataset, None before its first publish."""
        return self._keeper.fresh().current.get(slug)

    def last_commit(self) -> int:
        """Return the number of the newest commit, 0 when there is none."""
        return self._keeper.fresh().last_commit

    # -- then ------------------------------------------------------------------------------------------------------

    def revisions(self, slug: str) -> tuple[Revision, ...]:
        """Return all revisions of a dataset, oldest first."""
        return tuple(revision_of(row) for row in self._rows("revisions", dataset=self.dataset(slug).id))

    def commits(self) -> tuple[Commit, ...]:
        """Return all commits, oldest first."""
        return tuple(commit_of(row) for row in self._rows("commits"))

    def sharing_of_commits(self) -> Mapping[int, frozenset[SharingClass]]:
        """Return who may see the datasets that a commit changed, by its number."""
        return {row["commit"]: frozenset(SharingClass(name) for name in row["sharing"]) for row in self._rows("commit_sharing")}

    def commit_as_of(self, value: int | dt.datetime) -> int:
        """Return the number of the last commit at or before a commit number or a time; 0 when there is none.

        Raises BadRequestError ``bad-as-of`` for a number that no commit has yet: what it will mean nobody knows.
        """
        if isinstance(value, int):
            if value > self._keeper.fresh(max_age_s=0).last_commit:
                raise BadRequestError(f"there is no commit {value} yet", zh=f"尚无提交 {value}").with_code("bad-as-of")
            return value
        row = self._rows("commit_at_time", time=value)[0]
        return int(row["number"])

    def revision_as_of(self, slug: str, commit: int) -> Revision | None:
        """Return the revision of a dataset that held at ``commit``, None when it did not exist yet."""
        rows = self._rows("revision_as_of", dataset=self.dataset(slug).id, commit=commit)
        return revision_of(rows[0]) if rows else None

    def changes_between(self, slug: str, since: int, until: int) -> int:
        """Return how many features the revisions of a dataset after the commit ``since`` up to ``until`` changed; no more differ."""
        (row,) = self._rows("changes_between", dataset=self.dataset(slug).id, since=since, until=until)
        return int(row["number"])

    # -- making and describing -------------------------------------------------------------------------------------

    def make_deployment(self, deployment: Deployment) -> None:
        """Record the deployment; ConflictError when the database already holds another one."""
        extent = deployment.extent_deg
        values = asdict(deployment) | {"extent_deg": list(extent) if extent else None}
        with translated(), self.pool.connection() as connection:
            if connection.execute(_QUERIES["make_deployment"], values).rowcount == 0:
                raise ConflictError("this deployment is initialised already", zh="该部署已初始化")
        self.refresh()

    def ensure_dataset(self, wanted: NewDataset) -> Dataset:
        """Return the dataset ``wanted.slug``, made with its tables if it is new; ConflictError when it is of another FeatureType."""
        from twin.materialiser import materialise  # noqa: PLC0415 - only loading makes tables, and SQLAlchemy takes half a second to import

        existing = self._keeper.fresh(max_age_s=0).datasets.get(wanted.slug)
        if existing is not None and existing.feature_type != wanted.feature_type:
            raise ConflictError(
                f"dataset {wanted.slug} holds {existing.feature_type}, not {wanted.feature_type}",
                zh=f"数据集 {wanted.slug} 的类型是 {existing.feature_type}，不是 {wanted.feature_type}",
            )
        materialise(self.pool, self.feature_type(wanted.feature_type), self.deployment.storage_srid)
        return existing or self._made(wanted)

    def describe(self, slug: str, description: Description) -> Dataset:
        """Record who answers for a dataset and how often it is brought up to date, and return it; NotFoundError when there is none."""
        self.dataset(slug)
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["describe_dataset"], {"slug": slug} | asdict(description))
        return self._keeper.fresh(max_age_s=0).datasets[slug]

    def forget_unpublished(self, dataset: Dataset) -> None:
        """Forget a dataset that never had a revision, unless another submission is on its way into it."""
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["forget_unpublished_dataset"], {"dataset": dataset.id})
        self.refresh()

    def _made(self, wanted: NewDataset) -> Dataset:
        values = asdict(wanted) | {"title_zh": wanted.title.zh, "title_en": wanted.title.en, "sharing": wanted.sharing.value}
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["make_dataset"], values)
        return self._keeper.fresh(max_age_s=0).datasets[wanted.slug]

    def _rows(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        return fetch_rows(self.pool, _QUERIES[query], parameters)
