"""Building what a revision lacks: tilesets and terrain, under a lease, registered last (DESIGN 12, 15)."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import asdict

from twin.catalogue import asset_kind, has_tree
from twin.db import translated
from twin.errors import NotFoundError, UnavailableError
from twin.model import Dataset, Revision
from twin.server.build_lease import kept_lease
from twin.server.city import City, Progress
from twin.server.pace import Pace
from twin.server.scene import VARIANT
from twin.server.tile_lock import building

LEASE_S = 60.0
_TOLD_S = 1.0
"""How often it is written down how far a build is: pages show it."""
_POLL_S = 0.2
_SMALL = 1_000
"""Changed features whose tiles are no matter of time for who is warm."""
_BEGUN_WITHIN_S, _LOOK_S = 1.5, 0.02
_JOBS = "twin.server.jobs"
"""Imports this module, and takes a third of a second to load: it is had only where a worker is woken."""
_ALIVE_S = 30.0
"""A worker writes its heartbeat every ten seconds."""
_LOG = logging.getLogger("twin.assets")


def build_asset(city: City, slug: str, commit: int, progress: Progress, *, anew: bool = False) -> bool:
    """Build the tileset or terrain of one revision; False when it is ready already or somebody else builds it.

    ``anew`` builds it from all features even where that of an earlier revision could be taken up.

    The last act is to register it, and only who still holds the lease may: a half-built tileset is never seen.
    """
    city.catalogue.refresh()  # a worker is woken by a commit that is younger than what it knows
    dataset = city.catalogue.dataset(slug)
    feature_type = city.catalogue.feature_type(dataset.feature_type)
    kind = asset_kind(feature_type)
    revision = city.catalogue.revision_as_of(slug, commit)
    if kind is None or revision is None or revision.commit != commit:
        raise NotFoundError(f"there is nothing to build for {slug} at {commit}", zh=f"{slug} 在 {commit} 没有可构建的内容")
    with building(city, dataset):  # until it is registered: what is built but not registered is garbage to `twin tiles gc`
        fencing = city.catalogue.assets.claim(dataset.id, commit, kind, VARIANT, LEASE_S)
        if fencing is None:
            return False
        told = _build_noter(city, dataset, commit, kind, fencing, progress)
        try:
            # the compiled kernels load when something is built, not at every start
            from twin.server import builds, terrain_builds  # noqa: PLC0415

            with kept_lease(city, dataset.id, commit, kind, fencing, LEASE_S):
                if kind == "terrain":
                    detail = terrain_builds.build_dataset_terrain(city, dataset, revision, told, anew=anew)
                else:
                    detail = builds.build_dataset_tileset(city, dataset, feature_type, revision, told, anew=anew)
        except BaseException as error:
            city.catalogue.assets.finish(dataset.id, commit, kind, VARIANT, fencing, "failed", {"error": str(error)[:500]})
            raise
        return city.catalogue.assets.finish(dataset.id, commit, kind, VARIANT, fencing, "ready", detail)


def build_missing(city: City, progress: Progress, only: Collection[str] | None = None) -> UnavailableError | None:
    """Build all that current revisions (of the datasets ``only``) lack and wait for what others are building.

    Returns when nothing is left to do; what could not be built is named by the error returned, and stays on the reconciler's list.
    """

    def missing() -> list[tuple[str, int]]:
        return [(slug, revision) for slug, revision in city.catalogue.assets.missing() if only is None or slug in only]

    _leave_to_worker(city, missing)
    for slug, revision in missing():
        try:
            build_asset(city, slug, revision, progress)
        except Exception:  # noqa: BLE001 - one build that fails must not keep the others from being built
            _LOG.exception("building %s at %s failed", slug, revision)
    deadline = time.monotonic() + 2 * LEASE_S
    while (waiting := [m for m in missing() if _is_building(city, *m)]) and time.monotonic() < deadline:
        progress(waiting[0][0], 0, None)
        time.sleep(_POLL_S)
    failed = ", ".join(slug for slug, _ in missing())
    if not failed:
        return None
    error = UnavailableError(f"published, but not built in 3D yet: {failed}", zh=f"已发布，但三维尚未构建：{failed}")
    error.with_code("build-failed")
    return error


def is_edit(city: City, slug: str, commit: int) -> bool:
    """Return whether the tiles of a revision are made in a moment: little changed since earlier ones that are ready to be taken up.

    How these were made is not looked at: :func:`is_surely_edit`.
    """
    dataset = city.catalogue.dataset(slug)
    if not has_tree(city.catalogue.feature_type(dataset.feature_type)):
        return False
    base = city.catalogue.assets.ready_before(dataset.id, commit, "tileset", VARIANT)
    return base is not None and city.catalogue.changes_between(slug, base.revision, commit) <= _SMALL


def is_surely_edit(city: City, slug: str, commit: int) -> bool:
    """Return :func:`is_edit` of tiles whose engine, type and encoding are those of now, too; loads the tile engine."""
    from twin.server import builds  # noqa: PLC0415 - likewise

    city.catalogue.refresh()
    dataset = city.catalogue.dataset(slug)
    feature_type = city.catalogue.feature_type(dataset.feature_type)
    return is_edit(city, slug, commit) and builds.is_taken_up(city, dataset, feature_type, commit)


def expect_to_build(city: City) -> None:
    """Have at hand what waking the worker takes, by the time something is published; returns at once."""
    if _worker_lives(city):
        threading.Thread(target=importlib.import_module, args=(_JOBS,), daemon=True).start()


def _leave_to_worker(city: City, missing: Callable[[], list[tuple[str, int]]]) -> None:
    """Have a worker that lives begin with small changes: it is warm and has them on screen sooner than we should have loaded the engine."""
    if not _are_small(city, missing()) or not _worker_lives(city):
        return
    importlib.import_module(_JOBS).wake_worker(city)
    deadline = time.monotonic() + _BEGUN_WITHIN_S
    while any(not _is_building(city, *m) for m in missing()) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)


def _worker_lives(city: City) -> bool:
    """True when a worker of the city has given a sign of life lately."""
    with translated(), city.pool.connection() as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM jobs.procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s))", (_ALIVE_S,)
        ).fetchone()
    return row == (True,)


def _are_small(city: City, missing: Collection[tuple[str, int]]) -> bool:
    revisions = [city.catalogue.current_revision(slug) for slug, _ in missing]
    return 0 < len(missing) == sum(r is not None and _is_small(r) for r in revisions)


def _is_small(revision: Revision) -> bool:
    return revision.inserted + revision.updated + revision.deleted <= _SMALL


def _build_noter(city: City, dataset: Dataset, commit: int, kind: str, fencing: int, progress: Progress) -> Progress:
    """Return a progress callable that now and then also writes down how far the build is."""
    last, pace = time.monotonic(), Pace()

    def told(what: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        reading = pace.read(what, done, total, now)
        if now - last > _TOLD_S:
            last = now
            if not city.catalogue.assets.note_build(dataset.id, commit, kind, VARIANT, fencing, asdict(reading)):
                raise UnavailableError(f"somebody else builds {dataset.slug} now", zh=f"{dataset.slug} 正由其他进程构建")
        progress(what, done, total)

    return told


def _is_building(city: City, slug: str, revision: int) -> bool:
    dataset = city.catalogue.dataset(slug)
    kind = asset_kind(city.catalogue.feature_type(dataset.feature_type))
    asset = city.catalogue.assets.find(dataset.id, revision, kind or "", VARIANT)
    return asset is not None and asset.state == "building"
