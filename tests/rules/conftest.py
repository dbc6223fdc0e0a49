"""One city for all questions of this folder, made when the first of them needs it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import psycopg
import pytest
from integration.surveys import Surveys
from psycopg import sql
from rules.staged import City

from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.embedded import EmbeddedCluster
from twin.model import Deployment, new_oid_root
from twin.store import FolderStore


@pytest.fixture(scope="module")
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], City]]:
    """A function that returns the city."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("city")

        @cache
        def make() -> City:
            url = _database(request.getfixturevalue("cluster"), request.getfixturevalue("template"), stack)
            catalogue = Catalogue(stack.enter_context(open_pool(url)))
            catalogue.make_deployment(Deployment("测试", 4549, "none", None, None, new_oid_root(), "noop", None, "test"))
            return City(Surveys(catalogue, FolderStore(folder / "store"), Path(folder)))

        yield make


def _database(cluster: EmbeddedCluster, template: str, stack: ExitStack) -> str:
    admin, name = cluster.dsn("postgres"), f"t_{uuid.uuid4().hex}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    stack.callback(_drop, admin, name)
    return cluster.dsn(name)


def _drop(admin: str, name: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
