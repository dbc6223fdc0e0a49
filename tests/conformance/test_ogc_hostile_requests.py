"""schemathesis asks what the definition allows and what it forbids: no 5xx, no status, media type, header or body that is not defined.

It asks the whole application, with a token that may write, mostly for features and jobs that are there. That everything of the right
JSON type is accepted is not expected where no schema can say what is right (a CQL2 text is a string); every other check is on everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import ogc_server
import pytest
import query_city

from tests.asked_by_schemathesis import settings
from tests.whole_city import whole_city
from twin.embedded import EmbeddedCluster
from twin.server.app import create_app
from twin.tokens import Tokens

pytestmark = pytest.mark.slow
PROGRAM = Path(sys.executable).with_name("schemathesis")
SUBJECTS = {
    "items": r"^/collections/houses/items$",
    "item": r"^/collections/houses/items/\{item\}",
    "search": r"^/(search|queryables|transactions)$",
    "findings": r"^/collections/findings",
    "images": r"^/collections/imagery(/(?!map|styles).*)?$",
    "tiles": r"^/collections/houses/tiles",
    "tiles of all": r"^/(tiles|tileMatrixSets)",
    "pictures": r"^/(wmts|collections/imagery/map)",
    "styles": r"^(/collections/\w+)?/styles",
    "records": r"^/(collections/catalogue|dcat)",
    "stac": r"^/stac",
    "processes": r"^/(processes|jobs)",
    "wfs": r"^/wfs",
    "arcgis": r"^/arcgis",
}
"""Paths by subject: each a test of its own, so that no part of the slow sets gets all of them; what is in none is the last test's."""


class Door:
    """Where the definition is, and the token to ask with."""

    def __init__(self, base: str, token: str) -> None:
        self._base = base
        self._token = token

    def ask(self, folder: Path, *options: str) -> None:
        """Ask 500 times for each operation chosen by ``options``, and at each edge of its definition."""
        authorization = f"Bearer {self._token}"
        # read here, since its own time for that is ten seconds: a busy machine is slow, not wrong
        with httpx.Client(base_url=f"{self._base}/", headers={"Authorization": authorization}, timeout=300) as client:
            definition = client.get("openapi").raise_for_status()
            (folder / "openapi.json").write_bytes(definition.content)
            (folder / "schemathesis.toml").write_text(settings(client, definition.json()), "utf-8")
        command = [
            PROGRAM, "run", "openapi.json", "--url", self._base, "--request-timeout", "300", "-n", "500", "--phases", "coverage,fuzzing",
            "--suppress-health-check", "all", "--continue-on-failure", "--no-color", "-H", f"Authorization: {authorization}", *options,
        ]  # fmt: skip
        # it leaves its database of examples where it stands; its seed is its own, so that each run asks something else
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        (folder / "said.txt").write_text(done.stdout, "utf-8")  # how many requests it were, for whoever runs this by hand
        said = done.stdout[done.stdout.find("FAILURES") :] if "FAILURES" in done.stdout else done.stdout
        assert done.returncode == 0, said[:20_000]


@pytest.fixture(scope="module")
def door(cluster: EmbeddedCluster, template: str, tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[Door]:
    if not PROGRAM.is_file():
        pytest.skip("schemathesis is not installed: make setup-test")
    files, folder = tmp_path_factory.mktemp("files"), run_folder / f"hostile-{os.getpid()}"
    folder.mkdir(mode=0o711)
    with (
        query_city.clone_of(template, cluster.dsn) as url,
        whole_city(url, files, folder) as city,
        ogc_server.running(create_app(city)) as address,
    ):
        yield Door(f"{address}/ogc", Tokens(city.pool).make("测绘院"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_five_hundred_requests_to_every_operation(door: Door, tmp_path: Path, subject: str) -> None:
    door.ask(tmp_path, "--include-path-regex", SUBJECTS[subject])


def test_five_hundred_requests_to_what_is_of_no_subject(door: Door, tmp_path: Path) -> None:
    door.ask(tmp_path, "--exclude-path-regex", "|".join(SUBJECTS.values()))
