"""Jobs in PostgreSQL: procrastinate is the queue and the wake-up; the truth is what revisions lack and submissions wait for (DESIGN 15)."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from psycopg.conninfo import make_conninfo

from twin.server.assets import build_asset, is_edit, is_surely_edit
from twin.server.checks import clear_broken_off, give_back_resting, give_up_further_findings, run_check, sweep_work, wanted_checks
from twin.server.city import City, Progress
from twin.server.exports import sweep_exports
from twin.server.kept_files import sweep_kept
from twin.server.long_lived import KeptOnceIdle
from twin.server.overviews import complete_overviews, lacks_overview
from twin.server.packer import Packer
from twin.server.process_runs import run_job, sweep_jobs, waiting_jobs

BUILDS, EDITS, CHECKS, PROCESSES, OVERVIEWS = "build", "edit", "check", "process", "overview"
"""Queues of their own: neither the tiles of an edit nor a surveyor's check nor an export wait until a city is built."""
_BUILD, _CHECK, _PROCESS, _OVERVIEW = "build_asset", "check_submission", "run_process", "build_overviews"
_WARM_AFTER_S = 3.0
_LOG = logging.getLogger("twin.jobs")


def make_queue(city: City, progress: Progress) -> procrastinate.App:
    """Return the queue of a city with its tasks; the tables are in schema ``jobs``."""
    queue = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=_conninfo(city), min_size=1, max_size=4))

    packer = Packer(city)

    @queue.task(name=_BUILD, queue=BUILDS, pass_context=True)
    def build(context: procrastinate.JobContext, dataset: str, revision: int) -> None:
        if context.job.queue == EDITS and not is_surely_edit(city, dataset, revision):
            _defer_build(queue, BUILDS, dataset, revision)  # a new engine builds from all features: the next edit waits for no such thing
            return
        with packer.resting():
            built = build_asset(city, dataset, revision, progress)
        if built:
            packer.pack_soon()

    @queue.task(name=_CHECK, queue=CHECKS)
    def check(submission: str) -> None:
        run_check(city, uuid.UUID(submission))

    @queue.task(name=_PROCESS, queue=PROCESSES)
    def process(job: str) -> None:
        run_job(city, uuid.UUID(job))

    @queue.periodic(cron="* * * * *")
    @queue.task(name="reconcile", queue=CHECKS)
    def reconcile_now(timestamp: int) -> None:  # noqa: ARG001 - a periodic task is told when
        clear_broken_off(city)
        enqueue_missing(city, queue)
        packer.pack_soon()  # what a command has built, and what a worker that ended had left

    @queue.task(name=_OVERVIEW, queue=OVERVIEWS)
    def build_overviews() -> None:
        complete_overviews(city.catalogue)

    @queue.periodic(cron="17 * * * *")
    @queue.task(name="tidy", queue=CHECKS)
    def tidy(timestamp: int) -> None:  # noqa: ARG001 - likewise
        give_back_resting(city)
        give_up_further_findings(city)
        sweep_work(city.settings)
        sweep_kept(city)
        sweep_jobs(city)
        sweep_exports(city)

    return queue


def enqueue_missing(city: City, queue: procrastinate.App) -> None:
    """Queue, each once, what is to be done: builds of current revisions that lack their 3D form, checks of submissions, runs of jobs."""
    for slug, revision in city.catalogue.assets.missing():
        _defer_build(queue, EDITS if is_edit(city, slug, revision) else BUILDS, slug, revision)
    if lacks_overview(city.catalogue):
        _defer(queue, _OVERVIEW, OVERVIEWS, "overviews")
    for submission in wanted_checks(city):
        _defer(queue, _CHECK, CHECKS, f"check:{submission}", submission=str(submission))
    for job in waiting_jobs(city):
        _defer(queue, _PROCESS, PROCESSES, f"process:{job}", job=str(job))


def wake_worker(city: City) -> None:
    """Have the worker do at once what waits for it."""
    queue = make_queue(city, lambda *_: None)
    with queue.open():
        enqueue_missing(city, queue)


def run_worker(city: City, progress: Progress) -> None:
    """Build and check what waits for it, as it comes, until the process is told to stop."""
    clear_broken_off(city)
    wake_worker(city)
    kept = KeptOnceIdle()
    with _warming(kept):
        asyncio.run(_work(make_queue(city, progress), kept))


async def _work(queue: procrastinate.App, kept: KeptOnceIdle) -> None:
    """Run a worker a queue until told to stop; one that fails takes the other along, and the process is begun anew."""
    stopping = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopping.set)

    def counted(run: Callable[[], object], _context: object, _worker: object) -> object:
        with kept.job():
            return run()

    def work(name: str) -> Coroutine[None, None, None]:
        return queue.run_worker_async(
            queues=[name], concurrency=1, install_signal_handlers=False, delete_jobs="successful", task_middleware=[counted]
        )

    async with queue.open_async():
        workers = [asyncio.create_task(work(name)) for name in (BUILDS, EDITS, CHECKS, PROCESSES, OVERVIEWS)]
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait([told, *workers], return_when=asyncio.FIRST_COMPLETED)
        for task in (told, *workers):
            task.cancel()  # once only: a worker that is cancelled lets its job end, one that is cancelled twice drops it
        ended = await asyncio.gather(*workers, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


@contextmanager
def _warming(kept: KeptOnceIdle) -> Iterator[None]:
    """Load the compiled kernels once the server has come up, beside the block, so that the first edit is on screen as soon as the second.

    What fails after the block is not told: a process that ends starts no threads any more, and a compiler amid its work says so.
    """
    has_ended = threading.Event()

    def warm() -> None:
        try:
            from twin.server.warming import warm_kernels  # noqa: PLC0415 - the tile engine takes a second to load

            warm_kernels()
        except Exception:
            if not has_ended.is_set():
                raise
        else:
            kept.keep()

    timer = threading.Timer(_WARM_AFTER_S, warm)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        has_ended.set()
        timer.cancel()


def _defer_build(queue: procrastinate.App, name: str, slug: str, revision: int) -> None:
    """Queue a build, once in each queue: what waits for the build of a city may be an edit as soon as another revision is ready."""
    _defer(queue, _BUILD, name, f"{name}:{slug}:{revision}", dataset=slug, revision=revision)


def _defer(queue: procrastinate.App, task: str, name: str, lock: str, **arguments: str | int) -> None:
    try:
        queue.configure_task(task, queue=name, queueing_lock=lock).defer(**arguments)
    except AlreadyEnqueued:
        _LOG.debug("%s is queued already", lock)


def _conninfo(city: City) -> str:
    return make_conninfo(city.database_url, application_name="twin-jobs", options="-c search_path=jobs,public")
