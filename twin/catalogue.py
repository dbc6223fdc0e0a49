"""The catalogue: sole reader and writer of deployment, FeatureTypes, datasets, commits, revisions, submissions, findings and assets.

Reads come from an immutable snapshot that is taken anew when the catalogue's version row has changed.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from twin.db import Connection, Pool, load_queries, translated
from twin.errors import BadRequestError, ConflictError, NotFoundError, Text, TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import (
    Asset,
    Commit,
    Dataset,
    Deployment,
    FeatureType,
    Finding,
    FindingKind,
    Revision,
    SharingClass,
    SubmissionState,
)

_RESERVED = frozenset({"findings", "catalogue"})
"""Collections that are no datasets."""
BUILD_ATTEMPTS = 3
"""How often the 3D form of a revision is begun before it stays failed, until somebody asks for it by name."""
_LOG = logging.getLogger("twin.catalogue")
_QUERIES = load_queries("twin.sql", "catalogue.sql")
_MAX_AGE_S = 0.5
"""How long a snapshot is used without asking for the version; hot doors read the current commit with the rows anyway."""

_FORWARD: Mapping[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.RECEIVED: frozenset({SubmissionState.CHECKED, SubmissionState.REJECTED, SubmissionState.WITHDRAWN}),
    SubmissionState.CHECKED: frozenset({SubmissionState.ACCEPTED, SubmissionState.REJECTED, SubmissionState.WITHDRAWN}),
    SubmissionState.ACCEPTED: frozenset({SubmissionState.PUBLISHED, SubmissionState.RECEIVED, SubmissionState.WITHDRAWN}),
    SubmissionState.REJECTED: frozenset({SubmissionState.RECEIVED, SubmissionState.WITHDRAWN}),
    SubmissionState.PUBLISHED: frozenset(),
    SubmissionState.WITHDRAWN: frozenset(),
}
"""Forward, with one way back: accepted or rejected → received, to be checked again: staging was lost, other declarations were made."""


@dataclass(frozen=True, slots=True)
class NewDataset:
    """What is said of a dataset when it is first made."""

    slug: str
    feature_type: str
    title: Text
    tolerance_m: float
    owner_department: str = ""
    steward: str = ""
    licence: str = ""
    sharing: SharingClass = SharingClass.OPEN
    source_platform: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What is to be said of a dataset from now on; None leaves it as it is."""

    title_zh: str | None = None
    title_en: str | None = None
    owner_department: str | None = None
    steward: str | None = None
    licence: str | None = None
    source_platform: str | None = None
    update_cycle: str | None = None
    """A code of :data:`twin.update_cycle.UPDATE_CYCLES`."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    version: int
    taken_at: float
    deployment: Deployment | None
    datasets: Mapping[str, Dataset]
    feature_types: Mapping[str, FeatureType]
    current: Mapping[str, Revision]
    last_commit: int


class Catalogue:
    """The catalogue of one deployment, over a connection pool and the folders its FeatureTypes are read from."""

    def __init__(self, pool: Pool, feature_type_folders: Sequence[Path] = ()) -> None:
        self.pool = pool
        self._folders = tuple(feature_type_folders)
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._read_types: tuple[tuple[tuple[str, int, int], ...], Mapping[str, FeatureType]] | None = None

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def deployment(self) -> Deployment:
        """The city this catalogue is of; NotFoundError before `twin init`."""
        deployment = self._fresh().deployment
        if deployment is None:
            raise NotFoundError(
                "this deployment has not been initialised: run `twin init --city city.yaml`",
                zh="尚未初始化：请先运行 twin init --city city.yaml",
            )
        return deployment

    def version(self) -> int:
        """Return a number that changes whenever something the doors show has changed."""
        return self._fresh().version

    def datasets(self) -> tuple[Dataset, ...]:
        """Return all datasets that have a revision, by slug."""
        snapshot = self._fresh()
        return tuple(d for slug, d in sorted(snapshot.datasets.items()) if slug in snapshot.current)

    def dataset(self, slug: str) -> Dataset:
        """Return the dataset called ``slug``; NotFoundError when there is none."""
        found = self._fresh().datasets.get(slug) or self._fresh(max_age_s=0).datasets.get(slug)
        if found is None:
            raise NotFoundError(f"there is no dataset {slug!r}", zh=f"没有数据集 {slug!r}")
        return found

    def sharing_of(self, slugs: Sequence[str]) -> Mapping[str, SharingClass]:
        """Return who may see each of the datasets there are among ``slugs``, published or on their way."""
        datasets = self._fresh(max_age_s=0).datasets  # who is told of a commit reads the scene at once: it must be the new one
        return {slug: datasets[slug].sharing for slug in slugs if slug in datasets}

    def feature_types(self) -> Mapping[str, FeatureType]:
        """Return every FeatureType by name: packaged ones and the deployment's own."""
        return self._fresh().feature_types

    def feature_type(self, name: str) -> FeatureType:
        """Return the FeatureType called ``name``; NotFoundError when there is none."""
        try:
            return self._fresh().feature_types[name]
        except KeyError:
            known = ", ".join(sorted(self._fresh().feature_types))
            raise NotFoundError(f"there is no FeatureType {name!r}; known: {known}", zh=f"没有要素类型 {name!r}；可用：{known}") from None

    def current_revision(self, slug: str) -> Revision | None:
        """Return the newest revision of a dataset, None before its first publish."""
        return self._fresh().current.get(slug)

    def last_commit(self) -> int:
        """Return the number of the newest commit, 0 when there is none."""
        return self._fresh().last_commit

    def revisions(self, slug: str) -> tuple[Revision, ...]:
        """Return all revisions of a dataset, oldest first."""
        return tuple(_revision(row) for row in self._rows("revisions", dataset=self.dataset(slug).id))

    def commits(self) -> tuple[Commit, ...]:
        """Return all commits, oldest first."""
        return tuple(_commit(row) for row in self._rows("commits"))

    def sharing_of_commits(self) -> Mapping[int, frozenset[SharingClass]]:
        """Return who may see the datasets that a commit changed, by its number."""
        return {row["commit"]: frozenset(SharingClass(name) for name in row["sharing"]) for row in self._rows("commit_sharing")}

    def commit_as_of(self, value: int | dt.datetime) -> int:
        """Return the number of the last commit at or before a commit number or a time; 0 when there is none.

        Raises BadRequestError ``bad-as-of`` for a number that no commit has yet: what it will mean nobody knows.
        """
        if isinstance(value, int):
            if value > self._fresh(max_age_s=0).last_commit:
                raise BadRequestError(f"there is no commit {value} yet", zh=f"尚无提交 {value}").with_code("bad-as-of")
            return value
        row = self._rows("commit_at_time", time=value)[0]
        return int(row["number"])

    def revision_as_of(self, slug: str, commit: int) -> Revision | None:
        """Return the revision of a dataset that held at ``commit``, None when it did not exist yet."""
        rows = self._rows("revision_as_of", dataset=self.dataset(slug).id, commit=commit)
        return _revision(rows[0]) if rows else None

    def assets(self) -> tuple[Asset, ...]:
        """Return the state of everything built from current revisions."""
        return tuple(_asset(row) for row in self._rows("assets_of_current_revisions"))

    def asset(self, dataset: int, revision: int, kind: str, variant: str) -> Asset | None:
        """Return one asset's state, None when nobody asked for it yet."""
        rows = self._rows("asset", dataset=dataset, revision=revision, kind=kind, variant=variant)
        return _asset(rows[0]) if rows else None

    def ready_before(self, dataset: int, revision: int, kind: str, variant: str) -> Asset | None:
        """Return the asset of the nearest earlier revision that has a ready one."""
        rows = self._rows("asset_ready_before", dataset=dataset, revision=revision, kind=kind, variant=variant)
        return _asset(rows[0]) if rows else None

    def ready_assets(self, dataset: int, kind: str, variant: str) -> tuple[Asset, ...]:
        """Return the assets of all revisions of a dataset that are ready, the newest first."""
        return tuple(_asset(row) for row in self._rows("assets_ready", dataset=dataset, kind=kind, variant=variant))

    def building_assets(self, dataset: int, kind: str, variant: str) -> tuple[Asset, ...]:
        """Return the assets of all revisions of a dataset that somebody builds, or was building when its process was lost."""
        return tuple(_asset(row) for row in self._rows("assets_building", dataset=dataset, kind=kind, variant=variant))

    def findings(self, submission: uuid.UUID) -> list[dict[str, Any]]:
        """Return the findings of a submission as JSON-able rows, in order of part and row."""
        return self._rows("findings", submission=submission)

    # -- writing ---------------------------------------------------------------------------------------------------

    def make_deployment(self, deployment: Deployment) -> None:
        """Record the deployment; ConflictError when the database already holds another one."""
        with translated(), self.pool.connection() as connection:
            cursor = connection.execute(
                _QUERIES["make_deployment"],
                {
                    "name": deployment.name,
                    "storage_srid": deployment.storage_srid,
                    "vertical": deployment.vertical,
                    "extent_deg": list(deployment.extent_deg) if deployment.extent_deg else None,
                    "admin_prefix": deployment.admin_prefix,
                    "oid_root": deployment.oid_root,
                    "geocentric_pipeline": deployment.geocentric_pipeline,
                    "geocentric_accuracy_m": deployment.geocentric_accuracy_m,
                    "geocentric_operation": deployment.geocentric_operation,
                },
            )
            if cursor.rowcount == 0:
                raise ConflictError("this deployment is initialised already", zh="该部署已初始化")
        self._fresh(max_age_s=0)

    def ensure_dataset(self, wanted: NewDataset) -> Dataset:
        """Return the dataset ``wanted.slug``, made with its tables if it is new; ConflictError when it is of another FeatureType."""
        from twin.materialiser import materialise  # noqa: PLC0415 - only loading makes tables, and SQLAlchemy takes half a second to import

        existing = self._fresh(max_age_s=0).datasets.get(wanted.slug)
        if existing is not None:
            if existing.feature_type != wanted.feature_type:
                raise ConflictError(
                    f"dataset {wanted.slug} holds {existing.feature_type}, not {wanted.feature_type}",
                    zh=f"数据集 {wanted.slug} 的类型是 {existing.feature_type}，不是 {wanted.feature_type}",
                )
            materialise(self.pool, self.feature_type(wanted.feature_type), self.deployment.storage_srid)
            return existing
        feature_type = self.feature_type(wanted.feature_type)
        materialise(self.pool, feature_type, self.deployment.storage_srid)
        with translated(), self.pool.connection() as connection:
            connection.execute(
                _QUERIES["make_dataset"],
                {
                    "slug": wanted.slug,
                    "feature_type": wanted.feature_type,
                    "title_zh": wanted.title.zh,
                    "title_en": wanted.title.en,
                    "owner_department": wanted.owner_department,
                    "steward": wanted.steward,
                    "licence": wanted.licence,
                    "sharing": wanted.sharing.value,
                    "tolerance_m": wanted.tolerance_m,
                    "source_platform": wanted.source_platform,
                },
            )
        return self._fresh(max_age_s=0).datasets[wanted.slug]

    def describe(self, slug: str, description: Description) -> Dataset:
        """Record who answers for a dataset and how often it is brought up to date, and return it; NotFoundError when there is none."""
        self.dataset(slug)
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["describe_dataset"], {"slug": slug} | asdict(description))
        return self._fresh(max_age_s=0).datasets[slug]

    def receive(self, actor: str, files: Sequence[Mapping[str, object]], options: Mapping[str, object]) -> uuid.UUID:
        """Record a new submission in state received and return its id."""
        submission = uuid.uuid4()
        with translated(), self.pool.connection() as connection:
            connection.execute(
                _QUERIES["receive_submission"],
                {"id": submission, "actor": actor, "files": Jsonb(list(files)), "options": Jsonb(dict(options))},
            )
        return submission

    def advance(self, connection: Connection, submission: uuid.UUID, to: SubmissionState, commit: int | None = None) -> None:
        """Move a submission to state ``to`` inside the caller's transaction; ConflictError when that way is closed."""
        allowed = [state.value for state, targets in _FORWARD.items() if to in targets]
        cursor = connection.execute(
            _QUERIES["advance_submission"], {"id": submission, "to": to.value, "allowed": allowed, "commit": commit}
        )
        if cursor.rowcount != 1:
            raise ConflictError(f"the submission cannot become {to.value} now", zh=f"该提交当前不能变为 {to.value}")

    def reject(self, connection: Connection, submission: uuid.UUID) -> None:
        """End a submission that was not published, whatever state it is in, inside the caller's transaction."""
        connection.execute(_QUERIES["reject_submission"], {"id": submission})

    def forget_unpublished(self, dataset: Dataset) -> None:
        """Forget a dataset that never had a revision, unless another submission is on its way into it."""
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["forget_unpublished_dataset"], {"dataset": dataset.id})
        self.refresh()

    def add_findings(
        self,
        connection: Connection,
        submission: uuid.UUID,
        part: int,
        findings: Sequence[Finding],
        omitted: Mapping[FindingKind, int] = MappingProxyType({}),
    ) -> None:
        """Keep findings with their submission, and of ``omitted`` ones the number, inside the caller's transaction."""
        for kind, count in omitted.items():
            values = {"submission": submission, "part": part, "rule": kind.rule, "severity": kind.severity.value, "waived": kind.waived}
            connection.execute(_QUERIES["add_omitted_findings"], values | {"count": count})
        if not findings:
            return
        with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_findings"]) as copy:
            for f in findings:
                x, y = f.place or (None, None)
                head = (submission, part, f.rule, f.severity.value, f.file, f.layer, f.row, f.key, f.message.zh, f.message.en)
                copy.write_row((*head, x, y, f.value, f.proposal, f.waived, f.waived_by))

    # -- assets ----------------------------------------------------------------------------------------------------

    def missing_assets(self) -> tuple[tuple[str, int], ...]:
        """Return (dataset slug, revision) of every current revision whose FeatureType has a 3D form that is not built yet."""
        snapshot = self._fresh(max_age_s=0)
        ready = {(a.dataset, a.revision) for a in self.assets() if a.state == "ready"}
        return tuple(
            (slug, revision.commit)
            for slug, revision in sorted(snapshot.current.items())
            if asset_kind(snapshot.feature_types[snapshot.datasets[slug].feature_type]) is not None
            and (revision.dataset, revision.commit) not in ready
        )

    def claim_asset(self, dataset: int, revision: int, kind: str, variant: str, lease_s: float) -> int | None:
        """Take the lease on building an asset; return its fencing number, None when it is ready or somebody else builds it.

        None too when it was begun :data:`BUILD_ATTEMPTS` times in vain, whether it failed or its process was lost; its detail says why.
        """
        asset = {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant, "attempts": BUILD_ATTEMPTS}
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["fail_deadly_asset"], asset)
        rows = self._rows("claim_asset", **asset, lease_s=lease_s)
        return int(rows[0]["fencing"]) if rows else None

    def keep_lease(self, dataset: int, revision: int, kind: str, variant: str, fencing: int, lease_s: float) -> bool:
        """Have the lease on a build end ``lease_s`` from now; False when somebody else has taken it."""
        return bool(
            self._rows("keep_lease", dataset=dataset, revision=revision, kind=kind, variant=variant, fencing=fencing, lease_s=lease_s)
        )

    def note_build(self, dataset: int, revision: int, kind: str, variant: str, fencing: int, progress: Mapping[str, object]) -> bool:
        """Say how far a build is; False when somebody else has taken the lease on it."""
        return bool(
            self._rows(
                "note_build",
                dataset=dataset,
                revision=revision,
                kind=kind,
                variant=variant,
                fencing=fencing,
                progress=Jsonb(dict(progress)),
            )
        )

    def finish_asset(
        self, dataset: int, revision: int, kind: str, variant: str, fencing: int, state: str, detail: Mapping[str, object]
    ) -> bool:
        """Register how a build ended; False, and nothing registered, when the lease had been lost."""
        return bool(
            self._rows(
                "finish_asset",
                dataset=dataset,
                revision=revision,
                kind=kind,
                variant=variant,
                fencing=fencing,
                state=state,
                detail=Jsonb(dict(detail)),
            )
        )

    def forget_asset(self, dataset: int, revision: int, kind: str, variant: str) -> None:
        """Have an asset built anew, whatever became of it before."""
        with translated(), self.pool.connection() as connection:
            connection.execute(_QUERIES["forget_asset"], {"dataset": dataset, "revision": revision, "kind": kind, "variant": variant})

    # -- inside ----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take a new snapshot now if anything has changed."""
        self._fresh(max_age_s=0)

    def _rows(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        with translated(), self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(_QUERIES[query], parameters)
            return cursor.fetchall()

    def _fresh(self, max_age_s: float = _MAX_AGE_S) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is not None and time.monotonic() - snapshot.taken_at <= max_age_s:
            return snapshot
        with self._lock:
            version = int(self._rows("version")[0]["value"])
            if self._snapshot is None or self._snapshot.version != version:
                self._snapshot = self._take(version)
            else:
                old = self._snapshot
                self._snapshot = _Snapshot(
                    version, time.monotonic(), old.deployment, old.datasets, old.feature_types, old.current, old.last_commit
                )
            return self._snapshot

    def _types(self) -> Mapping[str, FeatureType]:
        # Reading and validating the files takes a second: it is done anew only when one of the deployment's own has changed.
        files = (path for folder in self._folders for path in sorted(folder.rglob("*.yaml")))
        state = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
        if self._read_types is None or self._read_types[0] != state:
            try:
                self._read_types = (state, load_feature_types(*self._folders))
            except TwinError as error:
                if self._read_types is None:
                    raise
                # a file that is being written, or written wrong, must not take a running city down: the last good types hold
                _LOG.error("FeatureTypes stay as they were: %s", error)
                self._read_types = (state, self._read_types[1])
        return self._read_types[1]

    def _take(self, version: int) -> _Snapshot:
        datasets = {str(row["slug"]): _dataset(row) for row in self._rows("datasets")}
        by_id = {d.id: d.slug for d in datasets.values()}
        current = {by_id[row["dataset"]]: _revision(row) for row in self._rows("current_revisions")}
        deployments = self._rows("deployment")
        return _Snapshot(
            version=version,
            taken_at=time.monotonic(),
            deployment=_deployment(deployments[0]) if deployments else None,
            datasets=datasets,
            feature_types=self._types(),
            current=current,
            last_commit=int(self._rows("last_commit")[0]["number"]),
        )


def asset_kind(feature_type: FeatureType) -> str | None:
    """Return what is built from a revision of this type: ``tileset``, ``terrain`` or nothing."""
    if feature_type.recipe == "terrain":
        return "terrain"
    return "tileset" if feature_type.recipe in ("extrude", "envelope", "tube", "well", "view", "model", "point_cloud") else None


def check_slug(slug: str) -> str:
    """Return ``slug`` if it can name a dataset (and so a collection); BadRequestError otherwise."""
    if slug in _RESERVED:
        raise BadRequestError(f"{slug!r} is the platform's own collection", zh=f"{slug!r} 是平台自有集合，请另选名称")
    valid = slug.isascii() and 1 <= len(slug) <= 41 and slug[0].islower() and all(c.islower() or c.isdigit() or c == "_" for c in slug)
    if not valid:
        raise BadRequestError(
            f"a dataset id is a–z, 0–9 and _, begins with a letter, at most 41 long: {slug!r}",
            zh=f"数据集标识只能用小写字母、数字和下划线，以字母开头，最长 41：{slug!r}",
        )
    return slug


def _extent(values: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    return (values[0], values[1], values[2], values[3]) if values else None


def _deployment(row: Mapping[str, Any]) -> Deployment:
    return Deployment(
        name=row["name"],
        storage_srid=row["storage_srid"],
        vertical=row["vertical"],
        extent_deg=_extent(row["extent_deg"]),
        admin_prefix=row["admin_prefix"],
        oid_root=row["oid_root"],
        geocentric_pipeline=row["geocentric_pipeline"],
        geocentric_accuracy_m=row["geocentric_accuracy_m"],
        geocentric_operation=row["geocentric_operation"],
    )


def _dataset(row: Mapping[str, Any]) -> Dataset:
    return Dataset(
        id=row["id"],
        slug=row["slug"],
        feature_type=row["feature_type"],
        class_number=row["class_number"],
        title=Text(zh=row["title_zh"], en=row["title_en"]),
        owner_department=row["owner_department"],
        steward=row["steward"],
        licence=row["licence"],
        sharing=SharingClass(row["sharing"]),
        tolerance_m=row["tolerance_m"],
        source_platform=row["source_platform"],
        update_cycle=row["update_cycle"],
    )


def _revision(row: Mapping[str, Any]) -> Revision:
    return Revision(
        dataset=row["dataset"],
        commit=row["commit"],
        inserted=row["inserted"],
        updated=row["updated"],
        deleted=row["deleted"],
        count=row["count"],
        lineage=row["lineage"],
        extent_deg=_extent(row["extent_deg"]),
    )


def _commit(row: Mapping[str, Any]) -> Commit:
    return Commit(number=row["number"], time=row["time"], actor=row["actor"], reason=row["reason"], name=row["name"], kind=row["kind"])


def _asset(row: Mapping[str, Any]) -> Asset:
    return Asset(
        dataset=row["dataset"], revision=row["revision"], kind=row["kind"], variant=row["variant"], state=row["state"], detail=row["detail"]
    )
