"""Jobs in PostgreSQL: procrastinate is the queue and the wake-up; the truth is what published revisions lack (DESIGN 15)."""

from __future__ import annotations

import logging
import os
import signal
import threading

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from psycopg.conninfo import make_conninfo

from twin.server.assets import build_asset
from twin.server.city import City, Progress

QUEUE = "build"
_TASK = "build_asset"
_STANDARD_INPUT = 0
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


def run_worker(city: City, progress: Progress) -> None:
    """Build what is missing as it becomes missing, until the process is told to stop."""
    queue = make_queue(city, progress)
    with queue.open():
        enqueue_missing(city, queue)
    queue.run_worker(queues=[QUEUE], concurrency=1, install_signal_handlers=True, delete_jobs="successful")


def end_with_parent() -> None:
    """Stop this process when the one that started it is gone: its end of our standard input closes with it."""

    def watch() -> None:
        while os.read(_STANDARD_INPUT, 4096):  # below sys.stdin: its lock would be held when the interpreter ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
