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

from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".cache" / "ogctests-venv" / "bin" / "python"
_BROKEN = {
    "test_ast10": "spells CRS84h otherwise than its own text and OGC do",
    "test_ct3": "hands httpx a list where one address belongs",
    "test_ct5": "takes 'valid-value' and '[invalid-value]', left to be filled in, for values of any queryable",
    "test_ct7": "sends filter-lang as the text of a Python dict",
    "test_ct8": "takes the name of a queryable for a dict with its key and value",
    "test_ct9": "needs what test_ct3 would have stored",
    "test_ct10": "formats a text with braces of its own",
}
"""Tests that fail in their own code, whatever a server answers; tests of ours ask what they mean to ask."""
_MENDED = '''
import re
from httpx._config import DEFAULT_TIMEOUT_CONFIG
import ogctests.features.filtering.test_queryables as queryables

def links(header):
    """Link headers as RFC 8288 writes them: theirs leaves the quotes on, and looks for the address in a parameter href."""
    found = re.findall(r'<([^>]*)>((?:; [a-z]+="[^"]*")*)', header or "")
    return [{"href": href, **dict(re.findall(r'([a-z]+)="([^"]*)"', rest))} for href, rest in found]

queryables.parse_link_header = links
DEFAULT_TIMEOUT_CONFIG.read = 60  # a busy machine is slow, not wrong
'''


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
    (folder / "mended_links.py").write_text(_MENDED, "utf-8")
    (folder / "own.ini").write_text("[pytest]\n", "utf-8")  # not this project's, above its folder
    flags = ["-q", "-p", "mended_links", "-c", "own.ini", "--junitxml", "out.xml"]
    script = f"from ogctests.main import run_ogctests; run_ogctests('features/{part}', {base!r}, {flags})"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([PYTHON, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (folder / "out.xml").exists(), done.stdout + done.stderr
    found = {}
    for case in ET.parse(folder / "out.xml").iter("testcase"):
        trouble = [*case.iter("failure"), *case.iter("error")]
        found[case.attrib["name"]] = trouble[0].attrib["message"] if trouble else ""
    return found


def test_its_core_part_is_green_but_for_what_fails_by_itself(base: str, tmp_path: Path) -> None:
    found = _outcomes(base, "core", tmp_path)
    assert len(found) >= 26
    assert {name: message for name, message in found.items() if message and name not in _BROKEN} == {}


def test_its_filtering_part_is_green_but_for_what_fails_by_itself(base: str, tmp_path: Path) -> None:
    found = _outcomes(base, "filtering", tmp_path)
    assert len(found) == 10
    assert {name: message for name, message in found.items() if message and name not in _BROKEN} == {}
