"""`ogctests`, the tests of OGC API - Features that others wrote, against our door; they live in an environment of their own."""

from __future__ import annotations

import os
import subprocess
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import ogc_server
import pytest
import query_city as city

from tests.mended_ogctests import mended_copy
from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".cache" / "ogctests-venv" / "bin" / "python"


@pytest.fixture(scope="module")
def base(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    made = subprocess.run(
        [REPOSITORY / "docker/setup/ogctests_environment.sh"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"the environment of ogctests cannot be made here: {made.stderr.strip()[-200:]}")
    with city.clone_of(template, cluster.dsn) as url:
        catalogue = city.small_city(url)
        _put_finding(catalogue)
        with ogc_server.served(catalogue, url) as address:
            yield address
        catalogue.pool.close()


def _put_finding(catalogue: Catalogue) -> None:
    """Put in a finding: the suite takes a collection without items for a fault."""
    number = uuid.uuid4()
    with catalogue.pool.connection() as connection:
        connection.execute(
            "INSERT INTO catalog.submission (id, state, actor, files, options) VALUES (%s, 'checked', 'test', '[]', '{}')", (number,)
        )
        connection.execute(
            "INSERT INTO catalog.finding (submission, rule, severity, message_zh, message_en, x, y)"
            " VALUES (%s, 'required', 'error', '缺少', 'missing', %s, %s)",
            (number, city.EAST, city.NORTH),
        )


def _outcomes(base: str, part: str, folder: Path) -> dict[str, str]:
    """Run a part of the suite; return the message of each test, empty where it passed."""
    (installed,) = PYTHON.parents[1].glob("lib/python*/site-packages/ogctests")
    mended_copy(installed, folder)
    (folder / "own.ini").write_text("[pytest]\n", "utf-8")  # not this project's, above its folder
    flags = ["-q", "-c", "own.ini", "--junitxml", "out.xml"]
    script = f"from ogctests.main import run_ogctests; run_ogctests('features/{part}', {base!r}, {flags})"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([PYTHON, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (folder / "out.xml").exists(), done.stdout + done.stderr
    found = {}
    for case in ET.parse(folder / "out.xml").iter("testcase"):
        trouble = [*case.iter("failure"), *case.iter("error")]
        found[case.attrib["name"]] = trouble[0].attrib["message"] if trouble else ""
    return found


@pytest.mark.parametrize(("part", "tests"), [("core", 26), ("filtering", 10)])
def test_it_is_green(base: str, tmp_path: Path, part: str, tests: int) -> None:
    """Both parts that there are; its schemas are what the core part holds answers to."""
    found = _outcomes(base, part, tmp_path)
    assert len(found) >= tests
    assert {name: message for name, message in found.items() if message} == {}
