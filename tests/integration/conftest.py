"""Fixtures of the tests that publish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import query_city
from tests.integration.surveys import Surveys
from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.embedded import EmbeddedCluster
from twin.model import Deployment, new_oid_root
from twin.store import FolderStore


@pytest.fixture
def surveys(database_url: str, tmp_path: Path) -> Iterator[Surveys]:
    """A city without terrain to load surveys into."""
    with open_pool(database_url) as pool:
        catalogue = Catalogue(pool)
        catalogue.make_deployment(Deployment("测试", 4549, "none", None, None, new_oid_root(), "noop", None, "test"))
        yield Surveys(catalogue, FolderStore(tmp_path / "store"), tmp_path)


@pytest.fixture(scope="module")
def catalogue(cluster: EmbeddedCluster, template: str) -> Iterator[Catalogue]:
    """A small city of every kind of collection, which tests only read."""
    with query_city.clone_of(template, cluster.dsn) as url:
        made = query_city.small_city(url)
        yield made
        made.pool.close()
