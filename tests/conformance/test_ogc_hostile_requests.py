"""schemathesis asks what the definition allows and what it forbids: no 5xx, no status, media type, header or body that is not defined.

Left out is the one check that no definition can pass: that everything of the right JSON type is accepted (a CQL2 text is a string).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ogc_server
import pytest
import query_city as city

from twin.embedded import EmbeddedCluster

PROGRAM = Path(sys.executable).with_name("schemathesis")
OTHERS = r"collections/(?:pipes|plots|secret)\b"
"""Collections whose operations are those of ``buildings``."""


@pytest.fixture(scope="module")
def base(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        catalogue = city.small_city(url)
        with ogc_server.served(catalogue, url) as address:
            yield address
        catalogue.pool.close()


def _run(base: str, folder: Path, *options: str) -> None:
    if not PROGRAM.is_file():
        pytest.skip("schemathesis is not installed: make setup-test")
    command = [
        PROGRAM, "run", f"{base}/openapi", "--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all",
        "--continue-on-failure", "--no-color", "--exclude-path-regex", OTHERS, *options,
    ]  # fmt: skip
    # it leaves its database of examples where it stands; its seed is its own, so that each run asks something else
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    said = done.stdout[done.stdout.find("FAILURES") :] if "FAILURES" in done.stdout else done.stdout
    assert done.returncode == 0, said[:20_000]


@pytest.mark.slow
def test_a_few_requests_to_the_busiest_operations(base: str, tmp_path: Path) -> None:
    paths = r"^/(collections/buildings/items(/\{item\})?|search)$"
    _run(base, tmp_path, "-n", "5", "--phases", "fuzzing", "--include-path-regex", paths)


@pytest.mark.slow
def test_five_hundred_requests_to_every_operation(base: str, tmp_path: Path) -> None:
    _run(base, tmp_path, "-n", "500", "--phases", "coverage,fuzzing")
