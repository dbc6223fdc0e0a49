"""Jobs in PostgreSQL: procrastinate is the queue and the wake-up; the truth is what published revisions lack (DESIGN 15)."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from psycopg.conninfo import make_conninfo

from twin.catalogue import asset_kind
from twin.errors import UnavailableError
from twin.server.assets import LEASE_S, build_asset
from twin.server.city import City, Progress
from twin.server.scene import VARIANT

QUEUE = "build"
_TASK = "build_asset"
_POLL_S = 0.2
_LOG = logging.getLogger("twin.jobs")


def make_queue(city: City, progress: Progress) -> procrastinate.App:
    """Return the queue of a city with its tasks; the tables are in schema ``jobs``."""
    conninfo = make_conninfo(city.database_url, application_name="twin-jobs", options="-c search_path=jobs,public")
    queue = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo, min_size=1, max_size=3))

    @queue.task(name=_TASK, queue=QUEUE)
    def build(dataset: str, revision: int) -> None:
        build_asset(city, dataset, revision, progress)

    @queue.periodic(cron="* * * * *")
    @queue.task(name="reconcile", queue=QUEUE)
    def reconcile_now(timestamp: int) -> None:  # noqa: ARG001 - a periodic task is told when
        enqueue_missing(city, queue)

    return queue


def enqueue_missing(city: City, queue: procrastinate.App) -> list[tuple[str, int]]:
    """Queue a build for every current revision that lacks its 3D form; what is queued already stays queued once."""
    missing = list(city.catalogue.missing_assets())
    for slug, revision in missing:
        try:
            queue.configure_task(_TASK, queue=QUEUE, queueing_lock=f"{slug}:{revision}").defer(dataset=slug, revision=revision)
        except AlreadyEnqueued:
            _LOG.debug("%s at %s is queued already", slug, revision)
    return missing


def build_missing(city: City, progress: Progress) -> None:
    """Build all that current revisions lack and wait for what others are building; returns when nothing is left to do.

    Raises UnavailableError naming what could not be built.
    """
    for slug, revision in city.catalogue.missing_assets():
        try:
            build_asset(city, slug, revision, progress)
        except Exception:  # noqa: BLE001 - one build that fails must not keep the others from being built
            _LOG.exception("building %s at %s failed", slug, revision)
    deadline = time.monotonic() + 2 * LEASE_S
    while waiting := [(slug, revision) for slug, revision in city.catalogue.missing_assets() if _is_building(city, slug, revision)]:
        if time.monotonic() > deadline:
            break
        progress(waiting[0][0], 0, None)
        time.sleep(_POLL_S)
    failed = [slug for slug, _ in city.catalogue.missing_assets()]
    if failed:
        raise UnavailableError(
            f"published, but not built in 3D: {', '.join(failed)}", zh=f"已发布，但三维构建失败：{', '.join(failed)}"
        ).with_code("build-failed")


def run_worker(city: City, progress: Progress) -> None:
    """Build what is missing as it becomes missing, until the process is told to stop."""
    queue = make_queue(city, progress)
    with queue.open():
        enqueue_missing(city, queue)
    queue.run_worker(queues=[QUEUE], concurrency=1, install_signal_handlers=True, delete_jobs="successful")


def end_with_parent() -> None:
    """Stop this process when the one that started it is gone: its end of our standard input closes with it."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _is_building(city: City, slug: str, revision: int) -> bool:
    dataset = city.catalogue.dataset(slug)
    kind = asset_kind(city.catalogue.feature_type(dataset.feature_type))
    asset = city.catalogue.asset(dataset.id, revision, kind or "", VARIANT)
    return asset is not None and asset.state == "building"
