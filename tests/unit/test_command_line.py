"""The program as a shell sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from twin.server.cli import READER_GONE, main


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    command = [sys.executable, "-m", "twin.server.cli", "rules"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == READER_GONE


@pytest.mark.parametrize(("option", "given", "least"), [("--scale", "300", "500"), ("--seed", "-1", "0")])
def test_a_sample_city_that_cannot_be_made_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, given: str, least: str
) -> None:
    folder = tmp_path / "city"
    assert main(["sample-city", str(folder), option, given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in (option, given, least))
    assert not folder.exists()
