"""The small city of the query core's tests behind the OGC door: one database a file, since some files publish into theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import ogc_server
import pytest
import query_city

from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with query_city.clone_of(template, cluster.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def catalogue(database: str) -> Iterator[Catalogue]:
    made = query_city.small_city(database)
    yield made
    made.pool.close()


@pytest.fixture(scope="module")
def base(catalogue: Catalogue, database: str) -> Iterator[str]:
    """The address of the door's landing page."""
    with ogc_server.served(catalogue, database) as address:
        yield address


@pytest.fixture(scope="module")
def get(base: str) -> Callable[..., httpx.Response]:
    """Ask for a path below the landing page, or for a whole address."""
    return lambda path="", **kwargs: ogc_server.client().get(path if path.startswith("http") else f"{base}{path}", **kwargs)
