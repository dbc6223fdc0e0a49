"""Fixtures of the tests that publish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.surveys import Surveys
from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.model import Deployment, new_oid_root
from twin.store import FolderStore


@pytest.fixture
def surveys(database_url: str, tmp_path: Path) -> Iterator[Surveys]:
    """A city without terrain to load surveys into."""
    with open_pool(database_url) as pool:
        catalogue = Catalogue(pool)
        catalogue.make_deployment(Deployment("测试", 4549, "none", None, None, new_oid_root(), "noop", None, "test"))
        yield Surveys(catalogue, FolderStore(tmp_path / "store"), tmp_path)
