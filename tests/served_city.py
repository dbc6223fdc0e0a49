"""A city run as its users run it: the command line in processes of its own, the server asked over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

COMMAND = (sys.executable, "-m", "twin.server.cli")
START_S = 120.0


@dataclass(frozen=True)
class City:
    """A data folder and the commands that work on it."""

    data_dir: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment, for every command."""

    def run(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run a command, demand its exit code and return the last line of its ``--json`` output."""
        done = self.process(*arguments, "--json")
        assert done.returncode == code, f"exit {done.returncode}, not {code}: {done.stderr}"
        assert "Traceback" not in done.stderr
        lines = done.stdout.strip().splitlines()
        return json.loads(lines[-1]) if lines else {}

    def process(self, *arguments: object, within_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it said; subprocess.TimeoutExpired when it hangs."""
        words = [*COMMAND, *map(str, arguments), "--data-dir", str(self.data_dir)]
        return subprocess.run(words, capture_output=True, text=True, timeout=within_s, check=False, env=self.environment())

    @contextlib.contextmanager
    def served(self, command: tuple[str, ...] = ("serve",), **variables: str) -> Iterator[httpx.Client]:
        """Serve the city for the block, with more environment variables; ends it with SIGINT, as Ctrl-C does, and demands a clean end."""
        port = free_port()
        words = [*COMMAND, *command, "--data-dir", str(self.data_dir), "--port", str(port)]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment() | variables)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                wait_ready(client, server)
                yield client
        finally:
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=60)
        assert "Traceback" not in said, said

    def environment(self) -> dict[str, str]:
        """Return the environment of the city's commands."""
        return environment() | dict(self.variables)


def make(folder: Path, *, srid: int = 4549, vertical: str = "egm96", name: str = "测试", of: type[City] = City, **variables: str) -> City:
    """Make the deployment of a city in ``folder``, whose commands run with more environment variables."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    file = folder / "given.yaml"
    lines = (f"name: {name}", f"storage_crs: EPSG:{srid}", f"vertical: {vertical}", "extent: null", "admin_prefix: null")
    file.write_text("\n".join(lines), encoding="utf-8")
    city = of(folder / "data", variables)
    city.run("init", "--city", file)
    return city


def wait_ready(client: httpx.Client, server: subprocess.Popen[str]) -> None:
    """Return once the server is ready; fails with its last words when it ends or takes too long."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise AssertionError(f"the server ended: {server.communicate()[1]}")
        with contextlib.suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the server was not ready in time")


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """Return the environment of commands under test: ours without what would change them."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TWIN_")}
    return kept | {"LANG": "C.UTF-8", "TWIN_LANG": "en"}
