"""The bound of serving: pgbench with the frozen SQL of bench/bounds, no web server at all."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from twin.db import SEARCH_PATH

_OPTIONS = f"-c search_path={SEARCH_PATH.replace(' ', '')}"
BOUNDS = Path(__file__).parent / "bounds"
_PROCESSED = re.compile(r"number of transactions actually processed: (\d+)")


def run_pgbench(program: str, dsn: str, script: str, variables: Mapping[str, str], transactions: int, scratch: Path) -> None:
    """Run a script of ``bounds``, prepared once, over one connection; RuntimeError unless all its transactions succeed.

    ``:name`` in the script is replaced before, since a prepared statement cannot take the name of a table as a value.
    """
    text = (BOUNDS / script).read_text(encoding="utf-8")
    for name, value in variables.items():
        text = text.replace(f":{name}", value)
    filled = scratch / script
    filled.write_text(text, encoding="utf-8")
    where = conninfo_to_dict(dsn)
    command = [program, "-h", str(where["host"]), "-p", str(where["port"]), "-U", str(where["user"]), "-n", "-M", "prepared"]
    command += ["-t", str(transactions), "-f", str(filled), str(where["dbname"])]
    done = subprocess.run(command, env={**os.environ, "PGOPTIONS": _OPTIONS}, capture_output=True, text=True, check=False)
    processed = _PROCESSED.search(done.stdout)
    if done.returncode or processed is None or int(processed[1]) != transactions:
        raise RuntimeError((done.stderr or done.stdout)[-500:])
