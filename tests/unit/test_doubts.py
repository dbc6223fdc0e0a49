"""What `twin load` asks before it loads: every doubt, with the option that answers it, and nothing that is answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ingest.looked_into import KnownLayer
from ingest.part_reading import PartReading
from ingest.request import LoadRequest, PartSpec
from ingest.understanding.evidence import Evidence
from ingest.understanding.layer import Understanding
from twin.errors import RejectedError, Text
from twin.server.commands.doubts import require_answers
from twin.server.terminal import Terminal

WHY = Text("理由", "why")
STATED = Evidence("crs", "EPSG:4549", 0.95, WHY, stated="EPSG:4549")
DOUBTFUL = Understanding(
    crs=Evidence("crs", "EPSG:4548", 0.9, WHY, stated="EPSG:4549"),
    axes=Evidence("axes", "yx", 0.97, WHY, stated="xy"),
    encoding=Evidence("encoding", "gb18030", 0.9, WHY, stated="utf-8"),
    vertical=Evidence("height-offset", "-0.85", 0.5, WHY),
    units=(Evidence("unit", "cm", 0.7, WHY, "井深", "m"),),
)
ANSWERS = PartSpec(
    None,
    "pipe_node",
    "nodes",
    reading=PartReading(axes="xy", encoding="utf-8", height_offset_m=-0.85, units=(("井深", "cm"),), crs="EPSG:4548"),
)


class Person(Terminal):
    """A terminal at which somebody sits who always says the same."""

    def __init__(self, *, says_yes: bool) -> None:
        environment: Mapping[str, str] = {}
        super().__init__(json_output=False, environment=environment)
        self._says_yes = says_yes

    def confirm(self, zh: str, en: str) -> bool:
        assert zh
        assert en
        return self._says_yes


def ask(known: Understanding, part: PartSpec, *, says_yes: bool = False) -> None:
    layers = [KnownLayer("管点.csv", "管点", "pipe_node", known)]
    require_answers(LoadRequest((Path("管点.csv"),), (part,)), layers, Person(says_yes=says_yes))


def test_every_doubt_is_told_with_the_option_that_answers_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RejectedError) as caught:
        ask(DOUBTFUL, PartSpec(None, "pipe_node", "nodes"))
    assert caught.value.code == "doubts-unanswered"
    told = capsys.readouterr().err
    for option in ("--crs EPSG:4548", "--axes yx", "--encoding gb18030", "--height-offset -0.85", "--unit 井深=cm"):
        assert f"→ {option}" in told


def test_what_is_answered_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    ask(DOUBTFUL, ANSWERS)
    ask(Understanding(crs=STATED), PartSpec(None, "pipe_node", "nodes"))
    assert capsys.readouterr().err == ""


def test_whoever_is_asked_may_let_the_doubts_be() -> None:
    ask(DOUBTFUL, PartSpec(None, "pipe_node", "nodes"), says_yes=True)


def test_a_crs_that_nobody_declares_is_told_and_left_to_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    ask(Understanding(crs=Evidence("crs", "EPSG:4549", 0.8, WHY)), PartSpec(None, "pipe_node", "nodes"))
    assert "→ --crs EPSG:4549" in capsys.readouterr().err


def test_where_nobody_sits_nobody_is_asked() -> None:
    assert not Terminal(json_output=False, environment={}).confirm("是否", "whether")
