"""Who builds a tileset: threads of this process where it is done in a moment, else a process a core."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager

from tiles.worker_processes import ProcessWorkers
from tiles.workers import ThreadWorkers, Workers
from twin.crs import add_grid_directories
from twin.errors import UnavailableError
from twin.server.city import City

MANY = 50_000
"""Features that take longer to draw than processes take to come up."""
_MOST = 8
"""Processes: each needs about 150 MB, and PostgreSQL gives rows for no more."""


def tile_workers(city: City, features: int) -> AbstractContextManager[Workers]:
    """Return those who build a tileset of so many ``features``, as a context: many features a cluster, if there is one."""
    count = min(len(os.sched_getaffinity(0)), _MOST)
    ready = functools.partial(add_grid_directories, city.settings.proj_data_dirs)
    if city.settings.scheduler is not None and features >= MANY:
        return _cluster(city.settings.scheduler, ready)
    if count == 1 or features < MANY:
        return ThreadWorkers(count)
    return ProcessWorkers(count, ready, city.tile_template)


def _cluster(scheduler: str, ready: Callable[[], object]) -> AbstractContextManager[Workers]:
    """Return the workers of a Dask cluster; UnavailableError where the extra ``cluster`` is not installed."""
    try:
        from tiles.cluster import ClusterWorkers  # noqa: PLC0415 - distributed comes with an extra
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "a Dask cluster needs more packages: pip install 'citytwin[cluster]'",
            zh="使用 Dask 集群需要另外的软件包：pip install 'citytwin[cluster]'",
        ).with_code("extra-missing") from error
    return ClusterWorkers(scheduler, ready)
