"""The bound of serving: pgbench with the frozen SQL of bench/bounds, no web server at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from twin.db import SEARCH_PATH
from twin.embedded.binaries import find_binaries
from twin.query.execute import DOOR_SETTINGS

_OPTIONS = " ".join([f"-c search_path={SEARCH_PATH.replace(' ', '')}", *(f"-c {name}={value}" for name, value in DOOR_SETTINGS.items())])
"""Planned as our door has it planned, which is faster than PostgreSQL's defaults are."""
BOUNDS = Path(__file__).parent / "bounds"
_PROCESSED = re.compile(r"number of transactions actually processed: (\d+)")


def pgbench_program() -> str:
    """Return where pgbench is; RuntimeError where it is not installed."""
    beside = find_binaries().folder / "pgbench"
    program = str(beside) if beside.exists() else shutil.which("pgbench")
    if program is None:
        raise RuntimeError("pgbench is not installed")
    return program


def run_pgbench(dsn: str, script: str, variables: Mapping[str, object], transactions: int, scratch: Path, clients: int) -> None:
    """Run a script of ``bounds`` over some connections, ``transactions`` on each; RuntimeError unless all succeed.

    ``:name`` in the script is replaced before, since a prepared statement cannot take the name of a table as a value.
    """
    text = (BOUNDS / script).read_text(encoding="utf-8")
    for name, value in variables.items():
        text = re.sub(rf"(?<!:):{name}\b", str(value), text)
    filled = scratch / script
    filled.write_text(text, encoding="utf-8")
    where = conninfo_to_dict(dsn)
    command = [pgbench_program(), "-h", str(where["host"]), "-p", str(where["port"]), "-U", str(where["user"]), "-n", "-M", "prepared"]
    command += ["-c", str(clients), "-t", str(transactions), "-f", str(filled), str(where["dbname"])]
    done = subprocess.run(command, env={**os.environ, "PGOPTIONS": _OPTIONS}, capture_output=True, text=True, check=False)
    processed = _PROCESSED.search(done.stdout)
    if done.returncode or processed is None or int(processed[1]) != transactions * clients:
        raise RuntimeError((done.stderr or done.stdout)[-500:])
