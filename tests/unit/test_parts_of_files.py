"""Which part of a request a layer belongs to, and which file can be one at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.errors import BadRequestError
from twin.server.commands.load import existing
from twin.server.orders import PartOrder
from twin.server.publishing import part_of_source


def test_a_source_is_of_the_part_that_asked_for_its_file_and_layer() -> None:
    """A dataset fed by two layers had the units of the first remembered for both."""
    first = PartOrder(feature_type="pipe_node", dataset="nodes", file="a.xlsx", layer="雨水点", units={"井深": "cm"})
    second = PartOrder(feature_type="pipe_node", dataset="nodes", file="a.xlsx", layer="污水 点", units={"井深": "m"})
    whole = PartOrder(feature_type="pipe_node", dataset="nodes", file="b.csv", layer="b")
    other = PartOrder(feature_type="pipe_node", dataset="others")
    parts = [other, first, second, whole]
    for file, layer, part in (("a.xlsx", "雨水点", first), ("a.xlsx", "污水点", second), ("b.csv", "b", whole), ("c.csv", "c", None)):
        assert part_of_source(parts, {"dataset": "nodes", "file": file, "layer": layer}) is part
    rest = PartOrder(feature_type="pipe_node", dataset="nodes")
    assert part_of_source([rest, *parts], {"dataset": "nodes", "file": "a.xlsx", "layer": "雨水点"}) is first
    assert part_of_source([rest, *parts], {"dataset": "nodes", "file": "c.csv", "layer": "c"}) is rest


def test_a_geodatabase_as_it_lies_is_told_to_come_as_a_zip(tmp_path: Path) -> None:
    for name, code in (("管线.gdb", "geodatabase-folder"), ("City.GDB", "geodatabase-folder"), ("folder", "no-such-file")):
        (tmp_path / name).mkdir()
        with pytest.raises(BadRequestError) as refused:
            existing(tmp_path / name)
        assert refused.value.code == code
        assert code != "geodatabase-folder" or ("ZIP" in refused.value.text.zh and "ZIP" in refused.value.text.en)
