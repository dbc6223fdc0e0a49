"""Which part of a request a layer belongs to, and which file can be one at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from ingest.looked_into import KnownLayer, with_doubts
from ingest.part_reading import PartReading
from ingest.request import PartSpec
from ingest.understanding.evidence import Aspect, Evidence
from ingest.understanding.layer import Understanding
from twin.errors import BadRequestError, Text
from twin.server.commands.load import existing
from twin.server.orders import PartOrder
from twin.server.publishing import part_of_source


def asked(dataset: str, file: str | None = None, layer: str | None = None, **units: Literal["m", "cm"]) -> PartOrder:
    return PartOrder(feature_type="pipe_node", dataset=dataset, file=file, layer=layer, mapping={}, units={**units})


def told(aspect: Aspect, value: str, stated: str, subject: str | None = None) -> Evidence:
    return Evidence(aspect, value, 0.95, Text("与数值不符", "the values gainsay it"), subject, stated)


DOUBTFUL = Understanding(
    crs=Evidence("crs", "X-GCJ02", 0.95, Text("偏移", "shifted"), stated="EPSG:4490", code="crs-obfuscated"),
    axes=told("axes", "yx", "xy"),
    encoding=told("encoding", "gb18030", "utf-8"),
    vertical=Evidence("vertical", "ellipsoidal", 0.9, Text("椭球高", "ellipsoidal")),
    units=(told("unit", "cm", "m", "井深"),),
)
OF_THE_LAYER = {"crs-obfuscated", "axes-doubtful", "encoding-doubtful"}
OF_ITS_TYPE = OF_THE_LAYER | {"vertical-doubtful", "unit-doubtful"}


def test_doubts_about_a_layer_stay_whatever_type_and_layer_are_chosen() -> None:
    """Only those about units and heights hang on the type: its columns feed other fields."""
    nodes, pipes = (KnownLayer("a.xlsx", name, kind, DOUBTFUL) for name, kind in (("点", "pipe_node"), ("线", "pipe_segment")))

    def rules(layer: str | None, feature_type: str, layers: list[KnownLayer], **declared: Any) -> set[str]:
        part = PartSpec(layer, feature_type, "d", "a.xlsx", PartReading(**declared))
        return {f.rule for f in with_doubts(part, layers, None, None).reading.doubts}

    for layer in ("点", "a", None):
        assert rules(layer, "pipe_node", [nodes]) == OF_ITS_TYPE
        assert rules(layer, "poi", [nodes]) == OF_THE_LAYER
    assert rules(None, "pipe_segment", [nodes, pipes]) == OF_ITS_TYPE, "not the first layer, but the one of the type"
    assert rules(None, "poi", [nodes, pipes]) == set(), "nobody can tell which of them is meant"
    assert rules("线", "poi", [nodes, pipes], crs="X-GCJ02", axes="yx") == {"encoding-doubtful"}
    [finding] = with_doubts(
        PartSpec("线", "poi", "d", reading=PartReading(encoding="gb18030", axes="yx")), [nodes, pipes], None, None
    ).reading.doubts
    assert (finding.layer, finding.proposal) == ("线", "X-GCJ02")


def test_a_source_is_of_the_part_that_asked_for_its_file_and_layer() -> None:
    """A dataset fed by two layers had the units of the first remembered for both."""
    first = asked("nodes", "a.xlsx", "雨水点", 井深="cm")
    second = asked("nodes", "a.xlsx", "污水 点", 井深="m")
    whole = asked("nodes", "b.csv", "b")
    other = asked("others")
    parts = [other, first, second, whole]
    for file, layer, part in (("a.xlsx", "雨水点", first), ("a.xlsx", "污水点", second), ("b.csv", "b", whole), ("c.csv", "c", None)):
        assert part_of_source(parts, {"dataset": "nodes", "file": file, "layer": layer}) is part
    rest = asked("nodes")
    assert part_of_source([rest, *parts], {"dataset": "nodes", "file": "a.xlsx", "layer": "雨水点"}) is first
    assert part_of_source([rest, *parts], {"dataset": "nodes", "file": "c.csv", "layer": "c"}) is rest


def test_a_geodatabase_as_it_lies_is_told_to_come_as_a_zip(tmp_path: Path) -> None:
    for name, code in (("管线.gdb", "geodatabase-folder"), ("City.GDB", "geodatabase-folder"), ("folder", "no-such-file")):
        (tmp_path / name).mkdir()
        with pytest.raises(BadRequestError) as refused:
            existing(tmp_path / name)
        assert refused.value.code == code
        assert code != "geodatabase-folder" or ("ZIP" in refused.value.text.zh and "ZIP" in refused.value.text.en)
