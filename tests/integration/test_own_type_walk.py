"""docs/own-type.md, followed to the letter: its files are written, its commands run in a shell, its lines looked for in what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import served_city

PAGE = (Path(__file__).parents[2] / "docs/own-type.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^(?:#|//) (\S+)\n")


class Shell:
    """One terminal: its folder, its environment, and what runs in its background."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.background: list[subprocess.Popen[bytes]] = []

    def run(self, command: str) -> str:
        if command.startswith("export "):
            words = subprocess.run(
                ["bash", "-c", f"{command}; env -0"], cwd=self.folder, env=self.environment, capture_output=True, check=True
            ).stdout
            self.environment = dict(word.split("=", 1) for word in words.decode().split("\0") if "=" in word)
            return ""
        if command.endswith("&"):
            words = ["bash", "-c", f"exec {command.removesuffix('&')}"]
            self.background.append(subprocess.Popen(words, cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL))
            return ""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def port() -> int:
    return served_city.free_port()


@pytest.fixture
def shell(new_database: Callable[[], str], open_folder: Path, port: int) -> Iterator[Shell]:
    """A terminal in an empty folder, with `twin` on its path and a database of its own."""
    (open_folder / "bin").mkdir()
    (open_folder / "bin/twin").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m twin.server.cli "$@"\n')
    (open_folder / "bin/twin").chmod(0o755)
    environment = served_city.environment() | {
        "TWIN_DATABASE_URL": new_database(),
        "TWIN_PORT": str(port),
        "PATH": f"{open_folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    made = Shell(open_folder, environment)
    yield made
    for process in made.background:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.slow
def test_the_walk_leads_where_the_page_says(shell: Shell, port: int) -> None:
    commands = 0
    for language, text in BLOCK.findall(PAGE.replace("127.0.0.1:8000", f"127.0.0.1:{port}")):
        if language == "console":
            for command, expected in _commands(text):
                commands += 1
                said = shell.run(command)
                assert [line for line in expected if line not in said] == [], f"{command}\n{said}"
                if shell.background:
                    _wait_until_served(port)
        else:
            path = shell.folder / NAME.match(text)[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if language == "yaml" else NAME.sub("", text), "utf-8")
    assert commands == len(re.findall(r"^\$ ", PAGE, re.MULTILINE)) > 12


def _commands(text: str) -> list[tuple[str, list[str]]]:
    return [(part.splitlines()[0], part.splitlines()[1:]) for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]


def _wait_until_served(port: int) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server was not ready in time")
