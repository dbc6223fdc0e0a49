"""`twin types` says what FeatureTypes there are, and what is wrong in a file of one's own, without any database."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.server.cli import main

TYPE = """
name: bench
version: 3
title: {zh: 座椅, en: Bench}
description: {zh: 街道座椅, en: Bench in a street}
cim: {class: 城市部件, level: CIM3, verified: false}
geometry: {type: Point}
fields:
  - {name: bench_id, type: string, title: {zh: 座椅编号, en: Bench id}}
recipe: {form: none}
style: {default_color: "#808080"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "featuretypes").mkdir()
    (tmp_path / "featuretypes/bench.yaml").write_text(TYPE, "utf-8")
    return tmp_path


def test_ones_own_type_is_listed_among_the_packaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", "--data-dir", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["bench", "Point", "CIM3"] and "座椅 · Bench" in line for line in lines)
    assert any(line.startswith("building ") for line in lines)


def test_one_type_is_said_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", "bench", "--data-dir", str(folder)]) == 0
    assert "| `bench_id` | 座椅编号 · Bench id | 文本 · text |" in capsys.readouterr().out
    assert main(["types", "sofa", "--data-dir", str(folder)]) == 2
    assert "'sofa'" in capsys.readouterr().err


def test_what_is_wrong_in_a_file_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "featuretypes/bench.yaml").write_text(TYPE.replace("type: string", "type: text"), "utf-8")
    assert main(["types", "--data-dir", str(folder)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "bench.yaml" in line
    assert "fields[0].type: 'text' is not one of" in line


def test_pages_of_ones_own_types_are_written_beside_the_packaged(folder: Path) -> None:
    pages = folder / "pages"
    assert main(["types", "--pages", str(pages), "--data-dir", str(folder)]) == 0
    assert "[座椅](bench.md)" in (pages / "README.md").read_text("utf-8")
    assert (pages / "bench.md").read_text("utf-8").startswith("# 座椅 · Bench\n")
    assert (pages / "codes/land_use.svg").is_file()
